"""What Merlin needs from the repository of datasets, and nothing more.

Text found in the repository
(paths, messages, names) is handed on as it is: whoever shows it makes it printable.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime

FILE = "100644"
EXECUTABLE = "100755"
SYMLINK = "120000"
GITLINK = "160000"


@dataclass(frozen=True, slots=True)
class Entry:
    """One leaf of a dataset's tree.

    `path` is relative to the dataset's folder and "/"-separated (`examples/face/fixation.yaml`);
    bytes that are no UTF-8 stand in it as surrogates (`surrogateescape`). `blob` is git's object
    id, `mode` git's six octal digits, `size` the bytes of the blob (0 where there is none).
    """

    path: str
    blob: str
    mode: str
    size: int


@dataclass(frozen=True, slots=True)
class Commit:
    """One commit on the branch's first-parent line.

    `position` counts the first-parent commits up to and with it, from 1. `committed_at` is
    aware UTC. `subject` is the first line of `message`. `is_readable` is False for a commit whose
    author, date or message could not be read whole.
    """

    sha: str
    parent: str | None
    position: int
    author_name: str
    author_email: str
    committed_at: datetime
    subject: str
    message: str
    is_readable: bool = True


_SHA1_DIGITS = 40


def blob_id(text: str | bytes, like: str = "") -> str:
    """Return the id that git gives a file with this text, of the same kind as the id `like`.

    Source: git's hash-object: the hash of blob, size, NUL, bytes, SHA-1 or SHA-256.
    """
    content = text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass")
    data = b"blob %d\0" % len(content) + content
    if len(like) > _SHA1_DIGITS:
        return hashlib.sha256(data).hexdigest()
    return hashlib.sha1(data, usedforsecurity=False).hexdigest()
