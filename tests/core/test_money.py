"""Amounts in whole kopecks and Stars: read, formatted, and refused."""

import pytest
from hypothesis import given, strategies as st

from merlin.core.money import (
    MAX_MINOR,
    Amount,
    Cost,
    Currency,
    cost_argument,
    format_amounts,
    format_estimate,
    format_price,
    parse_amount,
    roubles,
    stars,
    sum_costs,
)

pytestmark = pytest.mark.unit


@given(st.integers(0, MAX_MINOR))
def test_amount_survives_a_round_trip_through_text(minor):
    amount = Amount(minor, Currency.RUB)
    assert roubles(amount.decimal) == amount


@given(st.decimals(0, 10**9, places=2))
def test_two_decimals_are_exact_as_text_and_as_float(number):
    assert roubles(str(number)).minor == number * 100
    assert roubles(float(str(number))).minor == number * 100


@pytest.mark.parametrize(
    "number",
    [
        "0.001",
        299.999,
        "-1",
        -0.01,
        "nan",
        "inf",
        float("inf"),
        "",
        "12,5",
        1e13,
        "1e99",
        "1e999999",
    ],
)
def test_invalid_amount_is_refused(number):
    with pytest.raises(ValueError, match=r"amount|kopecks|range"):
        roubles(number)


@pytest.mark.parametrize(
    ("amount", "russian", "english"),
    [
        (roubles(299), "299\u00a0₽", "₽299"),
        (roubles("1299.9"), "1\u00a0299,90\u00a0₽", "₽1,299.90"),
        (roubles("0.05"), "0,05\u00a0₽", "₽0.05"),
        (stars(200), "200 ⭐", "200 ⭐"),
    ],
)
def test_amount_is_formatted_for_the_language(amount, russian, english):
    assert (amount.format("ru"), amount.format("en")) == (russian, english)


def test_stars_have_no_fraction():
    assert (stars(200).decimal, roubles(2).decimal) == ("200", "2.00")


@pytest.mark.parametrize(
    ("text", "currency", "amount"),
    [
        ("1 499,50 ₽", "RUB", roubles("1499.5")),
        ("299.00", "RUB", roubles(299)),
        ("200", "XTR", stars(200)),
    ],
)
def test_amount_is_read_as_people_write_it(text, currency, amount):
    assert parse_amount(text, currency) == amount


@pytest.mark.parametrize(
    ("stored", "shown"),
    [("299.00 RUB", "₽299"), ("200 XTR", "200 ⭐"), ("5 GBP", "5 GBP"), ("", "")],
)
def test_amount_of_a_stored_notice_is_formatted_if_it_is_one(stored, shown):
    assert format_amounts("en", {"plan": "a", "amount": stored}) == {
        "plan": "a",
        "amount": shown,
    }


def test_sum_of_costs_is_of_those_in_the_currency_of_the_first():
    costs = [None, Cost(5, "USD"), Cost(7, "RUB"), Cost(1, "USD"), Cost(2, "RUB")]
    assert sum_costs(costs) == Cost(6, "USD")
    assert sum_costs([None]) is None


@pytest.mark.parametrize(
    ("micro", "currency", "price", "estimate"),
    [
        (790_000, "USD", "$0.79", "about $0.79"),
        (10_000, "USD", "$0.01", "about $0.01"),
        (100, "USD", "$0.0001", "less than $0.01"),
        (1_200, "USD", "$0.0012", "less than $0.01"),
        (5, "GBP", "0.000005\u00a0GBP", "less than 0.01\u00a0GBP"),
        (0, "USD", "free", "free"),
    ],
)
def test_small_cost_has_more_digits_and_is_estimated_as_little(
    micro, currency, price, estimate
):
    assert format_price("en", micro, currency) == price
    assert format_estimate("en", micro, currency) == estimate


def test_cost_within_a_text_is_formatted_in_each_language():
    arguments = cost_argument(790_000, "USD")["arguments"]
    assert arguments == {"ru": "0,79\u00a0$", "en": "$0.79"}
