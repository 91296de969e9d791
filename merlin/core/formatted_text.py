"""Build messages with entities, buttons and attachments, and split them to Telegram's size.

Telegram counts entities in UTF-16 units; Python strings, and therefore `Span`, in characters.
Nesting follows Telegram's rules too: code contains no other entity, and bold around code is
interrupted for it; links and quotes do not nest in their own kind.

A message holds 4,096 UTF-16 units and shows 100 entities, which may take about 9,500 bytes with
their addresses. It is split between paragraphs if
possible, else between lines, sentences or words, else between characters. An entity at a split
continues in the next part, so code keeps its language. Source: the Bot API, "Formatting options",
MessageEntity, InlineKeyboardButton and sendMessage.
"""

import math
import re
import unicodedata
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, islice
from typing import Any, NamedTuple, TypeVar

LIMIT_UNITS = 4096
# Leaves room for the prefix of a repeated message.
PART_UNITS = 3900
# The longest caption of a file.
CAPTION_UNITS = 1024
MAX_MARKS = 100
# Telegram documents no limit: it refused 16,680 bytes, and takes about 9,500.
MAX_MARK_BYTES = 9000
# The fields of an entity but its address, as JSON.
_MARK_BYTES = 64
_SEPARATORS = ("\n\n", "\n", ". ", " ")
_NO_GLYPH_CATEGORIES = frozenset({"Cc", "Cf", "Mn", "Me"})
# Letters and symbols without a glyph: fillers of Hangul, the empty Braille pattern.
_NO_GLYPH = frozenset("\u115f\u1160\u2800\u3164\uffa0")
_CONTROLS = re.compile(
    "[\0-\x08\v-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)
_INDENT = "   "
_MAX_DEPTH = 8
_BLANK_LINES = re.compile(r"\A(?:[^\S\n]*\n)+")
# The first line of these may begin with significant spaces.
_KEEPS_INDENT = ("pre", "blockquote")


@dataclass(frozen=True, slots=True)
class Entity:
    """A formatted range of a text, in UTF-16 units.

    `kind` is the Bot API's type (bold, italic, underline, strikethrough, spoiler, code, pre,
    text_link, blockquote, expandable_blockquote); `value` is the language of a pre or the URL of a
    text_link, else "".
    """

    kind: str
    offset: int
    length: int
    value: str = ""


@dataclass(frozen=True, slots=True)
class Button:
    """A button below a message; exactly one of `data` and `url` is set.

    `data` (at most 64 bytes) is sent back to the bot, `url` is opened. `style` is primary, success,
    danger or "".
    """

    label: str
    data: str = ""
    url: str = ""
    style: str = ""


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file sent with a message; the message's text becomes its caption."""

    name: str
    content: bytes


@dataclass(frozen=True, slots=True)
class FormattedMessage:
    """One message; `buttons` are rows of buttons from top to bottom.

    With `blocks` it is a rich message (the Bot API's InputRichBlock, as JSON), which shows tables
    and formulas. Its text and marks, of any length, are its plain form.
    """

    text: str
    marks: tuple[Entity, ...] = ()
    buttons: tuple[tuple[Button, ...], ...] = ()
    file: Attachment | None = None
    blocks: tuple[dict[str, Any], ...] = ()


T = TypeVar("T")


def button_rows(buttons: Sequence[T], columns: int) -> tuple[tuple[T, ...], ...]:
    """Return the buttons in rows of `columns`."""
    return tuple(
        tuple(buttons[start : start + columns])
        for start in range(0, len(buttons), columns)
    )


_SURROGATE = re.compile("[\ud800-\udfff]")


def utf16_length(text: str) -> int:
    """Return the length of `text` in UTF-16 code units."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def utf16_offsets(text: str) -> Sequence[int]:
    """Return each character's offset in UTF-16 code units, then the text's length."""
    if utf16_length(text) == len(text):
        return range(len(text) + 1)
    return list(
        accumulate((1 + (character > "\uffff") for character in text), initial=0)
    )


def is_blank(text: str) -> bool:
    """Return whether nothing of a text can be seen: Telegram refuses it as a message."""
    return all(
        sign.isspace()
        or sign in _NO_GLYPH
        or unicodedata.category(sign) in _NO_GLYPH_CATEGORIES
        for sign in text
    )


def escape_controls(text: str) -> str:
    """Return a text for a terminal: what could command it is written as escapes.

    These are control characters, except tab and line end, direction marks and lone surrogates.
    Characters that Python does not know yet, such as new emoji, stay.
    """
    return _CONTROLS.sub(
        lambda found: found.group().encode("unicode_escape").decode("ascii"), text
    )


def shorten_text(text: str, length: int = 80) -> str:
    """Return the text of a person on one line of a list: escaped, at most this long."""
    line = escape_controls(" ".join(text.split()))
    return line if len(line) <= length else f"{line[: length - 1]}…"


def remove_controls(text: str) -> str:
    """Return a text on one line, without control characters and direction marks."""
    return _CONTROLS.sub("", " ".join(text.split()))


def join_surrogates(text: str) -> str:
    """Join surrogate pairs in `text`; replace a lone surrogate by U+FFFD.

    JSON may contain a character above U+FFFF as two escapes.
    """
    if not _SURROGATE.search(text):
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


class Span(NamedTuple):
    """An entity from character `start` up to, not including, `end`."""

    start: int
    end: int
    kind: str
    value: str = ""


def to_spans(message: FormattedMessage) -> list[Span]:
    """Return the entities of `message` as spans, outer before inner."""
    offsets = utf16_offsets(message.text)
    spans = [
        Span(
            bisect_left(offsets, mark.offset),
            bisect_left(offsets, mark.offset + mark.length),
            mark.kind,
            mark.value,
        )
        for mark in message.marks
    ]
    return sorted(spans, key=_outer_first)


def to_marks(text: str, spans: Iterable[Span]) -> tuple[Entity, ...]:
    """Return spans as entities: trimmed of white space, without empty ones, outer before inner."""
    offsets = utf16_offsets(text)
    trimmed_spans = [
        trimmed for span in spans if (trimmed := _trim(text, span)).end > trimmed.start
    ]
    return tuple(
        Entity(
            span.kind,
            offsets[span.start],
            offsets[span.end] - offsets[span.start],
            span.value,
        )
        for span in sorted(trimmed_spans, key=_outer_first)
    )


def clip_spans(spans: Iterable[Span], start: int, end: int) -> list[Span]:
    """Return the spans within a range, with offsets relative to its start."""
    return [
        Span(
            max(span.start, start) - start,
            min(span.end, end) - start,
            span.kind,
            span.value,
        )
        for span in spans
        if span.start < end and span.end > start
    ]


def _outer_first(span: Span) -> tuple[int, int]:
    return span.start, -span.end


def _trim(text: str, span: Span) -> Span:
    content = text[span.start : span.end]
    end = span.start + len(content.rstrip())
    stripped = content.lstrip("\n") if span.kind in _KEEPS_INDENT else content.lstrip()
    return span._replace(start=span.start + len(content) - len(stripped), end=end)


@dataclass(slots=True)
class _OpenMark:
    """An entity not closed yet; one nested in its own kind is ignored."""

    kind: str
    value: str
    start: int
    is_nested: bool


class TextBuilder:
    """Builds a message; pending line breaks are written only before the text that follows them."""

    def __init__(self) -> None:
        self._chunks: list[str] = []
        self._size = 0
        self._pending_breaks = 0
        self._bullet = ""
        self._indent = ""
        self._open_marks: list[_OpenMark] = []
        self._spans: list[Span] = []

    def page(self) -> FormattedMessage:
        """Return the message built so far."""
        content = "".join(self._chunks)
        text = content.rstrip()
        # Of two spans with the same range the outer one was closed last.
        return FormattedMessage(text, to_marks(text, reversed(self._spans)))

    def gap(self, lines: int) -> None:
        """Start what follows on a new line, or after a blank line if `lines` is 2."""
        if not self._bullet:
            self._pending_breaks = max(self._pending_breaks, lines)

    def item(self, bullet: str, depth: int, lines: int) -> None:
        """Start a list item at nesting level `depth`."""
        self._write_line_start()
        self.gap(lines)
        self._bullet = f"{_INDENT * min(depth, _MAX_DEPTH)}{bullet} "
        self._indent = _INDENT * min(depth + 1, _MAX_DEPTH)

    def end_item(self, depth: int) -> None:
        """End the list item."""
        self._write_line_start()
        self._indent = _INDENT * min(depth, _MAX_DEPTH)

    def write(self, text: str) -> None:
        """Append text."""
        if text:
            self._write_line_start()
            self._add(text.replace("\n", f"\n{self._indent}"))

    def start(self, kind: str, value: str = "") -> None:
        """Open an entity."""
        is_nested = any(mark.kind == kind for mark in self._open_marks)
        self._open_marks.append(_OpenMark(kind, value, self._size, is_nested))

    def end(self) -> None:
        """Close the entity opened last."""
        self._close(self._open_marks.pop())

    def code(self, text: str) -> None:
        """Append inline code; within a link it is plain text."""
        if any(mark.kind == "text_link" for mark in self._open_marks):
            self.write(text)
            return
        self._write_line_start()
        interrupted = [mark for mark in self._open_marks if mark.kind != "blockquote"]
        for mark in reversed(interrupted):
            self._close(mark)
        self.start("code")
        self.write(text.replace("\n", " "))
        self.end()
        for mark in interrupted:
            mark.start = self._size

    def block(self, text: str, language: str = "") -> None:
        """Append a code block without changing its indent."""
        text = _BLANK_LINES.sub("", text).rstrip()
        if not text:
            return
        if self._bullet:
            self._write_line_start()
            self.gap(1)
        self._break_lines()
        self.start("pre", language)
        self._add(text)
        self.end()

    def _close(self, mark: _OpenMark) -> None:
        if self._size > mark.start and not mark.is_nested:
            self._spans.append(Span(mark.start, self._size, mark.kind, mark.value))

    def _write_line_start(self) -> None:
        """Write the pending line breaks, then the bullet or indent of the line."""
        is_new_line = self._break_lines()
        if self._bullet or is_new_line:
            self._add(self._bullet or self._indent)
        self._bullet = ""

    def _break_lines(self) -> bool:
        is_new_line = self._pending_breaks > 0 and self._size > 0
        if is_new_line:
            self._add("\n" * self._pending_breaks)
        self._pending_breaks = 0
        return is_new_line

    def _add(self, text: str) -> None:
        self._chunks.append(text)
        self._size += len(text)


def split(message: FormattedMessage) -> list[FormattedMessage]:
    """Split `message` into messages that Telegram accepts; none for an empty text.

    Joined, their texts equal the original except for white space at the splits. The last one has
    the buttons and the file; a file whose caption would be too long follows as a separate message.
    A message with blocks is one already.
    """
    if message.blocks:
        return [message]
    parts = list(_split_text(message))
    if message.file and (not parts or utf16_length(parts[-1].text) > CAPTION_UNITS):
        parts.append(FormattedMessage(""))
    if parts:
        parts[-1] = replace(parts[-1], buttons=message.buttons, file=message.file)
    return parts


def plain_parts(message: FormattedMessage) -> list[FormattedMessage]:
    """Return the messages that show one with blocks as plain text."""
    return split(replace(message, blocks=()))


def in_entity(kind: str, text: str, value: str = "") -> FormattedMessage:
    """Return a message whose whole text is one entity."""
    return FormattedMessage(text, (Entity(kind, 0, utf16_length(text), value),))


def without_marks(message: FormattedMessage) -> FormattedMessage:
    """Return the message without entities; addresses of links are text, as many as fit."""
    limit = CAPTION_UNITS if message.file else LIMIT_UNITS
    text = show_addresses(message, limit - utf16_length(message.text))
    return replace(message, text=text, marks=())


def show_addresses(message: FormattedMessage, spare: float = math.inf) -> str:
    """Return the text with the addresses of its links: the first ones that fit in `spare` units."""
    text = message.text
    shown: list[tuple[int, str]] = []
    for span in to_spans(message):
        address = f" ({span.value})"
        is_hidden = (
            span.kind == "text_link" and span.value not in text[span.start : span.end]
        )
        if is_hidden and utf16_length(address) <= spare:
            spare -= utf16_length(address)
            shown.append((span.end, address))
    for end, address in reversed(shown):
        text = f"{text[:end]}{address}{text[end:]}"
    return text


def prepend(text: str, message: FormattedMessage) -> FormattedMessage:
    """Return the message with a text in front of it; its entities move along."""
    shift = utf16_length(text)
    marks = tuple(replace(mark, offset=mark.offset + shift) for mark in message.marks)
    blocks = message.blocks
    if blocks:
        blocks = ({"type": "paragraph", "text": text.strip()}, *blocks)
    return replace(message, text=f"{text}{message.text}", marks=marks, blocks=blocks)


def join_pages(*pages: FormattedMessage) -> FormattedMessage:
    """Return messages as one, without buttons: those with a text, separated by empty lines."""
    joined = FormattedMessage("")
    for page in pages:
        if page.text.strip():
            following = prepend(f"{joined.text}\n\n", page) if joined.text else page
            joined = FormattedMessage(following.text, (*joined.marks, *following.marks))
    return joined


def get_first_part(message: FormattedMessage) -> FormattedMessage:
    """Return the part of a growing `message` that fits one message, with its buttons."""
    return replace(
        next(_split_text(message), FormattedMessage("")), buttons=message.buttons
    )


def _split_text(message: FormattedMessage) -> Iterator[FormattedMessage]:
    """Yield the parts, without buttons."""
    text = message.text
    spans = to_spans(message)
    offsets = utf16_offsets(text)
    start = _skip_blank(text, 0, spans)
    while start < len(text):
        limit = _part_limit(offsets, spans, start)
        end = limit if limit == len(text) else _find_break(text, start, limit)
        part = text[start:end].rstrip()
        if part:
            part_spans = clip_spans(spans, start, start + len(part))
            marks = to_marks(part, part_spans)
            yield FormattedMessage(part, marks[: _count_fitting(marks)])
        start = _skip_blank(text, end, spans)
        spans = [span for span in spans if span.end > start]


def _skip_blank(text: str, start: int, spans: Sequence[Span]) -> int:
    """Return where the part after a split begins; it keeps the indent of code."""
    code = [span for span in spans if span.kind == "pre" and span.end > start]
    while start < len(text) and text[start].isspace():
        if text[start] != "\n" and any(span.start <= start < span.end for span in code):
            break
        start += 1
    return start


def _part_limit(offsets: Sequence[int], spans: Sequence[Span], start: int) -> int:
    """Return the largest end of the part that begins at `start`."""
    last = len(offsets) - 1
    fits = start == 0 and offsets[last] <= LIMIT_UNITS
    limit = last if fits else bisect_right(offsets, offsets[start] + PART_UNITS) - 1
    fitting = _count_fitting(spans)
    if fitting < len(spans) and spans[fitting].start > start:
        return min(limit, spans[fitting].start)
    return limit


def _count_fitting(spans: Iterable[Span | Entity]) -> int:
    """Return how many of the first entities Telegram takes in one message."""
    addresses = (span.value.encode("utf-8", "surrogatepass") for span in spans)
    sizes = accumulate(_MARK_BYTES + len(address) for address in addresses)
    fitting = [size for size in islice(sizes, MAX_MARKS) if size <= MAX_MARK_BYTES]
    return len(fitting)


def _find_break(text: str, start: int, limit: int) -> int:
    """Return where to split before `limit`, so that the part is at least half full."""
    middle = start + (limit - start) // 2
    for separator in _SEPARATORS:
        position = text.rfind(separator, middle, limit)
        if position >= 0:
            return position + len(separator)
    return limit
