"""The methods by which a bot answers queries and takes Stars."""

from __future__ import annotations

import secrets
import time
from typing import Any

from merlin.sandbox.telegram.addressing import receiver
from merlin.sandbox.telegram.arguments import Arguments
from merlin.sandbox.telegram.errors import bad_request
from merlin.sandbox.telegram.markup import checked_markup
from merlin.sandbox.telegram.people import Person, bot_user
from merlin.sandbox.telegram.threads import check_thread, thread_fields
from merlin.sandbox.telegram.world import Query, World

ANSWER_CHARACTERS = 200
CHECKOUT_S = 10.0
CALLBACK_S = 15 * 60.0
MOST_STARS = 25_000


def open_query(world: World, query_id: str, kind: str, within_s: float) -> Query:
    """Return a query that waits. Raises BotApiError for one answered, too old or unknown."""
    query = world.queries.get(query_id)
    late = query is None or query.answered or time.time() - query.asked_at > within_s
    if query is None or late or query.kind != kind:
        raise bad_request("query is too old and response timeout expired or query ID is invalid")
    return query


async def answer_callback_query(world: World, arguments: Arguments) -> bool:
    """Answer answerCallbackQuery; the text is shown to the person for a moment."""
    text = arguments.text("text")
    if len(text) > ANSWER_CHARACTERS:
        raise bad_request("MESSAGE_TOO_LONG")
    query_id = arguments.text("callback_query_id")
    query = open_query(world, query_id, "callback_query", CALLBACK_S)
    world.record("answered", query_id=query_id)
    shown = {"text": text, "alert": arguments.flag("show_alert"), "url": arguments.text("url")}
    world.tell("answer", {"person_id": query.person_id, **shown})
    return True


async def send_invoice(world: World, arguments: Arguments) -> dict[str, Any]:
    """Answer sendInvoice: in Stars (XTR), with Telegram's sizes."""
    chat = receiver(world, arguments)
    sizes = {"title": 32, "description": 255}
    for name, most in sizes.items():
        if not 1 <= len(arguments.text(name)) <= most:
            raise bad_request(f"INVOICE_{name.upper()}_INVALID")
    if not 1 <= len(arguments.text("payload").encode()) <= 128:  # noqa: PLR2004 - Telegram's size
        raise bad_request("INVOICE_PAYLOAD_INVALID")
    amount = _stars(arguments)
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


def _stars(arguments: Arguments) -> int:
    if arguments.text("currency") != "XTR":
        raise bad_request("CURRENCY_INVALID")
    prices = arguments.parsed("prices")
    if not isinstance(prices, list) or len(prices) != 1:
        raise bad_request("STARS_INVOICE_INVALID")
    amount = int(prices[0].get("amount", 0))
    if not 1 <= amount <= MOST_STARS:
        raise bad_request("STARS_INVOICE_INVALID")
    return amount


def _pay_key(arguments: Arguments, amount: int) -> dict[str, Any]:
    given = checked_markup(arguments.parsed("reply_markup"))
    return given or {"inline_keyboard": [[{"text": f"⭐ {amount}", "pay": True}]]}


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
        _paid(world, world.people[query.person_id], query)
    else:
        world.tell("answer", {"person_id": query.person_id, "text": reason, "alert": True})
    return True


def _paid(world: World, person: Person, query: Query) -> None:
    charge = f"stx{secrets.token_urlsafe(24)}"
    payment = {
        "currency": "XTR",
        "total_amount": query.update["total_amount"],
        "invoice_payload": query.update["invoice_payload"],
        "telegram_payment_charge_id": charge,
        "provider_payment_charge_id": f"{person.person_id}_{charge[-6:]}",
    }
    message = world.new_message(person, person.as_user(), successful_payment=payment)
    world.add_message(message)
    world.add_update("message", message)
