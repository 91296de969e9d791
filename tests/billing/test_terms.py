"""Terms of plans, one after another."""

from datetime import timedelta

import pytest

from merlin.billing.quota import plan_of
from merlin.billing.terms import PlanTerm
from merlin.db.audit import Audit
from tests.billing.plan_shop import ANNA, BORIS

pytestmark = pytest.mark.integration

DAY = timedelta(days=1)
VERA = "user:1003"


def give_plan(shop, key, days=10, plan="plus"):
    return shop.billing.terms.add(ANNA, plan, days, key, VERA)


def test_plan_is_active_from_the_start_to_the_end_of_its_term(shop, clock):
    term = PlanTerm(0, ANNA, "plus", clock() + DAY, clock() + 2 * DAY, "k")
    assert shop.billing.terms.give(term)
    assert shop.list_plans() == []
    clock.move(86_400)
    assert shop.list_plans() == ["plus"]
    clock.move(86_400)
    assert shop.list_plans() == []


@pytest.mark.parametrize(
    ("start", "end", "is_open"),
    [(-1, 1, True), (1, 2, True), (-2, 0, False), (1, 1, False)],
)
def test_term_is_open_while_time_of_it_is_left(clock, start, end, is_open):
    now = clock()
    term = PlanTerm(0, ANNA, "plus", now + start * DAY, now + end * DAY, "k")
    assert term.is_open(now) is is_open


def test_plan_given_with_a_key_is_given_once_per_user(shop):
    assert give_plan(shop, "welcome")
    assert not give_plan(shop, "welcome")
    assert shop.billing.terms.add(BORIS, "plus", 10, "welcome", VERA)
    assert len(shop.billing.terms.list_of_user(ANNA)) == 1
    entries = Audit(shop.db).list_newest(10)
    assert [entry.action for entry in entries] == ["plan.give", "plan.give"]


def test_higher_plan_applies_until_it_ends(shop, clock):
    shop.users.set_plan(ANNA, "free", VERA)
    give_plan(shop, "a")
    plans = shop.users.get(ANNA).plans
    assert plan_of(shop.ctx.plans, plans).name == "plus"
    clock.move(10 * 86_400)
    assert plan_of(shop.ctx.plans, shop.users.get(ANNA).plans).name == "free"


def test_ending_term_is_listed_unless_more_of_its_plan_follows(shop, clock):
    give_plan(shop, "a")
    give_plan(shop, "b", plan="algorithms")
    give_plan(shop, "c")
    soon = shop.billing.terms.list_ending(clock() + 9 * DAY, clock() + 11 * DAY)
    assert [term.plan for term in soon] == ["algorithms"]
    later = shop.billing.terms.list_ending(clock() + 19 * DAY, clock() + 21 * DAY)
    assert [term.plan for term in later] == ["plus"]
