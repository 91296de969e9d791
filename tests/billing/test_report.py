"""The report: sums by month, till and plan, and lines for the accountant that are no formulas."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

from merlin.billing.ledger import Entry, EntryKind
from merlin.billing.purchases import Order, Promise, Purchase, PurchaseState
from merlin.billing.report import (
    COLUMNS,
    Difference,
    compare,
    day_start,
    export_rows,
    find_missing_payments,
    signed_decimal,
    sum_by_month,
)
from merlin.core.money import Amount, Currency
from merlin.providers.payments import Gateway, GatewayPayment, Status

pytestmark = pytest.mark.unit

MOSCOW = ZoneInfo("Europe/Moscow")
# Moscow has the first of December already.
AT = datetime(2026, 11, 30, 22, 0, tzinfo=UTC)


def row(number, kind, minor, **more):
    """Return a row of the ledger with its purchase."""
    title, plan = more.pop("title", "Плюс"), more.pop("plan", "plus")
    gateway = more.pop("gateway", Gateway.YOOKASSA)
    currency = Currency.XTR if gateway is Gateway.STARS else Currency.RUB
    amount = Amount(minor, currency)
    entry = Entry(number, EntryKind(kind), f"p{number}", gateway, amount, AT, **more)
    order = Order(1001, gateway, Promise(plan, {"ru": title}), amount)
    return entry, Purchase(f"p{number}", order, PurchaseState.PAID, AT, AT)


def test_sums_are_by_month_of_the_zone_till_and_plan():
    rows = [
        row(1, "payment", 29_990),
        row(2, "grant", 29_990),
        row(3, "payment", 10),
        row(4, "refund", 20_000),
        row(5, "payment", 200, gateway=Gateway.STARS),
        row(6, "payment", 5, is_test=True),
        row(7, "payment", 7, plan="pack"),
        (
            replace(row(8, "refund", 20_000)[0], at=datetime(2027, 1, 5, tzinfo=UTC)),
            row(8, "refund", 1)[1],
        ),
    ]
    told = [
        (s.month, s.gateway, s.plan, s.is_test, s.payments, s.paid, s.refunds, s.returned, s.net)
        for s in sum_by_month(rows, MOSCOW)
    ]
    assert told == [
        ("2026-12", "stars", "plus", False, 1, 200, 0, 0, 200),
        ("2026-12", "yookassa", "pack", False, 1, 7, 0, 0, 7),
        ("2026-12", "yookassa", "plus", False, 2, 30_000, 1, 20_000, 10_000),
        ("2026-12", "yookassa", "plus", True, 1, 5, 0, 0, 5),
        ("2027-01", "yookassa", "plus", False, 0, 0, 1, 20_000, -20_000),
    ]
    assert {s.month for s in sum_by_month(rows[:3], UTC)} == {"2026-11"}


@pytest.mark.parametrize(("minor", "told"), [(-20_050, "-200.50"), (-5, "-0.05"), (0, "0.00")])
def test_less_than_nothing_is_written_as_a_number(minor, told):
    assert signed_decimal(minor, Currency.RUB) == told


def test_a_day_begins_in_its_zone():
    assert day_start(date(2026, 12, 1), MOSCOW).isoformat() == "2026-11-30T21:00:00+00:00"


def test_lines_are_payments_and_refunds_without_people():
    rows = [row(1, "payment", 29_990, outside_id="x"), row(2, "grant", 29_990)]
    rows.append(row(3, "refund", 10_000, gateway=Gateway.STARS))
    paid, back = export_rows(rows, MOSCOW, vat_code=4)
    assert tuple(paid) == COLUMNS
    assert (paid["date"], paid["paid"], paid["returned"]) == ("2026-12-01 01:00:00", "299.90", "")
    assert (paid["vat_code"], paid["till_id"], paid["currency"]) == ("4", "x", "RUB")
    assert (back["paid"], back["returned"], back["vat_code"]) == ("", "10000", "")
    assert "1001" not in [*paid.values(), *back.values()]


@pytest.mark.parametrize("evil", ["=1+1", "+7", "-2", "@SUM(A1)", "\t=1", "\r=1", "\n=1"])
def test_no_cell_is_a_formula(evil):
    (line,) = export_rows([row(1, "payment", 1, title=evil, outside_id=evil)], UTC, None)
    assert line["title"] == line["till_id"] == f"'{evil}"
    assert line["vat_code"] == ""


def paid_at_till(outside_id, minor=100, status=Status.SUCCEEDED, refunded=0):
    is_paid = status is Status.SUCCEEDED
    amount = Amount(minor, Currency.RUB)
    return GatewayPayment(outside_id, status, is_paid, amount, is_test=False, refunded=refunded)


LEDGER = [
    replace(row(1, "payment", 100, outside_id="a")[0]),
    replace(row(2, "grant", 100)[0], refers=1),
    replace(row(3, "refund", 30)[0], refers=2),
]


@pytest.mark.parametrize(
    ("seen", "differences"),
    [
        ([paid_at_till("a", refunded=30)], []),
        ([paid_at_till("a", refunded=30), paid_at_till("b", status=Status.CANCELED)], []),
        ([paid_at_till("a", refunded=30), paid_at_till("b", status=Status.PENDING)], []),
        ([paid_at_till("a", refunded=30), paid_at_till("b")], [Difference.NOT_STORED]),
        ([], [Difference.NOT_THERE]),
        ([paid_at_till("a", status=Status.CANCELED)], [Difference.NOT_PAID]),
        ([paid_at_till("a", minor=99, refunded=30)], [Difference.AMOUNT]),
        ([paid_at_till("a", refunded=100)], [Difference.RETURNED]),
        ([paid_at_till("a")], [Difference.RETURNED]),
        ([paid_at_till("b")], [Difference.NOT_STORED, Difference.NOT_THERE]),
    ],
)
def test_each_way_in_which_ledger_and_till_differ_is_found(seen, differences):
    assert [each.difference for each in compare(LEDGER, seen)] == differences


def test_what_a_list_does_not_have_is_to_be_read_by_itself():
    assert find_missing_payments(LEDGER, [paid_at_till("b")]) == ["a"]
    assert find_missing_payments(LEDGER, [paid_at_till("a")]) == []


def test_a_difference_tells_both_sides():
    (found,) = compare(LEDGER, [paid_at_till("a", refunded=100)])
    assert (found.ours.decimal, found.theirs.decimal) == ("0.30", "1.00")
    assert (found.outside_id, found.purchase_id) == ("a", "p1")
