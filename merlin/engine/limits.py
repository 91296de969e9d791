"""What a client may use, and how the protocol's headers tell what is left of it.

Source of the headers' names and of the times' form ("6m0s"): OpenAI's guide to rate limits.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, time, timedelta

from merlin.openai_protocol.errors import ApiError

MINUTE_S = 60.0


@dataclass(frozen=True, slots=True)
class Limits:
    """What one client may use; 0 is no limit. `jobs` are those that have not ended."""

    requests_per_minute: int = 0
    tokens_per_day: int = 0
    jobs: int = 0
    bytes: int = 0


def no_limit(*_: object) -> None:
    """Let everything pass: what is asked where the caller has no limits."""


class TooMany(ApiError):
    """A call over a limit: 429; `kind` is what there was too much of: "requests", "tokens"."""

    def __init__(
        self, message: str, kind: str, again_in_s: float, told: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(429, message, code="rate_limit_exceeded")
        self.kind = kind
        self.headers = {**(told or {}), "retry-after": str(max(1, math.ceil(again_in_s)))}


def headers_of(kind: str, limit: int, left: float, whole_in_s: float) -> Mapping[str, str]:
    """Return the headers x-ratelimit-* of requests or tokens."""
    told = {"limit": limit, "remaining": max(0, int(left)), "reset": span(whole_in_s)}
    return {f"x-ratelimit-{name}-{kind}": str(value) for name, value in told.items()}


def span(seconds: float) -> str:
    """Return a time as the protocol writes it: 120ms, 6m0s, 3h0m0s."""
    if seconds < 1:
        return f"{math.ceil(seconds * 1000)}ms"
    minutes, rest = divmod(math.ceil(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    head = f"{hours}h{minutes}m" if hours else f"{minutes}m" if minutes else ""
    return f"{head}{rest}s"


def until_midnight_s(now: datetime) -> float:
    """Return how many seconds the UTC day of `now` still has."""
    midnight = datetime.combine(now.date() + timedelta(days=1), time(), now.tzinfo)
    return (midnight - now).total_seconds()
