"""Examples as files for other programs: one file, or a folder with the sides of the split.

A folder has the files `train` and `test`; a side without examples has none. That for Hugging
Face is a dataset repository (`merlin.dataset.hugging_face`).
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Sequence
from typing import Literal

from merlin.dataset.chat_formats import from_example
from merlin.dataset.example import Example, write_example
from merlin.dataset.hugging_face import Card, write_repository
from merlin.dataset.spec import DatasetSpec
from merlin.dataset.split import split

# "jsonl" is "openai" by its older name; "huggingface" is a folder.
FileFormat = Literal["jsonl", "openai", "sharegpt", "alpaca", "preference", "yaml", "csv"]
ExportFormat = Literal[FileFormat, "huggingface"]

_PAIR = ("user", "assistant")


def export_examples(
    examples: Iterable[Example], system: str, shape: FileFormat
) -> tuple[str, list[str]]:
    """Return the examples by id as a file's text, and the ids of those it has no room for.

    The formats of chats have the dataset's system text, and tags where there are any, which an
    import takes back. YAML: one document an example. CSV: question, answer, tags; a conversation
    of more than that is left out.
    """
    examples = sorted(examples, key=lambda each: each.id)
    if shape == "csv":
        return _write_csv(examples)
    if shape == "yaml":
        return "".join(f"--- # {each.id}\n{write_example(each)}" for each in examples), []
    chat = "openai" if shape == "jsonl" else shape
    lines, left_out = [], []
    for each in examples:
        record = from_example(each, system, chat)
        if record is None:
            left_out.append(each.id)
        else:
            lines.append(f"{json.dumps(record, ensure_ascii=False)}\n")
    return "".join(lines), left_out


def _write_csv(examples: Sequence[Example]) -> tuple[str, list[str]]:
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow(("question", "answer", "tags"))
    left_out = []
    for each in examples:
        is_pair = tuple(message.role for message in each.messages) == _PAIR
        is_plain = each.rejected is None and not any(message.extra for message in each.messages)
        if is_pair and is_plain:
            writer.writerow((each.question, each.answer, " ".join(each.tags)))
        else:
            left_out.append(each.id)
    return table.getvalue(), left_out


def export_folder(
    examples: Sequence[Example], spec: DatasetSpec, shape: ExportFormat, card: Card
) -> tuple[dict[str, str], list[str]]:
    """Return path to text of a folder's files, and the ids of those they have no room for.

    The sides are those of a build of the dataset; no examples give no files. `card` is for
    Hugging Face.
    """
    dealt = split(examples, spec.split).sides
    sides = {
        side: [each for each in examples if dealt[each.id] == side] for side in ("train", "test")
    }
    if shape == "huggingface":
        return write_repository(sides, spec, card), []
    files, left_out = {}, []
    for side, here in sides.items():
        text, left = export_examples(here, spec.system, shape)
        left_out += left
        if len(left) < len(here):
            files[f"{side}.{shape if shape in ('yaml', 'csv') else 'jsonl'}"] = text
    return files, left_out
