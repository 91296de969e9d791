r"""A model's Markdown as a text with entities for Telegram.

CommonMark with GitHub's tables and strikethrough and with formulas, parsed by markdown-it-py. HTML,
reference links and setext headings are shown as plain text: a streamed text would change its look
with every line. Nothing is lost and nothing raises: text that cannot be parsed is shown as it is.

Formulas are in $ $, $$ $$, \( \), \[ \] and \begin. A dollar sign is often money, so as in Pandoc
an opening one must not precede white space, a closing one must not follow white space or precede a
letter or digit, and the text between them must look like mathematics.

A link is an entity only if Telegram opens it (TDLib's LinkManager, check_link and its tests): http,
https and tg, with a dot in the host; Telegram itself finds mail addresses in the text.

A table that fits a phone screen is written in columns. Columns need a monospaced font, so they are
a code block; a code block cannot contain links, so a table with links is written as lines:
"heading: value", a group of lines for each row.
"""

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from urllib.parse import urlsplit

from markdown_it import MarkdownIt
from markdown_it.common.normalize_url import normalizeLinkText
from markdown_it.ruler import RuleOptionsType
from markdown_it.rules_block import StateBlock
from markdown_it.rules_core import StateCore
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token
from markdown_it.tree import SyntaxTreeNode

from merlin.core.formatted_text import (
    LIMIT_UNITS,
    FormattedMessage,
    TextBuilder,
    show_addresses,
    utf16_length,
)
from merlin.core.log import get_logger
from merlin.core.markdown_rules import add_rules, number_items

log = get_logger(__name__)

# Longer texts are shown as they are: markdown-it would block the bot for a second.
MAX_CHARACTERS = 64_000
# A longer formula stays as it is.
MAX_FORMULA_CHARACTERS = 2000
MAX_DELIMITERS = {"[": 2000, "|": 5000}
# markdown-it drops deeper nested blocks.
MAX_DEPTH = 40
_INVISIBLE = re.compile(r"[\0\ud800-\udfff]")
# A text without any of these has no Markdown.
_MARKUP = re.compile(r"[*_`~\[<|$\\&]|\n\n\n")
_LINE_SIGN = re.compile(r"[-+=>#]|\d{1,9}[.)]")
RULE = "———"
_LANGUAGE = re.compile(r"[\w+#.-]{1,40}")
_TASK = re.compile(r"\[([ xX])\](?:\s+|$)")
_ENTITY_KINDS = {"strong": "bold", "em": "italic", "s": "strikethrough"}
MAX_URL_LENGTH = 2048
_TELEGRAM_LINK = re.compile(r"tg://[a-z_-]+(?:[/?#]\S*)?", re.IGNORECASE | re.ASCII)
_MAIL_SCHEME = "mailto:"
# The width of a code block on a phone without wrapped lines.
MAX_COLUMNS = 46
_COLUMN_SEPARATOR = " | "
_RULE_SEPARATOR = "-+-"
# Markdown has no other line break within a table cell.
_LINE_BREAK = re.compile(r"\s*<br\s*/?>\s*", re.IGNORECASE)
MAX_LINES = 60
# Longer delimiters first, so that `$$` is not an empty formula between two `$`.
_DELIMITERS = (("$$", "$$"), ("$", "$"), ("\\(", "\\)"), ("\\[", "\\]"))
_MATH_SIGNS = re.compile(r"[\\^_{=]")
_SUM = re.compile(r"(?!\d[\d.,]*\s)(?!.*[^\W\d_]{3}).*[-+*/<>|]")
_PROSE = re.compile(r"\s[^\W\d_]{3,}[\s,.]")
_BLOCK_START = re.compile(r"\s*(?:(\$\$)|(\\\[)|\\begin\{([a-z]+\*?)\})")
_CLOSING_SIGNS = " \t.,;:"


def render_plain(text: str) -> FormattedMessage:
    """Return `text` as a page without entities; characters that no client shows become U+FFFD."""
    return FormattedMessage(
        _INVISIBLE.sub("\ufffd", text.replace("\r\n", "\n").replace("\r", "\n"))
    )


def render(markdown: str) -> FormattedMessage:
    """Convert an answer's Markdown, complete or streamed, to a page; never raises."""
    (page,) = convert(markdown, lambda text: [write_page(parse(text))])
    return page


def convert(
    markdown: str, write: Callable[[str], list[FormattedMessage]]
) -> list[FormattedMessage]:
    """Return the pages that `write` makes of Markdown, else the text as it is; never raises."""
    text = render_plain(markdown).text.rstrip().lstrip("\n")
    has_markup = (
        utf16_length(text) > LIMIT_UNITS
        or _MARKUP.search(text)
        or any(
            line != line.strip() or _LINE_SIGN.match(line) for line in text.split("\n")
        )
    )
    is_too_large = len(text) > MAX_CHARACTERS or any(
        text.count(sign) > limit for sign, limit in MAX_DELIMITERS.items()
    )
    if not has_markup or is_too_large:
        return [FormattedMessage(text)]
    try:
        pages = write(text)
    except Exception as error:  # noqa: BLE001 - an answer is shown whatever its marks are
        # A traceback would contain the user's texts.
        kind = type(error).__name__
        log.warning("markdown cannot be read", characters=len(text), problem=kind)
        return [FormattedMessage(text)]
    return [page for page in pages if page.text] or [FormattedMessage(text)]


def parse(text: str) -> list[SyntaxTreeNode]:
    """Return the parsed blocks of a text; none if they are nested too deeply to be shown."""
    tokens = _PARSER.parse(text)
    if any(token.level >= MAX_DEPTH - 1 for token in tokens):
        return []
    return SyntaxTreeNode(tokens).children


def write_page(nodes: Iterable[SyntaxTreeNode]) -> FormattedMessage:
    """Return parsed blocks as a text with entities."""
    builder = TextBuilder()
    _write_blocks(builder, nodes)
    return builder.page()


def _make_parser() -> MarkdownIt:
    options = {"html": False, "maxNesting": MAX_DEPTH}
    parser = MarkdownIt("commonmark", options).enable(["table", "strikethrough"])
    parser.disable(["reference", "lheading"])
    # Formulas: inline tokens `formula`, block tokens `formula_block`.
    parser.inline.ruler.before("escape", "formula", _formula_in_line)
    interrupts = RuleOptionsType(alt=["paragraph", "blockquote", "list"])
    parser.block.ruler.before("fence", "formula_block", _formula_block, interrupts)
    add_rules(parser)
    parser.core.ruler.push("task", _mark_tasks)
    return parser


def _mark_tasks(state: StateCore) -> None:
    """Move the checkbox of a task from the text of the list item to its `meta`."""
    tokens = state.tokens
    for item, _, inline in zip(tokens, tokens[1:], tokens[2:], strict=False):
        if item.type != "list_item_open" or not inline.children:
            continue
        first = inline.children[0]
        match = _TASK.match(first.content) if first.type == "text" else None
        if match:
            item.meta["is_done"] = match.group(1) != " "
            first.content = first.content[match.end() :]


def _formula_in_line(state: StateInline, silent: bool) -> bool:  # noqa: FBT001 - markdown-it's signature
    if state.src[state.pos] not in "$\\":
        return False
    for opening, closing in _DELIMITERS:
        if state.src.startswith(opening, state.pos):
            start = state.pos + len(opening)
            end = state.src.find(
                closing, start, min(state.posMax, start + MAX_FORMULA_CHARACTERS)
            )
            if end <= start or not _is_formula(state.src, opening, start, end):
                return False
            if not silent:
                state.push("formula", "", 0).content = state.src[start:end]
            state.pos = end + len(closing)
            return True
    return False


def _is_formula(text: str, opening: str, start: int, end: int) -> bool:
    content = text[start:end]
    if opening != "$":
        return bool(content.strip())
    before = text[start - 2 : start - 1]
    after = text[end + 1 : end + 2]
    touches = content[0].isspace() or content[-1].isspace() or content.endswith("\\")
    if touches or before.isalnum() or after.isalnum():
        return False
    if not re.search(r"\s", content):
        return True
    is_prose = _PROSE.search(content) and "\\text" not in content
    return not is_prose and bool(_MATH_SIGNS.search(content) or _SUM.match(content))


def _formula_block(state: StateBlock, start: int, last: int, silent: bool) -> bool:  # noqa: FBT001 - as above
    match = _BLOCK_START.match(_line(state, start))
    if match is None or state.is_code_block(start):
        return False
    environment = match.group(3)
    opening = "" if environment else match.group().strip()
    closing = (
        f"\\end{{{environment}}}" if environment else "$$" if match.group(1) else "\\]"
    )
    end = _find_last_line(state, start, last, opening, closing)
    if end is None:
        return False
    if not silent:
        text = state.getLines(start, end + 1, state.blkIndent, False).strip()  # noqa: FBT003 - as above
        text = text.rstrip(_CLOSING_SIGNS)
        token = state.push("formula_block", "", 0)
        token.content = text if environment else text[len(opening) : -len(closing)]
        token.map = [start, end + 1]
        state.line = end + 1
    return True


def _find_last_line(
    state: StateBlock, start: int, last: int, opening: str, closing: str
) -> int | None:
    """Return the last line of the formula; None if text follows it or a blank line comes first."""
    skipped = len(opening)
    for line in range(start, min(last, start + MAX_LINES)):
        text = _line(state, line).strip()
        position = text.find(closing, skipped)
        skipped = 0
        if position >= 0:
            return (
                None if text[position + len(closing) :].strip(_CLOSING_SIGNS) else line
            )
        if not text or state.sCount[line] < state.blkIndent:
            return None
    return None


def _line(state: StateBlock, line: int) -> str:
    return state.src[state.bMarks[line] + state.tShift[line] : state.eMarks[line]]


# Blocks that become one entity.
_FRAME_ENTITIES = {"heading": "bold", "blockquote": "blockquote"}


def _write_blocks(
    builder: TextBuilder, nodes: Iterable[SyntaxTreeNode], depth: int = 0
) -> None:
    """Write blocks one below the other; `depth` is the nesting level of lists."""
    for node in nodes:
        if node.type in _FRAME_ENTITIES:
            builder.gap(2)
            builder.start(_FRAME_ENTITIES[node.type])
            _write_blocks(builder, node.children, depth)
            builder.end()
        elif node.type == "paragraph":
            builder.gap(1 if node.hidden else 2)
            _write_inlines(builder, node.children[0].children)
        elif node.type == "inline":
            _write_inlines(builder, node.children)
        elif node.type.endswith("_list"):
            _write_list(builder, node, depth)
        elif node.type == "table":
            _draw_table(builder, table_rows(node))
        else:
            # No blank lines within a list.
            builder.gap(1 if depth and node.type != "hr" else 2)
            if node.type == "hr":
                builder.write(RULE)
            elif node.type == "formula_block":
                builder.write(formula_text(node.content))
            else:
                builder.block(node.content, code_language(node))


def code_language(node: SyntaxTreeNode) -> str:
    """Return the language of a code block, "" for none."""
    language = _LANGUAGE.fullmatch((node.info.split() or [""])[0])
    return language.group() if language else ""


def formula_text(formula: str) -> str:
    """Return a formula as Unicode."""
    # At the first formula: pylatexenc's tables took 6 % of the bot's start.
    from merlin.bot.latex import to_unicode  # noqa: PLC0415 - see above

    return to_unicode(formula)


def _write_list(builder: TextBuilder, node: SyntaxTreeNode, depth: int) -> None:
    previous = node.previous_sibling
    line_range = node.map
    end = previous.map if previous and previous.type == "paragraph" else None
    # A list may follow a paragraph without a blank line, as its items do.
    lines = 1 if depth or (end and line_range and end[1] == line_range[0]) else 2
    numbers = (
        [number for _, number in number_items(node)]
        if node.type == "ordered_list"
        else []
    )
    for index, item in enumerate(node.children):
        first = item.children[0] if item.children else None
        if index:
            lines = 2 if first and first.type == "paragraph" and not first.hidden else 1
        bullet = f"{numbers[index]}{item.markup}" if numbers else "•"
        if "is_done" in item.meta:
            bullet = "☑" if item.meta["is_done"] else "☐"
        builder.item(bullet, depth, lines)
        _write_blocks(builder, item.children, depth + 1)
        builder.end_item(depth)


def _write_inlines(builder: TextBuilder, nodes: Iterable[SyntaxTreeNode]) -> str:
    """Write inline nodes; return their plain text."""
    plain = ""
    for node in nodes:
        kind = node.type
        if kind in _ENTITY_KINDS:
            builder.start(_ENTITY_KINDS[kind])
            plain += _write_inlines(builder, node.children)
            builder.end()
        elif kind in {"link", "image"}:
            # An image is written as a link to it.
            plain += _write_link(builder, node)
        else:
            content = node.content
            if kind == "code_inline":
                builder.code(content)
            elif kind == "formula":
                builder.write(formula_text(content))
            else:
                builder.write("\n" if kind in {"softbreak", "hardbreak"} else content)
            plain += content
    return plain


def _write_link(builder: TextBuilder, node: SyntaxTreeNode) -> str:
    """Write a link; an address that cannot be opened, or has no label, is shown."""
    address, displayed = link_address(node)
    can_open = is_link(address)
    if can_open:
        builder.start("text_link", address)
    if node.type == "link":
        label = _write_inlines(builder, node.children)
    else:
        label = node.content
        builder.write(label)
    if not label.strip():
        builder.write(displayed)
    elif not can_open and displayed not in {"", label}:
        builder.write(f" ({displayed})")
    if can_open:
        builder.end()
    return label


def link_address(node: SyntaxTreeNode) -> tuple[str, str]:
    """Return the address of a link or an image, and how it is shown."""
    address = str(node.attrs.get("href" if node.type == "link" else "src", ""))
    displayed = normalizeLinkText(address)
    if displayed.lower().startswith(_MAIL_SCHEME):
        displayed = displayed[len(_MAIL_SCHEME) :]
    return address, displayed


def is_link(address: str) -> bool:
    """Return whether Telegram accepts `address` as a link."""
    if len(address) > MAX_URL_LENGTH:
        return False
    if _TELEGRAM_LINK.fullmatch(address):
        return True
    try:
        parts = urlsplit(address)
        host = parts.hostname or ""
        port = parts.port
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and "." in host and port != 0


# The inline nodes of a cell, and its alignment.
Cell = tuple[Sequence[SyntaxTreeNode], str]
Row = Sequence[Cell]


def table_rows(table: SyntaxTreeNode) -> list[list[Cell]]:
    """Return the rows of a table, the heading first."""
    return [
        [
            (
                SyntaxTreeNode(
                    list(_split_line_breaks(cell.to_tokens()[1].children or []))
                ).children,
                str(cell.attrs.get("style", "")).removeprefix("text-align:"),
            )
            for cell in row.children
        ]
        for part in table.children
        for row in part.children
    ]


def _split_line_breaks(tokens: Sequence[Token]) -> Iterator[Token]:
    """Yield the tokens of a cell, with each <br> of its text as a line break."""
    for token in tokens:
        if token.type != "text":
            yield token
            continue
        for index, line in enumerate(_LINE_BREAK.split(token.content)):
            if index:
                yield Token("hardbreak", "br", 0)
            yield token.copy(content=line)


def _draw_table(builder: TextBuilder, rows: Sequence[Row]) -> None:
    """Write a table whose first row is its heading."""
    pages = [[_render_cell(cell) for cell in row] for row in rows]
    widths = _column_widths(pages)
    has_links = any(
        mark.kind == "text_link" for row in pages for page in row for mark in page.marks
    )
    if (
        not has_links
        and sum(widths) + len(_COLUMN_SEPARATOR) * (len(widths) - 1) <= MAX_COLUMNS
    ):
        builder.gap(2)
        builder.block(_render_in_columns(rows, pages, widths))
    else:
        _write_lines(builder, rows, pages)


def draw_columns(rows: Sequence[Row]) -> str:
    """Return a table in columns, however wide, as plain text with the addresses of its links."""
    pages = [
        [FormattedMessage(show_addresses(_render_cell(cell))) for cell in row]
        for row in rows
    ]
    return _render_in_columns(rows, pages, _column_widths(pages))


def _column_widths(pages: Sequence[Sequence[FormattedMessage]]) -> list[int]:
    return [
        max(_width(page.text) for page in column)
        for column in zip(*pages, strict=False)
    ]


def _render_cell(cell: Cell) -> FormattedMessage:
    builder = TextBuilder()
    _write_inlines(builder, cell[0])
    page = builder.page()
    return FormattedMessage(" ".join(page.text.split()), page.marks)


def _render_in_columns(
    rows: Sequence[Row],
    pages_by_row: Sequence[Sequence[FormattedMessage]],
    widths: Sequence[int],
) -> str:
    lines = [
        _COLUMN_SEPARATOR.join(
            _pad(page.text, width, side)
            for (_, side), page, width in zip(row, pages, widths, strict=False)
        ).rstrip()
        for row, pages in zip(rows, pages_by_row, strict=True)
    ]
    return "\n".join(
        [lines[0], _RULE_SEPARATOR.join("-" * width for width in widths), *lines[1:]]
    )


def _pad(text: str, width: int, side: str) -> str:
    padding = width - _width(text)
    before = {"right": padding, "center": padding // 2}.get(side, 0)
    return " " * before + text + " " * (padding - before)


def _width(text: str) -> int:
    """Return the width of `text` in columns: combining marks take 0, wide characters 2."""
    if text.isascii():
        return len(text)
    return sum(
        0
        if unicodedata.category(sign) in {"Mn", "Me", "Cf"}
        else 1 + (unicodedata.east_asian_width(sign) in {"W", "F"})
        for sign in text
    )


def _write_lines(
    builder: TextBuilder,
    rows: Sequence[Row],
    pages_by_row: Sequence[Sequence[FormattedMessage]],
) -> None:
    headings = [page.text for page in pages_by_row[0]]
    for row, pages in zip(
        rows[1:] or rows, pages_by_row[1:] or pages_by_row, strict=True
    ):
        lines = 2
        for index, ((nodes, _), page) in enumerate(zip(row, pages, strict=True)):
            if not page.text:
                continue
            builder.gap(lines)
            lines = 1
            heading = headings[index] if len(rows) > 1 else ""
            builder.write(f"{heading}: " if heading else "")
            _write_inlines(builder, nodes)


_PARSER = _make_parser()
