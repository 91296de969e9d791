"""What the tests of the stand-ins share: a Telegram that is up, and the real client for it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from telegram_client import Ask, asking

from merlin.sandbox.telegram.server import TelegramStandIn


@pytest.fixture(autouse=True)
def waits_are_timedeltas(monkeypatch):
    # Without it python-telegram-bot warns at every 429, and warnings are errors here.
    monkeypatch.setenv("PTB_TIMEDELTA", "1")


@pytest.fixture
def telegram_up() -> Iterator[TelegramStandIn]:
    with TelegramStandIn() as standin:
        yield standin


@pytest.fixture
def ask(telegram_up: TelegramStandIn) -> Ask:
    return asking(telegram_up)
