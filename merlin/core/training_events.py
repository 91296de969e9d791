"""What the events of a training say, in a person's language; alike ones in one line.

Providers of the protocol, ours too, word them in English; one in words that are not known here
stays as it is.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from merlin.core.i18n import format_number, keys, text

_NUMBER = int | float
# Source: the events of OpenAI's fine-tuning jobs, and those of `merlin.engine`.
_WORDED = {
    "created": r"Created fine-tuning job.*",
    "validating": r"Validating training file.*",
    "validated": r"Files validated.*",
    "started": r"Fine-tuning job started.*",
    "paused": r"Fine-tuning job paused.*",
    "resumed": r"Fine-tuning job resumed.*",
    "cancelled": r"Fine-tuning job cancelled.*",
    "checkpoint": r"Checkpoint (?:saved|created) at step (?P<step>\d+).*",
    "model": r"New fine-tuned model created.*",
    "succeeded": r"(?:The job has successfully completed|Job succeeded).*",
    "failed": r"Job failed: (?P<reason>.*)",
    "state": r"The job's state: (?P<state>\w+)",
}
_PATTERNS = {name: re.compile(pattern, re.DOTALL) for name, pattern in _WORDED.items()}
_LOSSES = {"train_loss": "admin-loss-train", "valid_loss": "admin-loss-test"}


_DIGITS = re.compile(r"\d+")
Moment = TypeVar("Moment")


@dataclass(slots=True)
class EventLine(Generic[Moment]):
    """Events that are alike: when the newest was, its level and words; `times` of several."""

    at: Moment
    level: str
    words: str
    times: str = ""


def event_lines(
    newest_first: Iterable[tuple[Moment, str, str, object]], language: str
) -> list[EventLine[Moment]]:
    """Return the lines of (at, level, message, data) events, newest first."""
    lines: dict[tuple[str, str], EventLine[Moment]] = {}
    counts = Counter[tuple[str, str]]()
    for at, level, message, data in newest_first:
        shape = level, "step" if _is_measured(data) else _DIGITS.sub("0", message)
        counts[shape] += 1
        if shape in lines:
            lines[shape].times = text(language, "job-event-times", count=counts[shape])
        else:
            lines[shape] = EventLine(at, level, describe_event(message, data, language))
    return list(lines.values())


def describe_event(message: str, data: object, language: str) -> str:
    """Return what an event says."""
    if isinstance(data, Mapping) and _is_measured(data):
        return _measured(data, language)
    for name, pattern in _PATTERNS.items():
        if found := pattern.fullmatch(message):
            fields = found.groupdict()
            key = f"job-{fields.get('state')}"
            if "state" in fields and key in keys(language):
                fields["state"] = text(language, key)
            return text(language, f"job-event-{name}", **fields)
    return message


def _is_measured(data: object) -> bool:
    return isinstance(data, Mapping) and isinstance(data.get("step"), _NUMBER)


def _measured(data: Mapping[str, object], language: str) -> str:
    parts = [text(language, "job-event-step", step=data["step"])]
    if isinstance(data.get("epoch"), _NUMBER):
        parts.insert(0, text(language, "job-event-epoch", epoch=data["epoch"]))
    for name, key in _LOSSES.items():
        if isinstance(loss := data.get(name), _NUMBER):
            parts.append(f"{text(language, key)} {format_number(language, loss, 3)}")
    return ", ".join(parts)
