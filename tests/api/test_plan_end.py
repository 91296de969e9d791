"""The reminder of a plan's end."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from merlin.app.payment_worker import PaymentWorker
from merlin.app.plans import notify_expiry
from merlin.billing.terms import Terms
from merlin.core.clock import iso

pytestmark = pytest.mark.functional


def run_at(shop, moment):
    """Run the worker's scheduled task as of this moment."""
    services = shop.site.app.state.services
    asyncio.run(services.store.do(lambda: notify_expiry(services, moment)))


def test_plan_end_notice_comes_once_three_days_before_the_end_of_the_last_term(shop):
    anna = shop.buyer()
    anna.buy()
    gift = (10, f"gift:{anna.user_id}", "cli:vera")
    shop.billing.terms.add(anna.user_id, "plus", *gift)
    last, first = anna.terms
    for moment in (first.ends_at, last.ends_at - timedelta(days=3, minutes=1)):
        run_at(shop, moment)
    assert "notice-plan-ends" not in anna.notice_keys
    for _ in range(3):
        run_at(shop, last.ends_at - timedelta(days=2, hours=23))
    assert anna.notice_keys.count("notice-plan-ends") == 1


def test_plan_end_notice_that_could_not_be_stored_is_stored_by_the_next_run(shop, clock):
    anna, ends = shop.buyer(), clock() + timedelta(days=3, seconds=30)
    gift = (1, f"gift:{anna.user_id}", "cli:vera")
    Terms(shop.db, clock).add(anna.user_id, "plus", *gift)
    shop.sql("UPDATE plan_term SET ends_at = ? WHERE user_id = ?", iso(ends), anna.user_id)
    worker = PaymentWorker(replace(shop.site.services, clock=clock))
    asyncio.run(worker.run_once())
    clock.move(3600)
    shop.sql(
        "CREATE TRIGGER refuse_notice BEFORE INSERT ON notice"
        " WHEN NEW.key = 'notice-plan-ends' BEGIN SELECT RAISE(ABORT, 'refused'); END"
    )
    asyncio.run(worker.run_once())
    assert "notice-plan-ends" not in anna.notice_keys
    shop.sql("DROP TRIGGER refuse_notice")
    clock.move(3600)
    asyncio.run(worker.run_once())
    assert "notice-plan-ends" in anna.notice_keys


@pytest.mark.parametrize(("plan", "notices"), [("plus", 0), ("free", 1)])
def test_plan_end_notice_is_not_sent_to_who_has_the_plan_without_an_end(shop, plan, notices):
    anna = shop.buyer()
    gift = (10, f"gift:{anna.user_id}", "cli:vera")
    shop.billing.terms.add(anna.user_id, "plus", *gift)
    shop.sql("UPDATE users SET plan = ? WHERE user_id = ?", plan, anna.user_id)
    (term,) = anna.terms
    run_at(shop, term.ends_at - timedelta(hours=23))
    assert anna.notice_keys.count("notice-plan-ends") == notices
