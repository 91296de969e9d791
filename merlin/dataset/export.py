"""Export examples to other programs: one file, or a folder with a file per side of the split.

A folder has the files `train` and `test`; a side without examples has no file.
"""

import csv
import io
import json
from collections.abc import Iterable, Sequence
from typing import Literal

from merlin.core.table_cells import escape_formula
from merlin.dataset.chat_formats import from_example
from merlin.dataset.example import Example, write_example
from merlin.dataset.spec import DatasetSpec
from merlin.dataset.split import TEST, TRAIN, split

ExportFormat = Literal["openai", "sharegpt", "alpaca", "preference", "yaml", "csv"]

_PAIR = ("user", "assistant")
_MORE_COLUMNS = ("split", "source", "note")


def export_examples(
    examples: Iterable[Example], system: str, file_format: ExportFormat
) -> tuple[str, list[str]]:
    """Return the examples, by id, as a file's text, and the ids that the format cannot represent.

    Chat formats contain the dataset's system text and the tags; an import reads both. YAML has one
    document per example. CSV has question, answer, tags and those other columns that some example
    fills; longer conversations are left out.
    """
    examples = sorted(examples, key=lambda example: example.id)
    if file_format == "csv":
        return _write_csv(examples)
    if file_format == "yaml":
        return "".join(f"--- # {example.id}\n{write_example(example)}" for example in examples), []
    lines, left_out = [], []
    for example in examples:
        record = from_example(example, system, file_format)
        if record is None:
            left_out.append(example.id)
        else:
            lines.append(f"{json.dumps(record, ensure_ascii=False)}\n")
    return "".join(lines), left_out


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


def export_folder(
    examples: Sequence[Example], spec: DatasetSpec, file_format: ExportFormat
) -> tuple[dict[str, str], list[str]]:
    """Return path -> text of a folder's files, and the ids that the format cannot represent.

    The sides are those of a build of the dataset; there are no files without examples.
    """
    side_by_id = split(examples, spec.split)
    sides = {
        side: [example for example in examples if side_by_id[example.id] == side]
        for side in (TRAIN, TEST)
    }
    suffix = file_format if file_format in ("yaml", "csv") else "jsonl"
    files, left_out = {}, []
    for side, side_examples in sides.items():
        text, skipped = export_examples(side_examples, spec.system, file_format)
        left_out += skipped
        if len(skipped) < len(side_examples):
            files[f"{side}.{suffix}"] = text
    return files, left_out
