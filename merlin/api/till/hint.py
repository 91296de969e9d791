"""Hint: a notification of YooKassa, which is not signed, so nothing that it says counts.

It says at most which order to look at now. Whoever is not in YooKassa's networks is turned away,
as a second wall: a forged one that comes through makes us read a payment, and no more.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from merlin.api.services import ApiServices
from merlin.billing.purchase import Purchase, PurchaseState, Till
from merlin.core.errors import NotFound

_MOST_WORD = 64
_OF_PAYMENTS = "payment."
_OF_REFUNDS = "refund."


@dataclass(frozen=True, slots=True)
class Hint:
    """What a notification is about; "" for what it does not say."""

    event: str = ""
    payment_id: str = ""
    purchase_id: str = ""


def read_hint(body: bytes) -> Hint:
    """Return what a notification says, as far as it can be read; ValueError for no JSON object."""
    try:
        said = json.loads(body)
    except RecursionError as error:
        raise ValueError("too deep") from error
    if not isinstance(said, dict):
        raise ValueError("no object")  # noqa: TRY004 - one error for what cannot be read
    event, thing = _word(said, "event"), _part(said, "object")
    is_refund = event.startswith(_OF_REFUNDS)
    return Hint(
        event=event,
        payment_id=_word(thing, "payment_id" if is_refund else "id"),
        purchase_id=_word(_part(thing, "metadata"), "purchase"),
    )


def _part(said: object, name: str) -> object:
    return said.get(name) if isinstance(said, Mapping) else None


def _word(said: object, name: str) -> str:
    """Return a short word that can be asked for, "" for anything else."""
    word: Any = _part(said, name)
    is_word = isinstance(word, str) and len(word) <= _MOST_WORD and word.isascii()
    return word if is_word and word.isprintable() else ""


async def note(services: ApiServices, hint: Hint) -> bool:
    """Let an order be looked at now; False, and nothing is written, where there is none to be."""
    found = await services.store.read(lambda: _meant(services, hint))
    if found is None:
        return False
    look, now = services.rows.books.asking.look, services.clock()
    return await services.store.do(lambda: look(found.purchase_id, now))


def _meant(services: ApiServices, hint: Hint) -> Purchase | None:
    """Return the order that a notification is about, where anything may be new of it."""
    purchases = services.rows.books.purchases
    known = purchases.by_outside(Till.YOOKASSA, hint.payment_id)
    if known is None and hint.purchase_id:
        known = _asked_for(services, hint.purchase_id)
    if known is None or (known.state.is_paid and hint.event.startswith(_OF_PAYMENTS)):
        return None
    return known


def _asked_for(services: ApiServices, purchase_id: str) -> Purchase | None:
    """Return an order that was asked for, and of whose payment we never learnt the id."""
    try:
        found = services.rows.books.purchases.get(purchase_id)
    except NotFound:
        return None
    was_asked = found.asked_at is not None and not found.outside_id
    return found if was_asked and found.state is not PurchaseState.PENDING else None
