"""The schema: each step is applied once, whole or not at all; old databases are upgraded."""

import os
import re
import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from merlin.core.errors import MerlinError
from merlin.db import migrations, tables
from merlin.db.database import open_database
from merlin.db.migrations import STEPS, list_applied, list_pending, migrate
from merlin.db.tables import CHANGE_COUNTER, FINDING
from tests.db.pipeline_rows import FACE, column_types, make_spec, push_wrong
from tests.support.forked_processes import run_forked

pytestmark = pytest.mark.integration

NAMES = [step.__name__ for step in STEPS]


def kill_in_a_step(url):
    def m999_half(database):
        database.script(
            "CREATE TABLE half (id BIGINT);\nUPDATE change_counter SET counter = 99;\n"
        )
        os.kill(os.getpid(), signal.SIGKILL)

    migrate(open_database(url), (*STEPS, m999_half))


# Changes that break the previous version.
CONTRACTS = re.compile(
    r"DROP (?:TABLE|COLUMN|INDEX|VIEW) (?:IF EXISTS )?\w+|\bRENAME\b|ALTER COLUMN|SET NOT NULL"
    r"|ADD CONSTRAINT|ADD COLUMN (?:(?!DEFAULT)[^;])*NOT NULL(?:(?!DEFAULT)[^;])*;",
    re.IGNORECASE,
)


# Docs and ADR 60 say what a process of the previous version does beside these.
RENAMED = {
    "m010_names.sql": {"RENAME"},
    "m010_names.postgresql.sql": {"RENAME"},
    "m010_names.sqlite.sql": {
        *("DROP INDEX users_newest", "DROP INDEX updates_waiting"),
        *("DROP INDEX updates_user", "DROP INDEX updates_finished"),
        *("DROP INDEX updates_chat", "DROP INDEX errand_chat"),
    },
}


def find_contractions(sql):
    return {match.group() for match in CONTRACTS.finditer(re.sub(r"--.*", "", sql))}


def test_steps_only_add_so_that_the_previous_version_can_run_beside():
    files = sorted(Path(migrations.__file__).parent.glob("*.sql"))
    assert len(files) >= len(STEPS)
    contractions = {
        file.name: found
        for file in files
        if (found := find_contractions(file.read_text("utf-8")))
    }
    assert contractions == RENAMED


@pytest.mark.parametrize(
    "sql",
    [
        "DROP TABLE turn;",
        "ALTER TABLE turn DROP COLUMN answer;",
        "ALTER TABLE turn RENAME COLUMN a TO b;",
        "ALTER TABLE turn ADD COLUMN a TEXT NOT NULL;",
        "ALTER TABLE turn ALTER COLUMN a TYPE TEXT;",
    ],
)
def test_step_that_removes_something_is_detected(sql):
    assert find_contractions(sql)
    assert not find_contractions(
        "ALTER TABLE turn ADD COLUMN a TEXT NOT NULL DEFAULT '';\n-- DROP TABLE x"
    )


def test_new_database_gets_every_step_once(empty_url):
    with open_database(empty_url) as database:
        assert [step.__name__ for step in list_pending(database)] == NAMES
        assert migrate(database) == NAMES
        assert (list_pending(database), migrate(database)) == ((), [])


def test_reading_pending_steps_writes_nothing(empty_url):
    with open_database(empty_url) as database:
        list_pending(database)
        assert not database.has_table("migration")


def test_every_named_column_is_in_the_schema(database):
    known_tables = {
        var for var in vars(tables).values() if isinstance(var, tables.Table)
    }
    assert len(known_tables) > 20
    for table in known_tables:
        stored = column_types(database, table.__name__)
        assert stored.keys() == set(table._columns), table.__name__


def test_columns_that_a_later_step_adds_are_read_too():
    first = "CREATE TABLE a (\n    id NUMBERED,\n    b TEXT REFERENCES c (d)\n);\n"
    later = "ALTER TABLE a ADD COLUMN e TEXT NOT NULL DEFAULT '';\n"
    assert tables.find_columns(tables.read_schema(first + later)["a"]) == [
        "id",
        "b",
        "e",
    ]


def test_renamed_tables_keep_their_place_and_take_later_columns():
    first = "CREATE TABLE a (\n    b TEXT\n);\nCREATE TABLE c (\n    d TEXT\n);\n"
    later = "ALTER TABLE a RENAME TO e;\nALTER TABLE e ADD COLUMN f TEXT;\n"
    schema = tables.read_schema(first + later)
    assert {name: tables.find_columns(sql) for name, sql in schema.items()} == {
        "e": ["b", "f"],
        "c": ["d"],
    }
    assert list(schema) == ["e", "c"]


def test_rows_move_to_the_renamed_tables(empty_url):
    before = [step for step in STEPS if step.__name__ < "m010"]
    with open_database(empty_url) as database:
        migrate(database, before)
        database.sql(
            "INSERT INTO users (user_id, language_code, first_seen_at) VALUES (7, 'ru', '')"
        )
        migrate(database)
        assert database.sql("SELECT user_id, language_code FROM person") == [(7, "ru")]


def test_process_of_the_previous_version_works_beside_on_postgresql(postgresql):
    with open_database(postgresql.reset()) as database:
        person = "INSERT INTO users (user_id, language_code, first_seen_at) VALUES (7, ?, '')"
        conflict = (
            "ON CONFLICT (user_id) DO UPDATE SET language_code = EXCLUDED.language_code"
        )
        for language in ("ru", "en"):
            database.sql(f"{person} {conflict}", language)
        arrived = (
            "INSERT INTO updates (bot_id, update_id, kind, chat_id, user_id, language_code, body,"
            " state, reason, received_at) VALUES (1, 2, '', 3, 7, '', '', 'waiting', '', '')"
            " ON CONFLICT DO NOTHING RETURNING id"
        )
        assert [database.sql(arrived), database.sql(arrived)] == [[(1,)], []]
        database.sql("UPDATE wake SET counter = counter + 1 WHERE id = 1")
        database.sql("DELETE FROM errand WHERE bot_id = 1")
        assert database.sql("SELECT user_id FROM users FOR UPDATE") == [(7,)]
        assert database.sql("SELECT language_code FROM person") == [("en",)]
        assert database.sql("SELECT update_id FROM telegram_update") == [(2,)]


def test_newer_database_is_refused(empty_url):
    with open_database(empty_url) as database:
        migrate(database)
        with pytest.raises(MerlinError, match="unknown steps"):
            migrate(database, ())


def test_ten_concurrent_processes_apply_each_step_once(empty_url):
    def start(_):
        with open_database(empty_url) as database:
            return migrate(database)

    with ThreadPoolExecutor(10) as pool:
        done = [name for names in pool.map(start, range(10)) for name in names]
    assert sorted(done) == NAMES


def test_kill_in_a_step_leaves_nothing_of_it(empty_url):
    with open_database(empty_url) as database:
        migrate(database)
    assert run_forked(kill_in_a_step, empty_url) == -signal.SIGKILL
    with open_database(empty_url) as database:
        assert not database.has_table("half")
        assert list_applied(database) == tuple(NAMES)
        assert database.value(CHANGE_COUNTER.select(CHANGE_COUNTER.counter)) == 0


def test_broken_step_leaves_the_database_to_the_previous_version(empty_url):
    def m998_broken(database):
        database.script("CREATE TABLE half (id BIGINT);\n")
        raise KeyError("stop")

    with open_database(empty_url) as database:
        migrate(database, STEPS[:1])
        with pytest.raises(KeyError):
            migrate(database, (*STEPS, m998_broken))
        assert not database.has_table("half")
        assert list_applied(database) == (NAMES[0],)


def test_errors_that_an_upgrade_finds_are_of_the_commit_that_had_them_first(world):
    """What was recorded before the column of the origin was there."""
    first = push_wrong(world, 1, 3, 5)
    second = push_wrong(world, 2, 3, 5)
    other = make_spec("trial")
    push_wrong(world, 3, 3, spec=other)
    push_wrong(world, 4, 3, 7, spec=other)
    alone = make_spec("alone")
    push_wrong(world, 5, 9, spec=alone)
    world.db.update(FINDING, FINDING.id > 0, brought_by="")
    STEPS[NAMES.index("m013_errors_of_before")](world.db)
    found = {
        (view.dataset, view.commit): dict(view.earlier)
        for view in world.log()
        if view.earlier
    }
    assert found == {(FACE, second): {"examples/x.yaml": first}}
