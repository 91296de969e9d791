"""Following proposals between the dialog and git; fulfils `chat.review.Followed`.

Everything is read from the rows each time, so that a kill at any place loses nothing.
"""

from __future__ import annotations

from typing import Any

from merlin.chat.review import ProposalState
from merlin.core.clock import Clock, utc_now
from merlin.core.errors import NotFound
from merlin.dataset.change import Asked, Change, ChangeState, Edit, changes_of
from merlin.dataset.editor import editor_here
from merlin.store.changes import ChangeRows
from merlin.store.changes_tables import DATASET_FILE
from merlin.store.cipher import Cipher
from merlin.store.database import Database, Row, transaction
from merlin.store.notices import NoticeRows
from merlin.store.proposals import file_of
from merlin.store.ratings_tables import PROPOSAL, REVOKED_EXAMPLE
from merlin.store.shown import version
from merlin.store.tables import BUILD, BUILD_EXAMPLE, COMMIT, MODEL, SERVING, VERDICT

# In whose name an example is taken out, and who asked for it: nobody is told of that Change.
MERLIN = "merlin"
AT_ONCE = 50
_WITHDRAWN = (PROPOSAL.state == ProposalState.WITHDRAWN.value) & (PROPOSAL.example_id != "")


class FollowingRows:
    """What becomes of approvals and withdrawals, and who is to be thanked."""

    def __init__(self, db: Database, cipher: Cipher, clock: Clock = utc_now) -> None:
        self.db = db
        self._clock = clock
        self._changes = ChangeRows(db, cipher, clock)
        self._notices = NoticeRows(db, clock)

    def is_due(self) -> bool:
        """Return whether anything is on its way, or somebody to be thanked; writes nothing."""
        approved = PROPOSAL.state == ProposalState.APPROVED.value
        on_its_way = PROPOSAL.select(PROPOSAL.id).where(approved | _WITHDRAWN)
        return any(self.db.row(query) is not None for query in (on_its_way, _learnt()))

    def follow(self) -> None:
        """See what became of approvals and withdrawals, and thank those whose words were learnt.

        Where nothing is to be done nothing is written.
        """
        approved = PROPOSAL.state == ProposalState.APPROVED.value
        for row in self._rows(approved):
            self._settle(row, self._change(row["change_id"]))
        for row in self._rows(_WITHDRAWN & (PROPOSAL.removal_id != "")):
            self._check_removal(row, self._change(row["removal_id"]))
        for row in self._rows(_WITHDRAWN & (PROPOSAL.removal_id == "")):
            self._remove(row, self._change(row["change_id"]))
        for row in self.db.rows(_learnt()):
            self._thank(row)

    def _rows(self, these: Any) -> list[Row]:
        return self.db.rows(PROPOSAL.select().where(these).order_by(PROPOSAL.id).limit(AT_ONCE))

    def _change(self, change_id: str) -> Change | None:
        try:
            return self._changes.get(change_id)
        except NotFound:
            return None

    @transaction
    def _settle(self, row: Row, change: Change | None) -> None:
        """Note that an approved example is in git, or that its Change came to nothing."""
        if change is None or change.state is ChangeState.COMMITTED:
            self._set(row, state=ProposalState.COMMITTED.value)
        elif change.state is ChangeState.REFUSED:
            again = {"state": ProposalState.WAITING.value, "example_id": "", "change_id": ""}
            self._set(row, **again)

    @transaction
    def _remove(self, row: Row, change: Change | None) -> None:
        """Take a withdrawn example back: its Change as long as it waits, else its file."""
        if change is not None and change.state is not ChangeState.COMMITTED:
            is_over = change.state is ChangeState.REFUSED
            if is_over or self._changes.give_up(change.change_id):
                self._unname(row)  # git never had it
                self._set(row, example_id="")
            return
        path = file_of(row["example_id"])
        here = (DATASET_FILE.dataset == row["dataset"]) & (DATASET_FILE.path == path)
        blob = self.db.value(DATASET_FILE.select(DATASET_FILE.blob).where(here))
        if blob is None and change is not None and not self._is_recorded(change):
            return  # the shelf has yet to get it
        # Of a file that is on no shelf git itself is asked: nothing waits for what never comes.
        edit = Edit(path, None if blob is None else str(blob), None)
        asked = Asked(editor_here(MERLIN), MERLIN, self._clock())
        changes = changes_of(row["dataset"], [edit], asked)
        self._changes.put(changes)
        self._set(row, removal_id=changes[0].change_id)

    def _unname(self, row: Row) -> None:
        these = REVOKED_EXAMPLE.dataset == row["dataset"]
        these &= REVOKED_EXAMPLE.example_id == row["example_id"]
        self.db.change(REVOKED_EXAMPLE.delete().where(these))

    def _is_recorded(self, change: Change) -> bool:
        """Return whether the commit of a change was fetched."""
        # One that is being recorded has neither a place on the line nor a verdict yet.
        told = VERDICT.select(VERDICT.commit_sha).where(VERDICT.commit_sha == change.commit)
        is_told = COMMIT.position.is_null(False) | COMMIT.sha.in_(told)  # noqa: FBT003 - peewee's own
        this = COMMIT.select(COMMIT.sha).where((COMMIT.sha == change.commit) & is_told)
        return self.db.row(this) is not None

    @transaction
    def _check_removal(self, row: Row, change: Change | None) -> None:
        """Let a removal be asked for anew where somebody changed the file in between."""
        if change is None or change.state is ChangeState.COMMITTED:
            self._set(row, example_id="")
        elif change.state is ChangeState.CONFLICT:
            self._changes.give_up(change.change_id)
            self._set(row, removal_id="")
        elif change.state is ChangeState.REFUSED:
            self._set(row, removal_id="")

    @transaction
    def _thank(self, row: Row) -> None:
        """Thank a person, once, for what the serving model has learnt from them."""
        these = (PROPOSAL.id == row["id"]) & (PROPOSAL.is_thanked == 0)
        if self.db.change(PROPOSAL.update({"is_thanked": 1}).where(these)):
            told = {"build": version(row["dataset"], row["number"])}
            once = f"learnt:{row['id']}"
            self._notices.tell(str(row["user_id"]), "notice-learnt", told, once)

    def _set(self, row: Row, **values: object) -> None:
        is_same = (PROPOSAL.id == row["id"]) & (PROPOSAL.state == row["state"])
        self.db.change(PROPOSAL.update(values).where(is_same))


def _learnt() -> Any:
    """Return the SELECT of proposals that a serving model learnt and nobody was thanked for."""
    states = [ProposalState.APPROVED.value, ProposalState.COMMITTED.value]
    open_ = PROPOSAL.state.in_(states) & (PROPOSAL.is_thanked == 0) & (PROPOSAL.example_id != "")
    taught = (BUILD_EXAMPLE.dataset == PROPOSAL.dataset) & (
        BUILD_EXAMPLE.example_id == PROPOSAL.example_id
    )
    query = PROPOSAL.select(PROPOSAL.id, PROPOSAL.user_id, PROPOSAL.dataset, BUILD.number)
    query = query.join(BUILD_EXAMPLE, on=taught)
    query = query.join(MODEL, on=(MODEL.build_id == BUILD_EXAMPLE.build_id))
    query = query.join(SERVING, on=(SERVING.model_row == MODEL.id))
    query = query.join(BUILD, on=(BUILD.id == MODEL.build_id))
    return query.where(open_ & (PROPOSAL.user_id != 0)).limit(AT_ONCE)
