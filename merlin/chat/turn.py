"""Turn: one question and its answer, kept so that a kill ends in exactly one whole answer.

    asked -> written -> told

`written`: the whole text is stored and what is left is to show it; from then on the model is not
asked again. The placeholder is the message that the answer is written into.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from merlin.core.message import Message, Usage
from merlin.inbox.update import UpdateState


class TurnState(StrEnum):
    """How far a turn has come; the values are what the database stores."""

    ASKED = "asked"
    WRITTEN = "written"
    TOLD = "told"


@dataclass(frozen=True, slots=True)
class Written:
    """What is to be shown and kept of a turn.

    `answer` is the model's own text, "" when none came; `note` is what Merlin says under it or
    in its place, in the person's language. `ending` is the final state of the update.
    """

    answer: str
    note: str = ""
    ending: UpdateState = UpdateState.ANSWERED
    provider: str = ""
    model_id: str = ""
    usage: Usage = field(default_factory=Usage)

    @property
    def shown(self) -> str:
        """Return what the person reads."""
        return "\n\n".join(part for part in (self.answer, self.note) if part.strip())


@dataclass(frozen=True, slots=True)
class Turn:
    """One stored turn; `written` is None until the whole answer is there."""

    turn_id: int
    update_id: int
    session_id: int
    question: str
    placeholder_id: int | None = None
    written: Written | None = None


class Turns(Protocol):
    """Where turns are kept, of one bot; each method is one transaction."""

    def find(self, update_id: int) -> Turn | None:
        """Return the turn of an update."""

    def ask(
        self, session_id: int, update_id: int, question: str, placeholder_id: int | None
    ) -> Turn:
        """Store a question with its placeholder; a stored turn gets the new placeholder."""

    def write(self, update_id: int, written: Written) -> None:
        """Store the whole answer; the first one stays."""

    def told(self, update_id: int) -> None:
        """Note that the whole answer stands in the chat."""

    def history(self, session_id: int, limit: int) -> Sequence[Message]:
        """Return the newest `limit` answered turns as messages, oldest first."""
