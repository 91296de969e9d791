"""What differs between two texts, word by word: beside each other, or as one text."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from difflib import SequenceMatcher
from functools import partial
from typing import Literal

# Parts of a text that are compared with each other; more would take seconds.
MAX_PARTS = 5000
_WORD = re.compile(r"\w+|\s+|[^\w\s]")

# Parts of a text in their order, and whether the other text has not got them there.
Parts = list[tuple[str, bool]]
Kind = Literal["same", "del", "ins"]


def compare_words(old: str, new: str) -> tuple[Parts, Parts]:
    """Return the parts of two texts: words, lines of long ones, the whole of very long ones."""
    mine, its = _cut(old, new)
    steps = SequenceMatcher(None, mine, its).get_opcodes()
    return (
        _joined(mine, [(tag, start, end) for tag, start, end, _, _ in steps]),
        _joined(its, [(tag, start, end) for tag, _, _, start, end in steps]),
    )


def merge_words(old: str, new: str) -> Iterator[tuple[str, Kind]]:
    """Yield the parts of both texts as one: what stayed, what went, what came in its place."""
    mine, its = _cut(old, new)
    for tag, begin, end, start, stop in SequenceMatcher(None, mine, its).get_opcodes():
        if tag == "equal":
            yield "".join(mine[begin:end]), "same"
            continue
        if begin < end:
            yield "".join(mine[begin:end]), "del"
        if start < stop:
            yield "".join(its[start:stop]), "ins"


def _cut(*texts: str) -> Sequence[list[str]]:
    ways: tuple[Callable[[str], list[str]], ...] = (
        _WORD.findall,
        partial(str.splitlines, keepends=True),
    )
    for cut in ways:
        parts = [cut(text) for text in texts]
        if max(map(len, parts)) <= MAX_PARTS:
            return parts
    return [[text] for text in texts]


def _joined(parts: Sequence[str], steps: Sequence[tuple[str, int, int]]) -> Parts:
    return [("".join(parts[start:end]), tag != "equal") for tag, start, end in steps if start < end]
