"""What reading a document leads to: its text, or the one word that says why there is none."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from enum import StrEnum

# No letter and no white space: control signs, byte order marks, and the invisible "tag" letters
# by which orders to a model are hidden from people.
_UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x84\x86-\x9f\ufeff\ufff9-\ufffb\U000e0000-\U000e007f]"
)
_LINE_ENDS = re.compile("\r\n?|\x0b|\x0c|\x85|\u2028|\u2029")
_BLANKS_AT_END = re.compile(r"[ \t\xa0]+\n")
_MANY_LINES = re.compile(r"\n{3,}")


class Word(StrEnum):
    """Why a document has no text for us."""

    PASSWORD = "password"  # noqa: S105 - a reason, not a secret
    DAMAGED = "damaged"
    NO_TEXT = "no-text"
    EMPTY = "empty"
    UNKNOWN = "unknown"
    TOO_LONG = "too-long"
    BOMB = "bomb"


class Fault(Exception):
    """A document that cannot be used."""

    def __init__(self, word: Word) -> None:
        super().__init__(word.value)
        self.word = word


@dataclass(frozen=True, slots=True)
class Found:
    """A document's text; `pages` 0 where there are none, `is_cut` when some is missing."""

    text: str
    pages: int = 0
    is_cut: bool = False


class Gatherer:
    """Gathers the parts of a text, and stops where it gets too long."""

    def __init__(self, most_characters: int) -> None:
        self._left = most_characters
        self._parts: list[str] = []

    def add(self, part: str) -> None:
        """Take one more part. Raises Fault when there are too many characters."""
        part = cleaned(part)
        if not part:
            return
        self._left -= len(part)
        if self._left <= 0:
            raise Fault(Word.TOO_LONG)
        self._parts.append(part)

    @property
    def is_empty(self) -> bool:
        """Return whether nothing has come yet."""
        return not self._parts

    def text(self, between: str) -> str:
        """Return all parts with `between` between them. Raises Fault when there is none."""
        if not self._parts:
            raise Fault(Word.NO_TEXT)
        return between.join(self._parts)


def cleaned(text: str) -> str:
    """Return a text with plain line ends, whole letters and nothing that cannot be seen."""
    whole = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    seen = _UNSEEN.sub("", _LINE_ENDS.sub("\n", unicodedata.normalize("NFC", whole)))
    return _MANY_LINES.sub("\n\n", _BLANKS_AT_END.sub("\n", seen)).strip()
