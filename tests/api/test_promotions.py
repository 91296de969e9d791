"""Promotions while users ask, a seeded sample; the full run is `python -m bench promotions`."""

import pytest

from tests.api.promotion_load import ask_while_promoting

pytestmark = pytest.mark.load


def test_answers_stay_consistent_during_promotions(tmp_path):
    outcomes, *_ = ask_while_promoting(tmp_path, questions=160, every=8)
    assert outcomes["promotions"] == 19
    assert outcomes["serving"] == 160
