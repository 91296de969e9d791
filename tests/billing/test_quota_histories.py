"""Many random histories of one person each: what the rows say is what happened, and no more."""

from __future__ import annotations

import random
from datetime import timedelta

import pytest

from merlin.billing.quota import Allowance, Format, Gift, Period, Quotas, Reserved
from merlin.core.clock import zone_of
from merlin.db.database import open_database
from tests.support.plan_config import make_plan

pytestmark = pytest.mark.integration

BOT, TEXT = 4242, Format.TEXT


class History:
    """What should have happened, kept beside the rows: a use is (day, month, gift, is counted)."""

    def __init__(self, random_, quotas, clock, user_id):
        self.random = random_
        self.quotas = quotas
        self.clock = clock
        self.user_id = user_id
        self.zone = zone_of(random_.choice(["UTC", "Europe/Moscow", "America/New_York"]))
        self.day, self.month = random_.choice([(2, None), (3, 5), (None, 4), (0, None), (1, 1)])
        self.plan = make_plan(
            "free", allowances={TEXT: Allowance.model_construct(day=self.day, month=self.month)}
        )
        self.uses = {}
        self.gifts = {}

    def step(self):
        steps = [self.reserve, self.reserve, self.reserve, self.settle, self.settle]
        self.random.choice([*steps, self.pass_time, self.give])()

    def update(self):
        return self.user_id * 1000 + self.random.randrange(8)

    def today(self):
        here = self.clock().astimezone(self.zone)
        return f"{here:%Y-%m-%d}", f"{here:%Y-%m}"

    def counted(self, **wanted):
        return sum(
            use["state"] != "returned" and all(use[key] == wanted[key] for key in wanted)
            for use in self.uses.values()
        )

    def open_gifts(self):
        return {
            gift_id: amount - self.counted(gift=gift_id)
            for gift_id, (amount, ends) in self.gifts.items()
            if (ends is None or ends > self.clock()) and amount > self.counted(gift=gift_id)
        }

    def has_room(self):
        day, month = self.today()
        is_day_free = self.day is None or self.counted(day=day, gift=None) < self.day
        return is_day_free and (
            self.month is None or self.counted(month=month, gift=None) < self.month
        )

    def reserve(self):
        update_id = self.update()
        known = self.uses.get(update_id)
        has_room, gifts = self.has_room(), self.open_gifts()
        got = self.quotas.reserve(self.user_id, update_id, TEXT, self.plan, self.zone)
        if known is not None and known["state"] != "returned":
            assert got == Reserved(update_id, TEXT, known["gift"])
            return
        assert isinstance(got, Reserved) is bool(has_room or gifts)
        if isinstance(got, Reserved):
            assert got.gift_id is None if has_room else got.gift_id in gifts
            day, month = self.today()
            use = {"day": day, "month": month, "gift": got.gift_id, "state": "reserved"}
            self.uses[update_id] = use

    def settle(self):
        update_id = self.update()
        word, settle = self.random.choice(
            [("charged", self.quotas.charge), ("returned", self.quotas.give_back)]
        )
        settle(update_id)
        if self.uses.get(update_id, {}).get("state") == "reserved":
            self.uses[update_id]["state"] = word

    def pass_time(self):
        self.clock.move(self.random.choice([60, 3 * 3600, 86_400, 9 * 86_400]))

    def give(self):
        amount, hours = self.random.randint(1, 2), self.random.choice([None, 1, 30])
        ends = None if hours is None else self.clock() + timedelta(hours=hours)
        gift = Gift(self.user_id, TEXT, amount, "user:1003", expires_at=ends)
        self.gifts[self.quotas.gifts.give(gift)] = (amount, ends)

    def check(self):
        """The counters are what the history says; no day, month or gift gave more than it has."""
        told = self.quotas.left(self.user_id, self.plan, self.zone)[TEXT]
        day, month = self.today()
        of_day, of_month = self.counted(day=day, gift=None), self.counted(month=month, gift=None)
        assert told.used == (of_day if told.period is Period.DAY else of_month)
        assert told.gifts == sum(self.open_gifts().values())
        for use in self.uses.values():
            assert self.day is None or self.counted(day=use["day"], gift=None) <= self.day
            assert self.month is None or self.counted(month=use["month"], gift=None) <= self.month
        used = {gift.gift_id: gift.used for gift in self.quotas.gifts.all(self.user_id)}
        assert used == {gift_id: self.counted(gift=gift_id) for gift_id in self.gifts}
        assert all(used[gift_id] <= amount for gift_id, (amount, _) in self.gifts.items())


def test_hundreds_of_histories_never_exceed_what_there_is(url, clock):
    """On PostgreSQL fewer: a call there takes a way over a socket."""
    random_ = random.Random(20261120)  # noqa: S311 - a test's own dice
    with open_database(url) as database:
        quotas = Quotas(database, BOT, clock)
        for number in range(300 if database.dialect == "sqlite" else 100):
            with database.atomic():
                history = History(random_, quotas, clock, 5000 + number)
                for _ in range(12):
                    history.step()
                history.check()
