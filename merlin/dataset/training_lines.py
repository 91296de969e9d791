"""Lines of training files: an example as one line of JSON in the format of its method."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from merlin.core.messages import Message
from merlin.dataset.chat_formats import trained_record
from merlin.dataset.example import Example
from merlin.db.values import REJECTED


class TrainingLine(NamedTuple):
    """One line with its end. The dataset's system message belongs `at` this byte.

    None: the example has a system text of its own.
    """

    at: int | None
    line: bytes

    def complete(self, system: bytes) -> bytes:
        """Return the line as it is trained; `system` is the `system_part`."""
        if self.at is None:
            return self.line
        return self.line[: self.at] + system + self.line[self.at :]

    def messages(self, system: bytes) -> list[dict[str, Any]]:
        """Return the conversation that is trained; of two answers the worse one last, so marked."""
        record = json.loads(self.complete(system))
        if "messages" in record:
            return list(record["messages"])
        worse = ({**each, "role": REJECTED} for each in record["non_preferred_output"])
        return [*record["input"]["messages"], *record["preferred_output"], *worse]


def training_line(example: Example) -> TrainingLine:
    """Return the line of an example, for any dataset's system text."""
    if example.messages[0].role == "system":
        return TrainingLine(None, _dump(trained_record(example, "")) + b"\n")
    line, nothing = _dump(trained_record(example, "")) + b"\n", system_part("")
    at = line.index(nothing)  # the first message of all
    return TrainingLine(at, line[:at] + line[at + len(nothing) :])


def system_part(system: str) -> bytes:
    """Return what `TrainingLine.complete` puts before the other messages."""
    return _dump(Message("system", system).as_json()) + b","


def _dump(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
