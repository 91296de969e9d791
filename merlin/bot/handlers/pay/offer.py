"""Offer: one plan or pack: what it brings against what one has now, its price; its trial."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from urllib.parse import quote

from merlin.account import audit
from merlin.billing.amount import Amount
from merlin.billing.buying import begin_trial
from merlin.billing.plan import Format, Plan
from merlin.billing.promo import Promo, priced
from merlin.billing.selling import STARS_PERIOD_DAYS
from merlin.bot.event import Event
from merlin.bot.handlers.answer.allowance import zone_for
from merlin.bot.handlers.office.panel import short
from merlin.bot.handlers.pay.goods import (
    Having,
    having,
    is_for_roubles,
    plan_at,
    shop_of,
    word,
)
from merlin.bot.handlers.pay.judged import judged
from merlin.bot.handlers.pay.plan import plan, plan_lines, to_plan
from merlin.bot.handlers.topic import Topic
from merlin.bot.kit import Kit
from merlin.bot.screen import Screen
from merlin.bot.stars.words import allowed, pack_words
from merlin.core import moment
from merlin.core.page import Button, Mark, Page
from merlin.core.text import text
from merlin.core.utf16 import units


def offer(kit: Kit, event: Event) -> Screen:
    """Show one plan or pack. Raises NotFound for one that is not offered any more."""
    mark = word(event, 1)
    return offered(kit, event, plan_at(kit, word(event)), promo_at(kit, mark) if mark else None)


def promo_at(kit: Kit, mark: str) -> Promo | None:
    """Return the code that a button names, None for none that is known."""
    listed = kit.rows.books.promos.all()
    return next((each.promo for each in listed if short(each.promo.code) == mark), None)


def offered(kit: Kit, event: Event, of: Plan, promo: Promo | None) -> Screen:
    """Return the screen of one plan or pack; a code makes it cheaper."""
    language, mine = event.language, having(kit, event)
    title = of.titled(language)
    _, price = priced(of, promo)
    about = of.described(language)
    parts = [title, about, "\n".join(_brings(event, of, mine)), _beside(kit, event, of, mine)]
    parts += [_trial(kit, event, of), _price(event, of, promo, price)]
    words = "\n\n".join(filter(None, parts))
    rows = [*_buying(kit, event, of, promo, price), *_trying(kit, event, of), to_plan(event)]
    return Screen(Page(words, (Mark("bold", 0, units(title)),), tuple(rows)))


def _brings(event: Event, of: Plan, mine: Having) -> list[str]:
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
    new, old = allowed(of.allowance(kind), language), allowed(now.allowance(kind), language)
    named = {"kind": text(language, f"plan-{kind.value}"), "new": new}
    if new == old:
        return text(language, "pay-line-same", **named)
    return text(language, "pay-line", **named, old=old)


def _beside(kit: Kit, event: Event, of: Plan, mine: Having) -> str:
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
    return moment.told(at, zone_for(kit, event), event.language)


def _trial(kit: Kit, event: Event, of: Plan) -> str:
    if not _may_try(kit, event, of):
        return ""
    return text(event.language, "pay-trial", days=of.offer.trial_days)


def _may_try(kit: Kit, event: Event, of: Plan) -> bool:
    terms = kit.rows.books.terms
    if not of.offer.trial_days or terms.had_trial(event.user_id, of.name):
        return False
    return all(each.plan != of.name for each in terms.of(event.user_id))


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
    services, rub = kit.services, priced(of, promo)[0]
    if rub is not None and is_for_roubles(services.selling, services.public_url, of):
        label = text(event.language, "pay-button-roubles", price=rub.told(event.language))
        url = f"{services.public_url.rstrip('/')}/checkout/{quote(of.name, safe='')}"
        rows.append((Button(label, url=url),))
    return rows


def _trying(kit: Kit, event: Event, of: Plan) -> list[tuple[Button, ...]]:
    if not _may_try(kit, event, of):
        return []
    label = text(event.language, "pay-button-trial", days=of.offer.trial_days)
    return [(Button(label, f"try:{short(of.name)}"),)]


def try_it(kit: Kit, event: Event) -> Screen:
    """Begin the trial of a plan, once. Raises NotFound, Refused where it was had."""
    of = plan_at(kit, word(event))
    by = audit.user(event.user_id)
    days = begin_trial(kit.rows.books, shop_of(kit), event.user_id, of.name, by)
    title = of.titled(event.language)
    words = text(event.language, "pay-tried", title=title, days=days)
    return replace(plan(kit, event), alert=words, is_loud=True)


TOPIC = Topic(buttons={"offer": judged(offer), "try": judged(try_it)})
