"""Undoing: the edits that take a commit back, without what was written since."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from merlin.core.errors import Refused
from merlin.dataset.change import Change, ChangeKind, ChangeState, Edit


@dataclass(frozen=True, slots=True)
class Undoing:
    """What taking a commit back comes to: `edits` do it, its last file first.

    `newer` are the paths of files that were written anew since: those stay as they are. A file
    that is again as it was before the commit needs nothing.
    """

    edits: tuple[Edit, ...]
    newer: tuple[str, ...] = ()


def undoing(
    batch: Sequence[Change], blobs: Mapping[str, str], text: Callable[[str], str | None]
) -> Undoing:
    """Return what takes a batch back.

    `blobs` maps each path of the dataset to the blob that lies there now; `text` tells what a
    blob said. Raises Refused for a batch that is no commit, one not seen yet or undone already,
    one of which every file was written anew, and for a text that is kept no longer.
    """
    if any(each.state is not ChangeState.COMMITTED for each in batch):
        raise Refused("no commit", "change-not-committed")
    changed = [each for each in batch if blobs.get(_inside(each)) != each.before]
    standing = [each for each in changed if not is_newer(each, blobs)]
    newer = tuple(_inside(each) for each in changed if is_newer(each, blobs))
    if not standing and newer:
        raise Refused("all was written anew", "change-undo-since", path=newer[0])
    edits = [reverse(each, blobs, text) for each in reversed(standing or batch)]
    return Undoing(tuple(edits), newer)


def reverse(change: Change, blobs: Mapping[str, str], text: Callable[[str], str | None]) -> Edit:
    """Return the edit that takes one change back, over whatever lies there now. Raises Refused."""
    path = _inside(change)
    if blobs.get(path) == change.before:
        raise Refused("not seen yet, or undone", "change-undo-early", path=path)
    old = text(change.before) if change.before else None
    if change.before and old is None:
        raise Refused("the text is not kept", "change-undo-lost", path=path)
    return Edit(path, blobs.get(path), old)


def is_newer(change: Change, blobs: Mapping[str, str]) -> bool:
    """Return whether a file is neither as the commit left it nor as it was before."""
    # What was left there was not noted at first.
    is_known = change.left is not None or change.kind is ChangeKind.DELETE
    return is_known and blobs.get(_inside(change)) not in (change.left, change.before)


def _inside(change: Change) -> str:
    return change.path.removeprefix(f"{change.dataset}/")
