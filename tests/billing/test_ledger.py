"""What cannot be in a ledger is found there: a line for each fault, none for a sound one."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from merlin.billing.ledger import Entry, EntryKind, find_inconsistencies
from merlin.core.money import Amount, Currency
from merlin.providers.payments import Gateway

pytestmark = pytest.mark.unit

AT = datetime(2026, 11, 20, tzinfo=UTC)


def entry(number, kind, minor=100, refers=None):
    amount = Amount(minor, Currency.RUB)
    return Entry(number, EntryKind(kind), "p", Gateway.YOOKASSA, amount, AT, refers)


SOUND = [
    entry(1, "payment"),
    entry(2, "grant", refers=1),
    entry(3, "refund", 40, refers=2),
    entry(4, "refund", 60, refers=2),
    entry(5, "revocation", 0, refers=2),
    entry(6, "payment", 50),
    entry(7, "grant", 50, refers=6),
    entry(8, "refund", 10, refers=7),
]


def change_entry(number, **values):
    return [replace(each, **values) if each.entry_id == number else each for each in SOUND]


def without(number):
    return [each for each in SOUND if each.entry_id != number]


def test_a_sound_ledger_has_no_faults():
    assert [*find_inconsistencies(SOUND)] == []
    assert [*find_inconsistencies([])] == []


@pytest.mark.parametrize(
    ("entries", "words"),
    [
        (without(2), "payment 1: 0 grants"),
        (without(1), "row 2: a grant that rests on no payment"),
        (without(5), "grant 2: 0 revocations, 100 of 100 back"),
        (without(4), "grant 2: 1 revocations, 40 of 100 back"),
        ([*SOUND, entry(9, "grant", refers=1)], "payment 1: 2 grants"),
        ([*SOUND, entry(9, "revocation", 0, refers=2)], "grant 2: 2 revocations"),
        ([*SOUND, entry(9, "refund", 1, refers=2)], "grant 2: more went back than was paid"),
        ([*SOUND, entry(9, "refund", 1, refers=6)], "row 9: a refund that rests on no grant"),
        ([*SOUND, entry(9, "refund", 1)], "row 9: a refund that rests on no grant"),
        ([*SOUND, entry(9, "payment", 1, refers=1)], "row 9: a payment that rests on no None"),
        (change_entry(7, amount=Amount(49, Currency.RUB)), "payment 6: granted for another amount"),
        (change_entry(8, amount=Amount(-1, Currency.RUB)), "row 8: a negative amount"),
        (change_entry(8, amount=Amount(1, Currency.XTR)), "row 8: another currency than row 7"),
    ],
)
def test_each_fault_is_told_with_its_row(entries, words):
    assert any(words in line for line in find_inconsistencies(entries)), [
        *find_inconsistencies(entries)
    ]
