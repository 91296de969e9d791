"""Plans that are paid again by a saved method, and what people are told before plans end.

Everything runs within the store's work. Who agreed is reminded three days before, the payment is
asked for a day before the plan ends and on the two days after that, and then no more. An order of
its own is written for each try in the step that claims it, so that a kill neither forgets nor
doubles one.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import partial

from merlin.account.accounts import is_of_telegram
from merlin.api.payments.gateway import shop_of
from merlin.api.services import ApiServices
from merlin.billing import orders
from merlin.billing.books import Books
from merlin.billing.orders import Wanted
from merlin.billing.payments import reason_key
from merlin.billing.plan import plan_named
from merlin.billing.purchases import Purchase, Till
from merlin.billing.subscriptions import MOST_TRIES, PAY_BEFORE, Renewal, RenewalState
from merlin.core.clock import in_zone, iso, zone_of
from merlin.core.errors import NotFound, Refused
from merlin.core.i18n import LANGUAGES
from merlin.core.log import get_logger
from merlin.core.money import Amount
from merlin.providers.payments import Seen

ENDS_BEFORE = timedelta(days=1)


def tell(
    services: ApiServices, user_id: int, key: str, arguments: Mapping[str, object], once: str
) -> None:
    """Tell somebody whom the bot can reach, once."""
    if is_of_telegram(user_id):
        services.rows.notices.tell(str(user_id), key, arguments, once)


def named(services: ApiServices, name: str) -> dict[str, object]:
    """Return a plan's title in each language, as texts of notices take it."""
    plan = plan_named(services.plans, name)
    return {each: name if plan is None else plan.titled(each) for each in LANGUAGES}


def day(services: ApiServices, user_id: int, at: datetime) -> dict[str, object]:
    """Return a moment in somebody's time zone, as a text within a text."""
    user = services.rows.users.get(user_id)
    here = in_zone(at, zone_of((user.zone if user else None) or services.timezone))
    month = {"key": "moment-month", "arguments": {"month": here.month}}
    said = {"day": here.day, "month": month, "year": str(here.year), "time": f"{here:%H:%M}"}
    return {"key": "moment-told", "arguments": said}


def notify_renewals(services: ApiServices, now: datetime) -> None:
    """Tell everybody whose plan is paid again in the next days what will be taken, and when."""
    for renewal in services.rows.books.renewals.to_remind(now):
        price = _price(services, renewal)
        if price is None:
            continue
        is_ours = renewal.till is Till.YOOKASSA
        at = renewal.next_at - PAY_BEFORE if is_ours else renewal.next_at
        told = {
            **named(services, renewal.plan),
            "amount": f"{price.decimal} {price.currency.value}",
            "at": day(services, renewal.user_id, max(at, now)),
        }
        once = f"renewal-soon:{renewal.renewal_id}:{iso(renewal.next_at)}"
        key = "notice-renewal-soon" if is_ours else "notice-renewal-soon-stars"
        tell(services, renewal.user_id, key, told, once)


def _price(services: ApiServices, renewal: Renewal) -> Amount | None:
    plan = plan_named(services.plans, renewal.plan)
    if plan is None:
        return None
    return plan.offer.xtr if renewal.till is Till.STARS else plan.offer.rub


def notify_expiry(services: ApiServices, now: datetime, told_at: datetime | None = None) -> None:
    """Tell everybody whose plan ends tomorrow, and is not renewed, that it does; once.

    `told_at` is when this was done last: who was told then is not asked about again.
    """
    books = services.rows.books
    after = now if told_at is None else max(now, told_at + ENDS_BEFORE)
    for term in books.terms.ending(after, now + ENDS_BEFORE):
        renewals = books.renewals.of(term.user_id)
        if any(each.plan == term.plan and each.state is RenewalState.ON for each in renewals):
            continue
        at = day(services, term.user_id, term.ends_at)
        told = {**named(services, term.plan), "at": at}
        once = f"ends:{term.term_id}:{iso(term.ends_at)}"
        tell(services, term.user_id, "notice-plan-ends", told, once)


log = get_logger(__name__)

# After these words of YooKassa no other try would be any better.
_NEVER_AGAIN = frozenset({"permission_revoked"})


def plan_ends(books: Books, user_id: int, plan: str) -> datetime | None:
    """Return when the last of somebody's terms of a plan ends, None for no term."""
    terms = [each for each in books.terms.of(user_id) if each.plan == plan]
    return max((each.ends_at for each in terms), default=None)


def renewal_of(books: Books, purchase: Purchase) -> Renewal | None:
    """Return the renewal that an order was made for, None where there is none any more."""
    mine = books.renewals.of(purchase.user_id) if purchase.user_id else []
    wanted = purchase.order.renewal_id
    return next((each for each in mine if each.renewal_id == wanted), None)


def record_renewal(services: ApiServices, purchase: Purchase, seen: Seen) -> None:
    """Let a payment that was just made begin a renewal, or move the one that runs on."""
    books, plan, user_id = services.rows.books, purchase.order.promise.plan, purchase.user_id
    ends = plan_ends(books, user_id, plan) if user_id else None
    if ends is None:
        return
    runs = [each for each in books.renewals.of(user_id) if _runs(each, plan)]
    if purchase.order.keeps_method and seen.method_id:
        # What Telegram renews by itself is not paid twice; until it has heard of its end, it does.
        if not any(_is_telegrams(each, plan) for each in books.renewals.of(user_id)):
            books.renewals.begin(_begun(purchase, seen, ends))
        return
    for each in runs:
        if each.till is Till.YOOKASSA:
            books.renewals.paid(each.renewal_id, ends)


def _is_telegrams(renewal: Renewal, plan: str) -> bool:
    is_known = renewal.state in {RenewalState.ON, RenewalState.STOPPING}
    return renewal.plan == plan and renewal.till is Till.STARS and is_known


def _runs(renewal: Renewal, plan: str) -> bool:
    return renewal.plan == plan and renewal.state is RenewalState.ON


def _begun(purchase: Purchase, seen: Seen, ends: datetime) -> Renewal:
    return Renewal(
        renewal_id=0,
        user_id=purchase.user_id,
        plan=purchase.order.promise.plan,
        till=Till.YOOKASSA,
        method=seen.method_id,
        state=RenewalState.ON,
        consented_at=purchase.created_at,
        next_at=ends,
        method_title=seen.method_title,
        contact=purchase.order.contact,
    )


def record_failed_renewal(services: ApiServices, purchase: Purchase, reason: str) -> None:
    """Tell why a plan was not paid again; after the last try nobody tries any more."""
    books = services.rows.books
    renewal = renewal_of(books, purchase) if purchase.order.renewal_id is not None else None
    if renewal is None or renewal.state is not RenewalState.ON:
        return
    is_last = renewal.tries >= MOST_TRIES or reason in _NEVER_AGAIN
    if is_last:
        books.renewals.stop(renewal.renewal_id, renewal.user_id, RenewalState.FAILED)
    key = "notice-renewal-over" if is_last else "notice-renewal-failed"
    why = {"key": reason_key(reason), "arguments": {}}
    told = {**named(services, renewal.plan), "reason": why}
    tell(services, renewal.user_id, key, told, f"not-renewed:{purchase.purchase_id}")


def order_due(services: ApiServices, now: datetime) -> int:
    """Write the orders of the renewals that are due, to be asked for at once; return how many."""
    due = services.rows.books.renewals.due(now)
    for renewal in due:
        try:
            services.store.apart(partial(_order, services, renewal))
        except Exception:  # Nobody else's plan waits for this one, which is tried again in a day.
            log.exception("a plan could not be renewed", renewal=renewal.renewal_id)
    return len(due)


def _order(services: ApiServices, renewal: Renewal) -> None:
    books, shop = services.rows.books, shop_of(services)
    ends = plan_ends(books, renewal.user_id, renewal.plan)
    if ends is not None and ends > renewal.next_at:
        # It was paid in another way, or given: the next time is when that ends.
        books.renewals.paid(renewal.renewal_id, ends)
        return
    wanted = Wanted(renewal.user_id, renewal.plan, Till.YOOKASSA, contact=renewal.contact)
    number = renewal.tries + 1
    try:
        plan = shop.plan(renewal.plan)
        order = orders.renewing(books, shop, plan, wanted, (renewal.renewal_id, number))
    except (NotFound, Refused) as error:
        log.warning("a plan is not renewed", plan=renewal.plan, reason=str(error))
        books.renewals.stop(renewal.renewal_id, renewal.user_id, RenewalState.FAILED)
        once = f"renewal-gone:{renewal.renewal_id}:{number}"
        told = named(services, renewal.plan)
        tell(services, renewal.user_id, "notice-renewal-gone", told, once)
        return
    books.asking.look(order.purchase_id, services.clock())
