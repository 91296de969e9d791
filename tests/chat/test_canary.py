"""When a canary counts as worse than the live model."""

import random
from math import comb

import pytest

from merlin.chat.canary import CanaryFigures, tail_probability

pytestmark = pytest.mark.unit


def exact(bad, of, serving_bad, serving_of):
    all_bad, total = bad + serving_bad, of + serving_of
    ways = [comb(all_bad, k) * comb(total - all_bad, of - k) for k in range(bad, of + 1)]
    return sum(ways) / comb(total, of)


def test_probability_equals_fishers_exact_test():
    random_numbers = random.Random(20)  # noqa: S311 - a repeatable sample
    for _ in range(300):
        of, serving_of = random_numbers.randint(1, 60), random_numbers.randint(0, 300)
        bad, serving_bad = random_numbers.randint(0, of), random_numbers.randint(0, serving_of)
        probability = tail_probability(bad, of, serving_bad, serving_of)
        assert probability == pytest.approx(exact(bad, of, serving_bad, serving_of), abs=1e-9)


def test_equal_models_are_rarely_called_worse_and_a_broken_one_soon():
    random_numbers = random.Random(20)  # noqa: S311 - a repeatable sample

    def answers_until_worse(rate, answers=1000):
        """Return after how many answers a model with this rate of failures is worse than 5 %."""
        bad, of, serving_bad, serving_of = 0, 0, 0, 0
        for count in range(1, answers + 1):
            if random_numbers.random() < 0.1:
                of, bad = of + 1, bad + (random_numbers.random() < rate)
                if CanaryFigures("failures", bad, of, serving_bad, serving_of).is_worse:
                    return count
            else:
                serving_of, serving_bad = (
                    serving_of + 1,
                    serving_bad + (random_numbers.random() < 0.05),
                )
        return None

    assert sum(answers_until_worse(0.05) is not None for _ in range(200)) <= 6
    assert max(answers_until_worse(1.0) for _ in range(50)) < 200
