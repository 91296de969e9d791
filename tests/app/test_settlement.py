"""YooKassa's reports of a payment give one state, in any order; the ledger beside its list."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import permutations

import pytest

from merlin.app import settlement
from merlin.app.billing_check import find_differences
from merlin.app.orders import store_refunds
from merlin.app.personal_data import PersonalRecords
from merlin.app.settlement import PaymentOutcome, expire, reason_key
from merlin.billing.ledger import EntryKind, LedgerEntry
from merlin.billing.purchases import PurchaseState
from merlin.core.money import Amount, Currency
from merlin.providers.payments import Gateway, GatewayPayment, PaymentStatus
from merlin.sandbox.yookassa.server import REASONS
from tests.billing.plan_shop import ANNA, BORIS, list_terms, read_state


@pytest.fixture
def purchase(shop):
    """An order with a requested payment."""
    return shop.start_payment(outside_id="out")


@pytest.mark.integration
def test_payment_is_settled_once_however_often_it_is_read(shop, purchase):
    payment = shop.make_payment(purchase, "out")
    assert [shop.apply_payment(purchase, payment).value for _ in range(4)] == [
        "paid",
        *["nothing"] * 3,
    ]
    assert shop.list_kinds() == ["payment", "grant"]
    assert shop.list_notices(ANNA) == ["notice-paid"]
    assert list_terms(shop) == [(0, 30)]


@pytest.mark.integration
@pytest.mark.parametrize(
    ("forged", "differs"),
    [
        ({"amount": Amount(29_989, Currency.RUB)}, "amount"),
        ({"amount": Amount(29_990, Currency.XTR)}, "currency"),
        ({"outside_id": "other"}, "id"),
        ({"purchase_id": "0" * 32}, "order"),
        ({"purchase_id": ""}, "order"),
        ({"user_id": str(BORIS)}, "user"),
        ({"user_id": ""}, "user"),
        ({"is_test": True}, "test"),
    ],
)
def test_payment_that_does_not_match_the_order_grants_nothing(
    shop, purchase, forged, differs
):
    payment = replace(shop.make_payment(purchase, "out"), **forged)
    for _ in range(2):
        assert shop.apply_payment(purchase, payment) is PaymentOutcome.WRONG
    assert shop.list_entries() == []
    assert read_state(shop, purchase) is PurchaseState.PENDING
    assert shop.list_notices("admins") == ["notice-payment-wrong"]
    (notice,) = shop.billing.notices.list_newest("admins", 5)
    assert notice.arguments["differs"] == differs
    assert shop.list_notices(ANNA) == []


@pytest.mark.integration
def test_succeeded_payment_that_is_not_paid_grants_nothing(shop, purchase):
    payment = replace(shop.make_payment(purchase, "out"), is_paid=False)
    assert shop.apply_payment(purchase, payment) is PaymentOutcome.NOTHING
    assert shop.list_entries() == []


STEPS = {
    "canceled": (PaymentStatus.CANCELED, {"reason": "general_decline"}),
    "succeeded": (PaymentStatus.SUCCEEDED, {}),
    "refunded": (PaymentStatus.SUCCEEDED, {"refunded": 29_990}),
}


@pytest.mark.integration
def test_payment_states_in_any_order_grant_once(shop):
    for number, order in enumerate(permutations(STEPS), 1):
        purchase = shop.order()
        payments = []
        for name in order:
            status, more = STEPS[name]
            payment = shop.make_payment(purchase, f"out-{number}", status, **more)
            payments.append(shop.apply_payment(purchase, payment))
        assert read_state(shop, purchase) is PurchaseState.PAID, order
        assert shop.list_kinds() == ["payment", "grant"] * number, order
        # The ledger has no record of the refund yet: a person must check refunds.
        assert PaymentOutcome.RETURNED in payments, order
        assert shop.find_faults() == [], order


@pytest.mark.integration
def test_expired_payment_is_silent_and_a_refused_one_shows_its_reason(shop, purchase):
    canceled = shop.make_payment(
        purchase, "out", PaymentStatus.CANCELED, reason="expired_on_confirmation"
    )
    assert shop.apply_payment(purchase, canceled) is PaymentOutcome.CANCELED
    stored = shop.billing.purchases.get(purchase.purchase_id)
    assert stored.reason == "expired_on_confirmation"
    assert shop.list_notices(ANNA) == []
    other_order = shop.order()
    refused = shop.make_payment(
        other_order, "out-2", PaymentStatus.CANCELED, reason="insufficient_funds"
    )
    assert [shop.apply_payment(other_order, refused).value for _ in range(2)] == [
        "canceled",
        "nothing",
    ]
    (notice,) = shop.billing.notices.list_newest(str(ANNA), 5)
    assert notice.key == "notice-payment-canceled"
    assert notice.arguments["reason"]["key"] == "payment-reason-insufficient-funds"
    assert notice.arguments["amount"] == "299.90 RUB"


@pytest.mark.integration
def test_every_cancellation_reason_has_a_text_or_the_default():
    for reason in REASONS:
        assert reason_key(reason) == f"payment-reason-{reason.replace('_', '-')}"
    assert reason_key("a_new_one") == reason_key("") == "payment-reason"


@pytest.mark.integration
def test_unpaid_order_expires_and_a_late_payment_is_still_accepted(
    shop, purchase, clock
):
    assert not expire(shop.ctx, purchase)
    clock.move(24 * 3600)
    assert expire(shop.ctx, purchase)
    assert not expire(shop.ctx, purchase)
    assert read_state(shop, purchase) is PurchaseState.EXPIRED
    assert (
        shop.apply_payment(purchase, shop.make_payment(purchase, "out"))
        is PaymentOutcome.PAID
    )
    assert read_state(shop, purchase) is PurchaseState.PAID
    assert shop.list_plans() == ["plus"]


@pytest.mark.integration
@pytest.mark.parametrize("gateway", Gateway)
def test_payment_during_an_erasure_is_granted_in_stars_and_reported_in_roubles(
    shop, clock, run_beside, gateway
):
    purchase = shop.order(gateway=gateway)
    payment = shop.make_payment(purchase, "out")

    def pay(other_database):
        ctx = replace(shop.ctx, db=other_database)
        return settlement.apply_payment(ctx, purchase, payment)

    records = PersonalRecords(shop.db, clock)
    assert run_beside(lambda: records.forget(ANNA), pay) is PaymentOutcome.PAID
    is_stars = gateway is Gateway.STARS
    assert shop.list_notices(ANNA) == (["notice-paid"] if is_stars else [])
    assert shop.list_notices("admins") == ([] if is_stars else ["notice-paid-nobody"])
    # A repeated report does not bring the person back.
    records.forget(ANNA)
    assert shop.apply_payment(purchase, payment) is PaymentOutcome.NOTHING
    assert shop.billing.purchases.get(purchase.purchase_id).user_id == 0


@pytest.mark.integration
def test_refund_that_the_gateway_lists_waits_for_a_pending_one_of_ours(shop, clock):
    purchase, grant = shop.buy()
    (payment, _) = shop.list_entries()
    listed = [shop.make_refund(payment.outside_id, "back", grant.amount)]
    refund = shop.request_refund(grant)
    store = partial(store_refunds, shop.ctx, purchase.purchase_id, listed)
    shop.db.transact(store)
    assert shop.list_kinds() == ["payment", "grant"]
    (due,) = shop.billing.purchases.claim_due(clock() + timedelta(minutes=1))
    assert due.purchase_id == purchase.purchase_id
    shop.billing.refunds.mark_done(refund.refund_id, *listed)
    shop.db.transact(store)
    (*_, entry, _) = shop.list_entries()
    assert (entry.kind, entry.source) == (EntryKind.REFUND, "user")


@pytest.mark.integration
def test_order_that_is_paid_twice_counts_both_payments_and_its_second_thanks_says_so(
    shop,
):
    purchase = shop.order(gateway=Gateway.STARS)
    for outside_id in ("first", "second"):
        paid = shop.make_payment(purchase, outside_id)
        assert shop.apply_payment(purchase, paid) is PaymentOutcome.PAID
    assert shop.list_notices(ANNA) == ["notice-paid", "notice-paid-again"]
    stored = shop.billing.purchases.get(purchase.purchase_id)
    price = purchase.order.amount
    assert stored.amount == Amount(2 * price.minor, price.currency)
    assert stored.order.amount == price
    assert shop.billing.purchases.list_newest() == [stored]


@pytest.mark.integration
def test_stars_that_went_back_for_no_payment_change_nothing(shop):
    _, grant = shop.buy(gateway=Gateway.STARS)
    (payment, _) = shop.list_entries()
    unknown = shop.make_refund("unknown", "back-1", grant.amount)
    shop.db.transact(lambda: settlement.receive_refund(shop.ctx, unknown))
    assert shop.list_kinds() == ["payment", "grant"]
    known = shop.make_refund(payment.outside_id, "back-2", grant.amount)
    shop.db.transact(lambda: settlement.receive_refund(shop.ctx, known))
    assert "refund" in shop.list_kinds()
    assert shop.list_notices(ANNA) == ["notice-paid", "notice-refunded"]


@pytest.mark.integration
def test_refund_that_the_gateway_makes_after_an_erasure_notifies_nobody(shop, clock):
    _, grant = shop.buy()
    PersonalRecords(shop.db, clock).forget(ANNA)
    shop.refund(grant)
    assert "refund" in shop.list_kinds()
    assert shop.list_notices(ANNA) == []


@pytest.mark.integration
@pytest.mark.parametrize(
    ("gateway", "notice"),
    [
        (Gateway.YOOKASSA, "notice-refund-refused"),
        (Gateway.STARS, "notice-stars-refused"),
    ],
)
def test_admins_are_notified_of_a_refused_refund_unless_it_was_made(
    shop, gateway, notice
):
    _, grant = shop.buy(gateway=gateway)
    _, other = shop.buy(BORIS, gateway=gateway)
    refused, done = (shop.request_refund(each) for each in (grant, other))
    payment_id = shop.find_payment(other).outside_id
    made = replace(
        shop.make_refund(payment_id, "back", other.amount),
        purchase_id=done.purchase_id,
    )
    shop.db.transact(lambda: settlement.apply_refund(shop.ctx, gateway, made))
    (*_, entry, _) = shop.list_entries()
    assert (entry.kind, entry.source) == (EntryKind.REFUND, "user")
    assert shop.list_notices(BORIS)[-1] == "notice-refunded"
    for refund in (refused, done, refused):
        shop.db.transact(
            partial(settlement.refuse_refund, shop.ctx, refund, "no money")
        )
    assert shop.list_notices("admins") == [notice]


@pytest.mark.integration
@pytest.mark.parametrize("is_known", [False, True])
def test_stars_payment_that_fits_no_order_is_told_to_admins_and_the_payer(
    shop, is_known
):
    purchase = shop.order(gateway=Gateway.STARS)
    odd = {"amount": Amount(1, Currency.XTR)} if is_known else {"purchase_id": "none"}
    payment = shop.make_payment(purchase, "out", **odd)
    outcome = shop.db.transact(lambda: settlement.receive_payment(shop.ctx, payment))
    assert outcome is PaymentOutcome.WRONG
    assert shop.list_entries() == []
    assert shop.list_notices(ANNA) == ["notice-stars-odd"]
    assert ("notice-stars-unknown" in shop.list_notices("admins")) is not is_known


def make_entry(number, kind, minor, **more):
    amount = Amount(minor, Currency.RUB)
    at = datetime(2026, 11, 30, tzinfo=UTC)
    return LedgerEntry(
        number, EntryKind(kind), f"p{number}", Gateway.YOOKASSA, amount, at, **more
    )


def gateway_payment(outside_id, minor=100, status=PaymentStatus.SUCCEEDED, refunded=0):
    is_paid = status is PaymentStatus.SUCCEEDED
    amount = Amount(minor, Currency.RUB)
    return GatewayPayment(
        outside_id, status, is_paid, amount, False, "p1", refunded=refunded
    )


LEDGER = [
    make_entry(1, "payment", 100, outside_id="a"),
    make_entry(2, "grant", 100, refers=1),
    make_entry(3, "refund", 30, refers=2),
]


@pytest.mark.unit
@pytest.mark.parametrize(
    ("payments", "differing"),
    [
        ([gateway_payment("a", refunded=30)], []),
        (
            [
                gateway_payment("a", refunded=30),
                gateway_payment("b", status=PaymentStatus.CANCELED),
            ],
            [],
        ),
        (
            [
                gateway_payment("a", refunded=30),
                gateway_payment("b", status=PaymentStatus.PENDING),
            ],
            [],
        ),
        ([gateway_payment("a", refunded=30), gateway_payment("b")], ["b"]),
        ([], ["a"]),
        ([gateway_payment("a", status=PaymentStatus.CANCELED)], ["a"]),
        ([gateway_payment("a", minor=99, refunded=30)], ["a"]),
        ([gateway_payment("a", refunded=100)], ["a"]),
        ([gateway_payment("a")], ["a"]),
        ([gateway_payment("b")], ["a", "b"]),
    ],
)
def test_every_difference_between_ledger_and_gateway_is_found(payments, differing):
    assert [each.payment for each in find_differences(LEDGER, payments)] == differing


@pytest.mark.unit
def test_difference_shows_both_sides():
    (difference,) = find_differences(LEDGER, [gateway_payment("a", refunded=100)])
    assert (difference.ledger.paid, difference.ledger.returned) == ("1.00", "0.30")
    assert (difference.yookassa.paid, difference.yookassa.returned) == ("1.00", "1.00")
    assert difference.ledger.order == "p1"
