"""A seeded sample of promotions while people ask; all of them: `python -m bench promotions`."""

from __future__ import annotations

import pytest

from tests.api.promotion_load import ask_while_promoting

pytestmark = pytest.mark.load


def test_no_answer_fails_or_is_mixed_while_other_models_come_to_serve(tmp_path):
    seen, *_ = ask_while_promoting(tmp_path, questions=160, every=8)
    assert seen["promotions"] == 19
    assert seen["serving"] + seen["canary"] == 160
    assert min(seen["serving"], seen["canary"]) > 20
