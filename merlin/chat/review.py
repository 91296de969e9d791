"""Review: corrections that people propose as examples, until an editor decides.

    waiting -> approved -> committed        waiting -> declined
    waiting, approved, committed -> withdrawn (the person took the consent back)

An approval asks for a Change, which becomes a commit in the editor's name. A change that is
refused or given up puts its proposal back. What is withdrawn is taken out of git by a Change too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from merlin.dataset.editor import Editor

MOST_WAITING = 20
MOST_LETTERS = 8000


class ProposalState(StrEnum):
    """Where a proposal stands; the values are what is stored."""

    WAITING = "waiting"
    APPROVED = "approved"
    DECLINED = "declined"
    COMMITTED = "committed"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True)
class Draft:
    """A question and the answer that a person would have liked, masked, for a dataset."""

    question: str
    answer: str
    dataset: str
    turn_id: int = 0
    model_id: str = ""


@dataclass(frozen=True, slots=True)
class Proposal:
    """One draft on its way; `example_id` is the example's id in its dataset, "" before an approval.

    `change_id` is the Change that an approval asked for, `reason` why an editor declined.
    """

    proposal_id: int
    user_id: int
    draft: Draft
    state: ProposalState
    at: datetime
    example_id: str = ""
    change_id: str = ""
    reviewed_by: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Approval:
    """What an editor makes of a proposal: the example as it shall be, in whose name."""

    draft: Draft
    editor: Editor
    by: int
    tags: tuple[str, ...] = ()


class Proposals(Protocol):
    """The person's side; each method is one transaction."""

    def add(self, user_id: int, draft: Draft) -> int | None:
        """Propose an example; one of the same turn that still waits gives way to it.

        None where the person has too many waiting.
        """

    def of_user(self, user_id: int) -> list[Proposal]:
        """Return what the person proposed, oldest first, the withdrawn left out."""

    def withdraw(self, user_id: int) -> list[str]:
        """Take back everything the person proposed; return the models trained on any of it.

        None of them serves from now on, and the admins are told so. What git has is removed from
        it by Changes, as soon as `follow` comes by.
        """


class Reviews(Protocol):
    """The editors' side; each method is one transaction."""

    def count(self, datasets: Sequence[str] | None = None) -> int:
        """Return how many wait, of these datasets (None: of all)."""

    def waiting(
        self, offset: int = 0, limit: int = 8, datasets: Sequence[str] | None = None
    ) -> list[Proposal]:
        """Return what waits, oldest first."""

    def get(self, proposal_id: int) -> Proposal:
        """Return a proposal. Raises NotFound."""

    def approve(self, proposal_id: int, approval: Approval) -> str | None:
        """Ask for the commit that makes it an example; return the Change's id.

        None where it does not wait any more. Raises Refused for a text that no file may hold.
        """

    def decline(self, proposal_id: int, by: int, reason: str = "") -> bool:
        """Say no; the words are forgotten. False where it does not wait any more."""


class Followed(Protocol):
    """What is looked after between the dialog and git."""

    def is_due(self) -> bool:
        """Return whether anything is on its way, or somebody to be thanked; writes nothing."""

    def follow(self) -> None:
        """See what became of approvals and withdrawals, and thank those whose words were learnt."""
