"""When models go dark: warn in time, refuse what would be born to die."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date

from merlin.job.policy import Decision, Step

WARN_DAYS = (90, 30, 14, 7, 1)
LEAST_LIFE_DAYS = 30


@dataclass(frozen=True, slots=True)
class Reliance:
    """A model that is leaned on as it is: for assistant, transcription or vision."""

    purpose: str
    provider: str
    model_id: str


@dataclass(frozen=True, slots=True)
class Fading:
    """A model that is leaned on and goes dark on `ends`; `step` is the one of WARN_DAYS reached."""

    reliance: Reliance
    ends: date
    step: int


def refusal(base_model: str, sunset: date | None, today: date) -> Decision | None:
    """Return a hold when a model tuned today would live under thirty days, else None."""
    if sunset is None or (sunset - today).days >= LEAST_LIFE_DAYS:
        return None
    told = {"model": base_model, "date": sunset.isoformat(), "days": (sunset - today).days}
    return Decision(Step.HOLD, "held-sunset", told)


def warning_due(sunset: date, today: date) -> int | None:
    """Return the step of WARN_DAYS that has been reached and not passed by the next, else None."""
    left = (sunset - today).days
    reached = [days for days in WARN_DAYS if left <= days]
    return min(reached) if reached else None


def fading(
    relied_on: Iterable[Reliance], sunset: Callable[[Reliance], date | None], today: date
) -> Iterator[Fading]:
    """Yield what is leaned on and will go dark soon, or has; `sunset` tells the day, if known."""
    for reliance in relied_on:
        ends = sunset(reliance)
        step = warning_due(ends, today) if ends else None
        if ends is not None and step is not None:
            yield Fading(reliance, ends, step)
