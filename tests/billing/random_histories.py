"""One person's history with the shop, from seeded dice; what should be is kept beside the rows.

Buys, pays late, twice and out of order, gives up, gets money back in parts, asks questions, tries,
uses codes, is given things, travels, and lives through clocks that jump. `check` compares what the
rows say with what happened; it is checked in `tests/billing` for hundreds of histories, in
`bench/billing.py` for ten thousand.
"""

from __future__ import annotations

from collections import Counter as Counts
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise

from merlin.account.users import User
from merlin.app.settlement import expire
from merlin.billing.promo_codes import Promo
from merlin.billing.purchases import PurchaseState
from merlin.billing.quota import (
    Format,
    Gift,
    Quotas,
    Reserved,
    Source,
    allowance_of,
    plan_of,
    scope_of,
)
from merlin.config.shop import PaymentsConfig, YooKassaConfig
from merlin.core.clock import zone_of
from merlin.core.errors import MerlinError, Refused
from merlin.providers.payments import Status
from tests.billing.plan_shop import SAID, STARS, YOOKASSA, Counter
from tests.support.plan_config import make_plans

BOT = 4242
ZONES = ("UTC", "Europe/Moscow", "America/New_York", "Pacific/Chatham", "Asia/Kathmandu")
PACK_SOLD = {"pack": {"voice": 3, "text": 2}, "price": {"rub": 99.01, "stars": 70}, "days": 20}
PLANS = make_plans(
    {
        "free": {**SAID["free"], "text": 2},
        "plus": {**SAID["plus"], "text": {"day": 3, "month": 7}, "voice": 1},
        "pack": {**SAID["voices"], **PACK_SOLD},
        "course": {**SAID["algorithms"], "text": 2, "days": 7},
    }
)
SHOP = (PLANS, PaymentsConfig(yookassa=YooKassaConfig()))
DAYS = {"plus": 30, "course": 7}
PACK = {Format.VOICE: 3, Format.TEXT: 2}
JUMPS = (60, 3 * 3600, 26 * 3600, 9 * 86_400, 33 * 86_400, -3600)
# The last is for a few people of all, so that they stand in each other's way.
FEW = 3
CODES = (
    Promo("DAYS", "plus", days=5),
    Promo("LESS", "plus", percent=33),
    Promo("FEW", "plus", percent=90, most_uses=FEW),
)


@dataclass
class Bought:
    """What should have become of one payment."""

    purchase: object
    outside_id: str
    paid: int
    grant: object
    back: int = 0
    refunds: list[tuple[str, int]] = field(default_factory=list)

    @property
    def code(self):
        """Return the code that this payment used up, "" for none."""
        return "" if self.grant.is_empty else self.purchase.order.promo


@dataclass
class Use:
    """One question that was let in."""

    kind: Format
    scope: str
    day: str
    month: str
    gift_id: int | None
    state: str = "reserved"


class History:
    """One person; `world` is the shop's counter, shared by all of one database."""

    def __init__(self, dice, world, user_id):
        self.dice = dice
        self.world = world
        self.clock = world.clock
        self.user_id = user_id
        self.quotas = Quotas(world.db, BOT, world.clock)
        self.zone = zone_of(dice.choice(ZONES))
        self.orders, self.bought, self.uses, self.gifts = [], [], {}, {}
        self.had = Counts()
        self.counts = Counts()
        world.users.record_authors([User(user_id, "ru")])

    def step(self):
        """Do one thing."""
        steps = [self.order, self.pay, self.ask, self.ask, self.settle, self.pass_time]
        steps += [self.pay_again, self.refund, self.refund_again, self.hear_out_of_order]
        steps += [self.give_up, self.travel, self.given, self.trial, self.redeem]
        steps += [self.begin, self.look, self.order, self.pay]
        doing = self.dice.choice(steps)
        self.counts[doing.__name__] += 1
        doing()

    # Buying.

    def order(self):
        plan, till = (
            self.dice.choice(["plus", "plus", "pack", "course"]),
            self.dice.choice([STARS, YOOKASSA]),
        )
        promo = self.dice.choice(["LESS", "FEW", "FEW", ""]) if plan == "plus" else ""
        contact = self.dice.choice(["", "a@example.com"])
        said = {"promo": promo, "contact": contact}
        try:
            made = [self.world.order(self.user_id, plan, till, **said) for _ in range(2)]
        except Refused as refused:
            self._check_refused(promo, refused.key)
            return
        # A second tap is the same order.
        assert made[0].purchase_id == made[1].purchase_id
        if made[0].purchase_id not in {order.purchase_id for order in self.orders}:
            self.orders.append(made[0])

    def _check_refused(self, promo, key):
        """A code is used up by what was paid with it, or by others, and by nothing else."""
        is_mine = any(each.code == promo != "" for each in self.bought)
        assert is_mine or (key, self.uses_of(promo)) == ("promo-used-up", FEW)

    def pay(self):
        """Pay an order, though it may be old, given up, or paid before by another link.

        What is paid with a code that is used by then buys nothing, and goes back.
        """
        if not self.orders:
            return
        purchase = self.dice.choice(self.orders)
        is_again = any(each.purchase == purchase for each in self.bought)
        if is_again and purchase.order.gateway is YOOKASSA:
            return
        outside_id = f"{self.user_id}-{len(self.bought)}"
        promo, free = purchase.order.promo, self.uses_of(purchase.order.promo) < FEW
        held = [each.code for each in self.bought]
        grant = self.world.pay(purchase, outside_id)
        assert grant is not None
        assert not grant.is_empty or promo in held or (promo == "FEW" and not free)
        assert grant.is_empty or promo not in [code for code in held if code]
        paid = purchase.order.amount.minor
        self.bought.append(Bought(purchase, outside_id, paid, grant))
        if purchase.order.promise.pack:
            self._remember_gifts(grant)

    def _remember_gifts(self, grant):
        ends = self.clock() + timedelta(days=20)
        keys = {f"grant:{grant.entry_id}:{kind.value}": kind for kind in PACK}
        for gift in self.quotas.gifts.all(self.user_id):
            if gift.key in keys:
                kind = keys[gift.key]
                self.gifts[gift.gift_id] = [kind, PACK[kind], ends]

    def pay_again(self):
        """Tell of a payment that is known."""
        if self.bought:
            each = self.dice.choice(self.bought)
            assert self.world.pay(each.purchase, each.outside_id) is None

    def begin(self):
        """Let the page of an order be opened: from then on it may be paid at any time."""
        if self.orders:
            purchase = self.dice.choice(self.orders)
            asking, number = self.world.billing.purchases, purchase.purchase_id
            if asking.claim_call(number, self.clock(), timedelta(seconds=15)):
                asking.mark_pending(
                    number, number, "https://pay", self.clock() + timedelta(minutes=1)
                )

    def look(self):
        """Let the till be asked about everybody's orders; it has nothing to say."""
        self.world.billing.purchases.claim_due(self.clock(), 50)

    def uses_of(self, code):
        return next((x.uses for x in self.world.billing.promos.all() if x.code == code), 0)

    def hear_out_of_order(self):
        """Tell what was true before, or never."""
        if not self.orders:
            return
        purchase = self.dice.choice(self.orders)
        known = next((each for each in self.bought if each.purchase == purchase), None)
        if purchase.order.gateway is STARS:
            return
        status = self.dice.choice([Status.PENDING, Status.HELD, Status.CANCELED, Status.SUCCEEDED])
        if known is None and status is Status.SUCCEEDED:
            return
        outside_id = known.outside_id if known else f"{self.user_id}-none"
        self.world.settle(purchase, self.world.seen(purchase, outside_id, status, reason="x"))

    def give_up(self):
        if self.orders:
            purchase = self.dice.choice(self.orders)
            number, state = purchase.purchase_id, PurchaseState.CANCELED
            is_closed = self.dice.random() < 0.3
            self.world.billing.purchases.give_up(number, state, is_closed=is_closed)
            expire(self.world.ctx, self.dice.choice(self.orders))

    def refund(self):
        """Send back a part or all of a payment; never more than is left."""
        paid = [each for each in self.bought if each.back < each.paid]
        if not paid:
            return
        each = self.dice.choice(paid)
        if each.grant.is_empty:
            self._sent_back(each)
            return
        rest = each.paid - each.back
        is_whole = each.purchase.order.gateway is STARS or self.dice.random() < 0.4
        minor = rest if is_whole else self.dice.randint(1, rest)
        outside_id = f"{each.outside_id}-back-{len(each.refunds)}"
        try:
            self.world.give_back(each.grant, rest + 1, f"{outside_id}-too-much")
        except Refused:
            self.counts["refused"] += 1
        assert self.world.give_back(each.grant, minor, outside_id) is not None
        each.back += minor
        each.refunds.append((outside_id, minor))
        if each.back == each.paid:
            self._end_gifts(each)

    def _sent_back(self, each):
        """Let the refund be carried out that was wished for by itself."""
        (wanted,) = self.wanted(each)
        returned = self.world.returned(each.outside_id, wanted.refund_id, wanted.amount)
        assert self.world.billing.refunds.mark_done(wanted.refund_id, returned) is not None
        each.back = each.paid
        each.refunds.append((wanted.refund_id, each.paid))

    def wanted(self, each):
        refunds = self.world.billing.refunds.of(each.purchase.purchase_id)
        return [refund for refund in refunds if refund.payment_id == each.outside_id]

    def _end_gifts(self, each):
        keys = {f"grant:{each.grant.entry_id}:{kind.value}" for kind in PACK}
        for given in self.quotas.gifts.all(self.user_id):
            if given.key in keys:
                gift = self.gifts[given.gift_id]
                gift[2] = min(gift[2], self.clock())

    def refund_again(self):
        back = [(each, refund) for each in self.bought for refund in each.refunds]
        if back:
            each, (outside_id, minor) = self.dice.choice(back)
            assert self.world.give_back(each.grant, minor, outside_id) is None

    # What costs nothing.

    def trial(self):
        had_plan = any(term.plan == "plus" for term in self.world.billing.terms.of(self.user_id))
        try:
            self.world.trial(self.user_id)
        except MerlinError:
            assert had_plan
            return
        assert not had_plan
        self.had["trial"] += 1

    def redeem(self):
        try:
            self.world.billing.promos.redeem(self.user_id, "days")
        except Refused:
            assert self.had["promo"] == 1
            return
        self.had["promo"] += 1

    def given(self):
        amount, hours = self.dice.randint(1, 2), self.dice.choice([None, 1, 30])
        if self.dice.random() < 0.3:
            key = f"admin:{self.had['gift']}"
            terms = self.world.billing.terms
            assert terms.add(self.user_id, "plus", amount, Source.GIFT, key, "user:1003")
            self.had["gift"] += 1
            return
        ends = None if hours is None else self.clock() + timedelta(hours=hours)
        gift = Gift(self.user_id, Format.TEXT, amount, "user:1003", expires_at=ends)
        self.gifts[self.quotas.gifts.give(gift)] = [Format.TEXT, amount, ends]

    # Asking.

    def plan(self, dataset=None):
        return plan_of(PLANS, self.world.users.get(self.user_id).plans, dataset)

    def today(self):
        here = self.clock().astimezone(self.zone)
        return f"{here:%Y-%m-%d}", f"{here:%Y-%m}"

    def counted(self, **wanted):
        return sum(
            use.state != "returned" and all(getattr(use, key) == wanted[key] for key in wanted)
            for use in self.uses.values()
        )

    def open_gifts(self, kind):
        return {
            gift_id: amount - self.counted(gift_id=gift_id)
            for gift_id, (of, amount, ends) in self.gifts.items()
            if of is kind
            and (ends is None or ends > self.clock())
            and amount > self.counted(gift_id=gift_id)
        }

    def used(self, kind, plan):
        day, month = self.today()
        mine = {"kind": kind, "scope": scope_of(plan), "gift_id": None, "month": month}
        return self.counted(**mine, day=day), self.counted(**mine)

    def has_room(self, kind, plan):
        allowance, (of_day, of_month) = allowance_of(plan, kind), self.used(kind, plan)
        is_day_free = allowance.day is None or of_day < allowance.day
        return is_day_free and (allowance.month is None or of_month < allowance.month)

    def ask(self):
        update_id = self.user_id * 1000 + self.dice.randrange(40)
        kind, plan = self.dice.choice([Format.TEXT, Format.VOICE]), self.plan(self.dataset())
        known = self.uses.get(update_id)
        has_room, gifts = self.has_room(kind, plan), self.open_gifts(kind)
        got = self.quotas.reserve(self.user_id, update_id, kind, plan, self.zone)
        if known is not None and known.state != "returned":
            assert got == Reserved(update_id, known.kind, known.gift_id)
            return
        assert isinstance(got, Reserved) is bool(has_room or gifts)
        if isinstance(got, Reserved):
            assert got.gift_id is None if has_room else got.gift_id in gifts
            self.uses[update_id] = Use(kind, scope_of(plan), *self.today(), got.gift_id)

    def dataset(self):
        return self.dice.choice([None, "algorithms", "history"])

    def settle(self):
        if not self.uses:
            return
        update_id = self.dice.choice([*self.uses])
        word = self.dice.choice(["charged", "charged", "returned"])
        call = self.quotas.charge if word == "charged" else self.quotas.give_back
        call(update_id)
        if self.uses[update_id].state == "reserved":
            self.uses[update_id].state = word

    # The world.

    def travel(self):
        self.zone = zone_of(self.dice.choice(ZONES))

    def pass_time(self):
        self.clock.move(self.dice.choice(JUMPS))

    # What must hold.

    def check(self):
        """Compare the rows with what happened."""
        self._check_money()
        self._check_terms()
        for dataset in (None, "algorithms"):
            self._check_quota(self.plan(dataset))

    def _check_money(self):
        for purchase in self.orders:
            mine = [each for each in self.bought if each.purchase == purchase]
            entries = self.world.billing.ledger.entries(purchase.purchase_id)
            kinds = Counts(entry.kind.value for entry in entries)
            sums = Counts()
            for each in entries:
                sums[each.kind.value] += each.amount.minor
            whole = sum(each.back == each.paid for each in mine)
            assert kinds["payment"] == kinds["grant"] == len(mine)
            assert kinds["revocation"] == whole
            assert sums["payment"] == sums["grant"] == sum(each.paid for each in mine)
            assert sums["refund"] == sum(each.back for each in mine)
            state = self.world.billing.purchases.get(purchase.purchase_id).state
            assert state.is_paid is bool(mine)
            is_back = PurchaseState.REFUNDED if whole == len(mine) else None
            is_back = is_back or (PurchaseState.REFUNDED_IN_PART if sums["refund"] else None)
            assert not mine or state is (is_back or PurchaseState.PAID)
            for each in mine:
                amounts = [refund.amount.minor for refund in self.wanted(each)]
                assert amounts == ([each.paid] if each.grant.is_empty else [])
        self._check_codes()

    def _check_codes(self):
        """Each code is used once by a person at most, and by as many as it says."""
        used = Counts(each.code for each in self.bought if each.code)
        assert all(times == 1 for times in used.values())
        assert self.uses_of("FEW") <= FEW
        assert self.world.granted("FEW")[0] <= FEW

    def _check_terms(self):
        terms = self.world.billing.terms.of(self.user_id)
        grants = {each.grant.entry_id: each for each in self.bought}
        assert Counts(term.source for term in terms)[Source.TRIAL] == self.had["trial"]
        for term in terms:
            assert term.starts_at <= term.ends_at
            paid = grants.get(term.grant_id)
            if paid is None:
                continue
            assert not paid.grant.is_empty
            length = term.ends_at - term.starts_at
            whole = timedelta(days=DAYS[term.plan])
            assert length <= whole
            if not paid.back:
                assert length == whole
            if paid.back == paid.paid:
                assert not self._runs_after_the_last_jump_back(term)
        for plan in DAYS:
            self._check_order(sorted((t.starts_at, t.ends_at) for t in terms if t.plan == plan))

    def _runs_after_the_last_jump_back(self, term):
        # A clock that jumped back stands before the end that it gave itself.
        return term.starts_at <= self.clock() + timedelta(hours=24) < term.ends_at

    def _check_order(self, spans: list[tuple[datetime, datetime]]):
        for (_, first_ends), (second_starts, _) in pairwise(spans):
            assert first_ends <= second_starts

    def _check_quota(self, plan):
        told = self.quotas.left(self.user_id, plan, self.zone)
        for kind in (Format.TEXT, Format.VOICE):
            allowance, (of_day, of_month) = allowance_of(plan, kind), self.used(kind, plan)
            left, gifts = told[kind], sum(self.open_gifts(kind).values())
            assert left.gifts == gifts
            assert left.used == (of_day if left.period.value == "day" else of_month)
            rooms = [
                limit - used
                for limit, used in ((allowance.day, of_day), (allowance.month, of_month))
                if limit is not None
            ]
            assert left.remaining == (max(min(rooms), 0) + gifts if rooms else None)
        used = {gift.gift_id: gift.used for gift in self.quotas.gifts.all(self.user_id)}
        assert used == {gift_id: self.counted(gift_id=gift_id) for gift_id in self.gifts}
        assert all(used[gift_id] <= gift[1] for gift_id, gift in self.gifts.items())


def shop_of(database, clock):
    """Return a counter whose codes are made."""
    world = Counter(database, clock, SHOP)
    for promo in CODES:
        world.billing.promos.add(promo)
    return world
