"""The confidence interval of a paired difference: properties that hold for all answers."""

from statistics import fmean

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from merlin.training.evaluation import compute_bootstrap_interval

pytestmark = pytest.mark.unit
DIFFERENCES = st.lists(st.sampled_from([-1, 0, 1]), min_size=1, max_size=120)
FEW = settings(max_examples=15, deadline=None)


@FEW
@given(st.sampled_from([-1.0, 0.0, 1.0]), st.integers(1, 500))
def test_equal_differences_give_an_interval_of_one_value(value, count):
    assert compute_bootstrap_interval([value] * count) == (value, value)


@FEW
@given(DIFFERENCES)
def test_reversed_differences_give_the_reversed_interval(differences):
    low, high = compute_bootstrap_interval(differences)
    opposite = compute_bootstrap_interval([-difference for difference in differences])
    assert opposite == pytest.approx((-high, -low), abs=1e-12)


@FEW
@given(DIFFERENCES)
def test_interval_contains_the_mean_and_is_reproducible(differences):
    low, high = compute_bootstrap_interval(differences)
    assert -1 <= low <= fmean(differences) <= high <= 1
    assert compute_bootstrap_interval(differences) == (low, high)


def test_interval_covers_the_true_difference_as_often_as_stated():
    rng = np.random.default_rng(7)
    hits = 0
    for _ in range(100):
        differences = rng.choice([-1, 0, 1], size=100, p=[0.1, 0.7, 0.2])
        low, high = compute_bootstrap_interval(differences)
        hits += low <= 0.1 <= high
    assert 88 <= hits <= 100


def test_more_questions_narrow_the_interval():
    few, many = (compute_bootstrap_interval([1, 0, 0, -1] * count) for count in (10, 160))
    assert many[1] - many[0] < (few[1] - few[0]) / 3
