"""Steering: how an answer is to be written, where whoever asks has a wish of their own.

Only programs have any (`api.openai_compat`); a bot's question is answered as the model does by
itself. A wish that the model cannot fulfil is told (`WishRefused`), never passed over.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from merlin.core.errors import ProviderError


@dataclass(frozen=True, slots=True)
class Steering:
    """What is wished for, in the words of the protocol; None: as the model does by itself.

    `most_tokens` bounds the answer, `stops` are texts before which it ends. `response_format` is
    the protocol's own object: the provider alone knows which shapes its models can keep to.
    """

    temperature: float | None = None
    top_p: float | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    seed: int | None = None
    most_tokens: int | None = None
    stops: tuple[str, ...] = ()
    response_format: Mapping[str, object] | None = None

    @property
    def may_silence(self) -> bool:
        """Return whether an answer without a word may be just what was wished for."""
        return bool(self.stops or self.most_tokens)


FREELY = Steering()


class WishRefused(ProviderError):
    """The model that serves does not take a wish; `field` is its name in the protocol."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(reason)
        self.field = field
