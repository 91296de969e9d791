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

from merlin.chat.session import Place
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
    in its place, in the person's language. `ending` is the final state of the update, `standing`
    what the model was for the question, `cost_micro` what it cost in millionths of `currency`
    ("": nobody knows). `offer` names the buttons that are to stand under it ("": the usual ones).
    """

    answer: str
    note: str = ""
    ending: UpdateState = UpdateState.ANSWERED
    provider: str = ""
    model_id: str = ""
    usage: Usage = field(default_factory=Usage)
    standing: str = ""
    cost_micro: int = 0
    currency: str = ""
    offer: str = ""


@dataclass(frozen=True, slots=True)
class Question:
    """What was asked: the text that goes to the model, and the message that it stood in.

    `format` is text, voice, photo or document: what a plan counts. `asker` is the name that
    whoever asks in a group shows, "" in private chats.
    """

    session_id: int
    update_id: int
    user_id: int
    text: str
    message_id: int = 0
    format: str = "text"
    asker: str = ""


@dataclass(frozen=True, slots=True)
class Turn:
    """One stored turn; `written` is None until the whole answer is there."""

    turn_id: int
    question: Question
    placeholder_id: int | None = None
    written: Written | None = None


def named(question: str, name: str) -> str:
    """Return a question with who asks it before it, as the model is to see it."""
    return f"{name}: {question}" if name else question


class Turns(Protocol):
    """Where turns are kept, of one bot; each method is one transaction."""

    def find(self, update_id: int) -> Turn | None:
        """Return the turn of an update."""

    def ask(self, question: Question, placeholder_id: int | None) -> Turn:
        """Store a question with its placeholder; a stored turn gets the new ones.

        An earlier turn of the same message, and what it said, does not count any more.
        """

    def write(self, update_id: int, written: Written) -> None:
        """Store the whole answer; the first one stays."""

    def told(self, update_id: int) -> None:
        """Note that the whole answer stands in the chat."""

    def history(
        self, session_id: int, limit: int, without: int = 0, asker: int = 0
    ) -> Sequence[Message]:
        """Return the newest `limit` answered turns as messages, oldest first.

        The message `without` is about to be asked anew: what it said before does not count.
        Where several people ask, `asker` (who asks next) among them, each question is named.
        """

    def askers(self, session_id: int) -> set[int]:
        """Return whose questions a session has."""

    def get(self, turn_id: int) -> Turn | None:
        """Return a turn by its own number."""


class Corrections(Protocol):
    """What a message led to before somebody edited it."""

    def of_message(self, place: Place, message_id: int) -> Turn | None:
        """Return the newest turn of a person's message in a chat."""
