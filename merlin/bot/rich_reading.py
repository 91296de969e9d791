"""Telegram's rich messages as Markdown, with their mentions, commands and files.

A rich message has no `text`: it is a tree of blocks, whose texts are trees of styles. The tables
below say how each kind is written; a kind that they lack is read by its usual fields, and is named
if that gives nothing. The library knows none of it. Source: the Bot API 10.4, RichMessage,
RichBlock and RichText.

The tree comes from outside, so it is read within Telegram's own limits; what is beyond is named.
"""

import re
from collections.abc import Callable, Mapping, Sequence
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


class _Reader:
    """Reads one rich message; counts what was read of it."""

    def __init__(self) -> None:
        self.files: list[tuple[str, Any]] = []
        self.named: list[Json] = []
        self.left_out: list[str] = []
        self._blocks = 0
        self._characters = 0
        self._is_plain = False
        # The text of the last link to each footnote.
        self.footnotes: dict[str, str] = {}

    def read_blocks(self, blocks: Sequence[Any], depth: int) -> str:
        """Return blocks as paragraphs."""
        written = [self._read_block(each, depth) for each in blocks]
        return "\n\n".join(filter(None, written))

    def _read_block(self, block: Any, depth: int) -> str:
        if not isinstance(block, Mapping):
            return self.read(block, depth)
        if not self.may_enter(depth):
            return ""
        kind = get_text(block, "type")
        if kind in _FILES:
            self._take_file(_FILES[kind], block.get(kind))
        if kind in _BLOCKS or kind in _FILES:
            return _BLOCKS.get(kind, _write_fields)(self, block, depth)
        written = _write_fields(self, block, depth)
        has_file = any(_file_id(value) for value in block.values())
        if has_file or not written:
            self.left_out.append(FILE if has_file else UNKNOWN)
        return written

    def may_enter(self, depth: int) -> bool:
        """Count a block, list item or table row; return whether it is within the limits."""
        self._blocks += 1
        beyond = TOO_DEEP if depth > MAX_DEPTH else TOO_LONG
        if depth <= MAX_DEPTH and self._blocks <= MAX_BLOCKS:
            return True
        self.left_out.append(beyond)
        return False

    def _take_file(self, kind: str, file: Any) -> None:
        """Keep the file of a block; one that has no id is named."""
        if _file_id(file):
            self.files.append((kind, file))
        else:
            self.left_out.append(FILE)

    def read(self, value: Any, depth: int) -> str:
        """Return a rich text, or anything in its place; its parts are joined as they are."""
        if isinstance(value, str):
            return self._take_text(value)
        if not isinstance(value, Mapping | list):
            return ""
        # The list of a text's parts is no level of its own.
        if depth > MAX_DEPTH + isinstance(value, list):
            self.left_out.append(TOO_DEEP)
            return ""
        if isinstance(value, list):
            return "".join(
                self.read(each, depth + isinstance(each, list)) for each in value
            )
        kind = get_text(value, "type")
        if kind in _STYLES and not self._is_plain:
            return _STYLES[kind](self, value, depth)
        written = _write_fields(self, value, depth)
        if kind not in _STYLES and kind and not written:
            self.left_out.append(UNKNOWN)
        return written

    def read_plain(self, value: Any, depth: int) -> str:
        """Return the words of a rich text without signs of its styles."""
        is_plain = self._is_plain
        self._is_plain = True
        text = self.read(value, depth)
        self._is_plain = is_plain
        return text

    def read_field(self, value: Json, depth: int, name: str = "text") -> str:
        """Return the rich text in a field of a node."""
        return self.read(value.get(name), depth + 1)

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


Writer: TypeAlias = Callable[[_Reader, Json, int], str]
# The fields of nodes that say something, in the order in which they are shown.
_INLINE_FIELDS = ("text", "expression", "alternative_text", "label", "button")


def _write_fields(reader: _Reader, node: Json, depth: int) -> str:
    """Return what the usual fields of a node say."""
    inline = (reader.read_field(node, depth, name) for name in _INLINE_FIELDS)
    credit = reader.read_field(node, depth, "credit")
    written = [
        " ".join(filter(None, inline)),
        reader.read_field(node, depth, "summary"),
        reader.read_blocks(get_list(node, "blocks"), depth + 1),
        _write_list(reader, node, depth),
        _write_cells(reader, node, depth),
        reader.read_field(node, depth, "caption"),
        f"— {credit}" if credit else "",
    ]
    return "\n\n".join(filter(None, written))


def _write_nothing(_reader: _Reader, _node: Json, _depth: int) -> str:
    return ""


def _is_naming(text: str) -> bool:
    return _OPEN in text


def _style(sign: str) -> Writer:
    """Return the writer of a style; signs around a command would hide it."""

    def write(reader: _Reader, node: Json, depth: int) -> str:
        text = reader.read_field(node, depth)
        core = text.strip()
        if not core or _is_naming(core):
            return text
        start = text.index(core)
        return f"{text[:start]}{sign}{core}{sign}{text[start + len(core) :]}"

    return write


def _before(sign: str) -> Writer:
    def write(reader: _Reader, node: Json, depth: int) -> str:
        text = reader.read_field(node, depth)
        return f"{sign}{text}" if text else ""

    return write


def _write_address(reader: _Reader, node: Json, depth: int) -> str:
    """Return a text with its address, number or card, if that says something else."""
    text = reader.read_field(node, depth)
    kind = get_text(node, "type")
    address = get_text(node, kind)
    if not address or address in text:
        return text
    return f"[{text}]({address})" if kind == "url" else f"{text} ({address})"


def _write_moment(reader: _Reader, node: Json, depth: int) -> str:
    text = reader.read_field(node, depth)
    try:
        moment = datetime.fromtimestamp(get_integer(node, "unix_time"), UTC)
    except (ValueError, OverflowError, OSError):
        return text
    day = moment.strftime("%Y-%m-%d %H:%M UTC")
    return text if day in text else f"{text} ({day})"


def _write_named(reader: _Reader, node: Json, depth: int) -> str:
    """Return a mention or a command between marks."""
    reader.named.append({"type": node["type"], "user": node.get("user")})
    return f"{_OPEN}{reader.read_plain(node.get('text'), depth + 1)}{_CLOSE}"


def _write_code(reader: _Reader, node: Json, depth: int) -> str:
    text = reader.read_plain(node.get("text"), depth + 1)
    if not text:
        return ""
    sign = "`" * (_longest_run(text) + 1)
    gap = " " if "`" in (text[0], text[-1]) else ""
    return f"{sign}{gap}{text}{gap}{sign}"


def _longest_run(text: str) -> int:
    return max(map(len, re.findall("`+", text)), default=0)


def _write_formula(reader: _Reader, node: Json, depth: int) -> str:
    expression = reader.read_field(node, depth, "expression")
    return f"${expression}$" if expression else ""


def _write_button(reader: _Reader, node: Json, depth: int) -> str:
    button = get_object(node, "button")
    return _write_label(reader, button, depth)


def _write_label(reader: _Reader, button: Json, depth: int) -> str:
    return _write_address(reader, {"type": "url", **button}, depth)


def _write_footnote_link(reader: _Reader, node: Json, depth: int) -> str:
    text = reader.read_field(node, depth)
    reader.footnotes[get_text(node, "reference_name")] = _MARKED.sub("", text)
    return text


def _write_footnote(reader: _Reader, node: Json, depth: int) -> str:
    link = reader.footnotes.get(get_text(node, "name"), "")
    return " ".join(filter(None, [link, reader.read_field(node, depth)]))


def _write_text(reader: _Reader, node: Json, depth: int) -> str:
    return reader.read_field(node, depth)


_STYLES: Mapping[str, Writer] = {
    "bold": _style("**"),
    "italic": _style("*"),
    "underline": _write_text,
    "strikethrough": _style("~~"),
    "spoiler": _write_text,
    "subscript": _before("_"),
    "superscript": _before("^"),
    "marked": _write_text,
    "code": _write_code,
    "date_time": _write_moment,
    "text_mention": _write_named,
    "mention": _write_named,
    "bot_command": _write_named,
    "custom_emoji": lambda reader, node, depth: reader.read_field(
        node, depth, "alternative_text"
    ),
    "mathematical_expression": _write_formula,
    "url": _write_address,
    "email_address": _write_address,
    "phone_number": _write_address,
    "bank_card_number": _write_address,
    "hashtag": _write_text,
    "cashtag": _write_text,
    "button": _write_button,
    "anchor": _write_nothing,
    "anchor_link": _write_text,
    "reference": _write_footnote,
    "reference_link": _write_footnote_link,
}


def _write_heading(reader: _Reader, node: Json, depth: int) -> str:
    text = reader.read_field(node, depth)
    size = min(max(get_integer(node, "size"), 1), 6)
    return f"{'#' * size} {text}" if text and not _is_naming(text) else text


def _write_pre(reader: _Reader, node: Json, depth: int) -> str:
    text = reader.read_plain(node.get("text"), depth + 1)
    fence = "`" * max(_longest_run(text) + 1, 3)
    return f"{fence}{get_text(node, 'language')}\n{text}\n{fence}" if text else ""


def _write_block_formula(reader: _Reader, node: Json, depth: int) -> str:
    formula = _write_formula(reader, node, depth)
    return f"${formula}$" if formula else ""


def _write_quote(reader: _Reader, node: Json, depth: int) -> str:
    lines = _write_fields(reader, node, depth).splitlines()
    return "\n".join(f"> {line}".rstrip() for line in lines)


def _write_list(reader: _Reader, node: Json, depth: int) -> str:
    items = [item for item in get_list(node, "items") if isinstance(item, Mapping)]
    return "\n".join(
        _write_item(reader, item, depth) for item in items if reader.may_enter(depth)
    )


def _write_item(reader: _Reader, item: Json, depth: int) -> str:
    """Return an item, whose further lines are indented to its first word."""
    label = reader.read_field(item, depth, "label").replace("•", "-") or "-"
    if item.get("has_checkbox"):
        label = f"- [{'x' if item.get('is_checked') else ' '}]"
    first, *others = _write_fields(
        reader, {**item, "label": None}, depth
    ).splitlines() or [""]
    indent = " " * (2 if label.startswith("-") else len(label) + 1)
    lines = [f"{indent}{line}" if line else "" for line in others]
    return "\n".join([f"{label} {first}".rstrip(), *lines])


def _write_table(reader: _Reader, node: Json, depth: int) -> str:
    caption = reader.read_field(node, depth, "caption")
    table = _write_cells(reader, node, depth)
    return "\n\n".join(filter(None, [caption, table]))


def _write_cells(reader: _Reader, node: Json, depth: int) -> str:
    """Return the rows of a table; Markdown takes the first one for its headings."""
    read = [_read_row(reader, row, depth) for row in get_list(node, "cells")]
    rows = _place_cells(read)
    lines = [f"| {' | '.join(row)} |" for row in rows]
    if rows:
        lines.insert(1, f"|{' --- |' * len(rows[0])}")
    return "\n".join(lines)


@dataclass(frozen=True, slots=True)
class _Cell:
    text: str
    columns: int
    rows: int


def _read_row(reader: _Reader, row: Any, depth: int) -> list[_Cell]:
    if not isinstance(row, list) or not reader.may_enter(depth):
        return []
    cells = []
    for cell in islice(row, MAX_COLUMNS):
        values = cell if isinstance(cell, Mapping) else {"text": cell}
        text = reader.read_field(values, depth).replace("|", r"\|")
        spans = (max(get_integer(values, name), 1) for name in ("colspan", "rowspan"))
        cells.append(_Cell(" ".join(text.split()), *spans))
    if len(row) > MAX_COLUMNS:
        reader.left_out.append(TOO_LONG)
    return cells


def _place_cells(rows: Sequence[Sequence[_Cell]]) -> list[list[str]]:
    """Return the texts in their columns; a cell that spans several stands in its first."""
    placed: list[list[str]] = []
    # How many further rows each column is taken for by a cell above.
    taken: dict[int, int] = {}
    for row in rows:
        texts: dict[int, str] = {}
        below = {at: left - 1 for at, left in taken.items() if left > 1}
        free = (at for at in range(2 * MAX_COLUMNS * MAX_COLUMNS) if at not in taken)
        for cell in row:
            texts[at := next(free)] = cell.text
            columns = [at, *islice(free, min(cell.columns, MAX_COLUMNS) - 1)]
            below |= {column: cell.rows - 1 for column in columns if cell.rows > 1}
            texts |= dict.fromkeys(columns[1:], "")
        texts |= dict.fromkeys(taken, "")
        taken = below
        placed.append([texts.get(at, "") for at in range(max(texts, default=-1) + 1)])
    width = max(map(len, placed), default=0)
    return [[*row, *[""] * (width - len(row))] for row in placed if width]


def _write_map(reader: _Reader, node: Json, depth: int) -> str:
    location = get_object(node, "location")
    place = f"map {location.get('latitude')}, {location.get('longitude')}"
    return "\n\n".join(filter(None, [place, _write_fields(reader, node, depth)]))


def _write_buttons(reader: _Reader, node: Json, depth: int) -> str:
    buttons = [each for each in get_list(node, "buttons") if isinstance(each, Mapping)]
    return "\n".join(_write_label(reader, each, depth) for each in buttons)


def _write_divider(_reader: _Reader, _node: Json, _depth: int) -> str:
    return "---"


# The blocks with a file, and the names of these kinds in a Message.
_FILES = {
    "animation": "animation",
    "audio": "audio",
    "document": "document",
    "photo": "photo",
    "video": "video",
    "voice_note": "voice",
}
_BLOCKS: Mapping[str, Writer] = {
    "paragraph": _write_fields,
    "heading": _write_heading,
    "section_heading": _write_heading,
    "pre": _write_pre,
    "footer": _write_fields,
    "divider": _write_divider,
    "mathematical_expression": _write_block_formula,
    "anchor": _write_nothing,
    "list": _write_list,
    "blockquote": _write_quote,
    "expandable_blockquote": _write_quote,
    "pullquote": _write_quote,
    "collage": _write_fields,
    "slideshow": _write_fields,
    "table": _write_table,
    "details": _write_fields,
    "map": _write_map,
    "buttons": _write_buttons,
    "thinking": _write_fields,
}
