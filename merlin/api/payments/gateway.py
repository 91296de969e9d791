"""YooKassa out of the api's services, and what admins are told when it turns us away."""

from __future__ import annotations

from datetime import timedelta

from merlin.api.services import ApiServices
from merlin.billing.orders import Shop
from merlin.billing.purchases import Purchase, Till
from merlin.core.errors import GatewayUnavailable, PaymentError, Refused
from merlin.core.i18n import text
from merlin.core.log import get_logger, redact
from merlin.db.notices import ADMINS
from merlin.providers.payments import Payments, Returns, Wish

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


log = get_logger(__name__)

# YooKassa's words for credentials that are none, or not for this.
_WRONG_KEY = frozenset({"invalid_credentials", "forbidden"})


def is_final(error: PaymentError) -> bool:
    """Return whether asking again for the same changes nothing: it is our wish that is wrong."""
    return not isinstance(error, GatewayUnavailable) and error.code not in _WRONG_KEY


async def note(services: ApiServices, error: PaymentError, **about: object) -> None:
    """Write down that a call failed; tell admins where the credentials are no good."""
    log.warning("YooKassa did not do it", code=error.code, reason=redact(str(error)), **about)
    if error.code not in _WRONG_KEY:
        return
    once = f"till-key:{services.clock():%Y-%m-%dT%H}"
    told = {"reason": error.code}
    tell = services.rows.notices.tell
    await services.store.do(lambda: tell(ADMINS, "notice-till-key", told, once))
