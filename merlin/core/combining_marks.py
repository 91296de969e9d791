"""Unicode normal forms of texts from outside, in a time that grows with their length.

Python sorts the combining marks of one letter in quadratic time: 20,000 of them take 0.8 s, those
of a file of 180 kB 17 s. No language stacks more than a few.
"""

import re
import unicodedata
from typing import Literal

# Source: UAX 15, Stream-Safe Text Format.
MAX_MARKS = 30
# Marks are no letters; what else this matches, such as the lines of a table, is looked at closer.
_MAYBE_MARKS = re.compile(rf"[^\w\s\0-\x7f]{{{MAX_MARKS + 1},}}")


def limit_marks(text: str) -> str:
    """Return the text without the marks of a letter after the first 30."""
    return text if text.isascii() else _MAYBE_MARKS.sub(_drop_marks, text)


def _drop_marks(match: re.Match[str]) -> str:
    kept = list[str]()
    marks = 0
    for sign in match.group():
        marks = marks + 1 if unicodedata.category(sign)[0] == "M" else 0
        if marks <= MAX_MARKS:
            kept.append(sign)
    return "".join(kept)


def normalise_unicode(form: Literal["NFC", "NFKC"], text: str) -> str:
    """Return a normal form of the text, of each letter with at most 30 marks."""
    return unicodedata.normalize(form, limit_marks(text))  # noqa: TID251 - the one place
