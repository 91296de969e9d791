"""What the tests of the stand-ins share: stand-ins that are up, and real clients of them."""

from __future__ import annotations

import openai
import pytest

from merlin.sandbox.provider.app import ProviderStandIn
from merlin.sandbox.telegram.server import TelegramStandIn
from tests.sandbox.telegram_client import Ask, asking


@pytest.fixture(autouse=True)
def waits_are_timedeltas(monkeypatch):
    # Without it python-telegram-bot warns at every 429, and warnings are errors here.
    monkeypatch.setenv("PTB_TIMEDELTA", "1")


@pytest.fixture
def telegram_up():
    with TelegramStandIn() as standin:
        yield standin


@pytest.fixture
def ask(telegram_up: TelegramStandIn) -> Ask:
    return asking(telegram_up)


@pytest.fixture
def provider():
    with ProviderStandIn() as standin:
        yield standin


@pytest.fixture
def client(provider):
    with openai.OpenAI(api_key="any", base_url=provider.base_url, max_retries=0) as made:
        yield made
