"""Told: what Telegram says of a payment in Stars or of its refund, read from its own JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from merlin.billing.amount import MOST_MINOR, Amount, Currency
from merlin.inbox.update import Update

PAID, RETURNED = "successful_payment", "refunded_payment"
# One second behind the last that a datetime holds would break whoever reads it.
_LAST_S = 253_402_300_799
_LONGEST_S = 366 * 24 * 3600


@dataclass(frozen=True, slots=True)
class Told:
    """One movement of Stars between a person and the bot.

    `payload` is what we put into the invoice: the purchase's id. `until` is when a subscription
    is paid again, None for what is no subscription.
    """

    charge: str
    user_id: int
    payload: str
    amount: Amount
    at: datetime
    until: datetime | None = None


def is_of_money(update: Update) -> bool:
    """Return whether this is a message that money came or went."""
    message = update.body.get("message") if update.kind == "message" else None
    return isinstance(message, Mapping) and (PAID in message or RETURNED in message)


def told_of(update: Update, name: str) -> Told | None:
    """Return what a message tells of `name`; None where that cannot be read."""
    message = update.body.get("message")
    said = message.get(name) if isinstance(message, Mapping) else None
    if not isinstance(message, Mapping) or not isinstance(said, Mapping):
        return None
    charge = said.get("telegram_payment_charge_id")
    is_stars = said.get("currency") == Currency.XTR.value
    count = _whole(said.get("total_amount"))
    if not isinstance(charge, str) or not charge or not is_stars or count is None:
        return None
    return Told(
        charge=charge,
        user_id=update.user_id,
        payload=str(said.get("invoice_payload", "")),
        amount=Amount(count, Currency.XTR),
        at=_time(message.get("date")) or datetime.fromtimestamp(0, UTC),
        until=_time(said.get("subscription_expiration_date")),
    )


def moved(said: Mapping[str, Any], side: str) -> Told | None:
    """Return what a StarTransaction tells of the person on one `side`, "source" or "receiver".

    None for what is no payment of an invoice: gifts, advertising, what the owner takes out.
    """
    partner = said.get(side)
    if not isinstance(partner, Mapping) or partner.get("type") != "user":
        return None
    user, count = partner.get("user"), _whole(said.get("amount"))
    user_id = _whole(user.get("id")) if isinstance(user, Mapping) else None
    charge, at = said.get("id"), _time(said.get("date"))
    if not isinstance(charge, str) or user_id is None or count is None or at is None:
        return None
    payload = str(partner.get("invoice_payload", ""))
    # Only a subscription has a period.
    period = _whole(partner.get("subscription_period"))
    until = at + timedelta(seconds=period) if period and period < _LONGEST_S else None
    return Told(charge, user_id, payload, Amount(count, Currency.XTR), at, until)


def _whole(said: object) -> int | None:
    """Return a number above 0 that every database holds."""
    if not isinstance(said, int) or isinstance(said, bool):
        return None
    return said if 0 < said <= MOST_MINOR else None


def _time(said: object) -> datetime | None:
    seconds = _whole(said)
    return datetime.fromtimestamp(seconds, UTC) if seconds and seconds <= _LAST_S else None
