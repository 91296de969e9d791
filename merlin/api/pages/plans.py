"""Plans: what is offered and sold, what the person has, and until when.

/plans                the offers
/terms                the terms, as in the bot: the operator's own, if any
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Annotated, Any

from fastapi import Path
from starlette.responses import Response

from merlin.api.pages.errors import page_router
from merlin.api.pages.formatting import amount_of, until
from merlin.api.pages.page import (
    PageContext,
    PublicContext,
    is_in_telegram,
    render_page,
)
from merlin.app.bot_settings import bot_link, terms_text
from merlin.app.orders import list_orders
from merlin.app.plans import CurrentPlan, has_shop, read_current_plan, read_terms
from merlin.app.subscriptions import list_running
from merlin.billing.purchases import Purchase
from merlin.billing.quota import (
    Format,
    Plan,
    QuestionPack,
    allowance_of,
    allowance_text,
    is_limited,
    plan_named,
    plan_of,
)
from merlin.billing.terms import PlanTerm, term_end
from merlin.providers.payments import Gateway

# The bot's start payload for buying plans with Stars.
PLANS = "plan"
# A feature and whether the plan has it; missing features are listed too.
Line = tuple[str, bool]


def plan_features(context: PageContext, plan: Plan) -> list[Line]:
    """Return the features of a plan or pack, one per line."""
    if plan.is_pack:
        return [
            (amount_of(context, *amount), True) for amount in plan.questions.items()
        ]
    allowances = {kind: allowance_of(plan, kind) for kind in Format}
    lines = [
        (allowance_text(allowance, context.language, kind), not allowance.is_closed)
        for kind, allowance in allowances.items()
    ]
    if not any(is_limited(allowance) for allowance in allowances.values()):
        lines = [(context.say("brings-any"), True)]
    # Missing features come last.
    return sorted(
        [*lines, *_list_other_features(context, plan)], key=lambda line: not line[1]
    )


def _list_other_features(context: PageContext, plan: Plan) -> Iterator[Line]:
    if plan.models:
        named = ", ".join(model.replace("*", "…") for model in plan.models)
        yield context.say("brings-models", models=named), True


def takes_roubles(context: PageContext, plan: Plan) -> bool:
    """Return whether the plan can be paid in roubles on this page."""
    services = context.services
    if (
        plan.rub is None
        or services.config.payments.yookassa is None
        or services.gateway is None
    ):
        return False
    return _accepts_roubles(context, plan.name)


def _accepts_roubles(context: PageContext, plan: str) -> bool:
    """Return whether roubles may be charged for a plan on this page.

    Inside Telegram digital goods are sold for Stars only, unless the operator decided otherwise.
    """
    selling = context.services.config.payments
    is_free = plan in selling.not_digital
    is_free = is_free or (selling.yookassa is not None and selling.yookassa.bot_button)
    return is_free or not is_in_telegram(context.request)


def can_open_payment_page(context: PageContext, purchase: Purchase) -> bool:
    """Return whether the person may be sent to an order's payment page.

    The row holds only what the gateway itself returned; it is HTTPS, as the gateway's own address.
    """
    shop = context.services.config.payments.yookassa
    if shop is None or not can_pay_here(context, purchase):
        return False
    safe = "http://" if shop.base_url.startswith("http://") else "https://"
    return (
        purchase.pay_url.startswith(("https://", safe))
        and purchase.pay_url.isprintable()
    )


def can_pay_here(context: PageContext, purchase: Purchase) -> bool:
    """Return whether an order is in roubles and may be paid on this page."""
    is_ours = purchase.order.gateway is Gateway.YOOKASSA
    return is_ours and _accepts_roubles(context, purchase.order.promise.plan)


router = page_router()

# How long a plan that ended is still named.
_RECENT = timedelta(days=30)


def my_plan(context: PageContext) -> dict[str, object]:
    """Return the template values of /me about the plan; reads rows."""
    services = context.services
    actor = context.actor
    current = read_current_plan(services, actor, context.user)
    return {
        "ends": current.until,
        "others": _list_other_plans(context, current),
        "packs": _packs(context, current.packs),
        "renewals": list_running(services, actor.user_id),
        "has_orders": bool(list_orders(services, actor, 1)),
        "has_shop": has_shop(services),
    }


def _list_other_plans(context: PageContext, current: CurrentPlan) -> list[str]:
    """Return the other plans of the person: of single courses, paused ones, and recent ones."""
    now = context.services.clock()
    lines = []
    for name in dict.fromkeys(term.plan for term in current.terms):
        plan = plan_named(context.services.plans, name)
        ends = max(term.ends_at for term in current.terms if term.plan == name)
        if plan is not None and plan is not current.plan and ends > now - _RECENT:
            title = plan.title_in(context.language)
            day = until(context, ends)
            lines.append(
                context.say(
                    "plan-also" if ends > now else "plan-ended", plan=title, day=day
                )
            )
    return lines


def _packs(context: PageContext, packs: Sequence[QuestionPack]) -> list[str]:
    """Return what is left of packs, a line for each kind and last day."""
    now = context.services.clock()
    remaining = Counter[tuple[str, Format]]()
    for pack in packs:
        day = until(context, pack.expires_at) if pack.expires_at else ""
        remaining[day, pack.format] += pack.remaining(now)
    return [
        context.say(
            "pack-left",
            what=amount_of(context, kind, count),
            until=day,
            ends="yes" if day else "no",
        )
        for (day, kind), count in remaining.items()
    ]


PlanName = Annotated[str, Path(min_length=1, max_length=100)]


@router.get("/terms")
async def show_terms(context: PublicContext) -> Response:
    """Return the terms in the page's language."""
    terms = terms_text(context.services, context.language)
    lines = [line.strip() for line in terms.split("\n") if line.strip()]
    if lines[0].casefold() == context.say("terms").casefold():
        lines = lines[1:]  # the page has its title already
    return render_page(context, "terms.html", {"lines": lines})


@router.get("/plans")
async def show_plans(context: PublicContext) -> Response:
    """Return the plans page."""
    terms = await context.read(read_terms, context.actor)
    services = context.services
    now = context.services.clock()
    had = {term.plan for term in terms if term.ends_at > now}
    if context.user and context.user.plan:
        had.add(context.user.plan)
    # The free plan, what is sold, and what the person has.
    cards = [
        _card(context, plan, terms)
        for plan in services.plans
        if plan is services.plans[0] or plan.is_sold or plan.name in had
    ]
    view = {
        "plans": [card for card in cards if not card["plan"].is_pack],
        "packs": [card for card in cards if card["plan"].is_pack],
        "bot_href": await services.read(bot_link, PLANS),
        "has_shop": has_shop(services),
        "is_owner": context.user is not None,
    }
    return render_page(context, "plans.html", view)


def _card(
    context: PageContext, plan: Plan, terms: Sequence[PlanTerm]
) -> dict[str, Any]:
    """Return a plan, its features, and until when the person has it."""
    plans = context.services.plans
    user = context.user
    now = plan_of(plans, user.plans) if user else None
    return {
        "plan": plan,
        "brings": plan_features(context, plan),
        "roubles": plan.rub if takes_roubles(context, plan) else None,
        "mine": _active_until(context, plan, terms),
        "is_now": now is plan,
        "is_free": plan is plans[0],
    }


def _active_until(context: PageContext, plan: Plan, terms: Sequence[PlanTerm]) -> str:
    """Return until when the person has a plan, "" if they do not."""
    user = context.user
    now = context.services.clock()
    if user is not None and user.plan == plan.name:
        return context.say("no-expiry")
    ends = term_end(terms, plan.name, now)
    return "" if ends is None else context.say("until", day=until(context, ends))
