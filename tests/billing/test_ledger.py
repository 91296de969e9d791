"""The ledger: a payment is granted once, a refund takes back what it paid for, no entry changes."""

from dataclasses import replace
from datetime import timedelta

import peewee
import pytest

from merlin.app.personal_data import PersonalRecords
from merlin.billing.purchases import PurchaseState
from merlin.billing.quota import Format
from merlin.core.errors import NotFound, Refused
from merlin.core.money import Currency
from tests.billing.plan_shop import (
    ANNA,
    BORIS,
    STARS,
    YOOKASSA,
    Shop,
    list_terms,
    read_state,
    show_quota,
)
from tests.support.refusals import refusal_key

pytestmark = pytest.mark.integration

PAID = ["payment", "grant"]


def test_same_plan_bought_again_starts_where_it_ends(shop, clock):
    shop.buy()
    clock.move(10 * 86_400)
    shop.buy(gateway=STARS)
    assert list_terms(shop) == [(-10, 20), (20, 50)]
    clock.move(45 * 86_400)
    assert shop.list_plans() == ["plus"]
    clock.move(5 * 86_400)
    assert shop.list_plans() == []
    shop.buy()
    assert list_terms(shop)[-1] == (0, 30)


def test_concurrent_payments_of_one_plan_follow_each_other(shop, clock, run_at_once):
    orders = [shop.order(contact=f"{n}@example.com") for n in range(4)]

    def pay(number, database):
        Shop(database, clock).pay(orders[number], f"pay-{number}")

    run_at_once(pay, 4)
    assert sorted(list_terms(shop)) == [(0, 30), (30, 60), (60, 90), (90, 120)]


def test_order_paid_twice_is_recorded_twice_and_lasts_twice(shop):
    purchase = shop.order(gateway=STARS)
    first = shop.pay(purchase, "one")
    second = shop.pay(purchase, "two")
    assert shop.pay(purchase, "two") is None
    assert list_terms(shop) == [(0, 30), (30, 60)]
    assert shop.list_kinds() == PAID * 2
    shop.refund(second)
    assert read_state(shop, purchase) is PurchaseState.REFUNDED_IN_PART
    assert list_terms(shop) == [(0, 30), (30, 30)]
    shop.refund(first)
    assert read_state(shop, purchase) is PurchaseState.REFUNDED


@pytest.mark.parametrize("sql", ["UPDATE ledger SET amount = 1", "DELETE FROM ledger"])
def test_database_refuses_to_change_or_delete_ledger_rows(shop, sql):
    shop.buy()
    with pytest.raises(peewee.PeeweeException, match="only added to"):
        shop.db.sql(sql)
    assert shop.list_kinds() == PAID


def test_payment_of_an_erased_user_is_granted_to_no_user_and_admins_are_notified(
    shop, clock
):
    purchase = shop.order(plan="voices")
    PersonalRecords(shop.db, clock).forget(ANNA)
    grant = shop.pay(shop.billing.purchases.get(purchase.purchase_id), "late")
    assert grant is not None
    assert shop.billing.purchases.get(purchase.purchase_id).user_id == 0
    assert show_quota(shop, Format.VOICE).packs == 0
    assert shop.users.get(ANNA) is None
    assert shop.users.get(0) is None
    assert shop.list_notices("admins") == ["notice-paid-nobody"]
    assert shop.list_notices(ANNA) == []
    shop.refund(grant)


def test_order_in_stars_of_a_person_who_was_deleted_belongs_to_its_payer(shop, clock):
    purchase = shop.order(gateway=STARS)
    PersonalRecords(shop.db, clock).forget(ANNA)
    payment = shop.make_payment(purchase, "late")
    shop.billing.ledger.record_payment(purchase.purchase_id, payment)
    assert shop.billing.purchases.get(purchase.purchase_id).user_id == ANNA


def test_erasure_during_payments_causes_no_deadlock(shop, clock, run_at_once):
    """On PostgreSQL both transactions lock the same rows, in the same order."""
    orders = [shop.order(contact=f"{n}@example.com") for n in range(5)]

    def pay_or_leave(number, database):
        if number == 0:
            PersonalRecords(database, clock).forget(ANNA)
            return
        for order in orders:
            Shop(database, clock).pay(order, order.purchase_id)

    run_at_once(pay_or_leave, 2)
    assert shop.list_kinds().count("grant") == 5
    assert {purchase.user_id for purchase in shop.billing.purchases.list_newest()} == {
        0
    }


def test_orders_of_a_period_are_those_with_an_entry_in_it(shop, clock):
    shop.buy()
    clock.move(86_400)
    _, second = shop.buy(BORIS)
    hour = timedelta(hours=1)
    assert shop.billing.ledger.list_orders(clock() - hour, clock() + hour) == [
        second.purchase_id
    ]


@pytest.fixture
def grant(shop):
    """The grant of a payment of anna."""
    _, grant = shop.buy()
    return grant


def test_full_refund_revokes_the_whole_plan_once(shop, clock):
    purchase, grant = shop.buy()
    clock.move(86_400)
    assert shop.refund(grant, outside_id="back") is not None
    assert shop.list_kinds() == [*PAID, "refund", "revocation"]
    assert read_state(shop, purchase) is PurchaseState.REFUNDED
    assert shop.list_plans() == []
    assert list_terms(shop) == [(-1, 0)]
    assert shop.list_notices(ANNA) == ["notice-paid", "notice-refunded"]
    assert record_again(shop, grant, "back") is None
    assert shop.list_kinds() == [*PAID, "refund", "revocation"]
    assert shop.list_notices(ANNA) == ["notice-paid", "notice-refunded"]


def record_again(shop, grant, outside_id):
    """Record the same refund once more."""
    payment = shop.find_payment(grant)
    refund = shop.make_refund(payment.outside_id, outside_id, grant.amount)
    return shop.billing.ledger.record_refund(grant.gateway, refund)


def test_partial_refund_shortens_the_term_in_proportion(shop, clock):
    purchase, grant = shop.buy()
    clock.move(3 * 86_400)
    shop.refund(grant, grant.amount.minor // 2)
    assert list_terms(shop) == [(-3, 12)]
    assert read_state(shop, purchase) is PurchaseState.REFUNDED_IN_PART
    shop.refund(grant, grant.amount.minor // 4)
    assert list_terms(shop)[0][1] in {4, 5}
    assert shop.list_plans() == ["plus"]
    shop.refund(grant, grant.amount.minor // 5)
    assert list_terms(shop) == [(-3, 0)]
    assert read_state(shop, purchase) is PurchaseState.REFUNDED_IN_PART
    assert shop.list_kinds().count("revocation") == 0
    shop.refund(grant)
    assert shop.list_kinds().count("revocation") == 1
    assert read_state(shop, purchase) is PurchaseState.REFUNDED


def test_partial_refund_of_a_pack_removes_its_share_of_the_questions(shop):
    _, grant = shop.buy(plan="voices")
    left = []
    for minor in (100, 1900, 2950, 2475, 2474, None):
        shop.refund(grant, minor)
        left.append(
            [show_quota(shop, kind).packs for kind in (Format.VOICE, Format.PHOTO)]
        )
    # 98, 79, 49.50, 24.75, 0.01 and no roubles of 99 are left.
    assert left == [[10, 5], [8, 4], [5, 3], [3, 2], [1, 1], [0, 0]]


def test_later_terms_move_into_the_gap_of_a_refunded_one(shop, clock):
    _, first = shop.buy()
    shop.buy()
    shop.buy()
    clock.move(5 * 86_400)
    shop.refund(first)
    assert list_terms(shop) == [(-5, 0), (0, 30), (30, 60)]
    assert shop.list_plans() == ["plus"]


def test_refund_above_the_paid_amount_is_refused(shop, grant):
    shop.refund(grant, 20_000)
    for minor in (grant.amount.minor, 9_991, 0, -1):
        assert (
            refusal_key(Refused, shop.refund, grant, minor) == "billing-refund-too-much"
        )
    stars = replace(grant.amount, minor=1, currency=Currency.XTR)
    refund = shop.make_refund(shop.find_payment(grant).outside_id, "r", stars)
    with pytest.raises(Refused):
        shop.billing.ledger.record_refund(YOOKASSA, refund)
    assert shop.billing.ledger.remaining_amount(grant.entry_id).minor == 9_990


def test_refund_of_an_unknown_payment_is_refused(shop):
    _, grant = shop.buy(gateway=STARS)
    payment = shop.find_payment(grant)
    for gateway, outside_id in ((STARS, "unknown"), (YOOKASSA, payment.outside_id)):
        refund = shop.make_refund(outside_id, "r", grant.amount)
        with pytest.raises(NotFound):
            shop.billing.ledger.record_refund(gateway, refund)
    with pytest.raises(NotFound):
        shop.billing.ledger.remaining_amount(payment.entry_id + 100)


@pytest.mark.parametrize("is_told", [True, False])
def test_payment_is_of_the_time_that_the_gateway_tells_or_of_its_order(
    shop, clock, is_told
):
    purchase = shop.order()
    clock.move(3600)
    told = clock() if is_told else None
    clock.move(3600)
    payment = shop.make_payment(purchase, "pay", at=told)
    shop.billing.ledger.record_payment(purchase.purchase_id, payment)
    (paid, _) = shop.billing.ledger.entries(purchase.purchase_id)
    assert paid.at == (told or purchase.created_at)
