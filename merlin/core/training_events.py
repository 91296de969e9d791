"""Describe the events of fine-tuning jobs in the user's language.

OpenAI-compatible providers, including our engine, write them in English; an unknown message is
shown as it is.
"""

import re
from collections.abc import Mapping

from merlin.core.charts import format_loss
from merlin.core.i18n import keys, text
from merlin.core.json_fields import is_number

# Source: the events of OpenAI's fine-tuning jobs, and those of `merlin.engine`.
_MESSAGES = {
    "created": r"Created fine-tuning job.*",
    "validating": r"Validating training file.*",
    "validated": r"Files validated.*",
    "started": r"Fine-tuning job started.*",
    "cancelled": r"Fine-tuning job cancelled.*",
    "checkpoint": r"Checkpoint (?:saved|created) at step (?P<step>\d+).*",
    "model": r"New fine-tuned model created.*",
    "succeeded": r"(?:The job has successfully completed|Job succeeded).*",
    "failed": r"Job failed: (?P<reason>.*)",
    "state": r"The job's state: (?P<state>\w+)",
}
_PATTERNS = {
    name: re.compile(pattern, re.DOTALL) for name, pattern in _MESSAGES.items()
}
_LOSSES = {"train_loss": "chart-train", "valid_loss": "chart-test"}


def describe_event(message: str, data: object, language: str) -> str:
    """Return an event's description."""
    if isinstance(data, Mapping) and is_step(data):
        parts = [text(language, "job-event-step", step=data["step"])]
        if is_number(data.get("epoch")):
            parts.insert(0, text(language, "job-event-epoch", epoch=data["epoch"]))
        for name, key in _LOSSES.items():
            if is_number(loss := data.get(name)):
                parts.append(f"{text(language, key)} {format_loss(language, loss)}")
        return ", ".join(parts)
    for name, pattern in _PATTERNS.items():
        if match := pattern.fullmatch(message):
            fields = match.groupdict()
            key = f"job-{fields.get('state')}"
            if "state" in fields and key in keys(language):
                fields["state"] = text(language, key)
            return text(language, f"job-event-{name}", **fields)
    return message


def is_step(data: object) -> bool:
    """Return whether an event's data are those of a step, which the curve of losses shows."""
    return isinstance(data, Mapping) and is_number(data.get("step"))
