"""Renewal: a plan that is paid again when it ends, for as long as its owner wants that.

Telegram renews what is paid in Stars by itself, until the bot tells it to stop. With a saved method
the api asks for the payment a day before the plan ends, and again a day later, three times at most;
three days before, the person is told and can say no.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

from merlin.billing.purchase import Till

REMIND_BEFORE = timedelta(days=3)
PAY_BEFORE = timedelta(days=1)
AGAIN_AFTER = timedelta(days=1)
MOST_TRIES = 3


class RenewalState(StrEnum):
    """Whether a plan is renewed; FAILED: nothing could be paid any more.

    STOPPING: its owner said no, and Telegram, which renews what is paid in Stars, has not heard it.
    """

    ON = "on"
    STOPPING = "stopping"
    OFF = "off"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Renewal:
    """One plan of one person that renews itself.

    `method` is the saved method's id, or the first payment's in Stars; `method_title` what its
    owner calls it. `next_at` is when it is paid next; `consented_at` when the person agreed.
    """

    renewal_id: int
    user_id: int
    plan: str
    till: Till
    method: str
    state: RenewalState
    consented_at: datetime
    next_at: datetime
    tries: int = 0
    method_title: str = ""
    contact: str = ""


class Renewals(Protocol):
    """Where renewals are kept; each method is a transaction, or a part of one that runs."""

    def begin(self, renewal: Renewal) -> int:
        """Store a renewal and return its id; the one of the same person and plan is replaced."""

    def of(self, user_id: int) -> list[Renewal]:
        """Return somebody's renewals, those that are on first."""

    def stop(self, renewal_id: int, user_id: int, state: RenewalState = RenewalState.OFF) -> bool:
        """End somebody's renewal; False for one that is not on, or not theirs.

        One in Stars is STOPPING until `stopped`: the bot has to tell Telegram.
        """

    def stopping(self, limit: int = 20) -> list[Renewal]:
        """Return the renewals of which Telegram has to hear that they end."""

    def stopped(self, renewal_id: int) -> bool:
        """Note that Telegram has heard it; False where it was known."""

    def due(self, now: datetime, limit: int = 20) -> list[Renewal]:
        """Return the renewals of saved methods to pay now; each is put off by AGAIN_AFTER."""

    def paid(self, renewal_id: int, next_at: datetime) -> None:
        """Note that it was paid, and when it is next."""

    def to_remind(self, now: datetime, limit: int = 20) -> list[Renewal]:
        """Return the renewals whose owners are to be told now; each once a payment."""
