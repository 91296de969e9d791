"""Entries and commits of the dataset repository.

Text from the repository (paths, messages, names) is passed on unchanged; whoever displays it makes
it printable.
"""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

FILE = "100644"
EXECUTABLE = "100755"
SYMLINK = "120000"
GITLINK = "160000"
TREE = "040000"
EMPTY_TREE = (
    "4b825dc642cb6eb9a060e54bf8d69288fbee4904"  # git knows it without an object
)

# Files and folders of one listing, and the bytes of their lines: twice what a dataset may have.
# 800 bytes of trees that contain one tree many times name a million files, 1 kB any number of them.
MAX_LISTED = 250_000
MAX_LISTED_BYTES = 100_000_000


@dataclass(frozen=True, slots=True)
class TreeEntry:
    """One leaf of a dataset's tree.

    `path` is relative to the dataset's folder and "/"-separated (`examples/face/fixation.yaml`);
    bytes that are not UTF-8 are kept as surrogates (`surrogateescape`). `blob` is git's object id,
    or a number for a file that is read without git, "" if there is none; `mode` git's six octal
    digits, `size` the size of the blob in bytes (0 if there is none).
    """

    path: str
    blob: str
    mode: str
    size: int


# In place of the files of a dataset whose folder has more than `MAX_LISTED`.
TOO_MANY = TreeEntry("", "", "", 0)

# Yields (blob, bytes) of the given blobs, in their order.
BlobReader = Callable[[Sequence[str]], Iterator[tuple[str, bytes]]]


@dataclass(frozen=True, slots=True)
class Commit:
    """One commit of the branch's first-parent history.

    `position` counts the first-parent commits up to and including it, from 1. `committed_at` is
    aware UTC. `subject` is the first line of `message`.
    """

    sha: str
    parent: str | None
    position: int
    author_name: str
    author_email: str
    committed_at: datetime
    subject: str
    message: str


def blob_id(text: str | bytes) -> str:
    """Return the id that git gives a file with this content.

    Source: git's hash-object: the SHA-1 of "blob", size, NUL, content.
    """
    content = text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass")
    data = b"blob %d\0" % len(content) + content
    return hashlib.sha1(data, usedforsecurity=False).hexdigest()
