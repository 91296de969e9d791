"""Contacts for receipts, as people write them, and the states of a payment."""

import pytest

from merlin.providers.payments import (
    PaymentStatus,
    format_contact,
    normalise_contact,
)

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("text", "contact"),
    [
        ("anna@example.com", "anna@example.com"),
        ("  Anna.B+bot@mail.example.com ", "Anna.B+bot@mail.example.com"),
        ("+7 916 123-45-67", "79161234567"),
        ("8 (916) 123-45-67", "79161234567"),
        ("9161234567", "79161234567"),
        ("+375 29 123-45-67", "375291234567"),
        ("8\u2011916\u2013123\u201445\u00a067", "79161234567"),
    ],
)
def test_contact_is_normalised(text, contact):
    assert normalise_contact(text) == contact


INVALID = [
    *("", " ", "anna", "anna@", "@example.com", "anna@example", "anna@@example.com"),
    *(
        "anna@exa mple.com",
        "a..b@example.com",
        "anna@example.com\nbcc: boris@example.com",
    ),
    *("анна@example.com", "anna@example.com\x00", "a" * 65 + "@example.com"),
    *(
        "12345",
        "+7 916",
        "1" * 16,
        "+0 916 123 45 67",
        "seven",
        "7916123456x",
        "٧٩١٦١٢٣٤٥٦٧",
    ),
    "a" * 300 + "@example.com",
]


def test_invalid_contact_is_refused():
    for text in INVALID:
        assert normalise_contact(text) == ""


@pytest.mark.parametrize(
    ("contact", "shown"),
    [
        ("79161234567", "+7 916 123-45-67"),
        ("375291234567", "+375291234567"),
        ("anna@example.com", "anna@example.com"),
    ],
)
def test_phone_number_is_shown_in_groups(contact, shown):
    assert format_contact(contact) == shown


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("succeeded", PaymentStatus.SUCCEEDED),
        ("waiting_for_capture", PaymentStatus.UNKNOWN),
    ],
)
def test_status_that_is_not_known_is_no_error(word, status):
    assert PaymentStatus(word) is status
