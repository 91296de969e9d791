"""Plans: what a person has, stop a renewal; and the renewals.

A person whose plan is renewed by a saved method is reminded three days before. The payment is
requested a day before the plan ends and on the two days after that, and then no more. Each attempt
has its own order, written in the transaction that claims the attempt, so that a kill neither loses
nor repeats one. Everything runs inside a transaction.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial

from merlin.account.users import Users
from merlin.app.actor import Actor
from merlin.app.context import Context
from merlin.app.settlement import format_amount, notify, plan_ends, reason_key
from merlin.app.shop import place_renewal_order, plan_titles
from merlin.billing.purchases import Purchase, Purchases
from merlin.billing.quota import (
    UNLIMITED,
    Gift,
    Plan,
    Quotas,
    plan_named,
    plan_of,
    plans_for_sale,
)
from merlin.billing.subscriptions import (
    MAX_ATTEMPTS,
    PAY_BEFORE,
    Renewal,
    Renewals,
    RenewalState,
    Term,
    Terms,
)
from merlin.core.clock import in_zone, iso, zone_of
from merlin.core.errors import NotFound, Refused
from merlin.core.i18n import moment_argument
from merlin.core.log import get_logger
from merlin.core.money import Amount
from merlin.db import audit
from merlin.db.audit import Audit
from merlin.db.tables import RENEWAL
from merlin.providers.payments import Gateway

log = get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscriptions:
    """A person's plans with an end, newest first, and their renewals."""

    terms: Sequence[Term] = ()
    renewals: Sequence[Renewal] = ()

    @property
    def running(self) -> list[Renewal]:
        """Return the active renewals."""
        return [renewal for renewal in self.renewals if renewal.state is RenewalState.ON]

    def ends(self, plan: Plan, now: datetime) -> datetime | None:
        """Return when a plan ends, None if they do not have it or it has no end."""
        ends = [term.ends_at for term in self.terms if term.plan == plan.name]
        return max((end for end in ends if end > now), default=None)

    def renewal(self, plan: str) -> Renewal | None:
        """Return the payment method of a plan's renewal by the plan's name, None without one."""
        return next((each for each in self.running if each.plan == plan), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class CurrentPlan(Subscriptions):
    """A person's effective plan, when it ends, and what follows it.

    `until` None: no end. `here` is the effective plan for a dataset, if a course has its own plans.
    `gifts` are packs and gifts with questions left, newest first.
    """

    plan: Plan
    until: datetime | None = None
    next_plan: Plan = UNLIMITED
    here: Plan
    gifts: Sequence[Gift]


def read_current_plan(ctx: Context, actor: Actor, dataset: str | None = None) -> CurrentPlan:
    """Return the actor's current plan; `dataset` is that of the open session."""
    now, mine = ctx.clock(), read_subscriptions(ctx, actor)
    user = Users(ctx.db, ctx.clock).get_or_new(actor.user_id)
    plan = plan_of(ctx.plans, user.plans)
    gifts = Quotas(ctx.db, ctx.bot_id, ctx.clock).gifts.list_all(actor.user_id)
    found = CurrentPlan(
        plan=plan,
        here=plan_of(ctx.plans, user.plans, dataset),
        terms=mine.terms,
        renewals=mine.renewals,
        gifts=[gift for gift in gifts if gift.remaining(now) > 0],
    )
    until = mine.ends(plan, now)
    if until is None or user.plan == plan.name:
        return found
    left = [term.plan for term in mine.terms if term.starts_at <= until < term.ends_at]
    after = plan_of(ctx.plans, [*left, *([user.plan] if user.plan else [])])
    return replace(found, until=until, next_plan=after)


def has_shop(ctx: Context) -> bool:
    """Return whether any plan is on sale."""
    return bool(plans_for_sale(ctx.plans))


def read_subscriptions(ctx: Context, actor: Actor) -> Subscriptions:
    """Return the actor's plans with an end; nothing without a person."""
    if not actor.user_id:
        return Subscriptions()
    terms = Terms(ctx.db, ctx.clock).list_of_user(actor.user_id)
    return Subscriptions(terms=terms, renewals=Renewals(ctx.db).list_of_user(actor.user_id))


def find_renewal(ctx: Context, actor: Actor, renewal_id: int) -> Renewal:
    """Return an active renewal of the actor. Raises NotFound, also for other people's."""
    found = Renewals(ctx.db).find(actor.user_id, renewal_id) if actor.user_id else None
    if found is None or found.state is not RenewalState.ON:
        raise NotFound("no such renewal", "pay-no-renewal")
    return found


def stop_renewal(ctx: Context, actor: Actor, renewal_id: int) -> Renewal:
    """Stop a renewal; the paid time remains. Raises NotFound.

    The bot ends a Stars subscription at Telegram.
    """
    renewal = find_renewal(ctx, actor, renewal_id)
    Renewals(ctx.db).stop(renewal_id, actor.user_id)
    values = {"plan": renewal.plan, "gateway": renewal.gateway.value}
    Audit(ctx.db, ctx.clock).note(
        actor.name, "renewal.stop", audit.person_reference(actor.user_id), values
    )
    return renewal


def find_next_payment(ctx: Context, renewal: Renewal) -> tuple[Amount | None, datetime]:
    """Return the price of a renewal, None if the plan is no longer renewed so, and the date.

    A saved method is charged a day before the plan ends; Telegram charges Stars when it ends.
    """
    plan, is_ours = plan_named(ctx.plans, renewal.plan), renewal.gateway is Gateway.YOOKASSA
    at = renewal.next_at - PAY_BEFORE if is_ours else renewal.next_at
    price = (plan.rub if is_ours else plan.xtr) if plan is not None and plan.renewed else None
    return (renewal.limit(price) if price and is_ours else price), at


ENDS_BEFORE = timedelta(days=1)
# After these codes of YooKassa another attempt would fail as well.
_NEVER_AGAIN = frozenset({"permission_revoked"})


def notify_renewals(ctx: Context, now: datetime) -> None:
    """Notify everybody whose plan is renewed in the next days of the amount and the date.

    A renewal in Stars of a plan that is not renewed so any more ends: Telegram would charge for it.
    """
    for renewal in Renewals(ctx.db).claim_reminders(now):
        price, at = find_next_payment(ctx, renewal)
        is_ours = renewal.gateway is Gateway.YOOKASSA
        if price is None and not is_ours:
            Renewals(ctx.db).stop(renewal.renewal_id, renewal.user_id)
            once = f"renewal-gone:{renewal.renewal_id}:{iso(renewal.next_at)}"
            arguments = plan_titles(ctx, renewal.plan)
            notify(ctx, renewal.user_id, "notice-renewal-gone-stars", arguments, once)
        if price is None:
            continue
        values = {
            **plan_titles(ctx, renewal.plan),
            "amount": format_amount(price),
            "at": _moment(ctx, renewal.user_id, max(at, now)),
        }
        once = f"renewal-soon:{renewal.renewal_id}:{iso(renewal.next_at)}"
        if is_ours:  # the next payment is not above the announced price
            is_it = RENEWAL.id == renewal.renewal_id
            ctx.db.update(RENEWAL, is_it, announced_price=price.minor)
        key = "notice-renewal-soon" if is_ours else "notice-renewal-soon-stars"
        notify(ctx, renewal.user_id, key, values, once)


def notify_expiry(ctx: Context, now: datetime, previous_at: datetime | None) -> None:
    """Notify everybody whose plan ends tomorrow without a renewal; once.

    A person whom an admin gave the plan without an end keeps it.

    `previous_at` is the previous run: people notified then are not checked again.
    """
    after = now if previous_at is None else max(now, previous_at + ENDS_BEFORE)
    for term in Terms(ctx.db, ctx.clock).list_ending(after, now + ENDS_BEFORE):
        user = Users(ctx.db, ctx.clock).get(term.user_id)
        if user is not None and user.plan == term.plan:
            continue
        renewals = Subscriptions(renewals=Renewals(ctx.db).list_of_user(term.user_id))
        if renewals.renewal(term.plan) is not None:
            continue
        at = _moment(ctx, term.user_id, term.ends_at)
        values = {**plan_titles(ctx, term.plan), "at": at}
        once = f"ends:{term.term_id}:{iso(term.ends_at)}"
        notify(ctx, term.user_id, "notice-plan-ends", values, once)


def renewal_of(ctx: Context, purchase: Purchase) -> Renewal | None:
    """Return the renewal that an order was made for, None if it no longer exists.

    A subscription in Stars may have replaced it since.
    """
    user_id, renewal_id = purchase.user_id, purchase.order.renewal_id
    renewal = Renewals(ctx.db).find(user_id, renewal_id) if user_id and renewal_id else None
    is_replaced = renewal is not None and renewal.gateway is not purchase.order.gateway
    return None if is_replaced else renewal


def record_failed_renewal(ctx: Context, purchase: Purchase, reason: str) -> None:
    """Notify the person why a plan was not renewed; after the last attempt it ends."""
    renewal = renewal_of(ctx, purchase)
    if renewal is None or renewal.state is not RenewalState.ON:
        return
    is_last = renewal.tries >= MAX_ATTEMPTS or reason in _NEVER_AGAIN
    if is_last:
        Renewals(ctx.db).stop(renewal.renewal_id, renewal.user_id, RenewalState.FAILED)
    key = "notice-renewal-over" if is_last else "notice-renewal-failed"
    why = {"key": reason_key(reason), "arguments": {}}
    values = {**plan_titles(ctx, renewal.plan), "reason": why}
    notify(ctx, renewal.user_id, key, values, f"not-renewed:{purchase.purchase_id}")


def order_due(ctx: Context, now: datetime) -> None:
    """Write the orders of the renewals that are due, to be requested at once."""
    for renewal in Renewals(ctx.db).claim_due(now):
        try:
            ctx.db.transact(partial(_order, ctx, renewal))
        except Exception:  # A failure does not delay other plans; this one is retried in a day.
            log.exception("a plan could not be renewed", renewal=renewal.renewal_id)


def _order(ctx: Context, renewal: Renewal) -> None:
    ends = plan_ends(ctx, renewal.user_id, renewal.plan)
    if ends is not None and ends > renewal.next_at:
        # It was paid in another way, or granted: the next attempt is when that ends.
        Renewals(ctx.db).schedule(renewal.renewal_id, ends)
        return
    attempt = renewal.tries + 1
    try:
        order = place_renewal_order(ctx, renewal, attempt)
    except (NotFound, Refused) as error:
        log.warning("a plan is not renewed", plan=renewal.plan, reason=str(error))
        Renewals(ctx.db).stop(renewal.renewal_id, renewal.user_id, RenewalState.FAILED)
        once = f"renewal-gone:{renewal.renewal_id}:{attempt}"
        arguments = plan_titles(ctx, renewal.plan)
        notify(ctx, renewal.user_id, "notice-renewal-gone", arguments, once)
        return
    Purchases(ctx.db, ctx.clock).poll_at(order.purchase_id, ctx.clock())


def _moment(ctx: Context, user_id: int, at: datetime) -> dict[str, object]:
    """Return a moment in a person's time zone, as a nested text; another zone is named."""
    user = Users(ctx.db).get(user_id)
    chosen = user.zone if user else None
    here = in_zone(at, zone_of(chosen or ctx.config.timezone))
    return moment_argument(here, is_named=not chosen)
