"""The tick of changes: waiting edits become commits, and editors hear what came of them.

A repository that takes no push delays nothing else: the change waits and says why, the admins
are told once a day, and the next try comes after a pause that doubles. What the repository refuses
for its content, while it may take others, is parked after REFUSALS tries; its editor is told.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from merlin.app.verdicts import notify_editors
from merlin.core.clock import Clock
from merlin.core.errors import MerlinError, Refused, SourceError
from merlin.core.i18n import cut
from merlin.core.killpoint import kill_point
from merlin.core.log import get_logger, redact
from merlin.dataset.changes import Batch, BatchResult, Change, Changes, ChangeState
from merlin.dataset.commit_batch import CommitSettings, GitBranch, commit_changes
from merlin.dataset.commit_message import parse_subject
from merlin.dataset.example import question_preview
from merlin.db.database import Database
from merlin.db.intents import Intents
from merlin.db.notices import ADMINS, Notices
from merlin.git.push import ContentRefused

log = get_logger(__name__)
FIRST_PAUSE_S, MAX_PAUSE_S = 2.0, 300.0
TOLD_LETTERS = 1000
# A server that is unwell may refuse for a moment what it takes afterwards.
REFUSALS = 4


class ChangeProcessor:
    """Works changes off, oldest first; called by the daemon alone."""

    def __init__(
        self,
        db: Database,
        branch: GitBranch,
        clock: Clock,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._commits = CommitSettings(branch, Intents(db), clock)
        self._queue = Changes(db, clock)
        self._notices = Notices(db, clock)
        self._clock = clock
        self._monotonic = monotonic
        self._pause_s = FIRST_PAUSE_S
        self._rest_until = 0.0
        self._is_first = True

    def __call__(self) -> bool:
        """Commit what waits and tell what is known; return whether a commit was made."""
        if self._is_first:
            self._queue.release()  # what was cut off is taken up again
            self._is_first = False
        notify_editors(self._queue.db, self._clock)
        if self._monotonic() < self._rest_until:
            return False
        moved = False
        while (batch := self._queue.claim()) is not None:
            kill_point("change.claimed")
            moved = self._commit(batch) or moved
        return moved

    def _commit(self, batch: Batch) -> bool:
        """Make one batch a commit; return whether it was. Raises SourceError for an outage."""
        try:
            landed = commit_changes(self._commits, batch)
        except Refused as refusal:
            self._refuse(batch, refusal)
            return False
        except ContentRefused as refusal:
            if not self._is_parked(batch, refusal):
                raise
            return False
        except SourceError as failure:
            self._put_back(batch, failure)
            raise
        except Exception as bug:
            # It may lie in the change: nobody else is to wait for its mending.
            self._is_parked(batch, MerlinError(f"{type(bug).__name__}: {bug}"))
            raise
        self._pause_s = FIRST_PAUSE_S
        self._settle(batch, landed)
        return landed.commit is not None

    def _settle(self, batch: Batch, landed: BatchResult) -> None:
        first = batch.first
        if landed.commit is not None:
            values = {"subject": _subject(first), "commit": landed.commit[:10]}
            self._tell(first, "notice-change-committed", values)
        for change in batch.changes:
            theirs = landed.conflicts.get(change.change_id)
            if theirs is not None:
                values = {
                    "path": change.path,
                    "ours": _cut_or_dash(change.text),
                    "theirs": _cut_or_dash(theirs.text),
                    "change": change.change_id,
                }
                self._tell(change, "notice-change-conflict", values)
        # Last of all: a death before it tells nothing twice, for notices are told by their word.
        self._queue.settle(batch, landed)
        kill_point("change.recorded")
        what = landed.commit or "conflict"
        log.info("change settled", batch=batch.batch_id, files=len(batch.changes), outcome=what)

    def _refuse(self, batch: Batch, refusal: Refused) -> None:
        values = {"subject": _subject(batch.first), "reason": _reason(refusal)}
        self._tell(batch.first, "notice-change-refused", values)
        self._queue.put_aside(batch, ChangeState.REFUSED, refusal.key, refusal.arguments)
        log.info("change refused", batch=batch.batch_id, reason=str(refusal))

    def _is_parked(self, batch: Batch, refusal: MerlinError) -> bool:
        """Return whether the batch is parked, as it was refused too often; else it waits on."""
        refusals = self._queue.count_refusal(batch)
        if refusals % REFUSALS:
            self._put_back(batch, refusal)
            return False
        self._pause_s = FIRST_PAUSE_S
        first = batch.first
        arguments = {"subject": _subject(first), "reason": _reason(refusal)}
        if first.by.isdecimal():
            arguments["change"] = first.change_id
            self._tell(first, "notice-change-parked", arguments, refusals)
        else:
            arguments |= {"change": first.change_id, "by": first.by}
            once = f"change:{first.change_id}:parked:{refusals}"
            self._notices.tell(ADMINS, "notice-change-parked-of", arguments, once=once)
        self._queue.put_aside(batch, ChangeState.PARKED, refusal.key, refusal.arguments)
        log.warning("change parked", batch=batch.batch_id, reason=redact(str(refusal)))
        return True

    def _put_back(self, batch: Batch, failure: MerlinError) -> None:
        self._rest_until = self._monotonic() + self._pause_s
        self._pause_s = min(MAX_PAUSE_S, 2 * self._pause_s)
        self._queue.put_aside(batch, ChangeState.WAITING, failure.key, failure.arguments)
        day = self._clock().date().isoformat()
        arguments = {"reason": _reason(failure)}
        self._notices.tell(ADMINS, "notice-change-waits", arguments, once=f"change-waits:{day}")

    def _tell(
        self, change: Change, key: str, arguments: Mapping[str, object], refusals: int | None = None
    ) -> None:
        if change.by.isdecimal() and self._queue.stands(change.change_id):
            word = key.removeprefix("notice-change-")
            mark = (change.before or "") if refusals is None else refusals
            once = f"change:{change.change_id}:{word}:{mark}"
            self._notices.tell(change.by, key, arguments, once=once)


def _subject(change: Change) -> Mapping[str, object] | str:
    return parse_subject(change.subject, question_preview(change.text))


def _reason(error: MerlinError) -> Mapping[str, object]:
    return {"key": error.key, "arguments": dict(error.arguments)}


def _cut_or_dash(text: str | None) -> str:
    return "—" if text is None else cut(text, TOLD_LETTERS)
