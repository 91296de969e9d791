"""Plans that are paid again by a saved method: with consent, reminders, three tries, and an end."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from merlin.app.payment_worker import begin_new_days
from merlin.billing.quota import Source
from merlin.billing.subscriptions import RenewalState
from merlin.core.clock import iso, utc_now
from tests.support.waiting import wait_until

pytestmark = pytest.mark.functional


def subscribed(shop):
    """Return the only one who bought a plan and agreed to pay it again, and their renewal."""
    shop.sql("UPDATE renewal SET state = 'off'")
    anna = shop.buyer()
    anna.bought(keep_method=True)
    (renewal,) = wait_until(lambda: anna.renewals)
    return anna, renewal


def at(shop, moment):
    """Let the calendar be turned as it is then."""
    services = shop.site.app.state.services
    asyncio.run(services.store.do(lambda: begin_new_days(services, moment)))


def newest(shop, anna):
    return shop.billing.purchases.of(anna.user_id)[0]


def test_consent_and_a_saved_method_begin_a_renewal(shop):
    anna, renewal = subscribed(shop)
    (term,) = anna.terms
    assert (renewal.state, renewal.next_at, renewal.plan) == (RenewalState.ON, term.ends_at, "plus")
    assert renewal.method
    (document,) = anna.http.get("/api/renewals").json()["renewals"]
    assert (document["plan"], document["state"], document["till"]) == ("plus", "on", "yookassa")
    assert renewal.method not in anna.http.get("/api/renewals").text


@pytest.mark.parametrize("said", [{}, {"plan": "pack", "keep_method": True}])
def test_without_consent_and_for_a_pack_there_is_none(shop, said):
    anna = shop.buyer()
    order_id = anna.bought(**said)
    assert anna.renewals == []
    asked = [call for call in shop.till.calls("payments.create") if call.key == order_id]
    assert asked[0].body["save_payment_method"] is False


def test_who_agreed_is_reminded_once_three_days_before(shop):
    anna, renewal = subscribed(shop)
    at(shop, renewal.next_at - timedelta(days=4))
    assert "notice-renewal-soon" not in anna.told
    for _ in range(3):
        at(shop, renewal.next_at - timedelta(days=2, hours=23))
    assert anna.told.count("notice-renewal-soon") == 1
    assert "notice-plan-ends" not in anna.told


def test_a_clock_that_was_set_back_stops_no_reminder_no_look_and_no_comparison(shop):
    anna, renewal = subscribed(shop)
    order_id, lost, waits = (shop.buyer().ordered("pack") for _ in range(3))
    shop.till.behave(notifications="never")
    worker, two_days = shop.site.app.state.payment_worker, timedelta(days=2)
    kept, compared = worker.ctx, len(shop.till.calls("payments.list"))
    clock = kept.clock
    worker.ctx = replace(kept, clock=lambda: clock() + two_days)
    shop.until(waits, "expired")
    wait_until(lambda: len(shop.till.calls("payments.list")) > compared)
    later = iso(clock() + two_days)
    shop.sql("UPDATE purchase SET look_at = ? WHERE id = ?", later, order_id)
    # What nobody told us, and nobody looks at any more, is found by the daily comparison alone.
    shop.sql("UPDATE purchase SET state = 'canceled', look_at = NULL WHERE id = ?", lost)
    for each in (order_id, lost):
        shop.till.choose(each, "paid")
    soon = iso(clock() + timedelta(days=2, hours=23))
    shop.sql("UPDATE renewal SET next_at = ? WHERE id = ?", soon, renewal.renewal_id)
    worker.ctx = kept
    shop.until(order_id, "paid")
    shop.until(lost, "paid")
    wait_until(lambda: "notice-renewal-soon" in anna.told)


def test_a_plan_is_paid_again_before_it_ends(shop):
    anna, renewal = subscribed(shop)
    for _ in range(3):
        at(shop, renewal.next_at - timedelta(hours=23))
    order_id = newest(shop, anna).purchase_id
    shop.until(order_id, "paid")
    later, first = anna.terms
    assert later.starts_at == first.ends_at
    (again,) = anna.renewals
    assert (again.next_at, again.tries, again.state) == (later.ends_at, 0, RenewalState.ON)
    assert len(shop.asked(order_id)) == 1
    assert len(shop.billing.purchases.of(anna.user_id)) == 2
    assert anna.told.count("notice-paid") == 2


def test_the_next_period_is_paid_too(shop):
    anna, _ = subscribed(shop)
    for count in (2, 3):
        (renewal,) = anna.renewals
        at(shop, renewal.next_at - timedelta(hours=23))
        wait_until(lambda wanted=count: len(anna.terms) == wanted)
    assert len(shop.billing.purchases.of(anna.user_id)) == 3
    assert shop.faults() == []


def test_a_decline_is_told_and_tried_three_times_and_no_more(shop):
    anna, renewal = subscribed(shop)
    shop.till.behave(renewal="insufficient_funds")
    for number in range(5):
        at(shop, renewal.next_at + timedelta(days=number - 1, hours=1))
        shop.until(newest(shop, anna).purchase_id, "canceled")
    tries = shop.billing.purchases.of(anna.user_id)[:-1]
    assert [purchase.state.value for purchase in tries] == ["canceled"] * 3
    assert anna.told.count("notice-renewal-failed") == 2
    assert anna.told.count("notice-renewal-over") == 1
    assert "notice-payment-canceled" not in anna.told
    (over,) = anna.renewals
    assert over.state is RenewalState.FAILED
    assert len(anna.terms) == 1


def test_a_method_that_was_revoked_is_not_tried_again(shop):
    anna, renewal = subscribed(shop)
    shop.till.revoke(renewal.method)
    at(shop, renewal.next_at - timedelta(hours=23))
    shop.until(newest(shop, anna).purchase_id, "canceled")
    wait_until(lambda: anna.renewals[0].state is RenewalState.FAILED)
    assert anna.told[0] == "notice-renewal-over"


def test_who_says_no_pays_no_more_and_is_told_when_the_plan_ends(shop):
    anna, renewal = subscribed(shop)
    eve = shop.buyer()
    path = f"/api/renewals/{renewal.renewal_id}"
    assert eve.http.delete(path).status_code == 404
    assert anna.http.delete(path).status_code == 204
    assert anna.http.delete(path).status_code == 404
    for _ in range(2):
        at(shop, renewal.next_at - timedelta(hours=23))
    assert len(shop.billing.purchases.of(anna.user_id)) == 1
    assert anna.told.count("notice-plan-ends") == 1


def test_a_no_that_comes_before_the_payment_is_asked_for_counts(shop):
    anna, renewal = subscribed(shop)
    services = shop.site.app.state.services
    moment = renewal.next_at - timedelta(hours=23)

    def order_and_stop():
        begin_new_days(services, moment)
        shop.billing.renewals.stop(renewal.renewal_id, anna.user_id)

    asyncio.run(services.store.do(order_and_stop))
    order_id = newest(shop, anna).purchase_id
    shop.due(order_id)
    shop.until(order_id, "canceled")
    assert shop.asked(order_id) == []


def test_a_plan_that_goes_on_by_other_means_is_not_paid_yet(shop):
    anna, renewal = subscribed(shop)
    shop.billing.terms.add(
        anna.user_id, "plus", 10, Source.GIFT, f"gift:{anna.user_id}", "cli:vera"
    )
    at(shop, renewal.next_at - timedelta(hours=23))
    (moved,) = anna.renewals
    assert moved.next_at == renewal.next_at + timedelta(days=10)
    assert len(shop.billing.purchases.of(anna.user_id)) == 1


def test_a_payment_by_hand_moves_the_renewal(shop):
    anna, renewal = subscribed(shop)
    anna.bought()
    wait_until(lambda: anna.renewals[0].next_at == renewal.next_at + timedelta(days=30))


def test_money_that_went_back_whole_ends_the_renewal(shop):
    anna, _ = subscribed(shop)
    order_id = newest(shop, anna).purchase_id
    shop.till.refund(order_id)
    shop.until(order_id, "refunded")
    assert anna.renewals[0].state is RenewalState.OFF


def test_a_plan_that_is_sold_no_more_is_not_renewed(shop):
    anna, renewal = subscribed(shop)
    gone = {"plan": "gone", "next_at": iso(utc_now() + timedelta(hours=3))}
    query = "UPDATE renewal SET plan = ?, next_at = ? WHERE id = ?"
    shop.sql(query, *gone.values(), renewal.renewal_id)
    at(shop, utc_now())
    assert anna.told[0] == "notice-renewal-gone"
    assert anna.renewals[0].state is RenewalState.FAILED
