"""The ledger: each payment is stored once and granted once; entries are never changed."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import peewee
import pytest

from merlin.account.users import User
from merlin.app.personal_data import PersonalRecords
from merlin.billing.ledger import EntryKind
from merlin.billing.purchases import PurchaseState
from merlin.billing.quota import Format
from merlin.db.database import open_database
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
from tests.support.waiting import longest

pytestmark = pytest.mark.integration

PAID = ["payment", "grant"]


@pytest.mark.parametrize("gateway", [STARS, YOOKASSA])
def test_payment_is_granted_and_notified(shop, gateway):
    purchase, grant = shop.buy(gateway=gateway)
    assert purchase.state is PurchaseState.PAID
    assert grant.kind is EntryKind.GRANT
    assert grant.amount == purchase.order.amount
    assert shop.list_kinds() == PAID
    assert shop.list_plans() == ["plus"]
    assert list_terms(shop) == [(0, 30)]
    assert shop.list_notices(ANNA) == ["notice-paid"]
    assert shop.find_faults() == []


def test_repeated_payment_notification_is_stored_once(shop):
    purchase = shop.order()
    grants = [shop.pay(purchase, "pay") for _ in range(5)]
    assert [grant is not None for grant in grants] == [True] + [False] * 4
    assert shop.list_kinds() == PAID
    assert shop.list_notices(ANNA) == ["notice-paid"]
    assert list_terms(shop) == [(0, 30)]


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


def test_failed_transaction_stores_nothing(shop):
    purchase = shop.order()

    def pay_and_fail():
        shop.billing.ledger.record_payment(
            purchase.purchase_id, shop.make_payment(purchase, "x")
        )
        raise RuntimeError("power failure")

    with pytest.raises(RuntimeError):
        shop.db.transact(pay_and_fail)
    assert shop.list_entries() == []
    assert shop.list_plans() == []
    assert not read_state(shop, purchase).is_paid
    assert shop.pay(purchase, "x") is not None


def test_pack_adds_questions_to_any_plan(shop, clock):
    shop.buy(plan="voices")
    assert show_quota(shop, Format.VOICE).remaining == 10
    assert show_quota(shop, Format.PHOTO).packs == 5
    assert shop.list_plans() == []
    clock.move(90 * 86_400)
    assert show_quota(shop, Format.VOICE).remaining == 0


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


def test_concurrent_payments_of_one_plan_follow_each_other(url, cipher, clock):
    with open_database(url, cipher=cipher) as database:
        shop = Shop(database, clock)
        shop.users.record([User(ANNA, "ru")])
        orders = [shop.order(contact=f"{n}@example.com") for n in range(4)]
    gate = threading.Barrier(4)

    def pay(purchase):
        with open_database(url, cipher=cipher) as connection:
            gate.wait(longest())
            Shop(connection, clock).pay(purchase, purchase.purchase_id)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(pay, orders))
    with open_database(url, cipher=cipher) as database:
        shop = Shop(database, clock)
        assert sorted(list_terms(shop)) == [(0, 30), (30, 60), (60, 90), (90, 120)]


def test_order_paid_twice_is_recorded_twice_and_lasts_twice(shop):
    purchase = shop.order(gateway=STARS)
    first = shop.pay(purchase, "one")
    second = shop.pay(purchase, "two")
    assert list_terms(shop) == [(0, 30), (30, 60)]
    assert shop.list_kinds() == PAID * 2
    shop.refund(second)
    assert read_state(shop, purchase) is PurchaseState.REFUNDED_IN_PART
    assert list_terms(shop) == [(0, 30), (30, 30)]
    shop.refund(first)
    assert read_state(shop, purchase) is PurchaseState.REFUNDED
    assert shop.find_faults() == []


@pytest.mark.parametrize("sql", ["UPDATE ledger SET amount = 1", "DELETE FROM ledger"])
def test_database_refuses_to_change_or_delete_ledger_rows(shop, sql):
    shop.buy()
    with pytest.raises(peewee.PeeweeException, match="only added to"):
        shop.db.sql(sql)
    assert shop.list_kinds() == PAID
    assert shop.find_faults() == []


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
    assert shop.find_faults() == []


def test_order_in_stars_of_a_person_who_was_deleted_belongs_to_its_payer(shop, clock):
    purchase = shop.order(gateway=STARS)
    PersonalRecords(shop.db, clock).forget(ANNA)
    payment = shop.make_payment(purchase, "late")
    shop.billing.ledger.record_payment(purchase.purchase_id, payment)
    assert shop.billing.purchases.get(purchase.purchase_id).user_id == ANNA


def test_erasure_during_payments_causes_no_deadlock(url, cipher, clock):
    """On PostgreSQL both transactions lock the same rows, in the same order."""
    with open_database(url, cipher=cipher) as database:
        shop = Shop(database, clock)
        shop.users.record([User(ANNA, "ru")])
        orders = [shop.order(contact=f"{n}@example.com") for n in range(5)]
    gate = threading.Barrier(2)

    def run(action):
        with open_database(url, cipher=cipher) as connection:
            gate.wait(longest())
            action(connection)

    def pay(connection):
        for order in orders:
            Shop(connection, clock).pay(order, order.purchase_id)

    def leave(connection):
        PersonalRecords(connection, clock).forget(ANNA)

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(run, (pay, leave)))
    with open_database(url, cipher=cipher) as database:
        shop = Shop(database, clock)
        assert shop.list_kinds().count("grant") == 5
        assert shop.find_faults() == []
        assert {
            purchase.user_id for purchase in shop.billing.purchases.list_newest()
        } == {0}


def test_orders_of_a_period_are_those_with_an_entry_in_it(shop, clock):
    shop.buy()
    clock.move(86_400)
    _, second = shop.buy(BORIS)
    hour = timedelta(hours=1)
    assert shop.billing.ledger.list_orders(clock() - hour, clock() + hour) == [
        second.purchase_id
    ]
