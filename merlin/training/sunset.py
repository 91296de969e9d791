"""When models go dark: warn in time, refuse what would be born to die."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date

WARN_DAYS = (90, 30, 14, 7, 1)


@dataclass(frozen=True, slots=True)
class NamedModel:
    """A model that is leaned on as it is: for assistant, transcription or vision."""

    purpose: str
    provider: str
    model_id: str


@dataclass(frozen=True, slots=True)
class SunsetWarning:
    """A model that is leaned on and goes dark on `ends`; `step` is the one of WARN_DAYS reached."""

    model: NamedModel
    ends: date
    step: int


def warning_due(sunset: date, today: date) -> int | None:
    """Return the step of WARN_DAYS that has been reached and not passed by the next, else None."""
    left = (sunset - today).days
    reached = [days for days in WARN_DAYS if left <= days]
    return min(reached) if reached else None


def sunset_warnings(
    named_models: Iterable[NamedModel], sunset: Callable[[NamedModel], date | None], today: date
) -> Iterator[SunsetWarning]:
    """Yield what is leaned on and will go dark soon, or has; `sunset` tells the day, if known."""
    for model in named_models:
        ends = sunset(model)
        step = warning_due(ends, today) if ends else None
        if ends is not None and step is not None:
            yield SunsetWarning(model, ends, step)
