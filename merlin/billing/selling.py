"""Selling: what the config says of payments, and what is wrong with its plans.

Telegram sells digital goods for Stars alone, and what is sold elsewhere must be sold for Stars
too (Developer Terms 6.2). So a plan with a price in roubles has a price in Stars, unless the
operator says that it is no digital good.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_network
from typing import Any

from merlin.billing.plan import Plan

YOOKASSA_URL = "https://api.yookassa.ru/v3"
# Telegram's own limits: of an invoice, of a subscription, and the one period it knows.
MOST_STARS = 25_000
MOST_STARS_RENEWED = 10_000
STARS_PERIOD_DAYS = 30
# The networks that notifications come from, as the `yookassa` package 3.13.0 lists them.
NETWORKS = (
    "77.75.153.0/25",
    "77.75.156.11/32",
    "77.75.156.35/32",
    "77.75.154.128/25",
    "185.71.76.0/27",
    "185.71.77.0/27",
    "2a02:5180:0:1509::/64",
    "2a02:5180:0:2655::/64",
    "2a02:5180:0:1533::/64",
    "2a02:5180:0:2669::/64",
)


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a receipt says (54-FZ), in YooKassa's own codes; `tax_system` None: as the shop has."""

    vat_code: int = 1
    subject: str = "service"
    mode: str = "full_payment"
    tax_system: int | None = None


@dataclass(frozen=True, slots=True)
class YooKassaConfig:
    """The shop at YooKassa. `is_test`: its payments are tests, and none but tests are believed.

    `is_held`: money is held first and taken when the questions are granted. `saves_methods`:
    people may let a plan renew itself by the same card. `has_bot_button`: the bot leads to the
    page that takes roubles too, which Telegram's terms allow for no digital goods.
    """

    base_url: str = YOOKASSA_URL
    shop_id: str = "YOOKASSA_SHOP_ID"
    secret_key: str = "YOOKASSA_SECRET_KEY"  # noqa: S105 - a variable's name
    is_test: bool = False
    is_held: bool = False
    saves_methods: bool = False
    has_bot_button: bool = False
    receipt: Receipt | None = None
    networks: tuple[str, ...] = NETWORKS


@dataclass(frozen=True, slots=True)
class Selling:
    """How plans are paid for; an order that nobody pays ends after `order_hours`.

    `invitation` is how many questions somebody gets for each new person that they bring.
    """

    yookassa: YooKassaConfig | None = None
    order_hours: int = 24
    invitation: int = 0
    physical: tuple[str, ...] = field(default=())


def read_selling(said: Mapping[str, Any]) -> Selling:
    """Return the config's `payments`; its schema has judged them."""
    shop = said.get("yookassa")
    return Selling(
        yookassa=None if shop is None else _shop(shop),
        order_hours=said.get("order_hours", 24),
        invitation=said.get("invitation", 0),
        physical=tuple(said.get("not_digital", ())),
    )


def _shop(said: Mapping[str, Any]) -> YooKassaConfig:
    receipt = said.get("receipt")
    return YooKassaConfig(
        base_url=said.get("base_url", YOOKASSA_URL).rstrip("/"),
        shop_id=said.get("shop_id", "YOOKASSA_SHOP_ID"),
        secret_key=said.get("secret_key", "YOOKASSA_SECRET_KEY"),
        is_test=said.get("test", False),
        is_held=said.get("capture", "auto") == "manual",
        saves_methods=said.get("save_methods", False),
        has_bot_button=said.get("bot_button", False),
        receipt=None if receipt is None else Receipt(**receipt),
        networks=tuple(said.get("networks", NETWORKS)),
    )


def shop_faults(selling: Selling, public_url: str) -> Iterator[str]:
    """Return a line for everything without which nobody can pay at YooKassa."""
    shop = selling.yookassa
    if shop is None:
        return
    if not public_url:
        yield "payments.yookassa: needs api.public_url, to which people come back"
    for each in shop.networks:
        try:
            ip_network(each)
        except ValueError:
            yield f"payments.yookassa.networks: {each} is neither an address nor a network"


def plan_faults(plans: Sequence[Plan], selling: Selling) -> Iterator[str]:
    """Return a line for everything that is wrong with the plans as goods."""
    for number, plan in enumerate(plans):
        place = f"plans.{plan.name}"
        if number == 0 and (plan.offer.is_sold or plan.is_pack or plan.courses):
            yield f"{place}: the first plan is everybody's, so it has no price, pack or courses"
        yield from (f"{place}{fault}" for fault in _faults(plan, selling))


def _faults(plan: Plan, selling: Selling) -> Iterator[str]:
    offer = plan.offer
    if offer.rub is not None and offer.rub.minor == 0:
        yield ".price.rub: must be more than 0"
    if offer.rub is not None and selling.yookassa is None:
        yield ".price.rub: payments.yookassa is missing, which takes roubles"
    if offer.rub is not None and offer.xtr is None and plan.name not in selling.physical:
        yield (
            ".price.stars: is missing; Telegram's terms ask that digital goods sold elsewhere are"
            " sold for Stars too (or name the plan in payments.not_digital)"
        )
    if offer.is_sold and not plan.is_pack and offer.days is None:
        yield ".days: is missing; say for how long it is bought, or what pack it is"
    if not offer.is_sold and (plan.is_pack or offer.is_renewed):
        yield ".price: is missing; a pack and a renewed plan are bought"
    yield from _renewal_faults(plan)
    if plan.is_pack and (plan.allowances or offer.trial_days or plan.courses):
        yield ".pack: a pack has no numbers a day, no trial and no courses of its own"


def _renewal_faults(plan: Plan) -> Iterator[str]:
    offer, most = plan.offer, MOST_STARS_RENEWED if plan.offer.is_renewed else MOST_STARS
    if offer.xtr is not None and offer.xtr.minor > most:
        yield f".price.stars: Telegram takes {most} Stars at most"
    if offer.is_renewed and plan.is_pack:
        yield ".renewed: a pack is not renewed"
    if offer.is_renewed and offer.xtr is not None and offer.days != STARS_PERIOD_DAYS:
        yield f".days: Telegram renews every {STARS_PERIOD_DAYS} days and no other number"
