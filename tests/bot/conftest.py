"""The stand-ins that the bot's tests talk to."""

from __future__ import annotations

import pytest

from merlin.sandbox.provider import ProviderStandIn
from merlin.sandbox.telegram import TelegramStandIn


@pytest.fixture
def telegram():
    with TelegramStandIn() as stand_in:
        yield stand_in


@pytest.fixture
def provider():
    with ProviderStandIn() as stand_in:
        yield stand_in
