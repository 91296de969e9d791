"""Plans renewed with a saved payment method: consent, reminders, three attempts, and the end."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from merlin.app.payment_worker import PaymentWorker, begin_new_days
from merlin.billing.quota import Source
from merlin.billing.subscriptions import RenewalState, Terms
from merlin.core.clock import iso, utc_now
from tests.support.waiting import wait_until

pytestmark = pytest.mark.functional


def subscribe(shop):
    """Return a new buyer of a plan with automatic renewal, and the renewal."""
    shop.sql("UPDATE renewal SET state = 'off'")
    anna = shop.buyer()
    anna.buy(save_payment_method=True)
    (renewal,) = wait_until(lambda: anna.renewals)
    return anna, renewal


def run_at(shop, moment, services=None):
    """Run the worker's scheduled tasks as of this moment."""
    services = services or shop.site.app.state.services
    asyncio.run(services.store.do(lambda: begin_new_days(services, moment)))


def newest_order(shop, anna):
    return shop.billing.purchases.list_of_user(anna.user_id)[0]


def test_consent_with_a_saved_payment_method_starts_a_renewal(shop):
    anna, renewal = subscribe(shop)
    (term,) = anna.terms
    assert (renewal.state, renewal.next_at, renewal.plan) == (RenewalState.ON, term.ends_at, "plus")
    assert renewal.method
    (document,) = anna.http.get("/api/renewals").json()["renewals"]
    assert (document["plan"], document["state"], document["gateway"]) == ("plus", "on", "yookassa")
    assert renewal.method not in anna.http.get("/api/renewals").text


@pytest.mark.parametrize("fields", [{}, {"plan": "pack", "save_payment_method": True}])
def test_order_without_consent_or_of_a_pack_starts_no_renewal(shop, fields):
    anna = shop.buyer()
    order_id = anna.buy(**fields)
    assert anna.renewals == []
    calls = [call for call in shop.yookassa.calls("payments.create") if call.key == order_id]
    assert calls[0].body["save_payment_method"] is False


def test_renewal_reminder_is_sent_once_three_days_before(shop):
    anna, renewal = subscribe(shop)
    run_at(shop, renewal.next_at - timedelta(days=4))
    assert "notice-renewal-soon" not in anna.notice_keys
    for _ in range(3):
        run_at(shop, renewal.next_at - timedelta(days=2, hours=23))
    assert anna.notice_keys.count("notice-renewal-soon") == 1
    assert "notice-plan-ends" not in anna.notice_keys


def test_clock_set_back_stops_no_reminder_sync_or_reconciliation(shop):
    anna, renewal = subscribe(shop)
    order_id, lost, waits = (shop.buyer().start_payment("pack") for _ in range(3))
    shop.yookassa.behave(notifications="never")
    worker, two_days = shop.site.app.state.payment_worker, timedelta(days=2)
    context, compared = worker.ctx, len(shop.yookassa.calls("payments.list"))
    clock = context.clock
    worker.ctx = replace(context, clock=lambda: clock() + two_days)
    shop.wait_for_state(waits, "expired")
    wait_until(lambda: len(shop.yookassa.calls("payments.list")) > compared)
    later = iso(clock() + two_days)
    shop.sql("UPDATE purchase SET look_at = ? WHERE id = ?", later, order_id)
    # Without a notification and without polling, only the daily reconciliation finds it.
    shop.sql("UPDATE purchase SET state = 'canceled', look_at = NULL WHERE id = ?", lost)
    for unseen in (order_id, lost):
        shop.yookassa.choose(unseen, "paid")
    soon = iso(clock() + timedelta(days=2, hours=23))
    shop.sql("UPDATE renewal SET next_at = ? WHERE id = ?", soon, renewal.renewal_id)
    worker.ctx = context
    shop.wait_for_state(order_id, "paid")
    shop.wait_for_state(lost, "paid")
    wait_until(lambda: "notice-renewal-soon" in anna.notice_keys)


@pytest.mark.parametrize(("change", "charged"), [(10_000, 0), (-5_000, -5_000)])
def test_renewal_charges_no_more_than_its_reminder_announced(shop, change, charged):
    anna, renewal = subscribe(shop)
    run_at(shop, renewal.next_at - timedelta(days=2, hours=23))
    services = shop.site.app.state.services
    plus = services.config.plans["plus"]
    price = plus.price.model_copy(update={"rub": plus.price.rub + change / 100})
    changed = plus.model_copy(update={"price": price})
    plans = {**services.config.plans, "plus": changed}
    config = services.config.model_copy(update={"plans": plans})
    run_at(shop, renewal.next_at - timedelta(hours=23), replace(services, config=config))
    order = newest_order(shop, anna)
    assert order.order.amount.minor == plus.rub.minor + charged
    shop.wait_for_state(order.purchase_id, "paid")
    assert anna.renewals[0].announced_price is None


def test_plan_is_renewed_before_it_ends(shop):
    anna, renewal = subscribe(shop)
    for _ in range(3):
        run_at(shop, renewal.next_at - timedelta(hours=23))
    order_id = newest_order(shop, anna).purchase_id
    shop.wait_for_state(order_id, "paid")
    later, first = anna.terms
    assert later.starts_at == first.ends_at
    (again,) = anna.renewals
    assert (again.next_at, again.tries, again.state) == (later.ends_at, 0, RenewalState.ON)
    assert len(shop.payments_of(order_id)) == 1
    assert len(shop.billing.purchases.list_of_user(anna.user_id)) == 2
    assert anna.notice_keys.count("notice-paid") == 2


def test_plan_is_renewed_for_each_following_period(shop):
    anna, _ = subscribe(shop)
    for count in (2, 3):
        (renewal,) = anna.renewals
        run_at(shop, renewal.next_at - timedelta(hours=23))
        wait_until(lambda wanted=count: len(anna.terms) == wanted)
    assert len(shop.billing.purchases.list_of_user(anna.user_id)) == 3
    assert shop.ledger_faults() == []


def test_declined_renewal_is_tried_three_times_and_the_user_is_notified(shop):
    anna, renewal = subscribe(shop)
    shop.yookassa.behave(renewal="insufficient_funds")
    for number in range(5):
        run_at(shop, renewal.next_at + timedelta(days=number - 1, hours=1))
        shop.wait_for_state(newest_order(shop, anna).purchase_id, "canceled")
    tries = shop.billing.purchases.list_of_user(anna.user_id)[:-1]
    assert [purchase.state.value for purchase in tries] == ["canceled"] * 3
    assert anna.notice_keys.count("notice-renewal-failed") == 2
    assert anna.notice_keys.count("notice-renewal-over") == 1
    assert "notice-payment-canceled" not in anna.notice_keys
    (over,) = anna.renewals
    assert over.state is RenewalState.FAILED
    assert len(anna.terms) == 1


def test_pending_renewal_payment_is_the_only_one_until_it_ends(shop):
    anna, renewal = subscribe(shop)
    shop.yookassa.behave(renewal="pending")
    run_at(shop, renewal.next_at - timedelta(hours=23))
    order_id = newest_order(shop, anna).purchase_id
    shop.wait_for_state(order_id, "pending")
    past = iso(utc_now() - timedelta(minutes=1))
    shop.sql("UPDATE purchase SET expires_at = ? WHERE id = ?", past, order_id)
    shop.sync_order(order_id)
    run_at(shop, renewal.next_at + timedelta(hours=2))
    assert newest_order(shop, anna).purchase_id == order_id
    assert anna.renewals[0].tries == 2
    shop.yookassa.choose(order_id, "paid")
    shop.wait_for_state(order_id, "paid")
    assert (len(anna.terms), anna.renewals[0].tries) == (2, 0)
    assert len(shop.billing.purchases.list_of_user(anna.user_id)) == 2


def test_revoked_payment_method_is_not_retried(shop):
    anna, renewal = subscribe(shop)
    shop.yookassa.revoke(renewal.method)
    run_at(shop, renewal.next_at - timedelta(hours=23))
    shop.wait_for_state(newest_order(shop, anna).purchase_id, "canceled")
    wait_until(lambda: anna.renewals[0].state is RenewalState.FAILED)
    assert anna.notice_keys[0] == "notice-renewal-over"


def test_stopped_renewal_charges_nothing_and_sends_a_plan_end_notice(shop):
    anna, renewal = subscribe(shop)
    eve = shop.buyer()
    path = f"/api/renewals/{renewal.renewal_id}"
    assert eve.http.delete(path).status_code == 404
    assert anna.http.delete(path).status_code == 204
    assert anna.http.delete(path).status_code == 404
    for _ in range(2):
        run_at(shop, renewal.next_at - timedelta(hours=23))
    assert len(shop.billing.purchases.list_of_user(anna.user_id)) == 1
    assert anna.notice_keys.count("notice-plan-ends") == 1


def test_plan_end_notice_that_could_not_be_stored_is_stored_by_the_next_run(shop, clock):
    anna, ends = shop.buyer(), clock() + timedelta(days=1, seconds=30)
    gift = (1, Source.GIFT, f"gift:{anna.user_id}", "cli:vera")
    Terms(shop.db, clock).add(anna.user_id, "plus", *gift)
    shop.sql("UPDATE plan_term SET ends_at = ? WHERE user_id = ?", iso(ends), anna.user_id)
    worker = PaymentWorker(replace(shop.site.services, clock=clock))
    asyncio.run(worker.run_once())
    clock.move(60)
    shop.sql(
        "CREATE TRIGGER refuse_notice BEFORE INSERT ON notice"
        " WHEN NEW.key = 'notice-plan-ends' BEGIN SELECT RAISE(ABORT, 'refused'); END"
    )
    asyncio.run(worker.run_once())
    assert "notice-plan-ends" not in anna.notice_keys
    shop.sql("DROP TRIGGER refuse_notice")
    clock.move(60)
    asyncio.run(worker.run_once())
    assert "notice-plan-ends" in anna.notice_keys


@pytest.mark.parametrize(("plan", "notices"), [("plus", 0), ("free", 1)])
def test_plan_end_notice_is_not_sent_to_who_has_the_plan_without_an_end(shop, plan, notices):
    anna = shop.buyer()
    gift = (10, Source.GIFT, f"gift:{anna.user_id}", "cli:vera")
    shop.billing.terms.add(anna.user_id, "plus", *gift)
    shop.sql("UPDATE users SET plan = ? WHERE user_id = ?", plan, anna.user_id)
    (term,) = anna.terms
    run_at(shop, term.ends_at - timedelta(hours=23))
    assert anna.notice_keys.count("notice-plan-ends") == notices


def test_renewal_stopped_before_its_payment_is_created_charges_nothing(shop):
    anna, renewal = subscribe(shop)
    services = shop.site.app.state.services
    moment = renewal.next_at - timedelta(hours=23)

    def order_and_stop():
        begin_new_days(services, moment)
        shop.billing.renewals.stop(renewal.renewal_id, anna.user_id)

    asyncio.run(services.store.do(order_and_stop))
    order_id = newest_order(shop, anna).purchase_id
    shop.make_due(order_id)
    shop.wait_for_state(order_id, "canceled")
    assert shop.payments_of(order_id) == []


def test_renewal_is_postponed_while_a_gifted_term_lasts(shop):
    anna, renewal = subscribe(shop)
    shop.billing.terms.add(
        anna.user_id, "plus", 10, Source.GIFT, f"gift:{anna.user_id}", "cli:vera"
    )
    run_at(shop, renewal.next_at - timedelta(hours=23))
    (moved,) = anna.renewals
    assert moved.next_at == renewal.next_at + timedelta(days=10)
    assert len(shop.billing.purchases.list_of_user(anna.user_id)) == 1


def test_reminder_follows_a_gifted_term(shop):
    anna, renewal = subscribe(shop)
    gift = (10, Source.GIFT, f"gift:{anna.user_id}", "cli:vera")
    shop.billing.terms.add(anna.user_id, "plus", *gift)
    run_at(shop, renewal.next_at - timedelta(days=2, hours=23))
    assert "notice-renewal-soon" not in anna.notice_keys
    run_at(shop, renewal.next_at + timedelta(days=7, hours=1))
    assert anna.notice_keys.count("notice-renewal-soon") == 1


def test_manual_payment_postpones_the_renewal(shop):
    anna, renewal = subscribe(shop)
    anna.buy()
    wait_until(lambda: anna.renewals[0].next_at == renewal.next_at + timedelta(days=30))


def test_full_refund_ends_the_renewal(shop):
    anna, _ = subscribe(shop)
    order_id = newest_order(shop, anna).purchase_id
    shop.yookassa.refund(order_id)
    shop.wait_for_state(order_id, "refunded")
    assert anna.renewals[0].state is RenewalState.OFF


def test_plan_no_longer_sold_is_not_renewed(shop):
    anna, renewal = subscribe(shop)
    changes = {"plan": "gone", "next_at": iso(utc_now() + timedelta(hours=3))}
    query = "UPDATE renewal SET plan = ?, next_at = ? WHERE id = ?"
    shop.sql(query, *changes.values(), renewal.renewal_id)
    run_at(shop, utc_now())
    assert anna.notice_keys[0] == "notice-renewal-gone"
    assert anna.renewals[0].state is RenewalState.FAILED
