"""/plan: what a person has, what is left of it, what is on sale; trial, codes, invites.

    plan -> offer (one plan or pack) -> buy | try
         -> code (a step) | orders | renewal -> stopped | invite
    invite: the link t.me/<bot>?start=ref_<number>, with a button that shares it

An offer tells what it brings against what one has now, and its price. A code gives days at once, or
shows a plan at its lower price. Who brings somebody new gets questions beyond the plan: whoever
follows the link for the first time is new; nothing says afterwards who that was.
"""

from __future__ import annotations

from dataclasses import replace
from operator import attrgetter
from urllib.parse import quote, urlencode

from merlin.account.users import Users
from merlin.app.actor import Actor
from merlin.app.ask import dataset_of
from merlin.app.inbox import Dialog
from merlin.app.orders import list_orders
from merlin.app.plans import CurrentPlan, current_plan, may_try, start_trial, use_code
from merlin.billing.promo_codes import Promo, Promos, prices
from merlin.billing.quota import UNLIMITED, Format, Gift, Plan, allowance_of, on_sale, plan_named
from merlin.bot import menu
from merlin.bot.context import BotContext
from merlin.bot.handlers.admin import find_by_hash, short_hash
from merlin.bot.handlers.answering import gift_lines, left_lines
from merlin.bot.menu import View
from merlin.bot.registry import Handlers
from merlin.bot.rendering import allowance_text, pack_text
from merlin.config.shop import STARS_PERIOD_DAYS
from merlin.core.errors import MerlinError, NotFound
from merlin.core.formatted_text import Button, Entity, FormattedMessage, utf16_length
from merlin.core.i18n import text
from merlin.core.permissions import Authority
from merlin.db.audit import person_reference
from merlin.db.notices import Notices

handlers = Handlers()
TO_PLAN = menu.back("plan:0")


def buyer(context: BotContext) -> Actor:
    """Return the person as acts of their own know them."""
    return Actor.person(context.user_id, Authority())


def plan_at(context: BotContext) -> Plan:
    """Return what may be bought or tried and is named by a button. Raises NotFound."""
    plans = context.services.plans
    found = [each for each in plans if each.is_sold or each.trial_days]
    return find_by_hash(context, found, attrgetter("name"))


def my_plan(context: BotContext) -> CurrentPlan:
    """Return what the person has now, as it is stored; within the store's work."""
    session = context.sessions.opened(context.place)
    dataset = context.services.default_dataset
    if session is not None:
        dataset = dataset_of(context.services, session)
    return current_plan(context.services, buyer(context), dataset)


def good_buttons(context: BotContext, mine: CurrentPlan) -> list[Button]:
    """Return a button for each plan and pack that may be bought or tried."""
    plans, found = context.services.plans, []
    sold = {each.name for each in on_sale(plans)}
    # What renews itself is not bought once more.
    for each in (each for each in plans if mine.renewal(each) is None):
        title, price = each.titled(context.language), each.xtr
        data = f"offer:{short_hash(each.name)}"
        if price is not None and (each.name in sold or each.trial_days):
            found.append(Button(f"{title} · {price.format(context.language)}", data))
        elif each.trial_days:
            found.append(Button(context.translate("pay-button-trial-of", title=title), data))
    return found


LINK = "ref"
# So many people are worth something; more are welcome.
MOST = 20
_SHARING = "https://t.me/share/url"
_GIFT = "invitation:"
_MAX_DIGITS = 17


def are_invites_on(context: BotContext) -> bool:
    """Return whether there is anything to win: where nothing is counted there is not."""
    return bool(context.services.plans) and context.services.config.payments.invitation > 0


@handlers.button("invite")
def invite(context: BotContext) -> View:
    """Show the person's link."""
    if not are_invites_on(context):
        return menu.outdated(context)
    link = context.link(f"{LINK}_{context.user_id}")
    greeting = {"url": link, "text": context.translate("invite-greeting")}
    share = Button(context.translate("invite-share"), url=f"{_SHARING}?{urlencode(greeting)}")
    arguments = {"link": link, "amount": context.services.config.payments.invitation, "most": MOST}
    return menu.say(context, "invite-link", share, TO_PLAN, **arguments)


def came_by(context: BotContext, number: str) -> None:
    """Give who invited a new person what that is worth, and tell them; within the store's work."""
    inviter = int(number) if number.isascii() and number.isdecimal() else 0
    # A start keeps the name: who has one has started the bot before.
    is_new = context.is_private and not context.user.shown_name
    if not (are_invites_on(context) and is_new) or not 0 < inviter < 10**_MAX_DIGITS:
        return
    known, quotas = Users(context.db).get(inviter), context.quotas
    if known is None or known.is_blocked or inviter == context.user_id:
        return
    if sum((each.key or "").startswith(_GIFT) for each in quotas.gifts.all(inviter)) >= MOST:
        return
    amount, key = context.services.config.payments.invitation, f"{_GIFT}{context.update_id}"
    quotas.gifts.give(Gift(inviter, Format.TEXT, amount, person_reference(inviter), key=key))
    Notices(context.db).tell(str(inviter), "notice-invited", {"amount": amount}, once=f"gift:{key}")


@handlers.command("plan")
def plan(context: BotContext) -> View:
    """Tell what the person has, and what there is."""
    mine, plans = my_plan(context), context.services.plans
    if context.dialog is not None and context.dialog.step == STEP and context.verb:
        context.stop_waiting()
    goods = good_buttons(context, mine)
    parts = [*_mine(context, mine), _here(context, mine)]
    renewals, renewed, others = [], [], []
    for each in plans:
        renewal, title = mine.renewal(each), each.titled(context.language)
        ends = mine.ends(each, context.services.clock())
        if ends is not None and each is not mine.plan and each is not mine.here:
            others.append(context.translate("pay-other", title=title, at=context.moment(ends)))
        if renewal is not None:
            at = context.moment(renewal.next_at)
            if each is not mine.plan:
                renewed.append(context.translate("pay-renews", title=title, at=at))
            label = context.translate("pay-button-renewal", title=title)
            renewals.append(Button(label, f"renewal:{renewal.renewal_id}"))
    parts += [
        "\n".join(others),
        "\n".join(renewed),
        context.translate("pay-choose") if goods else "",
    ]
    has_orders = bool(list_orders(context.services, buyer(context), 1))
    invited = are_invites_on(context) and mine.plan is not UNLIMITED
    rows: menu.Rows = (
        *goods,
        *renewals,
        invited and ("invite-button", "invite"),
        (
            len(plans) > 1 and ("pay-button-code", "code"),
            has_orders and ("pay-button-orders", "orders"),
        ),
    )
    return menu.paragraphs(context, *parts, rows=rows)


# An answer stands over the button without an argument: it is not to be lost.
handlers.button("plan")(lambda context: replace(plan(context), is_new=not context.arguments))


def _mine(context: BotContext, mine: CurrentPlan) -> list[str]:
    if mine.plan is UNLIMITED:
        return [context.translate("plan-unlimited")]
    arguments = {"title": mine.plan.titled(context.language)}
    head = context.translate("plan-title", **arguments)
    renewal = mine.renewal(mine.plan)
    if renewal is not None:
        head = context.translate("pay-renews", **arguments, at=context.moment(renewal.next_at))
    elif mine.until is not None:
        arguments["at"] = context.moment(mine.until)
        head = context.translate("pay-title-until", **arguments)
        if mine.next_plan is not UNLIMITED and mine.next_plan is not mine.plan:
            then = mine.next_plan.titled(context.language)
            head = context.translate("pay-title-then", **arguments, then=then)
    lines = [head, *left_lines(context, mine.plan), *plan_lines(context, mine.plan)]
    beyond = gift_lines(context, mine.gifts)
    parts = [lines, [context.translate("pay-beyond"), *beyond]] if beyond else [lines]
    return ["\n".join(part) for part in parts]


def plan_lines(context: BotContext, of: Plan) -> list[str]:
    """Return what a plan brings beside numbers of questions, a line each."""
    lines = []
    if of.window:
        lines.append(context.translate("plan-window", tokens=of.window))
    if of.sessions:
        lines.append(context.translate("plan-sessions", most=of.sessions))
    if of.models:
        lines.append(context.translate("plan-models", models=", ".join(of.models)))
    return lines


def _here(context: BotContext, mine: CurrentPlan) -> str:
    """Return what is left of the plan that counts in the open session, where it is another."""
    if mine.here is mine.plan:
        return ""
    ends = mine.ends(mine.here, context.services.clock())
    arguments = {"at": context.moment(ends)} if ends is not None else {}
    key, title = "pay-here-until" if arguments else "pay-here", mine.here.titled(context.language)
    head = context.translate(key, title=title, **arguments)
    return "\n".join([head, *left_lines(context, mine.here)])


@handlers.button("offer")
@menu.catch_errors
def offer(context: BotContext) -> View:
    """Show one plan or pack. Raises NotFound for one that is not offered any more."""
    mark = context.argument(1)
    return offered(context, plan_at(context), promo_at(context, mark) if mark else None)


def promo_at(context: BotContext, mark: str) -> Promo | None:
    """Return the code that a button names, None for none that is known."""
    listed = Promos(context.services.db, context.services.clock).all()
    return next((each for each in listed if short_hash(each.code) == mark), None)


def offered(context: BotContext, of: Plan, promo: Promo | None) -> View:
    """Return the screen of one plan or pack; a code makes it cheaper."""
    mine, pay = my_plan(context), context.translate
    title, days = of.titled(context.language), of.trial_days
    may = may_try(context.services, context.user_id, of)
    parts = [
        title,
        of.described(context.language),
        "\n".join(_brings(context, of, mine)),
        _combination(context, of, mine),
        pay("pay-trial", days=days) if may else "",
        _price(context, of, promo),
    ]
    trial = may and Button(pay("pay-button-trial", days=days), f"try:{short_hash(of.name)}")
    rows = menu.buttons_of(context, *_buying(context, of, promo), trial, TO_PLAN)
    bold = (Entity("bold", 0, utf16_length(title)),)
    return View(FormattedMessage("\n\n".join(filter(None, parts)), bold, rows))


def _brings(context: BotContext, of: Plan, mine: CurrentPlan) -> list[str]:
    language, days = context.language, of.days
    if of.is_pack:
        lines = [f"• {text(language, 'pay-pack', what=pack_text(of.questions, language))}"]
    else:
        lines = []
        for kind in Format:
            new, old = (
                allowance_text(allowance_of(each, kind), language) for each in (of, mine.plan)
            )
            key = "pay-line-same" if new == old else "pay-line"
            named = {"kind": text(language, f"plan-{kind.value}"), "new": new, "old": old}
            lines.append(text(language, key, **named))
        lines += plan_lines(context, of)
    if of.courses:
        lines.append(text(language, "pay-courses", courses=", ".join(of.courses)))
    if days is not None:
        lines.append(text(language, "pay-lasts-pack" if of.is_pack else "pay-lasts", days=days))
    return lines


def _combination(context: BotContext, of: Plan, mine: CurrentPlan) -> str:
    """Return how it goes together with what the person has."""
    ends = mine.ends(of, context.services.clock())
    if of.is_pack:
        return ""
    if ends is not None:
        return context.translate("pay-from", at=context.moment(ends))
    plans = list(context.services.plans)
    if not of.courses and mine.plan in plans and plans.index(mine.plan) > plans.index(of):
        return context.translate("pay-lower", title=mine.plan.titled(context.language))
    return ""


def _price(context: BotContext, of: Plan, promo: Promo | None) -> str:
    price, pay = prices(of, promo)[1], context.translate
    if price is None or of.xtr is None:
        return ""
    arguments = {"price": price.format(context.language), "days": STARS_PERIOD_DAYS}
    if promo is not None:
        before = of.xtr.format(context.language)
        return pay("pay-price-code", **arguments, code=promo.code, before=before)
    return pay("pay-price-renewed" if of.renewed else "pay-price", **arguments)


def _buying(context: BotContext, of: Plan, promo: Promo | None) -> list[Button]:
    buttons, services, (rub, price) = [], context.services, prices(of, promo)
    if price is not None:
        code = f":{short_hash(promo.code)}" if promo is not None else ""
        label = context.translate("pay-button-buy", price=price.format(context.language))
        buttons.append(Button(label, f"buy:{short_hash(of.name)}{code}", style="success"))
    shop, page = services.config.payments.yookassa, services.config.api.public_url.rstrip("/")
    # Only where the operator lets the bot lead to the page that takes roubles.
    if rub is not None and shop is not None and shop.bot_button and page:
        label = context.translate("pay-button-roubles", price=rub.format(context.language))
        buttons.append(Button(label, url=f"{page}/checkout/{quote(of.name, safe='')}"))
    return buttons


@handlers.button("try")
@menu.catch_errors
def try_it(context: BotContext) -> View:
    """Begin the trial of a plan, once. Raises NotFound, Refused where it was had."""
    of = plan_at(context)
    days = start_trial(context.services, buyer(context), of.name)
    message = context.translate("pay-tried", title=of.titled(context.language), days=days)
    return replace(plan(context), alert=message, is_loud=True)


STEP = "pay-code"
# Nobody guesses codes for long.
MAX_ATTEMPTS = 5


@handlers.button("code")
@menu.catch_errors
def ask_code(context: BotContext) -> View:
    """Ask for the code."""
    return menu.form(context, "pay-ask-code", "plan:0", step=STEP, values={"tries": 0})


@handlers.step(STEP)
def code_typed(context: BotContext) -> View:
    """Take the code that was written."""
    try:
        return context.db.transact(lambda: _used(context))
    except MerlinError as error:
        tries = int(context.dialog_values.get("tries", 0)) + 1
        message = context.translate(error.key, **error.arguments)
        if tries >= MAX_ATTEMPTS:
            context.stop_waiting()
            return menu.message(context, f"{message}\n\n{context.translate('pay-code-enough')}")
        context.wait(Dialog(STEP, {"tries": tries}))
        message = f"{message}\n\n{context.translate('pay-code-again')}"
        return menu.message(context, message, menu.back_or_cancel("plan:0"))


def _used(context: BotContext) -> View:
    promo = use_code(context.services, buyer(context), context.text)
    of = plan_named(context.services.plans, promo.plan)
    if of is None:
        raise NotFound(f"no plan {promo.plan}", "promo-unknown")
    context.stop_waiting()
    if not promo.days:
        return offered(context, of, promo)
    title = of.titled(context.language)
    message = context.translate("pay-code-given", title=title, days=promo.days)
    return menu.headed(plan(context), message)
