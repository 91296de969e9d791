"""Terms of plans: one after another, shortened by refunds; none grows, and no gap is left."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, strategies as st

from merlin.billing.quota import plan_of
from merlin.billing.terms import PlanTerm, move_later_terms, shorten, term_start
from merlin.core.money import Amount, Currency
from merlin.db.audit import Audit
from tests.billing.plan_shop import ANNA, BORIS, BY_VERA

unit = pytest.mark.unit
integration = pytest.mark.integration
START = datetime(2026, 11, 20, tzinfo=UTC)
DAY = timedelta(days=1)


def rub(minor):
    return Amount(minor, Currency.RUB)


def term(starts, days=30, number=1):
    begin = START + starts * DAY
    return PlanTerm(number, 1001, "plus", begin, begin + days * DAY, f"grant:{number}")


@unit
@given(
    starts=st.integers(-40, 40),
    length=st.integers(1, 3650),
    paid=st.integers(1, 10**9),
    data=st.data(),
)
def test_shortened_term_keeps_its_past_and_paid_part(starts, length, paid, data):
    rest = data.draw(st.integers(0, paid))
    before = term(starts, length)
    after = shorten(before, length * DAY, rub(paid), rub(rest), START)
    assert after.starts_at == before.starts_at <= after.ends_at <= before.ends_at
    assert after.ends_at >= min(
        before.ends_at, before.starts_at + length * rest // paid * DAY
    )
    if rest == paid:
        assert after == before
    if rest == 0:
        assert not after.starts_at <= START < after.ends_at
        assert after.ends_at == max(before.starts_at, min(START, before.ends_at))


@unit
@given(st.lists(st.integers(1, 60), min_size=1, max_size=6), st.data())
def test_terms_keep_their_order_after_shortening(lengths, data):
    terms = []
    now = START
    for number, days in enumerate(lengths):
        begin = term_start(terms, "plus", now)
        end = begin + days * DAY
        terms.append(PlanTerm(number, 1, "plus", begin, end, str(number)))
    index = data.draw(st.integers(0, len(terms) - 1))
    now = START + data.draw(st.integers(0, sum(lengths) - 1)) * DAY
    before = terms[index]
    rest = data.draw(st.integers(0, 100))
    after = shorten(before, before.ends_at - before.starts_at, rub(100), rub(rest), now)
    moved = {
        term.term_id: term for term in [after, *move_later_terms(terms, before, after)]
    }
    new = [moved.get(term.term_id, term) for term in terms]
    for first, second in pairwise(new):
        assert first.ends_at == second.starts_at
    for old, moved_term in zip(terms, new, strict=True):
        if old.term_id != before.term_id:
            assert (
                moved_term.ends_at - moved_term.starts_at == old.ends_at - old.starts_at
            )
    # No other term loses time.
    lost = sum(
        (old.ends_at - now.ends_at for old, now in zip(terms, new, strict=True)),
        0 * DAY,
    )
    assert lost == (before.ends_at - after.ends_at) * (len(terms) - index)


@unit
@pytest.mark.parametrize(
    ("terms", "plan", "days"),
    [
        ([], "plus", 0),
        ([term(-50, 10)], "plus", 0),
        ([term(0), term(30, 30, 2)], "plus", 60),
        ([term(0)], "course", 0),
    ],
)
def test_new_term_starts_now_or_where_the_last_one_ends(terms, plan, days):
    assert term_start(terms, plan, START) == START + days * DAY


def give_plan(shop, key, days=10):
    return shop.billing.terms.add(ANNA, "plus", days, key, BY_VERA)


@integration
def test_plan_is_active_from_the_start_to_the_end_of_its_term(shop, clock):
    term = PlanTerm(0, ANNA, "plus", clock() + DAY, clock() + 2 * DAY, "k")
    assert shop.billing.terms.give(term)
    assert shop.list_plans() == []
    clock.move(86_400)
    assert shop.list_plans() == ["plus"]
    clock.move(86_400)
    assert shop.list_plans() == []


@integration
@pytest.mark.parametrize(
    ("start", "end", "is_open"),
    [(-1, 1, True), (1, 2, True), (-2, 0, False), (1, 1, False)],
)
def test_term_is_open_while_time_of_it_is_left(clock, start, end, is_open):
    now = clock()
    term = PlanTerm(0, ANNA, "plus", now + start * DAY, now + end * DAY, "k")
    assert term.is_open(now) is is_open


@integration
def test_plan_given_with_a_key_is_given_once_per_user(shop):
    assert give_plan(shop, "welcome")
    assert not give_plan(shop, "welcome")
    assert shop.billing.terms.add(BORIS, "plus", 10, "welcome", BY_VERA)
    assert len(shop.billing.terms.list_of_user(ANNA)) == 1
    entries = Audit(shop.db).list_newest(10)
    assert [entry.action for entry in entries] == ["plan.give", "plan.give"]


@integration
def test_higher_plan_applies_until_it_ends(shop, clock):
    shop.users.set_plan(ANNA, "free", BY_VERA)
    give_plan(shop, "a")
    plans = shop.users.get(ANNA).plans
    assert plan_of(shop.ctx.plans, plans).name == "plus"
    clock.move(10 * 86_400)
    assert plan_of(shop.ctx.plans, shop.users.get(ANNA).plans).name == "free"
