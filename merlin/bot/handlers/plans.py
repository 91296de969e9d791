"""/plan: the user's plan, its quota, and what is on sale.

    plan -> offer (one plan or pack) -> buy
         -> orders

An offer shows its contents compared with the current plan, and its price.
"""

from dataclasses import replace
from datetime import datetime
from operator import attrgetter
from urllib.parse import quote

from merlin.app.orders import list_orders
from merlin.app.plans import CurrentPlan, read_current_plan
from merlin.app.subscriptions import find_running
from merlin.billing.quota import (
    UNLIMITED,
    Format,
    Plan,
    allowance_of,
    allowance_text,
    plans_for_sale,
)
from merlin.billing.terms import term_end
from merlin.bot import menu
from merlin.bot.context import BotContext, Use
from merlin.bot.handlers.answering import pack_lines, render_left_lines
from merlin.bot.handlers.renewals import (
    renewal_buttons,
    renewal_line,
    renewal_lines,
)
from merlin.bot.menu import View, find_by_hash, short_hash
from merlin.bot.registry import Handlers
from merlin.bot.rendering import pack_text
from merlin.core.formatted_text import Button
from merlin.core.i18n import text

handlers = Handlers()
TO_PLAN = menu.back("plan:0")


def require_offered_plan(context: BotContext) -> Plan:
    """Return the plan that can be bought, named by the callback data. Raises NotFound."""
    return find_by_hash(
        context, plans_for_sale(context.services.plans), attrgetter("name")
    )


def offer_buttons(context: BotContext) -> list[Button]:
    """Return a button for each plan and pack that the user may buy."""
    buttons = []
    for plan in context.services.plans:
        if plan.xtr is not None:
            label = f"{plan.title_in(context.language)} · {stars_price(context, plan)}"
            buttons.append(Button(label, f"offer:{short_hash(plan.name)}"))
    return buttons


def stars_price(context: BotContext, plan: Plan) -> str:
    """Return what a plan costs in Stars: "200 ⭐", of one that renews "200 ⭐ a month"."""
    price = plan.xtr.format(context.language) if plan.xtr else ""
    return context.translate("pay-a-month", price=price) if plan.renews else price


# The page of plans is /plans.
@handlers.command("plan", "plans", "limits", use=Use.BY_LINK)
def show_plan(context: BotContext) -> View:
    """Show the user's plan and the offers."""
    current = read_current_plan(*context.caller_without_roles)
    offers = offer_buttons(context)
    parts = [
        *_render_current_lines(context, current),
        _render_other_plans(context, current),
        "\n".join(renewal_lines(context)),
        context.translate("pay-choose") if offers else "",
    ]
    has_orders = bool(list_orders(*context.caller_without_roles, 1))
    rows: menu.Rows = (
        *renewal_buttons(context),
        *offers,
        has_orders and ("page-my-orders", "orders"),
    )
    return menu.paragraphs(context, *parts, rows=rows)


# The button without an argument is under an answer, which must stay.
handlers.button("plan")(
    lambda context: replace(show_plan(context), is_new=not context.arguments)
)


def _render_current_lines(context: BotContext, current: CurrentPlan) -> list[str]:
    if current.plan is UNLIMITED:
        return [context.translate("plan-unlimited")]
    arguments = {"title": current.plan.title_in(context.language)}
    headline = context.translate("plan-title", **arguments)
    if current.until is not None:
        arguments["at"] = context.moment(current.until)
        headline = context.translate("pay-title-until", **arguments)
        if current.next_plan is not UNLIMITED and current.next_plan is not current.plan:
            next_title = current.next_plan.title_in(context.language)
            headline = context.translate("pay-title-then", **arguments, then=next_title)
    lines = [
        headline,
        *render_left_lines(context, current.plan),
        *plan_lines(context, current.plan),
    ]
    packs = pack_lines(context, current.packs)
    parts = (
        [lines, [context.translate("pay-extra-questions"), *packs]]
        if packs
        else [lines]
    )
    return ["\n".join(part) for part in parts]


def _plan_end(context: BotContext, current: CurrentPlan, plan: Plan) -> datetime | None:
    return term_end(current.terms, plan.name, context.services.clock())


def _render_other_plans(context: BotContext, current: CurrentPlan) -> str:
    """Return until when the user has further plans."""
    lines = []
    for plan in context.services.plans:
        if plan is current.plan:
            continue
        ends = _plan_end(context, current, plan)
        if ends is not None:
            title = plan.title_in(context.language)
            lines.append(
                context.translate("pay-other", title=title, at=context.moment(ends))
            )
    return "\n".join(lines)


def plan_lines(context: BotContext, plan: Plan) -> list[str]:
    """Return the features of a plan besides its numbers of questions, one per line."""
    models = ", ".join(plan.models)
    return [context.translate("plan-models", models=models)] if models else []


@handlers.button("offer")
def offer(context: BotContext) -> View:
    """Show a plan or pack. Raises NotFound if it is not offered any more."""
    plan = require_offered_plan(context)
    current = read_current_plan(*context.caller_without_roles)
    parts = [
        plan.description_in(context.language),
        "\n".join(_content_lines(context, plan, current)),
        _combination_note(context, plan, current),
        _price_line(context, plan),
    ]
    rows: menu.Rows = (*_buy_buttons(context, plan), TO_PLAN)
    return menu.card(context, plan.title_in(context.language), *parts, rows=rows)


def _content_lines(context: BotContext, plan: Plan, current: CurrentPlan) -> list[str]:
    language = context.language
    days = plan.days
    if plan.is_pack:
        lines = [
            f"• {text(language, 'pay-pack', what=pack_text(plan.questions, language))}"
        ]
    else:
        lines = []
        for kind in Format:
            new, old = (
                allowance_text(allowance_of(compared, kind), language)
                for compared in (plan, current.plan)
            )
            key = "pay-line-same" if new == old else "pay-line"
            arguments = {
                "kind": text(language, f"plan-{kind.value}"),
                "new": new,
                "old": old,
            }
            lines.append(text(language, key, **arguments))
        lines += plan_lines(context, plan)
    if days is not None and not plan.renews:
        lines.append(
            text(language, "pay-lasts-pack" if plan.is_pack else "pay-lasts", days=days)
        )
    return lines


def _combination_note(context: BotContext, plan: Plan, current: CurrentPlan) -> str:
    """Return how a plan combines with the current one."""
    running = find_running(context.services, context.user_id, plan.name)
    if running is not None:
        return renewal_line(context, running)
    ends = _plan_end(context, current, plan)
    if plan.is_pack:
        return ""
    if ends is not None:
        return context.translate("pay-from", at=context.moment(ends))
    plans = list(context.services.plans)
    if current.plan in plans and plans.index(current.plan) > plans.index(plan):
        return context.translate(
            "pay-bigger-plan-first", title=current.plan.title_in(context.language)
        )
    return ""


def _price_line(context: BotContext, plan: Plan) -> str:
    if plan.xtr is None:
        return ""
    price = stars_price(context, plan)
    if plan.renews:
        roubles = "yes" if plan.rub else "no"
        return context.translate("pay-price-renews", price=price, roubles=roubles)
    return context.translate("pay-price", price=price)


def _buy_buttons(context: BotContext, plan: Plan) -> list[Button]:
    buttons = []
    services = context.services
    rub = plan.rub
    is_theirs = find_running(services, context.user_id, plan.name) is not None
    if plan.xtr is not None and not is_theirs:
        key = "pay-button-subscribe" if plan.renews else "pay-button-buy"
        label = context.translate(key, price=plan.xtr.format(context.language))
        buttons.append(Button(label, f"buy:{short_hash(plan.name)}", style="success"))
    yookassa = services.config.payments.yookassa
    page = services.config.api.public_url.rstrip("/")
    # Only if the operator enables the link to the page for payments in roubles.
    if rub is not None and yookassa is not None and yookassa.bot_button and page:
        label = context.translate(
            "pay-button-roubles", price=rub.format(context.language)
        )
        buttons.append(
            Button(label, url=f"{page}/checkout/{quote(plan.name, safe='')}")
        )
    return buttons
