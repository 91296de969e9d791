"""Random actions of one customer from a seed, and a model of what the database shall hold then.

The customer orders, pays late, twice or out of order, gives up, gets refunds in parts, asks
questions, gets packs and changes time zones; the clock jumps in both
directions. `check` compares the database with the model.
"""

from collections import Counter as Counts
from dataclasses import dataclass, field
from datetime import timedelta
from fractions import Fraction
from itertools import pairwise
from math import ceil

import pytest

from merlin.account.users import User
from merlin.app.settlement import expire
from merlin.billing.purchases import PurchaseState
from merlin.billing.quota import (
    Format,
    Quotas,
    allowance_of,
    plan_of,
)
from merlin.config.shop import PaymentsConfig, YooKassaConfig
from merlin.core.clock import zone_of
from merlin.core.errors import Refused
from merlin.providers.payments import PaymentStatus
from tests.billing.plan_shop import PLAN_SETTINGS, STARS, YOOKASSA, add_pack
from tests.support.plan_config import make_plans

BOT = 4242
ZONES = (
    "UTC",
    "Europe/Moscow",
    "America/New_York",
    "Pacific/Chatham",
    "Asia/Kathmandu",
)
PACK_SOLD = {
    "pack": {"voice": 3, "text": 2},
    "price": {"rub": 99.01, "stars": 70},
    "days": 20,
}
PLANS = make_plans(
    {
        "free": {**PLAN_SETTINGS["free"], "text": 2},
        "plus": {**PLAN_SETTINGS["plus"], "text": {"day": 3, "month": 7}, "voice": 1},
        "pack": {**PLAN_SETTINGS["voices"], **PACK_SOLD},
        "course": {**PLAN_SETTINGS["algorithms"], "text": {"month": 4}, "days": 7},
    }
)
PRICES_AND_GATEWAYS = (PLANS, PaymentsConfig(yookassa=YooKassaConfig()))
DAYS = {"plus": 30, "course": 7}
PACK = {Format.VOICE: 3, Format.TEXT: 2}
JUMPS = (60, 3 * 3600, 26 * 3600, 9 * 86_400, 33 * 86_400, -3600)


@dataclass
class PaidOrder:
    """The expected state of one payment."""

    purchase: object
    outside_id: str
    paid: int
    grant: object
    refunded: int = 0
    refunds: list[tuple[str, int]] = field(default_factory=list)


@dataclass
class Use:
    """One reserved question."""

    kind: Format
    day: str
    month: str
    pack_id: int | None
    state: str = "reserved"


class History:
    """The actions of one customer of a shop that all customers of a database share."""

    def __init__(self, rng, shop, user_id):
        self.rng = rng
        self.shop = shop
        self.clock = shop.clock
        self.user_id = user_id
        self.quotas = Quotas(shop.db, BOT, shop.clock)
        self.zone = zone_of(rng.choice(ZONES))
        self.orders = []
        self.payments = []
        self.uses = {}
        self.packs = {}
        self.gifts = 0
        shop.users.record([User(user_id, "ru")])

    def step(self):
        """Do one random action."""
        steps = [self.order, self.pay, self.ask, self.ask, self.settle, self.pass_time]
        steps += [
            self.pay_again,
            self.refund,
            self.refund_again,
            self.report_out_of_order,
        ]
        steps += [self.end_unpaid, self.change_zone, self.get_gift]
        steps += [self.start_payment, self.poll, self.order, self.pay]
        self.rng.choice(steps)()

    # Orders and payments.

    def order(self):
        plan = self.rng.choice(["plus", "plus", "pack", "course"])
        gateway = self.rng.choice([STARS, YOOKASSA])
        more = {"contact": self.rng.choice(["", "a@example.com"])}
        first, second = (
            self.shop.order(self.user_id, plan, gateway, **more) for _ in range(2)
        )
        # Ordering twice places one order.
        assert first.purchase_id == second.purchase_id
        if first.purchase_id not in {order.purchase_id for order in self.orders}:
            self.orders.append(first)

    def pay(self):
        """Pay an order, which may be old, given up, or paid before through another link."""
        if not self.orders:
            return
        purchase = self.rng.choice(self.orders)
        is_again = any(payment.purchase == purchase for payment in self.payments)
        if is_again and purchase.order.gateway is YOOKASSA:
            return
        outside_id = f"{self.user_id}-{len(self.payments)}"
        grant = self.shop.pay(purchase, outside_id)
        assert grant is not None
        amount = purchase.order.amount.minor
        self.payments.append(PaidOrder(purchase, outside_id, amount, grant))
        if purchase.order.promise.pack:
            self._remember_packs(grant)

    def _remember_packs(self, grant):
        ends = self.clock() + timedelta(days=20)
        keys = {f"grant:{grant.entry_id}:{kind.value}": kind for kind in PACK}
        for pack in self.quotas.packs.list_all(self.user_id):
            if pack.key in keys:
                kind = keys[pack.key]
                self.packs[pack.pack_id] = [kind, PACK[kind], ends]

    def pay_again(self):
        """Report a stored payment again."""
        if self.payments:
            payment = self.rng.choice(self.payments)
            assert self.shop.pay(payment.purchase, payment.outside_id) is None

    def start_payment(self):
        """Create the payment of an order at the gateway: from then on it may be paid."""
        if self.orders:
            purchase_id = self.rng.choice(self.orders).purchase_id
            purchases = self.shop.billing.purchases
            if purchases.claim_call(purchase_id, self.clock(), timedelta(seconds=15)):
                next_poll = self.clock() + timedelta(minutes=1)
                purchases.mark_pending(
                    purchase_id, purchase_id, "https://pay", next_poll
                )

    def poll(self):
        """Poll the gateways about all due orders, without news."""
        for claimed in self.shop.billing.purchases.claim_due(self.clock(), 50):
            self.shop.billing.purchases.end_polling(claimed)

    def report_out_of_order(self):
        """Report a state of a payment that is outdated or never was."""
        if not self.orders:
            return
        purchase = self.rng.choice(self.orders)
        known = next((one for one in self.payments if one.purchase == purchase), None)
        if purchase.order.gateway is STARS:
            return
        status = self.rng.choice(
            [PaymentStatus.PENDING, PaymentStatus.CANCELED, PaymentStatus.SUCCEEDED]
        )
        if known is None and status is PaymentStatus.SUCCEEDED:
            return
        outside_id = known.outside_id if known else f"{self.user_id}-none"
        self.shop.apply_payment(
            purchase, self.shop.make_payment(purchase, outside_id, status, reason="x")
        )

    def end_unpaid(self):
        if self.orders:
            purchase = self.rng.choice(self.orders)
            purchase_id = purchase.purchase_id
            state = PurchaseState.CANCELED
            is_closed = self.rng.random() < 0.3
            self.shop.billing.purchases.end_unpaid(
                purchase_id, state, is_closed=is_closed
            )
            expire(self.shop.ctx, self.rng.choice(self.orders))

    def refund(self):
        """Refund a part or all of a payment; never more than is left."""
        refundable = [one for one in self.payments if one.refunded < one.paid]
        if not refundable:
            return
        payment = self.rng.choice(refundable)
        rest = payment.paid - payment.refunded
        is_whole = payment.purchase.order.gateway is STARS or self.rng.random() < 0.4
        minor = rest if is_whole else self.rng.randint(1, rest)
        outside_id = f"{payment.outside_id}-back-{len(payment.refunds)}"
        with pytest.raises(Refused):
            self.shop.refund(payment.grant, rest + 1, f"{outside_id}-too-much")
        assert self.shop.refund(payment.grant, minor, outside_id) is not None
        payment.refunded += minor
        payment.refunds.append((outside_id, minor))
        self._reduce_packs(payment)

    def _reduce_packs(self, payment):
        keys = {f"grant:{payment.grant.entry_id}:{kind.value}" for kind in PACK}
        rest = payment.paid - payment.refunded
        for pack in self.quotas.packs.list_all(self.user_id):
            if pack.key in keys:
                expected = self.packs[pack.pack_id]
                if rest:
                    kept = ceil(Fraction(PACK[expected[0]] * rest, payment.paid))
                    expected[1] = max(kept, self.count_questions(pack_id=pack.pack_id))
                else:
                    expected[2] = min(expected[2], self.clock())

    def refund_again(self):
        refunds = [
            (payment, refund) for payment in self.payments for refund in payment.refunds
        ]
        if refunds:
            payment, (outside_id, minor) = self.rng.choice(refunds)
            assert self.shop.refund(payment.grant, minor, outside_id) is None

    # Given plans, and packs beside orders.

    def get_gift(self):
        amount = self.rng.randint(1, 2)
        hours = self.rng.choice([None, 1, 30])
        if self.rng.random() < 0.3:
            key = f"admin:{self.gifts}"
            terms = self.shop.billing.terms
            assert terms.add(self.user_id, "plus", amount, key, "user:1003")
            self.gifts += 1
            return
        ends = None if hours is None else self.clock() + timedelta(hours=hours)
        pack_id = add_pack(
            self.quotas.packs, self.user_id, amount=amount, expires_at=ends
        )
        self.packs[pack_id] = [Format.TEXT, amount, ends]

    # Questions.

    def find_plan(self):
        return plan_of(PLANS, self.shop.users.get(self.user_id).plans)

    def today(self):
        local = self.clock().astimezone(self.zone)
        return f"{local:%Y-%m-%d}", f"{local:%Y-%m}"

    def count_questions(self, **values):
        return sum(
            use.state != "returned"
            and all(getattr(use, key) == values[key] for key in values)
            for use in self.uses.values()
        )

    def find_packs(self, kind):
        """Return what is left of each pack of this format."""
        return {
            pack_id: amount - self.count_questions(pack_id=pack_id)
            for pack_id, (pack_kind, amount, ends_at) in self.packs.items()
            if pack_kind is kind
            and (ends_at is None or ends_at > self.clock())
            and amount > self.count_questions(pack_id=pack_id)
        }

    def count_used(self, kind):
        """Return how many questions were used today and this month."""
        day, month = self.today()
        values = {"kind": kind, "pack_id": None, "month": month}
        return self.count_questions(**values, day=day), self.count_questions(**values)

    def has_room(self, kind, plan):
        allowance = allowance_of(plan, kind)
        (of_day, of_month) = self.count_used(kind)
        is_day_free = allowance.day is None or of_day < allowance.day
        return is_day_free and (allowance.month is None or of_month < allowance.month)

    def ask(self):
        update_id = self.user_id * 1000 + self.rng.randrange(40)
        kind = self.rng.choice([Format.TEXT, Format.VOICE])
        plan = self.find_plan()
        known = self.uses.get(update_id)
        has_room = self.has_room(kind, plan)
        packs = self.find_packs(kind)
        result = self.quotas.reserve(self.user_id, update_id, kind, plan, self.zone)
        query = "SELECT format, pack_id FROM quota_use WHERE update_id = ?"
        stored = self.quotas.db.sql(query, update_id)
        if known is not None and known.state != "returned":
            assert (result, stored) == (None, [(known.kind.value, known.pack_id)])
            return
        assert (result is None) is bool(has_room or packs)
        if result is None:
            ((_, pack_id),) = stored
            assert pack_id is None if has_room else pack_id in packs
            self.uses[update_id] = Use(kind, *self.today(), pack_id)

    def settle(self):
        if not self.uses:
            return
        update_id = self.rng.choice([*self.uses])
        state = self.rng.choice(["charged", "charged", "returned"])
        settle = self.quotas.charge if state == "charged" else self.quotas.give_back
        settle(update_id)
        if self.uses[update_id].state == "reserved":
            self.uses[update_id].state = state

    # Place and time.

    def change_zone(self):
        self.zone = zone_of(self.rng.choice(ZONES))

    def pass_time(self):
        self.clock.move(self.rng.choice(JUMPS))

    # Comparison with the database.

    def check(self):
        """Compare the database with the model."""
        self._check_money()
        self._check_terms()
        self._check_quota(self.find_plan())

    def _check_money(self):
        for purchase in self.orders:
            payments = [one for one in self.payments if one.purchase == purchase]
            entries = self.shop.billing.ledger.entries(purchase.purchase_id)
            kinds = Counts(entry.kind.value for entry in entries)
            sums = Counts()
            for entry in entries:
                sums[entry.kind.value] += entry.amount.minor
            whole = sum(payment.refunded == payment.paid for payment in payments)
            assert kinds["payment"] == kinds["grant"] == len(payments)
            assert kinds["revocation"] == whole
            assert (
                sums["payment"]
                == sums["grant"]
                == sum(payment.paid for payment in payments)
            )
            assert sums["refund"] == sum(payment.refunded for payment in payments)
            state = self.shop.billing.purchases.get(purchase.purchase_id).state
            assert state.is_paid is bool(payments)
            expected = (
                PurchaseState.REFUNDED_IN_PART if sums["refund"] else PurchaseState.PAID
            )
            expected = PurchaseState.REFUNDED if whole == len(payments) else expected
            assert not payments or state is expected

    def _check_terms(self):
        terms = self.shop.billing.terms.list_of_user(self.user_id)
        payments = {payment.grant.entry_id: payment for payment in self.payments}
        for term in terms:
            assert term.starts_at <= term.ends_at
            payment = payments.get(term.grant_id)
            if payment is None:
                continue
            length = term.ends_at - term.starts_at
            whole = timedelta(days=DAYS[term.plan])
            assert length <= whole
            if not payment.refunded:
                assert length == whole
            if payment.refunded == payment.paid:
                assert not self._runs_after_the_last_jump_back(term)
        for plan in DAYS:
            spans = sorted((t.starts_at, t.ends_at) for t in terms if t.plan == plan)
            for (_, first_ends), (second_starts, _) in pairwise(spans):
                assert first_ends <= second_starts

    def _runs_after_the_last_jump_back(self, term):
        # The clock may have been set back behind the end that it gave before.
        return term.starts_at <= self.clock() + timedelta(hours=24) < term.ends_at

    def _check_quota(self, plan):
        quotas = self.quotas.read_left(self.user_id, plan, self.zone)
        for kind in (Format.TEXT, Format.VOICE):
            allowance = allowance_of(plan, kind)
            (of_day, of_month) = self.count_used(kind)
            left = quotas[kind]
            packs = sum(self.find_packs(kind).values())
            assert left.packs == packs
            assert left.used == (of_day if left.period.value == "day" else of_month)
            rest = [
                limit - used
                for limit, used in (
                    (allowance.day, of_day),
                    (allowance.month, of_month),
                )
                if limit is not None
            ]
            assert left.remaining == (max(min(rest), 0) + packs if rest else None)
        used = {
            pack.pack_id: pack.used for pack in self.quotas.packs.list_all(self.user_id)
        }
        assert used == {
            pack_id: self.count_questions(pack_id=pack_id) for pack_id in self.packs
        }
        assert all(used[pack_id] <= pack[1] for pack_id, pack in self.packs.items())
