"""Undoing: the edit that takes a committed change back, where that can be known."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from merlin.core.errors import Refused
from merlin.dataset.change import Change, ChangeKind, ChangeState, Edit


def reversing(
    batch: Sequence[Change], blobs: Mapping[str, str], text: Callable[[str], str | None]
) -> list[Edit]:
    """Return the edits that take a batch back, its last file first.

    `blobs` maps each path of the dataset to the blob that lies there now; `text` tells what a
    blob said. Raises Refused for a batch that is no commit, for files that are not as the commit
    left them or not seen yet, and for a text that is kept no longer.
    """
    if any(each.state is not ChangeState.COMMITTED for each in batch):
        raise Refused("no commit", "change-not-committed")
    return [_reverse(each, blobs, text) for each in reversed(batch)]


def _reverse(change: Change, blobs: Mapping[str, str], text: Callable[[str], str | None]) -> Edit:
    path = change.path.removeprefix(f"{change.dataset}/")
    now = blobs.get(path)
    if now == change.before:
        raise Refused("the commit is not seen yet", "change-undo-early", path=path)
    if change.kind is ChangeKind.DELETE and now is not None:
        raise Refused("another file lies there", "change-undo-there", path=path)
    old = text(change.before) if change.before else None
    if change.kind is not ChangeKind.ADD and old is None:
        raise Refused("the text is not kept", "change-undo-lost", path=path)
    return Edit(path, now, old)
