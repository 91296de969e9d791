"""A shop for the tests: plans that are sold, and its books on real rows under a still clock."""

from __future__ import annotations

from datetime import UTC, timedelta
from itertools import count

from merlin.account.users import Users
from merlin.app import plans as plan_acts
from merlin.app import settlement
from merlin.app import shop as acts
from merlin.app.actor import Actor
from merlin.app.context import Context
from merlin.billing.ledger import EntryKind, Ledger, find_inconsistencies
from merlin.billing.quota import Quotas, plan_of
from merlin.billing.subscriptions import Renewal, RenewalState
from merlin.config.shop import PaymentsConfig, YooKassaConfig
from merlin.core.permissions import Authority
from merlin.db.notices import Notices
from merlin.providers.payments import (
    Gateway,
    GatewayPayment,
    GatewayRefund,
    PaymentRequest,
    Status,
)
from tests.billing.repositories import billing_rows
from tests.support.config import make_config
from tests.support.plan_config import make_plans

ANNA, BORIS, VERA = 1001, 1002, 1003
STARS, YOOKASSA = Gateway.STARS, Gateway.YOOKASSA
SAID = {
    "free": {"title": {"ru": "Бесплатный", "en": "Free"}, "text": 20, "voice": 0},
    "plus": {
        "title": {"ru": "Плюс", "en": "Plus"},
        "text": 200,
        "voice": 20,
        "price": {"rub": 299.9, "stars": 200},
        "days": 30,
        "renewed": True,
        "trial_days": 3,
    },
    "voices": {
        "title": {"ru": "Голос", "en": "Voice"},
        "pack": {"voice": 10, "photo": 5},
        "price": {"rub": 99, "stars": 70},
        "days": 90,
    },
    "algorithms": {
        "title": {"ru": "Алгоритмы", "en": "Algorithms"},
        "text": 50,
        "price": {"rub": 150, "stars": 100},
        "days": 10,
        "courses": ["algorithms"],
    },
}
PLANS = make_plans(SAID)
SHOP = (PLANS, PaymentsConfig(yookassa=YooKassaConfig(save_methods=True)))


def request_of(purchase, return_url="", description="", **more):
    """Return what a gateway is asked for to have an order paid."""
    order = purchase.order
    return PaymentRequest(
        purchase_id=purchase.purchase_id,
        user_id=purchase.user_id,
        amount=order.amount,
        title=order.promise.plan,
        description=description,
        contact=order.contact,
        return_url=return_url,
        **more,
    )


class Counter:
    """The counter of a shop: what buyers, tills and admins do, on the rows of one database."""

    def __init__(self, database, clock, shop=SHOP):
        plans, payments = shop
        self.db = database
        self.clock = clock
        self.shop = shop
        said = {"plans": {plan.name: plan for plan in plans}}
        said |= {"payments": payments or PaymentsConfig()}
        config = make_config().model_copy(update=said)
        self.ctx = Context(config=config, db=database, clock=clock)
        self.billing = billing_rows(database, clock)
        self.notices = Notices(database, clock)
        self.users = Users(database, clock)
        # The rows themselves tell more than the Protocol.
        self.ledger = Ledger(database, clock)
        self._numbers = count(1)

    def order(self, user_id=ANNA, plan="plus", till=YOOKASSA, **more):
        who = Actor.person(user_id, Authority())
        return self.db.transact(lambda: acts.place_order(self.ctx, who, plan, till, **more))

    def seen(self, purchase, outside_id, status=Status.SUCCEEDED, **more):
        """Return the payment as YooKassa tells it when all is well."""
        said = {"is_paid": status is Status.SUCCEEDED, "amount": purchase.order.amount}
        said |= {"is_test": False, "purchase_id": purchase.purchase_id}
        said |= {"user_id": str(purchase.user_id), "at": self.clock()}
        return GatewayPayment(outside_id, status, **{**said, **more})

    def settle(self, purchase, seen):
        return self.db.transact(lambda: settlement.apply_payment(self.ctx, purchase, seen))

    def pay(self, purchase, outside_id=""):
        """Let a purchase be paid; return its grant, None for a payment that is known."""
        outside_id = outside_id or f"pay-{next(self._numbers)}"
        paid = self.seen(purchase, outside_id)
        return self.db.transact(lambda: settlement.grant_paid(self.ctx, purchase, paid))

    def bought(self, user_id=ANNA, plan="plus", till=YOOKASSA, **more):
        """Order and pay; return the purchase as it then is, and the grant."""
        purchase = self.order(user_id, plan, till, **more)
        grant = self.pay(purchase)
        return self.billing.purchases.get(purchase.purchase_id), grant

    def give_back(self, grant, minor=None, outside_id=""):
        """Let money go back at the till; return the ledger's row."""
        amount = self.billing.ledger.remaining_amount(grant.entry_id)
        amount = amount if minor is None else type(amount)(minor, amount.currency)
        outside_id = outside_id or f"back-{next(self._numbers)}"
        paid = self.payment_of(grant)
        returned = GatewayRefund(outside_id, paid.outside_id, amount, True, self.clock())
        return self.db.transact(lambda: settlement.apply_refund(self.ctx, grant.gateway, returned))

    def returned(self, payment_id, outside_id, amount):
        """Return what a gateway says of money that it sent back."""
        return GatewayRefund(outside_id, payment_id, amount, True, self.clock())

    def granted(self, code):
        """Return how many payments were granted something for a code, and how many nothing."""
        query = (
            "SELECT COUNT(*) FROM ledger JOIN purchase ON purchase.id = ledger.purchase_id"
            " WHERE ledger.kind = 'grant' AND promo = ? AND ledger.reason {} ''"
        )
        counts = [self.db.sql(query.format(sign), code)[0][0] for sign in ("=", "<>")]
        return tuple(counts)

    def payment_of(self, grant):
        entries = self.billing.ledger.entries(grant.purchase_id)
        return next(entry for entry in entries if entry.entry_id == grant.refers)

    def trial(self, user_id=ANNA, plan="plus"):
        """Begin a trial; return its days."""
        who = Actor.person(user_id, Authority())
        return self.db.transact(lambda: plan_acts.start_trial(self.ctx, who, plan))

    def renewal(self, user_id=ANNA, till=YOOKASSA, days=30):
        """Let a plan renew itself; return the renewal's id."""
        now = self.clock()
        next_at = now + timedelta(days=days)
        new = Renewal(0, user_id, "plus", till, "card-1", RenewalState.ON, now, next_at)
        return self.billing.renewals.begin(new)

    def entries(self):
        far = timedelta(days=40_000)
        rows = self.billing.ledger.list_period(self.clock() - far, self.clock() + far)
        return [entry for entry, _ in rows]

    def kinds(self):
        return [entry.kind.value for entry in self.entries()]

    def faults(self):
        return [*find_inconsistencies(self.entries())]

    def sums(self):
        """Return what was paid and what went back, in minor units by currency."""
        told = {}
        for entry in self.entries():
            if entry.kind in {EntryKind.PAYMENT, EntryKind.REFUND}:
                key = (entry.kind.value, entry.amount.currency.value)
                told[key] = told.get(key, 0) + entry.amount.minor
        return told

    def told(self, to):
        return [notice.key for notice in self.notices.newest(str(to), 100)][::-1]

    def plans(self, user_id=ANNA):
        user = self.users.get(user_id)
        return list(user.terms) if user else []


def quota_left(shop, kind, user_id=ANNA):
    user = shop.users.get(user_id)
    plan = plan_of(shop.ctx.plans, user.plans if user else ())
    quotas = Quotas(shop.db, 1, shop.clock)
    return quotas.left(user_id, plan, UTC)[kind]


def terms(shop, user_id=ANNA):
    """Return the terms of somebody as days from now, oldest first."""
    now = shop.clock()
    found = sorted(shop.billing.terms.of(user_id), key=lambda each: each.term_id)
    return [((term.starts_at - now).days, (term.ends_at - now).days) for term in found]


def state(shop, purchase):
    return shop.billing.purchases.get(purchase.purchase_id).state
