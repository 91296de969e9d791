"""Waiting: the files of a dataset as they will lie once the changes that wait are commits.

Who edits a file twice in a row builds on their own first edit, though no commit holds it yet.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from merlin.dataset.change import Change
from merlin.dataset.editing import FileText

_SHA1_DIGITS = 40


def blob_of(text: str, like: str = "") -> str:
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
        now = blobs.get(change.path.removeprefix(f"{change.dataset}/"))
        return now == change.before and now != left[change.path]

    return any(is_unseen(each) for each in committed)


def with_waiting(
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
            blob = blob_of(change.text, like)
            found[path] = FileText(dataset, path, blob, change.text)
    return [found[path] for path in sorted(found)]
