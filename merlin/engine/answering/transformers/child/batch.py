"""Rows that run together: they join and leave between two steps.

A step reads some of the prompts that wait, at most so many tokens that the running rows are not
held up for long, and then makes one more token of every running row.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from itertools import takewhile

from torch import Tensor

from merlin.engine.answering.transformers.child.mix import Low
from merlin.engine.answering.transformers.child.passes import Memory, Passes
from merlin.engine.answering.transformers.child.row import Row

# Tokens of prompts that are read in one step, padding counted.
MOST_READ = 512


class Batch:
    """The rows of one base. Row n of the memory is `_rows[n]`."""

    def __init__(self, passes: Passes) -> None:
        self._passes = passes
        self._rows: list[Row] = []
        self._memory = passes.memory(0)
        self._joining: deque[Row] = deque()
        self._half: Memory | None = None

    def __len__(self) -> int:
        return len(self._rows) + len(self._joining)

    @property
    def adapters(self) -> list[Low | None]:
        """Return the adapters at work."""
        return [row.wish.adapter for row in (*self._rows, *self._joining)]

    def join(self, row: Row) -> None:
        """Let a row in."""
        self._joining.append(row)

    def leave(self, number: int) -> None:
        """Let a row go before it is over, if it is here."""
        if self._joining and self._joining[0].wish.number == number:
            self._half = None
        self._joining = deque(row for row in self._joining if row.wish.number != number)
        for place in [n for n, row in enumerate(self._rows) if row.wish.number == number]:
            _remove(self._rows, self._memory, place)

    def give_up(self) -> list[Row]:
        """Let go of all rows and what was read of them; return the rows."""
        rows = [*self._rows, *self._joining]
        self._rows.clear()
        self._joining.clear()
        self._memory, self._half = self._passes.memory(0), None
        return rows

    def step(self) -> None:
        """Read some, then say one token of every row."""
        if self._joining:
            self._read()
        if self._rows:
            last = [row.said[-1:] for row in self._rows]
            logits = self._passes.read(self._memory, last, [row.wish.adapter for row in self._rows])
            _take(self._rows, self._memory, logits)

    def _read(self) -> None:
        first = self._joining[0]
        if self._passes.can_part and len(first.wish.prompt) > MOST_READ:
            self._read_half(first)
            return
        rows = self._alike(first)
        memory = self._passes.memory(len(rows))
        prompts, adapters = [row.wish.prompt for row in rows], [row.wish.adapter for row in rows]
        self._let_in(rows, memory, self._passes.read(memory, prompts, adapters))

    def _read_half(self, row: Row) -> None:
        """Read the next piece of a prompt that is too long for one step."""
        memory = self._half or self._passes.memory(1)
        start = memory.lengths[0]
        piece = row.wish.prompt[start : start + MOST_READ]
        logits = self._passes.read(memory, [piece], [row.wish.adapter])
        is_read = start + len(piece) == len(row.wish.prompt)
        self._half = None if is_read else memory
        if is_read:
            self._let_in([row], memory, logits)

    def _alike(self, first: Row) -> list[Row]:
        """Return the first that wait, of one adapter, as many as may be read in one step."""
        alike = list(takewhile(lambda row: row.wish.adapter is first.wish.adapter, self._joining))
        rows = [first]
        for row in alike[1:]:
            longest = max(len(one.wish.prompt) for one in (*rows, row))
            if longest * (len(rows) + 1) > MOST_READ:
                break
            rows.append(row)
        return rows

    def _let_in(self, rows: Sequence[Row], memory: Memory, logits: Tensor) -> None:
        for _ in rows:
            self._joining.popleft()
        going_on = list(rows)
        _take(going_on, memory, logits)
        self._rows += going_on
        if going_on:
            self._memory.take(memory)


def _take(rows: list[Row], memory: Memory, logits: Tensor) -> None:
    """Let every row take its logits; those that are over leave. From the last: it fills gaps."""
    for place in reversed(range(len(rows))):
        rows[place].take(logits[place])
        if rows[place].is_over:
            _remove(rows, memory, place)


def _remove(rows: list[Row], memory: Memory, place: int) -> None:
    rows[place] = rows[-1]
    rows.pop()
    memory.drop(place)
