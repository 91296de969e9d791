"""Word-level differences of two texts, merged into one."""

import re
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from itertools import takewhile
from typing import Literal

# The most parts to compare: the time of `SequenceMatcher` grows with their cube.
MAX_PARTS = 1000
_WORDS, _LINES = re.compile(r"\w+|\s+|[^\w\s]"), re.compile(r".*\n|.+")

Kind = Literal["same", "del", "ins"]


def merge_words(old: str, new: str) -> Iterator[tuple[str, Kind]]:
    """Yield the parts of both texts as one: unchanged, deleted and inserted ones.

    Parts are words, lines if the texts are long, or all if they are very long.
    """
    head, (old_parts, new_parts), tail = _split(old, new)
    if head:
        yield head, "same"
    opcodes = SequenceMatcher(None, old_parts, new_parts).get_opcodes()
    for tag, old_start, old_end, new_start, new_end in opcodes:
        if tag == "equal":
            yield "".join(old_parts[old_start:old_end]), "same"
            continue
        if old_start < old_end:
            yield "".join(old_parts[old_start:old_end]), "del"
        if new_start < new_end:
            yield "".join(new_parts[new_start:new_end]), "ins"
    if tail:
        yield tail, "same"


def _split(*texts: str) -> tuple[str, list[list[str]], str]:
    """Return the common start of the texts, the parts of each between, and their common end."""
    for pattern in (_WORDS, _LINES):
        parts = [pattern.findall(text) for text in texts]
        head = _common_start(*parts)
        parts = [each[len(head) :] for each in parts]
        tail = _common_start(*(each[::-1] for each in parts))
        parts = [each[: len(each) - len(tail)] for each in parts]
        if max(map(len, parts)) <= MAX_PARTS:
            return "".join(head), parts, "".join(reversed(tail))
    return "", [[text] for text in texts], ""


def _common_start(old: Sequence[str], new: Sequence[str]) -> list[str]:
    pairs = zip(old, new, strict=False)
    return [one for one, _ in takewhile(lambda pair: pair[0] == pair[1], pairs)]
