"""What a provider's refusal means for the account, and an answer of another model."""

import pytest

from merlin.core.errors import ModelUnapplied, ProviderError
from merlin.openai_protocol.errors import BAD_KEY, NO_CREDIT
from merlin.providers.base import (
    Answer,
    check_answering_model,
    is_account_rejected,
    is_forbidden,
)

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("status", "code", "is_rejected", "has_no_permission"),
    [
        (401, "", True, False),
        (429, NO_CREDIT, True, False),
        (400, BAD_KEY, True, False),
        (403, "", False, True),
        (429, "rate_limit_exceeded", False, False),
    ],
)
def test_refusal_is_the_accounts_or_the_calls(
    status, code, is_rejected, has_no_permission
):
    refusal = ProviderError("refused", status=status, code=code)
    assert is_account_rejected(refusal) is is_rejected
    assert is_forbidden(refusal) is has_no_permission


def test_answer_of_the_base_is_not_taken_for_a_tuned_models():
    answer = Answer("Тут.", model="base")
    with pytest.raises(ModelUnapplied):
        check_answering_model(answer, "base:tuned", "base")
    for model_id, base in (("base", "base"), ("base:tuned", ""), ("base:tuned", "b")):
        check_answering_model(answer, model_id, base)
