"""The report (sums, rows for the accountant), and the ledger compared with a gateway's list."""

from dataclasses import replace
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

from merlin.app.billing_check import find_differences
from merlin.billing.ledger import Entry, EntryKind
from merlin.billing.purchases import Promise
from merlin.billing.report import (
    COLUMNS,
    export_rows,
)
from merlin.core.clock import start_of_day
from merlin.core.money import Amount, Currency
from merlin.providers.payments import Gateway, GatewayPayment, Status

pytestmark = pytest.mark.unit

MOSCOW = ZoneInfo("Europe/Moscow")
# Moscow has the first of December already.
AT = datetime(2026, 11, 30, 22, 0, tzinfo=UTC)


def make_row(number, kind, minor, **more):
    """Return an entry of the ledger with what was bought."""
    title, plan = more.pop("title", "Плюс"), more.pop("plan", "plus")
    gateway = more.pop("gateway", Gateway.YOOKASSA)
    currency = Currency.XTR if gateway is Gateway.STARS else Currency.RUB
    amount = Amount(minor, currency)
    entry = Entry(number, EntryKind(kind), f"p{number}", gateway, amount, AT, **more)
    return entry, Promise(plan, {"ru": title})


def test_day_begins_in_its_time_zone():
    assert start_of_day(date(2026, 12, 1), MOSCOW).isoformat() == "2026-11-30T21:00:00+00:00"


def test_export_lists_payments_and_refunds_without_personal_data():
    rows = [make_row(1, "payment", 29_990, outside_id="x"), make_row(2, "grant", 29_990)]
    rows.append(make_row(3, "refund", 10_000, gateway=Gateway.STARS))
    payment, refund = export_rows(rows, MOSCOW, vat_code=4)
    assert tuple(payment) == COLUMNS
    assert (payment["date"], payment["paid"], payment["returned"]) == (
        "2026-12-01 01:00:00",
        "299.90",
        "",
    )
    assert (payment["vat_code"], payment["gateway_id"], payment["currency"]) == ("4", "x", "RUB")
    assert (refund["paid"], refund["returned"], refund["vat_code"]) == ("", "10000", "")
    assert "1001" not in [*payment.values(), *refund.values()]


@pytest.mark.parametrize("formula", ["=1+1", "+7", "-2", "@SUM(A1)", "\t=1", "\r=1", "\n=1"])
def test_exported_cells_are_never_formulas(formula):
    (row,) = export_rows([make_row(1, "payment", 1, title=formula, outside_id=formula)], UTC, None)
    assert row["title"] == row["gateway_id"] == f"'{formula}"
    assert row["vat_code"] == ""


def gateway_payment(outside_id, minor=100, status=Status.SUCCEEDED, refunded=0):
    is_paid = status is Status.SUCCEEDED
    amount = Amount(minor, Currency.RUB)
    return GatewayPayment(outside_id, status, is_paid, amount, False, "p1", refunded=refunded)


LEDGER = [
    replace(make_row(1, "payment", 100, outside_id="a")[0]),
    replace(make_row(2, "grant", 100)[0], refers=1),
    replace(make_row(3, "refund", 30)[0], refers=2),
]


@pytest.mark.parametrize(
    ("payments", "differing"),
    [
        ([gateway_payment("a", refunded=30)], []),
        ([gateway_payment("a", refunded=30), gateway_payment("b", status=Status.CANCELED)], []),
        ([gateway_payment("a", refunded=30), gateway_payment("b", status=Status.PENDING)], []),
        ([gateway_payment("a", refunded=30), gateway_payment("b")], ["b"]),
        ([], ["a"]),
        ([gateway_payment("a", status=Status.CANCELED)], ["a"]),
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
