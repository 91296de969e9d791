"""An answer's Markdown as blocks of a rich message: real tables, formulas and lists.

Blocks are used only where plain text loses something, for old clients show a rich message as a
blank bubble, and no client offers to copy its code. They are never Telegram's own Markdown or HTML:
there a quoted button would be live, and an image would be fetched. A text in a block is literal.

Each rich message has its plain form (`merlin.bot.markdown`), which is sent if Telegram refuses the
blocks. Limits and names: the Bot API, "Rich messages" (10.1 to 10.4). Lengths are counted in UTF-16
units, list items and table rows as blocks and as levels, so that no other way to count gives more.
"""

import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from markdown_it.tree import SyntaxTreeNode

from merlin.bot.markdown import (
    code_language,
    convert,
    draw_columns,
    formula_text,
    is_link,
    link_address,
    parse,
    table_rows,
    write_page,
)
from merlin.core.formatted_text import (
    LIMIT_UNITS,
    FormattedMessage,
    get_first_part,
    in_entity,
    is_blank,
    join_pages,
    utf16_length,
)
from merlin.core.markdown_rules import number_items

Block = dict[str, Any]
# A string, a node, or a list of both.
RichText = Any

MAX_CHARACTERS = 32_768
# Telegram takes 500.
MAX_BLOCKS = 450
# Telegram takes 16 levels of blocks and styles together.
MAX_LEVELS = 14
# Of a list or quote: an item, a paragraph and one style in it.
_CONTAINER_LEVELS = 4
MAX_COLUMNS = 20
# Longer formulas made a client crash.
MAX_FORMULA_CHARACTERS = 1000
_STYLES = {
    "strong": "bold",
    "em": "italic",
    "s": "strikethrough",
    "code_inline": "code",
}
# Brackets belong to an address in pairs; a sign at its end belongs to the sentence.
_ADDRESS = re.compile(
    r"""(https?://(?:[^\s<>«»"()]|\([^\s<>«»"()]*\))*(?:[^\s<>«»"().,;:!?]|\([^\s<>«»"()]*\)))"""
)
_MAIL = re.compile(r"mailto:[^\s@]+@[^\s@]+\.[^\s@]+")
_CODE = frozenset({"fence", "code_block"})
_LOST_IN_PLAIN_TEXT = frozenset({"table", "formula", "formula_block"})
_SHOWN_FIELDS = ("text", "expression", "blocks", "items", "cells")


def render_blocks(markdown: str) -> list[FormattedMessage]:
    """Return an answer's pages: with blocks if plain text loses something, else one without.

    A page without blocks may be too long for one message; never raises.
    """
    return convert(markdown, _write_pages)


def _write_pages(text: str) -> list[FormattedMessage]:
    nodes = parse(text)
    page = write_page(nodes)
    if not needs_blocks(nodes, page.text):
        return [page]
    blocks = build_blocks(nodes)
    if measure(blocks).fits:
        return [replace(page, blocks=tuple(blocks))]
    return list(_split_pages(nodes))


class GrowingAnswer:
    """An answer that is still written: a block is built once when another one follows it.

    From the first frame that needs blocks on, all have them.
    """

    def __init__(self) -> None:
        self._begin()

    def _begin(self) -> None:
        self._is_rich = False
        # The text of the closed blocks, and these.
        self._closed = ""
        self._blocks: list[Block] = []
        self._size = Size()
        # One message takes no more blocks.
        self._is_full = False

    def draw(self, markdown: str) -> FormattedMessage:
        """Return the page of the text so far, as much as one message takes; never raises.

        The text of a page with blocks is no plain form, for a frame is not sent again.
        """
        page = convert(markdown, self._write)[0]
        return page if page.blocks else get_first_part(page)

    def _write(self, text: str) -> list[FormattedMessage]:
        if not text.startswith(self._closed):
            # Another model began anew.
            self._begin()
        if not self._is_rich:
            pages = _write_pages(text)
            self._is_rich = bool(pages[0].blocks)
            if not self._is_rich:
                return pages
        if self._is_full:
            return [FormattedMessage(text, blocks=tuple(self._blocks))]
        tail = text[len(self._closed) :]
        *closed, last = parse(tail)
        built = build_blocks(closed)
        size = self._size + measure(built)
        self._is_full = not size.fits
        if last.map and size.fits:
            self._size = size
            self._blocks += built
            lines = tail.split("\n")[: last.map[0]]
            self._closed += "".join(f"{line}\n" for line in lines)
        open_blocks = build_blocks([last])
        if not (size + measure(open_blocks)).fits:
            open_blocks = []
        return [FormattedMessage(text, blocks=(*self._blocks, *open_blocks))]


def frame(kind: str, text: str) -> FormattedMessage:
    """Return a page that is one entity, with its block."""
    paragraph: Block = {"type": "paragraph", "text": text}
    block = paragraph | {"text": {"type": kind, "text": text}}
    if kind == "blockquote":
        block = {"type": kind, "blocks": [paragraph]}
    elif kind == "expandable_blockquote":
        block = paragraph | {"type": kind}
    return replace(in_entity(kind, text), blocks=(block,))


def details(summary: str, *lines: str, is_open: bool = False) -> Block:
    """Return a block that folds paragraphs; no formula, which made a client crash there."""
    blocks = [{"type": "paragraph", "text": line} for line in lines]
    return {
        "type": "details",
        "summary": summary,
        "blocks": blocks,
        "is_open": is_open,
    }


def pack(pages: Iterable[FormattedMessage]) -> list[FormattedMessage]:
    """Join neighbouring pages with blocks as far as one message takes them; drop empty pages."""
    packed: list[FormattedMessage] = []
    for page in pages:
        if not page.text.strip():
            continue
        last = packed[-1] if packed else FormattedMessage("")
        blocks = last.blocks + page.blocks
        if last.blocks and page.blocks and measure(blocks).fits:
            packed[-1] = replace(join_pages(last, page), blocks=blocks)
        else:
            packed.append(page)
    return packed


def needs_blocks(nodes: Iterable[SyntaxTreeNode], plain: str) -> bool:
    """Return whether the plain form of parsed blocks loses something.

    Long code does not: only a plain message has a button to copy it.
    """
    every = [node for block in nodes for node in block.walk()]
    if any(map(_is_lost, every)):
        return True
    code = sum(len(node.content) for node in every if node.type in _CODE)
    return utf16_length(plain) > LIMIT_UNITS and 2 * code < len(plain)


def _is_lost(node: SyntaxTreeNode) -> bool:
    if node.type != "list_item":
        return node.type in _LOST_IN_PLAIN_TEXT
    has_list = any(child.type.endswith("_list") for child in node.children)
    return has_list or "is_done" in node.meta


class Size(NamedTuple):
    """What blocks take of a message."""

    characters: int = 0
    blocks: int = 0

    def __add__(self, other: "Size") -> "Size":  # type: ignore[override]
        """Return the size of both together."""
        return Size(self.characters + other.characters, self.blocks + other.blocks)

    @property
    def fits(self) -> bool:
        """Return whether one message takes so much."""
        return self.characters <= MAX_CHARACTERS and self.blocks <= MAX_BLOCKS


def measure(blocks: Sequence[Block]) -> Size:
    """Return the size of blocks, nested ones included."""
    return Size(count_characters(blocks), count_blocks(blocks))


def count_characters(shown: Any) -> int:
    """Return the length of everything that blocks or a rich text show."""
    if isinstance(shown, str):
        return utf16_length(shown)
    if isinstance(shown, Mapping):
        shown = [shown[name] for name in _SHOWN_FIELDS if name in shown]
    return sum(map(count_characters, shown))


def count_blocks(blocks: Iterable[Block]) -> int:
    """Return the number of blocks, list items and table rows, nested ones included."""
    total = 0
    for block in blocks:
        items = block.get("items", ())
        total += 1 + len(block.get("cells", ())) + len(items)
        total += count_blocks(block.get("blocks", ()))
        total += sum(count_blocks(item["blocks"]) for item in items)
    return total


def _split_pages(nodes: Iterable[SyntaxTreeNode]) -> Iterator[FormattedMessage]:
    """Yield messages split between blocks; a block that no message takes is a plain page."""
    group: list[SyntaxTreeNode] = []
    taken = Size()
    for node in nodes:
        for part in _split_table(node):
            size = measure(build_blocks([part]))
            taken += size
            if group and not taken.fits:
                yield _make_page(group)
                group = []
                taken = size
            group.append(part)
    yield _make_page(group)


def _make_page(nodes: Sequence[SyntaxTreeNode]) -> FormattedMessage:
    blocks = build_blocks(nodes)
    page = write_page(nodes)
    return replace(page, blocks=tuple(blocks)) if measure(blocks).fits else page


def _split_table(node: SyntaxTreeNode) -> list[SyntaxTreeNode]:
    """Return a block as it is; a table that no message takes in parts, each with its heading."""
    rows = (
        node.children[1].children if node.type == "table" and node.children[1:] else []
    )
    size = measure(build_blocks([node]))
    if len(rows) <= 1 or size.fits:
        return [node]
    share = max(size.characters / MAX_CHARACTERS, size.blocks / MAX_BLOCKS)
    count = math.ceil(len(rows) / math.ceil(share))
    opening, closing = _nester(node)
    body_opening, body_closing = _nester(node.children[1])
    heading = node.children[0].to_tokens()
    parts = []
    for start in range(0, len(rows), count):
        part = rows[start : start + count]
        body = [token for row in part for token in row.to_tokens()]
        tokens = [opening, *heading, body_opening, *body, body_closing, closing]
        parts += _split_table(SyntaxTreeNode(tokens).children[0])
    return parts


def _nester(node: SyntaxTreeNode) -> tuple[Any, Any]:
    tokens = node.to_tokens()
    return tokens[0], tokens[-1]


def build_blocks(
    nodes: Iterable[SyntaxTreeNode], levels: int = MAX_LEVELS
) -> list[Block]:
    """Return parsed blocks as blocks of a rich message, none of them empty.

    They take at most `levels` levels; what is nested more deeply is plain text.
    """
    return [block for node in nodes for block in _build_block(node, levels)]


def _build_block(node: SyntaxTreeNode, levels: int) -> list[Block]:
    """Return the block of a node; none for one that shows nothing."""
    if node.type in _CONTAINERS and levels < _CONTAINER_LEVELS:
        plain = write_page([node]).text
        return [{"type": "paragraph", "text": plain}] if plain else []
    return _BUILDERS[node.type](node, levels)


def _build_paragraph(node: SyntaxTreeNode, levels: int) -> list[Block]:
    text = build_text(node.children[0].children, levels - 1)
    size = {"size": int(node.tag[1:])} if node.type == "heading" else {}
    is_empty = is_blank(_words(text))
    return [] if is_empty else [{"type": node.type, "text": text, **size}]


def _build_rule(_node: SyntaxTreeNode, _levels: int) -> list[Block]:
    return [{"type": "divider"}]


def _build_code(node: SyntaxTreeNode, _levels: int) -> list[Block]:
    return _make_code(node.content, code_language(node))


def _make_code(text: str, language: str = "") -> list[Block]:
    code = text.strip("\n").rstrip()
    named = {"language": language} if language else {}
    return [] if is_blank(code) else [{"type": "pre", "text": code, **named}]


def _build_formula(node: SyntaxTreeNode, _levels: int) -> list[Block]:
    formula = node.content.strip()
    if len(formula) > MAX_FORMULA_CHARACTERS:
        return _make_code(formula_text(formula))
    block = {"type": "mathematical_expression", "expression": formula}
    return [block] if formula else []


def _build_table(node: SyntaxTreeNode, levels: int) -> list[Block]:
    rows = table_rows(node)
    if len(rows[0]) > MAX_COLUMNS:
        return _make_code(draw_columns(rows))
    cells = [
        [_build_cell(build_text(nodes, levels - 2), side) for nodes, side in row]
        for row in rows
    ]
    for cell in cells[0]:
        cell["is_header"] = True
    return [{"type": "table", "cells": cells, "is_bordered": True}]


def _build_quote(node: SyntaxTreeNode, levels: int) -> list[Block]:
    blocks = build_blocks(node.children, levels - 1)
    return [{"type": "blockquote", "blocks": blocks}] if blocks else []


def _build_list(node: SyntaxTreeNode, levels: int) -> list[Block]:
    items = list(_build_items(node, levels - 2))
    return [{"type": "list", "items": items}] if items else []


def _build_cell(text: RichText, side: str) -> dict[str, Any]:
    """Return a cell; one without `text` is an empty place."""
    cell = {"align": side or "left", "valign": "middle"}
    return cell if is_blank(_words(text)) else {"text": text, **cell}


def _build_items(node: SyntaxTreeNode, levels: int) -> Iterator[dict[str, Any]]:
    """Yield the items of a list; Telegram takes a number only with its type."""
    numbers = dict(number_items(node)) if node.type == "ordered_list" else {}
    for item in node.children:
        if blocks := build_blocks(item.children, levels):
            made: dict[str, Any] = {"blocks": blocks}
            if numbers:
                made |= {"type": "1", "value": numbers[item]}
            if "is_done" in item.meta:
                made |= {"has_checkbox": True, "is_checked": item.meta["is_done"]}
            yield made


_CONTAINERS = frozenset({"blockquote", "bullet_list", "ordered_list"})
_BUILDERS: Mapping[str, Callable[[SyntaxTreeNode, int], list[Block]]] = {
    "paragraph": _build_paragraph,
    "heading": _build_paragraph,
    "hr": _build_rule,
    "fence": _build_code,
    "code_block": _build_code,
    "formula_block": _build_formula,
    "table": _build_table,
    "blockquote": _build_quote,
    "bullet_list": _build_list,
    "ordered_list": _build_list,
}


def build_text(nodes: Iterable[SyntaxTreeNode], levels: int) -> RichText:
    """Return inline nodes as a rich text; styles beyond `levels` are left out."""
    pieces: list[RichText] = []
    for node in nodes:
        built = _build_piece(node, levels)
        for piece in built if isinstance(built, list) else [built]:
            if pieces and isinstance(piece, str) and isinstance(pieces[-1], str):
                pieces[-1] += piece
            elif piece:
                pieces.append(piece)
    return pieces[0] if len(pieces) == 1 else pieces


def _build_piece(node: SyntaxTreeNode, levels: int) -> RichText:
    kind = node.type
    content = node.content
    if kind in {"softbreak", "hardbreak"}:
        return "\n"
    if kind in {"link", "image"}:
        return _build_link(node, levels)
    if kind == "formula":
        expression = content.strip()
        if levels > 0 and len(expression) <= MAX_FORMULA_CHARACTERS:
            return {"type": "mathematical_expression", "expression": expression}
        return formula_text(content)
    if kind not in _STYLES:
        return _link_addresses(content) if levels > 0 else content
    inner = build_text(node.children, levels - 1) if node.children else content
    is_styled = levels > 0 and not is_blank(_words(inner))
    return {"type": _STYLES[kind], "text": inner} if is_styled else inner


def _link_addresses(text: str) -> RichText:
    """Return a text whose addresses are links: Telegram is told to detect none."""
    pieces: list[RichText] = []
    for index, piece in enumerate(_ADDRESS.split(text)):
        # Every other piece is an address.
        is_opened = index % 2 and is_link(piece)
        pieces.append(
            {"type": "url", "text": piece, "url": piece} if is_opened else piece
        )
    return pieces


def _build_link(node: SyntaxTreeNode, levels: int) -> RichText:
    """Return a link; an address that cannot be opened, or has no label, is shown."""
    address, displayed = link_address(node)
    is_image = node.type == "image"
    label = node.content if is_image else build_text(node.children, levels - 1)
    words = _words(label)
    if _has_link(label):
        label = words
    if is_blank(words):
        label = words = displayed
    is_opened = _MAIL.fullmatch(address) or (
        address.startswith(("http://", "https://")) and is_link(address)
    )
    if levels > 0 and is_opened:
        return {"type": "url", "text": label, "url": address}
    if displayed in {"", words}:
        return label
    return [*(label if isinstance(label, list) else [label]), f" ({displayed})"]


def _has_link(text: RichText) -> bool:
    if isinstance(text, Mapping):
        return text["type"] == "url" or _has_link(text.get("text", ""))
    return not isinstance(text, str) and any(map(_has_link, text))


def _words(text: RichText) -> str:
    """Return a rich text without its styles."""
    if isinstance(text, str):
        return text
    if isinstance(text, Mapping):
        return _words(text.get("text", text.get("expression", "")))
    return "".join(map(_words, text))
