"""Adapters of the rows of one pass, added to what the base's layers give.

The base stays as it is: a hook on each layer that some adapter changes adds `x·A·B` of each row's
own adapter. Rows of one adapter take it as it lies. For a mixture all adapters at work are laid
side by side as one product of their summed rank, in which a mask leaves each row only its own
columns: two multiplications a layer, however many adapters there are (docs/adr/0017).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn


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
