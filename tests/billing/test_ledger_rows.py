"""The ledger: a payment is stored once and granted once, and what is stored stays."""

from __future__ import annotations

import threading
from datetime import UTC, timedelta

import peewee
import pytest

from merlin.account.users import User
from merlin.app.personal_data import PersonalRecords
from merlin.billing.ledger import EntryKind
from merlin.billing.purchases import PurchaseState
from merlin.billing.quota import UNLIMITED, Format, Quotas, plan_of
from merlin.core.errors import NotFound
from merlin.db.database import open_database
from tests.billing.plan_shop import ANNA, BORIS, STARS, YOOKASSA, Counter, quota_left, state, terms

pytestmark = pytest.mark.integration

PAID = ["payment", "grant"]
MONTH = timedelta(days=30)


@pytest.mark.parametrize("till", [STARS, YOOKASSA])
def test_what_is_paid_is_granted_and_told(shop, till):
    purchase, grant = shop.bought(till=till)
    assert purchase.state is PurchaseState.PAID
    assert grant.kind is EntryKind.GRANT
    assert grant.amount == purchase.order.amount
    assert shop.kinds() == PAID
    assert shop.plans() == ["plus"]
    assert terms(shop) == [(0, 30)]
    assert shop.told(ANNA) == ["notice-paid"]
    assert shop.faults() == []


def test_a_payment_that_is_told_often_is_stored_once(shop):
    purchase = shop.order()
    grants = [shop.pay(purchase, "pay") for _ in range(5)]
    assert [grant is not None for grant in grants] == [True] + [False] * 4
    assert shop.kinds() == PAID
    assert shop.told(ANNA) == ["notice-paid"]
    assert terms(shop) == [(0, 30)]


def test_a_payment_told_to_six_threads_at_once_is_stored_once(url, cipher, clock):
    with open_database(url, cipher=cipher) as database:
        shop = Counter(database, clock)
        purchase = shop.order(plan="voices")
    gate, grants = threading.Barrier(6), []

    def pay():
        with open_database(url, cipher=cipher) as mine:
            gate.wait()
            grants.append(Counter(mine, clock).pay(purchase, "pay"))

    threads = [threading.Thread(target=pay) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(grants) == 6
    assert sum(grant is not None for grant in grants) == 1
    with open_database(url, cipher=cipher) as database:
        shop = Counter(database, clock)
        assert shop.kinds() == PAID
        assert quota_left(shop, Format.VOICE).gifts == 10


def test_the_same_number_at_two_tills_is_two_payments(shop):
    for till in (STARS, YOOKASSA):
        assert shop.pay(shop.order(till=till), "same") is not None
    assert shop.kinds() == PAID * 2


def test_a_payment_of_an_unknown_purchase_stores_nothing(shop):
    with pytest.raises(NotFound):
        shop.billing.ledger.record_payment("nothing", shop.seen(shop.order(), "x"))
    assert shop.entries() == []


def test_what_goes_wrong_in_between_leaves_nothing_half_done(shop):
    purchase = shop.order()

    def pay_and_fall():
        shop.billing.ledger.record_payment(purchase.purchase_id, shop.seen(purchase, "x"))
        raise RuntimeError("the power went")

    with pytest.raises(RuntimeError):
        shop.db.transact(pay_and_fall)
    assert shop.entries() == []
    assert shop.plans() == []
    assert not state(shop, purchase).is_paid
    assert shop.pay(purchase, "x") is not None


def test_a_pack_becomes_questions_on_top_of_any_plan(shop, clock):
    shop.bought(plan="voices")
    assert quota_left(shop, Format.VOICE).remaining == 10
    assert quota_left(shop, Format.PHOTO).gifts == 5
    assert shop.plans() == []
    clock.move(90 * 86_400)
    assert quota_left(shop, Format.VOICE).remaining == 0


def test_the_same_plan_bought_again_begins_where_it_ends(shop, clock):
    shop.bought()
    clock.move(10 * 86_400)
    shop.bought(till=STARS)
    assert terms(shop) == [(-10, 20), (20, 50)]
    clock.move(45 * 86_400)
    assert shop.plans() == ["plus"]
    clock.move(5 * 86_400)
    assert shop.plans() == []
    shop.bought()
    assert terms(shop)[-1] == (0, 30)


def test_two_payments_of_one_plan_at_once_follow_each_other(url, cipher, clock):
    with open_database(url, cipher=cipher) as database:
        shop = Counter(database, clock)
        shop.users.record_authors([User(ANNA, "ru")])
        orders = [shop.order(contact=f"{n}@example.com") for n in range(4)]
    gate = threading.Barrier(4)

    def pay(purchase):
        with open_database(url, cipher=cipher) as mine:
            gate.wait()
            Counter(mine, clock).pay(purchase, purchase.purchase_id)

    threads = [threading.Thread(target=pay, args=(order,)) for order in orders]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with open_database(url, cipher=cipher) as database:
        shop = Counter(database, clock)
        assert sorted(terms(shop)) == [(0, 30), (30, 60), (60, 90), (90, 120)]


def test_one_order_paid_by_two_links_is_recorded_twice_and_lasts_twice(shop):
    purchase = shop.order(till=STARS)
    first, second = shop.pay(purchase, "one"), shop.pay(purchase, "two")
    assert terms(shop) == [(0, 30), (30, 60)]
    assert shop.kinds() == PAID * 2
    shop.give_back(second)
    assert state(shop, purchase) is PurchaseState.REFUNDED_IN_PART
    assert terms(shop) == [(0, 30), (30, 30)]
    shop.give_back(first)
    assert state(shop, purchase) is PurchaseState.REFUNDED
    assert shop.faults() == []


def test_a_course_plan_counts_for_its_course_alone(shop):
    shop.bought(plan="algorithms")
    plans = shop.users.get(ANNA).plans
    assert plan_of(shop.ctx.plans, plans, "algorithms").name == "algorithms"
    assert plan_of(shop.ctx.plans, plans, "history").name == "free"
    assert plan_of(shop.ctx.plans, plans).name == "free"
    quotas = Quotas(shop.db, 1, shop.clock)
    course, free = (plan_of(shop.ctx.plans, plans, each) for each in ("algorithms", None))
    for update_id in range(3):
        quotas.reserve(ANNA, update_id, Format.TEXT, course, UTC)
    quotas.reserve(ANNA, 9, Format.TEXT, free, UTC)
    assert quotas.left(ANNA, course, UTC)[Format.TEXT].remaining == 47
    assert quotas.left(ANNA, free, UTC)[Format.TEXT].remaining == 19
    assert quotas.left(ANNA, UNLIMITED, UTC)[Format.TEXT].limit is None


@pytest.mark.parametrize("sql", ["UPDATE ledger SET amount = 1", "DELETE FROM ledger"])
def test_the_database_itself_keeps_every_row(shop, sql):
    shop.bought()
    with pytest.raises(peewee.PeeweeException, match="only added to"):
        shop.db.sql(sql)
    assert shop.kinds() == PAID
    assert shop.faults() == []


def test_what_somebody_who_left_pays_is_granted_to_nobody_and_told_to_admins(shop, clock):
    purchase = shop.order(plan="voices")
    PersonalRecords(shop.db, clock).forget(ANNA, clock() + timedelta(hours=24))
    grant = shop.pay(shop.billing.purchases.get(purchase.purchase_id), "late")
    assert grant is not None
    assert shop.billing.purchases.get(purchase.purchase_id).user_id == 0
    assert quota_left(shop, Format.VOICE).gifts == 0
    assert shop.users.get(ANNA) is None
    assert shop.users.get(0) is None
    assert shop.told("admins") == ["notice-paid-nobody"]
    assert shop.told(ANNA) == []
    shop.give_back(grant)
    assert shop.faults() == []


def test_what_was_paid_stays_without_the_person(shop, clock):
    _, grant = shop.bought(contact="anna@example.com")
    before = shop.entries()
    PersonalRecords(shop.db, clock).forget(ANNA, clock() + timedelta(hours=24))
    assert shop.entries() == before
    ((_, purchase), *_) = shop.ledger.list_period(clock() - MONTH, clock() + MONTH)
    assert (purchase.user_id, purchase.order.contact) == (0, "")
    shop.give_back(grant)
    assert shop.faults() == []


def test_somebody_who_leaves_while_they_pay_is_met_by_no_deadlock(url, cipher, clock):
    """On PostgreSQL both hold the same rows, and take them in the same order."""
    with open_database(url, cipher=cipher) as database:
        shop = Counter(database, clock)
        shop.users.record_authors([User(ANNA, "ru")])
        orders = [shop.order(contact=f"{n}@example.com") for n in range(5)]
    gate, troubles = threading.Barrier(2), []

    def doing(work):
        with open_database(url, cipher=cipher) as mine:
            gate.wait()
            try:
                work(mine)
            except Exception as error:  # noqa: BLE001 - told by the test
                troubles.append(error)

    def pay(mine):
        for order in orders:
            Counter(mine, clock).pay(order, order.purchase_id)

    def leave(mine):
        PersonalRecords(mine, clock).forget(ANNA, clock() + timedelta(hours=24))

    threads = [threading.Thread(target=doing, args=(work,)) for work in (pay, leave)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert troubles == []
    with open_database(url, cipher=cipher) as database:
        shop = Counter(database, clock)
        assert shop.kinds().count("grant") == 5
        assert shop.faults() == []
        assert {purchase.user_id for purchase in shop.billing.purchases.newest()} == {0}


def test_rows_are_found_by_their_time(shop, clock):
    _, first = shop.bought()
    clock.move(86_400)
    _, second = shop.bought(BORIS)
    found = shop.billing.ledger.list_period(
        clock() - timedelta(hours=1), clock() + timedelta(hours=1)
    )
    assert {entry.purchase_id for entry, _ in found} == {second.purchase_id}
    assert [purchase.user_id for _, purchase in found] == [BORIS, BORIS]
    assert first.purchase_id != second.purchase_id
