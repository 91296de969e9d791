"""Renewals: announced before, tried three times a day apart, never paid twice."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial

import pytest

from merlin.app.plans import notify_renewals, order_due, record_failed_renewal, renewal_of
from merlin.app.settlement import PaymentOutcome
from merlin.app.shop import place_renewal_order
from merlin.billing.purchases import PurchaseState
from merlin.billing.quota import Source
from merlin.billing.subscriptions import RenewalState
from merlin.config.shop import PlanPrice
from merlin.core.errors import NotFound
from merlin.db.database import open_database
from tests.billing.plan_shop import ANNA, BORIS, STARS, YOOKASSA, Shop

pytestmark = pytest.mark.integration

DAY = timedelta(days=1)


def claim_due(shop):
    shop.billing.renewals.claim_reminders(shop.clock())
    return shop.billing.renewals.claim_due(shop.clock())


def order_renewal(shop, renewal):
    """Return the order that a try of a renewal places."""
    return shop.db.transact(lambda: place_renewal_order(shop.ctx, renewal, renewal.tries))


def test_renewal_is_due_a_day_before_the_end_and_again_on_the_next_days(shop, clock):
    shop.start_renewal()
    days = []
    for hour in range(0, 40 * 24, 6):
        days += [hour / 24] * len(claim_due(shop))
        clock.move(6 * 3600)
    assert days == [29, 30, 31]


def test_tries_after_a_long_outage_are_a_day_apart(shop, clock):
    shop.start_renewal()
    clock.move(50 * 86_400)
    days = []
    for hour in range(0, 10 * 24, 6):
        days += [hour / 24] * len(claim_due(shop))
        clock.move(6 * 3600)
    assert days == [0, 1, 2]


def test_paid_renewal_is_due_after_the_next_term(shop, clock):
    renewal_id = shop.start_renewal()
    clock.move(29 * 86_400)
    assert len(claim_due(shop)) == 1
    shop.billing.renewals.schedule(renewal_id, clock() + 31 * DAY)
    (renewal,) = shop.billing.renewals.list_of_user(ANNA)
    assert renewal.tries == 0
    clock.move(29 * 86_400)
    assert claim_due(shop) == []
    clock.move(86_400)
    assert len(claim_due(shop)) == 1


def test_stars_renewal_is_never_due(shop, clock):
    shop.start_renewal(gateway=STARS)
    clock.move(40 * 86_400)
    assert claim_due(shop) == []


def test_new_consent_replaces_the_old_renewal(shop, clock):
    first = shop.start_renewal()
    shop.billing.renewals.stop(first, ANNA, RenewalState.FAILED)
    clock.move(86_400)
    assert shop.start_renewal() == first
    (renewal,) = shop.billing.renewals.list_of_user(ANNA)
    assert (renewal.state, renewal.tries) == (RenewalState.ON, 0)
    assert renewal.consented_at == clock()
    assert renewal.method == "card-1"
    ((stored,),) = shop.db.sql("SELECT method FROM renewal")
    assert "card-1" not in stored


@pytest.mark.parametrize(("gateway", "late"), [(YOOKASSA, 1), (STARS, 0)])
def test_reminder_is_sent_once_per_payment_and_late_only_if_the_payment_waited(
    shop, clock, gateway, late
):
    renewal_id = shop.start_renewal(gateway=gateway)
    remind = shop.billing.renewals.claim_reminders
    assert remind(clock() + 26 * DAY) == []
    assert [reminder.renewal_id for reminder in remind(clock() + 27 * DAY)] == [renewal_id]
    assert remind(clock() + 28 * DAY) == []
    shop.billing.renewals.schedule(renewal_id, clock() + 60 * DAY)
    assert len(remind(clock() + 57 * DAY)) == 1
    shop.billing.renewals.schedule(renewal_id, clock() + 90 * DAY)
    # Nothing ran for four days: Telegram took the Stars, the saved method is charged after this.
    claim_due = shop.billing.renewals.claim_due
    assert not claim_due(clock() + 91 * DAY)
    assert [len(remind(clock() + 91 * DAY)) for _ in range(2)] == [late, 0]
    assert len(claim_due(clock() + 91 * DAY)) == late


ONLY_ROUBLES = {"price": PlanPrice.model_validate({"rub": 299.9})}


@pytest.mark.parametrize("changes", [None, ONLY_ROUBLES, {"renewed": False}])
def test_stars_renewal_ends_before_the_payment_of_a_plan_not_renewed_so_any_more(
    shop, clock, changes
):
    shop.start_renewal(gateway=STARS)
    change_plan(shop, changes)
    clock.move(27 * 86_400)
    for _ in range(2):
        shop.db.transact(lambda: notify_renewals(shop.ctx, clock()))
    assert shop.billing.renewals.list_of_user(ANNA)[0].state is RenewalState.STOPPING
    assert shop.list_notices(ANNA) == ["notice-renewal-gone-stars"]


def change_plan(shop, changes):
    """Change the configuration of the plan, or with None remove the plan."""
    plus = shop.ctx.config.plans.pop("plus")
    if changes:
        shop.ctx.config.plans["plus"] = plus.model_copy(update=changes)


def test_saved_method_is_not_charged_for_a_plan_without_automatic_renewal(shop, clock):
    shop.start_renewal()
    change_plan(shop, {"renewed": False})
    clock.move(29 * 86_400)
    for act in (notify_renewals, order_due):
        shop.db.transact(partial(act, shop.ctx, clock()))
    assert shop.billing.renewals.list_of_user(ANNA)[0].state is RenewalState.FAILED
    assert shop.list_notices(ANNA) == ["notice-renewal-gone"]


def test_concurrent_processes_claim_each_renewal_once(url, cipher, clock):
    with open_database(url, cipher=cipher) as database:
        shop = Shop(database, clock)
        for number in range(8):
            shop.start_renewal(user_id=2000 + number)
    now = clock() + 29 * DAY
    claimed, reminded, gate = [], [], threading.Barrier(4)

    def claim(_):
        with open_database(url, cipher=cipher) as connection:
            renewals = Shop(connection, clock).billing.renewals
            gate.wait()
            reminded.extend(reminder.renewal_id for reminder in renewals.claim_reminders(now))
            claimed.extend(renewal.renewal_id for renewal in renewals.claim_due(now))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(claim, range(4)))
    assert len(claimed) == len(set(claimed)) == 8
    assert len(reminded) == len(set(reminded))


def test_same_try_returns_the_same_order(shop, clock):
    shop.start_renewal()
    clock.move(29 * 86_400)
    (renewal,) = claim_due(shop)
    first = order_renewal(shop, renewal)
    assert order_renewal(shop, renewal) == first
    assert (first.order.renewal_id, first.order.gateway) == (renewal.renewal_id, YOOKASSA)
    shop.billing.purchases.end_unpaid(first.purchase_id, PurchaseState.CANCELED, "expired")
    assert order_renewal(shop, renewal).purchase_id == first.purchase_id


def test_new_order_is_not_created_while_a_try_is_open(shop, clock):
    shop.start_renewal()
    clock.move(29 * 86_400)
    (renewal,) = claim_due(shop)
    first = order_renewal(shop, renewal)
    clock.move(86_400)
    for _ in range(51):  # however many orders the user has placed since
        other = shop.order(plan="voices")
        shop.billing.purchases.end_unpaid(other.purchase_id, PurchaseState.CANCELED)
    (second,) = claim_due(shop)
    assert order_renewal(shop, second).purchase_id == first.purchase_id
    shop.billing.purchases.end_unpaid(first.purchase_id, PurchaseState.CANCELED, "no_money")
    clock.move(86_400)
    (last,) = claim_due(shop)
    assert order_renewal(shop, last).purchase_id != first.purchase_id


def test_first_try_of_the_next_month_is_a_new_order(shop, clock):
    renewal_id = shop.start_renewal()
    clock.move(29 * 86_400)
    paid = order_renewal(shop, *claim_due(shop))
    shop.pay(paid)
    shop.billing.renewals.schedule(renewal_id, clock() + 31 * DAY)
    clock.move(30 * 86_400)
    (renewal,) = claim_due(shop)
    next_one = order_renewal(shop, renewal)
    assert next_one.purchase_id != paid.purchase_id
    assert next_one.state is PurchaseState.CREATED


def test_failed_card_payment_of_a_try_leaves_a_later_stars_subscription_alone(shop, clock):
    shop.start_renewal()
    clock.move(29 * 86_400)
    charged = order_renewal(shop, *claim_due(shop))
    subscription = shop.order(gateway=STARS)
    payment = shop.make_payment(subscription, "stars-1", paid_until=clock() + 30 * DAY)
    assert shop.apply_payment(subscription, payment) is PaymentOutcome.PAID
    # The try is neither paid with the subscription's method, nor does its failure end it.
    assert renewal_of(shop.ctx, charged) is None
    shop.db.transact(lambda: record_failed_renewal(shop.ctx, charged, "permission_revoked"))
    (renewal,) = shop.billing.renewals.list_of_user(ANNA)
    assert (renewal.method, renewal.state) == ("stars-1", RenewalState.ON)
    assert shop.list_notices(ANNA) == ["notice-paid"]


@pytest.mark.parametrize(("gateway", "ended"), [(YOOKASSA, "off"), (STARS, "stopping")])
def test_full_refund_ends_the_renewal(shop, gateway, ended):
    _, first = shop.buy()
    _, second = shop.buy()
    shop.start_renewal(gateway=gateway)
    shop.start_renewal(BORIS)
    shop.refund(first)
    assert shop.billing.renewals.list_of_user(ANNA)[0].state is RenewalState.ON
    shop.refund(second)
    assert shop.billing.renewals.list_of_user(ANNA)[0].state == ended
    assert shop.billing.renewals.list_of_user(BORIS)[0].state is RenewalState.ON


@pytest.mark.parametrize("gateway", [YOOKASSA, STARS])
def test_partial_refund_of_a_past_term_leaves_the_renewal_alone(shop, clock, gateway):
    _, grant = shop.buy()
    clock.move(31 * 86_400)
    # The next payment is late: no term is open.
    shop.start_renewal(gateway=gateway, days=0)
    shop.refund(grant, 15_000)
    (renewal,) = shop.billing.renewals.list_of_user(ANNA)
    assert (renewal.state, renewal.next_at) == (RenewalState.ON, clock())
    shop.refund(grant)
    assert shop.billing.renewals.list_of_user(ANNA)[0].state is not RenewalState.ON


def test_full_refund_ends_the_renewal_of_a_plan_whose_gift_goes_on(shop, clock):
    shop.billing.terms.add(ANNA, "plus", 3, Source.GIFT, "given", "cli:vera")
    _, grant = shop.buy()
    shop.start_renewal()
    shop.refund(grant, 15_000)
    assert shop.billing.renewals.list_of_user(ANNA)[0].state is RenewalState.ON
    shop.refund(grant)
    assert shop.billing.renewals.list_of_user(ANNA)[0].state is RenewalState.OFF
    assert shop.list_plans() == ["plus"]


@pytest.mark.parametrize(("minor", "is_soon"), [(15_000, False), (29_000, True)])
def test_next_payment_follows_a_plan_that_a_refund_shortened(shop, clock, minor, is_soon):
    _, grant = shop.buy()
    shop.start_renewal()
    shop.start_renewal(BORIS)
    shop.refund(grant, minor)
    (term,) = shop.billing.terms.list_of_user(ANNA)
    (renewal,) = shop.billing.renewals.list_of_user(ANNA)
    # Not before there was time to remind and to cancel.
    expected = clock() + 3 * DAY if is_soon else term.ends_at
    assert (renewal.state, renewal.next_at) == (RenewalState.ON, expected)
    assert shop.billing.renewals.list_of_user(BORIS)[0].next_at == clock() + 30 * DAY


def test_deleted_renewal_cannot_be_ordered(shop, clock):
    shop.start_renewal()
    clock.move(29 * 86_400)
    (renewal,) = claim_due(shop)
    shop.db.sql("DELETE FROM renewal")
    with pytest.raises(NotFound):
        order_renewal(shop, renewal)
