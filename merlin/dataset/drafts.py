"""Drafts: what an editor has changed in a dataset and not saved yet, one row a file.

All drafts of one editor in one dataset are saved as one commit. A draft keeps the blob that its
editor saw, so that what another wrote in between is never overwritten unseen.

A pasted table has rows of question, answer and tags, from a spreadsheet, a CSV or Markdown. A
heading is not needed: without one the columns are those. Chats as JSON are read too, as
`merlin.dataset.import_lines` reads files.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from io import BufferedReader, BytesIO, StringIO
from typing import Any

from merlin.core.clock import iso
from merlin.dataset.changes import Edit
from merlin.dataset.import_lines import ImportedLine, is_heading, read_import_lines
from merlin.db.database import Repository, Row
from merlin.db.tables import EXAMPLE_DRAFT
from merlin.db.values import decrypt

# More is an import, or a push.
MAX_DRAFTS = 500


@dataclass(frozen=True, slots=True)
class ExampleDraft:
    """One edit that is not saved; `at` tells it from a later one of the same file."""

    draft_id: int
    edit: Edit
    at: str


class ExampleDrafts(Repository):
    """The drafts of all editors."""

    def of(self, user_id: int, dataset: str) -> list[ExampleDraft]:
        """Return the drafts of an editor in a dataset, oldest first; lost ones are left out."""
        query = EXAMPLE_DRAFT.select().where(_of(user_id, dataset)).order_by(EXAMPLE_DRAFT.id)
        read = ((row, self._text(row)) for row in self.db.rows(query))
        return [
            ExampleDraft(row["id"], Edit(row["path"], row["before_blob"], text), row["at"])
            for row, text in read
            if text is not None or row["text"] is None
        ]

    def _text(self, row: Row) -> str | None:
        return None if row["text"] is None else decrypt(self.db.cipher, row["text"])

    def put(self, user_id: int, dataset: str, edit: Edit) -> None:
        """Keep an edit; it takes the place of the one of the same file."""
        key = {"user_id": user_id, "dataset": dataset, "path": edit.path}
        text = None if edit.text is None else self.db.cipher.seal(edit.text)
        values = {"before_blob": edit.before, "text": text, "at": iso(self._clock())}
        self.db.upsert(EXAMPLE_DRAFT, key, values)

    def drop(self, user_id: int, dataset: str, path: str = "") -> None:
        """Forget the draft of a file, without a path all of them."""
        these = _of(user_id, dataset)
        if path:
            these &= EXAMPLE_DRAFT.path == path
        self.db.change(EXAMPLE_DRAFT.delete().where(these))

    def settle(self, drafts: Sequence[ExampleDraft]) -> None:
        """Forget drafts that were saved; one that was written anew meanwhile stays."""
        for draft in drafts:
            same = (EXAMPLE_DRAFT.id == draft.draft_id) & (EXAMPLE_DRAFT.at == draft.at)
            self.db.change(EXAMPLE_DRAFT.delete().where(same))


def _of(user_id: int, dataset: str) -> object:
    return (EXAMPLE_DRAFT.user_id == user_id) & (EXAMPLE_DRAFT.dataset == dataset)


_COLUMNS = ("question", "answer", "tags")
_RULE = re.compile(r"\|?\s*:?-+:?\s*(\|\s*:?-+:?\s*)*\|?")
_DIVIDERS = "\t;,"
_MIN_LINES = 2


def is_table(text: str) -> bool:
    """Return whether a text is a table: rows of Markdown or of a spreadsheet, or a CSV's heading.

    A single row without a heading may as well be a sentence.
    """
    lines = [splitline for splitline in text.splitlines() if splitline.strip()]
    if len(lines) < _MIN_LINES:
        return False
    is_marked = all(line.lstrip().startswith("|") for line in lines)
    return (
        is_marked
        or all("\t" in line for line in lines)
        or any(is_heading(lines[0].split(divider)) for divider in _DIVIDERS)
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
    for import_line in read_import_lines(BufferedReader(raw), ""):
        yield replace(import_line, line=max(import_line.line - shift, 1))


def _from_markdown(text: str) -> str:
    """Return a table of Markdown as one divided by tabs."""
    made = StringIO()
    writer = csv.writer(made, delimiter="\t", lineterminator="\n")
    for line in text.splitlines():
        if line.strip() and not _RULE.fullmatch(line.strip()):
            cells = re.split(r"(?<!\\)\|", line.strip().removeprefix("|").removesuffix("|"))
            writer.writerow([cell.strip().replace("\\|", "|") for cell in cells])
    return made.getvalue()
