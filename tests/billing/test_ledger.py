"""Inconsistent ledgers: a line for each error, none for a correct ledger."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from merlin.billing.ledger import Entry, EntryKind, find_inconsistencies
from merlin.core.money import Amount, Currency
from merlin.providers.payments import Gateway

pytestmark = pytest.mark.unit

AT = datetime(2026, 11, 20, tzinfo=UTC)


def make_entry(number, kind, minor=100, refers=None):
    amount = Amount(minor, Currency.RUB)
    return Entry(number, EntryKind(kind), "p", Gateway.YOOKASSA, amount, AT, refers)


SOUND = [
    make_entry(1, "payment"),
    make_entry(2, "grant", refers=1),
    make_entry(3, "refund", 40, refers=2),
    make_entry(4, "refund", 60, refers=2),
    make_entry(5, "revocation", 0, refers=2),
    make_entry(6, "payment", 50),
    make_entry(7, "grant", 50, refers=6),
    make_entry(8, "refund", 10, refers=7),
]


def change_entry(number, **values):
    return [replace(entry, **values) if entry.entry_id == number else entry for entry in SOUND]


def drop_entry(number):
    return [entry for entry in SOUND if entry.entry_id != number]


def test_consistent_ledger_has_no_errors():
    assert [*find_inconsistencies(SOUND)] == []
    assert [*find_inconsistencies([])] == []


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        (drop_entry(2), "payment 1: 0 grants"),
        (drop_entry(1), "row 2: a grant that rests on no payment"),
        (drop_entry(5), "grant 2: 0 revocations, 100 of 100 back"),
        (drop_entry(4), "grant 2: 1 revocations, 40 of 100 back"),
        ([*SOUND, make_entry(9, "grant", refers=1)], "payment 1: 2 grants"),
        ([*SOUND, make_entry(9, "revocation", 0, refers=2)], "grant 2: 2 revocations"),
        ([*SOUND, make_entry(9, "refund", 1, refers=2)], "grant 2: more went back than was paid"),
        ([*SOUND, make_entry(9, "refund", 1, refers=6)], "row 9: a refund that rests on no grant"),
        ([*SOUND, make_entry(9, "refund", 1)], "row 9: a refund that rests on no grant"),
        ([*SOUND, make_entry(9, "payment", 1, refers=1)], "row 9: a payment that rests on no None"),
        (change_entry(7, amount=Amount(49, Currency.RUB)), "payment 6: granted for another amount"),
        (change_entry(8, amount=Amount(-1, Currency.RUB)), "row 8: a negative amount"),
        (change_entry(8, amount=Amount(1, Currency.XTR)), "row 8: another currency than row 7"),
    ],
)
def test_each_ledger_error_is_reported_with_its_row(entries, message):
    lines = [*find_inconsistencies(entries)]
    assert any(message in line for line in lines), lines
