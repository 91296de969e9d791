"""Dataset files at the newest commit, with and without pending changes.

The rows are a cache of git that the daemon updates (`sync_files`). A second edit of a file is based
on the first one, even before the first is committed.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any

from peewee import JOIN, Case, Select, fn

from merlin.core.clock import utc_now
from merlin.core.errors import NotFound
from merlin.core.i18n import choose_translation
from merlin.core.names import is_valid_name
from merlin.dataset.builds import BUILDS, Build
from merlin.dataset.changes import Change, is_writable_path
from merlin.dataset.commit_message import name_example
from merlin.dataset.entries import ExampleEntries, FileText, read_blobs
from merlin.dataset.example_file import question_preview
from merlin.dataset.finding import Finding, shorten
from merlin.dataset.layout import EXAMPLES, example_id_of, example_path
from merlin.dataset.spec import Localised, load_spec
from merlin.dataset.verdicts import FINDINGS, ON_BRANCH, choose_newest
from merlin.dataset.yaml_io import MAX_FILE_BYTES, decode_text
from merlin.db.database import (
    CHUNK,
    Columns,
    Database,
    Repository,
    Row,
    in_portions,
    transaction,
)
from merlin.db.tables import (
    BUILD,
    CATALOGUE_VERSION,
    CHANGE,
    CHANGE_COUNTER,
    COMMIT,
    DATASET_FILE,
    DATASET_TEXT,
    DATASET_TREE,
    FINDING,
    VERDICT,
)
from merlin.db.values import RowMap
from merlin.git.source import EXECUTABLE, FILE, TreeEntry

if TYPE_CHECKING:
    from merlin.git.repository import GitSource

_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class DatasetCard:
    """One dataset in a list; `title` is empty when dataset.yaml could not be parsed."""

    name: str
    title: Localised
    examples: int

    def title_in(self, language: str) -> str:
        """Return its title in a language, or its name."""
        return choose_translation(self.title, language) or self.name


def sync_files(source: GitSource, index: FileIndex) -> bool:
    """Update the cached files to the newest mainline commit; return whether any dataset changed.

    Raises SourceError when the mirror cannot be read.
    """
    head = index.find_newest_commit()
    if head is None or not source.has_mirror:
        return False
    trees = source.dataset_trees(head)
    before = index.read_trees()
    # Folders with an invalid name are rejected and cannot be edited.
    now = {name: tree for name, tree in trees.items() if is_valid_name(name)}
    followed = ExampleEntries(index.db).read_followed()
    changed = [
        name
        for name, tree in now.items()
        if before.get(name) != tree or followed.get(name) != tree
    ]
    for name in changed:
        # No other path is stored: some are not even text that a database takes.
        blobs = {
            entry.path: entry.blob
            for entry in source.entries(head, name)
            if _is_shown(entry) and is_writable_path(entry.path)
        }
        known = index.read_blobs(name)
        is_indexed = followed.get(name) == before.get(name)
        paths = (
            path
            for path in {**known, **blobs}
            if known.get(path) != blobs.get(path) or not is_indexed
        )
        files = {path: blobs.get(path) for path in paths}
        for texts in _texts(
            source, index, sorted({blob for blob in files.values() if blob})
        ):
            index.add(texts)
        index.keep(name, now[name], files)
    deleted = before.keys() - now.keys()
    for name in deleted:
        index.drop(name)
    return bool(changed or deleted)


def _is_shown(entry: TreeEntry) -> bool:
    return entry.mode in (FILE, EXECUTABLE) and entry.size <= MAX_FILE_BYTES


def _texts(
    source: GitSource, index: FileIndex, blobs: Sequence[str]
) -> Iterator[dict[str, str | None]]:
    """Yield the texts that are not cached yet, in batches."""
    found = iter(source.read(index.list_uncached(blobs)))
    while chunk := dict(islice(found, _AT_ONCE)):
        decoded = ((blob, decode_text(content)) for blob, content in chunk.items())
        yield {blob: text if isinstance(text, str) else None for blob, text in decoded}


def is_behind(files: Sequence[FileText], committed: Sequence[Change]) -> bool:
    """Return whether the files do not show all committed changes (oldest first) yet.

    A file is behind when it has a blob from before a change and not the newest change's result.
    Both are compared, because an edit and its undo restore the earlier blob.
    """
    blobs = {file.path: file.blob for file in files}
    newest = {each.inside: each.committed_blob for each in committed}
    unmoved = {
        each.inside for each in committed if blobs.get(each.inside) == each.before
    }
    return any(blobs.get(path) != newest[path] for path in unmoved)


def apply_pending_changes(
    dataset: str, files: Sequence[FileText], changes: Sequence[Change]
) -> list[FileText]:
    """Return the files by path with pending changes applied; `changes` oldest first.

    A change whose `before` does not match the file is skipped: it will be a conflict.
    """
    by_path = {file.path: file for file in files}
    for change in changes:
        path = change.path.removeprefix(f"{dataset}/")
        here = by_path.get(path)
        if change.dataset != dataset or change.before != (here.blob if here else None):
            continue
        if change.text is None:
            by_path.pop(path, None)
        else:
            by_path[path] = FileText(
                dataset, path, change.blob or "", change.shown_text
            )
    return [by_path[path] for path in sorted(by_path)]


_INCOMPLETE = ""  # stored while the files of a new dataset are being written

_FILES = RowMap(FileText)
# For thousands of files at once: peewee takes five times as long.
_ADD_FILE = (
    "INSERT INTO dataset_file (dataset, path, blob) VALUES (:dataset, :path, :blob)"
)
_ADD_TEXT = """
INSERT INTO dataset_text (blob, text) VALUES (:blob, :text) ON CONFLICT DO NOTHING
"""


def _newest_spec(dataset: str) -> Select:
    """Return the SELECT of what dataset.yaml said at the newest commit."""
    newest = VERDICT.select(VERDICT.spec).where(
        (VERDICT.dataset == dataset) & ON_BRANCH
    )
    return newest.order_by(VERDICT.position.desc()).limit(1)


def _title(row: Row) -> Localised:
    spec = load_spec(row.spec)
    return spec.title if spec else {}


class FileIndex(Repository):
    """The cached files of all datasets at the newest commit."""

    def list_datasets(self) -> list[DatasetCard]:
        """Return all datasets at the newest commit, by name."""
        count = fn.COUNT(DATASET_FILE.path).alias("examples")
        joined = (DATASET_FILE.dataset == DATASET_TREE.dataset) & _is_example()
        query = (
            DATASET_TREE.select(DATASET_TREE.dataset, count)
            .join(DATASET_FILE, JOIN.LEFT_OUTER, on=joined)
            .where(DATASET_TREE.tree != _INCOMPLETE)
            .group_by(DATASET_TREE.dataset)
        )
        rows = sorted(self.db.rows(query), key=lambda row: str(row.dataset))
        titles = self.read_titles()
        return [
            DatasetCard(row.dataset, titles.get(row.dataset, {}), row.examples)
            for row in rows
        ]

    def read_titles(self) -> dict[str, Localised]:
        """Return dataset -> title, empty when dataset.yaml could not be parsed."""
        newest = choose_newest(VERDICT.select(VERDICT.dataset, VERDICT.spec))
        specs = ((row.dataset, load_spec(row.spec)) for row in self.db.rows(newest))
        return {dataset: spec.title if spec else {} for dataset, spec in specs}

    def is_known(self, dataset: str) -> bool:
        """Return whether a dataset exists at the newest commit."""
        row = self.db.row(DATASET_TREE.select().where(DATASET_TREE.dataset == dataset))
        return row is not None and row.tree != _INCOMPLETE

    def find_title(self, dataset: str) -> Localised | None:
        """Return a dataset's title as `read_title`, None if it does not exist."""
        is_known = (DATASET_TREE.dataset == dataset) & (
            DATASET_TREE.tree != _INCOMPLETE
        )
        known = DATASET_TREE.select(_newest_spec(dataset).alias("spec")).where(is_known)
        row = self.db.row(known)
        return None if row is None else _title(row)

    def read_title(self, dataset: str) -> Localised:
        """Return a dataset's title, empty when dataset.yaml could not be parsed."""
        row = self.db.row(_newest_spec(dataset))
        return _title(row) if row else {}

    def show_title(self, dataset: str, language: str) -> str:
        """Return a dataset's title in `language`, else in another language, else its name."""
        return choose_translation(self.read_title(dataset), language) or dataset

    def list_examples(
        self, dataset: str, offset: int = 0, limit: int = 20
    ) -> list[FileText]:
        """Return example files by id, broken ones included."""
        examples = _files().where((DATASET_FILE.dataset == dataset) & _is_example())
        return self._read(
            examples.order_by(DATASET_FILE.path).offset(offset).limit(limit)
        )

    def get(self, dataset: str, example_id: str) -> FileText:
        """Return one example's file. Raises NotFound."""
        named = (DATASET_FILE.dataset == dataset) & (
            DATASET_FILE.path == example_path(example_id)
        )
        found = self._read(_files().where(named))
        if not found:
            raise make_missing_example_error(dataset, example_id)
        return found[0]

    def read_texts(self, dataset: str, paths: Sequence[str]) -> dict[str, FileText]:
        """Return path -> file for the paths that exist; at most a few hundred paths."""
        named = (DATASET_FILE.dataset == dataset) & DATASET_FILE.path.in_(list(paths))
        return {each.path: each for each in self._read(_files().where(named))}

    def find_paths(self, dataset: str, paths: Collection[str]) -> set[str]:
        """Return those of the paths at which a dataset has a file now."""
        named = (DATASET_FILE.dataset == dataset) & DATASET_FILE.path.in_([*paths])
        return {row.path for row in self.db.rows(DATASET_FILE.select().where(named))}

    def list_files(self, dataset: str) -> list[FileText]:
        """Return all files of a dataset, by path."""
        files = _files().where(DATASET_FILE.dataset == dataset)
        return self._read(files.order_by(DATASET_FILE.path))

    def read_blobs(self, dataset: str) -> Mapping[str, str]:
        """Return path -> blob of all files of a dataset."""
        query = DATASET_FILE.select().where(DATASET_FILE.dataset == dataset)
        return {row.path: row.blob for row in self.db.rows(query)}

    def list_findings(
        self, dataset: str, paths: Sequence[str] | None = None
    ) -> list[Finding]:
        """Return the findings of the check at the newest commit that changed the dataset.

        With `paths` only those on these files.
        """
        newest = VERDICT.select(VERDICT.id).where(
            (VERDICT.dataset == dataset) & ON_BRANCH
        )
        newest = newest.order_by(VERDICT.position.desc()).limit(1)
        query = (
            FINDING.select().where(FINDING.verdict_id == newest).order_by(FINDING.id)
        )
        if paths is not None:
            query = query.where(FINDING.path.in_(list(paths)))
        return FINDINGS.read_all(self.db, query)

    def list_example_ids(self, dataset: str) -> list[str]:
        """Return the ids of a dataset's examples, in order."""
        query = DATASET_FILE.select(DATASET_FILE.path)
        rows = self.db.rows(
            query.where((DATASET_FILE.dataset == dataset) & _is_example())
        )
        return sorted(example_id_of(row.path) for row in rows)

    def read_text(self, blob: str) -> str | None:
        """Return the text of a blob, None when it is not cached."""
        return self.read_blob_texts([blob]).get(blob)

    def read_blob_texts(self, blobs: Collection[str]) -> dict[str, str | None]:
        """Return the texts of those of these blobs that are cached."""
        stored = DATASET_TEXT.select(DATASET_TEXT.blob, DATASET_TEXT.text)
        return dict(self.db.rows(stored.where(DATASET_TEXT.blob.in_([*blobs]))))

    def name_subject(self, change: Change) -> str:
        """Return the subject of a change, which names an example by its question if it is known."""
        (subject,) = self.name_subjects([change])
        return subject

    def name_subjects(self, changes: Sequence[Change]) -> list[str]:
        """Return the subjects of several changes as `name_subject`, by one query."""
        blobs = {
            blob
            for each in changes
            for blob in (each.committed_blob, each.before)
            if blob
        }
        texts = self.read_blob_texts(blobs) if blobs else {}
        return [_name_subject(change, texts) for change in changes]

    def find_newest_build(self, dataset: str) -> Build | None:
        """Return the dataset's newest build, None before the first."""
        newest = (
            BUILD.select().where(BUILD.dataset == dataset).order_by(BUILD.number.desc())
        )
        return BUILDS.find(self.db, newest)

    def _read(self, query: Select) -> list[FileText]:
        return _FILES.read_all(self.db, query)

    def find_newest_commit(self) -> str | None:
        """Return the newest mainline commit, None before the first."""
        mainline = COMMIT.select(COMMIT.sha).where(
            COMMIT.position.is_null(is_null=False)
        )
        found = self.db.value(mainline.order_by(COMMIT.position.desc()))
        return None if found is None else str(found)

    def read_trees(self) -> Mapping[str, str]:
        """Return dataset -> id of the cached tree."""
        return {row.dataset: row.tree for row in self.db.rows(DATASET_TREE.select())}

    def list_uncached(self, blobs: Sequence[str]) -> list[str]:
        """Return the blobs whose text is not cached."""
        known: set[str] = set()
        for portion in in_portions(blobs, CHUNK):
            condition = DATASET_TEXT.blob.in_(portion)
            rows = self.db.rows(DATASET_TEXT.select(DATASET_TEXT.blob).where(condition))
            known.update(row.blob for row in rows)
        return [blob for blob in blobs if blob not in known]

    def add(self, texts: Mapping[str, str | None]) -> None:
        """Cache texts by blob."""
        rows = ({"blob": blob, "text": text} for blob, text in texts.items())
        for portion in in_portions(rows, size=lambda row: len(row["text"] or "")):
            self.db.run_many(_ADD_TEXT, portion)

    def keep(self, dataset: str, tree: str, files: Mapping[str, str | None]) -> None:
        """Store the blobs of these files of a dataset (None: deleted) and its tree.

        Writes only differences, so that an edit of a large dataset takes a short transaction. Only
        the daemon writes here, so the old blobs are read outside it. Unused texts are deleted.
        """
        known = read_blobs(self.db, DATASET_FILE, dataset, sorted(files))
        # Before the files: after a crash in between the tree is still the old one, so it is redone.
        ExampleEntries(self.db).follow(dataset, tree, files)
        deleted = [path for path in known if files[path] != known[path]]
        new = [
            path
            for path, blob in sorted(files.items())
            if blob and known.get(path) != blob
        ]
        rows: list[Columns] = [
            {"dataset": dataset, "path": path, "blob": files[path]} for path in new
        ]
        if not self.db.has(DATASET_TREE, DATASET_TREE.dataset == dataset):
            # A new dataset's files are added in batches; lists omit it until they are complete.
            self.db.put(DATASET_TREE.insert({"dataset": dataset, "tree": _INCOMPLETE}))
            for portion in in_portions(rows):
                self.db.run_many(_ADD_FILE, portion)
            rows = []
        self._replace_files(dataset, tree, deleted, rows)
        self.delete_unused([known[path] for path in deleted])

    @transaction
    def _replace_files(
        self, dataset: str, tree: str, deleted: Sequence[str], new: Sequence[Columns]
    ) -> None:
        for portion in in_portions(deleted, CHUNK):
            named = (DATASET_FILE.dataset == dataset) & DATASET_FILE.path.in_(portion)
            self.db.delete(DATASET_FILE, named)
        self.db.run_many(_ADD_FILE, new)
        self.db.upsert(DATASET_TREE, {"dataset": dataset}, {"tree": tree})
        mark_catalogue_changed(self.db)  # the catalogue shows the texts of materials

    def drop(self, dataset: str) -> None:
        """Delete the files of a removed dataset and their unused texts."""
        blobs = set(self.read_blobs(dataset).values())
        ExampleEntries(self.db).drop(dataset)
        self._drop(dataset)
        self.delete_unused(blobs)

    @transaction
    def _drop(self, dataset: str) -> None:
        for table in (DATASET_FILE, DATASET_TREE):
            self.db.delete(table, table.dataset == dataset)
        mark_catalogue_changed(self.db)  # the catalogue shows the texts of materials

    def delete_unused(self, blobs: Iterable[str]) -> int:
        """Delete the unused texts among these blobs; return how many."""
        count = 0
        for portion in in_portions(blobs, CHUNK):
            # Checked again in the DELETE: an edit may have started to use a text meanwhile.
            condition = DATASET_TEXT.blob.in_(portion) & _is_unused()
            count += self.db.run_in_transaction(
                partial(self.db.change, DATASET_TEXT.delete().where(condition))
            )
        return count


def mark_catalogue_changed(db: Database) -> None:
    """Increase the catalogue's version; call it in the transaction that changes the catalogue.

    Versions are milliseconds since 1970, or the next number: so a restored or rebuilt database
    does not reuse a version. Waiting caches are notified.
    """
    now = int(utc_now().timestamp() * 1000)
    following = CHANGE_COUNTER.counter + 1
    newer = Case(None, [(following > now, following)], now)
    db.update(CHANGE_COUNTER, CHANGE_COUNTER.id == CATALOGUE_VERSION, counter=newer)
    db.announce_change()


def make_missing_example_error(dataset: str, example_id: str) -> NotFound:
    """Return the error for an example that a dataset does not have."""
    arguments = {"dataset": shorten(dataset), "example": shorten(example_id)}
    return NotFound(
        f"no example {example_id} in {dataset}", "change-no-example", **arguments
    )


def _name_subject(change: Change, texts: Mapping[str, str | None]) -> str:
    stored = (
        texts.get(blob) for blob in (change.committed_blob, change.before) if blob
    )
    question = next(filter(None, map(question_preview, (change.text, *stored))), "")
    example_id = example_id_of(change.inside)
    return name_example(change.subject, example_id, question or example_id)


def _is_unused() -> Any:
    """Return the condition for texts that no file and no edit that can be undone uses."""
    used = DATASET_FILE.select(DATASET_FILE.blob).where(
        DATASET_FILE.blob == DATASET_TEXT.blob
    )
    edited = CHANGE.select(CHANGE.before_blob).where(
        CHANGE.before_blob == DATASET_TEXT.blob
    )
    return ~fn.EXISTS(used) & ~fn.EXISTS(edited)


def _is_example() -> Any:
    return fn.SUBSTR(DATASET_FILE.path, 1, len(EXAMPLES)) == EXAMPLES


def _files() -> Select:
    query = DATASET_FILE.select(
        DATASET_FILE.dataset, DATASET_FILE.path, DATASET_FILE.blob, DATASET_TEXT.text
    )
    return query.join(DATASET_TEXT, on=(DATASET_TEXT.blob == DATASET_FILE.blob))
