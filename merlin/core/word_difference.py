"""Word-level differences of two texts, side by side or merged into one."""

import re
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from typing import Literal

# The most parts to compare; more would take seconds.
MAX_PARTS = 5000
_WORDS, _LINES = re.compile(r"\w+|\s+|[^\w\s]"), re.compile(r".*\n|.+")

# Parts of a text in order, each with whether the other text lacks it.
Parts = list[tuple[str, bool]]
Kind = Literal["same", "del", "ins"]


def compare_words(old: str, new: str) -> tuple[Parts, Parts]:
    """Return the parts of both texts: words, lines if they are long, or all if very long."""
    parts = list(merge_words(old, new))
    return (
        [(part, kind == "del") for part, kind in parts if kind != "ins"],
        [(part, kind == "ins") for part, kind in parts if kind != "del"],
    )


def merge_words(old: str, new: str) -> Iterator[tuple[str, Kind]]:
    """Yield the parts of both texts as one: unchanged, deleted and inserted ones."""
    old_parts, new_parts = _split(old, new)
    opcodes = SequenceMatcher(None, old_parts, new_parts).get_opcodes()
    for tag, old_start, old_end, new_start, new_end in opcodes:
        if tag == "equal":
            yield "".join(old_parts[old_start:old_end]), "same"
            continue
        if old_start < old_end:
            yield "".join(old_parts[old_start:old_end]), "del"
        if new_start < new_end:
            yield "".join(new_parts[new_start:new_end]), "ins"


def _split(*texts: str) -> Sequence[list[str]]:
    for pattern in (_WORDS, _LINES):
        parts = [pattern.findall(text) for text in texts]
        if max(map(len, parts)) <= MAX_PARTS:
            return parts
    return [[text] for text in texts]
