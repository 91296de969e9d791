"""Promo codes: used once a person, by a limited number of people; an open order holds its use."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from merlin.account.users import User
from merlin.app import settlement
from merlin.app.actor import Actor
from merlin.app.personal_data import PersonalRecords
from merlin.app.plans import redeem_code, use_code
from merlin.billing.promo_codes import Promo
from merlin.billing.purchases import PurchaseState
from merlin.core.errors import NotFound, Refused
from merlin.core.i18n import text
from merlin.core.permissions import Authority
from merlin.db.database import open_database
from merlin.providers.payments import Status
from tests.billing.plan_shop import (
    ANNA,
    BORIS,
    PLANS,
    PRICES_AND_GATEWAYS,
    STARS,
    VERA,
    YOOKASSA,
    Shop,
)

pytestmark = pytest.mark.integration

DAY = timedelta(days=1)
WEEK = Promo("WEEK-2026", "plus", days=7, by="cli:vera")
HALF = Promo("HALF", "plus", percent=50, by="cli:vera")


@pytest.fixture
def shop(database, clock):
    shop = Shop(database, clock)
    shop.users.record_authors([User(user_id, "ru") for user_id in (ANNA, BORIS, VERA)])
    for promo in (WEEK, HALF):
        shop.billing.promos.add(promo)
    return shop


def refusal_key(call, *arguments, **named):
    with pytest.raises(Refused) as refused:
        call(*arguments, **named)
    return refused.value.key


def end_unpaid(shop, purchase, state=PurchaseState.CANCELED, **how):
    return shop.billing.purchases.end_unpaid(purchase.purchase_id, state, **how)


def count_uses(shop, code="HALF"):
    return next(promo.uses for promo in shop.billing.promos.list_newest() if promo.code == code)


def test_promo_code_gives_days_to_each_user_once(shop):
    redeem = shop.billing.promos.redeem
    assert redeem(ANNA, " week-2026 ").days == 7
    assert shop.list_plans() == ["plus"]
    assert refusal_key(redeem, ANNA, "WEEK-2026") == "promo-used"
    assert redeem(BORIS, "WEEK-2026").plan == "plus"
    assert len(shop.billing.terms.list_of_user(ANNA)) == 1
    assert count_uses(shop, "WEEK-2026") == 2


def test_used_up_expired_stopped_or_unknown_code_has_its_own_error(shop, clock):
    promos = shop.billing.promos
    promos.add(Promo("ONE", "plus", days=1, most_uses=1))
    promos.add(Promo("TODAY", "plus", days=1, ends_at=clock() + DAY))
    promos.redeem(ANNA, "ONE")
    assert refusal_key(promos.redeem, BORIS, "ONE") == "promo-used-up"
    clock.move(86_400)
    assert refusal_key(promos.redeem, ANNA, "TODAY") == "promo-expired"
    promos.stop("week-2026", "cli:vera")
    assert refusal_key(promos.redeem, ANNA, "WEEK-2026") == "promo-unknown"
    for code in ("NOTHING", "", "x' OR 1=1 --"):
        assert refusal_key(promos.redeem, ANNA, code) == "promo-unknown"
    with pytest.raises(NotFound):
        promos.stop("WEEK-2026", "cli:vera")


def test_percent_code_and_days_code_are_not_interchangeable(shop):
    anna = Actor.person(ANNA, Authority())
    assert refusal_key(redeem_code, shop.ctx, anna, "HALF") == "promo-is-percent"
    assert refusal_key(shop.order, promo="WEEK-2026") == "promo-is-days"
    with pytest.raises(Refused) as refused:
        shop.order(plan="voices", promo="HALF")
    assert "“Plus”" in text("en", refused.value.key, **refused.value.arguments)


def test_code_of_a_plan_that_is_no_longer_offered_is_refused_and_stays_unused(shop):
    anna = Actor.person(ANNA, Authority())
    offered, payments = [plan for plan in PLANS if plan.name != "plus"], PRICES_AND_GATEWAYS[1]
    later = Shop(shop.db, shop.clock, (offered, payments)).ctx
    for code in ("WEEK-2026", "HALF"):
        assert refusal_key(redeem_code, later, anna, code) == "promo-unknown"
        assert refusal_key(use_code, later, anna, code) == "promo-unknown"
    assert (count_uses(shop, "WEEK-2026"), shop.billing.terms.list_of_user(ANNA)) == (0, [])


@pytest.mark.parametrize(
    "fault",
    [
        {"days": 0},
        {"days": 3651},
        {"days": -1},
        {"percent": 100, "days": 0},
        {"percent": -5, "days": 0},
        {"percent": 10},
        {"most_uses": 0},
    ],
)
def test_promo_code_with_invalid_values_is_refused(shop, fault):
    values = {"code": "SOUND", "plan": "plus", "days": 7, **fault}
    assert refusal_key(shop.billing.promos.add, Promo(**values)) == "promo-value-invalid"


def test_promo_code_is_unique_and_well_formed(shop, clock):
    add = shop.billing.promos.add
    assert refusal_key(add, Promo("week-2026", "plus", days=1)) == "promo-exists"
    for code in ("", "ab", "with space", "-x-", "a" * 33, "a\nb"):
        assert refusal_key(add, Promo(code, "plus", days=1)) == "promo-code-invalid"
    add(Promo("ёлка_24", "plus", days=1))
    assert shop.billing.promos.redeem(ANNA, "Ёлка_24").code == "ЁЛКА_24"
    past = Promo("PAST", "plus", days=1, ends_at=clock())
    assert refusal_key(add, past) == "promo-value-invalid"


def test_percent_code_lowers_the_price_and_its_order_reserves_the_use(shop):
    purchase = shop.order(promo="half")
    assert (purchase.order.amount.minor, purchase.order.promo) == (14_995, "HALF")
    assert shop.order(promo="HALF") == purchase
    assert count_uses(shop) == 1
    shop.pay(purchase)
    assert refusal_key(shop.order, promo="HALF") == "promo-used"
    assert count_uses(shop) == 1


@pytest.mark.parametrize("ended", [PurchaseState.CANCELED, PurchaseState.EXPIRED])
def test_ended_order_frees_its_promo_use(shop, ended):
    purchase = shop.order(promo="HALF")
    assert end_unpaid(shop, purchase, ended)
    assert count_uses(shop) == 0
    again = shop.order(promo="HALF")
    assert again.purchase_id != purchase.purchase_id
    assert count_uses(shop) == 1


def test_expired_order_frees_its_promo_use_for_a_new_one(shop, clock):
    old = shop.order(promo="HALF")
    clock.move(25 * 3600)
    new = shop.order(promo="HALF")
    assert new.purchase_id != old.purchase_id
    assert shop.billing.purchases.get(old.purchase_id).state is PurchaseState.EXPIRED
    assert count_uses(shop) == 1


def test_changed_gateway_or_contact_keeps_the_code(shop):
    orders = [
        shop.order(promo="HALF", contact="anna@example.com"),
        shop.order(promo="HALF", contact="other@example.com"),
        shop.order(promo="HALF", gateway=STARS),
    ]
    states = [shop.billing.purchases.get(order.purchase_id).state for order in orders]
    assert [state.value for state in states] == ["canceled", "canceled", "created"]
    assert orders[-1].order.amount.minor == 100
    assert count_uses(shop) == 1


def test_order_with_a_code_is_replaced_however_many_orders_were_placed_since(shop, clock):
    first = shop.order(promo="HALF", contact="anna@example.com")
    clock.move(1)
    for _ in range(51):
        other = shop.order(plan="voices")
        shop.billing.purchases.end_unpaid(other.purchase_id, PurchaseState.CANCELED)
    shop.order(promo="HALF", contact="other@example.com")
    assert shop.billing.purchases.get(first.purchase_id).state is PurchaseState.CANCELED


def test_held_payment_keeps_the_promo_use(shop):
    purchase = shop.order(promo="HALF")
    assert shop.billing.purchases.advance(purchase.purchase_id, PurchaseState.HELD)
    assert refusal_key(shop.order, promo="HALF", gateway=STARS) == "promo-used"


def test_cancelled_order_that_was_paid_uses_the_code(shop):
    purchase = shop.order(promo="HALF")
    end_unpaid(shop, purchase)
    shop.pay(purchase)
    assert refusal_key(shop.order, promo="HALF") == "promo-used"
    assert count_uses(shop) == 1


def start_payment(shop, **order):
    """Order with the code LAST, and create the payment at YooKassa."""
    purchase = shop.order(promo="LAST", **order)
    purchases, purchase_id = shop.billing.purchases, purchase.purchase_id
    assert purchases.claim_call(purchase_id, shop.clock(), timedelta(seconds=15))
    next_poll = shop.clock() + DAY
    assert purchases.mark_pending(purchase_id, f"out-{purchase_id}", "https://pay", next_poll)
    return purchase


@pytest.fixture
def last(shop):
    """Return the shop with a code that one person may use."""
    shop.billing.promos.add(Promo("LAST", "plus", percent=90, most_uses=1))
    return shop


def test_first_payment_uses_the_code_and_cancels_the_order_that_reserved_it(last):
    first = start_payment(last)
    second = start_payment(last, contact="a@example.com")
    assert not last.pay(first).is_empty
    assert last.billing.purchases.get(second.purchase_id).state is PurchaseState.CANCELED
    assert not last.billing.promos.may_take(second)
    assert last.pay(second).is_empty


def test_stars_order_paid_twice_uses_its_code_once(last):
    purchase = last.order(promo="LAST", gateway=STARS)
    assert [last.pay(purchase).is_empty for _ in range(2)] == [False, True]
    assert len(last.billing.terms.list_of_user(ANNA)) == 1


def test_promo_use_is_reserved_while_its_order_can_be_paid(last):
    purchase = start_payment(last)
    assert end_unpaid(last, purchase)
    assert refusal_key(last.order, BORIS, promo="LAST") == "promo-used-up"
    canceled = last.make_payment(purchase, f"out-{purchase.purchase_id}", Status.CANCELED)
    last.apply_payment(purchase, canceled)
    assert last.order(BORIS, promo="LAST").order.promo == "LAST"


def test_promo_use_is_reserved_by_any_order_that_can_be_paid(last):
    first = start_payment(last)
    second = last.order(promo="LAST", gateway=STARS)
    assert end_unpaid(last, second)
    assert refusal_key(last.order, BORIS, promo="LAST") == "promo-used-up"
    assert not last.pay(first).is_empty


def test_promo_use_is_freed_once_its_order_is_no_longer_polled(last, clock):
    purchase = start_payment(last)
    while purchase.next_poll_at is not None:
        clock.now = max(clock.now, purchase.next_poll_at)
        (claimed,) = last.billing.purchases.claim_due(clock())
        settlement.expire(last.ctx, purchase)
        last.billing.purchases.end_polling(claimed)
        purchase = last.billing.purchases.get(purchase.purchase_id)
    assert count_uses(last, "LAST") == 0
    assert last.order(BORIS, promo="LAST").order.promo == "LAST"


def test_payment_after_the_code_went_to_another_user_is_refunded(last):
    purchase = start_payment(last)
    end_unpaid(last, purchase, is_closed=True)
    assert not last.pay(last.order(BORIS, promo="LAST")).is_empty
    assert last.pay(purchase).is_empty
    assert last.billing.terms.list_of_user(ANNA) == []
    assert last.list_notices(ANNA) == ["notice-code-taken"]
    assert count_uses(last, "LAST") == 1


def test_concurrent_payments_do_not_exceed_the_uses_of_a_code(url, cipher, clock):
    people = range(2001, 2007)
    with open_database(url, cipher=cipher) as database:
        shop = Shop(database, clock)
        shop.billing.promos.add(Promo("LAST", "plus", percent=90, most_uses=2))
        orders = [start_payment(shop, user_id=person) for person in people[:2]]
        for order in orders:
            end_unpaid(shop, order, is_closed=True)
        for user_id in people[2:]:
            orders += [
                start_payment(shop, user_id=user_id, contact=text) for text in ("", "a@example.com")
            ]
            end_unpaid(shop, orders[-1], is_closed=True)
            end_unpaid(shop, orders[-2], is_closed=True)
    gate = threading.Barrier(len(orders))

    def pay(purchase):
        with open_database(url, cipher=cipher) as connection:
            gate.wait()
            return Shop(connection, clock).pay(purchase, f"pay-{purchase.purchase_id}")

    with ThreadPoolExecutor(len(orders)) as pool:
        grants = list(pool.map(pay, orders))
    assert sorted(grant.is_empty for grant in grants) == [False] * 2 + [True] * (len(orders) - 2)
    with open_database(url, cipher=cipher) as database:
        shop = Shop(database, clock)
        assert (count_uses(shop, "LAST"), shop.find_faults()) == (2, [])


def test_reserved_code_is_usable_for_its_holder_only(shop):
    promos = shop.billing.promos
    promos.add(Promo("LAST", "plus", percent=10, most_uses=1))
    shop.order(promo="LAST")
    assert promos.find(ANNA, "LAST").percent == 10
    assert refusal_key(promos.find, BORIS, "LAST") == "promo-used-up"
    assert shop.order(promo="LAST", gateway=STARS).order.amount.minor == 180


@pytest.mark.parametrize("people", [[ANNA] * 4, [1, 2, 3, 4, 5, 6]])
def test_concurrent_orders_do_not_exceed_the_uses_of_a_code(url, cipher, clock, people):
    with open_database(url, cipher=cipher) as database:
        shop = Shop(database, clock)
        shop.billing.promos.add(Promo("THREE", "plus", percent=30, most_uses=3))
    gate = threading.Barrier(len(people))

    def order(user_id):
        with open_database(url, cipher=cipher) as connection:
            gate.wait()
            try:
                return Shop(connection, clock).order(user_id, promo="THREE").purchase_id
            except Refused as refused:
                return refused.key

    with ThreadPoolExecutor(len(people)) as pool:
        orders = set(pool.map(order, people)) - {"promo-used-up"}
    assert len(orders) == (1 if len(set(people)) == 1 else 3)
    with open_database(url, cipher=cipher) as database:
        shop = Shop(database, clock)
        assert count_uses(shop, "THREE") == len(orders) == len(shop.billing.purchases.list_newest())


def test_erasure_does_not_renew_promo_codes(shop, clock):
    shop.billing.promos.redeem(ANNA, "WEEK-2026")
    shop.buy(promo="HALF")
    PersonalRecords(shop.db, clock).forget(ANNA, clock() + DAY)
    clock.move(100 * 86_400)
    shop.users.record_authors([User(ANNA, "ru")])
    assert refusal_key(shop.billing.promos.redeem, ANNA, "WEEK-2026") == "promo-used"
    assert refusal_key(shop.order, promo="HALF") == "promo-used"
    assert (count_uses(shop), count_uses(shop, "WEEK-2026")) == (1, 1)
    assert shop.list_plans() == []
    PersonalRecords(shop.db, clock).forget(BORIS, clock() + DAY)
    assert shop.billing.promos.redeem(BORIS, "WEEK-2026").days == 7


def test_orders_of_people_who_left_do_not_share_the_use_of_a_code(shop, clock):
    people = (ANNA, BORIS, VERA)
    ended, paid, waiting = (shop.order(user_id, promo="HALF") for user_id in people)
    for user_id in people:
        PersonalRecords(shop.db, clock).forget(user_id, clock() + DAY)
    assert end_unpaid(shop, ended)
    assert count_uses(shop) == 2
    purchases = shop.billing.purchases
    assert shop.pay(purchases.get(paid.purchase_id)) is not None
    assert purchases.get(waiting.purchase_id).state is PurchaseState.CREATED


def test_promo_codes_are_listed_newest_first(shop):
    shop.order(promo="HALF", gateway=YOOKASSA)
    shop.billing.promos.stop("HALF", "cli:vera")
    half, week = shop.billing.promos.list_newest()
    assert (half.code, half.uses, half.stopped) == ("HALF", 1, True)
    assert (week.code, week.days, week.uses, week.stopped) == (WEEK.code, WEEK.days, 0, False)
