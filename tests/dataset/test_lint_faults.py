"""Planted faults are found, and in harmless sentences and shipped examples there are none."""

import pytest

from tests.dataset.planted_faults import measure

pytestmark = pytest.mark.functional


def test_nearly_every_planted_fault_is_found_and_nearly_every_finding_was_planted():
    scores = measure(rounds=2)
    assert len(scores) == 11
    for rule, score in scores.items():
        assert len(score.missed) <= 0.05 * score.planted, (rule, score.missed)
        assert len(score.wrong) <= 0.05 * score.found, (rule, score.wrong)
