"""When models go dark: warn in time, refuse what would be born to die."""

from __future__ import annotations

from datetime import date

from merlin.job.policy import Decision, Step

WARN_DAYS = (90, 30, 14, 7, 1)
LEAST_LIFE_DAYS = 30


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
