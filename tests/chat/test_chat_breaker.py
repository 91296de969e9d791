"""A provider whose money is spent is left alone for a minute."""

from __future__ import annotations

import pytest

from merlin.chat.answer import SPENT, CircuitBreaker
from merlin.core.errors import ProviderError

pytestmark = pytest.mark.unit

NO_MONEY = ProviderError("no money", code=SPENT)


def test_a_spent_provider_is_left_alone_and_then_asked_again():
    breaker = CircuitBreaker()
    breaker.note("openai", NO_MONEY, 100.0)
    with pytest.raises(ProviderError) as refusal:
        breaker.check("openai", 159.0)
    assert refusal.value.code == SPENT
    breaker.check("engine", 159.0)
    breaker.check("openai", 160.0)


def test_being_left_alone_does_not_prolong_itself():
    breaker = CircuitBreaker()
    for moment in (100.0, 130.0, 155.0):
        breaker.note("openai", NO_MONEY, moment)
    breaker.check("openai", 160.0)


def test_other_refusals_close_nothing():
    breaker = CircuitBreaker()
    breaker.note("openai", ProviderError("no", code="invalid_api_key"), 100.0)
    breaker.check("openai", 100.0)
