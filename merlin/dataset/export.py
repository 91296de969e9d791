"""Examples as files for other programs: one file, or a folder with the sides of the split.

A folder has the files `train` and `test`; a side without examples has none. That for Hugging
Face is a repository that `datasets.load_dataset(folder)` reads:

    README.md           the dataset card: YAML header, then a few words
    data/train.jsonl    one {"messages": […], "tags": […]} a line
    data/test.jsonl     missing where the split has no test examples

Arrow wants each column of one type in all files: so every row has the same keys, null where it
has nothing to say, and the header names their types. Tools are JSON in a string, a worse answer its
words, or JSON where it calls tools. Notes to other
editors stay at home, and so does the mark of the split, which is the file.

Source: huggingface.co/docs/hub, "Dataset Cards", "Manual Configuration" of data files;
huggingface/hub-docs, datasetcard.md; huggingface/datasets, Features.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import yaml

from merlin.core.csv_cells import escape_formula
from merlin.dataset.chat_formats import from_example, write_rejected
from merlin.dataset.example import Example, write_example
from merlin.dataset.spec import DatasetSpec
from merlin.dataset.split import split

_STRING = {"dtype": "string"}
_FUNCTION = [{"name": "name", **_STRING}, {"name": "arguments", **_STRING}]
_CALL = [
    {"name": "id", **_STRING},
    {"name": "type", **_STRING},
    {"name": "function", "struct": _FUNCTION},
]
_OF_MESSAGE: Mapping[str, Mapping[str, Any]] = {
    "name": _STRING,
    "weight": {"dtype": "int64"},
    "tool_calls": {"list": _CALL},
    "tool_call_id": _STRING,
}
_OF_EXAMPLE: Mapping[str, Mapping[str, Any]] = {
    "tools": _STRING,
    "rejected": _STRING,
    "tags": {"list": "string"},
    "source": _STRING,
}
_SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"))
_LARGEST = "100K<n<1M"


@dataclass(frozen=True, slots=True)
class Card:
    """What a person says of a dataset; the header says nothing of what is empty.

    `languages` are ISO 639-1 codes, `licence` the Hub's name of one (`cc-by-4.0`).
    """

    languages: tuple[str, ...] = ()
    licence: str = ""


def write_repository(
    sides: Mapping[str, Sequence[Example]], spec: DatasetSpec, card: Card
) -> dict[str, str]:
    """Return path to text of the repository's files; `sides`: train and test to their examples.

    No examples give no files.
    """
    examples = [each for side in sides.values() for each in side]
    of_message = [
        key
        for key in _OF_MESSAGE
        if any(key in message.extra for example in examples for message in example.messages)
    ]
    of_example = [key for key in _OF_EXAMPLE if any(getattr(example, key) for example in examples)]
    files = {}
    for side, here in sides.items():
        rows = (_row(each, spec.system, of_message, of_example) for each in here)
        text = "".join(f"{json.dumps(row, ensure_ascii=False)}\n" for row in rows)
        if text:
            files[f"data/{side}.jsonl"] = text
    if files:
        messages = [{"name": key, **_STRING} for key in ("role", "content")]
        messages += [{"name": key, **_OF_MESSAGE[key]} for key in of_message]
        features = [
            {"name": "messages", "list": messages},
            *({"name": key, **_OF_EXAMPLE[key]} for key in of_example),
        ]
        counts = {side: len(here) for side, here in sides.items() if here}
        files["README.md"] = _write_card(spec, card, counts, features)
    return files


def _row(
    example: Example, system: str, of_message: Iterable[str], of_example: Iterable[str]
) -> dict[str, object]:
    messages = [
        {"role": message.role, "content": message.content}
        | {key: message.extra.get(key) for key in of_message}
        for message in example.with_system(system)
    ]
    row: dict[str, object] = {"messages": messages}
    for key in of_example:
        value = getattr(example, key)
        if key == "tools":
            row[key] = json.dumps(list(value), ensure_ascii=False) if value else None
        elif key == "rejected":
            worse = write_rejected(value) if value else None
            row[key] = worse if worse is None or isinstance(worse, str) else json.dumps(worse)
        else:
            row[key] = list(value) if key == "tags" else value or None
    return row


def _write_card(
    spec: DatasetSpec, card: Card, counts: Mapping[str, int], features: list[dict[str, Any]]
) -> str:
    total = sum(counts.values())
    files = [{"split": side, "path": f"data/{side}.jsonl"} for side in counts]
    header: dict[str, Any] = {"pretty_name": spec.title["en"]}
    if card.languages:
        header["language"] = list(card.languages)
    if card.licence:
        header["license"] = card.licence
    header |= {
        "task_categories": ["text-generation"],
        "size_categories": [next((name for most, name in _SIZES if total < most), _LARGEST)],
        "configs": [{"config_name": "default", "data_files": files}],
        "dataset_info": {"features": features},
    }
    front_matter = yaml.safe_dump(header, allow_unicode=True, sort_keys=False)
    sizes = "".join(f"- {side}: {count}\n" for side, count in counts.items())
    return (
        f"---\n{front_matter}---\n\n# {spec.title['en']}\n\n"
        "Conversations in the chat format of fine-tuning, one in a row of `messages`.\n\n"
        f"{sizes}"
    )


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
        return "".join(f"--- # {example.id}\n{write_example(example)}" for example in examples), []
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
    for example in examples:
        is_pair = tuple(message.role for message in example.messages) == _PAIR
        is_plain = example.rejected is None and not any(
            message.extra for message in example.messages
        )
        if is_pair and is_plain:
            cells = (example.question, example.answer, " ".join(example.tags))
            writer.writerow(map(escape_formula, cells))
        else:
            left_out.append(example.id)
    return table.getvalue(), left_out


def export_folder(
    examples: Sequence[Example], spec: DatasetSpec, shape: ExportFormat, card: Card
) -> tuple[dict[str, str], list[str]]:
    """Return path to text of a folder's files, and the ids of those they have no room for.

    The sides are those of a build of the dataset; no examples give no files. `card` is for
    Hugging Face.
    """
    dealt = split(examples, spec.split)
    sides = {
        side: [example for example in examples if dealt[example.id] == side]
        for side in ("train", "test")
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
