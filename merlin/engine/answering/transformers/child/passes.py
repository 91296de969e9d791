"""Forward passes over rows of different lengths: all in one where the base can, else one by one."""

from __future__ import annotations

from collections.abc import Sequence
from inspect import signature
from typing import Any, Protocol

import torch
from torch import Tensor
from transformers import DynamicCache

from merlin.engine.answering.transformers.child.memory import RowMemory
from merlin.engine.answering.transformers.child.mix import Low, Mix

Tokens = Sequence[Sequence[int]]
# What forward methods call what was read so far.
_MEMORY_NAMES = ("past_key_values", "cache_params")
_FULL, _SLIDING = "full_attention", "sliding_attention"


class Memory(Protocol):
    """What was read of some rows, in order."""

    lengths: list[int]

    def take(self, other: Any) -> None:
        """Put the rows of another memory of the same kind behind one's own."""

    def drop(self, row: int) -> None:
        """Let a row go; the last one takes its place."""


class Passes(Protocol):
    """One way to go through the model; `can_part`: a prompt may be read in several passes."""

    can_part: bool

    def memory(self, rows: int) -> Memory:
        """Return an empty memory of so many rows."""

    def read(self, memory: Any, tokens: Tokens, adapters: Sequence[Low | None]) -> Tensor:
        """Read the next tokens of each row, each with its adapter.

        Several tokens only where all rows are of one length. Returns the logits after the last
        token of each; shape: rows x vocabulary, float32.
        """


class Together:
    """Every row in one pass: a mask and positions of our own for each."""

    can_part = True

    def __init__(self, model: Any, mix: Mix) -> None:
        self._model = model
        self._mix = mix
        config = model.config.get_text_config()
        kinds = getattr(config, "layer_types", None) or ()
        self._is_mixed = _SLIDING in kinds
        is_sliding = self._is_mixed or not kinds
        self._window = (is_sliding and getattr(config, "sliding_window", None)) or 0

    def memory(self, rows: int) -> RowMemory:
        """Return an empty memory of so many rows."""
        made = RowMemory()
        made.lengths = [0] * rows
        return made

    def read(self, memory: RowMemory, tokens: Tokens, adapters: Sequence[Low | None]) -> Tensor:
        """Read the next tokens of each row, padded at the right to the longest."""
        self._mix.choose(adapters)
        counts = [len(row) for row in tokens]
        device = self._model.device
        padded = [[*row, *[0] * (max(counts) - len(row))] for row in tokens]
        starts = torch.tensor(memory.lengths, device=device)
        places = starts[:, None] + torch.arange(max(counts), device=device)
        memory.begin(places)
        logits = self._model(
            input_ids=torch.tensor(padded, device=device),
            attention_mask=self._masks(places, max(memory.lengths) + max(counts)),
            position_ids=places,
            past_key_values=memory,
            use_cache=True,
            logits_to_keep=torch.tensor(counts, device=device)[:, None] - 1,
        ).logits
        memory.grown(counts)
        return as_read(logits)

    def _masks(self, places: Tensor, end: int) -> Tensor | dict[str, Tensor]:
        if not self._is_mixed:
            return self._mask(places, end, self._window)
        full = self._mask(places, end, 0)
        return {_FULL: full, _SLIDING: self._mask(places, end, self._window)}

    def _mask(self, places: Tensor, end: int, window: int) -> Tensor:
        """Return what is added to the attention: 0 where a token may look, else the least number.

        Shape: rows x 1 x new tokens x `end`.
        """
        dtype = self._model.dtype
        seen = torch.arange(end, device=places.device)
        behind = places[:, :, None] - seen
        hidden = behind < 0
        if window:
            hidden |= behind >= window
        mask = torch.zeros(hidden.shape, dtype=dtype, device=places.device)
        return mask.masked_fill_(hidden, torch.finfo(dtype).min)[:, None]


class OwnMemories:
    """A cache of transformers' own for each row."""

    def __init__(self, config: Any, rows: int) -> None:
        self.lengths = [0] * rows
        self.caches = [DynamicCache(config=config) for _ in range(rows)]

    def take(self, other: OwnMemories) -> None:
        """Put the rows of another memory behind one's own."""
        self.lengths += other.lengths
        self.caches += other.caches

    def drop(self, row: int) -> None:
        """Let a row go; the last one takes its place."""
        self.lengths[row], self.caches[row] = self.lengths[-1], self.caches[-1]
        self.lengths.pop()
        self.caches.pop()


class OneByOne:
    """Every row in a pass of its own: for bases whose memory is no plain list of keys."""

    # The state of such layers is mostly made for one more token, or for a whole beginning.
    can_part = False

    def __init__(self, model: Any, mix: Mix) -> None:
        self._model = model
        self._mix = mix
        taken = signature(model.forward).parameters
        self._last_alone = {"logits_to_keep": 1} if "logits_to_keep" in taken else {}
        self._memory_name = next(name for name in _MEMORY_NAMES if name in taken)

    def memory(self, rows: int) -> OwnMemories:
        """Return an empty memory of so many rows."""
        return OwnMemories(self._model.config, rows)

    def read(self, memory: OwnMemories, tokens: Tokens, adapters: Sequence[Low | None]) -> Tensor:
        """Read the next tokens of each row, one row after another."""
        rows = range(len(tokens))
        return torch.cat([self._row(memory, row, tokens[row], adapters[row]) for row in rows])

    def _row(
        self, memory: OwnMemories, row: int, tokens: Sequence[int], adapter: Low | None
    ) -> Tensor:
        self._mix.choose([adapter])
        logits = self._model(
            input_ids=torch.tensor([list(tokens)], device=self._model.device),
            use_cache=True,
            **{self._memory_name: memory.caches[row], **self._last_alone},
        ).logits
        memory.lengths[row] += len(tokens)
        return as_read(logits)


def as_read(logits: Tensor) -> Tensor:
    """Return the logits of the last place of each row as sampling takes them."""
    return logits[:, -1].float()
