"""Export examples to other programs: one file, or a folder with a file per side of the split.

A folder has the files `train` and `test`; a side without examples has no file. The folder for
Hugging Face is a repository that `datasets.load_dataset(folder)` reads:

    README.md           the dataset card: YAML header and a short description
    data/train.jsonl    one {"messages": […], "tags": […]} per line
    data/test.jsonl     missing if the split has no test examples

Arrow requires one type per column in all files, so every row has the same keys, with null for
missing values, and the header declares the types. Tools are a string of JSON; a rejected answer is
its text, or JSON if it calls tools. Notes to other editors are not exported, nor is the split's
mark, which the file name expresses.

Source: huggingface.co/docs/hub, "Dataset Cards", "Manual Configuration" of data files;
huggingface/hub-docs, datasetcard.md; huggingface/datasets, Features.
"""

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

import yaml

from merlin.core.table_cells import escape_formula
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
_MESSAGE_FEATURES: Mapping[str, Mapping[str, Any]] = {
    "name": _STRING,
    "weight": {"dtype": "int64"},
    "tool_calls": {"list": _CALL},
    "tool_call_id": _STRING,
}
_EXAMPLE_FEATURES: Mapping[str, Mapping[str, Any]] = {
    "tools": _STRING,
    "rejected": _STRING,
    "tags": {"list": "string"},
    "source": _STRING,
}
_SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"))
_LARGEST = "100K<n<1M"

# The fields of the dataset card that a person chooses, as the Hub calls them: `language`, a list of
# ISO 639-1 codes, and `license`, an identifier of the Hub (`cc-by-4.0`).
Card = Mapping[str, object]


def write_repository(
    sides: Mapping[str, Sequence[Example]], spec: DatasetSpec, card: Card
) -> dict[str, str]:
    """Return path -> text of the repository's files; `sides` maps train and test to examples.

    There are no files without examples.
    """
    examples = [example for side in sides.values() for example in side]
    message_keys = [
        key
        for key in _MESSAGE_FEATURES
        if any(key in message.extra for example in examples for message in example.messages)
    ]
    example_keys = [
        key for key in _EXAMPLE_FEATURES if any(getattr(example, key) for example in examples)
    ]
    files = {}
    for side, side_examples in sides.items():
        rows = (
            _make_row(example, spec.system, message_keys, example_keys) for example in side_examples
        )
        text = "".join(f"{json.dumps(row, ensure_ascii=False)}\n" for row in rows)
        if text:
            files[f"data/{side}.jsonl"] = text
    if files:
        messages = [{"name": key, **_STRING} for key in ("role", "content")]
        messages += [{"name": key, **_MESSAGE_FEATURES[key]} for key in message_keys]
        features = [
            {"name": "messages", "list": messages},
            *({"name": key, **_EXAMPLE_FEATURES[key]} for key in example_keys),
        ]
        counts = {
            side: len(side_examples) for side, side_examples in sides.items() if side_examples
        }
        files["README.md"] = _write_card(spec, card, counts, features)
    return files


def _make_row(
    example: Example, system: str, message_keys: Iterable[str], example_keys: Iterable[str]
) -> dict[str, object]:
    messages = [
        {"role": message.role, "content": message.content}
        | {key: message.extra.get(key) for key in message_keys}
        for message in example.with_system(system)
    ]
    row: dict[str, object] = {"messages": messages}
    for key in example_keys:
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
    header = {
        "pretty_name": spec.title["en"],
        **card,
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


# "jsonl" is the old name of "openai"; "huggingface" is a folder.
FileFormat = Literal["jsonl", "openai", "sharegpt", "alpaca", "preference", "yaml", "csv"]
ExportFormat = Literal[FileFormat, "huggingface"]

_PAIR = ("user", "assistant")
_MORE_COLUMNS = ("split", "source", "note")


def export_examples(
    examples: Iterable[Example], system: str, file_format: FileFormat
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
    chat_format = "openai" if file_format == "jsonl" else file_format
    lines, left_out = [], []
    for example in examples:
        record = from_example(example, system, chat_format)
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
    examples: Sequence[Example], spec: DatasetSpec, file_format: ExportFormat, card: Card
) -> tuple[dict[str, str], list[str]]:
    """Return path -> text of a folder's files, and the ids that the format cannot represent.

    The sides are those of a build of the dataset; there are no files without examples. `card` is
    for Hugging Face.
    """
    side_by_id = split(examples, spec.split)
    sides = {
        side: [example for example in examples if side_by_id[example.id] == side]
        for side in ("train", "test")
    }
    if file_format == "huggingface":
        return write_repository(sides, spec, card), []
    suffix = file_format if file_format in ("yaml", "csv") else "jsonl"
    files, left_out = {}, []
    for side, side_examples in sides.items():
        text, skipped = export_examples(side_examples, spec.system, file_format)
        left_out += skipped
        if len(skipped) < len(side_examples):
            files[f"{side}.{suffix}"] = text
    return files, left_out
