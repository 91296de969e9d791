"""Errors: the text that each kind has, and its arguments."""

import pytest

from merlin.core.errors import (
    ConfigError,
    Forbidden,
    GatewayUnavailable,
    PaymentError,
    PaymentUnknown,
    ProviderBusy,
    ProviderError,
    Refused,
)
from merlin.core.i18n import LANGUAGES, text

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("error", "key"),
    [
        (Refused("it is full"), "error-plain"),
        (ConfigError("no branch", "git-branch", branch="a b"), "git-branch"),
        (Forbidden("not theirs"), "api-problem-forbidden"),
        (PaymentError("no money", code="insufficient"), "error-gateway"),
        (GatewayUnavailable("timeout"), "error-gateway-unavailable"),
        (PaymentUnknown("cut off"), "error-gateway-unavailable"),
        (ProviderError("too long", code="length", status=400), "error-provider"),
        (ProviderBusy("slow down", retry_after_s=2.5), "error-provider-busy"),
    ],
)
def test_error_has_a_text_in_every_language_that_is_an_argument_of_others(error, key):
    told = error.as_argument()
    assert told["key"] == key
    assert told["arguments"]["message"] == str(error)
    for language in LANGUAGES:
        assert text(language, key, **told["arguments"]) != key


def test_gateway_error_carries_the_code_of_the_gateway():
    assert PaymentUnknown("cut off", code="timeout").code == "timeout"


def test_busy_provider_says_when_to_ask_again_and_why():
    busy = ProviderBusy("slow down", status=429, retry_after_s=2.5, reason="limit")
    assert (busy.status, busy.retry_after_s) == (429, 2.5)
    assert busy.arguments["reason"] == "limit"
