"""Amounts in whole kopecks and Stars: read, formatted, and refused."""

import pytest
from hypothesis import given, strategies as st

from merlin.core.money import MAX_MINOR, Amount, Currency, roubles, stars

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
