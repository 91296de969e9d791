"""The price of a launch, in whole millionths of the currency, and its caps."""

from datetime import UTC, date, datetime

import pytest

from merlin.config.settings import BudgetConfig
from merlin.core.money import Price
from merlin.dataset.builds import Build
from merlin.training.policy import (
    estimate,
    find_budget_refusal,
    month_start,
    reached_warning,
    refuse_expiring_base,
)

pytestmark = pytest.mark.unit

MINI = Price("USD", 300_000, 150_000, 1_200_000, 3_000_000)


def make_build(tokens, examples, test_tokens=0):
    at = datetime(2026, 11, 20, tzinfo=UTC)
    return Build(1, "d", 1, "", "", "", examples, 2, tokens, test_tokens, at)


# Of 16 of 100 trained questions: 160,000 tokens of questions, as many of answers.
COMPARED = 48_000 + 192_000


@pytest.mark.parametrize(
    ("test_tokens", "of_tests"), [(0, 0), (2_000_000, 600_000 + 2_400_000)]
)
def test_estimate_is_epochs_the_comparison_with_the_base_and_the_test(
    test_tokens, of_tests
):
    build = make_build(1_000_000, 100, test_tokens)
    expected = 6_000_000 + COMPARED + of_tests
    assert estimate(MINI, build, {"n_epochs": 2}) == expected


@pytest.mark.parametrize(
    ("caps", "price", "spent", "reason"),
    [
        (BudgetConfig(per_job=6, per_month=10), 6_000_000, 4_000_000, None),
        (BudgetConfig(), None, 0, None),
        (BudgetConfig(per_job=5e-6), 6, 0, "held-job-cap"),
        (BudgetConfig(per_month=9e-6), 5, 5, "held-month-cap"),
        (BudgetConfig(per_job=5e-6), None, 0, "held-no-price"),
    ],
)
def test_launch_over_a_cap_is_held_with_its_reason(caps, price, spent, reason):
    refusal = find_budget_refusal(caps, price, spent, "USD")
    assert (refusal and refusal.reason) == reason


def test_month_begins_at_its_first_midnight():
    assert month_start(datetime(2026, 11, 20, 5, tzinfo=UTC)) == datetime(
        2026, 11, 1, tzinfo=UTC
    )


@pytest.mark.parametrize(
    ("today", "reason"),
    [
        (date(2026, 12, 15), ""),
        (date(2026, 12, 16), "held-sunset"),
        (date(2027, 1, 13), "held-sunset"),
        (date(2027, 1, 14), "held-dark"),
    ],
)
def test_model_with_less_than_thirty_days_to_live_is_not_trained(today, reason):
    refused = refuse_expiring_base("mini", date(2027, 1, 14), today)
    assert (refused.reason if refused else "") == reason


@pytest.mark.parametrize(
    ("left", "step"),
    [(100, None), (90, 90), (31, 90), (30, 30), (8, 14), (1, 1), (-3, 1)],
)
def test_warning_is_due_at_each_step(left, step):
    today = date(2026, 11, 20)
    assert reached_warning(date.fromordinal(today.toordinal() + left), today) == step
