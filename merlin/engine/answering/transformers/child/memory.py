"""Keys and values of rows of different lengths in one tensor a layer."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from transformers import Cache

_STEP = 64


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
