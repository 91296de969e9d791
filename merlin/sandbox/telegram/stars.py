"""Stars: what people have of them, what moved, and what a bot may ask of that.

A movement is a StarTransaction: one in from who paid, and one out of the same id when it goes back.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping
from typing import Any

from merlin.sandbox.telegram.arguments import Arguments
from merlin.sandbox.telegram.errors import bad_request
from merlin.sandbox.telegram.people import Person
from merlin.sandbox.telegram.world import FIRST_STARS, World

PERIOD_S = 2_592_000
MOST_TRANSACTIONS = 100


def balance(world: World, person_id: int) -> int:
    """Return how many Stars somebody has."""
    return world.stars.get(person_id, FIRST_STARS)


def pay(world: World, person: Person, invoice: Mapping[str, Any], charge: str = "") -> int:
    """Move Stars to the bot, and tell it; return the update_id.

    `invoice` has `total_amount`, `payload`, and `period` for a subscription. `charge` names the
    first payment of a subscription that is paid again.
    """
    charged = f"stx{secrets.token_urlsafe(24)}"
    payment: dict[str, Any] = {
        "currency": "XTR",
        "total_amount": invoice["total_amount"],
        "invoice_payload": invoice["payload"],
        "telegram_payment_charge_id": charged,
        "provider_payment_charge_id": f"{person.person_id}_{charged[-6:]}",
    }
    if invoice.get("period"):
        payment |= _renewed(world, person, invoice, charge or charged)
    _move(world, person, payment, is_in=True)
    message = world.new_message(person, person.as_user(), successful_payment=payment)
    world.add_message(message)
    return world.add_update("message", message)


def _renewed(
    world: World, person: Person, invoice: Mapping[str, Any], first: str
) -> dict[str, Any]:
    """Note that a subscription runs on; return what its payment says of it."""
    known = world.subscriptions.get(first)
    begins = max(known["until"] if known else 0, int(time.time()))
    until = begins + int(invoice["period"])
    kept = {"person_id": person.person_id, "until": until, "is_canceled": False}
    named = {name: invoice[name] for name in ("title", "total_amount", "payload", "period")}
    world.record("subscription", charge=first, subscription={**named, **kept})
    told: dict[str, Any] = {"is_recurring": True, "subscription_expiration_date": until}
    return told if known else told | {"is_first_recurring": True}


def _move(world: World, person: Person, payment: Mapping[str, Any], *, is_in: bool) -> None:
    partner: dict[str, Any] = {
        "type": "user",
        "transaction_type": "invoice_payment",
        "user": person.as_user(),
        "invoice_payload": payment["invoice_payload"],
    }
    if is_in and "subscription_expiration_date" in payment:
        partner["subscription_period"] = PERIOD_S
    transaction = {
        "id": payment["telegram_payment_charge_id"],
        "amount": payment["total_amount"],
        "date": int(time.time()),
        "source" if is_in else "receiver": partner,
    }
    count = int(payment["total_amount"]) * (-1 if is_in else 1)
    person_id = person.person_id
    world.record("stars", person_id=person_id, count=count, transaction=transaction)


def give_back(world: World, person_id: int, charge: str) -> int:
    """Move the Stars of a payment back, and tell the bot; return the update_id.

    Raises BotApiError for an unknown payment and for one that went back already.
    """
    moved = [one for one in world.transactions if one["id"] == charge]
    paid = next((one for one in moved if "source" in one), None)
    if paid is None or paid["source"]["user"]["id"] != person_id:
        raise bad_request("CHARGE_NOT_FOUND")
    if any("receiver" in one for one in moved):
        raise bad_request("CHARGE_ALREADY_REFUNDED")
    person = world.people[person_id]
    payment = {
        "currency": "XTR",
        "total_amount": paid["amount"],
        "invoice_payload": paid["source"]["invoice_payload"],
        "telegram_payment_charge_id": charge,
    }
    _move(world, person, payment, is_in=False)
    message = world.new_message(person, person.as_user(), refunded_payment=payment)
    world.add_message(message)
    return world.add_update("message", message)


async def refund_star_payment(world: World, arguments: Arguments) -> bool:
    """Answer refundStarPayment."""
    give_back(world, arguments.integer("user_id"), arguments.text("telegram_payment_charge_id"))
    return True


async def get_star_transactions(world: World, arguments: Arguments) -> dict[str, Any]:
    """Answer getStarTransactions: the oldest first, a hundred at most."""
    limit = arguments.integer("limit", MOST_TRANSACTIONS)
    offset = arguments.integer("offset")
    if not 1 <= limit <= MOST_TRANSACTIONS or offset < 0:
        raise bad_request("LIMIT_INVALID")
    return {"transactions": world.transactions[offset : offset + limit]}


async def edit_user_star_subscription(world: World, arguments: Arguments) -> bool:
    """Answer editUserStarSubscription: stop a subscription, or let it run on."""
    charge = arguments.text("telegram_payment_charge_id")
    known = world.subscriptions.get(charge)
    if known is None or known["person_id"] != arguments.integer("user_id"):
        raise bad_request("CHARGE_NOT_FOUND")
    changed = {**known, "is_canceled": arguments.flag("is_canceled")}
    world.record("subscription", charge=charge, subscription=changed)
    return True
