"""The reminder of a plan's end."""

import asyncio
from datetime import timedelta

import pytest

from merlin.app.plans import notify_expiry

pytestmark = pytest.mark.functional


def run_at(shop, moment):
    """Run the worker's scheduled task as of this moment."""
    services = shop.site.app.state.services
    asyncio.run(services.store.do(lambda: notify_expiry(services, moment)))


def test_plan_end_notice_comes_once_three_days_before_the_end_of_the_last_term(shop):
    anna = shop.buyer()
    anna.buy()
    shop.billing.terms.add(anna.user_id, "plus", 10, f"gift:{anna.user_id}", "cli:vera")
    last, first = anna.terms
    for moment in (first.ends_at, last.ends_at - timedelta(days=3, minutes=1)):
        run_at(shop, moment)
    assert "notice-plan-ends" not in anna.notice_keys
    for _ in range(3):
        run_at(shop, last.ends_at - timedelta(days=2, hours=23))
    assert anna.notice_keys.count("notice-plan-ends") == 1


@pytest.mark.parametrize(("plan", "notices"), [("plus", 0), ("free", 1)])
def test_plan_end_notice_is_not_sent_to_who_has_the_plan_without_an_end(
    shop, plan, notices
):
    anna = shop.buyer()
    shop.billing.terms.add(anna.user_id, "plus", 10, f"gift:{anna.user_id}", "cli:vera")
    shop.sql("UPDATE person SET plan = ? WHERE user_id = ?", plan, anna.user_id)
    (term,) = anna.terms
    run_at(shop, term.ends_at - timedelta(hours=23))
    assert anna.notice_keys.count("notice-plan-ends") == notices
