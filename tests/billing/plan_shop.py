"""A shop for tests: plans for sale, and what customers, gateways and admins do on one database."""

from datetime import UTC, timedelta
from itertools import count

from merlin.account.users import Users
from merlin.app import settlement, shop as acts
from merlin.app.actor import Actor
from merlin.app.context import Context
from merlin.billing.quota import Format, QuestionPack, Quotas, plan_of
from merlin.config.shop import PaymentsConfig, YooKassaConfig
from merlin.core.permissions import Authority
from merlin.providers.payments import (
    Gateway,
    GatewayPayment,
    GatewayRefund,
    PaymentRequest,
    PaymentStatus,
)
from tests.billing.ledger_rules import find_inconsistencies
from tests.billing.repositories import open_billing
from tests.support.config import make_config
from tests.support.plan_config import make_plans

ANNA = 1001
BORIS = 1002
VERA = 1003
BY_VERA = f"user:{VERA}"
CALL_TIMEOUT = timedelta(seconds=30)
_PACK_NUMBERS = count(1_000_001)
STARS = Gateway.STARS
YOOKASSA = Gateway.YOOKASSA
PLAN_SETTINGS = {
    "free": {"title": {"ru": "Бесплатный", "en": "Free"}, "text": 20, "voice": 0},
    "plus": {
        "title": {"ru": "Плюс", "en": "Plus"},
        "text": 200,
        "voice": 20,
        "price": {"rub": 299.9, "stars": 200},
        "days": 30,
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
    },
}
PLANS = make_plans(PLAN_SETTINGS)
PRICES_AND_GATEWAYS = (PLANS, PaymentsConfig(yookassa=YooKassaConfig()))


def make_payment_request(purchase, return_url="", description="", **more):
    """Return the request that asks a gateway for the payment of an order."""
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


class Shop:
    """Orders, payments and refunds on one database."""

    def __init__(self, database, clock, prices_and_gateways=PRICES_AND_GATEWAYS):
        plans, payments = prices_and_gateways
        self.db = database
        self.clock = clock
        update = {
            "plans": {plan.name: plan for plan in plans},
            "payments": payments or PaymentsConfig(),
        }
        config = make_config().model_copy(update=update)
        self.ctx = Context(config=config, db=database, clock=clock)
        self.billing = open_billing(database, clock)
        self.users = Users(database, clock)
        self._numbers = count(1)

    def order(self, user_id=ANNA, plan="plus", gateway=YOOKASSA, **more):
        actor = Actor.person(user_id, Authority())
        return self.db.transact(
            lambda: acts.place_order(self.ctx, actor, plan, gateway, **more)
        )

    def start_payment(self, user_id=ANNA, outside_id="", **more):
        """Order; return the order, whose payment was created at the gateway."""
        purchases = self.billing.purchases
        purchase_id = self.order(user_id, **more).purchase_id
        outside_id = outside_id or f"out-{user_id}"
        later = self.clock() + timedelta(minutes=1)
        assert purchases.claim_call(purchase_id, self.clock(), CALL_TIMEOUT)
        assert purchases.mark_pending(purchase_id, outside_id, "https://pay", later)
        return purchases.get(purchase_id)

    def make_payment(
        self, purchase, outside_id, status=PaymentStatus.SUCCEEDED, **more
    ):
        """Return the payment that a gateway reports for an order."""
        values = {
            "is_paid": status is PaymentStatus.SUCCEEDED,
            "amount": purchase.order.amount,
            "is_test": False,
            "purchase_id": purchase.purchase_id,
            "user_id": str(purchase.user_id),
            "at": self.clock(),
        }
        return GatewayPayment(outside_id, status, **{**values, **more})

    def apply_payment(self, purchase, payment):
        return self.db.transact(
            lambda: settlement.apply_payment(self.ctx, purchase, payment)
        )

    def pay(self, purchase, outside_id=""):
        """Pay a purchase; return its grant, None if the payment was stored before."""
        outside_id = outside_id or f"pay-{next(self._numbers)}"
        payment = self.make_payment(purchase, outside_id)
        return self.db.transact(
            lambda: settlement.grant_paid(self.ctx, purchase, payment)
        )

    def buy(self, user_id=ANNA, plan="plus", gateway=YOOKASSA, **more):
        """Order and pay; return the paid purchase and the grant."""
        purchase = self.order(user_id, plan, gateway, **more)
        grant = self.pay(purchase)
        return self.billing.purchases.get(purchase.purchase_id), grant

    def refund(self, grant, minor=None, outside_id=""):
        """Store a refund made by the gateway, by default of the whole rest; return its entry."""
        amount = self.billing.ledger.remaining_amount(grant.entry_id)
        amount = amount if minor is None else type(amount)(minor, amount.currency)
        outside_id = outside_id or f"back-{next(self._numbers)}"
        refund = self.make_refund(
            self.find_payment(grant).outside_id, outside_id, amount
        )
        return self.db.transact(
            lambda: settlement.apply_refund(self.ctx, grant.gateway, refund)
        )

    def request_refund(self, grant, minor=None, key=""):
        """Request a refund as vera, by default of the whole payment."""
        amount = grant.amount
        amount = amount if minor is None else type(amount)(minor, amount.currency)
        request = self.billing.refunds.request
        return request(grant.entry_id, amount, "Не подошло", BY_VERA, key)

    def report_refund(self, refund, outside_id="back"):
        """Return a requested refund as the gateway reports it."""
        return self.make_refund(refund.payment_id, outside_id, refund.amount)

    def make_refund(self, payment_id, outside_id, amount):
        """Return a refund as a gateway reports it."""
        return GatewayRefund(outside_id, payment_id, amount, True, self.clock())

    def find_payment(self, grant):
        """Return the ledger's entry of the payment behind a grant."""
        entries = self.billing.ledger.entries(grant.purchase_id)
        return next(entry for entry in entries if entry.entry_id == grant.refers)

    def list_entries(self):
        far = timedelta(days=40_000)
        ledger = self.billing.ledger
        orders = ledger.list_orders(self.clock() - far, self.clock() + far)
        entries = [entry for order in orders for entry in ledger.entries(order)]
        return sorted(entries, key=lambda entry: entry.entry_id)

    def list_kinds(self):
        return [entry.kind.value for entry in self.list_entries()]

    def find_faults(self):
        return [*find_inconsistencies(self.list_entries())]

    def list_notices(self, to):
        """Return the keys of the notices to a person or group, oldest first."""
        return [
            notice.key for notice in self.billing.notices.list_newest(str(to), 100)
        ][::-1]

    def list_plans(self, user_id=ANNA):
        user = self.users.get(user_id)
        return list(user.terms) if user else []


def add_pack(packs, user_id=ANNA, kind=Format.TEXT, amount=1, expires_at=None, key=""):
    """Store a question pack; return its id."""
    key = key or f"grant:{next(_PACK_NUMBERS)}:{kind.value}"
    packs.add(QuestionPack(user_id, kind, amount, key, expires_at))
    return next(pack.pack_id for pack in packs.list_all(user_id) if pack.key == key)


def show_quota(shop, kind, user_id=ANNA):
    user = shop.users.get(user_id)
    plan = plan_of(shop.ctx.plans, user.plans if user else ())
    quotas = Quotas(shop.db, 1, shop.clock)
    return quotas.read_left(user_id, plan, UTC)[kind]


def list_terms(shop, user_id=ANNA):
    """Return begin and end of each term of a person, in days from now, oldest first."""
    now = shop.clock()
    terms = sorted(
        shop.billing.terms.list_of_user(user_id), key=lambda term: term.term_id
    )
    return [((term.starts_at - now).days, (term.ends_at - now).days) for term in terms]


def read_state(shop, purchase):
    return shop.billing.purchases.get(purchase.purchase_id).state
