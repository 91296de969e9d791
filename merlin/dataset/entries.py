"""Entries of a dataset's files: examples to search and filter, and passages of materials.

An entry is written with its file and gets the next number, so lists in descending order show the
last change first. Words match in any inflected form, the last one may be incomplete; tags, authors,
sides of the split and findings filter a list. Pages are read by key, so they take as long in a
dataset of 100,000 examples as in one of 100.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial, reduce
from operator import and_
from typing import Any

from merlin.core.clock import from_iso
from merlin.core.messages import Message
from merlin.core.vocabulary import (
    MAX_WORDS,
    Term,
    Vocabulary,
    fold,
    index_words,
    parse_terms,
    terms_of,
)
from merlin.dataset.builds import NO_END
from merlin.dataset.example_file import parse_example
from merlin.dataset.layout import EXAMPLES, MATERIALS, example_id_of
from merlin.db.database import CHUNK, Columns, Database, Repository, in_portions
from merlin.db.search_index import Kind, Scope, SearchIndex
from merlin.db.tables import CATALOGUE_VERSION, DATASET_TEXT, SEARCH_ENTRY, Table
from merlin.db.values import read_messages, storable_text

# Only the beginnings of longer queries and texts are used.
MAX_QUERY_LENGTH = 200
MAX_CHARACTERS = 50_000
# Entries written in one transaction: SQLite blocks other writers meanwhile.
_AT_ONCE = 50
# By meaning at most so many examples are found, of at least this cosine: of 20 everyday questions
# none has it with an example of the shipped datasets.
# Characters of a line that is encoded.
_MAX_LINE = 1_000
_MAX_MEANT = 10
_MIN_COSINE = 0.3


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
SELECT 'tag', tags, COUNT(*) FROM search_entry
    WHERE dataset = ? AND kind = 'example' GROUP BY tags
UNION ALL SELECT 'author', author, COUNT(*) FROM taught_example WHERE {_IS_TAUGHT} GROUP BY author
UNION ALL SELECT 'finding', '', COUNT(DISTINCT path) FROM finding
    WHERE verdict_id = ({_NEWEST_VERDICT}) AND SUBSTR(path, 1, 9) = 'examples/'
UNION ALL SELECT 'total', '', COUNT(*) FROM search_entry
    WHERE dataset = ? AND kind = 'example'
"""
_FILTERS = {
    name: f"name IN (SELECT example_id FROM taught_example WHERE {_IS_TAUGHT} AND {name} = ?)"
    for name in ("author", "split")
}
_HAS_FINDING = (
    f"path IN (SELECT path FROM finding WHERE verdict_id = ({_NEWEST_VERDICT}))"
)
_COLUMNS = "entry.id, entry.dataset, entry.path, entry.name AS example_id"
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
_TRAINED = """
SELECT entry.id, trained.messages FROM search_entry AS entry
JOIN taught_example AS taught ON taught.dataset = entry.dataset
    AND taught.example_id = entry.name
    AND taught.first_build <= ? AND taught.end_build > ? AND taught.split = 'train'
JOIN example_text AS trained ON trained.digest = taught.text_digest
WHERE entry.id IN ({marks})
"""


class ExampleEntries(Repository):
    """The entries of all datasets at the newest commit."""

    def follow(self, dataset: str, tree: str, files: Mapping[str, str | None]) -> None:
        """Update the entries of these files: path -> blob, None for a deleted one.

        Written in portions; the texts are stored already. `tree` is the git tree that they lead to.
        """
        for kind, folder in ((Kind.EXAMPLE, EXAMPLES), (Kind.PASSAGE, MATERIALS)):
            scope = Scope((kind,), dataset)
            blobs = {
                path: blob for path, blob in files.items() if path.startswith(folder)
            }
            is_kind = SEARCH_ENTRY.kind == kind
            known = read_blobs(self.db, SEARCH_ENTRY, dataset, sorted(blobs), is_kind)
            changed = sorted(
                path for path, blob in blobs.items() if known.get(path) != blob
            )
            for portion in in_portions(changed, _AT_ONCE):
                now = {path: blob for path in portion if (blob := blobs[path])}
                texts = self._read_texts([*now.values()])
                entries = [
                    entry
                    for path, blob in now.items()
                    for entry in _make_entries(scope, path, blob, texts.get(blob))
                ]
                old = [path for path in portion if path in known]
                self.db.run_in_transaction(
                    partial(SearchIndex(self.db).replace, scope, old, entries)
                )
        self._mark_followed(dataset, tree)

    def _mark_followed(self, dataset: str, tree: str) -> None:
        row = {"kind": Kind.TREE, "dataset": dataset, "path": "", "blob": tree}
        scope = Scope((Kind.TREE,), dataset)
        self.db.run_in_transaction(
            partial(SearchIndex(self.db).replace, scope, None, [{**row, "words": ""}])
        )

    def read_followed(self) -> dict[str, str]:
        """Return dataset -> the git tree whose files are indexed."""
        query = "SELECT dataset, blob FROM search_entry WHERE kind = 'tree'"
        return {dataset: str(tree) for dataset, tree in self.db.sql(query)}

    def _read_texts(self, blobs: Sequence[str]) -> dict[str, str | None]:
        query = DATASET_TEXT.select(DATASET_TEXT.blob, DATASET_TEXT.text)
        return dict(self.db.rows(query.where(DATASET_TEXT.blob.in_(blobs))))

    def drop(self, dataset: str) -> None:
        """Delete the entries of a removed dataset's files."""
        table = SEARCH_ENTRY
        kinds = (Kind.EXAMPLE, Kind.PASSAGE, Kind.TREE)
        within = (table.dataset == dataset) & table.kind.in_(kinds)
        portion = table.select(table.id).where(within).limit(CHUNK)
        while self.db.run_in_transaction(
            partial(self.db.change, table.delete().where(table.id.in_(portion)))
        ):
            pass

    def search(
        self,
        dataset: str,
        example_filter: ExampleFilter,
        limit: int,
        before: int = 0,
        *,
        read_words: Callable[[], Vocabulary],
    ) -> list[ExampleEntry]:
        """Return examples as `find`; if no example has all words of the query, others.

        First those with the corrected words, of the vocabulary that `read_words` returns, then the
        nearest by meaning, best first.
        """
        letters = fold(example_filter.query[:MAX_QUERY_LENGTH])
        terms = parse_terms(letters)
        found = self.find(dataset, example_filter, limit, before)
        if found or not terms or self._has_any(dataset, terms):
            return found
        corrected = read_words().corrections(letters, MAX_WORDS)
        if corrected and self._has_any(dataset, terms_of(corrected)):
            return self._find(
                dataset, example_filter, limit, before, terms=terms_of(corrected)
            )
        if before:
            return []
        meant = SearchIndex(self.db).rank_by_meaning(
            Scope((Kind.EXAMPLE,), dataset),
            example_filter.query,
            _MAX_MEANT,
            _MIN_COSINE,
        )
        if not meant:
            return []
        found = self._find(dataset, example_filter, limit, among=meant)
        return sorted(found, key=lambda entry: -meant[entry.number])

    def _has_any(self, dataset: str, terms: Sequence[Term]) -> bool:
        return bool(self._find(dataset, ExampleFilter(), 1, terms=terms))

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
        return self._find(dataset, example_filter, limit, before, build, terms=terms)

    def _find(
        self,
        dataset: str,
        example_filter: ExampleFilter,
        limit: int,
        before: int = 0,
        build: int = 0,
        *,
        terms: Sequence[Term] = (),
        among: Iterable[int] | None = None,
    ) -> list[ExampleEntry]:
        """Return examples as `find`, with these terms in the place of the query's.

        `among`: only those with these numbers.
        """
        scope = Scope((Kind.EXAMPLE,), dataset)
        source = "search_entry AS entry"
        number = "entry.id"
        conditions = ["entry.dataset = ?", "entry.kind = 'example'"]
        values = list[object]([dataset])
        if terms:
            # The index first: it is in order, so the query stops when the page is full.
            number = "found.id"
            matches, words = SearchIndex(self.db).match(scope, terms)
            source = f"{matches} AS found CROSS JOIN {source}"
            conditions.insert(0, f"entry.id = {number}")
            values = [*words, *values]
        if among is not None:
            numbers = [*among]
            marks = ", ".join("?" * len(numbers))
            conditions.append(f"entry.id IN ({marks})")
            values += numbers
        if before:
            conditions.append(f"{number} < ?")
            values.append(before)
        for condition, bound in self._filter(dataset, example_filter):
            conditions.append(condition)
            values += bound
        page = (
            f"SELECT {_COLUMNS} FROM {source} WHERE {' AND '.join(conditions)}"
            f" ORDER BY {number} DESC LIMIT ?"
        )
        build = build or self._newest_build(dataset)[0]
        query = _PAGE.format(page=page.format(build=build), build=build, no_end=NO_END)
        rows = self.db.sql(query, *values, limit)
        return [_entry_from_row(dataset, row) for row in rows]

    def _filter(
        self, dataset: str, example_filter: ExampleFilter
    ) -> Iterator[tuple[str, Sequence[object]]]:
        """Yield the conditions of a filter beside its words, each with the values it binds."""
        if example_filter.tag:
            position = "instr" if self.db.dialect == "sqlite" else "strpos"
            yield f"{position}(entry.tags, ?) > 0", [f"\n{example_filter.tag}\n"]
        for name, condition in _FILTERS.items():
            if value := getattr(example_filter, name):
                yield f"entry.{condition}", [dataset, value]
        if example_filter.finding:
            yield f"entry.{_HAS_FINDING}", [dataset]

    def read_trained(
        self, dataset: str, numbers: Sequence[int]
    ) -> dict[int, tuple[Message, ...]]:
        """Return number -> messages of those of these examples that the newest build trains."""
        build, _, _ = self._newest_build(dataset)
        found: dict[int, tuple[Message, ...]] = {}
        for portion in in_portions(numbers, CHUNK):
            query = _TRAINED.format(marks=", ".join("?" * len(portion)))
            rows = self.db.sql(query, build, build, *portion)
            found.update((number, _without_system(told)) for number, told in rows)
        return {number: found[number] for number in numbers if number in found}

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
        query = (
            f"SELECT counter, ({_NEWEST_VERDICT}) FROM change_counter"
            f" WHERE id = {CATALOGUE_VERSION}"
        )
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
    db: Database,
    table: Table,
    dataset: str,
    paths: Sequence[str],
    *conditions: Any,
) -> dict[str, str]:
    """Return path -> blob of those of these files that have a row in the table."""
    known: dict[str, str] = {}
    within = reduce(and_, conditions, table.dataset == dataset)
    for portion in in_portions(paths, CHUNK):
        named = within & table.path.in_(portion)
        rows = db.rows(table.select(table.path, table.blob).where(named))
        known.update((row.path, row.blob) for row in rows)
    return known


def _make_entries(
    scope: Scope, path: str, blob: str, text: str | None
) -> Iterator[Columns]:
    """Yield the entries of a file: one of an example, one of each passage of a material."""
    row = {"dataset": scope.dataset, "path": path, "blob": blob}
    if Kind.EXAMPLE in scope.kinds:
        yield {**row, "kind": Kind.EXAMPLE, **_describe_example(path, text)}
        return
    from merlin.dataset.passages import split_passages  # noqa: PLC0415 - only of materials

    for place, passage in enumerate(split_passages(text or "")):
        lines = (f"{passage.heading}. {each.text}" for each in passage.paragraphs)
        yield {
            **row,
            "kind": Kind.PASSAGE,
            "place": place,
            "title": passage.heading,
            "text": "\n".join(map(_shorten_line, lines)),
            "words": index_words(passage.text),
        }


def _describe_example(path: str, text: str | None) -> Columns:
    """Return what is searched of an example; each of its tags stands between line ends."""
    example = parse_example(text)
    name = example_id_of(path)
    tags = dict.fromkeys(example.tags) if example else {}
    contents = (
        [message.content for message in example.messages] if example else [text or ""]
    )
    lines = [" ".join(tag.split()) for tag in tags]
    return {
        "name": name,
        "tags": "\n".join(("", *lines, "")) if lines else "",
        "text": _shorten_line(example.question) if example else "",
        "words": index_words("\n".join((name, *tags, *contents))[:MAX_CHARACTERS]),
    }


def _shorten_line(text: str) -> str:
    """Return the beginning of a text in one line, as it is encoded."""
    return " ".join(storable_text(text[:_MAX_LINE]).split())


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
