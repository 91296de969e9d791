"""The statements that really run, with the plans of SQLite; how many a page needs, how long.

A plan does not say how much is read: `SEARCH … (position>?)` may be every row, and without
statistics SQLite takes any value for a rare one. So the instructions of SQLite's virtual machine
are counted beside a long history: they are the same on any machine.
"""

import re
import sqlite3
from collections import Counter
from contextlib import ExitStack, closing
from functools import cache
from itertools import count

import pytest

from merlin.db import connections
from merlin.db.tables import list_all_tables

# These do not grow with use: one row a dataset, a course, a process or a chat model; the staff's
# roles; people who were blocked when they left; what was withdrawn; settings; days that are kept.
SHORT = {
    *(
        "change_counter",
        "migration",
        "dataset_tree",
        "serving",
        "heartbeat",
        "model_window",
        "setting",
    ),
    *("course", "role_grant", "blocked_pseudonym", "revoked_example", "accepted_loss"),
    "judgement",
    *("answer_cost", "revoked_version"),
}
# One row a training. Only what runs once an hour reads them whole: 10,000 take 30 ms.
TRAININGS = {"build", "job", "model", "promotion"}
GROWING = {table.__name__ for table in list_all_tables()} - SHORT
_ALIASED = re.compile(r'"?(\w+)"? AS "?(\w+)"?')
# An index that SQLite makes for one statement is of all rows.
_SCANNED = re.compile(
    r"^SCAN (\w+)(?: USING (?:COVERING )?INDEX (\w+))?$|^SEARCH (\w+) USING AUTOMATIC"
)


_LOOKS = ("SELECT", "WITH", "UPDATE", "INSERT", "DELETE")
# One step of a statement; of 2,000 rows of history, to read each takes 60 steps at least.
INSTRUCTIONS = 100
MOST_STEPS = 40
# Every process looks for changes and payments, and tells that it lives.
_BESIDE = ("change_counter", '"heartbeat"', "next_poll_at")


class RecordedQueries:
    """Every statement of SQLite's connections in this process, with its values."""

    def __init__(self, monkeypatch):
        self.statements = []
        self._files = {}
        self._lengths = Counter()
        execute = connections.Sqlite.execute_sql

        def execute_sql(handle, sql, params=None, *rest):
            named = params.items() if isinstance(params, dict) else params or ()
            self.statements.append((sql, tuple(named)))
            self._files[sql] = handle.database
            ran = count()
            lengths = self._lengths

            def measure():
                lengths[sql] = max(lengths[sql], next(ran))

            handle.connection().set_progress_handler(measure, INSTRUCTIONS)
            return execute(handle, sql, params, *rest)

        monkeypatch.setattr(connections.Sqlite, "execute_sql", execute_sql)

    def record(self, act):
        """Return the statements that an act runs, in order, but not what runs beside it."""
        before = len(self.statements)
        act()
        ran = (
            sql
            for sql, _ in self.statements[before:]
            if sql.lstrip().startswith(_LOOKS)
        )
        return [sql for sql in ran if not any(each in sql for each in _BESIDE)]

    def forget(self):
        """Forget what ran so far."""
        self.statements.clear()
        self._lengths = Counter()

    def find_long(self):
        """Return the statements that took more than MOST_STEPS, with their number of steps."""
        return {
            sql: steps for sql, steps in self._lengths.items() if steps > MOST_STEPS
        }

    def find_scans(self, growing=GROWING):
        """Return statement -> the growing tables that SQLite reads whole for it.

        An index of what is open, with a WHERE of its own, may be read whole.
        """
        found = {}
        with ExitStack() as stack:

            @cache
            def connect(file):
                return stack.enter_context(closing(sqlite3.connect(file, uri=True)))

            for sql, values in dict(self.statements).items():
                if not sql.lstrip().startswith(_LOOKS):
                    continue
                scanned = _scan(connect(self._files[sql]), sql, values)
                if scanned & growing:
                    found[sql] = sorted(scanned & growing)
        return found


def _scan(connection, sql, values):
    """Return the tables that SQLite reads whole for a statement."""
    names = {alias: table for table, alias in _ALIASED.findall(sql)}
    given = dict(values) if ":" in sql else values
    partial = {
        name
        for (name,) in connection.execute(
            "SELECT name FROM sqlite_master WHERE type = 'index' AND sql LIKE '% WHERE %'"
        )
    }
    plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}", given)]
    scans = (match.groups() for line in plan if (match := _SCANNED.match(line)))
    return {
        names.get(table or indexed, table or indexed)
        for table, index, indexed in scans
        if index not in partial
    }


@pytest.fixture
def recorded(monkeypatch):
    return RecordedQueries(monkeypatch)
