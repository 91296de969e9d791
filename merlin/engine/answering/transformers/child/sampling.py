"""From logits to the next token, row by row: each draws from a source of its own.

So a seed gives the same text whatever rows run beside it, as far as the logits are the same to
the last digits. Nothing here knows what a token says.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random

import torch
from torch import Tensor

# Where this many of the likeliest tokens hold `top_p` or an allowed one, the rest is not sorted.
FIRST = 256


@dataclass(frozen=True, slots=True)
class Sampling:
    """How one row's tokens are drawn; `temperature` 0 takes the likeliest."""

    temperature: float
    top_p: float
    source: Random = field(default_factory=Random)

    def draw(self, logits: Tensor) -> int:
        """Return a token. Shape of `logits`: vocabulary."""
        if not self.temperature:
            return int(logits.argmax())
        chances = torch.softmax(logits.double() / self.temperature, dim=-1)
        if self.top_p >= 1:
            return self._drawn(chances)
        tokens = _nucleus(chances, self.top_p)
        return int(tokens[self._drawn(chances[tokens])])

    def draw_allowed(self, logits: Tensor, is_allowed: Callable[[int], bool]) -> int | None:
        """Return a token that is allowed, None where none is.

        The allowed among the first likeliest are drawn from as if there were no others; where
        none of them is, it is the likeliest allowed.
        """
        first: list[int] = torch.topk(logits, min(FIRST, len(logits))).indices.tolist()
        if not self.temperature:
            found = next((token for token in first if is_allowed(token)), None)
        else:
            found = self._of(logits, [token for token in first if is_allowed(token)])
        if found is not None:
            return found
        rest: list[int] = torch.argsort(logits, descending=True)[len(first) :].tolist()
        return next((token for token in rest if is_allowed(token)), None)

    def _of(self, logits: Tensor, tokens: Sequence[int]) -> int | None:
        return tokens[self.draw(logits[list(tokens)])] if tokens else None

    def _drawn(self, chances: Tensor) -> int:
        """Return a place, each as likely as its share of the sum of `chances`."""
        sums = chances.cumsum(-1)
        drawn = self.source.random() * float(sums[-1])
        return min(int(torch.searchsorted(sums, drawn, right=True)), len(chances) - 1)


def _nucleus(chances: Tensor, top_p: float) -> Tensor:
    """Return the fewest likeliest tokens that together reach `top_p`, at least one."""
    most, tokens = torch.topk(chances, min(FIRST, len(chances)))
    if float(most.sum()) < top_p:
        most, tokens = torch.sort(chances, descending=True)
    before = most.cumsum(-1) - most
    return tokens[: max(int((before < top_p).sum()), 1)]


def chances_of(logits: Tensor, token: int, most: int) -> tuple[float, list[tuple[int, float]]]:
    """Return the natural logarithm of a token's probability, and the `most` likeliest tokens.

    Over the whole vocabulary and before temperature: what the model itself holds likely.
    """
    logs = torch.log_softmax(logits, dim=-1)
    top, tokens = torch.topk(logs, min(most, len(logs)))
    return float(logs[token]), list(zip(tokens.tolist(), top.tolist(), strict=True))
