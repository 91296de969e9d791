"""Telegram's rich messages as Markdown, with their mentions, commands and files.

A rich message has no `text`: it is a tree of blocks, whose texts are trees of styles. The tables
below say how each kind is written; a kind that they lack is read by its usual fields, and is named
if that gives nothing. The library knows none of it. Source: the Bot API 10.4, RichMessage,
RichBlock and RichText.

The tree comes from outside, so it is read within Telegram's own limits; what is beyond is named.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import Any, TypeAlias

from merlin.core.formatted_text import join_surrogates, utf16_length
from merlin.core.json_fields import get_integer, get_list, get_object, get_text

MAX_DEPTH = 16
MAX_BLOCKS = 500
MAX_CHARACTERS = 32_768
MAX_COLUMNS = 20
# Names of what was not read.
TOO_DEEP = "depth"
TOO_LONG = "rest"
UNKNOWN = "unknown"
FILE = "file"

Json: TypeAlias = Mapping[str, Any]
# Returns the words of a node with the signs of its kind.
Writer: TypeAlias = Callable[[Json, str], str]


@dataclass(frozen=True, slots=True)
class RichText:
    """What a rich message says.

    `entities` are its mentions and commands as the Bot API's MessageEntity, `files` its media with
    their kinds as in a Message, `left_out` names what was not read.
    """

    text: str
    entities: tuple[Json, ...] = ()
    files: tuple[tuple[str, Any], ...] = ()
    left_out: tuple[str, ...] = ()


def read_rich_message(message: Any) -> RichText:
    """Return the text of a `rich_message`, whatever it is."""
    reader = _Reader()
    blocks = get_list(message, "blocks") if isinstance(message, Mapping) else []
    written = reader.read_blocks(blocks, 1)
    if not (written or reader.files or reader.left_out):
        reader.left_out.append(UNKNOWN)
    text, entities = _find_entities(written, reader.named)
    return RichText(text, entities, tuple(reader.files), tuple(reader.left_out))


# Noncharacters, which no text contains, around the names of people and commands until their
# offsets in the whole text are known.
_OPEN, _CLOSE = "\ufdd0", "\ufdd1"
_MARKED = re.compile(f"{_OPEN}|{_CLOSE}")


def _find_entities(written: str, named: Sequence[Json]) -> tuple[str, tuple[Json, ...]]:
    """Return the text without the marks, and the named nodes as entities."""
    text = ""
    starts: list[int] = []
    ends: list[int] = []
    for place, part in enumerate(_MARKED.split(written)):
        (starts if place % 2 else ends).append(utf16_length(text))
        text += part
    entities = [
        {**node, "offset": start, "length": end - start}
        for node, start, end in zip(named, starts, ends[1:], strict=True)
    ]
    return text, tuple(entities)


# The fields of nodes that are texts.
_INLINE_FIELDS = ("text", "expression", "alternative_text", "label", "button")


class _Reader:
    """Reads one rich message; counts what was read of it."""

    def __init__(self) -> None:
        self.files: list[tuple[str, Any]] = []
        self.named: list[Json] = []
        self.left_out: list[str] = []
        self._blocks = 0
        self._characters = 0
        # Within code and names styles have no signs.
        self._is_plain = False
        # The text of the last link to each footnote.
        self._footnotes: dict[str, str] = {}

    def read_blocks(self, blocks: Sequence[Any], depth: int) -> str:
        """Return blocks as paragraphs."""
        written = [self._read_block(each, depth) for each in blocks]
        return "\n\n".join(filter(None, written))

    def _read_block(self, block: Any, depth: int) -> str:
        if not isinstance(block, Mapping):
            return self.read(block, depth)
        if not self._may_enter(depth):
            return ""
        kind = get_text(block, "type")
        words = self._read_words(kind, block, depth)
        written = _BLOCKS[kind](block, words) if kind in _BLOCKS else words
        file = block.get(kind)
        if kind in _FILES and _file_id(file):
            self.files.append((_FILES[kind], file))
        elif kind in _FILES or any(map(_file_id, block.values())):
            self.left_out.append(FILE)
        elif not (written or kind in _KINDS):
            self.left_out.append(UNKNOWN)
        return written

    def _may_enter(self, depth: int) -> bool:
        """Count a block, list item or table row; return whether it is within the limits."""
        self._blocks += 1
        if depth <= MAX_DEPTH and self._blocks <= MAX_BLOCKS:
            return True
        self.left_out.append(TOO_DEEP if depth > MAX_DEPTH else TOO_LONG)
        return False

    def read(self, value: Any, depth: int) -> str:
        """Return a rich text, or anything in its place; its parts are joined as they are."""
        if isinstance(value, str):
            return self._take_text(value)
        if not isinstance(value, Mapping | list):
            return ""
        # A list of parts, a cell or a caption is no level of its own.
        is_level = isinstance(value, Mapping) and "type" in value
        if depth > MAX_DEPTH + (not is_level):
            self.left_out.append(TOO_DEEP)
            return ""
        if isinstance(value, list):
            return "".join(
                self.read(each, depth + isinstance(each, list)) for each in value
            )
        return self._read_node(value, depth)

    def _read_node(self, node: Json, depth: int) -> str:
        kind = get_text(node, "type")
        words = self._read_words(kind, node, depth)
        if kind and not (words or kind in _KINDS):
            self.left_out.append(UNKNOWN)
        if self._is_plain:
            return words
        if kind in _NAMING:
            self.named.append({"type": kind, "user": node.get("user")})
            return f"{_OPEN}{words}{_CLOSE}"
        if kind == "reference_link":
            link = _MARKED.sub("", words)
            self._footnotes[get_text(node, "reference_name")] = link
        if kind == "reference":
            link = self._footnotes.get(get_text(node, "name"), "")
            return f"{link} {words}".strip()
        return _STYLES[kind](node, words) if kind in _STYLES else words

    def _read_words(self, kind: str, node: Json, depth: int) -> str:
        """Return what the fields of a node say, without the signs of its own kind."""
        is_plain = self._is_plain
        self._is_plain = is_plain or kind in _PLAIN
        words = self._read_fields(node, depth + 1)
        self._is_plain = is_plain
        return words

    def _read_fields(self, node: Json, depth: int) -> str:
        """Return what the fields say that kinds known and unknown have, in this order."""
        inline = (self.read(node.get(name), depth) for name in _INLINE_FIELDS)
        written = [
            " ".join(filter(None, inline)),
            self.read(node.get("summary"), depth),
            self.read_blocks(get_list(node, "blocks"), depth),
            self._read_items(get_list(node, "items"), depth),
            self.read(node.get("caption"), depth),
            self._read_table(get_list(node, "cells"), depth),
            "\n".join(
                self._read_button(each, depth) for each in get_list(node, "buttons")
            ),
            _surround(self.read(node.get("credit"), depth), "— "),
        ]
        return "\n\n".join(filter(None, written))

    def _read_button(self, button: Any, depth: int) -> str:
        label = self.read(button, depth)
        return _address(button, label, "url") if isinstance(button, Mapping) else label

    def _read_items(self, items: Sequence[Any], depth: int) -> str:
        return "\n".join(
            self._read_item(
                item if isinstance(item, Mapping) else {"text": item}, depth
            )
            for item in items
            if self._may_enter(depth - 1)
        )

    def _read_item(self, item: Json, depth: int) -> str:
        """Return an item, whose further lines are indented to its first word."""
        label = self.read(item.get("label"), depth).replace("•", "-") or "-"
        if item.get("has_checkbox"):
            label = f"- [{'x' if item.get('is_checked') else ' '}]"
        words = self._read_fields({**item, "label": None}, depth)
        first, *others = words.splitlines() or [""]
        indent = " " * (2 if label.startswith("-") else len(label) + 1)
        lines = [f"{indent}{line}" if line else "" for line in others]
        return "\n".join([f"{label} {first}".rstrip(), *lines])

    def _read_table(self, cells: Sequence[Any], depth: int) -> str:
        """Return the rows of a table; Markdown takes the first one for its headings."""
        rows = self._place_cells(
            [self._read_cell(cell, depth) for cell in row]
            for row in cells
            if isinstance(row, list) and self._may_enter(depth - 1)
        )
        width = max(map(len, rows), default=0)
        if not width:
            return ""
        texts = ([*row, *[""] * (width - len(row))] for row in rows)
        first, *others = (f"| {' | '.join(row)} |" for row in texts)
        return "\n".join([first, f"|{' --- |' * width}", *others])

    def _read_cell(self, cell: Any, depth: int) -> "_Cell":
        text = " ".join(self.read(cell, depth).replace("|", r"\|").split())
        fields = cell if isinstance(cell, Mapping) else {}
        spans = (max(get_integer(fields, name), 1) for name in ("colspan", "rowspan"))
        return _Cell(text, *spans)

    def _place_cells(self, rows: Iterable[Sequence["_Cell"]]) -> list[list[str]]:
        """Return the texts in their columns; a cell that spans several stands in its first."""
        placed = []
        # How many further rows each column is taken for by a cell above.
        taken: dict[int, int] = {}
        for row in rows:
            texts = dict.fromkeys(taken, "")
            below = {at: left - 1 for at, left in taken.items() if left > 1}
            free = (at for at in range(MAX_COLUMNS) if at not in taken)
            for cell in row:
                columns = [*islice(free, min(cell.columns, MAX_COLUMNS))]
                if not columns:
                    self.left_out.append(TOO_LONG)
                    break
                texts |= dict.fromkeys(columns, "") | {columns[0]: cell.text}
                below |= {column: cell.rows - 1 for column in columns if cell.rows > 1}
            width = max(texts, default=-1) + 1
            placed.append([texts.get(at, "") for at in range(width)])
            taken = below
        return placed

    def _take_text(self, text: str) -> str:
        room = MAX_CHARACTERS - self._characters
        self._characters += len(text)
        if len(text) > room:
            self.left_out.append(TOO_LONG)
        return _MARKED.sub("", join_surrogates(text[: max(room, 0)]))


def _file_id(file: Any) -> str:
    """Return the id of a file, or of the largest size of a photo; "" for anything else."""
    newest = file[-1] if isinstance(file, list) and file else file
    return get_text(newest, "file_id") if isinstance(newest, Mapping) else ""


@dataclass(frozen=True, slots=True)
class _Cell:
    text: str
    columns: int
    rows: int


def _surround(words: str, before: str, after: str = "") -> str:
    """Return words with signs, unless there are none, or signs would hide a command."""
    core = words.strip()
    if not core or _OPEN in core:
        return words
    start = words.index(core)
    return f"{words[:start]}{before}{core}{after}{words[start + len(core) :]}"


def _address(node: Json, words: str, kind: str = "") -> str:
    """Return words with their address, number or card, if that says something else."""
    kind = kind or get_text(node, "type")
    address = get_text(node, kind)
    if not address or address in words:
        return words
    return f"[{words}]({address})" if kind == "url" else f"{words} ({address})"


def _moment(node: Json, words: str) -> str:
    try:
        moment = datetime.fromtimestamp(get_integer(node, "unix_time"), UTC)
    except (ValueError, OverflowError, OSError):
        return words
    day = moment.strftime("%Y-%m-%d %H:%M UTC")
    return words if day in words else f"{words} ({day})"


def _code(_node: Json, words: str) -> str:
    sign = "`" * (_longest_run(words) + 1)
    gap = " " if "`" in (words[:1], words[-1:]) else ""
    return f"{sign}{gap}{words}{gap}{sign}" if words else ""


def _fence(node: Json, words: str) -> str:
    fence = "`" * max(_longest_run(words) + 1, 3)
    return f"{fence}{get_text(node, 'language')}\n{words}\n{fence}" if words else ""


def _longest_run(text: str) -> int:
    return max(map(len, re.findall("`+", text)), default=0)


def _heading(node: Json, words: str) -> str:
    size = min(max(get_integer(node, "size"), 1), 6)
    return _surround(words, f"{'#' * size} ")


def _quote(_node: Json, words: str) -> str:
    return "\n".join(f"> {line}".rstrip() for line in words.splitlines())


def _map(node: Json, words: str) -> str:
    location = get_object(node, "location")
    place = f"map {location.get('latitude')}, {location.get('longitude')}"
    return "\n\n".join(filter(None, [place, words]))


def _signs(before: str, after: str = "") -> Writer:
    return lambda _node, words: _surround(words, before, after)


# How a kind of text is written; the others that are known are their words.
_STYLES: Mapping[str, Writer] = {
    "bold": _signs("**", "**"),
    "italic": _signs("*", "*"),
    "strikethrough": _signs("~~", "~~"),
    "subscript": _signs("_"),
    "superscript": _signs("^"),
    "code": _code,
    "date_time": _moment,
    "mathematical_expression": _signs("$", "$"),
    "url": _address,
    "email_address": _address,
    "phone_number": _address,
    "bank_card_number": _address,
}
_NAMING = frozenset({"text_mention", "mention", "bot_command"})
# Kinds whose words have no signs of styles within them.
_PLAIN = _NAMING | {"code", "pre"}
# How a kind of block is written; the others that are known are their words.
_BLOCKS: Mapping[str, Writer] = {
    "heading": _heading,
    "section_heading": _heading,
    "pre": _fence,
    "divider": lambda _node, _words: "---",
    "mathematical_expression": _signs("$$", "$$"),
    "blockquote": _quote,
    "expandable_blockquote": _quote,
    "pullquote": _quote,
    "map": _map,
}
# The blocks with a file, and the names of these kinds in a Message.
_FILES = {
    "animation": "animation",
    "audio": "audio",
    "document": "document",
    "photo": "photo",
    "video": "video",
    "voice_note": "voice",
}
_OTHERS = """
    underline spoiler marked custom_emoji hashtag cashtag button anchor anchor_link reference
    reference_link paragraph footer list collage slideshow table details buttons thinking
"""
# Kinds that may say nothing: an anchor, an empty paragraph.
_KINDS = frozenset({*_STYLES, *_BLOCKS, *_PLAIN, *_OTHERS.split()})
