"""How the stand-in behaves where nobody chooses: outcomes, notifications, how long things last.

Faults of single calls (drops, 500, 202, lag) are `merlin.sandbox.faults`; here is what shapes
right answers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

PAID, PENDING, SUCCEEDED = "paid", "pending", "succeeded"
AT_ONCE, NEVER, HELD = "at-once", "never", "held"
DAY_S = 86_400.0


@dataclass(frozen=True, slots=True)
class Behaviour:
    """What happens by itself.

    `outcome` is how a new payment with a page ends at once: "" waits for the payer, else "paid",
    "declined" or a reason. `renewal` is how a payment by a saved method ends ("pending": not yet),
    `refund` how a refund does. `notifications` are posted at once, never, or held until told;
    `late_s` later, each `times` times; what is not answered 200 is posted again after `retry_s`,
    then twice that, `tries` times in all. A page lives `expires_s`, held money `holds_s`, an
    Idempotence-Key `key_s`. A payment is missing from lists for `list_lag_s` after it was made.
    """

    outcome: str = ""
    renewal: str = PAID
    refund: str = SUCCEEDED
    notifications: str = AT_ONCE
    late_s: float = 0.0
    times: int = 1
    retry_s: float = 0.2
    tries: int = 5
    is_test: bool = True
    saves_methods: bool = True
    expires_s: float = 3_600.0
    holds_s: float = 7 * DAY_S
    key_s: float = DAY_S
    list_lag_s: float = 0.0

    def changed(self, wishes: Mapping[str, object]) -> Behaviour:
        """Return the behaviour with some fields changed.

        Raises ValueError for an unknown field or word, TypeError for a value of another type.
        """
        unknown = set(wishes) - {one.name for one in fields(self)}
        if unknown:
            raise ValueError(f"unknown: {sorted(unknown)}")
        for name, value in wishes.items():
            wanted = type(getattr(self, name))
            if not isinstance(value, (int, float) if wanted is float else wanted):
                raise TypeError(f"{name} must be {wanted.__name__}")
        kept: dict[str, Any] = dict(wishes)
        if kept.get("notifications", AT_ONCE) not in {AT_ONCE, NEVER, HELD}:
            raise ValueError(f"notifications are {AT_ONCE}, {NEVER} or {HELD}")
        return replace(self, **kept)
