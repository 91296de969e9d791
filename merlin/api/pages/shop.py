"""Shop: what may be bought on these pages, by whom, and by what."""

from __future__ import annotations

from dataclasses import dataclass

from merlin.api.pages.bot_link import PLANS, bot_opened
from merlin.api.pages.speech import is_in_telegram
from merlin.api.pages.visit import Visit
from merlin.billing.buying import Shop
from merlin.billing.plan import Plan, on_sale
from merlin.billing.purchase import Purchase, Till


@dataclass(frozen=True, slots=True)
class Ways:
    """How a plan may be paid for here; prices as they are told, "" for none.

    `bot_href` opens the bot, where Stars are paid; "" where nobody knows its name.
    """

    roubles: str
    stars: str
    bot_href: str


def shop_of(visit: Visit) -> Shop:
    """Return what is sold, and how."""
    return Shop(visit.services.plans, visit.services.selling)


def has_shop(visit: Visit) -> bool:
    """Return whether anything is on sale, or may be tried."""
    plans = visit.services.plans
    return bool(on_sale(plans)) or any(each.offer.trial_days for each in plans)


def takes_roubles(visit: Visit, plan: Plan) -> bool:
    """Return whether the plan may be paid in roubles on this page."""
    services = visit.services
    if plan.offer.rub is None or services.selling.yookassa is None or services.payments is None:
        return False
    return _may_be_asked_for(visit, plan.name)


def _may_be_asked_for(visit: Visit, plan: str) -> bool:
    """Return whether roubles may be asked for a plan where this page is shown.

    Within Telegram digital goods are sold for Stars alone, unless the operator decided otherwise.
    """
    selling = visit.services.selling
    is_free = plan in selling.physical
    is_free = is_free or (selling.yookassa is not None and selling.yookassa.has_bot_button)
    return is_free or not is_in_telegram(visit.request)


def ways(visit: Visit, plan: Plan) -> Ways:
    """Return how a plan may be paid for; reads rows."""
    offer, language = plan.offer, visit.language
    roubles = offer.rub.told(language) if offer.rub and takes_roubles(visit, plan) else ""
    stars = offer.xtr.told(language) if offer.xtr else ""
    return Ways(roubles, stars, bot_opened(visit.services, PLANS) if stars else "")


def may_be_led_to(visit: Visit, purchase: Purchase) -> bool:
    """Return whether the till's page of an order is one to lead a person to.

    Only what the till itself gave is in the row; it is https, as the till's own address is.
    """
    shop = visit.services.selling.yookassa
    if shop is None or not may_be_paid_here(visit, purchase):
        return False
    safe = "http://" if shop.base_url.startswith("http://") else "https://"
    return purchase.pay_url.startswith(("https://", safe)) and purchase.pay_url.isprintable()


def may_be_paid_here(visit: Visit, purchase: Purchase) -> bool:
    """Return whether an order is one for roubles, and this is a place to ask for them."""
    is_ours = purchase.order.till is Till.YOOKASSA
    return is_ours and _may_be_asked_for(visit, purchase.order.promise.plan)
