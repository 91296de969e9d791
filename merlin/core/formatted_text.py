"""Messages with entities, buttons and attachments: written, and split into Telegram's size.

Telegram counts entities in UTF-16 units; Python's strings are cut in characters, and so is `Span`.
What may lie within what is Telegram's rule too: code holds no other mark, and bold around code is
broken off for it; links and quotes do not lie within their own kind.

A message holds 4,096 UTF-16 units and shows 100 marks. A break is made between paragraphs where
one is near enough, else between lines, sentences or words, at last between characters, never
inside one that is made of several code points. A mark that a break falls into goes on in the next
part, so code stays code of its language. Source: the Bot API, "Formatting options", MessageEntity,
InlineKeyboardButton, sendMessage and CopyTextButton.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import NamedTuple

LIMIT_UNITS = 4096
# Room for the mark of a repeated message.
PART_UNITS = 3900
# What a text that goes along with a file may have.
CAPTION_UNITS = 1024
MAX_MARKS = 100
COPY_UNITS = 256
MAX_COPIES = 3
_BREAKS = ("\n\n", "\n", ". ", " ")
_JOINER = "\u200d"
_FLAGS = range(0x1F1E6, 0x1F200)
_SKIN_TONES = range(0x1F3FB, 0x1F400)
_INDENT = "   "
_DEEPEST = 8
_BLANK_LINES = re.compile(r"\A(?:[^\S\n]*\n)+")
# Their first line may begin with spaces that belong to them.
_INDENTED = ("pre", "blockquote")


@dataclass(frozen=True, slots=True)
class Entity:
    """A stretch of a text that is shown differently.

    `kind` is the Bot API's word (bold, italic, underline, strikethrough, spoiler, code, pre,
    text_link, blockquote, expandable_blockquote); `value` is the language of a pre, the address
    of a text_link, else "".
    """

    kind: str
    offset: int
    length: int
    value: str = ""


@dataclass(frozen=True, slots=True)
class Button:
    """A button under a message: exactly one of `data`, `url` and `copy` says what it does.

    `data` (at most 64 bytes) comes back to us, `url` opens, `copy` goes to the clipboard.
    `style` is primary, success, danger or "".
    """

    label: str
    data: str = ""
    url: str = ""
    copy: str = ""
    style: str = ""


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that goes along; the page's text becomes its caption.

    `is_picture`: shown in the chat as it is, rather than as a file to open.
    """

    name: str
    content: bytes
    is_picture: bool = False


@dataclass(frozen=True, slots=True)
class FormattedMessage:
    """One message; `buttons` are rows of buttons from top to bottom."""

    text: str
    marks: tuple[Entity, ...] = ()
    buttons: tuple[tuple[Button, ...], ...] = ()
    file: Attachment | None = None


def button_rows(buttons: Sequence[Button], columns: int = 1) -> tuple[tuple[Button, ...], ...]:
    """Return the buttons in rows of so many."""
    return tuple(
        tuple(buttons[start : start + columns]) for start in range(0, len(buttons), columns)
    )


_HALF = re.compile("[\ud800-\udfff]")


def utf16_length(text: str) -> int:
    """Return the length of `text` in UTF-16 code units."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def utf16_offsets(text: str) -> Sequence[int]:
    """Return where each character begins, in UTF-16 code units, and last where the text ends."""
    if utf16_length(text) == len(text):
        return range(len(text) + 1)
    return list(accumulate((1 + (character > "\uffff") for character in text), initial=0))


def join_surrogates(text: str) -> str:
    """Return `text` with halves of characters joined; one without its other half is U+FFFD.

    JSON may carry a character beyond the first 65,536 in two pieces.
    """
    if not _HALF.search(text):
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


class Span(NamedTuple):
    """A mark from character `start` to before character `end`."""

    start: int
    end: int
    kind: str
    value: str = ""


def to_spans(page: FormattedMessage) -> list[Span]:
    """Return the marks of `page` as spans, outer ones before those within them."""
    places = utf16_offsets(page.text)
    spans = [
        Span(
            bisect_left(places, mark.offset),
            bisect_left(places, mark.offset + mark.length),
            mark.kind,
            mark.value,
        )
        for mark in page.marks
    ]
    return sorted(spans, key=_outer_first)


def to_marks(text: str, spans: Iterable[Span]) -> tuple[Entity, ...]:
    """Return the marks of `text`: trimmed of white space, none empty, outer ones first."""
    places = utf16_offsets(text)
    kept = [one for span in spans if (one := _trim(text, span)).end > one.start]
    return tuple(
        Entity(span.kind, places[span.start], places[span.end] - places[span.start], span.value)
        for span in sorted(kept, key=_outer_first)
    )


def clip_spans(spans: Iterable[Span], start: int, end: int) -> list[Span]:
    """Return what of the spans lies within a stretch, counted from its start."""
    return [
        Span(max(span.start, start) - start, min(span.end, end) - start, span.kind, span.value)
        for span in spans
        if span.start < end and span.end > start
    ]


def _outer_first(span: Span) -> tuple[int, int]:
    return span.start, -span.end


def _trim(text: str, span: Span) -> Span:
    within = text[span.start : span.end]
    end = span.start + len(within.rstrip())
    kept = within.lstrip("\n") if span.kind in _INDENTED else within.lstrip()
    return span._replace(start=span.start + len(within) - len(kept), end=end)


@dataclass(slots=True)
class _Open:
    """A mark that is not closed yet; a mute one lies within its own kind and shows nothing."""

    kind: str
    value: str
    start: int
    is_mute: bool


class TextBuilder:
    """The text so far; line breaks that are due are written only before what follows them."""

    def __init__(self) -> None:
        self._chunks: list[str] = []
        self._size = 0
        self._lines_due = 0
        self._bullet = ""
        self._indent = ""
        self._open: list[_Open] = []
        self._spans: list[Span] = []

    def page(self) -> FormattedMessage:
        """Return what is written."""
        whole = "".join(self._chunks)
        text = whole.rstrip()
        # Of two that cover the same, the outer one was closed last.
        return FormattedMessage(text, to_marks(text, reversed(self._spans)))

    def gap(self, lines: int) -> None:
        """Let what follows begin on a new line, or after a blank one if `lines` is 2."""
        if not self._bullet:
            self._lines_due = max(self._lines_due, lines)

    def item(self, bullet: str, depth: int, lines: int) -> None:
        """Begin an item of a list that lies within `depth` others."""
        self._write_lead()
        self.gap(lines)
        self._bullet = f"{_INDENT * min(depth, _DEEPEST)}{bullet} "
        self._indent = _INDENT * min(depth + 1, _DEEPEST)

    def end_item(self, depth: int) -> None:
        """End it."""
        self._write_lead()
        self._indent = _INDENT * min(depth, _DEEPEST)

    def write(self, text: str) -> None:
        """Write on."""
        if text:
            self._write_lead()
            self._add(text.replace("\n", f"\n{self._indent}"))

    def start(self, kind: str, value: str = "") -> None:
        """Open a mark."""
        is_mute = any(one.kind == kind for one in self._open)
        self._open.append(_Open(kind, value, self._size, is_mute))

    def end(self) -> None:
        """Close the mark opened last."""
        self._mark(self._open.pop())

    def code(self, text: str) -> None:
        """Write code within a line; within a link it is plain text."""
        if any(one.kind == "text_link" for one in self._open):
            self.write(text)
            return
        self._write_lead()
        broken = [one for one in self._open if one.kind != "blockquote"]
        for one in reversed(broken):
            self._mark(one)
        self.start("code")
        self.write(text.replace("\n", " "))
        self.end()
        for one in broken:
            one.start = self._size

    def block(self, text: str, language: str = "") -> None:
        """Write a block of code; its own indent is kept, and nothing is added to it."""
        text = _BLANK_LINES.sub("", text).rstrip()
        if not text:
            return
        if self._bullet:
            self._write_lead()
            self.gap(1)
        self._break_lines()
        self.start("pre", language)
        self._add(text)
        self.end()

    def _mark(self, one: _Open) -> None:
        if self._size > one.start and not one.is_mute:
            self._spans.append(Span(one.start, self._size, one.kind, one.value))

    def _write_lead(self) -> None:
        """Write the line breaks that are due, and what stands at the start of a line."""
        is_new_line = self._break_lines()
        if self._bullet or is_new_line:
            self._add(self._bullet or self._indent)
        self._bullet = ""

    def _break_lines(self) -> bool:
        is_new_line = self._lines_due > 0 and self._size > 0
        if is_new_line:
            self._add("\n" * self._lines_due)
        self._lines_due = 0
        return is_new_line

    def _add(self, text: str) -> None:
        self._chunks.append(text)
        self._size += len(text)


def split(page: FormattedMessage) -> list[FormattedMessage]:
    """Return the messages that hold `page`; one where it fits, none for an empty text.

    Joined, their texts are the text again but for white space at the breaks. Buttons and file
    go with the last one; a file whose text is too long for a caption follows by itself.
    """
    parts = list(_parts(page))
    if page.file and (not parts or utf16_length(parts[-1].text) > CAPTION_UNITS):
        parts.append(FormattedMessage(""))
    if parts:
        parts[-1] = replace(parts[-1], buttons=page.buttons, file=page.file)
    return parts


def first_part(page: FormattedMessage) -> FormattedMessage:
    """Return what of a growing `page` fits one message, with its buttons."""
    return replace(next(_parts(page), FormattedMessage("")), buttons=page.buttons)


def copy_buttons(page: FormattedMessage, label: str) -> tuple[Button, ...]:
    """Return buttons that copy the page's short blocks of code, three at most.

    Several are numbered from top to bottom.
    """
    blocks = [page.text[span.start : span.end] for span in to_spans(page) if span.kind == "pre"]
    short = [block for block in blocks if utf16_length(block) <= COPY_UNITS][:MAX_COPIES]
    if len(short) == 1:
        return (Button(label, copy=short[0]),)
    return tuple(Button(f"{label} {place}", copy=block) for place, block in enumerate(short, 1))


def _parts(page: FormattedMessage) -> Iterator[FormattedMessage]:
    """Yield the parts without buttons."""
    text, spans = page.text, to_spans(page)
    places = utf16_offsets(text)
    start = _skip_blank(text, 0, spans)
    while start < len(text):
        reach = _reach(places, spans, start)
        end = reach if reach == len(text) else _break(text, start, reach)
        part = text[start:end].rstrip()
        if part:
            within = clip_spans(spans, start, start + len(part))
            yield FormattedMessage(part, to_marks(part, within)[:MAX_MARKS])
        start = _skip_blank(text, end, spans)
        spans = [span for span in spans if span.end > start]


def _skip_blank(text: str, start: int, spans: Sequence[Span]) -> int:
    """Return where the part after a break begins; the indent of code belongs to the part."""
    code = [span for span in spans if span.kind == "pre" and span.end > start]
    while start < len(text) and text[start].isspace():
        if text[start] != "\n" and any(span.start <= start < span.end for span in code):
            break
        start += 1
    return start


def _reach(places: Sequence[int], spans: Sequence[Span], start: int) -> int:
    """Return before which character the part from `start` ends at the latest."""
    last = len(places) - 1
    fits_whole = start == 0 and places[last] <= LIMIT_UNITS
    reach = last if fits_whole else bisect_right(places, places[start] + PART_UNITS) - 1
    if len(spans) > MAX_MARKS and spans[MAX_MARKS].start > start:
        return min(reach, spans[MAX_MARKS].start)
    return reach


def _break(text: str, start: int, reach: int) -> int:
    """Return where to break before `reach`, so that the part is at least half full."""
    half = start + (reach - start) // 2
    for mark in _BREAKS:
        place = text.rfind(mark, half, reach)
        if place >= 0:
            return place + len(mark)
    place = reach
    while place > half and not _may_break(text, place):
        place -= 1
    return place if place > half else reach


def _may_break(text: str, place: int) -> bool:
    """Return whether the characters around `place` are two, not parts of one.

    Source: Unicode Standard Annex 29, its rules for marks, joiners, flags and skin tones.
    """
    before, after = text[place - 1], text[place]
    joined = _JOINER in (before, after) or unicodedata.combining(after) != 0
    marked = unicodedata.category(after) in {"Mn", "Me", "Mc"} or ord(after) in _SKIN_TONES
    return not (joined or marked or _splits_flag(text, place))


def _splits_flag(text: str, place: int) -> bool:
    # A flag is two letters; whether a place is within one shows in how many letters stand before.
    start = place
    while start > 0 and ord(text[start - 1]) in _FLAGS:
        start -= 1
    return ord(text[place]) in _FLAGS and (place - start) % 2 == 1
