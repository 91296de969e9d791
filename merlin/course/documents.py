"""A document as a material: a PDF, DOCX or HTML file as Markdown, and what it was read without.

Where a page of a PDF begins, the text has its mark. A long text becomes several materials, split
between pages.
"""

import asyncio
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import PurePath
from typing import Any

from merlin.core.file_kind import HEAD_BYTES, FileKind, detect_kind
from merlin.core.i18n import text
from merlin.dataset.finding import Finding
from merlin.dataset.import_texts import decode_any
from merlin.dataset.passages import PAGE_MARK, page_mark
from merlin.providers.documents import (
    MAX_DOCUMENT_BYTES,
    ChildReader,
    file_error,
    file_size_error,
)

# A file of a dataset has a megabyte at most, a letter up to three bytes.
MAX_PART_CHARACTERS = 300_000
# 300 pages take 16 s of a processor (`bench lecture`).
READING_S = 120.0
_KINDS = "PDF, DOCX, HTML, MD, TXT"
_CHILDREN = {FileKind.PDF: "pages", FileKind.DOCX: "outline"}
_HTML = re.compile(
    r"(?i)\s*(?:<!--(?:(?!-->).)*-->\s*)?<(?:!doctype html|html|head|body)\b"
)
_PICTURE = "![](…)"
_MOST_NAMED = 12  # ranges of pages
_BOLD = 7  # the level of a paragraph in bold type
# What Markdown takes for a heading, a quote or a table, and the beginning of a mark.
_MARKDOWN = re.compile(r"(?m)^(?=[#>|])|(?=<!--)")
_CODE = "```"

# Number of the page or paragraph, level as a heading, text, cells of a row of a table.
_Block = tuple[int, int, str, Sequence[str]]


@dataclass(frozen=True, slots=True)
class Document:
    """What was read of a document; `title` is its first heading, else the file's name.

    `left` counts by kind what was left out; `pages` are those to look at: scanned, unread, turned,
    columns.
    """

    title: str
    markdown: str
    left: Mapping[str, int] = field(default_factory=dict)
    pages: Mapping[str, Sequence[int]] = field(default_factory=dict)

    def notes(self, language: str) -> list[str]:
        """Return what a person has to know before the text is saved."""
        pages = {
            kind: _name_pages(numbers) for kind, numbers in sorted(self.pages.items())
        }
        notes = [
            text(language, "document-pages", kind=kind, pages=named)
            for kind, named in pages.items()
        ]
        return notes + [
            text(language, "document-left", kind=kind, count=count)
            for kind, count in self.left.items()
            if count
        ]


async def read_document(content: bytes, name: str, reader: ChildReader) -> Document:
    """Return what a PDF, DOCX, HTML, Markdown or text file says; takes up to a minute.

    Raises Refused with what to do for any other one, a locked one, and one without a text.
    """
    if len(content) > MAX_DOCUMENT_BYTES:
        raise file_size_error(MAX_DOCUMENT_BYTES)
    if not content.strip():
        raise file_error("media-empty")
    stem = PurePath(name).stem
    kind = detect_kind(name, "", content[:HEAD_BYTES])
    child = _CHILDREN.get(kind, "")
    if kind is FileKind.TEXT:
        written, _ = decode_any(content)
        if isinstance(written, Finding):
            raise file_error("media-damaged")
        if not _HTML.match(written):
            markdown = written.removeprefix("\ufeff").replace("\r\n", "\n")
            return Document(_find_title(markdown) or stem, markdown)
        child = "html"
        content = written.encode("utf-8", "replace")
    if not child:
        raise file_error("media-unknown", kinds=_KINDS)
    found = await reader.read_blocks(child, content)
    return await asyncio.to_thread(_describe, found, stem, has_pages=child == "pages")


def _describe(found: Any, stem: str, *, has_pages: bool) -> Document:
    blocks: list[_Block] = found["blocks"]
    pictures = sum(each[2].count(_PICTURE) for each in blocks)
    markdown = "\n\n".join(_write_blocks(blocks, has_pages=has_pages))
    if not markdown:
        raise file_error("media-no-text")
    left = Counter(found["left"])
    left["pictures"] += pictures
    return Document(
        _find_title(markdown) or stem, f"{markdown}\n", left, found.get("pages", {})
    )


def _find_title(markdown: str) -> str:
    heading = re.search(r"(?m)^# +(.{1,200})$", markdown)
    return heading[1].strip() if heading else ""


def _write_blocks(blocks: Iterable[_Block], *, has_pages: bool) -> Iterator[str]:
    """Yield the blocks in Markdown, the rows of a table together; a mark where a page begins."""
    page = 0
    for (number, is_row), group in groupby(
        blocks, key=lambda each: (each[0] if has_pages else 0, bool(each[3]))
    ):
        if number != page:
            page = number
            yield page_mark(page)
        if is_row:
            yield _write_table([cells for *_, cells in group])
        else:
            yield from filter(None, map(_write_block, group))


def _write_block(block: _Block) -> str:
    _, level, written, _ = block
    if written.startswith(_CODE):
        return written
    line = written.replace(_PICTURE, "").strip()
    if level:
        line = " ".join(line.split())
        marked = f"**{line}**" if level == _BOLD else f"{'#' * level} {line}"
        return marked if line else ""
    return _MARKDOWN.sub(r"\\", line)


def _write_table(rows: Sequence[Sequence[str]]) -> str:
    """Return a table whose first row is its heading."""
    width = max(map(len, rows))
    lines = [
        "| "
        + " | ".join(_write_cell(cell) for cell in (*row, *[""] * (width - len(row))))
        + " |"
        for row in rows
    ]
    return "\n".join([lines[0], "|" + " --- |" * width, *lines[1:]])


def _write_cell(cell: str) -> str:
    words = " ".join(cell.replace(_PICTURE, "").split())
    return words.replace("|", r"\|").replace("<!--", r"\<!--")


def _name_pages(numbers: Sequence[int]) -> str:
    """Return pages as people name them, 3, 5–7; of many the first and how many."""
    ranges = list[list[int]]()
    for number in numbers:
        if ranges and number == ranges[-1][-1] + 1:
            ranges[-1].append(number)
        else:
            ranges.append([number])
    named = [
        f"{each[0]}–{each[-1]}" if len(each) > 1 else str(each[0]) for each in ranges
    ]
    more = [f"… ({len(numbers)})"] if len(named) > _MOST_NAMED else []
    return ", ".join([*named[:_MOST_NAMED], *more])


def split_text(markdown: str, most: int = MAX_PART_CHARACTERS) -> list[str]:
    """Return a text in parts of at most `most` characters, split between pages or paragraphs."""
    pieces = re.split(r"\n\n(?=<!-- page \d)", markdown)
    if len(pieces) == 1:
        pieces = markdown.split("\n\n")
    parts = list[str]()
    for piece in pieces:
        if parts and len(parts[-1]) + len(piece) < most:
            parts[-1] += f"\n\n{piece}"
        else:
            parts.append(piece)
    return parts


def name_part(title: str, number: int, part: str, language: str) -> str:
    """Return the title of one of several parts: with its pages, else its number."""
    pages = [*map(int, PAGE_MARK.findall(part))] or [0]
    return text(
        language,
        "document-part",
        title=title,
        number=number,
        first=pages[0],
        last=pages[-1],
    )
