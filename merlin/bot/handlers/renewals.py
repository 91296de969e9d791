"""A plan that renews in Stars: when it renews, and how to turn that off and on again.

    plan -> renewal -> renewal_off | renewal_on

What Telegram reports of a subscription comes as an update that no message and no library has.
"""

from merlin.app import settlement
from merlin.app.subscriptions import change_renewal, list_running, show_subscription
from merlin.billing.subscriptions import Subscription, SubscriptionState
from merlin.bot import menu
from merlin.bot.context import BotContext
from merlin.bot.menu import View
from merlin.bot.processor import retry_until_stored
from merlin.bot.registry import Handlers
from merlin.chat.turns import UpdateState
from merlin.core.formatted_text import Button
from merlin.core.json_fields import get_text

handlers = Handlers()


def renewal_line(context: BotContext, subscription: Subscription) -> str:
    """Return when a plan renews, or until when it works."""
    told = subscription.wanted
    return context.translate(
        "pay-renewal",
        state=f"to-{told.value}" if told else subscription.state.value,
        title=subscription.promise.title_in(context.language),
        price=subscription.amount.format(context.language),
        at=context.moment(subscription.ends_at),
    )


def renewal_lines(context: BotContext) -> list[str]:
    """Return a line for each subscription of the user."""
    running = list_running(context.services, context.user_id)
    return [renewal_line(context, each) for each in running]


def renewal_buttons(context: BotContext) -> list[Button]:
    """Return a button for each subscription of the user."""
    buttons = []
    for each in list_running(context.services, context.user_id):
        title = each.promise.title_in(context.language)
        label = context.translate("pay-button-renewal", title=title)
        buttons.append(Button(label, f"renewal:{each.purchase_id}"))
    return buttons


@handlers.button("renewal")
def show_renewal(context: BotContext) -> View:
    """Show a subscription with the button that changes it. Raises NotFound."""
    caller = context.caller_without_roles
    return _card(context, show_subscription(*caller, context.argument(0)))


@handlers.button("renewal_off", "renewal_on")
def change(context: BotContext) -> View:
    """Turn a renewal off, or allow it again. Raises NotFound, Refused."""
    is_on = context.verb == "renewal_on"
    caller = context.caller_without_roles
    return _card(context, change_renewal(*caller, context.argument(0), is_on=is_on))


def _card(context: BotContext, subscription: Subscription) -> View:
    number = subscription.purchase_id
    turn = ("pay-button-renewal-off", f"renewal_off:{number}", "danger")
    if subscription.state is SubscriptionState.CANCELED:
        turn = ("pay-button-renewal-on", f"renewal_on:{number}", "")
    title = subscription.promise.title_in(context.language)
    rows: menu.Rows = (subscription.wanted is None and turn, menu.back("plan:0"))
    return menu.card(context, title, renewal_line(context, subscription), rows=rows)


async def receive_subscription(context: BotContext) -> None:
    """Store what Telegram reports of a subscription, retrying until it succeeds."""
    await retry_until_stored(
        context.services, lambda: _store(context), "a subscription could not be stored"
    )


def _store(context: BotContext) -> None:
    told = context.stored.content
    payload, state = (get_text(told, name) for name in ("invoice_payload", "state"))
    settlement.receive_subscription(
        context.services, payload, context.user_id, state, context.update_id
    )
    context.finish(UpdateState.ANSWERED, "subscription")
