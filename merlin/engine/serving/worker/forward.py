"""Forward passes over rows of different lengths, each with its own adapter.

All rows go through one pass if the base supports it, else one by one. Keys and values of all rows
are stored in one tensor per layer. The base is not modified: a forward hook on each adapted layer
adds `x·A·B` of each row's adapter. If all rows have the same adapter, its matrices are used as they
are. Otherwise all adapters in use are concatenated to one product of their summed rank, and a mask
keeps only the columns of each row's own adapter: two matrix products per layer, however many
adapters there are (docs/adr/0017).
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
    """The LoRA matrices of one layer: `down` rank x inputs, `up` rank x outputs, scaled.

    `ranks`: the number of columns of each concatenated adapter, in order.
    """

    down: Tensor
    up: Tensor
    ranks: tuple[int, ...]


@dataclass(frozen=True, slots=True, eq=False)
class LoraWeights:
    """One adapter in memory: a pair of matrices per adapted layer, by the layer's name."""

    digest: str
    pairs: Mapping[str, LoraLayer]


class AdapterStack:
    """Applies each row's adapter in the next forward pass."""

    def __init__(self, model: Any) -> None:
        self.dtype: torch.dtype = model.dtype
        self.layers: dict[str, Any] = dict(model.named_modules())
        self._hooked: set[str] = set()
        self._pairs: Mapping[str, LoraLayer] = {}
        self._is_mixed = False
        self._owners: Sequence[int] = ()
        self._masks: dict[tuple[int, ...], Tensor] = {}
        self._stacked: tuple[LoraWeights, ...] = ()
        self._stack: dict[str, LoraLayer] = {}

    def hook(self, adapter: LoraWeights) -> None:
        """Register forward hooks on the layers of an adapter."""
        for name in adapter.pairs.keys() - self._hooked:
            self.layers[name].register_forward_hook(partial(self._add_product, name))
            self._hooked.add(name)

    def select(self, rows: Sequence[LoraWeights | None]) -> None:
        """Set the adapter of each row of the next pass."""
        kinds = set(rows)
        self._is_mixed = len(kinds) > 1
        if not self._is_mixed:
            only = kinds.pop()
            self._pairs = only.pairs if only else {}
            return
        self._build_stack({adapter for adapter in kinds if adapter})
        self._pairs = self._stack
        owners = [self._stacked.index(row) if row else len(self._stacked) for row in rows]
        if owners != self._owners:
            self._owners = owners
            self._masks.clear()

    def forget(self, adapter: LoraWeights) -> None:
        """Drop the references to an adapter."""
        if adapter in self._stacked:
            self._stacked, self._stack = (), {}

    def _build_stack(self, needed: set[LoraWeights]) -> None:
        """Concatenate the needed adapters, unless they are in the stack with few others."""
        is_there = needed <= set(self._stacked)
        if is_there and len(self._stacked) <= 2 * len(needed):
            return
        self._stacked = tuple(sorted(needed, key=lambda adapter: adapter.digest))
        names = {name for adapter in self._stacked for name in adapter.pairs}
        self._stack = {name: self._concatenate(name) for name in names}
        self._masks.clear()

    def _concatenate(self, name: str) -> LoraLayer:
        pairs = [one.pairs.get(name) for one in self._stacked]
        present = [pair for pair in pairs if pair]
        ranks = tuple(len(pair.down) if pair else 0 for pair in pairs)
        down, up = torch.cat([one.down for one in present]), torch.cat([one.up for one in present])
        return LoraLayer(down, up, ranks)

    def _mask(self, ranks: tuple[int, ...], like: Tensor) -> Tensor:
        """Return 1 where a column is the row's own, else 0; shape: rows x 1 x columns."""
        if ranks not in self._masks:
            columns = [owner for owner, rank in enumerate(ranks) for _ in range(rank)]
            owners = torch.tensor(self._owners)[:, None, None]
            self._masks[ranks] = (owners == torch.tensor(columns)).to(like)
        return self._masks[ranks]

    def _add_product(
        self, name: str, _layer: nn.Module, inputs: tuple[Tensor, ...], out: Tensor
    ) -> Tensor:
        pair = self._pairs.get(name)
        if pair is None:
            return out
        product = inputs[0].to(pair.down.dtype) @ pair.down.T
        if self._is_mixed:
            product *= self._mask(pair.ranks, product)
        return out.add_((product @ pair.up).to(out.dtype))


_STEP = 64
Tokens = Sequence[Sequence[int]]
# The cache parameter of forward methods.
_CACHE_PARAMETERS = ("past_key_values", "cache_params")
_FULL, _SLIDING = "full_attention", "sliding_attention"


class BatchedCache(Cache):  # type: ignore[misc]
    """A transformers KV cache in which every row has its own length.

    Shape of every layer's keys and values: rows x heads x capacity x width. Entries beyond a row's
    length are undefined and masked. Rows have no gaps: the last row replaces a removed one.
    """

    def __init__(self) -> None:
        super().__init__(layers=[])
        self.lengths: list[int] = []
        self._positions: tuple[Tensor, Tensor] | None = None
        self._keys: dict[int, Tensor] = {}
        self._values: dict[int, Tensor] = {}

    def __len__(self) -> int:
        return len(self.lengths)

    def get_seq_length(self, layer_idx: int = 0) -> int:  # noqa: ARG002 - all layers are alike
        """Return the longest row's length; the forward pass gets positions and mask from us."""
        return max(self.lengths, default=0)

    def set_positions(self, positions: Tensor) -> None:
        """Set the positions of the next tokens; shape: rows x new tokens."""
        rows = torch.arange(len(self), device=positions.device)
        self._positions = (rows, positions[:, 0]) if positions.shape[1] == 1 else None

    def update(
        self, key_states: Tensor, value_states: Tensor, layer_idx: int, *_: Any, **__: Any
    ) -> tuple[Tensor, Tensor]:
        """Append new tokens to each row; return all rows up to the longest length.

        Shape: rows x heads x new tokens x width. With several new tokens, all rows must have the
        same length. Call `set_positions` before the first layer, `extend_lengths` after the last.
        """
        end = self.get_seq_length() + key_states.shape[2]
        updated = []
        for tensors, new in ((self._keys, key_states), (self._values, value_states)):
            tensors[layer_idx] = self._ensure_capacity(tensors.get(layer_idx), new, end)
            self._write(tensors[layer_idx], new)
            updated.append(tensors[layer_idx][: len(self), :, :end])
        return updated[0], updated[1]

    def extend_lengths(self, counts: list[int]) -> None:
        """Extend each row's length by its number of new tokens, without padding."""
        self.lengths = [old + new for old, new in zip(self.lengths, counts, strict=True)]

    def append_rows(self, other: BatchedCache) -> None:
        """Append the rows of another cache."""
        first, end = len(self), max(self.get_seq_length(), other.get_seq_length())
        self.lengths += other.lengths
        for tensors, added in ((self._keys, other._keys), (self._values, other._values)):
            for layer, new in added.items():
                length = other.get_seq_length()
                tensors[layer] = self._ensure_capacity(tensors.get(layer), new, end)
                tensors[layer][first : len(self), :, :length] = new[: len(other), :, :length]

    def remove_row(self, row: int) -> None:
        """Remove a row; the last one takes its index."""
        last = len(self) - 1
        for tensors in (self._keys, self._values):
            for tensor in tensors.values():
                tensor[row] = tensor[last]
        self.lengths[row] = self.lengths[last]
        self.lengths.pop()
        if not self.lengths:
            self._keys.clear()
            self._values.clear()

    def _write(self, tensor: Tensor, new: Tensor) -> None:
        if self._positions:
            rows, positions = self._positions
            tensor[rows, :, positions] = new[:, :, 0]
        else:
            start = self.lengths[0]
            tensor[: len(self), :, start : start + new.shape[2]] = new

    def _ensure_capacity(self, tensor: Tensor | None, like: Tensor, end: int) -> Tensor:
        """Return `tensor` if it has capacity for all rows and `end` tokens, else a larger copy."""
        rows, capacity = (tensor.shape[0], tensor.shape[2]) if tensor is not None else (0, 0)
        if tensor is not None and rows >= len(self) and capacity >= end:
            return tensor
        capacity = capacity if capacity >= end else (end + end // 4) // _STEP * _STEP + _STEP
        enlarged = like.new_zeros(max(rows, len(self)), like.shape[1], capacity, like.shape[3])
        if tensor is not None:
            enlarged[:rows, :, : tensor.shape[2]] = tensor
        return enlarged


class KvCache(Protocol):
    """The KV cache of some rows, in order."""

    lengths: list[int]

    def append_rows(self, other: Any) -> None:
        """Append the rows of another cache of the same class."""

    def remove_row(self, row: int) -> None:
        """Remove a row; the last one takes its index."""


class ForwardPasses(Protocol):
    """A forward strategy; `can_split_prefill`: a prompt can be prefilled in several passes."""

    can_split_prefill: bool

    def create_cache(self, rows: int) -> KvCache:
        """Return an empty cache of `rows` rows."""

    def run(self, cache: Any, tokens: Tokens, adapters: Sequence[LoraWeights | None]) -> Tensor:
        """Run the next tokens of each row with its adapter through the model.

        Several tokens per row are allowed only if all rows have the same length. Returns the
        logits after the last token of each row; shape: rows x vocabulary, float32.
        """


class BatchedPasses:
    """All rows in one pass, with our own attention mask and positions."""

    can_split_prefill = True

    def __init__(self, model: Any, stack: AdapterStack) -> None:
        self._model = model
        self._adapter_stack = stack
        config = model.config.get_text_config()
        kinds = getattr(config, "layer_types", None) or ()
        self._is_mixed = _SLIDING in kinds
        is_sliding = self._is_mixed or not kinds
        self._window = (is_sliding and getattr(config, "sliding_window", None)) or 0

    def create_cache(self, rows: int) -> BatchedCache:
        """Return an empty cache of `rows` rows."""
        cache = BatchedCache()
        cache.lengths = [0] * rows
        return cache

    def run(
        self, cache: BatchedCache, tokens: Tokens, adapters: Sequence[LoraWeights | None]
    ) -> Tensor:
        """Run the next tokens of each row, padded at the right to the longest."""
        self._adapter_stack.select(adapters)
        counts = [len(row) for row in tokens]
        device = self._model.device
        padded = [[*row, *[0] * (max(counts) - len(row))] for row in tokens]
        starts = torch.tensor(cache.lengths, device=device)
        positions = starts[:, None] + torch.arange(max(counts), device=device)
        cache.set_positions(positions)
        logits = self._model(
            input_ids=torch.tensor(padded, device=device),
            attention_mask=self._masks(positions, max(cache.lengths) + max(counts)),
            position_ids=positions,
            past_key_values=cache,
            use_cache=True,
            logits_to_keep=torch.tensor(counts, device=device)[:, None] - 1,
        ).logits
        cache.extend_lengths(counts)
        return take_last(logits)

    def _masks(self, positions: Tensor, end: int) -> Tensor | dict[str, Tensor]:
        if not self._is_mixed:
            return self._mask(positions, end, self._window)
        full = self._mask(positions, end, 0)
        return {_FULL: full, _SLIDING: self._mask(positions, end, self._window)}

    def _mask(self, positions: Tensor, end: int, window: int) -> Tensor:
        """Return the additive attention mask: 0 where visible, else the dtype's minimum.

        Shape: rows x 1 x new tokens x `end`.
        """
        dtype = self._model.dtype
        columns = torch.arange(end, device=positions.device)
        distance = positions[:, :, None] - columns
        hidden = distance < 0
        if window:
            hidden |= distance >= window
        mask = torch.zeros(hidden.shape, dtype=dtype, device=positions.device)
        return mask.masked_fill_(hidden, torch.finfo(dtype).min)[:, None]


class SeparateCaches:
    """One DynamicCache of transformers per row."""

    def __init__(self, config: Any, rows: int) -> None:
        self.lengths = [0] * rows
        self.caches = [DynamicCache(config=config) for _ in range(rows)]

    def append_rows(self, other: SeparateCaches) -> None:
        """Append the rows of another cache."""
        self.lengths += other.lengths
        self.caches += other.caches

    def remove_row(self, row: int) -> None:
        """Remove a row; the last one takes its index."""
        self.lengths[row], self.caches[row] = self.lengths[-1], self.caches[-1]
        self.lengths.pop()
        self.caches.pop()


class SequentialPasses:
    """Every row in its own pass: for bases whose cache holds more than keys and values."""

    # Recurrent layers mostly support only one more token, or a complete prefill.
    can_split_prefill = False

    def __init__(self, model: Any, stack: AdapterStack) -> None:
        self._model = model
        self._adapter_stack = stack
        parameters = signature(model.forward).parameters
        self._last_only = {"logits_to_keep": 1} if "logits_to_keep" in parameters else {}
        self._cache_name = next(name for name in _CACHE_PARAMETERS if name in parameters)

    def create_cache(self, rows: int) -> SeparateCaches:
        """Return an empty cache of `rows` rows."""
        return SeparateCaches(self._model.config, rows)

    def run(
        self, cache: SeparateCaches, tokens: Tokens, adapters: Sequence[LoraWeights | None]
    ) -> Tensor:
        """Run the next tokens of each row, one row after another."""
        rows = range(len(tokens))
        return torch.cat([self._run_row(cache, row, tokens[row], adapters[row]) for row in rows])

    def _run_row(
        self, cache: SeparateCaches, row: int, tokens: Sequence[int], adapter: LoraWeights | None
    ) -> Tensor:
        self._adapter_stack.select([adapter])
        logits = self._model(
            input_ids=torch.tensor([list(tokens)], device=self._model.device),
            use_cache=True,
            **{self._cache_name: cache.caches[row], **self._last_only},
        ).logits
        cache.lengths[row] += len(tokens)
        return take_last(logits)


def take_last(logits: Tensor) -> Tensor:
    """Return the logits of each row's last position in float32."""
    return logits[:, -1].float()
