"""Files of a dataset as an editor sees them: as they are, and with waiting changes.

The daemon keeps the rows (`sync_files`); they are a cache of git. An editor who edits a file
twice in a row builds on their own first edit, though no commit holds it yet.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING

from merlin.dataset import layout
from merlin.dataset.changes import Change, is_writable_path
from merlin.dataset.layout import Limits, example_id_of
from merlin.dataset.spec import Localised
from merlin.git.source import EXECUTABLE, FILE, Entry

if TYPE_CHECKING:
    from merlin.dataset.file_index import FileIndex
    from merlin.git.repository import GitSource

_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class DatasetCard:
    """One dataset as a list shows it; `title` is empty where dataset.yaml could not be read."""

    name: str
    title: Localised
    examples: int


@dataclass(frozen=True, slots=True)
class FileText:
    """One file; `text` is None when its bytes are no text. `path` is within the dataset."""

    dataset: str
    path: str
    blob: str
    text: str | None

    @property
    def example_id(self) -> str:
        """Return the example's id that the path says."""
        return example_id_of(self.path)


@dataclass(frozen=True, slots=True)
class ExampleCommit:
    """One commit that wrote an example: by whom, when, and its first line."""

    commit: str
    author: str
    at: datetime
    subject: str


def sync_files(source: GitSource, books: FileIndex) -> bool:
    """Bring the kept files to the newest commit of the line; return whether any dataset moved.

    Raises SourceError when the mirror cannot be read.
    """
    head = books.newest()
    if head is None:
        return False
    trees, before = source.dataset_trees(head), books.trees()
    # What lies under another name is rejected, and nobody may write there.
    now = {name: tree for name, tree in trees.items() if layout.is_valid_name(name)}
    changed = [name for name, tree in now.items() if before.get(name) != tree]
    for name in changed:
        files = {each.path: each.blob for each in source.entries(head, name) if _is_shown(each)}
        for texts in _texts(source, books, sorted(set(files.values()))):
            books.add(texts)
        books.keep(name, now[name], files)
    gone = before.keys() - now.keys()
    for name in gone:
        books.drop(name)
    return bool(changed or gone)


def _is_shown(entry: Entry) -> bool:
    is_file = entry.mode in (FILE, EXECUTABLE) and entry.size <= Limits().file_bytes
    return is_file and is_writable_path(entry.path)


def _texts(
    source: GitSource, books: FileIndex, blobs: Sequence[str]
) -> Iterator[dict[str, str | None]]:
    """Yield the texts that are not kept yet, so many at once."""
    left: Iterable[tuple[str, bytes]] = source.read(books.unknown(blobs))
    found = iter(left)
    while chunk := dict(islice(found, _AT_ONCE)):
        yield {blob: _text(content) for blob, content in chunk.items()}


def _text(content: bytes) -> str | None:
    """Return what a person can edit, None for bytes that are no text."""
    try:
        words = content.decode("utf-8")
    except UnicodeDecodeError:
        return None
    return None if "\0" in words else words


_SHA1_DIGITS = 40


def blob_id(text: str, like: str = "") -> str:
    """Return the id that git gives a file with this text, of the same kind as the id `like`.

    Source: git's hash-object: the hash of blob, size, NUL, bytes, SHA-1 or SHA-256.
    """
    content = text.encode("utf-8", "surrogatepass")
    said = b"blob %d\0" % len(content) + content
    if len(like) > _SHA1_DIGITS:
        return hashlib.sha256(said).hexdigest()
    return hashlib.sha1(said, usedforsecurity=False).hexdigest()


def is_behind(files: Sequence[FileText], committed: Sequence[Change]) -> bool:
    """Return whether a commit of these, oldest first, is not seen in the files yet.

    One lies as it was before, and not as the newest of them left it: an edit and its undoing
    leave what was there before.
    """
    blobs = {each.path: each.blob for each in files}
    left = {each.path: each.left for each in committed}

    def is_unseen(change: Change) -> bool:
        now = blobs.get(change.inside)
        return now == change.before and now != left[change.path]

    return any(is_unseen(each) for each in committed)


def apply_pending_changes(
    dataset: str, files: Sequence[FileText], changes: Sequence[Change]
) -> list[FileText]:
    """Return the files by path with what waits already done; `changes` oldest first.

    A change that no longer fits what lies there is passed over: it will be a conflict.
    """
    found = {each.path: each for each in files}
    like = files[0].blob if files else ""
    for change in changes:
        path = change.path.removeprefix(f"{dataset}/")
        here = found.get(path)
        if change.dataset != dataset or change.before != (here.blob if here else None):
            continue
        if change.text is None:
            found.pop(path, None)
        else:
            blob = blob_id(change.text, like)
            found[path] = FileText(dataset, path, blob, change.text)
    return [found[path] for path in sorted(found)]
