"""Passages: the parts of a material's text that are searched and cited.

Where a page of the document begins that a text was made from, the text has a comment with its
number (`page_mark`), which Markdown does not show.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from markdown_it import MarkdownIt

# Of a passage; a longer paragraph is one of its own.
MAX_CHARACTERS = 1_000
# Blocks only: inline Markdown is what takes time.
_PARSER = MarkdownIt("commonmark").enable("table").disable("inline")


PAGE_MARK = re.compile(r"<!-- page (\d{1,6}) -->")


def page_mark(page: int) -> str:
    """Return the mark of where a page begins, from 1."""
    return f"<!-- page {page} -->"


@dataclass(frozen=True, slots=True)
class Paragraph:
    """A block of a material's text as a reader counts them, from 1: headings do not count.

    `page` is that of the document which the text was made from, 0 for none.
    """

    number: int
    text: str
    page: int = 0


@dataclass(frozen=True, slots=True)
class Passage:
    """Paragraphs of one section; `text` begins with its headings, the last one is `heading`."""

    text: str
    paragraphs: Sequence[Paragraph]
    heading: str = ""


def split_passages(markdown: str) -> Iterator[Passage]:
    """Yield the passages of a Markdown text; short paragraphs of a section are joined."""
    headings: list[tuple[int, str]] = []
    joined: list[Paragraph] = []
    number = page = 0
    for level, block in _split_blocks(markdown):
        if mark := PAGE_MARK.fullmatch(block):
            page = int(mark[1])
            continue
        if joined and (
            level or len(_passage(headings, joined).text) + len(block) > MAX_CHARACTERS
        ):
            yield _passage(headings, joined)
            joined = []
        if level:
            headings = [each for each in headings if each[0] < level] + [(level, block)]
        else:
            number += 1
            joined.append(Paragraph(number, block, page))
    if joined:
        yield _passage(headings, joined)


def _split_blocks(markdown: str) -> Iterator[tuple[int, str]]:
    """Yield the outermost blocks of a Markdown text, each with its level as a heading, else 0."""
    lines = markdown.split("\n")
    for token in _PARSER.parse(markdown):
        if token.level == 0 and token.map and token.nesting >= 0 and token.type != "hr":
            first, end = token.map
            level = int(token.tag[1:]) if token.type == "heading_open" else 0
            yield level, "\n".join(lines[first:end]).strip()


def _passage(
    headings: Sequence[tuple[int, str]], paragraphs: Sequence[Paragraph]
) -> Passage:
    above = [heading for _, heading in headings]
    blocks = [*above, *(each.text for each in paragraphs)]
    heading = above[-1].strip("#= -\n") if above else ""
    return Passage("\n\n".join(blocks), tuple(paragraphs), heading)
