"""The examples of one dataset, indexed by everything that the check compares and a build writes.

An SQLite cache of git: a file that is updated with each commit, or a temporary database for a
single check. Only examples affected by a change are written and judged again; a question about the
complete dataset is one query. `keep` commits the transaction, so after a crash the index is at an
older commit. The caller compares it with the expected commit and rebuilds the index if they differ.
"""

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any, NamedTuple

from merlin import __version__
from merlin.dataset.chat_formats import TrainingLine, complete_line
from merlin.dataset.finding import Finding, Severity, escape_unprintable
from merlin.dataset.layout import EXAMPLES, example_id_of, example_path
from merlin.dataset.split import TEST, TRAIN
from merlin.git.source import Entry

# A release may parse and judge differently; the number covers changes within a release.
_VERSION = f"{__version__}-17"
GOOD, TOO_LONG, DUPLICATE, LEAK = "good", "too-long", "duplicate", "leak"
_SCHEMA = """
CREATE TABLE state (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE file (
  path BLOB PRIMARY KEY, blob TEXT NOT NULL, mode TEXT NOT NULL, size INTEGER NOT NULL,
  kind TEXT NOT NULL, content BLOB
) WITHOUT ROWID;
CREATE TABLE example (
  id TEXT PRIMARY KEY, blob TEXT NOT NULL, size INTEGER NOT NULL, mark TEXT NOT NULL,
  places TEXT NOT NULL, question TEXT NOT NULL, content BLOB NOT NULL, answer BLOB NOT NULL,
  system BLOB NOT NULL, question_language TEXT NOT NULL,
  answer_language TEXT NOT NULL, ending TEXT NOT NULL,
  is_learned INTEGER NOT NULL, is_single INTEGER NOT NULL, translates INTEGER NOT NULL,
  tokens INTEGER NOT NULL, words TEXT NOT NULL,
  at INTEGER, line BLOB, status TEXT NOT NULL, side TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE finding (
  source BLOB NOT NULL, path TEXT NOT NULL, line INTEGER NOT NULL, col INTEGER NOT NULL,
  rule TEXT NOT NULL, severity TEXT NOT NULL, arguments TEXT NOT NULL
);
CREATE TABLE pair (
  kind TEXT, value TEXT, id TEXT, rule TEXT, other TEXT, PRIMARY KEY (kind, value, id, rule)
) WITHOUT ROWID;
CREATE TABLE moved (id TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE example_count (
  status TEXT, side TEXT, has_system INTEGER, question_language TEXT, answer_language TEXT,
  ending TEXT, examples INTEGER, tokens INTEGER, size INTEGER,
  PRIMARY KEY (status, side, has_system, question_language, answer_language, ending)
) WITHOUT ROWID;
"""


def _count(row: str, sign: str) -> str:
    """Return the statement that adds a row to its kind's sums, or subtracts it."""
    return f"""
INSERT INTO example_count VALUES (
  {row}.status, {row}.side, {row}.system <> x'', {row}.question_language,
  {row}.answer_language, {row}.ending, {sign} 1, {sign} {row}.tokens, {sign} {row}.size
) ON CONFLICT DO UPDATE SET
  examples = examples + excluded.examples, tokens = tokens + excluded.tokens,
  size = size + excluded.size;
"""


_COUNT_ALL = """
INSERT INTO example_count SELECT status, side, system <> x'', question_language, answer_language,
  ending, count(*), sum(tokens), sum(size) FROM example GROUP BY 1, 2, 3, 4, 5, 6
"""
# They keep the sums: a change must not read all examples to count them. The last marks moved ones.
_TRIGGERS = {
    "AFTER INSERT": _count("NEW", "+"),
    "AFTER DELETE": _count("OLD", "-"),
    "AFTER UPDATE OF status, side, tokens": _count("OLD", "-") + _count("NEW", "+"),
    "AFTER UPDATE OF status, side": "INSERT OR IGNORE INTO moved VALUES (NEW.id);",
}
# The first is created when a complete dataset is inserted, the others when its statuses are known:
# together they halve its time.
_QUESTION_INDEX = "CREATE INDEX IF NOT EXISTS example_question ON example (question)"
_INDICES = """
CREATE INDEX finding_source ON finding (source);
CREATE INDEX example_words ON example (words, status);
CREATE INDEX example_side ON example (status, side);
CREATE INDEX example_answer ON example (answer, status, mark, is_single);
CREATE INDEX example_system ON example (system) WHERE system <> x'';
CREATE INDEX example_open ON example (status) WHERE ending = 'open' AND is_learned;
CREATE INDEX example_foreign ON example (status)
  WHERE question_language <> '' AND answer_language <> ''
    AND question_language <> answer_language AND NOT translates;
"""
# The columns by which examples are grouped; the groups to judge again are in temporary tables.
GROUPS = ("question", "words")
_TOUCHED = "".join(
    f"CREATE TEMP TABLE touched_{group} (place INTEGER PRIMARY KEY, value TEXT UNIQUE);"
    for group in GROUPS
)
_PORTION, _LINES = 1000, 100
_CACHE_KIB = 16_000
_PAGE_BYTES = 8192  # an example takes 1.5 KB: reading all lines takes a fifth less than by 4096
_Row = tuple[Any, ...]


class IndexedExample(NamedTuple):
    """The fields of an example that rules compare; digests are of normal forms.

    `system` is b"" without a system text. `tokens` counts the example without the dataset's system
    text, or is an upper bound within the limit.
    """

    id: str
    mark: str
    question: str
    content: bytes
    answer: bytes
    system: bytes
    tokens: int
    status: str
    side: str

    @property
    def path(self) -> str:
        """Return the path of its file within the dataset."""
        return example_path(self.id)


_JUDGED = ", ".join(f"e.{name}" for name in IndexedExample._fields)


class ExampleRow(NamedTuple):
    """The database row of a readable example: the fields that rules compare and its training line.

    `places` is JSON: line and column of the first message, first question and last answer.
    `ending`: how the answer ends, "" if it is too short. `words` is the question's `near_key`.
    `line` is None until a build needs it.
    """

    id: str
    blob: str
    size: int
    mark: str
    places: str
    question: str
    content: bytes
    answer: bytes
    system: bytes
    question_language: str
    answer_language: str
    ending: str
    is_learned: bool
    is_single: bool
    translates: bool
    tokens: int
    words: str
    at: int | None
    line: bytes | None
    status: str = ""
    side: str = ""


_INSERT = f"INSERT INTO example VALUES ({', '.join('?' * len(ExampleRow._fields))})"


class MovedExample(NamedTuple):
    """An example whose content or status changed; `blob` None: it is no longer a good example."""

    id: str
    blob: str | None
    side: str
    tokens: int
    system: bytes


class ExampleIndex:
    """The index of one dataset. Not thread-safe; close it after use."""

    def __init__(self, path: Path | None = None) -> None:
        """Open the file, or a temporary database without a path.

        A damaged file or one of another version is replaced by an empty index.
        """
        self._path = path
        try:
            self._begin()
            is_ours = self.state("version") == _VERSION
        except sqlite3.DatabaseError:
            is_ours = False
        if is_ours:
            self._db.execute("BEGIN IMMEDIATE")
        else:
            self.clear()

    def _begin(self) -> None:
        name = "" if self._path is None else str(self._path)
        if self._path is not None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
        self._db = sqlite3.connect(name, isolation_level=None, check_same_thread=False)
        self._db.execute(f"PRAGMA page_size = {_PAGE_BYTES}")
        self._db.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
        self._db.execute(f"PRAGMA journal_mode = {'OFF' if self._path is None else 'WAL'}")
        self._db.execute("PRAGMA synchronous = NORMAL")
        self._db.executescript(_TOUCHED)

    def clear(self) -> None:
        """Replace the index with an empty one."""
        self.close()
        if self._path is not None:
            remove_index(self._path)
        self._begin()
        self._db.execute("BEGIN IMMEDIATE")
        for statement in _SCHEMA.split(";"):
            self._db.execute(statement)
        self.set_state("version", _VERSION)

    @property
    def is_new(self) -> bool:
        """Return whether no dataset was stored yet."""
        return not self.state("tree is read")

    def keep(self, commit: str, tree: str) -> None:
        """Commit the transaction: the index is that of this tree at this commit."""
        self.set_state("commit", commit)
        self.set_state("tree", tree)
        self._db.execute("COMMIT")
        self._db.execute("BEGIN IMMEDIATE")

    def close(self) -> None:
        """Roll back uncommitted writes and close the database."""
        with suppress(sqlite3.Error):
            self._db.rollback()
        self._db.close()

    def state(self, key: str) -> str:
        """Return the stored value of a key, "" for none."""
        row = self._db.execute("SELECT value FROM state WHERE key = ?", (key,)).fetchone()
        return str(row[0]) if row else ""

    def set_state(self, key: str, value: str) -> None:
        """Store a value under a key."""
        self._db.execute("INSERT OR REPLACE INTO state VALUES (?, ?)", (key, value))

    def rows(self, query: str, *values: object) -> Iterator[_Row]:
        """Yield the rows of a SELECT."""
        yield from self._db.execute(query, values)

    def value(self, query: str, *values: object) -> Any:
        """Return the first value of the first row of a SELECT that always returns a row."""
        return self._db.execute(query, values).fetchone()[0]

    def add_file(self, entry: Entry, kind: str, content: bytes | None = None) -> None:
        """Store a file that is not a readable example."""
        row = (_key(entry.path), entry.blob, entry.mode, entry.size, kind, content)
        self._db.execute("INSERT INTO file VALUES (?, ?, ?, ?, ?, ?)", row)

    def files(self, *kinds: str) -> list[Entry]:
        """Return the files of these kinds, by path."""
        named = ", ".join("?" * len(kinds))
        query = f"SELECT path, blob, mode, size FROM file WHERE kind IN ({named}) ORDER BY path"
        return [
            Entry(path.decode("utf-8", "surrogateescape"), *others)
            for path, *others in self.rows(query, *kinds)
        ]

    def contents(self, *kinds: str) -> Iterator[tuple[str, bytes]]:
        """Yield (kind, content) of the files of these kinds that have stored content."""
        named = ", ".join("?" * len(kinds))
        stored = f"kind IN ({named}) AND content IS NOT NULL"
        yield from self._db.execute(f"SELECT kind, content FROM file WHERE {stored}", kinds)

    def add_findings(self, path: str, findings: Iterable[Finding]) -> None:
        """Store the findings that concern one file only."""
        key, shown = _key(path), escape_unprintable(path)
        rows = (
            (
                *(key, shown, finding.line, finding.column, finding.rule),
                *(finding.severity.value, json.dumps(dict(finding.arguments))),
            )
            for finding in findings
        )
        self._db.executemany("INSERT INTO finding VALUES (?, ?, ?, ?, ?, ?, ?)", rows)

    def findings(self) -> Iterator[Finding]:
        """Yield the stored findings of single files."""
        columns = "path, line, col, rule, severity, arguments"
        for row in self.rows(f"SELECT {columns} FROM finding"):
            path, line, column, rule, severity, arguments = row
            finding_arguments = json.loads(arguments)
            yield Finding(path, line, column, rule, Severity(severity), finding_arguments)

    def pairs(self) -> Iterator[tuple[str, str, str, str]]:
        """Yield (id, rule, other example's id, places) of findings that concern two examples."""
        of_pair = "SELECT p.id, p.rule, p.other, e.places FROM pair p"
        yield from self._db.execute(f"{of_pair} JOIN example e ON e.id = p.id")

    def add_examples(self, rows: Iterable[ExampleRow]) -> None:
        """Store readable examples."""
        self._db.executemany(_INSERT, rows)

    def add_lines(self, lines: Iterable[tuple[int | None, bytes, int, str]]) -> None:
        """Store the training lines of examples: (at, line, tokens, id)."""
        self._db.executemany("UPDATE example SET at = ?, line = ?, tokens = ? WHERE id = ?", lines)

    def remove(self, paths: Iterable[str]) -> None:
        """Delete files and examples; their groups will be judged again."""
        for path in paths:
            self._db.execute("DELETE FROM finding WHERE source = ?", (_key(path),))
            self._db.execute("DELETE FROM file WHERE path = ?", (_key(path),))
            if path.startswith(EXAMPLES) and path.endswith(".yaml"):
                example_id = example_id_of(path)
                with suppress(UnicodeEncodeError):  # not a valid example id
                    self.touch([example_id])
                    self._db.execute("DELETE FROM example WHERE id = ?", (example_id,))

    def touch(self, example_ids: Iterable[str]) -> None:
        """Mark the groups of these examples to be judged again, and the examples as moved."""
        for example_id in example_ids:
            for group in GROUPS:
                self._db.execute(
                    f"INSERT OR IGNORE INTO touched_{group} (value)"
                    f" SELECT {group} FROM example WHERE id = ?",
                    (example_id,),
                )
            self._db.execute("INSERT OR IGNORE INTO moved VALUES (?)", (example_id,))

    def touch_all(self) -> None:
        """Mark all groups to be judged again, and all examples as moved."""
        self._db.execute("DELETE FROM pair")
        for group in GROUPS:
            # Only the question of a single example is judged.
            several = "" if group == "question" else "HAVING count(*) > 1"
            self._db.execute(
                f"INSERT OR IGNORE INTO touched_{group} (value)"
                f" SELECT {group} FROM example GROUP BY {group} {several}"
            )
        self._db.execute("INSERT OR IGNORE INTO moved SELECT id FROM example")

    def build_question_index(self) -> None:
        """Create the SQL index of questions if it does not exist."""
        self._db.execute(_QUESTION_INDEX)

    def build_indices(self) -> None:
        """Create the other SQL indices and the triggers, and count the examples, once."""
        if not self.state("indices"):
            for statement in (*_INDICES.split(";"), _COUNT_ALL):
                self._db.execute(statement)
            for number, (event, counting) in enumerate(_TRIGGERS.items()):
                self._db.execute(
                    f"CREATE TRIGGER count_{number} {event} ON example BEGIN {counting} END"
                )
            self.set_state("indices", "built")

    def read_touched_questions(self) -> Iterator[list[list[IndexedExample]]]:
        """Yield the examples of each touched question, by id, in batches of questions.

        Deletes the stored pairs of these questions. The caller may modify the examples.
        """
        last = self.value("SELECT coalesce(max(place), 0) FROM touched_question")
        for first in range(1, last + 1, _PORTION):
            span = (first, first + _PORTION - 1)
            some = "SELECT value FROM touched_question WHERE place BETWEEN ? AND ?"
            self._db.execute(
                f"DELETE FROM pair WHERE kind = 'question' AND value IN ({some})", span
            )
            rows = self._db.execute(
                f"SELECT t.place, {_JUDGED} FROM touched_question t"
                " JOIN example e ON e.question = t.value"
                " WHERE t.place BETWEEN ? AND ? ORDER BY t.place, e.id",
                span,
            ).fetchall()
            yield [
                [IndexedExample(*row[1:]) for row in group]
                for _, group in groupby(rows, key=itemgetter(0))
            ]

    def read_touched_groups(self, column: str) -> Iterator[tuple[str, list[IndexedExample]]]:
        """Yield the value and the good examples, by id, of each touched group with two or more.

        Deletes the stored pairs of these groups.
        """
        touched = f"SELECT value FROM touched_{column}"
        self._db.execute(f"DELETE FROM pair WHERE kind = ? AND value IN ({touched})", (column,))
        shared = (
            f"SELECT {column} FROM example WHERE status = 'good' AND {column} IN ({touched})"
            f" GROUP BY {column} HAVING count(*) > 1"
        )
        rows = self._db.execute(
            f"SELECT e.{column}, {_JUDGED} FROM example e"
            f" WHERE e.{column} IN ({shared}) AND e.status = 'good' ORDER BY e.{column}, e.id"
        )
        for value, group in groupby(rows, key=itemgetter(0)):
            yield value, [IndexedExample(*row[1:]) for row in group]

    def forget_touched(self) -> None:
        """Unmark all touched groups."""
        for group in GROUPS:
            self._db.execute(f"DELETE FROM touched_{group}")

    def add_pairs(self, kind: str, pairs: Iterable[tuple[str, str, str, str]]) -> None:
        """Store findings about two examples of a group: (value, id, rule, other example's id)."""
        rows = ((kind, *pair) for pair in pairs)
        self._db.executemany("INSERT OR IGNORE INTO pair VALUES (?, ?, ?, ?, ?)", rows)

    def set_status(self, changes: Iterable[tuple[str, str, str]]) -> None:
        """Set status, side and id of examples."""
        self._db.executemany("UPDATE example SET status = ?, side = ? WHERE id = ?", changes)

    def test_questions(self) -> Iterator[tuple[str, str, str]]:
        """Yield (id, mark, question) of the good test examples."""
        yield from self.rows(
            "SELECT id, mark, question FROM example WHERE status = 'good' AND side = 'test'"
        )

    def statuses(self) -> Mapping[str, int]:
        """Return status -> number of examples."""
        return dict(self.rows("SELECT status, sum(examples) FROM example_count GROUP BY status"))

    def sizes(self) -> tuple[int, int]:
        """Return the number and total bytes of example files, broken ones included."""
        (sizes,) = self.rows(
            "SELECT coalesce(sum(files), 0), coalesce(sum(size), 0) FROM ("
            " SELECT examples AS files, size FROM example_count"
            " UNION ALL SELECT 1, size FROM file WHERE kind = 'broken')"
        )
        return sizes

    def sides(self) -> Mapping[str, tuple[int, int, int]]:
        """Return side -> (good examples, their own tokens, how many have a system text)."""
        rows = self._db.execute(
            "SELECT side, sum(examples), sum(tokens), sum(examples * has_system)"
            " FROM example_count WHERE status = 'good' GROUP BY side"
        )
        return {side: (count, tokens, own) for side, count, tokens, own in rows}

    def lines(self, system: bytes) -> Iterator[tuple[str, bytes]]:
        """Yield (side, complete lines) of the good examples, by id, in batches."""
        # Unary + disables an index that would make SQLite sort the lines.
        good = "SELECT side, at, line FROM example WHERE +status = 'good' ORDER BY id"
        cursor = self._db.execute(good)
        while rows := cursor.fetchmany(_LINES):
            for side in (TRAIN, TEST):
                lines = [complete_line(at, line, system) for its, at, line in rows if its == side]
                yield side, b"".join(lines)

    def lines_of(self, example_ids: Sequence[str]) -> dict[str, TrainingLine]:
        """Return id -> training line of these examples."""
        named = ", ".join("?" * len(example_ids))
        rows = self.rows(f"SELECT id, at, line FROM example WHERE id IN ({named})", *example_ids)
        return {example_id: TrainingLine(at, line) for example_id, at, line in rows}

    def ids(self, side: str) -> list[str]:
        """Return the ids of a side's good examples, in order."""
        of_side = "SELECT id FROM example WHERE status = 'good' AND side = ? ORDER BY id"
        return [example_id for (example_id,) in self.rows(of_side, side)]

    def ids_of(self, status: str) -> list[str]:
        """Return the ids of the examples with a status, in order."""
        query = "SELECT id FROM example WHERE status = ? ORDER BY id"
        return [example_id for (example_id,) in self.rows(query, status)]

    def filter_good(self, example_ids: Sequence[str]) -> set[str]:
        """Return the ids of good examples among these."""
        good: set[str] = set()
        for at in range(0, len(example_ids), _PORTION):
            some = example_ids[at : at + _PORTION]
            named = ", ".join("?" * len(some))
            query = f"SELECT id FROM example WHERE status = 'good' AND id IN ({named})"
            good.update(example_id for (example_id,) in self.rows(query, *some))
        return good

    def mark_moved(self, example_ids: Iterable[str]) -> None:
        """Mark these examples as changed or deleted."""
        rows = ((example_id,) for example_id in example_ids)
        self._db.executemany("INSERT OR IGNORE INTO moved VALUES (?)", rows)

    def list_moved(self) -> Iterator[list[MovedExample]]:
        """Yield the examples marked as moved since `forget_moved`, by id, in batches."""
        after = ""
        while True:
            rows = self._db.execute(
                "SELECT m.id, e.blob, coalesce(e.side, ''), coalesce(e.tokens, 0),"
                " coalesce(e.system, x'') FROM moved m"
                " LEFT JOIN example e ON e.id = m.id AND e.status = 'good'"
                " WHERE m.id > ? ORDER BY m.id LIMIT ?",
                (after, _PORTION),
            ).fetchall()
            if not rows:
                return
            yield [MovedExample(*row) for row in rows]
            after = rows[-1][0]

    def forget_moved(self) -> None:
        """Unmark all moved examples, after a build contains them."""
        self._db.execute("DELETE FROM moved")


@contextmanager
def open_index(path: Path | None = None) -> Iterator[ExampleIndex]:
    """Yield the index in a file, or a temporary one. Raises OSError for any database error."""
    try:
        with closing(ExampleIndex(path)) as index:
            yield index
    except sqlite3.DatabaseError as error:
        if path is not None:
            remove_index(path)
        raise OSError(f"the index of examples: {error}") from error


def remove_index(path: Path) -> None:
    """Remove the file of an index and SQLite's files beside it."""
    for ending in ("", "-wal", "-shm"):
        path.with_name(f"{path.name}{ending}").unlink(missing_ok=True)


def _key(path: str) -> bytes:
    """Return a path as stored: bytes, because it may not be valid UTF-8."""
    return path.encode("utf-8", "surrogateescape")
