"""Fixtures of the stand-ins' tests: running stand-ins and clients of them."""

import pytest

from tests.sandbox.telegram_client import BotCaller, make_caller
from tests.support.stand_ins import TelegramStandIn


@pytest.fixture(autouse=True)
def use_timedeltas(monkeypatch):
    # Without it python-telegram-bot warns at each 429, and warnings are errors here.
    monkeypatch.setenv("PTB_TIMEDELTA", "1")


@pytest.fixture
def telegram():
    with TelegramStandIn() as standin:
        yield standin


@pytest.fixture
def call(telegram: TelegramStandIn) -> BotCaller:
    return make_caller(telegram)
