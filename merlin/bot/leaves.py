"""Leaves: a long list eight at a time, with buttons to turn over."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from merlin.core.page import Button

LEAF = 8
T = TypeVar("T")


def leaf(items: Sequence[T], number: int) -> tuple[Sequence[T], int]:
    """Return what stands on a leaf, counted from 0, and its number; the last for one beyond."""
    last = max(0, (len(items) - 1) // LEAF)
    number = min(max(number, 0), last)
    return items[number * LEAF : (number + 1) * LEAF], number


def turning(data: str, number: int, count: int) -> tuple[tuple[Button, ...], ...]:
    """Return the row that turns over, none for a single leaf; `data` and a number lead to one."""
    last = max(0, (count - 1) // LEAF)
    back = (Button("‹", f"{data}:{number - 1}"),) if number > 0 else ()
    on = (Button("›", f"{data}:{number + 1}"),) if number < last else ()
    return ((*back, *on),) if back or on else ()
