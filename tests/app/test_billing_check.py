"""The ledger compared with a gateway's list."""

from datetime import UTC, datetime

import pytest

from merlin.app.billing_check import find_differences
from merlin.billing.ledger import EntryKind, LedgerEntry
from merlin.core.money import Amount, Currency
from merlin.providers.payments import Gateway, GatewayPayment, PaymentStatus

pytestmark = pytest.mark.unit


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


def test_difference_shows_both_sides():
    (difference,) = find_differences(LEDGER, [gateway_payment("a", refunded=100)])
    assert (difference.ledger.paid, difference.ledger.returned) == ("1.00", "0.30")
    assert (difference.yookassa.paid, difference.yookassa.returned) == ("1.00", "1.00")
    assert difference.ledger.order == "p1"
