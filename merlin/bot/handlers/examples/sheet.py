"""Sheet: a screen of a title, words, and files shown as they are."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from merlin.bot.screen import Screen
from merlin.core.page import Button, Mark, Page
from merlin.core.utf16 import units

_GAP = "\n\n"


@dataclass(frozen=True, slots=True)
class File:
    """Words that are shown in even width; `kind` is the language that they are in."""

    words: str
    kind: str = "yaml"


def sheet(title: str, *parts: str | File, rows: Iterable[Sequence[Button]] = ()) -> Screen:
    """Return a screen: its title in bold, then the parts that say something."""
    words, marks = title, [Mark("bold", 0, units(title))]
    for part in parts:
        said = fine(part.words if isinstance(part, File) else part)
        if not said.strip():
            continue
        if isinstance(part, File):
            marks.append(Mark("pre", units(words + _GAP), units(said), part.kind))
        words = f"{words}{_GAP}{said}"
    buttons = tuple(tuple(row) for row in rows if row)
    return Screen(Page(words, tuple(marks), buttons))


def fine(words: str) -> str:
    """Return words as Telegram takes them: without NUL and halves of surrogate pairs."""
    return words.replace("\0", "�").encode("utf-8", "replace").decode("utf-8").rstrip("\n")


def cut(words: str, length: int) -> str:
    """Return words no longer than this, cut with "…"."""
    return words if len(words) <= length else f"{words[: length - 1]}…"
