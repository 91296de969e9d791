"""Reply: what came of asking, whole or not, and the draft it grows from."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from merlin.chat.answerer import Piece
from merlin.chat.route import Choice
from merlin.core.errors import ProviderError
from merlin.core.message import Usage
from merlin.core.utf16 import whole

# Several times what any model says at once; nobody reads on, and memory is not endless.
LONGEST_ANSWER = 300_000


class Ending(StrEnum):
    """How a reply ended."""

    WHOLE = "whole"
    STOPPED = "stopped"  # the person stopped it: what came is shown
    CUT = "cut"  # the stream broke: what came is shown with a mark
    LENGTH = "length"  # the model's own limit
    FILTERED = "filtered"  # the provider's content filter
    EMPTY = "empty"  # an answer without a word
    TOO_LONG = "too_long"  # the question alone does not fit the model's window
    BUSY = "busy"  # a model is there, but cannot answer now
    NOBODY = "nobody"  # no model of the route could be asked


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something that admins should hear of; `kind` is gone, spent or refused."""

    kind: str
    provider: str
    model_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class Reply:
    """What came of asking; `choice` and `model_id` name who answered, None and "" nobody.

    `limit_tokens`: the provider refused the talk as too long for a window of so many tokens; what
    is here then answers the question alone.
    """

    ending: Ending
    text: str = ""
    choice: Choice | None = None
    model_id: str = ""
    usage: Usage = field(default_factory=Usage)
    known: bool | None = None
    troubles: tuple[Trouble, ...] = ()
    limit_tokens: int | None = None

    @property
    def is_answer(self) -> bool:
        """Return whether this is what the model had to say, be it not a word as it was wished."""
        return bool(self.text) or self.ending in (Ending.WHOLE, Ending.LENGTH)


@dataclass(slots=True)
class Draft:
    """An answer as far as it has come."""

    text: str = ""
    usage: Usage = field(default_factory=Usage)
    known: bool | None = None
    finish_reason: str = ""

    def take(self, piece: Piece) -> None:
        """Add one piece. Raises ProviderError for an answer that does not end."""
        self.text += piece.text
        if len(self.text) > LONGEST_ANSWER:
            raise ProviderError("the answer does not end")
        self.usage = piece.usage or self.usage
        self.known = self.known if piece.known is None else piece.known
        self.finish_reason = piece.finish_reason or self.finish_reason

    def ending(self, *, may_be_empty: bool = False) -> Ending:
        """Return how an answer that the provider called finished has ended.

        `may_be_empty`: whoever asked had the model stop where not a word may have come.
        """
        if self.finish_reason == "content_filter":
            return Ending.FILTERED
        if not self.text.strip() and not may_be_empty:
            return Ending.EMPTY
        return Ending.LENGTH if self.finish_reason == "length" else Ending.WHOLE

    def reply(self, choice: Choice, model_id: str, ending: Ending) -> Reply:
        """Return the reply that this draft is."""
        return Reply(ending, whole(self.text.strip()), choice, model_id, self.usage, self.known)
