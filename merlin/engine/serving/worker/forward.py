"""Forward passes over rows of different lengths, each with its own adapter.

All rows go in one pass where the base can, else one by one. Keys and values of all rows lie in one
tensor a layer. The base stays as it is: a hook on each layer that some adapter changes adds `x·A·B`
of each row's own adapter. Rows of one adapter take it as it lies. For a mixture all adapters at
work are laid side by side as one product of their summed rank, in which a mask leaves each row only
its own columns: two multiplications a layer, however many adapters there are (docs/adr/0017).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from inspect import signature
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from transformers import Cache, DynamicCache


@dataclass(frozen=True, slots=True)
class LoraLayer:
    """What one adapter does to one layer: `down` rank x inputs, `up` rank x outputs, scaled.

    `ranks`: how many of the rank's columns belong to which adapter, in order.
    """

    down: Tensor
    up: Tensor
    ranks: tuple[int, ...]


@dataclass(frozen=True, slots=True, eq=False)
class LoraWeights:
    """One adapter in memory: a pair for each layer it changes, by the layer's name."""

    digest: str
    pairs: Mapping[str, LoraLayer]


class AdapterStack:
    """Which adapter each row of the coming pass has."""

    def __init__(self, model: Any) -> None:
        self.dtype: torch.dtype = model.dtype
        self._layers: dict[str, Any] = dict(model.named_modules())
        self._hooked: set[str] = set()
        self._pairs: Mapping[str, LoraLayer] = {}
        self._is_mixed = False
        self._owners: Sequence[int] = ()
        self._masks: dict[tuple[int, ...], Tensor] = {}
        self._stacked: tuple[LoraWeights, ...] = ()
        self._stack: dict[str, LoraLayer] = {}

    def layer(self, name: str) -> Any:
        """Return a layer of the base, None where it has none of this name."""
        return self._layers.get(name)

    def hook(self, adapter: LoraWeights) -> None:
        """Make the layers that an adapter changes ask for it."""
        for name in adapter.pairs.keys() - self._hooked:
            self._layers[name].register_forward_hook(partial(self._add, name))
            self._hooked.add(name)

    def choose(self, rows: Sequence[LoraWeights | None]) -> None:
        """Say which adapter each row of the next pass has."""
        kinds = set(rows)
        self._is_mixed = len(kinds) > 1
        if not self._is_mixed:
            only = kinds.pop()
            self._pairs = only.pairs if only else {}
            return
        self._lay({one for one in kinds if one})
        self._pairs = self._stack
        owners = [self._stacked.index(row) if row else len(self._stacked) for row in rows]
        if owners != self._owners:
            self._owners = owners
            self._masks.clear()

    def forget(self, adapter: LoraWeights) -> None:
        """Hold an adapter no longer."""
        if adapter in self._stacked:
            self._stacked, self._stack = (), {}

    def _lay(self, needed: set[LoraWeights]) -> None:
        """Lay the needed ones side by side, unless they lie there and few others do."""
        is_there = needed <= set(self._stacked)
        if is_there and len(self._stacked) <= 2 * len(needed):
            return
        self._stacked = tuple(sorted(needed, key=lambda one: one.digest))
        names = {name for one in self._stacked for name in one.pairs}
        self._stack = {name: self._side_by_side(name) for name in names}
        self._masks.clear()

    def _side_by_side(self, name: str) -> LoraLayer:
        pairs = [one.pairs.get(name) for one in self._stacked]
        there = [pair for pair in pairs if pair]
        ranks = tuple(len(pair.down) if pair else 0 for pair in pairs)
        down, up = torch.cat([one.down for one in there]), torch.cat([one.up for one in there])
        return LoraLayer(down, up, ranks)

    def _mask(self, ranks: tuple[int, ...], like: Tensor) -> Tensor:
        """Return 1 where a column is the row's own, else 0; shape: rows x 1 x columns."""
        if ranks not in self._masks:
            columns = [owner for owner, rank in enumerate(ranks) for _ in range(rank)]
            owners = torch.tensor(self._owners)[:, None, None]
            self._masks[ranks] = (owners == torch.tensor(columns)).to(like)
        return self._masks[ranks]

    def _add(self, name: str, _layer: nn.Module, given: tuple[Tensor, ...], out: Tensor) -> Tensor:
        pair = self._pairs.get(name)
        if pair is None:
            return out
        low = given[0].to(pair.down.dtype) @ pair.down.T
        if self._is_mixed:
            low *= self._mask(pair.ranks, low)
        return out.add_((low @ pair.up).to(out.dtype))


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
        row_memory = RowMemory()
        row_memory.lengths = [0] * rows
        return row_memory

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
