"""Rows of proposed examples; fulfils `chat.review.Proposals` and `chat.review.Reviews`.

The words are sealed, and forgotten when a proposal is declined or withdrawn.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from peewee import fn

from merlin.account.audit import user as told_user
from merlin.chat.review import MOST_WAITING, Approval, Draft, Proposal, ProposalState
from merlin.core.clock import Clock, from_iso, iso, utc_now
from merlin.core.errors import NotFound
from merlin.core.message import Message
from merlin.dataset.change import Asked, Edit, changes_of
from merlin.dataset.example import Example
from merlin.dataset.layout import EXAMPLES
from merlin.dataset.naming import Names
from merlin.dataset.writing import write_example
from merlin.store.changes import ChangeRows
from merlin.store.changes_tables import DATASET_FILE
from merlin.store.cipher import Cipher
from merlin.store.database import Database, Row, transaction
from merlin.store.promotions import PromotionRows
from merlin.store.ratings_tables import PROPOSAL, REVOKED_EXAMPLE
from merlin.store.sealed import opened
from merlin.store.tables import BUILD_EXAMPLE, MODEL

# Where examples that came from people's corrections lie within a dataset.
FOLDER = "from-chat/"
_FORGOTTEN: Row = {"question": "", "answer": "", "reason": ""}
_WAITS = PROPOSAL.state == ProposalState.WAITING.value


class ProposalRows:
    """One row a correction that somebody proposed."""

    def __init__(self, db: Database, cipher: Cipher, clock: Clock = utc_now) -> None:
        self.db = db
        self._cipher = cipher
        self._clock = clock
        self._changes = ChangeRows(db, cipher, clock)
        self._promotions = PromotionRows(db, clock)

    @transaction
    def add(self, user_id: int, draft: Draft) -> int | None:
        """Propose an example; one of the same turn that still waits gives way to it."""
        mine = (PROPOSAL.user_id == user_id) & _WAITS
        if draft.turn_id:
            self.db.change(PROPOSAL.delete().where(mine & (PROPOSAL.turn_id == draft.turn_id)))
        count = PROPOSAL.select(fn.COUNT(PROPOSAL.id)).where(mine)
        if int(self.db.value(count)) >= MOST_WAITING:
            return None
        return self.db.add(PROPOSAL, self._new(user_id, draft))

    def _new(self, user_id: int, draft: Draft) -> Row:
        return {
            "user_id": user_id,
            "dataset": draft.dataset,
            "question": self._cipher.seal(draft.question),
            "answer": self._cipher.seal(draft.answer),
            "turn_id": draft.turn_id,
            "model_id": draft.model_id,
            "state": ProposalState.WAITING.value,
            "example_id": "",
            "change_id": "",
            "removal_id": "",
            "reviewed_by": "",
            "reason": "",
            "is_thanked": 0,
            "at": iso(self._clock()),
            "reviewed_at": None,
        }

    def of_user(self, user_id: int) -> list[Proposal]:
        """Return what the person proposed, oldest first, the withdrawn left out."""
        mine = (PROPOSAL.user_id == user_id) & (PROPOSAL.state != ProposalState.WITHDRAWN.value)
        query = PROPOSAL.select().where(mine).order_by(PROPOSAL.id)
        return [self._proposal(row) for row in self.db.rows(query)]

    @transaction
    def withdraw(self, user_id: int) -> list[str]:
        """Take back everything the person proposed; return the models trained on any of it.

        None of them serves from now on.
        """
        mine = PROPOSAL.user_id == user_id
        models = trained_on(self.db, mine)
        self._revoke(mine & (PROPOSAL.example_id != ""))
        ended = {"state": ProposalState.WITHDRAWN.value, **_FORGOTTEN}
        if self.db.change(PROPOSAL.update(ended).where(mine)):
            self.db.bump()
        return models

    def _revoke(self, these: Any) -> None:
        """Keep the names of these proposals' examples, and let no model serve that learnt one."""
        named = PROPOSAL.select(PROPOSAL.dataset, PROPOSAL.example_id).where(these)
        rows = [{**row, "at": iso(self._clock())} for row in self.db.rows(named)]
        if rows:
            self.db.add_missing(REVOKED_EXAMPLE, rows)
            self._promotions.retire_revoked()

    def count(self, datasets: Sequence[str] | None = None) -> int:
        """Return how many wait, of these datasets (None: of all)."""
        query = PROPOSAL.select(fn.COUNT(PROPOSAL.id)).where(_waiting(datasets))
        return int(self.db.value(query))

    def waiting(
        self, offset: int = 0, limit: int = 8, datasets: Sequence[str] | None = None
    ) -> list[Proposal]:
        """Return what waits, oldest first."""
        query = PROPOSAL.select().where(_waiting(datasets)).order_by(PROPOSAL.id)
        return [self._proposal(row) for row in self.db.rows(query.offset(offset).limit(limit))]

    def get(self, proposal_id: int) -> Proposal:
        """Return a proposal. Raises NotFound."""
        row = self.db.row(PROPOSAL.select().where(PROPOSAL.id == proposal_id))
        if row is None:
            words = f"no proposal {proposal_id}"
            raise NotFound(words, "proposal-unknown", proposal=str(proposal_id))
        return self._proposal(row)

    @transaction
    def approve(self, proposal_id: int, approval: Approval) -> str | None:
        """Ask for the commit that makes it an example; return the Change's id."""
        if self.get(proposal_id).state is not ProposalState.WAITING:
            return None
        draft = approval.draft
        example_id = self._free_id(draft)
        edit = Edit(file_of(example_id), None, write_example(_example(draft, approval.tags)))
        asked = Asked(approval.editor, str(approval.by), self._clock())
        changes = changes_of(draft.dataset, [edit], asked)
        self._changes.put(changes)
        change_id = changes[0].change_id
        told = {"dataset": draft.dataset, "example_id": example_id, "change_id": change_id}
        self._review(proposal_id, ProposalState.APPROVED, approval.by, told)
        return change_id

    def _free_id(self, draft: Draft) -> str:
        """Return an id that no example of the dataset has or had, and no other proposal."""
        files = DATASET_FILE.select(DATASET_FILE.path).where(DATASET_FILE.dataset == draft.dataset)
        lying = [id_of(row["path"]) for row in self.db.rows(files)]
        asked = PROPOSAL.select(PROPOSAL.example_id).where(PROPOSAL.dataset == draft.dataset)
        gone = REVOKED_EXAMPLE.select(REVOKED_EXAMPLE.example_id).where(
            REVOKED_EXAMPLE.dataset == draft.dataset
        )
        named = (row["example_id"] for query in (asked, gone) for row in self.db.rows(query))
        taken = [*lying, *named]
        names = Names(each.removeprefix(FOLDER) for each in taken)
        return f"{FOLDER}{names.new(draft.question)}"

    @transaction
    def decline(self, proposal_id: int, by: int, reason: str = "") -> bool:
        """Say no; the words are forgotten. False where it does not wait any more."""
        why = self._cipher.seal(reason) if reason else ""
        return self._review(proposal_id, ProposalState.DECLINED, by, {**_FORGOTTEN, "reason": why})

    def _review(self, proposal_id: int, state: ProposalState, by: int, told: Row) -> bool:
        reviewed = {"reviewed_by": told_user(by), "reviewed_at": iso(self._clock())}
        these = (PROPOSAL.id == proposal_id) & _WAITS
        values = {**told, **reviewed, "state": state.value}
        return self.db.change(PROPOSAL.update(values).where(these)) > 0

    def _proposal(self, row: Row) -> Proposal:
        return Proposal(
            proposal_id=row["id"],
            user_id=row["user_id"],
            draft=Draft(
                question=opened(self._cipher, row["question"]) or "",
                answer=opened(self._cipher, row["answer"]) or "",
                dataset=row["dataset"],
                turn_id=row["turn_id"],
                model_id=row["model_id"],
            ),
            state=ProposalState(row["state"]),
            at=from_iso(row["at"]),
            example_id=row["example_id"],
            change_id=row["change_id"],
            reviewed_by=row["reviewed_by"],
            reason=opened(self._cipher, row["reason"]) or "",
        )


def trained_on(db: Database, these: Any) -> list[str]:
    """Return the models that learnt any of these proposals, by name."""
    taught = (BUILD_EXAMPLE.dataset == PROPOSAL.dataset) & (
        BUILD_EXAMPLE.example_id == PROPOSAL.example_id
    )
    query = (
        PROPOSAL.select(MODEL.model_id)
        .join(BUILD_EXAMPLE, on=taught)
        .join(MODEL, on=(MODEL.build_id == BUILD_EXAMPLE.build_id))
        .where(these & (PROPOSAL.example_id != ""))
        .distinct()
    )
    return sorted(row["model_id"] for row in db.rows(query))


def file_of(example_id: str) -> str:
    """Return the path of an example's file within its dataset."""
    return f"{EXAMPLES}{example_id}.yaml"


def id_of(path: str) -> str:
    """Return the id of the example whose file this is."""
    return path.removeprefix(EXAMPLES).removesuffix(".yaml")


def example_yaml(draft: Draft) -> str:
    """Return a draft as the file that it would be."""
    return write_example(_example(draft, ()))


def _example(draft: Draft, tags: tuple[str, ...]) -> Example:
    said = (Message("user", draft.question), Message("assistant", draft.answer))
    return replace(Example("", "", "", said), tags=tags, source="chat")


def _waiting(datasets: Sequence[str] | None) -> Any:
    return _WAITS if datasets is None else _WAITS & PROPOSAL.dataset.in_(list(datasets))
