"""A pasted table: rows of question, answer and tags from a spreadsheet, a CSV or Markdown.

A heading is not needed: without one the columns are question, answer, tags. Chats as JSON are read
too, as `merlin.dataset.import_lines` reads files.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from dataclasses import replace
from io import BufferedReader, BytesIO, StringIO
from typing import Any

from merlin.dataset.import_lines import ImportedLine, is_heading, read_import_lines

_COLUMNS = ("question", "answer", "tags")
_RULE = re.compile(r"\|?\s*:?-+:?\s*(\|\s*:?-+:?\s*)*\|?")
_DIVIDERS = "\t;,"
_FEWEST_LINES = 2


def is_table(text: str) -> bool:
    """Return whether a text is a table: rows of Markdown or of a spreadsheet, or a CSV's heading.

    A single row without a heading may as well be a sentence.
    """
    lines = [each for each in text.splitlines() if each.strip()]
    if len(lines) < _FEWEST_LINES:
        return False
    is_marked = all(each.lstrip().startswith("|") for each in lines)
    return (
        is_marked
        or all("\t" in each for each in lines)
        or any(is_heading(lines[0].split(each)) for each in _DIVIDERS)
    )


def read_pasted(text: str) -> Iterator[ImportedLine]:
    """Yield what every row says; the line is that of the text, from 1, without a table's rule."""
    plain = text.replace("\r\n", "\n").replace("\r", "\n").strip("\n")
    if plain.lstrip().startswith("|"):
        plain = _from_markdown(plain)
    first = next(iter(plain.splitlines()), "")
    shift = 0
    if first.strip() and first.lstrip()[0] not in "[{":
        # Commas stand in answers, too: a tab counts first.
        divider = next((each for each in _DIVIDERS if each in first), "\t")
        if not is_heading(first.split(divider)):
            plain, shift = f"{divider.join(_COLUMNS)}\n{plain}", 1
    raw: Any = BytesIO(plain.encode("utf-8", "replace"))
    for each in read_import_lines(BufferedReader(raw), ""):
        yield replace(each, line=max(each.line - shift, 1))


def _from_markdown(text: str) -> str:
    """Return a table of Markdown as one divided by tabs."""
    made = StringIO()
    writer = csv.writer(made, delimiter="\t", lineterminator="\n")
    for line in text.splitlines():
        if line.strip() and not _RULE.fullmatch(line.strip()):
            cells = re.split(r"(?<!\\)\|", line.strip().removeprefix("|").removesuffix("|"))
            writer.writerow([cell.strip().replace("\\|", "|") for cell in cells])
    return made.getvalue()
