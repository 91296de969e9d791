"""What answers cost a day is added up, and a cap closes until the day ends in the config's zone."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest

from merlin.app.ask import add_cost, find_reached_cap
from merlin.app.context import Context
from merlin.app.personal_data import PersonalRecords
from merlin.config.settings import AnswerBudget
from merlin.core.money import Cost
from merlin.db.database import open_database
from merlin.db.encryption import Cipher
from merlin.db.notices import Notices
from tests.billing.plan_shop import ANNA, BORIS
from tests.support.config import config_of

pytestmark = pytest.mark.integration

BOTH = AnswerBudget(per_day=0.001, per_person_per_day=0.0004)


def usd(micro):
    return Cost(micro, "USD")


class Till:
    """The caps of one bot, with the rows behind it."""

    def __init__(self, database, clock, caps=BOTH, zone="UTC"):
        config = config_of(budget={"answers": caps}, timezone=zone)
        self.ctx = Context(config=config, db=database, clock=clock)
        self.notices = Notices(database, clock)

    def answered(self, user_id, micro, currency="USD"):
        cost = Cost(micro, currency)
        self.ctx.db.transact(lambda: add_cost(self.ctx, user_id, cost))

    def over(self, user_id):
        return find_reached_cap(self.ctx, user_id)

    def told(self):
        return [notice.key for notice in self.notices.newest("admins", 10)]


@pytest.fixture
def till(database, clock):
    return Till(database, clock)


def test_a_person_may_cost_so_much_and_then_others_still_may(till, clock):
    till.answered(ANNA, 399)
    assert till.over(ANNA) is None
    till.answered(ANNA, 1)
    over = till.over(ANNA)
    assert (over.reach, over.spent, over.cap_micro) == ("person", usd(400), 400)
    assert over.until == clock().replace(hour=0) + timedelta(days=1)
    assert till.over(BORIS) is None


def test_all_together_may_cost_so_much_and_then_nobody_may(till):
    for user_id in (1, 2, 3, 4):
        till.answered(user_id, 300)
    assert till.over(ANNA).reach == "day"
    assert till.over(ANNA).spent == usd(1200)


def test_each_currency_is_added_up_by_itself(till):
    till.answered(ANNA, 300)
    till.answered(ANNA, 300, "RUB")
    assert till.over(ANNA) is None
    till.answered(ANNA, 100, "RUB")
    assert till.over(ANNA).spent == Cost(400, "RUB")


def test_admins_hear_of_each_cap_once_a_day(till, clock):
    for _ in range(3):
        till.answered(ANNA, 400)
        till.answered(BORIS, 400)
    assert sorted(till.told()) == ["notice-answers-day", "notice-answers-person"]
    notice = till.notices.newest("admins", 1)[0]
    assert "21 November 2026, 00:00" in notice.text("en")
    assert "$0.0" in notice.text("en")
    assert "0,0" in notice.text("ru")
    clock.move(86_400)
    till.answered(ANNA, 5000)
    assert len(till.told()) == 3


def test_the_day_ends_in_the_configs_zone(database, clock):
    till = Till(database, clock, zone="Asia/Vladivostok")
    till.answered(ANNA, 5000)
    until = till.over(ANNA).until
    assert until.isoformat() == "2026-11-20T14:00:00+00:00"
    clock.now = until - timedelta(seconds=1)
    assert till.over(ANNA) is not None
    clock.now = until
    assert till.over(ANNA) is None


def test_days_that_are_over_are_forgotten(till, clock, database):
    for _ in range(5):
        till.answered(ANNA, 10)
        clock.move(86_400)
    assert database.sql("SELECT COUNT(*) FROM answer_cost") == [(3,)]


def test_without_a_cap_nothing_is_added_up(database, clock):
    till = Till(database, clock, AnswerBudget())
    till.answered(ANNA, 10**9)
    assert till.over(ANNA) is None
    assert database.sql("SELECT COUNT(*) FROM answer_cost") == [(0,)]


@pytest.mark.parametrize(
    ("caps", "reach"),
    [
        (AnswerBudget(per_day=1e-6), "day"),
        (AnswerBudget(per_person_per_day=1e-6), "person"),
    ],
)
def test_the_smallest_cap_closes_with_the_first_answer(database, clock, caps, reach):
    till = Till(database, clock, caps)
    till.answered(ANNA, 1)
    assert till.over(ANNA).reach == reach


def test_deleting_everything_opens_no_cap(till, database, clock):
    till.answered(ANNA, 400)
    PersonalRecords(database, clock).forget(ANNA, clock() + timedelta(hours=24))
    assert till.over(ANNA) is not None
    assert str(ANNA) not in str(database.sql("SELECT * FROM answer_cost"))
    database.cipher = Cipher({"k": b"k" * 32, "new": b"n" * 32}, "new")
    other = Till(database, clock)
    other.answered(ANNA, 1)
    assert other.over(ANNA).spent == usd(401)


def test_answers_that_come_at_once_are_all_added(url, cipher, clock):
    gate = threading.Barrier(6)

    def answer():
        with open_database(url, cipher=cipher) as mine:
            till = Till(mine, clock, AnswerBudget(per_day=1))
            gate.wait()
            for _ in range(5):
                till.answered(ANNA, 7)

    threads = [threading.Thread(target=answer) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with open_database(url, cipher=cipher) as database:
        assert database.sql("SELECT SUM(micro), currency FROM answer_cost GROUP BY currency") == [
            (210, "USD")
        ]
