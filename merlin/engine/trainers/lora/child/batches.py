"""Batches: which examples a step sees, and how their rows are laid out for the model.

Rows are padded at their right end, so a causal model needs no mask. Packed rows lie one after
another with positions that begin anew; transformers makes the block-diagonal mask of that, so
packing changes the layout and nothing that is learned.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch

from merlin.engine.trainers.lora.child.text import Example, Row


@dataclass(frozen=True, slots=True)
class Layout:
    """Some rows as the model sees them.

    `ids` and `positions`: lines x tokens; `positions` None where every line is one row. A taught
    token stands at (`line`, `place`), is `wanted`, and belongs to the row with number `owner`:
    four vectors of one length.
    """

    ids: torch.Tensor
    positions: torch.Tensor | None
    line: torch.Tensor
    place: torch.Tensor
    wanted: torch.Tensor
    owner: torch.Tensor
    rows: int


def order(examples: int, seed: int, epoch: int) -> list[int]:
    """Return the order of the examples in an epoch: a pure function of its arguments."""
    numbers = list(range(examples))
    random.Random(f"{seed} {epoch}").shuffle(numbers)  # noqa: S311 - an order, no secret
    return numbers


def batches(examples: Sequence[Example], chosen: Sequence[int], size: int) -> list[list[Example]]:
    """Return the chosen examples in batches; the last may be smaller."""
    starts = range(0, len(chosen), size)
    return [[examples[number] for number in chosen[start : start + size]] for start in starts]


def laid_out(
    batch: Sequence[Example], most: int, device: torch.device, *, is_packed: bool
) -> Iterator[Layout]:
    """Yield the batch in pieces of at most `most` tokens, one example at least.

    The rows of one example stay in one piece, in their order.
    """
    piece: list[Row] = []
    longest = 0
    for example in batch:
        widest = max(longest, *map(len, example))
        if piece and widest * (len(piece) + len(example)) > most:
            yield _layout(piece, device, is_packed=is_packed)
            piece, widest = [], max(map(len, example))
        piece.extend(example)
        longest = widest
    yield _layout(piece, device, is_packed=is_packed)


def padding(examples: Sequence[Example], size: int) -> float:
    """Return the share of padding when each row has a line of its own, in batches of `size`."""
    used = padded = 0
    for batch in batches(examples, range(len(examples)), size):
        lengths = [len(row) for example in batch for row in example]
        used += sum(lengths)
        padded += max(lengths) * len(lengths)
    return 1 - used / padded if padded else 0.0


def _layout(rows: Sequence[Row], device: torch.device, *, is_packed: bool) -> Layout:
    lines = _packed(rows) if is_packed else [[number] for number in range(len(rows))]
    width = max(sum(len(rows[number]) for number in line) for line in lines)
    ids = torch.zeros(len(lines), width, dtype=torch.long)
    positions = torch.zeros(len(lines), width, dtype=torch.long)
    marks: list[tuple[int, int, int]] = []
    for number, line in enumerate(lines):
        start = 0
        for owner in line:
            row = rows[owner]
            ids[number, start : start + len(row)] = torch.tensor(row.ids)
            positions[number, start : start + len(row)] = torch.arange(len(row))
            # The first token of a row follows nothing: it cannot be learned.
            marks += [(number, start + n, owner) for n in range(1, len(row)) if row.taught[n]]
            start += len(row)
        positions[number, start:] = torch.arange(width - start)
    line_of, place, owner_of = torch.tensor(marks, dtype=torch.long).reshape(-1, 3).T
    return Layout(
        ids.to(device),
        positions.to(device) if is_packed else None,
        line_of.to(device),
        (place - 1).to(device),
        ids[line_of, place].to(device),
        owner_of.to(device),
        len(rows),
    )


def _packed(rows: Sequence[Row]) -> list[list[int]]:
    """Return the rows' numbers by lines as long as the longest row: first fit, longest first."""
    width = max(map(len, rows))
    lines: list[list[int]] = []
    room: list[int] = []
    for number in sorted(range(len(rows)), key=lambda n: -len(rows[n])):
        length = len(rows[number])
        fit = next((n for n, left in enumerate(room) if left >= length), None)
        if fit is None:
            lines.append([])
            room.append(width)
            fit = len(lines) - 1
        lines[fit].append(number)
        room[fit] -= length
    return lines
