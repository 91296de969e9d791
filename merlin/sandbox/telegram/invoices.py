"""Invoices in Stars: sent or behind a link, and the question to the bot before one is paid."""

from __future__ import annotations

import secrets
from typing import Any

from merlin.sandbox.telegram.addressing import receiver
from merlin.sandbox.telegram.answering import open_query
from merlin.sandbox.telegram.arguments import Arguments
from merlin.sandbox.telegram.errors import bad_request
from merlin.sandbox.telegram.logged import LoggedMessage
from merlin.sandbox.telegram.markup import checked_markup
from merlin.sandbox.telegram.people import bot_user
from merlin.sandbox.telegram.stars import PERIOD_S, pay
from merlin.sandbox.telegram.threads import check_thread, thread_fields
from merlin.sandbox.telegram.world import World

CHECKOUT_S = 10.0
MOST_STARS = 25_000
MOST_STARS_RENEWED = 10_000
_SIZES = {"title": 32, "description": 255}
_PAYLOAD_BYTES = 128


async def send_invoice(world: World, arguments: Arguments) -> dict[str, Any]:
    """Answer sendInvoice: in Stars (XTR), with Telegram's sizes."""
    chat = receiver(world, arguments)
    amount = _checked(arguments, MOST_STARS)
    names = ("title", "description", "start_parameter")
    invoice = {name: arguments.text(name) for name in names}
    thread = arguments.integer("message_thread_id")
    if thread:
        check_thread(world, chat, thread)
    message = world.new_message(
        chat,
        bot_user(),
        **thread_fields(world, chat, thread, None),
        invoice={**invoice, "currency": "XTR", "total_amount": amount},
        reply_markup=_pay_key(arguments, amount),
    )
    world.record(
        "setting",
        name=f"payload:{chat.chat_id}:{message['message_id']}",
        value=arguments.text("payload"),
    )
    world.add_message(message)
    return message


async def create_invoice_link(world: World, arguments: Arguments) -> str:
    """Answer createInvoiceLink; with a period it is a subscription, of thirty days and no other."""
    period = arguments.integer("subscription_period")
    if period not in {0, PERIOD_S}:
        raise bad_request("SUBSCRIPTION_PERIOD_INVALID")
    amount = _checked(arguments, MOST_STARS_RENEWED if period else MOST_STARS)
    slug = secrets.token_urlsafe(16)
    named = {name: arguments.text(name) for name in ("title", "description", "payload")}
    invoice = {**named, "total_amount": amount, "currency": "XTR", "period": period}
    world.record("invoice", slug=slug, invoice=invoice)
    return f"{arguments.address}invoice/{slug}"


def _checked(arguments: Arguments, most: int) -> int:
    """Return the price of what is well formed."""
    for name, longest in _SIZES.items():
        if not 1 <= len(arguments.text(name)) <= longest:
            raise bad_request(f"INVOICE_{name.upper()}_INVALID")
    if not 1 <= len(arguments.text("payload").encode()) <= _PAYLOAD_BYTES:
        raise bad_request("INVOICE_PAYLOAD_INVALID")
    if arguments.text("currency") != "XTR":
        raise bad_request("CURRENCY_INVALID")
    prices = arguments.parsed("prices")
    if not isinstance(prices, list) or len(prices) != 1 or arguments.text("provider_token"):
        raise bad_request("STARS_INVOICE_INVALID")
    amount = int(prices[0].get("amount", 0))
    if not 1 <= amount <= most:
        raise bad_request("STARS_INVOICE_INVALID")
    return amount


def _pay_key(arguments: Arguments, amount: int) -> dict[str, Any]:
    given = checked_markup(arguments.parsed("reply_markup"))
    return given or {"inline_keyboard": [[{"text": f"⭐ {amount}", "pay": True}]]}


def invoice_of(world: World, logged: LoggedMessage) -> dict[str, Any]:
    """Return what an invoice that was sent asks for. Raises KeyError for any other message."""
    shown = logged.message["invoice"]
    chat_id = logged.message["chat"]["id"]
    return {**shown, "payload": world.settings[f"payload:{chat_id}:{logged.message_id}"]}


async def answer_pre_checkout_query(world: World, arguments: Arguments) -> bool:
    """Answer answerPreCheckoutQuery: within ten seconds, then the payment is made or not."""
    query_id = arguments.text("pre_checkout_query_id")
    query = open_query(world, query_id, "pre_checkout_query", CHECKOUT_S)
    agreed = arguments.flag("ok")
    reason = arguments.text("error_message")
    if not agreed and not reason:
        raise bad_request("error_message is empty")
    world.record("answered", query_id=query_id)
    if agreed:
        _pay(world, query_id, query.person_id)
    else:
        world.tell("answer", {"person_id": query.person_id, "text": reason, "alert": True})
    return True


def _pay(world: World, query_id: str, person_id: int) -> None:
    asked = world.queries[query_id].update
    about = world.checkouts.get(query_id, {})
    invoice = {
        "title": about.get("title", ""),
        "total_amount": asked["total_amount"],
        "payload": asked["invoice_payload"],
        "period": about.get("period", 0),
    }
    pay(world, world.people[person_id], invoice)
    logged = world.messages.get(about.get("chat_id", 0), {}).get(about.get("message_id", 0))
    if logged is not None and not logged.deleted_at:
        # A client shows a receipt where the key to pay was.
        paid = {name: value for name, value in logged.message.items() if name != "reply_markup"}
        world.add_edit({**paid, "receipt": True})
