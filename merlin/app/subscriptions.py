"""Subscriptions in Stars, as people and admins see and change them.

What Telegram is to be told is stored; the bot's payment worker tells it within a second.
"""

from merlin.app.actor import Actor
from merlin.app.context import Context
from merlin.billing.subscriptions import (
    Subscription,
    Subscriptions,
    SubscriptionState,
)
from merlin.core.errors import NotFound, Refused
from merlin.core.permissions import Permission
from merlin.db.audit import Audit, person_reference


def list_running(ctx: Context, user_id: int) -> list[Subscription]:
    """Return a person's subscriptions whose paid time has not ended."""
    now = ctx.clock()
    subscriptions = Subscriptions(ctx.db, ctx.clock).list_of_user(user_id)
    return [each for each in subscriptions if each.ends_at > now]


def find_running(ctx: Context, user_id: int, plan: str) -> Subscription | None:
    """Return a person's subscription to a plan whose paid time has not ended, else None."""
    running = list_running(ctx, user_id)
    return next((each for each in running if each.promise.plan == plan), None)


def show_subscription(ctx: Context, actor: Actor, purchase_id: str) -> Subscription:
    """Return a subscription of the actor, for admins of anybody. Raises NotFound."""
    subscription = Subscriptions(ctx.db, ctx.clock).find(purchase_id)
    missing = NotFound("no such subscription", "billing-no-purchase")
    if subscription is None:
        raise missing
    is_theirs = bool(actor.user_id) and subscription.user_id == actor.user_id
    if not (is_theirs or actor.may(Permission.REFUNDS)):
        raise missing
    return subscription


def change_renewal(
    ctx: Context, actor: Actor, purchase_id: str, *, is_on: bool
) -> Subscription:
    """Turn a renewal off, or allow the person to turn it on again; return the subscription.

    Raises NotFound, and Refused for one that nobody can turn on: it has ended, or its person
    deleted their data.
    """
    subscription = show_subscription(ctx, actor, purchase_id)
    is_over = is_on and subscription.ends_at <= ctx.clock()
    if is_over or not subscription.user_id:
        raise Refused("the subscription is over", "billing-renewal-over")
    is_off = subscription.state is SubscriptionState.CANCELED
    if is_off is not is_on:
        return subscription
    wanted = SubscriptionState.ALLOWED if is_on else SubscriptionState.CANCELED
    Subscriptions(ctx.db, ctx.clock).want(purchase_id, wanted)
    if subscription.user_id != actor.user_id:
        action = "renewal.allow" if is_on else "renewal.stop"
        target = person_reference(subscription.user_id)
        values = {"purchase": purchase_id}
        Audit(ctx.db, ctx.clock).note(actor.name, action, target, values)
    return show_subscription(ctx, actor, purchase_id)


def stop_renewals(ctx: Context, user_id: int) -> bool:
    """Turn off what would charge a person again; return whether Telegram is still to be told.

    One that Telegram refused to end is not tried again: the admins know of it.
    """
    subscriptions = Subscriptions(ctx.db, ctx.clock)
    going_on = [
        each
        for each in subscriptions.list_of_user(user_id)
        if each.state is not SubscriptionState.CANCELED and not each.trouble
    ]
    for each in going_on:
        if each.wanted is not SubscriptionState.CANCELED:
            subscriptions.want(each.purchase_id, SubscriptionState.CANCELED)
    return bool(going_on)
