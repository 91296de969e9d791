"""/plan: what a person has, what is left of it, what is on sale; trial, codes, invites.

    plan -> offer (one plan or pack) -> buy | try
         -> code (a step) | orders | renewal -> stopped | invite
    invite: the link t.me/<bot>?start=ref_<number>, with a button that shares it

An offer tells what it brings against what one has now, and its price. A code gives days at once, or
shows a plan at its lower price. Who brings somebody new gets questions beyond the plan: whoever
follows the link for the first time is new; nothing says afterwards who that was.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from urllib.parse import quote, urlencode

from merlin.app.actor import Actor
from merlin.app.dialogs import Dialog
from merlin.app.orders import list_orders
from merlin.app.plans import my_subscriptions, start_trial, use_code
from merlin.billing.orders import may_try
from merlin.billing.plan import UNLIMITED, Format, Plan, on_sale, plan_named, plan_of
from merlin.billing.promo_codes import Promo, prices
from merlin.billing.quota import Gift
from merlin.billing.selling import STARS_PERIOD_DAYS, Selling
from merlin.billing.subscriptions import Renewal, Term
from merlin.bot.context import Act, BotApplication, Event, Handler, Kit, add_handlers, told
from merlin.bot.handlers.admin import short
from merlin.bot.handlers.asking import dataset_of
from merlin.bot.handlers.quota import gift_lines, left_lines, plan_for, zone_for
from merlin.bot.menu import Screen, alert, said
from merlin.bot.rendering import allowance_words, pack_words
from merlin.core import i18n
from merlin.core.errors import MerlinError, NotFound
from merlin.core.formatted_text import Button, Entity, FormattedMessage, utf16_length
from merlin.core.i18n import text
from merlin.core.money import Amount
from merlin.core.permissions import Authority
from merlin.db.audit import person_reference


def buyer(event: Event) -> Actor:
    """Return the person as acts of their own know them."""
    return Actor.person(event.user_id, Authority())


def plan_at(kit: Kit, mark: str) -> Plan:
    """Return what may be bought or tried and is named so by a button. Raises NotFound."""
    for plan in kit.services.plans:
        is_there = plan.offer.is_sold or plan.offer.trial_days
        if is_there and short(plan.name) == mark:
            return plan
    raise NotFound("no such plan", "bot-button-old")


def word(event: Event, place: int = 0) -> str:
    """Return a button's argument, "" for none."""
    return event.args[place] if place < len(event.args) else ""


def is_for_roubles(selling: Selling, public_url: str, plan: Plan) -> bool:
    """Return whether the bot may lead to the page that takes roubles."""
    shop = selling.yookassa
    is_shown = shop is not None and shop.has_bot_button
    return is_shown and bool(public_url) and plan.offer.rub is not None


@dataclass(frozen=True, slots=True)
class CurrentPlan:
    """What somebody has now: the plan that counts, until when, and what comes behind it.

    `until` None: for as long as the config has it. `here` is the plan that counts in the open
    session, where a course has its own.
    """

    plan: Plan
    terms: Sequence[Term]
    until: datetime | None
    next_plan: Plan
    here: Plan
    renewals: Sequence[Renewal]

    def ends(self, plan: Plan, now: datetime) -> datetime | None:
        """Return when what they have of a plan ends, None where they have it not for a time."""
        ends = [each.ends_at for each in self.terms if each.plan == plan.name]
        return max((each for each in ends if each > now), default=None)

    def renewal(self, plan: Plan) -> Renewal | None:
        """Return by what a plan renews itself, None where it does not."""
        return next((each for each in self.renewals if each.plan == plan.name), None)


def current_plan(kit: Kit, event: Event) -> CurrentPlan:
    """Return what the person has now, as it is stored; within the store's work."""
    plans, now = kit.services.plans, kit.services.clock()
    user = kit.rows.users.get(event.user_id) or event.user
    event = replace(event, user=user)
    plan = plan_for(kit, event)
    session = kit.rows.sessions.opened(event.place)
    dataset = dataset_of(kit, session) if session is not None else kit.services.default_dataset
    here = plan_for(kit, event, dataset)
    mine = my_subscriptions(kit.rows.billing, buyer(event))
    terms, renewals = mine.terms, mine.running
    ends = [each.ends_at for each in terms if each.plan == plan.name and each.ends_at > now]
    until = max(ends) if ends and user.plan != plan.name else None
    after = UNLIMITED
    if until is not None:
        left = [each.plan for each in terms if each.starts_at <= until < each.ends_at]
        after = plan_of(plans, [*left, *([user.plan] if user.plan else [])])
    return CurrentPlan(plan, terms, until, after, here, renewals)


def good_buttons(kit: Kit, event: Event) -> list[tuple[Button, ...]]:
    """Return a row for each plan and pack that may be bought or tried."""
    plans = kit.services.plans
    sold = [*on_sale(plans), *(each for each in plans if each.offer.trial_days)]
    names = dict.fromkeys(each.name for each in sold)
    return [
        (Button(_label(event, each), f"offer:{short(each.name)}"),)
        for each in plans
        if each.name in names and (each.offer.xtr is not None or each.offer.trial_days)
    ]


def _label(event: Event, plan: Plan) -> str:
    title, price = plan.titled(event.language), plan.offer.xtr
    if price is None:
        return text(event.language, "pay-button-trial-of", title=title)
    return f"{title} · {price.told(event.language)}"


LINK = "ref"
# So many people are worth something; more are welcome.
MOST = 20
_SHARING = "https://t.me/share/url"
_GIFT = "invitation:"
_MOST_DIGITS = 17


def are_invites_on(kit: Kit) -> bool:
    """Return whether there is anything to win: where nothing is counted there is not."""
    return bool(kit.services.plans) and kit.services.selling.invitation > 0


async def invite(kit: Kit, event: Event) -> None:
    """Show the person's link."""
    await kit.show(event, lambda: _invitation(kit, event))


def _invitation(kit: Kit, event: Event) -> Screen:
    if not are_invites_on(kit):
        return alert(text(event.language, "bot-button-old"))
    link = kit.me.link(f"{LINK}_{event.user_id}")
    amount = kit.services.selling.invitation
    words = text(event.language, "invite-link", link=link, amount=amount, most=MOST)
    greeting = {"url": link, "text": text(event.language, "invite-greeting")}
    share = Button(text(event.language, "invite-share"), url=f"{_SHARING}?{urlencode(greeting)}")
    back = Button(text(event.language, "button-back"), "plan:0")
    return said(words, (share,), (back,))


def came_by(kit: Kit, event: Event, number: str) -> None:
    """Give who invited a new person what that is worth, and tell them; within the store's work."""
    inviter = int(number) if number.isascii() and number.isdecimal() else 0
    if not (are_invites_on(kit) and _is_new(event)) or not 0 < inviter < 10**_MOST_DIGITS:
        return
    known = kit.rows.users.get(inviter)
    if known is None or known.is_blocked or inviter == event.user_id or _is_enough(kit, inviter):
        return
    amount, key = kit.services.selling.invitation, f"{_GIFT}{event.update_id}"
    kit.rows.quotas.give(Gift(inviter, Format.TEXT, amount, person_reference(inviter), key=key))
    kit.rows.notices.tell(str(inviter), "notice-invited", {"amount": amount}, once=f"gift:{key}")


def _is_new(event: Event) -> bool:
    """Return whether the person starts the bot for the first time: a start keeps the name."""
    return event.is_private and not event.user.shown_name


def _is_enough(kit: Kit, inviter: int) -> bool:
    gifts = kit.rows.quotas.gifts(inviter)
    return sum((each.gift.key or "").startswith(_GIFT) for each in gifts) >= MOST


def shop_judged(act: Act) -> Handler:
    """Return the handler that shows what `act` says, or the reason of what it raises."""

    def judge(kit: Kit, event: Event) -> Screen:
        try:
            return kit.store.apart(lambda: act(kit, event))
        except MerlinError as error:
            return shop_refusal(event, error)

    return told(judge)


def shop_refusal(event: Event, error: MerlinError) -> Screen:
    """Return the reason of an error, over the chat for a pressed button."""
    words = text(event.language, error.key, **error.arguments)
    return alert(words, is_loud=True) if event.verb else said(words)


def plan(kit: Kit, event: Event) -> Screen:
    """Tell what the person has, and what there is."""
    language, mine = event.language, current_plan(kit, event)
    if event.dialog is not None and event.verb:
        kit.rows.dialogs.end(event.chat_id, event.user_id)
    goods = good_buttons(kit, event)
    parts = [*_mine(kit, event, mine), _here(kit, event, mine), _others(kit, event, mine)]
    parts.append("\n".join(_renewals(kit, event, mine)))
    parts.append(text(language, "pay-choose") if goods else "")
    words = "\n\n".join(filter(None, parts))
    return said(words, *goods, *_ways(kit, event, mine))


def _mine(kit: Kit, event: Event, mine: CurrentPlan) -> list[str]:
    if mine.plan is UNLIMITED:
        return [text(event.language, "plan-unlimited")]
    lines = [_title(kit, event, mine), *left_lines(kit, event, mine.plan)]
    lines += plan_lines(event, mine.plan)
    beyond = gift_lines(kit, event)
    if not beyond:
        return ["\n".join(lines)]
    return ["\n".join(lines), "\n".join([text(event.language, "pay-beyond"), *beyond])]


def _title(kit: Kit, event: Event, mine: CurrentPlan) -> str:
    title = mine.plan.titled(event.language)
    if mine.until is None:
        return text(event.language, "plan-title", title=title)
    at = i18n.format_moment(mine.until, zone_for(kit, event), event.language)
    if mine.next_plan is UNLIMITED or mine.next_plan is mine.plan:
        return text(event.language, "pay-title-until", title=title, at=at)
    then = mine.next_plan.titled(event.language)
    return text(event.language, "pay-title-then", title=title, at=at, then=then)


def plan_lines(event: Event, of: Plan) -> list[str]:
    """Return what a plan brings beside numbers of questions, a line each."""
    lines = []
    if of.window:
        lines.append(text(event.language, "plan-window", tokens=of.window))
    if of.sessions:
        lines.append(text(event.language, "plan-sessions", most=of.sessions))
    if of.models:
        lines.append(text(event.language, "plan-models", models=", ".join(of.models)))
    return lines


def _here(kit: Kit, event: Event, mine: CurrentPlan) -> str:
    """Return what is left of the plan that counts in the open session, where it is another."""
    if mine.here is mine.plan:
        return ""
    title = mine.here.titled(event.language)
    ends = mine.ends(mine.here, kit.services.clock())
    head = text(event.language, "pay-here", title=title)
    if ends is not None:
        at = i18n.format_moment(ends, zone_for(kit, event), event.language)
        head = text(event.language, "pay-here-until", title=title, at=at)
    return "\n".join([head, *left_lines(kit, event, mine.here)])


def _others(kit: Kit, event: Event, mine: CurrentPlan) -> str:
    """Return the plans that run beside these two, a line each."""
    lines = []
    for each in kit.services.plans:
        ends = mine.ends(each, kit.services.clock())
        if ends is not None and each is not mine.plan and each is not mine.here:
            at = i18n.format_moment(ends, zone_for(kit, event), event.language)
            lines.append(
                text(event.language, "pay-other", title=each.titled(event.language), at=at)
            )
    return "\n".join(lines)


def _renewals(kit: Kit, event: Event, mine: CurrentPlan) -> list[str]:
    lines = []
    for plan_ in kit.services.plans:
        renewal = mine.renewal(plan_)
        if renewal is not None:
            at = i18n.format_moment(renewal.next_at, zone_for(kit, event), event.language)
            told_ = {"title": plan_.titled(event.language), "at": at}
            lines.append(text(event.language, "pay-renews", **told_))
    return lines


def _ways(kit: Kit, event: Event, mine: CurrentPlan) -> list[tuple[Button, ...]]:
    language = event.language
    rows: list[tuple[Button, ...]] = []
    for plan_ in kit.services.plans:
        renewal = mine.renewal(plan_)
        if renewal is not None:
            label = text(language, "pay-button-renewal", title=plan_.titled(language))
            rows.append((Button(label, f"renewal:{renewal.renewal_id}"),))
    last: list[Button] = []
    if len(kit.services.plans) > 1:
        last.append(Button(text(language, "pay-button-code"), "code"))
    if list_orders(kit.rows.billing, buyer(event), 1):
        last.append(Button(text(language, "pay-button-orders"), "orders"))
    if are_invites_on(kit) and mine.plan is not UNLIMITED:
        rows.append((Button(text(language, "invite-button"), "invite"),))
    return [*rows, tuple(last)] if last else rows


def to_plan(event: Event) -> tuple[Button, ...]:
    """Return the row that leads back to /plan."""
    return (Button(text(event.language, "button-back"), "plan:0"),)


def offer(kit: Kit, event: Event) -> Screen:
    """Show one plan or pack. Raises NotFound for one that is not offered any more."""
    mark = word(event, 1)
    return offered(kit, event, plan_at(kit, word(event)), promo_at(kit, mark) if mark else None)


def promo_at(kit: Kit, mark: str) -> Promo | None:
    """Return the code that a button names, None for none that is known."""
    listed = kit.rows.billing.promos.all()
    return next((each.promo for each in listed if short(each.promo.code) == mark), None)


def offered(kit: Kit, event: Event, of: Plan, promo: Promo | None) -> Screen:
    """Return the screen of one plan or pack; a code makes it cheaper."""
    language, mine = event.language, current_plan(kit, event)
    title = of.titled(language)
    _, price = prices(of, promo)
    about = of.described(language)
    parts = [title, about, "\n".join(_brings(event, of, mine)), _beside(kit, event, of, mine)]
    parts += [_trial(kit, event, of), _price(event, of, promo, price)]
    words = "\n\n".join(filter(None, parts))
    rows = [*_buying(kit, event, of, promo, price), *_trying(kit, event, of), to_plan(event)]
    return Screen(FormattedMessage(words, (Entity("bold", 0, utf16_length(title)),), tuple(rows)))


def _brings(event: Event, of: Plan, mine: CurrentPlan) -> list[str]:
    language, days = event.language, of.offer.days
    if of.is_pack:
        lines = [f"• {text(language, 'pay-pack', what=pack_words(of.offer.pack, language))}"]
    else:
        lines = [_line(language, kind, of, mine.plan) for kind in Format]
        lines += plan_lines(event, of)
    if of.courses:
        lines.append(text(language, "pay-courses", courses=", ".join(of.courses)))
    if days is not None:
        lines.append(text(language, "pay-lasts-pack" if of.is_pack else "pay-lasts", days=days))
    return lines


def _line(language: str, kind: Format, of: Plan, now: Plan) -> str:
    new, old = (
        allowance_words(of.allowance(kind), language),
        allowance_words(now.allowance(kind), language),
    )
    named = {"kind": text(language, f"plan-{kind.value}"), "new": new}
    if new == old:
        return text(language, "pay-line-same", **named)
    return text(language, "pay-line", **named, old=old)


def _beside(kit: Kit, event: Event, of: Plan, mine: CurrentPlan) -> str:
    """Return how it goes together with what the person has."""
    ends = mine.ends(of, kit.services.clock())
    if of.is_pack:
        return ""
    if ends is not None:
        return text(event.language, "pay-from", at=_moment(kit, event, ends))
    plans = list(kit.services.plans)
    if not of.courses and mine.plan in plans and plans.index(mine.plan) > plans.index(of):
        return text(event.language, "pay-lower", title=mine.plan.titled(event.language))
    return ""


def _moment(kit: Kit, event: Event, at: datetime) -> str:
    return i18n.format_moment(at, zone_for(kit, event), event.language)


def _trial(kit: Kit, event: Event, of: Plan) -> str:
    if not may_try(kit.rows.billing, event.user_id, of):
        return ""
    return text(event.language, "pay-trial", days=of.offer.trial_days)


def _price(event: Event, of: Plan, promo: Promo | None, price: Amount | None) -> str:
    if price is None or of.offer.xtr is None:
        return ""
    language = event.language
    told_ = {"price": price.told(language), "days": STARS_PERIOD_DAYS}
    if promo is not None:
        code = {"code": promo.code, "before": of.offer.xtr.told(language)}
        return text(language, "pay-price-code", **told_, **code)
    return text(language, "pay-price-renewed" if of.offer.is_renewed else "pay-price", **told_)


def _buying(
    kit: Kit, event: Event, of: Plan, promo: Promo | None, price: Amount | None
) -> list[tuple[Button, ...]]:
    rows: list[tuple[Button, ...]] = []
    if price is not None:
        code = f":{short(promo.code)}" if promo is not None else ""
        label = text(event.language, "pay-button-buy", price=price.told(event.language))
        rows.append((Button(label, f"buy:{short(of.name)}{code}", style="success"),))
    services, rub = kit.services, prices(of, promo)[0]
    if rub is not None and is_for_roubles(services.selling, services.public_url, of):
        label = text(event.language, "pay-button-roubles", price=rub.told(event.language))
        url = f"{services.public_url.rstrip('/')}/checkout/{quote(of.name, safe='')}"
        rows.append((Button(label, url=url),))
    return rows


def _trying(kit: Kit, event: Event, of: Plan) -> list[tuple[Button, ...]]:
    if not may_try(kit.rows.billing, event.user_id, of):
        return []
    label = text(event.language, "pay-button-trial", days=of.offer.trial_days)
    return [(Button(label, f"try:{short(of.name)}"),)]


def try_it(kit: Kit, event: Event) -> Screen:
    """Begin the trial of a plan, once. Raises NotFound, Refused where it was had."""
    of = plan_at(kit, word(event))
    days = start_trial(kit.rows.billing, buyer(event), of.name)
    title = of.titled(event.language)
    words = text(event.language, "pay-tried", title=title, days=days)
    return replace(plan(kit, event), alert=words, is_loud=True)


STEP = "pay-code"
# Nobody guesses codes for long.
MOST_TRIES = 5


def ask_code(kit: Kit, event: Event) -> Screen:
    """Ask for the code."""
    kit.wait(event, Dialog(STEP, {"tries": 0}))
    return _asks(event, text(event.language, "pay-ask-code"))


def _asks(event: Event, words: str) -> Screen:
    back = Button(text(event.language, "button-back"), "plan:0")
    return said(words, (back, Button(text(event.language, "button-cancel"), "cancel")))


def code_typed(kit: Kit, event: Event) -> Screen:
    """Take the code that was written."""
    try:
        return kit.store.apart(lambda: _used(kit, event))
    except MerlinError as error:
        tries = int((event.dialog.said if event.dialog else {}).get("tries", 0)) + 1
        words = text(event.language, error.key, **error.arguments)
        if tries >= MOST_TRIES:
            kit.rows.dialogs.end(event.chat_id, event.user_id)
            return said(f"{words}\n\n{text(event.language, 'pay-code-enough')}")
        kit.wait(event, Dialog(STEP, {"tries": tries}))
        return _asks(event, f"{words}\n\n{text(event.language, 'pay-code-again')}")


def _used(kit: Kit, event: Event) -> Screen:
    promo = use_code(kit.rows.billing, buyer(event), event.text)
    of = plan_named(kit.services.plans, promo.plan)
    if of is None:
        raise NotFound(f"no plan {promo.plan}", "promo-unknown")
    kit.rows.dialogs.end(event.chat_id, event.user_id)
    if not promo.days:
        return offered(kit, event, of, promo)
    title = of.titled(event.language)
    words = text(event.language, "pay-code-given", title=title, days=promo.days)
    screen = plan(kit, event)
    page = screen.page
    return (
        screen
        if page is None
        else replace(screen, page=replace(page, text=f"{words}\n\n{page.text}"))
    )


def register(application: BotApplication) -> None:
    """Add the handlers of this file."""
    add_handlers(
        application,
        commands={"plan": told(plan)},
        buttons={
            "invite": invite,
            # An answer stands over the button without an argument: it is not to be lost.
            "plan": told(lambda kit, event: replace(plan(kit, event), is_new=not event.args)),
            "offer": shop_judged(offer),
            "try": shop_judged(try_it),
            "code": shop_judged(ask_code),
        },
        steps={STEP: told(code_typed)},
    )
