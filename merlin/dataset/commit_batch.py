"""From a batch of changes to one commit on the branch, exactly once; reverting a commit.

    fetch -> write on the head -> intent -> push -> done
      ^            |                          |
      +------------+---- the branch moved on -+

A crash or a lost answer leaves the intent as `sending`: then the branch is asked for the batch's
id before anything is pushed again. The push names the head that it was written on, so of any
number of doubtful pushes one at most can land. A revert keeps what was written since.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from merlin.core.clock import Clock
from merlin.core.errors import Refused, SourceError
from merlin.core.killpoint import kill_point
from merlin.core.log import get_logger
from merlin.dataset.changes import (
    Batch,
    BatchResult,
    Change,
    ChangeKind,
    ChangeState,
    Conflict,
    Edit,
)
from merlin.db.intents import Intents, IntentState

if TYPE_CHECKING:
    from merlin.dataset.commit_writer import GitBranch

log = get_logger(__name__)

# Four committers at once needed up to 16 tries in a measured race.
TRIES = 30
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.02, 1.0


@dataclass(frozen=True, slots=True)
class WriteResult:
    """What writing on a head came to: a new commit, one that `is_there` already, or conflicts."""

    commit: str | None = None
    is_there: bool = False
    conflicts: Mapping[str, Conflict] = field(default_factory=dict)


def wait_before_retry(attempt: int) -> None:
    """Wait before another try: longer each time, and never in step with others who wait."""
    longest = min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2 ** min(attempt, 10))
    time.sleep(random.uniform(0, longest))  # noqa: S311 - no secret hangs on it


@dataclass(frozen=True, slots=True)
class CommitSettings:
    """What committing needs; `wait` is called with the number of the failed attempt."""

    branch: GitBranch
    intents: Intents
    clock: Clock
    wait: Callable[[int], None] = field(default=wait_before_retry)


def commit_changes(press: CommitSettings, batch: Batch) -> BatchResult:
    """Return what became of the batch: its commit on the branch, or its conflicts.

    Raises SourceError when the repository cannot be reached (the batch may be pushed or not: do
    this again), ContentRefused when it was reached and took no such commit, Refused when the
    change can never be made.
    """
    key = f"change:{batch.batch_id}"
    intent = press.intents.open(key, "change")
    if intent.state is IntentState.DONE:
        return BatchResult(intent.outside_id)
    is_doubtful = intent.state is IntentState.SENDING
    for attempt in range(TRIES):
        with press.branch.turn():
            landed = _tried(press, batch, key, is_doubtful=is_doubtful)
        if landed is not None:
            return _done(press, key, landed)
        log.info("the branch moved on", batch=batch.batch_id, attempt=attempt + 1)
        press.wait(attempt)
    raise SourceError(f"pushed {TRIES} times in vain", "change-raced", tries=TRIES)


def _tried(
    press: CommitSettings, batch: Batch, key: str, *, is_doubtful: bool
) -> BatchResult | None:
    """Return what one try came to, None when somebody else's push was first."""
    head = press.branch.head()
    if is_doubtful:
        found = press.branch.find(head, batch.batch_id)
        if found is not None:
            return BatchResult(found)
    written = press.branch.write(head, batch)
    if written.commit is None or written.is_there:
        return BatchResult(written.commit, written.conflicts)
    kill_point("change.written")
    press.intents.sending(key, press.clock())
    if not press.branch.push(written.commit, head):
        return None
    kill_point("change.pushed")
    return BatchResult(written.commit)


def _done(press: CommitSettings, key: str, landed: BatchResult) -> BatchResult:
    """Note that the branch has it; a conflict leaves the intent open for another try."""
    if landed.commit is None:
        press.intents.ready(key)
    else:
        press.intents.done(key, landed.commit)
    return landed


@dataclass(frozen=True, slots=True)
class Revert:
    """What taking a commit back comes to: `edits` do it, its last file first.

    `newer` are the paths of files that were written anew since: those stay as they are. A file
    that is again as it was before the commit needs nothing.
    """

    edits: tuple[Edit, ...]
    newer: tuple[str, ...] = ()


def plan_revert(
    batch: Sequence[Change], blobs: Mapping[str, str], text: Callable[[str], str | None]
) -> Revert:
    """Return what takes a batch back.

    `blobs` maps each path of the dataset to the blob that lies there now; `text` tells what a
    blob said. Raises Refused for a batch that is no commit, one not seen yet or undone already,
    one of which every file was written anew, and for a text that is kept no longer.
    """
    if any(each.state is not ChangeState.COMMITTED for each in batch):
        raise Refused("no commit", "change-not-committed")
    changed = [each for each in batch if blobs.get(each.inside) != each.before]
    standing = [each for each in changed if not was_edited_since(each, blobs)]
    newer = tuple(each.inside for each in changed if was_edited_since(each, blobs))
    if not standing and newer:
        raise Refused("all was written anew", "change-undo-since", path=newer[0])
    edits = [revert_change(each, blobs, text) for each in reversed(standing or batch)]
    return Revert(tuple(edits), newer)


def revert_change(
    change: Change, blobs: Mapping[str, str], text: Callable[[str], str | None]
) -> Edit:
    """Return the edit that takes one change back, over whatever lies there now. Raises Refused."""
    path = change.inside
    if blobs.get(path) == change.before:
        raise Refused("not seen yet, or undone", "change-undo-early", path=path)
    old = text(change.before) if change.before else None
    if change.before and old is None:
        raise Refused("the text is not kept", "change-undo-lost", path=path)
    return Edit(path, blobs.get(path), old)


def was_edited_since(change: Change, blobs: Mapping[str, str]) -> bool:
    """Return whether a file is neither as the commit left it nor as it was before."""
    # What was left there was not noted at first.
    is_known = change.left is not None or change.kind is ChangeKind.DELETE
    return is_known and blobs.get(change.inside) not in (change.left, change.before)
