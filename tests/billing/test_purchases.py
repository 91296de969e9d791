"""Purchases: one order for a repeated request, states never go back, silent gateways are polled."""

from datetime import timedelta
from itertools import chain

import pytest

from merlin.billing.purchases import MAX_OPEN, POLL_DURATION, PurchaseState
from merlin.core.errors import NotFound, Refused
from merlin.db.tables import PURCHASE
from tests.billing.plan_shop import (
    ANNA,
    BORIS,
    CALL_TIMEOUT,
    STARS,
    Shop,
    read_state,
)
from tests.support.refusals import refusal_key

pytestmark = pytest.mark.integration


def claim_due(shop):
    is_any = shop.billing.purchases.is_due(shop.clock())
    purchase_ids = [
        purchase.purchase_id
        for purchase in shop.billing.purchases.claim_due(shop.clock())
    ]
    assert is_any or not purchase_ids
    return purchase_ids


@pytest.fixture
def purchase(shop):
    """An order whose payment was created at the gateway."""
    return shop.start_payment(outside_id="out-1")


def test_repeated_order_is_one_purchase(shop):
    first = shop.order(contact="anna@example.com")
    assert shop.order(contact="anna@example.com") == first
    others = [
        shop.order(contact="b@example.com"),
        shop.order(gateway=STARS),
        shop.order(BORIS),
        shop.order(plan="voices"),
    ]
    assert len({first.purchase_id, *(other.purchase_id for other in others)}) == 5


def test_concurrent_orders_of_one_user_make_one_purchase(clock, run_at_once):
    def order(_, database):
        return Shop(database, clock).order().purchase_id

    assert len(set(run_at_once(order, 6))) == 1


def test_expired_order_is_not_reused(shop, clock):
    first = shop.order()
    clock.move(25 * 3600)
    assert not first.may_be_paid(clock())
    assert first.state_at(clock()) is PurchaseState.EXPIRED
    assert shop.order().purchase_id != first.purchase_id


def test_order_that_was_paid_does_not_expire(shop, clock):
    purchase, _ = shop.buy()
    clock.move(25 * 3600)
    assert purchase.state_at(clock()) is PurchaseState.PAID


def test_amount_of_an_order_counts_its_payments_and_no_refunds(shop):
    purchase, grant = shop.buy()
    shop.refund(grant, 100)
    price = purchase.order.amount
    assert shop.billing.purchases.get(purchase.purchase_id).amount == price
    shop.pay(purchase)
    twice = shop.billing.purchases.get(purchase.purchase_id).amount
    assert twice.minor == 2 * price.minor


def test_open_orders_per_user_are_limited(shop, clock):
    for number in range(MAX_OPEN):
        shop.order(contact=f"{number}@example.com")
    assert (
        refusal_key(Refused, shop.order, contact="one-more@example.com")
        == "billing-too-many"
    )
    shop.order(BORIS)
    clock.move(25 * 3600)
    shop.order(contact="one-more@example.com")


def test_receipt_contact_is_encrypted(shop):
    purchase = shop.order(contact="anna@example.com")
    ((stored,),) = shop.db.sql("SELECT contact FROM purchase")
    assert "anna" not in stored
    assert (
        shop.billing.purchases.get(purchase.purchase_id).order.contact
        == "anna@example.com"
    )


def test_only_one_process_claims_the_gateway_call(shop, clock):
    purchase_id = shop.order().purchase_id
    claim = shop.billing.purchases.claim_call
    assert claim(purchase_id, clock(), CALL_TIMEOUT)
    assert not claim(purchase_id, clock(), CALL_TIMEOUT)
    clock.move(31)
    assert claim(purchase_id, clock(), CALL_TIMEOUT)
    assert not claim("0" * 32, clock(), CALL_TIMEOUT)
    clock.move(-3600)
    assert claim(purchase_id, clock(), CALL_TIMEOUT), (
        "that claim was before the clock was set back"
    )


def test_gateway_response_is_stored_once(shop, clock, purchase):
    later = clock() + timedelta(minutes=1)
    assert not shop.billing.purchases.mark_pending(
        purchase.purchase_id, "out-2", "https://other", later
    )
    now = shop.billing.purchases.get(purchase.purchase_id)
    assert (now.state, now.outside_id) == (PurchaseState.PENDING, "out-1")
    assert now.pay_url == "https://pay"
    assert shop.billing.purchases.find_by_payment("out-1") == now
    assert shop.billing.purchases.find_by_payment("") is None


def test_states_never_go_back(shop, clock, purchase):
    purchases = shop.billing.purchases
    assert not purchases.claim_call(
        purchase.purchase_id, clock() + CALL_TIMEOUT, CALL_TIMEOUT
    )
    shop.pay(purchase, "out-1")
    for ended in (PurchaseState.CANCELED, PurchaseState.EXPIRED):
        assert not purchases.end_unpaid(purchase.purchase_id, ended)
    for reached in (PurchaseState.PENDING, PurchaseState.PAID):
        assert not purchases.advance(purchase.purchase_id, reached)
    assert read_state(shop, purchase) is PurchaseState.PAID


def test_silent_gateway_is_polled_less_and_less_often(shop, clock):
    polls = list_polls(shop, shop.start_payment(outside_id="out-1"), clock)
    assert [minutes for _, minutes in polls][:4] == [1, 5, 30, 360]
    assert max(minutes for _, minutes in polls) == 360


def test_order_is_polled_at_its_expiry_and_only_for_some_days(shop, clock, purchase):
    polls = [at for at, _ in list_polls(shop, purchase, clock)]
    assert purchase.expires_at in polls
    assert max(polls) <= purchase.created_at + POLL_DURATION + timedelta(hours=7)


@pytest.mark.parametrize("back_s", [3600, 3 * 3600, 86_400])
def test_started_payment_is_polled_although_the_clock_was_set_back(
    shop, clock, back_s, purchase
):
    clock.move(-back_s)
    assert claim_due(shop) == [purchase.purchase_id]
    assert claim_due(shop) == [], "the next poll is after the usual pause"


def list_polls(shop, purchase, clock):
    """Return when a silent gateway is polled, and how many minutes after the poll before."""
    polls = []
    while at := shop.billing.purchases.get(purchase.purchase_id).next_poll_at:
        polls.append((at, (at - clock()).total_seconds() / 60))
        clock.now = at - timedelta(seconds=1)
        assert claim_due(shop) == []
        clock.now = at
        (claimed,) = shop.billing.purchases.claim_due(clock())
        shop.billing.purchases.end_polling(claimed)
    return polls


def test_event_during_the_last_poll_is_not_lost(shop, clock, purchase):
    purchases = shop.billing.purchases
    clock.now = purchase.created_at + POLL_DURATION + timedelta(days=1)
    (claimed,) = purchases.claim_due(clock())
    assert purchases.poll_at(purchase.purchase_id, clock())
    purchases.end_polling(claimed)
    (claimed,) = purchases.claim_due(clock())
    purchases.end_polling(claimed)
    assert purchases.get(purchase.purchase_id).next_poll_at is None


def test_concurrent_polls_claim_each_order_once(shop, clock, run_at_once):
    for number in range(12):
        shop.order(user_id=2000 + number)
    clock.move(25 * 3600)

    def poll(_, database):
        return claim_due(Shop(database, clock))

    claimed = [*chain(*run_at_once(poll, 4))]
    assert len(claimed) == len(set(claimed)) == 12


def test_gateway_response_after_cancellation_is_stored_and_polled(shop, clock):
    purchase = shop.order()
    assert shop.billing.purchases.claim_call(
        purchase.purchase_id, clock(), CALL_TIMEOUT
    )
    assert shop.billing.purchases.end_unpaid(
        purchase.purchase_id, PurchaseState.CANCELED
    )
    later = clock() + timedelta(minutes=1)
    assert not shop.billing.purchases.mark_pending(
        purchase.purchase_id, "out-1", "https://pay", later
    )
    assert read_state(shop, purchase) is PurchaseState.CANCELED
    assert shop.billing.purchases.find_by_payment("out-1") is not None
    clock.move(61)
    assert claim_due(shop) == [purchase.purchase_id]


def test_poll_can_be_moved_earlier_but_not_later(shop, clock, purchase):
    poll_at = shop.billing.purchases.poll_at
    assert poll_at(purchase.purchase_id, clock())
    assert not poll_at(purchase.purchase_id, clock() + timedelta(hours=1))
    assert claim_due(shop) == [purchase.purchase_id]
    shop.pay(purchase, "out-1")
    clock.move(24 * 3600)
    assert claim_due(shop) == []
    assert poll_at(purchase.purchase_id, clock())
    assert claim_due(shop) == [purchase.purchase_id]


def test_purchases_are_paginated_newest_first_and_found_by_user_or_number(shop, clock):
    ids = []
    for number in range(5):
        clock.move(0 if number == 2 else 1)
        ids.append(shop.order(contact=f"{number}@example.com").purchase_id)
    rows = shop.billing.purchases
    assert [purchase.purchase_id for purchase in rows.list_of_user(ANNA)][:2] == ids[
        ::-1
    ][:2]
    page = [purchase.purchase_id for purchase in rows.list_newest(3)]
    rest = [purchase.purchase_id for purchase in rows.list_newest(3, before=page[-1])]
    assert sorted(page + rest) == sorted(ids)
    rows.end_unpaid(ids[0], PurchaseState.EXPIRED)
    assert [
        purchase.purchase_id for purchase in rows.list_newest(states=["expired"])
    ] == [ids[0]]
    assert rows.list_of_user(BORIS) == []
    for query, count in (
        (str(ANNA), 5),
        (f" № {rows.get(ids[2]).number.upper()} ", 1),
        (ids[2], 1),
        *(
            (query, 0)
            for query in (str(BORIS), ids[2][:7], "9" * 30, "№", "a' OR 1=1 --", "😀")
        ),
    ):
        assert len(rows.list_newest(whose=query)) == count, query


def test_unknown_purchase_is_not_found(shop):
    with pytest.raises(NotFound):
        shop.billing.purchases.get("nothing")
    with pytest.raises(NotFound):
        shop.billing.purchases.list_newest(before="nothing")
    assert not shop.billing.purchases.end_unpaid("no\0thing", PurchaseState.CANCELED)


def test_order_is_found_by_a_unique_beginning_of_its_number(shop):
    rows = shop.billing.purchases
    ids = ["081c62cb" + "0" * 24, "081c62cc" + "0" * 24]
    for number, purchase_id in enumerate(ids):
        purchase = shop.order(contact=f"{number}@example.com")
        rows.db.update(PURCHASE, PURCHASE.id == purchase.purchase_id, id=purchase_id)
    for written in (ids[0], "081c62cb", "№ 081C62CB"):
        assert rows.find(written).purchase_id == ids[0]
    with pytest.raises(Refused) as several:
        rows.find("081c62c")
    assert several.value.arguments["orders"] == ", ".join(ids)
    for unknown in ("", "№", "081", "081c62cd", "081c62cb\0", ids[0] + "0"):
        with pytest.raises(NotFound):
            rows.find(unknown)
