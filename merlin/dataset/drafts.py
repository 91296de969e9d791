"""Drafts: an editor's unsaved changes in a dataset, one row for each file.

All drafts of one editor in one dataset are saved as one commit. A draft stores the blob that its
editor saw, so that another editor's change is never overwritten unnoticed.

A pasted table has the columns question, answer and tags, from a spreadsheet, CSV or Markdown; the
heading is optional. Chats in JSON are read as well, as in files (`merlin.dataset.import_lines`).
"""

import csv
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from io import BufferedReader, BytesIO, StringIO
from typing import Any

from merlin.core.clock import iso
from merlin.core.errors import Refused
from merlin.core.table_cells import parse_heading
from merlin.dataset.changes import Edit
from merlin.dataset.chat_formats import from_example
from merlin.dataset.example import Example
from merlin.dataset.import_lines import ImportedLine, read_import_lines
from merlin.db.database import Repository, Row, transaction
from merlin.db.tables import EXAMPLE_DRAFT
from merlin.db.values import decrypt

# Use an import or a push for more.
MAX_DRAFTS = 500


@dataclass(frozen=True, slots=True)
class ExampleDraft:
    """One unsaved edit; `at` distinguishes it from a later one of the same file."""

    draft_id: int
    edit: Edit
    at: str


class ExampleDrafts(Repository):
    """The drafts of all editors."""

    def list_of_user(self, user_id: int, dataset: str) -> list[ExampleDraft]:
        """Return an editor's drafts in a dataset, oldest first, without undecryptable ones."""
        query = EXAMPLE_DRAFT.select().where(_of(user_id, dataset)).order_by(EXAMPLE_DRAFT.id)
        read = ((row, self._text(row)) for row in self.db.rows(query))
        return [
            ExampleDraft(row["id"], Edit(row["path"], row["before_blob"], text), row["at"])
            for row, text in read
            if text is not None or row["text"] is None
        ]

    def _text(self, row: Row) -> str | None:
        return None if row["text"] is None else decrypt(self.db.cipher, row["text"])

    @transaction
    def put(self, user_id: int, dataset: str, edit: Edit) -> None:
        """Store an edit in place of an earlier one of the same file.

        Raises Refused if these are too many; the transaction then has to be rolled back.
        """
        key = {"user_id": user_id, "dataset": dataset, "path": edit.path}
        text = None if edit.text is None else self.db.cipher.seal(edit.text)
        values = {"before_blob": edit.before, "text": text, "at": iso(self._clock())}
        self.db.upsert(EXAMPLE_DRAFT, key, values)
        if self.db.count(EXAMPLE_DRAFT, _of(user_id, dataset)) > MAX_DRAFTS:
            raise Refused("too many drafts", "page-drafts-too-many", limit=MAX_DRAFTS)

    def drop(self, user_id: int, dataset: str, path: str = "") -> None:
        """Delete the draft of a file, without a path all drafts."""
        these = _of(user_id, dataset)
        if path:
            these &= EXAMPLE_DRAFT.path == path
        self.db.delete(EXAMPLE_DRAFT, these)

    def settle(self, drafts: Sequence[ExampleDraft]) -> None:
        """Delete saved drafts; one that was changed meanwhile stays."""
        for draft in drafts:
            same = (EXAMPLE_DRAFT.id == draft.draft_id) & (EXAMPLE_DRAFT.at == draft.at)
            self.db.delete(EXAMPLE_DRAFT, same)


def _of(user_id: int, dataset: str) -> object:
    return (EXAMPLE_DRAFT.user_id == user_id) & (EXAMPLE_DRAFT.dataset == dataset)


_COLUMNS = ("question", "answer", "tags")
_RULE = re.compile(r"\|?\s*:?-+:?\s*(\|\s*:?-+:?\s*)*\|?")
_DIVIDERS = "\t;,"


def read_pasted(text: str) -> Iterator[ImportedLine]:
    """Yield every row with its line in the text, from 1; a Markdown table's rule is skipped."""
    plain = text.replace("\r\n", "\n").replace("\r", "\n")
    if plain.lstrip().startswith("|"):
        # A Markdown table becomes tab-separated text.
        made = StringIO()
        writer = csv.writer(made, delimiter="\t", lineterminator="\n")
        for line in map(str.strip, plain.splitlines()):
            is_row = line and not _RULE.fullmatch(line)  # an empty one keeps the lines' numbers
            cells = re.split(r"(?<!\\)\|", line.removeprefix("|").removesuffix("|"))
            writer.writerow([cell.strip().replace("\\|", "|") for cell in cells] if is_row else [])
        plain = made.getvalue()
    first = next(filter(str.strip, plain.splitlines()), "")
    shift = 0
    if first and first.lstrip()[0] not in "[{":
        # Answers may contain commas: a tab takes precedence.
        divider = next((each for each in _DIVIDERS if each in first), "\t")
        if not parse_heading(first.split(divider)):
            plain, shift = f"{divider.join(_COLUMNS)}\n{plain}", 1
    raw: Any = BytesIO(plain.encode("utf-8", "replace"))
    for row in read_import_lines(BufferedReader(raw), ""):
        findings = tuple(replace(each, line=max(each.line - shift, 1)) for each in row.findings)
        yield replace(row, line=max(row.line - shift, 1), findings=findings)


def write_pasted(examples: Iterable[Example]) -> str:
    """Return examples as a text from which `read_pasted` yields them again."""
    lines = []
    for example in examples:
        record = from_example(example, "", "openai") or {}
        if example.messages[0].role != "system":
            del record["messages"][0]  # the dataset's system text, which is added to each
        lines.append(json.dumps(record, ensure_ascii=False))
    return "\n".join(lines)
