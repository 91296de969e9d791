"""Texts as UTF-16 has them: their length as Telegram counts it, and characters in two halves."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import accumulate

_HALF = re.compile("[\ud800-\udfff]")


def units(text: str) -> int:
    """Return the length of `text` in UTF-16 code units."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def unit_places(text: str) -> Sequence[int]:
    """Return where each character begins, in UTF-16 code units, and last where the text ends."""
    if units(text) == len(text):
        return range(len(text) + 1)
    return list(accumulate((1 + (character > "\uffff") for character in text), initial=0))


def whole(text: str) -> str:
    """Return `text` with halves of characters joined; one without its other half is U+FFFD.

    JSON may carry a character beyond the first 65,536 in two pieces.
    """
    if not _HALF.search(text):
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
