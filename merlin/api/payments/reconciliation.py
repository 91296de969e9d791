"""Once a day YooKassa's own list is held against the ledger, for what nobody told us.

What was paid long after its order ended, or sent back in the shop's own cabinet while we were
down, has no other way here. Nothing is changed by it but when an order is looked at.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

from merlin.api.payments.gateway import payments_of
from merlin.api.services import ApiServices
from merlin.billing.ledger import EntryKind
from merlin.billing.purchases import Purchase, Till
from merlin.core.errors import NotFound
from merlin.core.log import get_logger
from merlin.db.notices import ADMINS
from merlin.providers.payments import Seen, Status

log = get_logger(__name__)

EVERY = timedelta(days=1)
# Cards are charged back later still; that is for `merlin billing reconcile`.
BACK = timedelta(days=31)


async def reconcile(services: ApiServices, now: datetime) -> int:
    """Let the orders be looked at that differ from the list; return how many. Raises TillError."""
    listed = [*await payments_of(services).between(now - BACK, now)]
    differing = await services.store.read(lambda: [*_differing(services, listed)])
    await services.store.do(lambda: _note(services, differing, now))
    if differing:
        log.warning("payments differ from the till's list", count=len(differing))
    return len(differing)


Differing = tuple[Seen, Purchase | None]


def _differing(services: ApiServices, listed: Iterable[Seen]) -> Iterator[Differing]:
    shop = services.selling.yookassa
    for seen in listed:
        # A shop may sell other things, by other programs.
        is_ours = seen.purchase_id and shop is not None and seen.is_test == shop.is_test
        if not is_ours or seen.status is not Status.SUCCEEDED:
            continue
        purchase = _purchase(services, seen)
        if purchase is None or _is_behind(services, purchase, seen):
            yield seen, purchase


def _purchase(services: ApiServices, seen: Seen) -> Purchase | None:
    purchases = services.rows.books.purchases
    try:
        return purchases.by_outside(Till.YOOKASSA, seen.outside_id) or purchases.get(
            seen.purchase_id
        )
    except NotFound:
        return None


def _is_behind(services: ApiServices, purchase: Purchase, seen: Seen) -> bool:
    entries = services.rows.books.ledger.entries(purchase.purchase_id)
    paid = {each.outside_id for each in entries if each.kind is EntryKind.PAYMENT}
    back = sum(each.amount.minor for each in entries if each.kind is EntryKind.REFUND)
    return seen.outside_id not in paid or seen.refunded > back


def _note(services: ApiServices, differing: Iterable[Differing], now: datetime) -> None:
    for seen, purchase in differing:
        if purchase is not None:
            services.rows.books.asking.look(purchase.purchase_id, now)
            continue
        told = {
            "payment": seen.outside_id,
            "purchase": seen.purchase_id,
            "amount": f"{seen.amount.decimal} {seen.amount.currency.value}",
        }
        once = f"payment-unknown:{seen.outside_id}"
        services.rows.notices.tell(ADMINS, "notice-payment-unknown", told, once)
