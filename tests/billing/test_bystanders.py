"""What happens to one order, refund or term leaves every other as it was."""

from datetime import timedelta

import pytest

from merlin.billing.purchases import PurchaseState
from merlin.billing.terms import PlanTerm
from merlin.core.errors import Refused
from merlin.db.tables import PURCHASE, REFUND, TERM
from tests.billing.plan_shop import ANNA, BORIS, STARS, YOOKASSA, Shop

pytestmark = pytest.mark.integration
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
ACTS_ON_ORDERS = {
    "claim": lambda rows, one: rows.claim_call(one.purchase_id, one.created_at, HOUR),
    "pend": lambda rows, one: rows.mark_pending(
        one.purchase_id, "x", "", one.expires_at
    ),
    "pay": lambda rows, one: rows.advance(one.purchase_id, PurchaseState.PAID),
    "expire": lambda rows, one: rows.end_unpaid(
        one.purchase_id, PurchaseState.EXPIRED, is_closed=True
    ),
    "cancel": lambda rows, one: rows.end_unpaid(
        one.purchase_id, PurchaseState.CANCELED
    ),
    "poll": lambda rows, one: rows.poll_at(one.purchase_id, one.created_at),
    "end polls": lambda rows, one: rows.end_polling(one),
    "assign": lambda rows, one: rows.assign(one.purchase_id, BORIS),
}


@pytest.mark.parametrize("act", ACTS_ON_ORDERS.values(), ids=ACTS_ON_ORDERS)
@pytest.mark.parametrize("make", [Shop.order, Shop.start_payment])
def test_act_on_one_order_changes_no_other(shop, clock, act, make):
    first, second = (make(shop, user_id).purchase_id for user_id in (ANNA, BORIS))
    shop.db.update(PURCHASE, PURCHASE.id.in_([first, second]), user_id=0)
    clock.move(40 * 86_400)
    purchases = shop.billing.purchases
    before = purchases.get(second)
    act(purchases, purchases.get(first))
    assert purchases.get(second) == before


ACTS_ON_REFUNDS = {
    "refuse": lambda shop, one: shop.billing.refunds.mark_refused(one.refund_id, "no"),
    "end": lambda shop, one: shop.billing.refunds.mark_done(
        one.refund_id, shop.report_refund(one)
    ),
    "shorten": lambda shop, one: shop.refund(shop.billing.ledger.entry(one.grant_id)),
}


@pytest.mark.parametrize("act", ACTS_ON_REFUNDS.values(), ids=ACTS_ON_REFUNDS)
def test_act_on_one_refund_changes_no_other_and_no_term_of_another(shop, act):
    purchases = [shop.buy(*what) for what in ((ANNA,), (BORIS,), (ANNA, "algorithms"))]
    refund, *_ = [shop.request_refund(grant) for _, grant in purchases]

    def read_others():
        is_other = REFUND.id != refund.refund_id
        terms = TERM.select().where(TERM.grant_id != refund.grant_id)
        return shop.db.rows(REFUND.select().where(is_other)), shop.db.rows(terms)

    before = read_others()
    act(shop, refund)
    assert read_others() == before


def test_order_with_an_owner_is_assigned_to_no_other_and_one_without_is_nobodys(shop):
    purchases = shop.billing.purchases
    purchase_id = shop.order(ANNA).purchase_id
    assert purchases.assign(purchase_id, BORIS).user_id == ANNA
    shop.db.update(PURCHASE, PURCHASE.id == purchase_id, user_id=0)
    assert purchases.list_of_user(0) == []


@pytest.mark.parametrize(
    ("gateway", "is_closed", "is_polled"),
    [(YOOKASSA, False, True), (YOOKASSA, True, False), (STARS, False, False)],
)
def test_canceled_order_is_polled_where_its_payment_may_still_succeed(
    shop, gateway, is_closed, is_polled
):
    purchase_id = shop.start_payment(gateway=gateway).purchase_id
    rows = shop.billing.purchases
    rows.end_unpaid(purchase_id, PurchaseState.CANCELED, is_closed=is_closed)
    assert (rows.get(purchase_id).next_poll_at is not None) is is_polled


def test_payment_is_found_and_polled_at_its_own_gateway(shop, clock):
    rows = shop.billing.purchases
    stars = shop.start_payment(gateway=STARS)
    assert rows.find_by_payment(stars.outside_id) is None
    assert rows.find_by_payment("x", stars.purchase_id) == stars
    clock.move(60)
    assert [rows.is_due(clock(), only) for only in (None, YOOKASSA, STARS)] == [
        True,
        False,
        True,
    ]
    assert [len(rows.claim_due(clock(), only=only)) for only in (YOOKASSA, STARS)] == [
        0,
        1,
    ]


def test_grant_has_one_refund_under_way(shop):
    (_, first) = shop.buy(ANNA)
    (_, second) = shop.buy(BORIS)
    refund = shop.request_refund(first, 100)
    _ = shop.request_refund(second)
    with pytest.raises(Refused):
        shop.request_refund(first, 100)
    assert [
        shop.billing.refunds.mark_refused(refund.refund_id, "no") for _ in "12"
    ] == [
        True,
        False,
    ]
    shop.request_refund(first, 100)


def test_refund_is_due_and_owed_at_its_gateway_to_its_payer_until_it_ends(shop, clock):
    refunds = shop.billing.refunds
    shop.request_refund(shop.buy(BORIS)[1])

    def list_owed():
        return [refunds.is_owed_stars(user_id) for user_id in (ANNA, BORIS)]

    assert (refunds.is_due(STARS, clock()), list_owed()) == (False, [False, False])
    refund = shop.request_refund(shop.buy(ANNA, gateway=STARS)[1])
    early = timedelta(seconds=1)
    assert [refunds.is_due(STARS, clock() - late) for late in (early, 0 * early)] == [
        False,
        True,
    ]
    claimed = [each.refund_id for each in refunds.claim_due(STARS, clock())]
    assert (claimed, list_owed()) == ([refund.refund_id], [True, False])
    refunds.mark_refused(refund.refund_id, "no")
    assert list_owed() == [False, False]


@pytest.mark.parametrize(
    ("user_id", "plan", "start", "end", "listed"),
    [
        (ANNA, "plus", 0, 9, []),  # more of the plan
        (BORIS, "plus", 0, 1, ["one"]),  # ends before the period
        (BORIS, "plus", 0, 9, ["one"]),
        (ANNA, "voices", 0, 9, ["one"]),
        (BORIS, "plus", 4, 4, ["one"]),  # refunded before it began
        (BORIS, "plus", 0, 4, ["one", "two"]),
    ],
)
def test_term_ends_in_the_period_where_its_person_has_no_more_of_the_plan(
    shop, clock, user_id, plan, start, end, listed
):
    terms = shop.billing.terms
    now = clock()
    terms.give(PlanTerm(0, ANNA, "plus", now - DAY, now + 3 * DAY, "one"))
    terms.give(PlanTerm(0, user_id, plan, now + start * DAY, now + end * DAY, "two"))
    assert [
        term.key for term in terms.list_ending(now + 2 * DAY, now + 4 * DAY)
    ] == listed
