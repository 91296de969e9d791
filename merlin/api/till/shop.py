"""Shop: what is sold here and where it is paid, out of the api's services."""

from __future__ import annotations

from datetime import timedelta

from merlin.api.services import ApiServices
from merlin.billing.buying import Shop
from merlin.billing.purchase import Purchase, Till
from merlin.billing.till import Payments, Returns, Wish
from merlin.core.errors import Refused
from merlin.core.text import text

# So long YooKassa knows by its key that a call comes again; an hour less than the day it says.
KEY_LIVES = timedelta(hours=23)
MOST_WORDS = 128


def shop_of(services: ApiServices) -> Shop:
    """Return what is sold."""
    return Shop(services.plans, services.selling)


def payments_of(services: ApiServices) -> Payments:
    """Return the payments of the shop at YooKassa. Raises Refused where there is none."""
    if services.payments is None:
        raise Refused("no shop", "pay-no-shop")
    return services.payments


def returns_of(services: ApiServices) -> Returns:
    """Return the refunds of the shop at YooKassa. Raises Refused where there is none."""
    if services.returns is None:
        raise Refused("no shop", "pay-no-shop")
    return services.returns


def is_ours(purchase: Purchase) -> bool:
    """Return whether it is paid at YooKassa; what is paid in Stars is the bot's."""
    return purchase.order.till is Till.YOOKASSA


def wish_of(services: ApiServices, purchase: Purchase, method_id: str = "") -> Wish:
    """Return the payment to ask for; with a saved method nobody comes back from anywhere.

    It is the same however often it is made: under one key YooKassa wants to be told one thing.
    """
    title, language = purchase.order.promise.title, services.language
    words = title.get(language) or purchase.order.promise.plan
    address = f"{services.public_url.rstrip('/')}/orders/{purchase.purchase_id}"
    return Wish(
        purchase=purchase,
        return_url="" if method_id else address,
        words=text(language, "pay-words", title=words)[:MOST_WORDS],
        saves_method=purchase.order.keeps_method,
        method_id=method_id,
    )
