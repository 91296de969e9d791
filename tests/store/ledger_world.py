"""What tests of the ledger ask of the shop's counter: what is left, which terms, which state."""

from __future__ import annotations

from datetime import UTC

from shop_world import ANNA

from merlin.billing.plan import plan_of
from merlin.billing.quota import Quotas


def left(shop, kind, user_id=ANNA):
    user = shop.users.get(user_id)
    plan = plan_of(shop.billing.plans, user.plans if user else ())
    quotas = Quotas(shop.db, 1, shop.clock)
    return quotas.left(user_id, plan, UTC)[kind]


def terms(shop, user_id=ANNA):
    """Return the terms of somebody as days from now, oldest first."""
    now = shop.clock()
    found = sorted(shop.billing.terms.of(user_id), key=lambda each: each.term_id)
    return [((each.starts_at - now).days, (each.ends_at - now).days) for each in found]


def state(shop, purchase):
    return shop.billing.purchases.get(purchase.purchase_id).state
