"""The adapters in memory: each is read once, the least lately used one makes room."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection

import torch

from merlin.engine.answering.asking import Adapter
from merlin.engine.answering.transformers.child.adapter import read_adapter
from merlin.engine.answering.transformers.child.mix import Low, Mix


class Shelf:
    """Room for `most` adapters by digest; those at work are never put away."""

    def __init__(self, mix: Mix, device: torch.device, most: int) -> None:
        self._mix = mix
        self._device = device
        self._most = most
        self._kept: OrderedDict[str, Low] = OrderedDict()
        self.read = 0

    def __len__(self) -> int:
        return len(self._kept)

    def get(self, adapter: Adapter, at_work: Collection[Low | None]) -> Low:
        """Return an adapter, read now if it is not here. Raises BadAdapter."""
        if adapter.digest not in self._kept:
            low = read_adapter(adapter.digest, adapter.path, self._mix, self._device)
            self._mix.hook(low)
            self._kept[adapter.digest] = low
            self.read += 1
        self._kept.move_to_end(adapter.digest)
        self._put_away({adapter.digest, *(one.digest for one in at_work if one)})
        return self._kept[adapter.digest]

    def _put_away(self, needed: Collection[str]) -> None:
        for digest in [digest for digest in self._kept if digest not in needed]:
            if len(self._kept) <= self._most:
                return
            self._mix.forget(self._kept.pop(digest))
