"""Behind: what the door is given by wiring: who answers, and how patient to be with them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from merlin.chat.answerer import Answerer
from merlin.chat.desk import Patience
from merlin.chat.door import Means
from merlin.chat.known import Known


async def _nothing() -> None:
    """Close nothing."""


@dataclass(frozen=True, slots=True)
class Behind:
    """The providers by name, and what config says of them; `known` are the models' prices.

    `keep_s` is how often abandoned questions are given back, in seconds; 0: never. `aclose` lets
    the connections of the answerers go.
    """

    answerers: Mapping[str, Answerer] = field(default_factory=dict)
    means: Means = field(default_factory=Means)
    known: Known = field(default_factory=Known)
    patience: Patience = field(default_factory=Patience)
    keep_s: float = 0.0
    aclose: Callable[[], Awaitable[None]] = _nothing
