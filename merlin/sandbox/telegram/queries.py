"""Callback and pre-checkout queries; invoices and Stars, of which everybody has enough.

A payment in Stars is an incoming
StarTransaction; its refund is an outgoing one of the same id. An invoice is a message or lies
behind a link; before a payment the bot gets a pre-checkout query, before a renewal it gets none.
"""

import secrets
import time
from collections.abc import Mapping
from typing import Any

from merlin.sandbox.telegram.arguments import Arguments, bad_request
from merlin.sandbox.telegram.messages import post
from merlin.sandbox.telegram.world import LoggedMessage, Person, Query, World


def find_open_query(world: World, query_id: str, kind: str) -> Query:
    """Return an open query. Raises BotApiError for one that is answered or unknown."""
    query = world.queries.get(query_id)
    if query is None or query.answered or query.kind != kind:
        raise bad_request(
            "query is too old and response timeout expired or query ID is invalid"
        )
    return query


async def answer_callback_query(world: World, arguments: Arguments) -> bool:
    """Answer answerCallbackQuery; the text is shown to the person for a moment."""
    text = arguments.text("text")
    query_id = arguments.text("callback_query_id")
    query = find_open_query(world, query_id, "callback_query")
    world.record("answered", query_id=query_id)
    values = {
        "text": text,
        "alert": arguments.flag("show_alert"),
        "url": arguments.text("url"),
    }
    world.notify("answer", {"person_id": query.person_id, **values})
    return True


def pay(
    world: World, person: Person, invoice: Mapping[str, Any], first: str = ""
) -> int:
    """Pay the bot in Stars; return the update_id.

    `invoice` has `total_amount`, `payload`, and `period` if it renews; `first` is the first payment
    of what is renewed.
    """
    charge_id = f"stx{secrets.token_urlsafe(24)}"
    payment: dict[str, Any] = {
        "currency": "XTR",
        "total_amount": invoice["total_amount"],
        "invoice_payload": invoice["payload"],
        "telegram_payment_charge_id": charge_id,
        "provider_payment_charge_id": f"{person.person_id}_{charge_id[-6:]}",
    }
    if invoice.get("period"):
        payment |= _extend(world, person, invoice, first or charge_id)
        payment |= {} if first else {"is_first_recurring": True}
    _record_transaction(world, person, payment, is_in=True)
    message = world.post(person, person.as_user(), successful_payment=payment)
    return world.add_update("message", message)


def _extend(
    world: World, person: Person, invoice: Mapping[str, Any], first: str
) -> dict[str, Any]:
    """Begin or extend a subscription; return what its payment says of it."""
    before = world.subscriptions.get(first, {"until": int(time.time())})
    until = before["until"] + invoice["period"]
    subscription = {**invoice, "until": until, "person_id": person.person_id}
    world.record("subscription", first=first, subscription=subscription)
    return {"is_recurring": True, "subscription_expiration_date": until}


def change_subscription(world: World, first: str, **changed: bool) -> None:
    """Cancel a subscription, or take that back; the bot is told if it asked for such updates."""
    before = world.subscriptions[first]
    subscription = {**before, **changed}
    world.record("subscription", first=first, subscription=subscription)
    is_canceled = subscription.get("is_canceled", False)
    if is_canceled is not before.get("is_canceled", False):
        state = "canceled" if is_canceled else "active"
        tell_subscription(world, subscription, state)


def tell_subscription(world: World, subscription: Mapping[str, Any], state: str) -> int:
    """Send the bot the update `subscription`; return its update_id."""
    user = world.people[subscription["person_id"]].as_user()
    body = {"user": user, "invoice_payload": subscription["payload"], "state": state}
    return world.add_update("subscription", body)


async def edit_user_star_subscription(world: World, arguments: Arguments) -> bool:
    """Answer editUserStarSubscription: False only lets the person turn it on again."""
    first = arguments.text("telegram_payment_charge_id")
    person_id = world.subscriptions.get(first, {}).get("person_id")
    if person_id is None or person_id != arguments.integer("user_id"):
        raise bad_request("CHARGE_ID_INVALID")
    is_canceled = arguments.flag("is_canceled")
    canceled = {"is_canceled": True} if is_canceled else {}
    change_subscription(world, first, is_locked=is_canceled, **canceled)
    return True


def _record_transaction(
    world: World, person: Person, payment: Mapping[str, Any], *, is_in: bool
) -> None:
    partner: dict[str, Any] = {
        "type": "user",
        "transaction_type": "invoice_payment",
        "user": person.as_user(),
        "invoice_payload": payment["invoice_payload"],
    }
    transaction = {
        "id": payment["telegram_payment_charge_id"],
        "amount": payment["total_amount"],
        "date": int(time.time()),
        "source" if is_in else "receiver": partner,
    }
    world.record("transaction", transaction=transaction)


def refund_stars(world: World, person_id: int, charge: str) -> int:
    """Refund a payment in Stars; return the update_id.

    Raises BotApiError for an unknown payment and for one already refunded.
    """
    transactions = [
        transaction for transaction in world.transactions if transaction["id"] == charge
    ]
    payment_in = next(
        (transaction for transaction in transactions if "source" in transaction), None
    )
    if payment_in is None or payment_in["source"]["user"]["id"] != person_id:
        raise bad_request("CHARGE_NOT_FOUND")
    if any("receiver" in transaction for transaction in transactions):
        raise bad_request("CHARGE_ALREADY_REFUNDED")
    person = world.people[person_id]
    payment = {
        "currency": "XTR",
        "total_amount": payment_in["amount"],
        "invoice_payload": payment_in["source"]["invoice_payload"],
        "telegram_payment_charge_id": charge,
    }
    _record_transaction(world, person, payment, is_in=False)
    message = world.post(person, person.as_user(), refunded_payment=payment)
    return world.add_update("message", message)


async def refund_star_payment(world: World, arguments: Arguments) -> bool:
    """Answer refundStarPayment."""
    refund_stars(
        world,
        arguments.integer("user_id"),
        arguments.text("telegram_payment_charge_id"),
    )
    return True


# Fields of an invoice stored with its pre-checkout query.
CHECKOUT_FIELDS = ("chat_id", "message_id", "period")
# How the link of an invoice begins.
LINK = "https://t.me/$"
PERIOD_S = 2_592_000
_MAX_STARS = {0: 25_000, PERIOD_S: 10_000}


async def create_invoice_link(world: World, arguments: Arguments) -> str:
    """Answer createInvoiceLink: in Stars (XTR) only; what renews does so every thirty days."""
    period = arguments.integer("subscription_period")
    prices = arguments.parse("prices")
    if arguments.text("currency") != "XTR" or len(prices) != 1:
        raise bad_request("CURRENCY_INVALID")
    if period not in _MAX_STARS:
        raise bad_request("SUBSCRIPTION_PERIOD_INVALID")
    amount = int(prices[0]["amount"])
    if not 0 < amount <= _MAX_STARS[period]:
        raise bad_request("STARS_INVOICE_INVALID")
    slug = secrets.token_urlsafe(16)
    payload = arguments.text("payload")
    invoice = {"total_amount": amount, "payload": payload, "period": period}
    world.record("invoice", slug=slug, invoice=invoice)
    return f"{LINK}{slug}"


async def send_invoice(world: World, arguments: Arguments) -> dict[str, Any]:
    """Answer sendInvoice: in Stars (XTR) only."""
    amount = int(arguments.parse("prices")[0]["amount"])
    names = ("title", "description", "start_parameter")
    values = {name: arguments.text(name) for name in names}
    invoice = {**values, "currency": "XTR", "total_amount": amount}
    keys = {"inline_keyboard": [[{"text": f"⭐ {amount}", "pay": True}]]}
    message = post(world, arguments, keys, invoice=invoice)
    name = f"payload:{message['chat']['id']}:{message['message_id']}"
    world.record("setting", name=name, value=arguments.text("payload"))
    return message


def invoice_of(world: World, logged: LoggedMessage) -> dict[str, Any]:
    """Return the invoice of an invoice message. Raises KeyError for any other message."""
    invoice = logged.message["invoice"]
    chat_id = logged.message["chat"]["id"]
    message_id = logged.message_id
    payload = world.settings[f"payload:{chat_id}:{message_id}"]
    return {**invoice, "payload": payload, "chat_id": chat_id, "message_id": message_id}


async def answer_pre_checkout_query(world: World, arguments: Arguments) -> bool:
    """Answer answerPreCheckoutQuery; on consent the payment is made."""
    query_id = arguments.text("pre_checkout_query_id")
    query = find_open_query(world, query_id, "pre_checkout_query")
    is_accepted = arguments.flag("ok")
    reason = arguments.text("error_message")
    if not is_accepted and not reason:
        raise bad_request("error_message is empty")
    world.record("answered", query_id=query_id)
    if is_accepted:
        _complete_payment(world, query_id, query.person_id)
    else:
        world.notify(
            "answer", {"person_id": query.person_id, "text": reason, "alert": True}
        )
    return True


def _complete_payment(world: World, query_id: str, person_id: int) -> None:
    query = world.queries[query_id].update
    checkout = world.checkouts.get(query_id, {})
    invoice = {
        "total_amount": query["total_amount"],
        "payload": query["invoice_payload"],
        "period": checkout.get("period", 0),
    }
    pay(world, world.people[person_id], invoice)
    logged = world.messages.get(checkout.get("chat_id", 0), {}).get(
        checkout.get("message_id", 0)
    )
    if logged is not None:
        # Clients replace the pay button by a receipt.
        message = {
            name: value
            for name, value in logged.message.items()
            if name != "reply_markup"
        }
        world.store_edit({**message, "receipt": True})
