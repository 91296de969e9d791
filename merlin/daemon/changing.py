"""The tick that commits queued changes and notifies their authors of the result.

If the repository accepts no push, the batch waits, the admins are notified once a day, and the
next attempt follows after a pause that doubles. A batch whose content is refused is parked after
REFUSALS attempts, and its author is notified.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import replace

from merlin.app.verdicts import notify_editors
from merlin.config import Config
from merlin.core.clock import Backoff, Clock
from merlin.core.errors import MerlinError, Refused, SourceError
from merlin.core.killpoint import kill_point
from merlin.core.log import get_logger, redact
from merlin.dataset.changes import (
    CONFLICT,
    Batch,
    BatchResult,
    Change,
    Changes,
    ChangeState,
)
from merlin.dataset.commit_batch import CommitContext, GitBranch, commit_changes
from merlin.dataset.files import FileIndex
from merlin.dataset.proposal_follower import ProposalFollower
from merlin.db.database import Database, transaction
from merlin.db.intents import Intents
from merlin.db.notices import ADMINS, Notices
from merlin.git.push import ContentRefused

log = get_logger(__name__)
FIRST_PAUSE_S = 2.0
MAX_PAUSE_S = 300.0
# A temporary server problem can look like a refusal of the content.
REFUSALS = 4


class ChangeProcessor:
    """Processes changes, oldest first; only the daemon calls it."""

    def __init__(
        self,
        db: Database,
        branch: GitBranch,
        config: Config,
        clock: Clock,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._commits = CommitContext(branch, Intents(db), clock)
        self.db = db
        self._queue = Changes(db, clock)
        self._notices = Notices(db, clock)
        self._clock = clock
        self._config = config
        self._backoff = Backoff(FIRST_PAUSE_S, MAX_PAUSE_S, monotonic)
        self._is_interrupted = True  # perhaps, by the end of the previous daemon

    def __call__(self) -> bool:
        """Commit the queued changes and send notices; return whether a commit was made."""
        notify_editors(self.db, self._config, self._clock)
        if self._backoff.left_s:
            return False
        if self._is_interrupted:
            self._queue.release()  # requeue batches that were interrupted
        self._is_interrupted = True  # a failure of the database leaves a batch claimed
        has_committed = False
        while (batch := self._queue.claim()) is not None:
            kill_point("change.claimed")
            first = replace(
                batch.first, subject=FileIndex(self.db).name_subject(batch.first)
            )
            batch = replace(batch, changes=(first, *batch.changes[1:]))
            try:
                has_committed = self._commit(batch) or has_committed
            except Exception as error:
                if not has_committed:
                    raise
                # The next call raises it again; the commits made so far are fetched at once.
                log.warning(
                    "a change waits", batch=batch.batch_id, reason=redact(str(error))
                )
                return True
        self._is_interrupted = False
        return has_committed

    def follow_proposals(self) -> bool:
        """Record what became of the changes of proposals."""
        proposals = ProposalFollower(self.db, self._clock, self._config.language)
        if proposals.is_due():
            proposals.follow()
        return False

    def _commit(self, batch: Batch) -> bool:
        """Commit a batch; return whether a commit was made. Raises SourceError for an outage."""
        try:
            result = commit_changes(self._commits, batch)
        except Refused as refusal:
            self._put_aside(batch, ChangeState.REFUSED, refusal)
            log.info("change refused", batch=batch.batch_id, reason=str(refusal))
            return False
        except ContentRefused as refusal:
            if not self._park_or_requeue(batch, refusal):
                raise
            return False
        except SourceError as failure:
            self._put_back(batch, failure)
            raise
        except Exception as error:
            # The cause may be this change, so do not block the others until it is fixed.
            self._park_or_requeue(
                batch, MerlinError(f"{type(error).__name__}: {error}")
            )
            raise
        self._backoff.reset()
        self._settle(batch, result)
        kill_point("change.recorded")
        log.info("change committed", batch=batch.batch_id, files=len(batch.changes))
        return True

    @transaction
    def _settle(self, batch: Batch, result: BatchResult) -> None:
        if not self._queue.settle(batch, result):
            return
        first = batch.first
        values = {"subject": first.subject, "commit": result.commit[:10]}
        values["change"] = first.change_id
        self._notify(first, "notice-change-committed", values)

    def _park_or_requeue(self, batch: Batch, refusal: MerlinError) -> bool:
        """Park the batch if it was refused too often, else requeue it; return whether parked."""
        refusals = self._queue.count_refusal(batch)
        if refusals % REFUSALS:
            self._put_back(batch, refusal)
            return False
        self._backoff.reset()
        self._put_aside(batch, ChangeState.PARKED, refusal)
        log.warning("change parked", batch=batch.batch_id, reason=redact(str(refusal)))
        return True

    @transaction
    def _put_aside(
        self, batch: Batch, state: ChangeState, refusal: MerlinError
    ) -> None:
        """Park or refuse a batch; notify its author, or the admins of a parked one of a command."""
        if not self._queue.put_aside(batch, state, refusal.key, refusal.arguments):
            return
        first = batch.first
        arguments = {"subject": first.subject, "reason": refusal.as_argument()}
        if refusal.key == CONFLICT:
            self._notify(
                first,
                "notice-change-conflict",
                {**arguments, "change": first.change_id},
            )
            return
        if state is ChangeState.REFUSED:
            self._notify(first, "notice-change-refused", arguments)
            return
        arguments["change"] = first.change_id
        self._notify(first, "notice-change-parked", arguments)
        if not first.by.isdecimal():
            arguments["by"] = first.by
            self._notices.notify(ADMINS, "notice-change-parked-of", arguments)

    def _put_back(self, batch: Batch, failure: MerlinError) -> None:
        self._backoff.begin()
        self._queue.put_aside(
            batch, ChangeState.WAITING, failure.key, failure.arguments
        )
        arguments = {"reason": failure.as_argument()}
        self._notices.notify_daily("notice-change-waits", arguments)

    def _notify(
        self, change: Change, key: str, arguments: Mapping[str, object]
    ) -> None:
        if change.by.isdecimal():
            self._notices.notify(change.by, key, arguments)
