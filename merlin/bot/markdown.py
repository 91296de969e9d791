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
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple
from urllib.parse import urlsplit

from markdown_it import MarkdownIt
from markdown_it.common.normalize_url import normalizeLinkText
from markdown_it.ruler import RuleOptionsType
from markdown_it.rules_block import StateBlock
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token

from merlin.bot.latex import MOST_CHARACTERS as MOST_OF_FORMULA
from merlin.bot.latex import to_unicode
from merlin.core.formatted_text import FormattedMessage, TextBuilder
from merlin.core.log import get_logger

log = get_logger(__name__)

# Beyond these a text is shown as it is: markdown-it takes a second for it, and the bot waits.
MOST_CHARACTERS = 64_000
MOST_OF = {"[": 2000, "|": 5000}
# What is nested deeper would be left out by markdown-it.
DEEPEST = 40
_UNSHOWN = re.compile(r"[\0\ud800-\udfff]")
# Without any of these a text says the same with and without a parser.
_MARKUP = re.compile(r"[*_`~\[<|$\\&]|\n\n\n")
_LINE_SIGN = re.compile(r"[-+=>#]|\d{1,9}[.)]")
_ASTERISK = "*"
_MOST_ASTERISKS = 2
RULE = "———"
_LANGUAGE = re.compile(r"[\w+#.-]{1,40}")
_TASK = re.compile(r"\[([ xX])\](?:\s+|$)")
_MARKS = {"strong": "bold", "em": "italic", "s": "strikethrough"}
MOST_ADDRESS = 2048
_TELEGRAM = re.compile(r"tg://[a-z_-]+(?:[/?#]\S*)?", re.IGNORECASE | re.ASCII)
_MAIL = "mailto:"
# What a telephone shows of a block of code without breaking its lines.
MOST_COLUMNS = 46
_BETWEEN = " | "
_CROSSING = "-+-"
# Markdown has no other way to write two lines into one cell.
_LINE_BREAK = re.compile(r"\s*<br\s*/?>\s*", re.IGNORECASE)
MOST_LINES = 60
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
    is_heavy = len(text) > MOST_CHARACTERS or any(
        text.count(sign) > most for sign, most in MOST_OF.items()
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
    _BlockWriter(builder, tokens).write()
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
    if end - start > _MOST_ASTERISKS or not _is_product(before, after, is_power=end - start > 1):
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
            end = state.src.find(closing, start, min(state.posMax, start + MOST_OF_FORMULA))
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
    for line in range(start, min(last, start + MOST_LINES)):
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


class _BlockWriter:
    """Writes the tokens of a whole text, one after the other."""

    def __init__(self, builder: TextBuilder, tokens: Sequence[Token]) -> None:
        self._builder = builder
        self._tokens = tokens
        # The numbers of the items to come, a list within a list after it; None for bullets.
        self._numbers: list[int | None] = []
        self._lines_before_list = 2
        self._writers: dict[str, Callable[[int], object]] = {
            "paragraph_open": lambda place: builder.gap(1 if tokens[place].hidden else 2),
            "heading_open": lambda _: self._open_marked("bold"),
            "heading_close": lambda _: builder.end(),
            "inline": lambda place: _write_inlines(builder, tokens[place].children or []),
            "bullet_list_open": self._open_list,
            "ordered_list_open": self._open_list,
            "bullet_list_close": lambda _: self._numbers.pop(),
            "ordered_list_close": lambda _: self._numbers.pop(),
            "list_item_open": self._open_item,
            "list_item_close": lambda _: builder.end_item(len(self._numbers) - 1),
            "blockquote_open": lambda _: self._open_marked("blockquote"),
            "blockquote_close": lambda _: builder.end(),
            "fence": self._write_code,
            "code_block": self._write_code,
            "formula_block": self._write_formula,
            "hr": lambda _: self._write_rule(),
        }

    def write(self) -> None:
        """Write them all."""
        place = 0
        while place < len(self._tokens):
            kind = self._tokens[place].type
            if kind == "table_open":
                place = self._write_table(place)
            elif kind in self._writers:
                self._writers[kind](place)
            place += 1

    def _between(self) -> int:
        """Return the lines from one block to the next: none is left blank within a list."""
        return 1 if self._numbers else 2

    def _open_marked(self, kind: str) -> None:
        self._builder.gap(2)
        self._builder.start(kind)

    def _open_list(self, place: int) -> None:
        opening = self._tokens[place]
        is_ordered = opening.type == "ordered_list_open"
        self._lines_before_list = 1 if self._numbers or self._follows_words(place) else 2
        self._numbers.append(int(opening.attrs.get("start", 1)) if is_ordered else None)

    def _follows_words(self, place: int) -> bool:
        """Return whether a list begins on the line right after a paragraph, as its items do."""
        if place < 3 or self._tokens[place - 1].type != "paragraph_close":  # noqa: PLR2004 - a paragraph's tokens
            return False
        paragraph, here = self._tokens[place - 3].map, self._tokens[place].map
        return bool(paragraph and here and paragraph[1] == here[0])

    def _open_item(self, place: int) -> None:
        number = self._numbers[-1]
        bullet = "•"
        if number is not None:
            bullet = f"{number}{self._tokens[place].markup}"
            self._numbers[-1] = number + 1
        within = self._tokens[place + 1]
        lines = 2 if within.type == "paragraph_open" and not within.hidden else 1
        if self._tokens[place - 1].type.endswith("list_open"):
            lines = self._lines_before_list
        bullet = self._task(place) or bullet
        self._builder.item(bullet, len(self._numbers) - 1, lines)

    def _task(self, place: int) -> str:
        """Return the box of a task, and take it out of the item's words; "" for other items."""
        inline = self._tokens[min(place + 2, len(self._tokens) - 1)]
        first = inline.children[0] if inline.type == "inline" and inline.children else None
        found = _TASK.match(first.content) if first and first.type == "text" else None
        if first is None or found is None:
            return ""
        first.content = first.content[found.end() :]
        return "☐" if found.group(1) == " " else "☑"

    def _write_code(self, place: int) -> None:
        token = self._tokens[place]
        language = _LANGUAGE.fullmatch((token.info.split() or [""])[0])
        self._builder.gap(self._between())
        self._builder.block(token.content, language.group() if language else "")

    def _write_formula(self, place: int) -> None:
        self._builder.gap(self._between())
        self._builder.write(to_unicode(self._tokens[place].content))

    def _write_rule(self) -> None:
        self._builder.gap(2)
        self._builder.write(RULE)

    def _write_table(self, start: int) -> int:
        """Write the table that begins at `start`; return the place of its last token."""
        end = start
        while self._tokens[end].type != "table_close":
            end += 1
        _draw_table(self._builder, _table_rows(self._tokens[start:end]))
        return end


def _write_inlines(builder: TextBuilder, tokens: Iterable[Token]) -> None:
    """Write `tokens`, the children of one inline token of markdown-it."""
    link = _Link(builder)
    for token in tokens:
        if token.tag in _MARKS and token.nesting > 0:
            builder.start(_MARKS[token.tag])
        elif token.tag in _MARKS:
            builder.end()
        elif token.type == "link_open":
            link.open(str(token.attrs.get("href", "")))
        elif token.type == "link_close":
            link.close()
        else:
            link.label += _write_leaf(builder, token)


def _write_leaf(builder: TextBuilder, token: Token) -> str:
    """Write a token without marks around it; return what it says."""
    if token.type == "code_inline":
        builder.code(token.content)
    elif token.type == "image":
        # A picture is written as a link to it.
        link = _Link(builder)
        link.open(str(token.attrs.get("src", "")))
        link.label = token.content
        builder.write(link.label)
        link.close()
    elif token.type == "formula":
        builder.write(to_unicode(token.content))
    elif token.type in {"softbreak", "hardbreak"}:
        builder.write("\n")
    else:
        builder.write(token.content)
    return token.content


class _Link:
    """The link that is being written; `label` is what it says so far."""

    def __init__(self, builder: TextBuilder) -> None:
        self.label = ""
        self._builder = builder
        self._address = ""

    def open(self, address: str) -> None:
        """Begin a link to `address`."""
        self.label, self._address = "", address
        if _is_link(address):
            self._builder.start("text_link", address)

    def close(self) -> None:
        """End it; an address that cannot be opened, or has no words for it, is shown."""
        does_open = _is_link(self._address)
        shown = normalizeLinkText(self._address)
        if shown.lower().startswith(_MAIL):
            shown = shown[len(_MAIL) :]
        if not self.label.strip():
            self._builder.write(shown)
        elif not does_open and shown not in {"", self.label}:
            self._builder.write(f" ({shown})")
        if does_open:
            self._builder.end()


def _is_link(address: str) -> bool:
    """Return whether Telegram takes `address` for a link."""
    if len(address) > MOST_ADDRESS:
        return False
    if _TELEGRAM.fullmatch(address):
        return True
    try:
        parts = urlsplit(address)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and "." in host and port != 0


class Cell(NamedTuple):
    """One cell: what stands in it, and the side it is aligned to."""

    tokens: Sequence[Token]
    side: str = ""


Row = Sequence[Cell]


def _table_rows(tokens: Sequence[Token]) -> list[list[Cell]]:
    """Return the rows of a table's tokens, the heading first."""
    rows: list[list[Cell]] = []
    side = ""
    for token in tokens:
        if token.type == "tr_open":
            rows.append([])
        elif token.type in {"th_open", "td_open"}:
            side = str(token.attrs.get("style", "")).removeprefix("text-align:")
        elif token.type == "inline":
            rows[-1].append(Cell(list(_broken(token.children or [])), side))
    return rows


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
    if not has_links and sum(widths) + len(_BETWEEN) * (len(widths) - 1) <= MOST_COLUMNS:
        builder.gap(2)
        builder.block(_in_columns(rows, written, widths))
    else:
        _write_lines(builder, rows, written)


def _written(cell: Cell) -> FormattedMessage:
    builder = TextBuilder()
    _write_inlines(builder, cell.tokens)
    page = builder.page()
    return FormattedMessage(" ".join(page.text.split()), page.marks)


def _in_columns(
    rows: Sequence[Row], written: Sequence[Sequence[FormattedMessage]], widths: Sequence[int]
) -> str:
    lines = [
        _BETWEEN.join(
            _padded(page.text, width, cell.side)
            for cell, page, width in zip(row, pages, widths, strict=False)
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
        for place, (cell, page) in enumerate(zip(row, pages, strict=True)):
            if not page.text:
                continue
            builder.gap(lines)
            lines = 1
            heading = headings[place] if len(rows) > 1 else ""
            builder.write(f"{heading}: " if heading else "")
            _write_inlines(builder, cell.tokens)


_PARSER = _make_parser()
