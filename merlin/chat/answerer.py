"""What the chat needs of a service that answers: an answer in pieces, and a model to start with.

Nothing here retries: how often and how long to try again is the caller's to decide.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from merlin.chat.steering import FREELY, Steering
from merlin.core.message import Message, Usage
from merlin.job.provider import ModelCard


@dataclass(frozen=True, slots=True)
class Piece:
    """One step of an answer that is being written; every field but one may be empty.

    `known` is what the model says of itself (False: "I do not know"), None where the provider
    does not tell. `usage` and `finish_reason` come once, near the end.
    """

    text: str = ""
    usage: Usage | None = None
    known: bool | None = None
    finish_reason: str | None = None


class Answerer(Protocol):
    """Something that answers by one provider's models.

    Each method raises ModelGone when the provider does not know the model (any more),
    ProviderBusy when the same call may pass later (down, overloaded, silent, unreadable or cut
    off in the middle), ProviderError when asking again changes nothing.
    """

    def stream(
        self, model_id: str, messages: Sequence[Message], steering: Steering = FREELY
    ) -> AsyncIterator[Piece]:
        """Yield the answer as it is written. Raises WishRefused too, before the first piece.

        An error after the first piece means that the answer is cut off: what came is all there
        is of it. An iterator that ends without an error has brought the whole answer.
        """

    async def first_model(self) -> str:
        """Return the first model that the provider lists."""

    async def models(self) -> list[ModelCard]:
        """Return the models that the provider lists, in its own order."""
