"""Export examples to other programs: chats of OpenAI's format, or a table."""

import csv
import io
import json
from collections.abc import Iterable, Sequence
from typing import Literal

from merlin.core.table_cells import escape_formula
from merlin.dataset.chat_formats import to_record
from merlin.dataset.example import Example

ExportFormat = Literal["openai", "csv"]

_PAIR = ("user", "assistant")
_MORE_COLUMNS = ("split", "source", "note")


def export_examples(
    examples: Iterable[Example], system: str, file_format: ExportFormat
) -> tuple[str, list[str]]:
    """Return the examples, by id, as a file's text, and the ids that the format cannot represent.

    Chats contain the dataset's system text and the tags; an import reads both. CSV has question,
    answer, tags and those other columns that some example fills; longer conversations are left out.
    """
    ordered = sorted(examples, key=lambda example: example.id)
    if file_format == "csv":
        return _write_csv(ordered)
    records = (to_record(example, system) for example in ordered)
    return "".join(f"{json.dumps(record, ensure_ascii=False)}\n" for record in records), []


def _write_csv(examples: Sequence[Example]) -> tuple[str, list[str]]:
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    more = [key for key in _MORE_COLUMNS if any(getattr(example, key) for example in examples)]
    writer.writerow(("question", "answer", "tags", *more))
    left_out = []
    for example in examples:
        is_pair = tuple(message.role for message in example.messages) == _PAIR
        is_plain = example.rejected is None and not any(
            message.extra for message in example.messages
        )
        if is_pair and is_plain:
            others = (getattr(example, key) or "" for key in more)
            cells = (example.question, example.answer, " ".join(example.tags), *others)
            writer.writerow(map(escape_formula, cells))
        else:
            left_out.append(example.id)
    return table.getvalue(), left_out
