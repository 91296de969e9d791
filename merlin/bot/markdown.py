r"""A model's Markdown as the text and marks that Telegram shows.

CommonMark with GitHub's tables and strikethrough and with formulas; markdown-it-py reads it. HTML
is shown as it stands, and so are links by reference and underlined headings: a text that is still
growing would change its look with every line. Nothing is lost, and nothing raises: what cannot be
read as Markdown is shown as it is.

Products keep their signs: CommonMark takes any pair of asterisks within words for emphasis, and
S = a*b*c would be shown as S = abc. Emphasis that begins or ends a word stays emphasis.

Formulas stand in $ $, $$ $$, \( \), \[ \] and \begin. A dollar is often money: as in Pandoc, one
that opens stands before no white space, one that closes stands after none and before no letter or
digit, and what lies between must look like mathematics.

A link opens where Telegram opens it (TDLib's LinkManager, check_link and its tests): http, https
and tg, a host with a dot; mail addresses are found by Telegram itself where they stand in the text.

A table stands in columns where it fits a telephone. Columns need letters of one width, so they are
written as a block of code; a block holds no links, so a table with links is written as lines:
"heading: value", a group of lines a row.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from urllib.parse import urlsplit

from markdown_it import MarkdownIt
from markdown_it.common.normalize_url import normalizeLinkText
from markdown_it.ruler import RuleOptionsType
from markdown_it.rules_block import StateBlock
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token
from markdown_it.tree import SyntaxTreeNode

from merlin.bot.latex import MAX_CHARACTERS as MAX_FORMULA_CHARACTERS
from merlin.bot.latex import to_unicode
from merlin.core.formatted_text import FormattedMessage, TextBuilder
from merlin.core.log import get_logger

log = get_logger(__name__)

# Beyond these a text is shown as it is: markdown-it takes a second for it, and the bot waits.
MAX_CHARACTERS = 64_000
MAX_DELIMITERS = {"[": 2000, "|": 5000}
# What is nested deeper would be left out by markdown-it.
DEEPEST = 40
_UNSHOWN = re.compile(r"[\0\ud800-\udfff]")
# Without any of these a text says the same with and without a parser.
_MARKUP = re.compile(r"[*_`~\[<|$\\&]|\n\n\n")
_LINE_SIGN = re.compile(r"[-+=>#]|\d{1,9}[.)]")
_ASTERISK = "*"
_MAX_ASTERISKS = 2
RULE = "———"
_LANGUAGE = re.compile(r"[\w+#.-]{1,40}")
_TASK = re.compile(r"\[([ xX])\](?:\s+|$)")
_MARKS = {"strong": "bold", "em": "italic", "s": "strikethrough"}
MAX_URL_LENGTH = 2048
_TELEGRAM = re.compile(r"tg://[a-z_-]+(?:[/?#]\S*)?", re.IGNORECASE | re.ASCII)
_MAIL = "mailto:"
# What a telephone shows of a block of code without breaking its lines.
MAX_COLUMNS = 46
_BETWEEN = " | "
_CROSSING = "-+-"
# Markdown has no other way to write two lines into one cell.
_LINE_BREAK = re.compile(r"\s*<br\s*/?>\s*", re.IGNORECASE)
MAX_LINES = 60
# Longer marks first: `$$` is no empty formula between two `$`.
_PAIRS = (("$$", "$$"), ("$", "$"), ("\\(", "\\)"), ("\\[", "\\]"))
_SIGNS = re.compile(r"[\\^_{=]")
_SUM = re.compile(r"(?!\d[\d.,]*\s)(?!.*[^\W\d_]{3}).*[-+*/<>|]")
_PROSE = re.compile(r"\s[^\W\d_]{3,}[\s,.]")
_BLOCK = re.compile(r"\s*(?:(\$\$)|(\\\[)|\\begin\{([a-z]+\*?)\})")
_CLOSING_SIGNS = " \t.,;:"


def render_plain(text: str) -> FormattedMessage:
    """Return `text` as a page without marks; what no client shows becomes U+FFFD."""
    return FormattedMessage(_UNSHOWN.sub("\ufffd", text.replace("\r\n", "\n").replace("\r", "\n")))


def render(markdown: str) -> FormattedMessage:
    """Return an answer's Markdown, whole or growing, as a page; never raises."""
    text = render_plain(markdown).text.rstrip().lstrip("\n")
    is_marked = _MARKUP.search(text) or any(
        line != line.strip() or _LINE_SIGN.match(line) for line in text.split("\n")
    )
    is_heavy = len(text) > MAX_CHARACTERS or any(
        text.count(sign) > most for sign, most in MAX_DELIMITERS.items()
    )
    if not is_marked or is_heavy:
        return FormattedMessage(text)
    try:
        page = _read(text)
    except Exception as problem:  # noqa: BLE001 - an answer is shown whatever its marks are
        # The trace would hold people's words.
        kind = type(problem).__name__
        log.warning("markdown cannot be read", characters=len(text), problem=kind)
        return FormattedMessage(text)
    return page if page.text else FormattedMessage(text)


def _read(text: str) -> FormattedMessage:
    tokens = _PARSER.parse(text)
    if any(token.level >= DEEPEST - 1 for token in tokens):
        return FormattedMessage(text)
    builder = TextBuilder()
    _write_blocks(builder, SyntaxTreeNode(tokens).children)
    return builder.page()


def _make_parser() -> MarkdownIt:
    options = {"html": False, "maxNesting": DEEPEST}
    parser = MarkdownIt("commonmark", options).enable(["table", "strikethrough"])
    parser.disable(["reference", "lheading"])
    # Formulas: tokens `formula` within a line, `formula_block` as lines.
    parser.inline.ruler.before("escape", "formula", _formula_in_line)
    interrupts = RuleOptionsType(alt=["paragraph", "blockquote", "list"])
    parser.block.ruler.before("fence", "formula_block", _formula_block, interrupts)
    # Signs of multiplication and of powers are left alone.
    parser.inline.ruler.before("emphasis", "product", _product)
    return parser


def _product(state: StateInline, silent: bool) -> bool:  # noqa: FBT001 - markdown-it's signature
    start = state.pos
    if state.src[start] != _ASTERISK:
        return False
    end = start
    while end < state.posMax and state.src[end] == _ASTERISK:
        end += 1
    before, after = state.src[start - 1 : start], state.src[end : end + 1]
    if end - start > _MAX_ASTERISKS or not _is_product(before, after, is_power=end - start > 1):
        return False
    if not silent:
        state.pending += state.src[start:end]
    state.pos = end
    return True


def _is_product(before: str, after: str, *, is_power: bool) -> bool:
    """Return whether asterisks between these two characters multiply, or raise to a power."""
    if not (before.isalnum() or before == ")") or not (after.isalnum() or after == "("):
        return False
    if is_power:
        return after.isdigit() or (before.isdigit() and after.isascii())
    has_number = before.isdigit() or after.isdigit()
    return has_number or (before.isascii() and after.isascii())


def _formula_in_line(state: StateInline, silent: bool) -> bool:  # noqa: FBT001 - markdown-it's signature
    if state.src[state.pos] not in "$\\":
        return False
    for opening, closing in _PAIRS:
        if state.src.startswith(opening, state.pos):
            start = state.pos + len(opening)
            end = state.src.find(closing, start, min(state.posMax, start + MAX_FORMULA_CHARACTERS))
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
    return not is_prose and bool(_SIGNS.search(content) or _SUM.match(content))


def _formula_block(state: StateBlock, start: int, last: int, silent: bool) -> bool:  # noqa: FBT001 - as above
    begun = _BLOCK.match(_line(state, start))
    if begun is None or state.is_code_block(start):
        return False
    environment = begun.group(3)
    opening = "" if environment else begun.group().strip()
    closing = f"\\end{{{environment}}}" if environment else "$$" if begun.group(1) else "\\]"
    end = _last_line(state, start, last, opening, closing)
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


def _last_line(state: StateBlock, start: int, last: int, opening: str, closing: str) -> int | None:
    """Return the line that ends the formula; none where words follow or a blank line comes."""
    skipped = len(opening)
    for line in range(start, min(last, start + MAX_LINES)):
        text = _line(state, line).strip()
        place = text.find(closing, skipped)
        skipped = 0
        if place >= 0:
            return None if text[place + len(closing) :].strip(_CLOSING_SIGNS) else line
        if not text or state.sCount[line] < state.blkIndent:
            return None
    return None


def _line(state: StateBlock, line: int) -> str:
    return state.src[state.bMarks[line] + state.tShift[line] : state.eMarks[line]]


# What begins and ends with a mark, in a paragraph of its own.
_FRAMES = {"heading": "bold", "blockquote": "blockquote"}


def _write_blocks(builder: TextBuilder, nodes: Iterable[SyntaxTreeNode], depth: int = 0) -> None:
    """Write blocks, one below the other; `depth` is in how many lists they stand."""
    for node in nodes:
        if node.type in _FRAMES:
            builder.gap(2)
            builder.start(_FRAMES[node.type])
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
            _draw_table(builder, _table_rows(node))
        else:
            # None is left blank within a list.
            builder.gap(1 if depth and node.type != "hr" else 2)
            _write_block(builder, node)


def _write_block(builder: TextBuilder, node: SyntaxTreeNode) -> None:
    if node.type == "hr":
        builder.write(RULE)
    elif node.type == "formula_block":
        builder.write(to_unicode(node.content))
    else:
        language = _LANGUAGE.fullmatch((node.info.split() or [""])[0])
        builder.block(node.content, language.group() if language else "")


def _write_list(builder: TextBuilder, node: SyntaxTreeNode, depth: int) -> None:
    before, here = node.previous_sibling, node.map
    end = before.map if before and before.type == "paragraph" else None
    # A list may begin on the line right after a paragraph, as its items do.
    lines = 1 if depth or (end and here and end[1] == here[0]) else 2
    number = int(node.attrs.get("start", 1))
    for place, item in enumerate(node.children):
        first = item.children[0] if item.children else None
        if place:
            lines = 2 if first and first.type == "paragraph" and not first.hidden else 1
        bullet = f"{number + place}{item.markup}" if node.type == "ordered_list" else "•"
        builder.item(_task(first) or bullet, depth, lines)
        _write_blocks(builder, item.children, depth + 1)
        builder.end_item(depth)


def _task(block: SyntaxTreeNode | None) -> str:
    """Return the box of a task, and take it out of the item's words; "" for other items."""
    inline = block.children[0] if block and block.children else None
    word = inline.children[0] if inline and inline.type == "inline" and inline.children else None
    found = _TASK.match(word.content) if word and word.type == "text" and word.token else None
    if word is None or word.token is None or found is None:
        return ""
    word.token.content = word.content[found.end() :]
    return "☐" if found.group(1) == " " else "☑"


def _write_inlines(builder: TextBuilder, nodes: Iterable[SyntaxTreeNode]) -> str:
    """Write what stands within a line; return what it says."""
    plain = ""
    for node in nodes:
        kind = node.type
        if kind in _MARKS:
            builder.start(_MARKS[kind])
            plain += _write_inlines(builder, node.children)
            builder.end()
        elif kind in {"link", "image"}:
            # A picture is written as a link to it.
            plain += _write_link(builder, node)
        else:
            words = node.content
            if kind == "code_inline":
                builder.code(words)
            elif kind == "formula":
                builder.write(to_unicode(words))
            else:
                builder.write("\n" if kind in {"softbreak", "hardbreak"} else words)
            plain += words
    return plain


def _write_link(builder: TextBuilder, node: SyntaxTreeNode) -> str:
    """Write a link; an address that cannot be opened, or has no words for it, is shown."""
    address = str(node.attrs.get("href" if node.type == "link" else "src", ""))
    does_open = _is_link(address)
    if does_open:
        builder.start("text_link", address)
    if node.type == "link":
        label = _write_inlines(builder, node.children)
    else:
        label = node.content
        builder.write(label)
    shown = normalizeLinkText(address)
    if shown.lower().startswith(_MAIL):
        shown = shown[len(_MAIL) :]
    if not label.strip():
        builder.write(shown)
    elif not does_open and shown not in {"", label}:
        builder.write(f" ({shown})")
    if does_open:
        builder.end()
    return label


def _is_link(address: str) -> bool:
    """Return whether Telegram takes `address` for a link."""
    if len(address) > MAX_URL_LENGTH:
        return False
    if _TELEGRAM.fullmatch(address):
        return True
    try:
        parts = urlsplit(address)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and "." in host and port != 0


# What stands in a cell, and the side it is aligned to.
Cell = tuple[Sequence[SyntaxTreeNode], str]
Row = Sequence[Cell]


def _table_rows(table: SyntaxTreeNode) -> list[list[Cell]]:
    """Return the rows of a table, the heading first."""
    return [
        [
            (
                SyntaxTreeNode(list(_broken(cell.to_tokens()[1].children or []))).children,
                str(cell.attrs.get("style", "")).removeprefix("text-align:"),
            )
            for cell in row.children
        ]
        for part in table.children
        for row in part.children
    ]


def _broken(tokens: Sequence[Token]) -> Iterator[Token]:
    """Yield the tokens of a cell, each <br> of its text as the line break that it means."""
    for token in tokens:
        if token.type != "text":
            yield token
            continue
        for place, line in enumerate(_LINE_BREAK.split(token.content)):
            if place:
                yield Token("hardbreak", "br", 0)
            yield token.copy(content=line)


def _draw_table(builder: TextBuilder, rows: Sequence[Row]) -> None:
    """Write a table whose first row is its heading."""
    written = [[_written(cell) for cell in row] for row in rows]
    widths = [max(_width(page.text) for page in column) for column in zip(*written, strict=False)]
    has_links = any(
        mark.kind == "text_link" for row in written for one in row for mark in one.marks
    )
    if not has_links and sum(widths) + len(_BETWEEN) * (len(widths) - 1) <= MAX_COLUMNS:
        builder.gap(2)
        builder.block(_in_columns(rows, written, widths))
    else:
        _write_lines(builder, rows, written)


def _written(cell: Cell) -> FormattedMessage:
    builder = TextBuilder()
    _write_inlines(builder, cell[0])
    page = builder.page()
    return FormattedMessage(" ".join(page.text.split()), page.marks)


def _in_columns(
    rows: Sequence[Row], written: Sequence[Sequence[FormattedMessage]], widths: Sequence[int]
) -> str:
    lines = [
        _BETWEEN.join(
            _padded(page.text, width, side)
            for (_, side), page, width in zip(row, pages, widths, strict=False)
        ).rstrip()
        for row, pages in zip(rows, written, strict=True)
    ]
    return "\n".join([lines[0], _CROSSING.join("-" * width for width in widths), *lines[1:]])


def _padded(text: str, width: int, side: str) -> str:
    room = width - _width(text)
    before = {"right": room, "center": room // 2}.get(side, 0)
    return " " * before + text + " " * (room - before)


def _width(text: str) -> int:
    """Return how many columns `text` takes: none for an accent, two for 漢 or an emoji."""
    if text.isascii():
        return len(text)
    return sum(
        0
        if unicodedata.category(sign) in {"Mn", "Me", "Cf"}
        else 1 + (unicodedata.east_asian_width(sign) in {"W", "F"})
        for sign in text
    )


def _write_lines(
    builder: TextBuilder, rows: Sequence[Row], written: Sequence[Sequence[FormattedMessage]]
) -> None:
    headings = [page.text for page in written[0]]
    for row, pages in zip(rows[1:] or rows, written[1:] or written, strict=True):
        lines = 2
        for place, ((nodes, _), page) in enumerate(zip(row, pages, strict=True)):
            if not page.text:
                continue
            builder.gap(lines)
            lines = 1
            heading = headings[place] if len(rows) > 1 else ""
            builder.write(f"{heading}: " if heading else "")
            _write_inlines(builder, nodes)


_PARSER = _make_parser()
