"""What the events of a job say, in a person's language.

Providers of the protocol, ours too, word them in English; one in words that are not known here
stays as it is.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from merlin.app.jobs import JobEvent
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


def describe_event(event: JobEvent, language: str) -> str:
    """Return what an event says."""
    if isinstance(event.data, Mapping) and isinstance(event.data.get("step"), _NUMBER):
        return _measured(event.data, language)
    for name, pattern in _PATTERNS.items():
        if found := pattern.fullmatch(event.message):
            told = found.groupdict()
            key = f"job-{told.get('state')}"
            if "state" in told and key in keys(language):
                told["state"] = text(language, key)
            return text(language, f"job-event-{name}", **told)
    return event.message


def _measured(data: Mapping[str, object], language: str) -> str:
    said = [text(language, "job-event-step", step=data["step"])]
    if isinstance(data.get("epoch"), _NUMBER):
        said.insert(0, text(language, "job-event-epoch", epoch=data["epoch"]))
    for name, key in _LOSSES.items():
        if isinstance(loss := data.get(name), _NUMBER):
            said.append(f"{text(language, key)} {format_number(language, loss, 3)}")
    return ", ".join(said)
