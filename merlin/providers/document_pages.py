"""The pages of a PDF file as an outline, read in the child process (`document_child`)."""

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from itertools import pairwise
from operator import itemgetter
from typing import Any, NamedTuple

from pypdf import PageObject
from pypdf.errors import FileNotDecryptedError, LimitReachedError
from pypdf.generic import DictionaryObject

from merlin.core.combining_marks import normalise_unicode
from merlin.providers.document_child import (
    ExtractedText,
    UnreadableDocument,
    clean_text,
)
from merlin.providers.document_columns import (
    are_prose,
    read_rows,
    split_bands,
    split_cells,
)
from merlin.providers.document_pdf import read_each

_BOLD = re.compile("(?i)bold|black|heavy|demi")
_FIXED_WIDTH = re.compile("(?i)mono|courier|consol|typewriter")
_BULLET = re.compile(r"[•◦▪■●‣\uf0b7\uf0a7·*–—-] +(?=\S)")
_ITEM = re.compile(rf"{_BULLET.pattern}|\d{{1,3}}[.)] +\S")
# Signs of a font that has no table back to Unicode.
_NO_LETTER = re.compile("[\x00-\x08\x0e-\x1f\ufffd\ue000-\uf8ff]")
_LIGATURE = re.compile("[\ufb00-\ufb06]")
_LEAST_READABLE = 0.8
# Of a page whose drawing has fewer of its letters, texts are turned: the file's order is taken.
_LEAST_DRAWN = 0.95
_INDENT = 2
_ENDS = ".!?:;"
_LARGER = 1.1
_MAX_HEADING = 200
_HEADING_LEVELS = 4
# A line that more than half of the pages begin or end with, of at least so many.
_FEWEST_PAGES = 4


class _Look(NamedTuple):
    size: float
    is_bold: bool = False
    is_code: bool = False


_USUAL = _Look(0)


class _Page(NamedTuple):
    """A page as it is drawn; `written` are the letters and looks of its lines in the file's order.

    `fault` says why lines are missing or maybe in disorder: scanned · unread · turned.
    """

    lines: Sequence[str] = ()
    written: Sequence[tuple[str, _Look]] = ()
    fault: str = ""


class _Block(NamedTuple):
    """A paragraph or a row of a table; `first` is its first line, `look` that of a heading."""

    first: str
    look: _Look
    text: str
    cells: Sequence[str] = ()


def read_pages(content: bytes, most_characters: int) -> ExtractedText:
    """Return a JSON object: `blocks` as those of `read_outline`, by page, and what is `left` out.

    A block's number is that of its page. `pages` are those that were scanned, could not be read,
    have turned texts, or columns. Raises UnreadableDocument, also if no page has text.
    """
    pictures = set[str]()
    pages = [*read_each(content, partial(_read_page, pictures))]
    running = _find_running_lines(pages)
    usual = _find_usual_look(pages)
    named: dict[str, list[int]] = {}
    blocks = list[tuple[int, _Block]]()
    running_count = 0
    for number, page in enumerate(pages, start=1):
        lines = _without(page.lines, running)
        running_count += len(page.lines) - len(lines)
        found, has_columns = _read_blocks(lines, page.written, usual)
        blocks += ((number, block) for block in found if block.text)
        for kind in filter(None, (page.fault, "columns" if has_columns else "")):
            named.setdefault(kind, []).append(number)
    if not blocks:
        raise UnreadableDocument("damaged" if "unread" in named else "no-text")
    values = {
        "blocks": _rank_headings(blocks),
        "left": {"pictures": len(pictures), "running-lines": running_count},
        "pages": named,
    }
    result = json.dumps(values, ensure_ascii=False)
    if len(result) > most_characters:
        raise UnreadableDocument("too-long")
    return result, False


def _read_page(pictures: set[str], page: PageObject) -> _Page:
    """Return a page, and add its pictures, each once."""
    resources = page.get("/Resources")
    objects: Any = (
        resources.get("/XObject") if isinstance(resources, DictionaryObject) else None
    )
    found: Any = {} if objects is None else objects.get_object()
    pictures.update(
        repr(found.raw_get(name))
        for name in found
        if found[name].get("/Subtype") == "/Image"
    )
    written = _Lines()
    try:
        plain = page.extract_text(visitor_text=written.add)
        drawn = page.extract_text(extraction_mode="layout")
    except (FileNotDecryptedError, LimitReachedError, MemoryError):
        raise
    except Exception:  # noqa: BLE001 - a damaged page can cause any exception
        return _Page(fault="unread")
    letters = _letters(plain)
    if not letters:
        return _Page(fault="scanned" if found else "")
    if len(_NO_LETTER.sub("", letters)) < len(letters) * _LEAST_READABLE:
        return _Page(fault="unread")
    is_turned = len(_letters(drawn)) < len(letters) * _LEAST_DRAWN
    shown = plain if is_turned else drawn
    lines = [each.rstrip() for each in shown.expandtabs().split("\n")]
    written.end_line()
    return _Page(lines, written.written, "turned" if is_turned else "")


class _Lines:
    """Collects the letters of the lines of a page, and how most of them look."""

    def __init__(self) -> None:
        self.written: list[tuple[str, _Look]] = []
        self._line = ""
        self._counts = Counter[_Look]()

    def add(self, text: str, cm: Any, tm: Any, font: Any, size: float) -> None:
        """Take a piece of text, as pypdf's visitor does."""
        height = abs(size) * max(map(abs, tm[2:4])) * max(map(abs, cm[2:4]))
        name = str((font or {}).get("/BaseFont", ""))
        look = _Look(
            round(height * 2) / 2,
            bool(_BOLD.search(name)),
            bool(_FIXED_WIDTH.search(name)),
        )
        for place, part in enumerate(text.split("\n")):
            if place:
                self.end_line()
            letters = _letters(part)
            self._line += letters
            self._counts[look] += len(letters)

    def end_line(self) -> None:
        """Begin the next line."""
        if self._line:
            look = max(self._counts, key=self._counts.__getitem__)
            self.written.append((self._line, look))
        self._line = ""
        self._counts.clear()


def _letters(text: str) -> str:
    return "".join(text.split())


def _edges(lines: Sequence[str]) -> set[str]:
    """Return the first and last line of a page, without their numbers."""
    filled = [each for each in lines if each.strip()]
    return {re.sub(r"\d+", "0", _letters(each)) for each in (*filled[:1], *filled[-1:])}


def _find_running_lines(pages: Sequence[_Page]) -> set[str]:
    """Return what most pages begin or end with, such as their numbers."""
    counts = Counter(edge for page in pages for edge in _edges(page.lines))
    read = sum(bool(page.lines) for page in pages)
    return {
        edge
        for edge, times in counts.items()
        if times > read / 2 and read >= _FEWEST_PAGES
    }


def _without(lines: Sequence[str], running: set[str]) -> Sequence[str]:
    """Return a page's lines without running ones at its edges."""
    for edge in (0, -1):
        filled = [at for at, line in enumerate(lines) if line.strip()]
        if filled and _edges([lines[filled[edge]]]) <= running:
            lines = [*lines[: filled[edge]], *lines[filled[edge] + 1 :]]
    return lines


def _find_usual_look(pages: Iterable[_Page]) -> _Look:
    """Return the look of most letters."""
    counts = Counter[_Look]()
    for page in pages:
        for line, look in page.written:
            counts[look] += len(line)
    return max(counts, key=counts.__getitem__, default=_USUAL)


def _read_blocks(
    lines: Sequence[str], written: Sequence[tuple[str, _Look]], usual: _Look
) -> tuple[list[_Block], bool]:
    """Return the blocks of a page, and whether it has columns.

    Columns are read from left to right, and in the file's order if that has one after another.
    """
    looks = dict(written)
    times = Counter(line for line, _ in written)
    places = {line: at for at, (line, _) in enumerate(written) if times[line] == 1}
    blocks = list[_Block]()
    orders = list[bool]()
    for band, starts in split_bands(lines):
        if starts and not are_prose(band, starts):
            for row in read_rows(band, starts):
                cells = [*map(_clean_line, row)]
                text = " | ".join(cells)
                blocks.append(_Block(_letters("".join(row)), _USUAL, text, cells))
            continue
        cells_of_lines = [split_cells(line, starts) for line in band]
        columns = [*zip(*cells_of_lines, strict=True)]
        orders += [_follow(*pair, places) for pair in pairwise(columns)]
        for column in columns:
            blocks += _read_column(column, looks, usual)
    if orders and all(orders):
        last = 0
        placed = list[tuple[int, _Block]]()
        for block in blocks:
            last = places.get(block.first, last)
            placed.append((last, block))
        blocks = [block for _, block in sorted(placed, key=itemgetter(0))]
    return blocks, bool(orders)


def _follow(left: Iterable[str], right: Iterable[str], places: dict[str, int]) -> bool:
    """Return whether the lines of one column come before those of the other in the file."""
    first, second = (
        [places[key] for key in map(_letters, column) if key in places]
        for column in (left, right)
    )
    return max(first, default=0) <= min(second, default=0)


def _read_column(
    lines: Sequence[str], looks: dict[str, _Look], usual: _Look
) -> Iterator[_Block]:
    """Yield the paragraphs of a column."""
    paragraph = list[str]()
    look = _USUAL
    filled = [line for line in lines if line.strip()]
    margin = min((_indent(line) for line in filled), default=0)
    is_apart = was_indented = False
    for line in lines:
        text = line.strip()
        if not text:
            is_apart = True
            continue
        line_look = looks.get(_letters(line), usual)
        is_indented = _indent(line) >= margin + _INDENT
        begins = line_look != look or (
            not look.is_code
            and (
                _ITEM.match(text)
                or (is_indented and not was_indented)
                # The lines of two columns are not always at one height: a gap can be none.
                or (
                    is_apart
                    and not (text[0].islower() and paragraph[-1][-1] not in _ENDS)
                )
            )
        )
        if begins and paragraph:
            yield _join_lines(paragraph, look, usual)
            paragraph = []
        paragraph.append(line[margin:] if line_look.is_code else text)
        look = line_look
        was_indented = is_indented
        is_apart = False
    if paragraph:
        yield _join_lines(paragraph, look, usual)


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def _join_lines(lines: Sequence[str], look: _Look, usual: _Look) -> _Block:
    """Return the lines of a paragraph as one; those of a program stay."""
    first = _letters(lines[0])
    if look.is_code and not usual.is_code:
        return _Block(first, _USUAL, "```\n" + clean_text("\n".join(lines)) + "\n```")
    # A word that the line's end divides has its hyphen for that.
    joined = re.sub(r"(?<=[^\W\d_])[-\u2010\xad]\n(?=[a-zа-яё])", "", "\n".join(lines))
    text = _clean_line(joined)
    is_heading = (
        (look.size >= usual.size * _LARGER or look.is_bold > usual.is_bold)
        and len(text) <= _MAX_HEADING
        and not text.endswith((".", ",", ";", ":"))
        and re.search(r"[^\W\d_]", text)
    )
    if is_heading:
        return _Block(first, look, text)
    bullet = _BULLET.match(text)
    text = f"- {text[bullet.end() :]}" if bullet else text
    return _Block(first, _USUAL, text)


def _clean_line(text: str) -> str:
    """Return a text in one line, without signs for the printer: ligatures, soft hyphens."""
    letters = _LIGATURE.sub(lambda found: normalise_unicode("NFKC", found[0]), text)
    return clean_text(" ".join(letters.replace("\xad", "").split()))


def _rank_headings(
    blocks: Sequence[tuple[int, _Block]],
) -> list[tuple[int, int, str, Sequence[str]]]:
    """Return the blocks by page, with the levels of headings: the largest is the first."""
    looks = sorted({block.look for _, block in blocks} - {_USUAL}, reverse=True)
    levels = {look: min(at, _HEADING_LEVELS) for at, look in enumerate(looks, start=1)}
    return [
        (page, levels.get(block.look, 0), block.text, block.cells)
        for page, block in blocks
    ]
