"""The ledger: a payment is stored once and granted once, and what is stored stays."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import UTC, timedelta

import peewee
import pytest
from shop_world import ANNA, BORIS, STARS, YOOKASSA, Counter

from merlin.account.user import User
from merlin.billing.amount import Amount, Currency
from merlin.billing.ledger import EntryKind, Paid, Returned
from merlin.billing.plan import UNLIMITED, Format, plan_of
from merlin.billing.purchase import PurchaseState
from merlin.core.errors import NotFound, Refused
from merlin.store.database import open_database
from merlin.store.people import PeopleRows
from merlin.store.quotas import QuotaRows

pytestmark = pytest.mark.integration

PAID = ["payment", "grant"]
MONTH = timedelta(days=30)


@pytest.fixture
def shop(database, cipher, clock):
    counter = Counter(database, cipher, clock)
    counter.users.seen([User(ANNA, "ru"), User(BORIS, "en")])
    return counter


def left(shop, kind, user_id=ANNA):
    user = shop.users.get(user_id)
    plan = plan_of(shop.shop.plans, user.plans if user else ())
    quotas = QuotaRows(shop.db, 1, shop.clock)
    return quotas.left(user_id, plan, UTC)[kind]


def terms(shop, user_id=ANNA):
    """Return the terms of somebody as days from now, oldest first."""
    now = shop.clock()
    found = sorted(shop.books.terms.of(user_id), key=lambda each: each.term_id)
    return [((each.starts_at - now).days, (each.ends_at - now).days) for each in found]


def state(shop, purchase):
    return shop.books.purchases.get(purchase.purchase_id).state


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
    assert [each is not None for each in grants] == [True] + [False] * 4
    assert shop.kinds() == PAID
    assert shop.told(ANNA) == ["notice-paid"]
    assert terms(shop) == [(0, 30)]


def test_a_payment_told_to_six_threads_at_once_is_stored_once(url, cipher, clock):
    with open_database(url) as database:
        shop = Counter(database, cipher, clock)
        purchase = shop.order(plan="voices")
    gate, grants = threading.Barrier(6), []

    def pay():
        with open_database(url) as mine:
            gate.wait()
            grants.append(Counter(mine, cipher, clock).pay(purchase, "pay"))

    threads = [threading.Thread(target=pay) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(grants) == 6
    assert sum(each is not None for each in grants) == 1
    with open_database(url) as database:
        shop = Counter(database, cipher, clock)
        assert shop.kinds() == PAID
        assert left(shop, Format.VOICE).gifts == 10


def test_the_same_number_at_two_tills_is_two_payments(shop):
    for till in (STARS, YOOKASSA):
        assert shop.pay(shop.order(till=till), "same") is not None
    assert shop.kinds() == PAID * 2


def test_a_payment_of_an_unknown_purchase_stores_nothing(shop):
    with pytest.raises(NotFound):
        shop.books.ledger.paid("nothing", Paid("x", Amount(1, Currency.RUB), shop.clock()))
    assert shop.entries() == []


def test_what_goes_wrong_in_between_leaves_nothing_half_done(shop):
    purchase = shop.order()

    def pay_and_fall():
        shop.books.ledger.paid(purchase.purchase_id, Paid("x", purchase.order.amount, shop.clock()))
        raise RuntimeError("the power went")

    with pytest.raises(RuntimeError):
        shop.db.transact(pay_and_fall)
    assert shop.entries() == []
    assert shop.plans() == []
    assert not state(shop, purchase).is_paid
    assert shop.pay(purchase, "x") is not None


def test_a_pack_becomes_questions_on_top_of_any_plan(shop, clock):
    shop.bought(plan="voices")
    assert left(shop, Format.VOICE).remaining == 10
    assert left(shop, Format.PHOTO).gifts == 5
    assert shop.plans() == []
    clock.move(90 * 86_400)
    assert left(shop, Format.VOICE).remaining == 0


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
    with open_database(url) as database:
        shop = Counter(database, cipher, clock)
        shop.users.seen([User(ANNA, "ru")])
        orders = [shop.order(contact=f"{n}@example.com") for n in range(4)]
    gate = threading.Barrier(4)

    def pay(purchase):
        with open_database(url) as mine:
            gate.wait()
            Counter(mine, cipher, clock).pay(purchase, purchase.purchase_id)

    threads = [threading.Thread(target=pay, args=(each,)) for each in orders]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with open_database(url) as database:
        shop = Counter(database, cipher, clock)
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
    assert plan_of(shop.shop.plans, plans, "algorithms").name == "algorithms"
    assert plan_of(shop.shop.plans, plans, "history").name == "free"
    assert plan_of(shop.shop.plans, plans).name == "free"
    quotas = QuotaRows(shop.db, 1, shop.clock)
    course, free = (plan_of(shop.shop.plans, plans, each) for each in ("algorithms", None))
    for update_id in range(3):
        quotas.reserve(ANNA, update_id, Format.TEXT, course, UTC)
    quotas.reserve(ANNA, 9, Format.TEXT, free, UTC)
    assert quotas.left(ANNA, course, UTC)[Format.TEXT].remaining == 47
    assert quotas.left(ANNA, free, UTC)[Format.TEXT].remaining == 19
    assert quotas.left(ANNA, UNLIMITED, UTC)[Format.TEXT].limit is None


def test_all_of_the_money_back_takes_all_of_the_plan_back_once(shop, clock):
    purchase, grant = shop.bought()
    clock.move(86_400)
    assert shop.give_back(grant, outside_id="back") is not None
    assert shop.kinds() == [*PAID, "refund", "revocation"]
    assert state(shop, purchase) is PurchaseState.REFUNDED
    assert shop.plans() == []
    assert terms(shop) == [(-1, 0)]
    assert shop.told(ANNA) == ["notice-paid", "notice-refunded"]
    assert again(shop, grant, "back") is None
    assert shop.kinds() == [*PAID, "refund", "revocation"]
    assert shop.told(ANNA) == ["notice-paid", "notice-refunded"]
    assert shop.faults() == []


def again(shop, grant, outside_id):
    """Tell the ledger once more of a refund."""
    paid = shop.payment_of(grant)
    returned = Returned(outside_id, paid.outside_id, grant.amount, shop.clock())
    return shop.books.ledger.returned(grant.till, returned)


def test_a_part_of_the_money_takes_a_part_of_the_time(shop, clock):
    purchase, grant = shop.bought()
    clock.move(3 * 86_400)
    shop.give_back(grant, grant.amount.minor // 2)
    assert terms(shop) == [(-3, 12)]
    assert state(shop, purchase) is PurchaseState.REFUNDED_IN_PART
    shop.give_back(grant, grant.amount.minor // 4)
    assert terms(shop)[0][1] in {4, 5}
    assert shop.plans() == ["plus"]
    shop.give_back(grant, grant.amount.minor // 5)
    assert terms(shop) == [(-3, 0)]
    assert state(shop, purchase) is PurchaseState.REFUNDED_IN_PART
    assert shop.kinds().count("revocation") == 0
    shop.give_back(grant)
    assert shop.kinds().count("revocation") == 1
    assert state(shop, purchase) is PurchaseState.REFUNDED
    assert shop.faults() == []


def test_a_pack_stays_until_all_of_its_money_is_back(shop):
    _, grant = shop.bought(plan="voices")
    shop.give_back(grant, 100)
    assert left(shop, Format.VOICE).gifts == 10
    shop.give_back(grant)
    assert left(shop, Format.VOICE).gifts == 0
    assert shop.faults() == []


def test_a_refund_ends_the_gifts_of_its_own_grant_alone(shop):
    _, first = shop.bought(plan="voices")
    shop.bought(plan="voices")
    shop.bought(BORIS, "voices")
    shop.give_back(first)
    assert left(shop, Format.VOICE).gifts == 10
    assert left(shop, Format.VOICE, BORIS).gifts == 10


def test_what_was_bought_behind_moves_up_into_the_gap(shop, clock):
    _, first = shop.bought()
    shop.bought()
    shop.bought()
    clock.move(5 * 86_400)
    shop.give_back(first)
    assert terms(shop) == [(-5, 0), (0, 30), (30, 60)]
    assert shop.plans() == ["plus"]


def test_a_refund_of_what_has_not_begun_leaves_what_runs(shop, clock):
    shop.bought()
    _, second = shop.bought()
    shop.bought()
    clock.move(5 * 86_400)
    shop.give_back(second)
    assert terms(shop) == [(-5, 25), (25, 25), (25, 55)]


def test_a_refund_of_what_is_over_moves_nothing(shop, clock):
    _, first = shop.bought()
    clock.move(40 * 86_400)
    shop.bought()
    shop.give_back(first)
    assert terms(shop) == [(-40, -10), (0, 30)]
    assert shop.plans() == ["plus"]


def test_more_than_was_paid_never_goes_back(shop):
    _, grant = shop.bought()
    shop.give_back(grant, 20_000)
    for minor in (grant.amount.minor, 9_991, 0, -1):
        with pytest.raises(Refused) as refused:
            shop.give_back(grant, minor)
        assert refused.value.key == "billing-refund-too-much"
    stars = replace(grant.amount, minor=1, currency=Currency.XTR)
    payment = shop.payment_of(grant)
    with pytest.raises(Refused):
        shop.books.ledger.returned(YOOKASSA, Returned("r", payment.outside_id, stars, shop.clock()))
    assert shop.books.ledger.rest(grant.entry_id).minor == 9_990
    assert shop.faults() == []


def test_a_refund_of_an_unknown_payment_is_refused(shop):
    _, grant = shop.bought(till=STARS)
    payment = shop.payment_of(grant)
    for till, outside_id in ((STARS, "unknown"), (YOOKASSA, payment.outside_id)):
        returned = Returned("r", outside_id, grant.amount, shop.clock())
        with pytest.raises(NotFound):
            shop.books.ledger.returned(till, returned)
    with pytest.raises(NotFound):
        shop.books.ledger.rest(payment.entry_id + 100)


@pytest.mark.parametrize("sql", ["UPDATE ledger SET amount = 1", "DELETE FROM ledger"])
def test_the_database_itself_keeps_every_row(shop, sql):
    shop.bought()
    with pytest.raises(peewee.PeeweeException, match="only added to"):
        shop.db.sql(sql)
    assert shop.kinds() == PAID
    assert shop.faults() == []


def test_what_somebody_who_left_pays_is_granted_to_nobody_and_told_to_admins(shop, cipher, clock):
    purchase = shop.order(plan="voices")
    PeopleRows(shop.db, cipher, clock).forget(ANNA, clock() + timedelta(hours=24))
    grant = shop.pay(shop.books.purchases.get(purchase.purchase_id), "late")
    assert grant is not None
    assert shop.books.purchases.get(purchase.purchase_id).user_id == 0
    assert left(shop, Format.VOICE).gifts == 0
    assert shop.users.get(ANNA) is None
    assert shop.users.get(0) is None
    assert shop.told("admins") == ["notice-paid-nobody"]
    assert shop.told(ANNA) == []
    shop.give_back(grant)
    assert shop.faults() == []


def test_what_was_paid_stays_without_the_person(shop, cipher, clock):
    _, grant = shop.bought(contact="anna@example.com")
    before = shop.entries()
    PeopleRows(shop.db, cipher, clock).forget(ANNA, clock() + timedelta(hours=24))
    assert shop.entries() == before
    ((_, purchase), *_) = shop.ledger.between(clock() - MONTH, clock() + MONTH)
    assert (purchase.user_id, purchase.order.contact) == (0, "")
    shop.give_back(grant)
    assert shop.faults() == []


def test_somebody_who_leaves_while_they_pay_is_met_by_no_deadlock(url, cipher, clock):
    """On PostgreSQL both hold the same rows, and take them in the same order."""
    with open_database(url) as database:
        shop = Counter(database, cipher, clock)
        shop.users.seen([User(ANNA, "ru")])
        orders = [shop.order(contact=f"{n}@example.com") for n in range(5)]
    gate, troubles = threading.Barrier(2), []

    def doing(work):
        with open_database(url) as mine:
            gate.wait()
            try:
                work(mine)
            except Exception as error:  # noqa: BLE001 - told by the test
                troubles.append(error)

    def pay(mine):
        for each in orders:
            Counter(mine, cipher, clock).pay(each, each.purchase_id)

    def leave(mine):
        PeopleRows(mine, cipher, clock).forget(ANNA, clock() + timedelta(hours=24))

    threads = [threading.Thread(target=doing, args=(work,)) for work in (pay, leave)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert troubles == []
    with open_database(url) as database:
        shop = Counter(database, cipher, clock)
        assert shop.kinds().count("grant") == 5
        assert shop.faults() == []
        assert {each.user_id for each in shop.books.purchases.newest()} == {0}


def test_rows_are_found_by_their_time(shop, clock):
    _, first = shop.bought()
    clock.move(86_400)
    _, second = shop.bought(BORIS)
    found = shop.books.ledger.between(clock() - timedelta(hours=1), clock() + timedelta(hours=1))
    assert {entry.purchase_id for entry, _ in found} == {second.purchase_id}
    assert [purchase.user_id for _, purchase in found] == [BORIS, BORIS]
    assert first.purchase_id != second.purchase_id
