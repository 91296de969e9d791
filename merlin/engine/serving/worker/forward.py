"""Forward passes over rows of different lengths: all in one where the base can, else one by one.

Keys and values of all rows lie in one tensor a layer.
"""

from __future__ import annotations

from collections.abc import Sequence
from inspect import signature
from typing import Any, Protocol

import torch
from torch import Tensor
from transformers import Cache, DynamicCache

from merlin.engine.serving.worker.lora_stack import AdapterStack, LoraWeights

_STEP = 64
Tokens = Sequence[Sequence[int]]
# What forward methods call what was read so far.
_MEMORY_NAMES = ("past_key_values", "cache_params")
_FULL, _SLIDING = "full_attention", "sliding_attention"


class RowMemory(Cache):  # type: ignore[misc]
    """A cache of transformers whose rows are written each at its own place.

    Shape of every layer's keys and values: rows x heads x capacity x width. What lies behind a
    row's length is rubbish, and the mask hides it. Rows are kept without gaps: the last takes the
    place of one that leaves.
    """

    def __init__(self) -> None:
        super().__init__(layers=[])
        self.lengths: list[int] = []
        self._places: tuple[Tensor, Tensor] | None = None
        self._keys: dict[int, Tensor] = {}
        self._values: dict[int, Tensor] = {}

    def __len__(self) -> int:
        return len(self.lengths)

    def get_seq_length(self, layer_idx: int = 0) -> int:  # noqa: ARG002 - all layers are alike
        """Return the longest row's length; the forward pass gets positions and mask from us."""
        return max(self.lengths, default=0)

    def begin(self, places: Tensor) -> None:
        """Say where the coming tokens are written; shape: rows x new tokens."""
        rows = torch.arange(len(self), device=places.device)
        self._places = (rows, places[:, 0]) if places.shape[1] == 1 else None

    def update(
        self, key_states: Tensor, value_states: Tensor, layer_idx: int, *_: Any, **__: Any
    ) -> tuple[Tensor, Tensor]:
        """Write new tokens behind each row's length; return all of the rows up to the longest.

        Shape: rows x heads x new tokens x width. Where several tokens are new, every row must be
        of one length. `begin` comes before the first layer, `grown` after the last.
        """
        end = self.get_seq_length() + key_states.shape[2]
        kept = []
        for held, new in ((self._keys, key_states), (self._values, value_states)):
            held[layer_idx] = self._roomy(held.get(layer_idx), new, end)
            self._write(held[layer_idx], new)
            kept.append(held[layer_idx][: len(self), :, :end])
        return kept[0], kept[1]

    def grown(self, counts: list[int]) -> None:
        """Say how many of the new tokens of each row are its own, not padding."""
        self.lengths = [old + new for old, new in zip(self.lengths, counts, strict=True)]

    def take(self, other: RowMemory) -> None:
        """Put the rows of another memory behind one's own."""
        first, end = len(self), max(self.get_seq_length(), other.get_seq_length())
        self.lengths += other.lengths
        for held, given in ((self._keys, other._keys), (self._values, other._values)):
            for layer, new in given.items():
                length = other.get_seq_length()
                held[layer] = self._roomy(held.get(layer), new, end)
                held[layer][first : len(self), :, :length] = new[: len(other), :, :length]

    def drop(self, row: int) -> None:
        """Let a row go; the last one takes its place."""
        last = len(self) - 1
        for held in (self._keys, self._values):
            for kept in held.values():
                kept[row] = kept[last]
        self.lengths[row] = self.lengths[last]
        self.lengths.pop()
        if not self.lengths:
            self._keys.clear()
            self._values.clear()

    def _write(self, kept: Tensor, new: Tensor) -> None:
        if self._places:
            rows, places = self._places
            kept[rows, :, places] = new[:, :, 0]
        else:
            start = self.lengths[0]
            kept[: len(self), :, start : start + new.shape[2]] = new

    def _roomy(self, kept: Tensor | None, like: Tensor, end: int) -> Tensor:
        """Return `kept` with room for all rows and `end` tokens, itself where it has it."""
        rows, room = (kept.shape[0], kept.shape[2]) if kept is not None else (0, 0)
        if kept is not None and rows >= len(self) and room >= end:
            return kept
        room = room if room >= end else (end + end // 4) // _STEP * _STEP + _STEP
        wide = like.new_zeros(max(rows, len(self)), like.shape[1], room, like.shape[3])
        if kept is not None:
            wide[:rows, :, : kept.shape[2]] = kept
        return wide


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

    def read(self, memory: Any, tokens: Tokens, adapters: Sequence[LoraWeights | None]) -> Tensor:
        """Read the next tokens of each row, each with its adapter.

        Several tokens only where all rows are of one length. Returns the logits after the last
        token of each; shape: rows x vocabulary, float32.
        """


class Together:
    """Every row in one pass: a mask and positions of our own for each."""

    can_part = True

    def __init__(self, model: Any, mix: AdapterStack) -> None:
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

    def read(
        self, memory: RowMemory, tokens: Tokens, adapters: Sequence[LoraWeights | None]
    ) -> Tensor:
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

    def __init__(self, model: Any, mix: AdapterStack) -> None:
        self._model = model
        self._mix = mix
        taken = signature(model.forward).parameters
        self._last_alone = {"logits_to_keep": 1} if "logits_to_keep" in taken else {}
        self._memory_name = next(name for name in _MEMORY_NAMES if name in taken)

    def memory(self, rows: int) -> OwnMemories:
        """Return an empty memory of so many rows."""
        return OwnMemories(self._model.config, rows)

    def read(
        self, memory: OwnMemories, tokens: Tokens, adapters: Sequence[LoraWeights | None]
    ) -> Tensor:
        """Read the next tokens of each row, one row after another."""
        rows = range(len(tokens))
        return torch.cat([self._row(memory, row, tokens[row], adapters[row]) for row in rows])

    def _row(
        self, memory: OwnMemories, row: int, tokens: Sequence[int], adapter: LoraWeights | None
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
