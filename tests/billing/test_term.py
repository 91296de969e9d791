"""Terms of plans: a shortened one never grows, ends after its begin and leaves no gap."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, strategies as st

from merlin.billing.terms import PlanTerm, move_later_terms, shorten, term_start
from merlin.core.money import Amount, Currency

pytestmark = pytest.mark.unit

START = datetime(2026, 11, 20, tzinfo=UTC)
DAY = timedelta(days=1)


def rub(minor):
    return Amount(minor, Currency.RUB)


def term(starts, days=30, number=1):
    begin = START + starts * DAY
    return PlanTerm(number, 1001, "plus", begin, begin + days * DAY, f"grant:{number}")


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


def test_new_term_starts_now_or_where_the_last_one_ends():
    assert term_start([], "plus", START) == START
    assert term_start([term(-50, 10)], "plus", START) == START
    assert term_start([term(0), term(30, 30, 2)], "plus", START) == START + 60 * DAY
    assert term_start([term(0)], "course", START) == START
