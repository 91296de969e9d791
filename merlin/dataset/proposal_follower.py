"""What becomes of proposals after their review: committed, waiting again, or removed from git.

Withdrawn examples are removed by another change; what they replaced is not restored.
"""

from typing import Any

from peewee import fn

from merlin.core.clock import Clock, utc_now
from merlin.core.errors import NotFound
from merlin.dataset.changes import (
    Change,
    ChangeRequest,
    Changes,
    ChangeState,
    Edit,
    make_changes,
)
from merlin.dataset.commit_message import local_editor
from merlin.dataset.entries import read_blobs
from merlin.dataset.layout import example_id_of, example_path
from merlin.dataset.proposals import REOPENED, ProposalState, tell_author
from merlin.db.database import Database, Repository, Row, transaction
from merlin.db.tables import (
    CHANGE,
    COMMIT,
    DATASET_FILE,
    PROPOSAL,
    REVOKED_EXAMPLE,
    REVOKED_VERSION,
    VERDICT,
)
from merlin.db.values import load_json

# The author and requester of removals. It is not a user, so no notice is sent.
MERLIN = "merlin"
AT_ONCE = 50
_WITHDRAWN = (PROPOSAL.state == ProposalState.WITHDRAWN.value) & (
    PROPOSAL.example_ids != ""
)


class ProposalFollower(Repository):
    """Updates approved and withdrawn proposals from their changes, with subjects in `language`."""

    def __init__(
        self, db: Database, clock: Clock = utc_now, language: str = "en"
    ) -> None:
        super().__init__(db, clock)
        self._language = language
        self._changes = Changes(db, clock)

    def is_due(self) -> bool:
        """Return whether `follow` has work to do; writes nothing."""
        approved = PROPOSAL.state == ProposalState.APPROVED.value
        return self.db.has(PROPOSAL, approved | _WITHDRAWN)

    def follow(self) -> None:
        """Process finished changes and remove withdrawn examples."""
        approved = PROPOSAL.state == ProposalState.APPROVED.value
        over = (ChangeState.COMMITTED, ChangeState.REFUSED)
        for row in self._rows(approved & _is_in(PROPOSAL.change_id, *over)):
            self._settle(row, self._change(row.change_id))
        is_over = _is_in(PROPOSAL.removal_id, *over)
        for row in self._rows(_WITHDRAWN & (PROPOSAL.removal_id != "") & is_over):
            self._check_removal(row, self._change(row.removal_id))
        for row in self._rows(_WITHDRAWN & (PROPOSAL.removal_id == "")):
            self._remove(row, self._change(row.change_id))

    def _rows(self, condition: Any) -> list[Row]:
        return self.db.rows(
            PROPOSAL.select().where(condition).order_by(PROPOSAL.id).limit(AT_ONCE)
        )

    def _change(self, change_id: str) -> Change | None:
        try:
            return self._changes.get(change_id)
        except NotFound:
            return None

    @transaction
    def _settle(self, row: Row, change: Change | None) -> None:
        """Mark an approved proposal as committed, or as waiting when its Change was refused."""
        if change is None or change.state is ChangeState.COMMITTED:
            self._set(row, state=ProposalState.COMMITTED.value)
            tell_author(self.db, self._clock, row, "notice-proposal-committed")
        elif change.state is ChangeState.REFUSED:
            self._changes.withdraw(change.change_id)  # the proposal has its text
            self._set(row, **REOPENED)

    @transaction
    def _remove(self, row: Row, change: Change | None) -> None:
        """Remove withdrawn examples: cancel the Change if not committed, else delete the files."""
        if change is not None and change.commit is None:
            self._cancel(row, change)
            return
        clean = {
            example_path(each): blob
            for each, (_, blob) in load_json(row.corrected).items()
        }
        paths = [example_path(each) for each in row.example_ids.split()]
        blobs = read_blobs(self.db, DATASET_FILE, row.dataset, paths)
        theirs = [
            path
            for path in paths
            if path not in clean or blobs.get(path) != clean[path]
        ]
        is_behind = change is not None and not self._is_recorded(change)
        if is_behind and not blobs.keys() & {*theirs}:
            return  # the file index is not updated yet
        pending = self._changes.list_pending(row.dataset)
        if any(each.inside in paths for each in pending):
            return  # an edit of a file, which may bring these words, is committed first
        if not theirs:
            self._set(row, example_ids="")
            return
        # Their versions of now, too: an editor may have changed them since the withdrawal.
        versions = [
            {
                "dataset": row.dataset,
                "example_id": example_id_of(path),
                "blob": blobs[path],
            }
            for path in theirs
            if path in clean and path in blobs
        ]
        self.db.add_missing(REVOKED_VERSION, versions)
        # A file missing from the index is looked up in git, so a removal never waits for the index.
        edits = [Edit(path, blobs.get(path), None) for path in theirs]
        request = ChangeRequest(
            local_editor(MERLIN), MERLIN, self._clock(), self._language
        )
        changes = make_changes(row.dataset, edits, request)
        self._changes.put(changes)
        self._set(row, removal_id=changes[0].change_id)

    def _cancel(self, row: Row, change: Change) -> None:
        """Withdraw the Change of examples, which never reached git; then nothing is revoked."""
        is_over = change.state is ChangeState.REFUSED
        if not (self._changes.withdraw(change.change_id) or is_over):
            return
        for table in (REVOKED_EXAMPLE, REVOKED_VERSION):
            theirs = table.example_id.in_(row.example_ids.split())
            self.db.delete(table, (table.dataset == row.dataset) & theirs)
        self._set(row, example_ids="")

    def _is_recorded(self, change: Change) -> bool:
        """Return whether the commit of a change was fetched and recorded."""
        # While a commit is being recorded it has neither a position nor a verdict.
        recorded = VERDICT.select(VERDICT.commit_sha).where(
            VERDICT.commit_sha == change.commit
        )
        is_recorded = COMMIT.position.is_null(is_null=False) | COMMIT.sha.in_(recorded)
        return self.db.has(COMMIT, (COMMIT.sha == change.commit) & is_recorded)

    @transaction
    def _check_removal(self, row: Row, change: Change | None) -> None:
        """Finish a committed removal; reset a refused one, so that it is retried."""
        if change is None or change.state is ChangeState.COMMITTED:
            self._set(row, example_ids="")
        elif change.state is ChangeState.REFUSED:
            self._set(row, removal_id="")

    def _set(self, row: Row, **values: object) -> None:
        is_same = (PROPOSAL.id == row.id) & (PROPOSAL.state == row.state)
        self.db.update(PROPOSAL, is_same, **values)


def _is_in(change_id: Any, *states: ChangeState) -> Any:
    """Return the condition for rows whose change has one of the states, or is deleted."""
    # Without it many parked ones would keep later ones from being processed.
    is_other = (CHANGE.change_id == change_id) & CHANGE.state.not_in([*states])
    return ~fn.EXISTS(CHANGE.select(CHANGE.id).where(is_other))
