"""Exporting: the good examples of a dataset as a file for other programs."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from merlin.dataset.example import Example
from merlin.dataset.writing import write_example

_PAIR = ("user", "assistant")


class ExportFormat(StrEnum):
    """How the examples are written."""

    JSONL = "jsonl"
    YAML = "yaml"
    CSV = "csv"


@dataclass(frozen=True, slots=True)
class Exported:
    """The file's text, and the ids of examples that its format has no room for."""

    text: str
    left_out: tuple[str, ...] = ()


def export(examples: Sequence[Example], system: str, shape: ExportFormat) -> Exported:
    """Return the examples by id.

    JSONL: the chat format with the dataset's system text, and tags where there are any, which
    `importing` takes back. YAML: one document an example. CSV: question, answer, tags; a
    conversation of more than that is left out.
    """
    return _WRITERS[shape](sorted(examples, key=lambda each: each.id), system)


def _jsonl(examples: Sequence[Example], system: str) -> Exported:
    lines = (json.dumps(_object(each, system), ensure_ascii=False) for each in examples)
    return Exported("".join(f"{line}\n" for line in lines))


def _object(example: Example, system: str) -> Mapping[str, object]:
    told: dict[str, object] = {
        "messages": [message.as_json() for message in example.with_system(system)]
    }
    for key in ("tools", "tags", "split", "source", "note"):
        value = getattr(example, key)
        if value:
            told[key] = list(value) if isinstance(value, tuple) else value
    return told


def _yaml(examples: Sequence[Example], _system: str) -> Exported:
    return Exported("".join(f"--- # {each.id}\n{write_example(each)}" for each in examples))


def _csv(examples: Sequence[Example], _system: str) -> Exported:
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow(("question", "answer", "tags"))
    left_out = []
    for each in examples:
        is_pair = tuple(message.role for message in each.messages) == _PAIR
        if is_pair and not any(message.extra for message in each.messages):
            writer.writerow((each.question, each.answer, " ".join(each.tags)))
        else:
            left_out.append(each.id)
    return Exported(table.getvalue(), tuple(left_out))


_WRITERS: Mapping[ExportFormat, Callable[[Sequence[Example], str], Exported]] = {
    ExportFormat.JSONL: _jsonl,
    ExportFormat.YAML: _yaml,
    ExportFormat.CSV: _csv,
}
