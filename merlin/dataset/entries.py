"""Entries: the index for searching and filtering a dataset's examples.

An entry is written with its file and gets the next number, so lists in descending order show the
last change first. Words match in any inflected form, the last one may be incomplete; tags, authors,
sides of the split and findings filter a list. Pages are read by key, so they take as long in a
dataset of 100,000 examples as in one of 100.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from merlin.core.clock import from_iso
from merlin.core.messages import Message
from merlin.core.vocabulary import (
    Term,
    fold,
    index_words,
    match_query,
    parse_terms,
    split_words,
    vector_query,
)
from merlin.dataset.builds import NO_END
from merlin.dataset.example_file import parse_example
from merlin.dataset.layout import EXAMPLES, example_id_of
from merlin.db.database import CHUNK, Columns, Database, Repository, in_portions
from merlin.db.tables import CATALOGUE_VERSION, DATASET_TEXT, EXAMPLE_ENTRY, Table
from merlin.db.values import read_messages

# Only the beginnings of longer queries and texts are used.
MAX_QUERY_LENGTH = 200
MAX_CHARACTERS = 50_000
# Entries written in one transaction: SQLite blocks other writers meanwhile.
_AT_ONCE = 50
# Dataset, path, blob and text of a file; the text of a binary file is None.
_File = tuple[str, str, str, str | None]


@dataclass(frozen=True, slots=True)
class ExampleFilter:
    """A filter of examples; "" and False match all."""

    query: str = ""
    tag: str = ""
    author: str = ""
    split: str = ""
    finding: bool = False

    @property
    def is_empty(self) -> bool:
        """Return whether the filter matches all examples."""
        return self == ExampleFilter()


@dataclass(frozen=True, slots=True)
class FileText:
    """One file; `text` is None for binary content. `path` is within the dataset."""

    dataset: str
    path: str
    blob: str
    text: str | None

    @property
    def example_id(self) -> str:
        """Return the example id of the path."""
        return example_id_of(self.path)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExampleEntry(FileText):
    """The file of one example in a list; `number` is its position.

    `author` and `at` are those of the commit that wrote it, "" and None if unknown: a file that no
    build has so yet, or that came back as an older build has it. `split` is its side in the newest
    build, "" if it is not in it. `trained` are the messages in that build, which may be older than
    the file: a rejected file changes no build of a strict dataset.
    """

    number: int
    author: str = ""
    at: datetime | None = None
    split: str = ""
    trained: tuple[Message, ...] = ()


@dataclass(frozen=True, slots=True)
class Facets:
    """The number of a dataset's examples for each filter; tags and authors by frequency."""

    total: int
    tags: Sequence[tuple[str, int]]
    authors: Sequence[tuple[str, int]]
    splits: Mapping[str, int]
    with_finding: int


# ruff: noqa: S608 - only our own names are put into these statements
_NEWEST_VERDICT = (
    "SELECT id FROM verdict WHERE dataset = ? AND position IS NOT NULL"
    " ORDER BY position DESC LIMIT 1"
)
_IS_TAUGHT = "dataset = ? AND first_build <= {build} AND end_build > {build}"
_FACETS = f"""
SELECT 'tag', tags, COUNT(*) FROM example_entry WHERE dataset = ? GROUP BY tags
UNION ALL SELECT 'author', author, COUNT(*) FROM taught_example WHERE {_IS_TAUGHT} GROUP BY author
UNION ALL SELECT 'finding', '', COUNT(DISTINCT path) FROM finding
    WHERE verdict_id = ({_NEWEST_VERDICT}) AND SUBSTR(path, 1, 9) = 'examples/'
UNION ALL SELECT 'total', '', COUNT(*) FROM example_entry WHERE dataset = ?
"""
_FILTERS = {
    name: f"example_id IN (SELECT example_id FROM taught_example WHERE {_IS_TAUGHT} AND {name} = ?)"
    for name in ("author", "split")
}
_HAS_FINDING = (
    f"path IN (SELECT path FROM finding WHERE verdict_id = ({_NEWEST_VERDICT}))"
)
# Searched before sorting: otherwise PostgreSQL may scan a whole dataset in descending order.
_WORD_MATCHES = (
    "WITH saying AS MATERIALIZED (SELECT id, dataset, path, example_id FROM example_entry"
    " WHERE to_tsvector('simple', words) @@ to_tsquery('simple', ?)) SELECT * FROM saying"
)
_COLUMNS = "entry.id, entry.dataset, entry.path, entry.example_id"
_PAGE = """
SELECT part.id, part.path, file.blob, said.text, written.author,
    made.committed_at, taught.split, trained.messages
FROM ({page}) AS part
JOIN dataset_file AS file ON file.dataset = part.dataset AND file.path = part.path
JOIN dataset_text AS said ON said.blob = file.blob
LEFT JOIN taught_example AS taught ON taught.dataset = part.dataset
    AND taught.example_id = part.example_id
    AND taught.first_build <= {build} AND taught.end_build > {build}
LEFT JOIN taught_example AS written ON written.dataset = part.dataset
    AND written.example_id = part.example_id
    AND written.end_build = {no_end} AND written.blob = file.blob
LEFT JOIN seen_commit AS made ON made.sha = written.commit_sha
LEFT JOIN example_text AS trained ON trained.digest = taught.text_digest
ORDER BY part.id DESC
"""
_TAUGHT = """
JOIN taught_example AS taught ON taught.dataset = entry.dataset
    AND taught.example_id = entry.example_id
    AND taught.first_build <= {build} AND taught.end_build > {build}
    AND taught.split = 'train'
JOIN example_text AS trained ON trained.digest = taught.text_digest
"""
_NEAREST = f"""
SELECT trained.messages FROM example_search AS found
CROSS JOIN example_entry AS entry ON entry.id = found.rowid {_TAUGHT}
WHERE example_search MATCH ? AND entry.dataset = ? ORDER BY found.rank, found.rowid LIMIT ?
"""
# A rare word weighs more than a common one, as in FTS5's rank; ts_rank has no such weights.
_NEAREST_POSTGRESQL = f"""
WITH found AS (
    SELECT term.place, entry.id, entry.dataset
    FROM unnest(?::text[]) WITH ORDINALITY AS term (words, place)
    JOIN example_entry AS entry
        ON to_tsvector('simple', entry.words) @@ to_tsquery('simple', term.words)
    WHERE entry.dataset = ?
), weight AS (
    SELECT place, ln(1 + (
        SELECT COUNT(*) FROM example_entry WHERE dataset = MIN(found.dataset)
    ) / COUNT(*)::float) AS rarity FROM found GROUP BY place
)
SELECT trained.messages FROM (
    SELECT id, SUM(rarity) AS rank FROM found JOIN weight USING (place) GROUP BY id
) AS best JOIN example_entry AS entry ON entry.id = best.id {_TAUGHT}
ORDER BY best.rank DESC, LENGTH(entry.words), entry.id LIMIT ?
"""


class ExampleEntries(Repository):
    """The entries of all datasets at the newest commit."""

    def follow(self, dataset: str, files: Mapping[str, str | None]) -> None:
        """Update the entries of these files: path -> blob, None for a deleted one.

        Written in portions; the texts are stored already.
        """
        requested = {
            path: blob for path, blob in files.items() if path.startswith(EXAMPLES)
        }
        known = read_blobs(self.db, EXAMPLE_ENTRY, dataset, sorted(requested))
        gone = sorted(path for path in known if requested[path] is None)
        for old in in_portions(gone, _AT_ONCE):
            self.db.run_in_transaction(partial(self._replace_entries, dataset, old, ()))
        new = [
            path
            for path, blob in sorted(requested.items())
            if blob and known.get(path) != blob
        ]
        entries = map(_entry, self._files(dataset, requested, new))
        for portion in in_portions(entries, _AT_ONCE):
            old = [str(row["path"]) for row in portion if row["path"] in known]
            self.db.run_in_transaction(
                partial(self._replace_entries, dataset, old, portion)
            )

    def _files(
        self, dataset: str, blobs: Mapping[str, str | None], paths: Sequence[str]
    ) -> Iterator[_File]:
        for portion in in_portions(paths, _AT_ONCE):
            condition = DATASET_TEXT.blob.in_([blobs[path] for path in portion])
            texts = {
                row.blob: row.text
                for row in self.db.rows(DATASET_TEXT.select().where(condition))
            }
            for path in portion:
                blob = str(blobs[path])
                yield dataset, path, blob, texts.get(blob)

    def _replace_entries(
        self, dataset: str, old: Sequence[str], entries: Sequence[Columns]
    ) -> None:
        if old:
            is_old = (EXAMPLE_ENTRY.dataset == dataset) & EXAMPLE_ENTRY.path.in_(old)
            self.db.delete(EXAMPLE_ENTRY, is_old)
        self.db.add_many(EXAMPLE_ENTRY, entries)

    def drop(self, dataset: str) -> None:
        """Delete the entries of a removed dataset."""
        table = EXAMPLE_ENTRY
        portion = table.select(table.path).where(table.dataset == dataset).limit(CHUNK)
        in_portion = (table.dataset == dataset) & table.path.in_(portion)
        while self.db.run_in_transaction(
            partial(self.db.change, table.delete().where(in_portion))
        ):
            pass

    def find(
        self,
        dataset: str,
        example_filter: ExampleFilter,
        limit: int,
        before: int = 0,
        build: int = 0,
    ) -> list[ExampleEntry]:
        """Return the examples that match, newest change first.

        Only those with a number below `before`; 0: from the start. The side of the split and the
        trained messages are those of `build`, 0: the newest one.
        """
        terms = parse_terms(fold(example_filter.query[:MAX_QUERY_LENGTH]))
        if example_filter.query.strip() and not terms:
            return []  # punctuation only
        source = "example_entry AS entry"
        number = "entry.id"
        conditions = ["entry.dataset = ?"]
        values = list[object]([dataset])
        if terms and self.db.dialect == "sqlite":
            # The index first: it is in order, so the query stops when the page is full.
            number = "found.rowid"
            source = (
                f"example_search AS found CROSS JOIN {source} ON entry.id = {number}"
            )
            conditions.append("example_search MATCH ?")
            values.append(_match_in_dataset(dataset, match_query(terms)))
        elif terms:
            source = f"({_WORD_MATCHES}) AS entry"
            values.insert(0, vector_query(terms))
        if before:
            conditions.append(f"{number} < ?")
            values.append(before)
        if example_filter.tag:
            position = "instr" if self.db.dialect == "sqlite" else "strpos"
            conditions.append(f"{position}(entry.tags, ?) > 0")
            values.append(f"\n{example_filter.tag}\n")
        for name, condition in _FILTERS.items():
            if value := getattr(example_filter, name):
                conditions.append(f"entry.{condition}")
                values += [dataset, value]
        if example_filter.finding:
            conditions.append(f"entry.{_HAS_FINDING}")
            values.append(dataset)
        page = (
            f"SELECT {_COLUMNS} FROM {source} WHERE {' AND '.join(conditions)}"
            f" ORDER BY {number} DESC LIMIT ?"
        )
        build = build or self._newest_build(dataset)[0]
        query = _PAGE.format(page=page.format(build=build), build=build, no_end=NO_END)
        rows = self.db.sql(query, *values, limit)
        return [_entry_from_row(dataset, row) for row in rows]

    def nearest(
        self, dataset: str, stems: Sequence[str], limit: int
    ) -> list[tuple[Message, ...]]:
        """Return the trained messages of examples that share the rarest stems, best first."""
        terms = [Term((stem,)) for stem in stems]
        either: object = [vector_query([term]) for term in terms]
        query = _NEAREST_POSTGRESQL
        if self.db.dialect == "sqlite":
            query = _NEAREST
            either = _match_in_dataset(
                dataset, " OR ".join(f"({match_query([term])})" for term in terms)
            )
        build, _, _ = self._newest_build(dataset)
        rows = self.db.sql(query.format(build=build), either, dataset, limit)
        return [_without_system(messages) for (messages,) in rows]

    def facets(self, dataset: str) -> Facets:
        """Return the number of examples for each filter; reads a row for each of them."""
        build, train, test = self._newest_build(dataset)
        query = _FACETS.format(build=build)
        counts = defaultdict[str, Counter[str]](Counter)
        for kind, names, count in self.db.sql(
            query, dataset, dataset, dataset, dataset
        ):
            for name in names.strip("\n").split("\n"):
                counts[kind][name] += count
        return Facets(
            total=counts["total"].total(),
            tags=[pair for pair in _by_count(counts["tag"]) if pair[0]],
            authors=[pair for pair in _by_count(counts["author"]) if pair[0]],
            splits={"train": train, "test": test} if train else {},
            with_finding=counts["finding"].total(),
        )

    def version(self, dataset: str) -> Sequence[object]:
        """Return what changes with each commit and each change of files, as the facets may."""
        query = f"SELECT counter, ({_NEWEST_VERDICT}) FROM wake WHERE id = {CATALOGUE_VERSION}"
        return self.db.sql(query, dataset)

    def _newest_build(self, dataset: str) -> tuple[Any, ...]:
        """Return id and sizes of the newest commit's build, zeros if there is none.

        It may not be the build with the highest id: an undone commit has an older one.
        """
        query = (
            "SELECT build.id, train, test FROM verdict JOIN build ON build.id = build_id"
            " WHERE verdict.dataset = ? AND position IS NOT NULL"
            " ORDER BY position DESC LIMIT 1"
        )
        return next(iter(self.db.sql(query, dataset)), (0, 0, 0))


def _by_count(counts: Mapping[str, int]) -> list[tuple[str, int]]:
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))


def read_blobs(
    db: Database, table: Table, dataset: str, paths: Sequence[str]
) -> dict[str, str]:
    """Return path -> blob of those of these files that have a row in the table."""
    known: dict[str, str] = {}
    for portion in in_portions(paths, CHUNK):
        named = (table.dataset == dataset) & table.path.in_(portion)
        rows = db.rows(table.select(table.path, table.blob).where(named))
        known.update((row.path, row.blob) for row in rows)
    return known


def _entry(file: _File) -> Columns:
    """Return the entry of a file; each of its tags stands between line ends."""
    dataset, path, blob, text = file
    example = parse_example(text)
    name = example_id_of(path)
    tags = dict.fromkeys(example.tags) if example else {}
    contents = (
        [message.content for message in example.messages] if example else [text or ""]
    )
    words = index_words("\n".join((name, *tags, *contents))[:MAX_CHARACTERS])
    lines = [" ".join(tag.split()) for tag in tags]
    return {
        "dataset": dataset,
        "path": path,
        "example_id": name,
        "blob": blob,
        "words": words,
        "tags": "\n".join(("", *lines, "")) if lines else "",
    }


def _match_in_dataset(dataset: str, terms: str) -> str:
    """Return the FTS5 query for terms within one dataset, whose name may be punctuation only."""
    # Not folded: the index does that itself, and distinguishes «ё» from «е» in names.
    named = " AND ".join(f'"{word}"' for word in split_words(dataset))
    return f"{f'dataset : ({named}) AND ' if named else ''}words : ({terms})"


def _entry_from_row(dataset: str, row: Sequence[Any]) -> ExampleEntry:
    number, path, blob, text, author, at, split, messages = row
    return ExampleEntry(
        dataset,
        path,
        blob,
        text,
        number=number,
        author=author or "",
        at=from_iso(at) if at else None,
        split=split or "",
        trained=_without_system(messages or "[]"),
    )


def _without_system(messages: str) -> tuple[Message, ...]:
    return tuple(each for each in read_messages(messages) if each.role != "system")
