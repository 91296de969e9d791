"""A sample of `python -m bench lint`: planted faults are found, harmless sentences are not."""

import pytest

from bench.lint import measure

pytestmark = pytest.mark.functional


@pytest.fixture(scope="module")
def scores():
    return measure(rounds=2)


def test_nearly_every_planted_fault_is_found(scores):
    assert len(scores) == 11
    assert {
        rule: score.missed for rule, score in scores.items() if score.recall < 0.95
    } == {}


def test_nearly_every_finding_was_planted(scores):
    assert {
        rule: score.wrong for rule, score in scores.items() if score.precision < 0.95
    } == {}
