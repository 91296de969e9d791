"""Promo: codes that make a plan cheaper, or give some days of it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from merlin.billing.amount import Amount
from merlin.billing.plan import Plan
from merlin.billing.purchase import Purchase

MOST_DAYS = 3650
MOST_PERCENT = 99
# Letters that people can tell from each other and type on a phone; `-` and `_` within.
_CODE = re.compile(r"[0-9A-ZА-ЯЁ][0-9A-ZА-ЯЁ_-]{2,31}")


@dataclass(frozen=True, slots=True)
class Promo:
    """One code: `days` of `plan` for nothing, or `percent` off its price.

    `most_uses` None: any number of people, each once; `ends_at` None: until it is stopped.
    """

    code: str
    plan: str
    days: int = 0
    percent: int = 0
    most_uses: int | None = None
    ends_at: datetime | None = None
    by: str = ""


@dataclass(frozen=True, slots=True)
class Listed:
    """A code as it stands: when it was made, how often it was used, whether it was stopped."""

    promo: Promo
    at: datetime
    uses: int
    is_stopped: bool


class Promos(Protocol):
    """Where codes are kept; each method is a transaction, or a part of one that runs.

    Raises Refused, with the words for the person, for a code that is unknown, stopped, over, used
    up, used by this person before, or of another plan.
    """

    def add(self, promo: Promo) -> None:
        """Store a code, noted in the audit.

        Raises Refused for one that is there, is no code, or gives what no code can.
        """

    def stop(self, code: str, by: str) -> None:
        """Let nobody use a code any more. Raises NotFound."""

    def all(self) -> Iterable[Listed]:
        """Return every code, newest first."""

    def redeem(self, user_id: int, code: str) -> Promo:
        """Use up a code that gives days, and give them."""

    def find(self, user_id: int, code: str, plan: str = "") -> Promo:
        """Return a code that this person may use now, for a plan where one is named.

        One that an unpaid order of theirs holds may be used: for that order, or in its place.
        """

    def hold(self, user_id: int, code: str, purchase_id: str) -> None:
        """Keep the person's one use for an order, taken from their unpaid order that held it.

        It is held until nobody can pay the order any more, also one that was given up.
        """

    def may_take(self, purchase: Purchase) -> bool:
        """Return whether a payment for this order would have a use of its code; reads alone.

        True for an order without a code, and for one of nobody.
        """


def is_sound(promo: Promo, now: datetime) -> bool:
    """Return whether a code gives either days or a lower price, to somebody, for some time."""
    has_days = 0 < promo.days <= MOST_DAYS and not promo.percent
    has_percent = 0 < promo.percent <= MOST_PERCENT and not promo.days
    is_for_some = promo.most_uses is None or promo.most_uses > 0
    return (has_days or has_percent) and is_for_some and (not promo.ends_at or promo.ends_at > now)


def written(code: str) -> str:
    """Return a code as it is kept, whatever the case it was typed in; "" for what is none."""
    plain = code.strip().upper()
    return plain if _CODE.fullmatch(plain) else ""


def priced(plan: Plan, promo: Promo | None) -> tuple[Amount | None, Amount | None]:
    """Return what a plan costs in roubles and in Stars, each None where it is not sold for that.

    Never less than one kopeck or one Star.
    """
    offer, percent = plan.offer, promo.percent if promo is not None else 0
    return _less(offer.rub, percent), _less(offer.xtr, percent)


def _less(price: Amount | None, percent: int) -> Amount | None:
    if price is None or not percent:
        return price
    # Rounded in the buyer's favour.
    return Amount(max(price.minor * (100 - percent) // 100, 1), price.currency)
