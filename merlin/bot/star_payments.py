"""Payments in Stars: what Telegram is asked and tells, and what a payment becomes.

Invoices, refunds, subscriptions and movements are asked for; payments and refunds are read from
Telegram's own JSON. A payment becomes what it bought once, however often it is told: Telegram's
message and the nightly comparison come to the same place, within the store's work. Who deletes
everything is not to pay on for what they cannot use any more.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import Enum, StrEnum, auto
from typing import Any

from telegram.error import BadRequest, Forbidden, TelegramError

from merlin.app.inbox import Update
from merlin.app.outbox import Target
from merlin.billing import payments
from merlin.billing.ledger import EntryKind, Paid, Returned
from merlin.billing.plan import Allowance, Format
from merlin.billing.purchases import Promise, Purchase, Till
from merlin.billing.refunds import Refund, RefundState
from merlin.billing.selling import STARS_PERIOD_DAYS
from merlin.billing.subscriptions import Renewal, RenewalState
from merlin.bot.bot_api import BotApi, ChatUnreachable, spotted
from merlin.bot.context import Kit
from merlin.bot.services import Rows
from merlin.chat.sessions import ChatPlace
from merlin.core.errors import NotFound, Refused
from merlin.core.i18n import language_of, text
from merlin.core.log import get_logger, redact
from merlin.core.money import MOST_MINOR, Amount, Currency, roubles, stars
from merlin.db.notices import ADMINS
from merlin.providers.payments import Mismatch

PAID, RETURNED = "successful_payment", "refunded_payment"
# One second behind the last that a datetime holds would break whoever reads it.
_LAST_S = 253_402_300_799
_LONGEST_S = 366 * 24 * 3600


@dataclass(frozen=True, slots=True)
class StarsMovement:
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


def stars_movement_of(update: Update, name: str) -> StarsMovement | None:
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
    return StarsMovement(
        charge=charge,
        user_id=update.user_id,
        payload=str(said.get("invoice_payload", "")),
        amount=Amount(count, Currency.XTR),
        at=_time(message.get("date")) or datetime.fromtimestamp(0, UTC),
        until=_time(said.get("subscription_expiration_date")),
    )


def moved(said: Mapping[str, Any], side: str) -> StarsMovement | None:
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
    return StarsMovement(charge, user_id, payload, Amount(count, Currency.XTR), at, until)


def _whole(said: object) -> int | None:
    """Return a number above 0 that every database holds."""
    if not isinstance(said, int) or isinstance(said, bool):
        return None
    return said if 0 < said <= MOST_MINOR else None


def _time(said: object) -> datetime | None:
    seconds = _whole(said)
    return datetime.fromtimestamp(seconds, UTC) if seconds and seconds <= _LAST_S else None


def pack_words(pack: Mapping[Format, int], language: str) -> str:
    """Return the questions of a pack: "20 голосовых вопросов, 5 вопросов по фотографиям"."""
    kinds = [kind for kind in Format if kind in pack]
    return ", ".join(text(language, f"pay-pack-{kind.value}", count=pack[kind]) for kind in kinds)


def bought(promise: Promise, language: str) -> str:
    """Return what a purchase brings, in one line: "20 голосовых вопросов на 30 дней"."""
    if not promise.pack:
        return text(language, "pay-brings-days", days=promise.days or 0)
    words = pack_words(promise.pack, language)
    if promise.days is None:
        return text(language, "pay-brings-pack", what=words)
    return text(language, "pay-brings-pack-days", what=words, days=promise.days)


def allowed(allowance: Allowance, language: str) -> str:
    """Return how many questions of a format a plan has: "10 в день, не больше 100 в месяц"."""
    day, month = allowance.day, allowance.month
    if allowance.is_closed:
        return text(language, "pay-allows-none")
    if day is None and month is None:
        return text(language, "pay-allows-any")
    if day is None or month is None:
        period = "day" if month is None else "month"
        return text(language, f"pay-allows-{period}", count=(day or 0) + (month or 0))
    return text(language, "pay-allows-both", day=day, month=month)


def read_amount(said: str) -> Amount | None:
    """Return the amount of a notice, "299.00 RUB" or "200 XTR"; None for anything else."""
    number, _, currency = said.partition(" ")
    try:
        if currency == Currency.XTR.value:
            return stars(int(number))
        return roubles(number) if currency == Currency.RUB.value else None
    except ValueError:
        return None


log = get_logger(__name__)

PERIOD_S = 2_592_000
# Telegram's own sizes of an invoice.
_TITLE, _DESCRIPTION = 32, 255
MOST_MOVED = 100
_REFUNDED = "CHARGE_ALREADY_REFUNDED"


class Said(Enum):
    """What came of a call: done, refused for good, or nobody knows: to be tried again."""

    DONE = auto()
    REFUSED = auto()
    DOUBT = auto()


class StarsGateway:
    """The calls about Stars; each is tried once."""

    def __init__(self, calls: BotApi) -> None:
        self._calls = calls

    async def invoice(self, place: ChatPlace, purchase: Purchase, language: str) -> Said:
        """Send the invoice of a purchase into a private chat. Raises ChatUnreachable."""
        # A copy that is forwarded leads to the bot: nobody pays for somebody else's order.
        fields = {"start_parameter": "go_plan", **worded(purchase, language)}
        fields |= {"chat_id": place.chat_id, **spotted(Target(place.thread_id))}
        said, _, _ = await self._asked("sendInvoice", fields)
        return said

    async def link(self, purchase: Purchase, language: str) -> str:
        """Return the address where a subscription is paid, "" where Telegram makes none now."""
        fields = {"subscription_period": PERIOD_S, **worded(purchase, language)}
        _, found, _ = await self._asked("createInvoiceLink", fields)
        return found if isinstance(found, str) else ""

    async def refund(self, user_id: int, charge: str) -> tuple[Said, str]:
        """Send the Stars of a payment back; return what came of it, and Telegram's words."""
        fields = {"user_id": user_id, "telegram_payment_charge_id": charge}
        said, _, words = await self._asked("refundStarPayment", fields)
        return (Said.DONE, "") if _REFUNDED in words else (said, words)

    async def stop(self, renewal: Renewal) -> Said:
        """Let a subscription not be paid again."""
        fields = {
            "user_id": renewal.user_id,
            "telegram_payment_charge_id": renewal.method,
            "is_canceled": True,
        }
        said, _, _ = await self._asked("editUserStarSubscription", fields)
        return said

    async def moved(self, offset: int) -> list[Mapping[str, Any]] | None:
        """Return up to MOST_MOVED movements behind so many, oldest first; None for no answer."""
        fields = {"offset": offset, "limit": MOST_MOVED}
        _, found, _ = await self._asked("getStarTransactions", fields)
        listed = found.get("transactions") if isinstance(found, Mapping) else None
        if not isinstance(listed, list):
            return None
        return [each for each in listed if isinstance(each, Mapping)]

    async def _asked(self, method: str, fields: Mapping[str, Any]) -> tuple[Said, Any, str]:
        try:
            return Said.DONE, await self._calls.once(method, fields), ""
        except ChatUnreachable:
            if "chat_id" in fields:
                raise
            return Said.REFUSED, None, "user not found"
        except TelegramError as error:
            words = redact(str(error))
            log.info("a call about stars was not taken", method=method, reason=words)
            is_final = isinstance(error, BadRequest | Forbidden)
            return (Said.REFUSED if is_final else Said.DOUBT), None, words


def worded(purchase: Purchase, language: str) -> dict[str, Any]:
    """Return the fields that every invoice of a purchase has."""
    order = purchase.order
    title = order.promise.title.get(language_of(language), order.promise.plan)
    return {
        "title": title[:_TITLE],
        "description": bought(purchase.order.promise, language)[:_DESCRIPTION],
        "payload": purchase.purchase_id,
        "provider_token": "",
        "currency": order.amount.currency.value,
        "prices": [{"label": title[:_TITLE], "amount": order.amount.minor}],
    }


_RUNS = (RenewalState.ON, RenewalState.STOPPING)


async def end_subscriptions(kit: Kit, user_id: int) -> None:
    """Tell Telegram to take nothing for them again; admins hear of what was not confirmed."""
    for renewal in await kit.store.read(lambda: _running(kit, user_id)):
        if await StarsGateway(kit.calls).stop(renewal) is Said.DOUBT:
            told = {"charge": renewal.method}
            once = f"runs-on:{renewal.method}"
            notices = kit.rows.notices
            await kit.store.do(lambda: notices.tell(ADMINS, "notice-stars-run-on", told, once))  # noqa: B023 - done at once


def _running(kit: Kit, user_id: int) -> list[Renewal]:
    mine = kit.rows.books.renewals.of(user_id)
    return [each for each in mine if each.till is Till.STARS and each.state in _RUNS]


PERIOD = timedelta(days=STARS_PERIOD_DAYS)
# Who sent Stars back that we did not.
BY_HAND = "telegram"
_UNDER_WAY = (RefundState.WANTED, RefundState.SENDING)


class Taken(StrEnum):
    """What came of it; ODD: nothing was granted, and admins were told."""

    NEW = "new"
    KNOWN = "known"
    ODD = "odd"


def take(rows: Rows, told: StarsMovement) -> Taken:
    """Store a payment with what it grants."""
    purchase = _purchase(rows, told)
    if purchase is None:
        return Taken.ODD
    paid = Paid(told.charge, told.amount, told.at)
    grant = payments.pay(rows.books, rows.notices, purchase, paid)
    if grant is None:
        return Taken.KNOWN
    if told.until is not None and purchase.user_id and not grant.is_empty:
        _renewed(rows, purchase, told)
    return Taken.NEW


def _purchase(rows: Rows, told: StarsMovement) -> Purchase | None:
    """Return the purchase that was paid; tell admins and the payer where it is none of ours."""
    try:
        purchase = rows.books.purchases.get(told.payload)
    except NotFound:
        _tell_unknown(rows, told)
        return None
    wrong = _mismatch(purchase, told)
    if wrong is not None:
        payments.tell_wrong(rows.notices, purchase, told.charge, wrong)
        _tell_payer(rows, told)
        return None
    return purchase


def _mismatch(purchase: Purchase, told: StarsMovement) -> Mismatch | None:
    order = purchase.order
    # Somebody who left paid all the same: their subscription ran on.
    if order.user_id not in {0, told.user_id}:
        return Mismatch.USER
    if order.till is not Till.STARS:
        return Mismatch.CURRENCY
    return Mismatch.AMOUNT if order.amount != told.amount else None


def _tell_unknown(rows: Rows, told: StarsMovement) -> None:
    log.error("stars came for no order", user=told.user_id)
    said = {
        "user": str(told.user_id),
        "charge": told.charge,
        "stars": told.amount.minor,
        "payload": told.payload[:64],
    }
    rows.notices.tell(ADMINS, "notice-stars-unknown", said, f"unknown:{told.charge}")
    _tell_payer(rows, told)


def _tell_payer(rows: Rows, told: StarsMovement) -> None:
    said = {"stars": told.amount.minor}
    rows.notices.tell(str(told.user_id), "notice-stars-odd", said, f"odd:{told.charge}")


def _renewed(rows: Rows, purchase: Purchase, told: StarsMovement) -> None:
    """Note that a plan renews itself from now on, or does so still."""
    renewals, until = rows.books.renewals, told.until or told.at + PERIOD
    plan, user_id = purchase.order.promise.plan, purchase.user_id
    mine = [each for each in renewals.of(user_id) if each.plan == plan]
    known = next((each for each in mine if each.till is Till.STARS and each.method), None)
    first = _first_charge(rows, purchase) or told.charge
    if known is None or known.method != first:
        on = RenewalState.ON
        renewals.begin(Renewal(0, user_id, plan, Till.STARS, first, on, told.at, until))
    elif known.state is RenewalState.ON:
        renewals.paid(known.renewal_id, until)
    elif known.state is RenewalState.OFF:
        # They let it run on in Telegram's own settings.
        renewals.begin(replace(known, state=RenewalState.ON, consented_at=told.at, next_at=until))


def _first_charge(rows: Rows, purchase: Purchase) -> str:
    """Return the first payment of a subscription, by which Telegram knows it."""
    entries = rows.books.ledger.entries(purchase.purchase_id)
    paid = (each.outside_id for each in entries if each.kind is EntryKind.PAYMENT)
    return next(paid, "")


def take_back(rows: Rows, told: StarsMovement) -> Taken:
    """Store that the Stars of a payment went back, whoever sent them."""
    returned = Returned(told.charge, told.charge, told.amount, told.at, BY_HAND)
    try:
        purchase_id = _settled_back(rows, returned, told.payload)
    except (NotFound, Refused):
        log.warning("stars went back for no payment of ours", user=told.user_id)
        said = {"user": str(told.user_id), "charge": told.charge, "stars": told.amount.minor}
        rows.notices.tell(ADMINS, "notice-stars-left", said, f"left:{told.charge}")
        return Taken.ODD
    if not purchase_id:
        return Taken.KNOWN
    end_renewal(rows, rows.books.purchases.get(purchase_id))
    return Taken.NEW


def _settled_back(rows: Rows, returned: Returned, payload: str) -> str:
    """Return the purchase whose money went back, "" where that is known."""
    books = rows.books
    for refund in books.refunds.of(payload):
        if refund.state in _UNDER_WAY and refund.payment_id == returned.payment_id:
            # Ours: it knows who wished for it, and why.
            return payload if sent_back(rows, refund, returned) else ""
    entry = payments.give_back(books, rows.notices, Till.STARS, returned)
    return "" if entry is None else entry.purchase_id


def sent_back(rows: Rows, refund: Refund, returned: Returned) -> bool:
    """Store that a refund we wished for went through; False where that is known."""
    told = replace(returned, by=refund.by, reason=refund.reason)
    is_new = rows.books.refunds.done(refund.refund_id, told) is not None
    if is_new:
        purchase = rows.books.purchases.get(refund.purchase_id)
        payments.tell_returned(rows.notices, purchase, told)
        end_renewal(rows, purchase)
    return is_new


def end_renewal(rows: Rows, purchase: Purchase) -> None:
    """Let a plan whose money went back not be paid again."""
    for each in rows.books.renewals.of(purchase.user_id) if purchase.user_id else ():
        is_this = each.plan == purchase.order.promise.plan and each.till is Till.STARS
        if is_this and each.state is RenewalState.ON:
            rows.books.renewals.stop(each.renewal_id, purchase.user_id)
