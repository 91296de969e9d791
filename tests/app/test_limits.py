"""What an answer costs, how much fits into a window, and the daily cap in the configured zone."""

from datetime import timedelta

import pytest

from merlin.app.ask import cost_of, window_of
from merlin.app.context import Context
from merlin.app.limits import add_cost, find_reached_cap
from merlin.app.retention import delete_old_rows
from merlin.chat.answer import Ending, Reply
from merlin.chat.model_catalogue import Candidate, CandidateKind, Windows
from merlin.chat.sessions import CAUTIOUS_TOKENS
from merlin.config.settings import AnswerBudget, Retention
from merlin.core.i18n import text
from merlin.core.messages import Usage
from merlin.core.money import Cost
from merlin.db.notices import Notices
from tests.support.config import make_config

pytestmark = pytest.mark.integration

CAP = AnswerBudget(per_day=0.0004)


class AnswerCosts:
    """The caps of one bot, with its database rows."""

    def __init__(self, database, clock, caps=CAP, zone="UTC"):
        config = make_config(budget={"answers": caps}, timezone=zone)
        self.ctx = Context(config=config, db=database, clock=clock)
        self.notices = Notices(database, clock)

    def record_answer(self, micro, currency="USD"):
        cost = Cost(micro, currency)
        self.ctx.db.transact(lambda: add_cost(self.ctx, cost))

    def reached_cap(self):
        return find_reached_cap(self.ctx)

    def notice_keys(self):
        return [notice.key for notice in self.notices.list_newest("admins", 10)]


@pytest.fixture
def costs(database, clock):
    return AnswerCosts(database, clock)


def test_reached_cap_blocks_until_the_day_ends(costs, clock):
    costs.record_answer(399)
    assert costs.reached_cap() is None
    costs.record_answer(1)
    over = costs.reached_cap()
    assert (over.spent, over.cap_micro) == (Cost(400, "USD"), 400)
    assert over.until == clock().replace(hour=0) + timedelta(days=1)


def test_admins_are_notified_of_the_cap_once_a_day(costs, clock):
    for _ in range(3):
        costs.record_answer(400)
    assert costs.notice_keys() == ["notice-answers-day"]
    notice = costs.notices.list_newest("admins", 1)[0]
    assert "21 November 2026, 00:00" in text("en", notice.key, **notice.arguments)
    assert "$0.0" in text("en", notice.key, **notice.arguments)
    assert "0,0" in text("ru", notice.key, **notice.arguments)
    clock.move(86_400)
    costs.record_answer(5000)
    assert len(costs.notice_keys()) == 2


def test_day_ends_in_the_configured_time_zone(database, clock):
    costs = AnswerCosts(database, clock, zone="Asia/Vladivostok")
    costs.record_answer(5000)
    until = costs.reached_cap().until
    assert until.isoformat() == "2026-11-20T14:00:00+00:00"
    clock.now = until - timedelta(seconds=1)
    assert costs.reached_cap() is not None
    clock.now = until
    assert costs.reached_cap() is None


def test_costs_of_past_days_are_deleted(costs, clock, database):
    for _ in range(5):
        costs.record_answer(10)
        clock.move(86_400)
    delete_old_rows(database, Retention(), clock())
    assert database.sql("SELECT COUNT(*) FROM answer_cost") == [(2,)]


def test_concurrent_answer_costs_are_all_added(database, clock, run_at_once):
    def answer(_, own_database):
        costs = AnswerCosts(own_database, clock, AnswerBudget(per_day=1))
        for _ in range(5):
            costs.record_answer(7)

    run_at_once(answer, 6)
    sums = "SELECT SUM(micro), currency FROM answer_cost GROUP BY currency"
    assert database.sql(sums) == [(210, "USD")]


@pytest.mark.parametrize(
    ("known", "kind", "micro"),
    [
        (None, CandidateKind.SERVING, 70),
        (False, CandidateKind.SERVING, 70),
        (True, CandidateKind.SERVING, 0),
        (True, CandidateKind.COMPOSED, 70),
    ],
)
def test_taught_answer_costs_nothing_of_the_language_model(
    database, known, kind, micro
):
    config = make_config(
        models={"base": {"price": {"input": 1, "output": 2, "training": 0}}}
    )
    model = Candidate(kind, "p", "tuned", base="base")
    reply = Reply(Ending.WHOLE, "Лоб.", model, "tuned", Usage(30, 20), known)
    assert cost_of(Context(config=config, db=database), reply) == Cost(micro, "USD")


def test_window_is_the_providers_or_the_configured_or_a_cautious_one(database):
    config = make_config(models={"base": {"context": 4096}})
    ctx = Context(config=config, db=database)
    Windows(database).put("p", {"listed": 1000})
    listed, tuned, unknown = (
        Candidate(CandidateKind.SERVING, "p", name, base=base)
        for name, base in (("listed", "base"), ("tuned", "base"), ("other", ""))
    )
    assert [window_of(ctx, choice) for choice in (listed, tuned)] == [1000, 4096]
    assert window_of(ctx, unknown) == window_of(ctx, None) == CAUTIOUS_TOKENS
