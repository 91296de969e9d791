"""Fixtures of the bot's tests: stand-ins, settings and a running bot."""

import pytest
from structlog.testing import capture_logs

from tests.bot.conversation import ChatUser
from tests.bot.running_bot import (
    RunningBot,
    add_live_model,
    add_media,
    bot_settings,
    close_reader,
)
from tests.bot.stars_buyer import Buyer, run_selling_bot
from tests.support.pipeline_lab import lab_maker
from tests.support.stand_ins import ProviderStandIn, TelegramStandIn


@pytest.fixture
def telegram():
    with TelegramStandIn() as stand_in:
        yield stand_in


@pytest.fixture
def provider():
    with ProviderStandIn() as stand_in:
        yield stand_in


@pytest.fixture(autouse=True)
def logs():
    """Return the captured log; rendering tracebacks for a terminal would take seconds."""
    with capture_logs() as captured:
        yield captured


@pytest.fixture(autouse=True)
def own_reader():
    """Close the connection that a test reads the bot's database with."""
    yield
    close_reader()


@pytest.fixture
def settings(tmp_path, telegram, provider):
    settings = bot_settings(tmp_path, telegram, provider)
    add_live_model(settings, "stand-in-base")
    return settings


@pytest.fixture
def media(settings, provider):
    """Return the settings of a bot that reads voice, photos and documents."""
    provider.behave(context_window=200_000)
    return add_media(settings)


@pytest.fixture
def media_bot(media):
    """Run a bot that reads voice, photos and documents; return its settings."""
    with RunningBot(media):
        yield media


@pytest.fixture
def bot(settings):
    """Run a bot; return its settings."""
    with RunningBot(settings):
        yield settings


@pytest.fixture
def anna(telegram, settings):
    """Return anna, who talks to a running bot."""
    with RunningBot(settings):
        yield ChatUser(telegram, settings)


@pytest.fixture(scope="module")
def make_lab(tmp_path_factory):
    """Return a function that makes a lab, each beginning once for a file."""
    return lab_maker(tmp_path_factory.mktemp("labs"))


@pytest.fixture(scope="module")
def selling_bot(tmp_path_factory):
    """One bot for all tests of a file about payments; every buyer is a new user."""
    with run_selling_bot(tmp_path_factory.mktemp("selling")) as running:
        yield running


@pytest.fixture
def buyer(selling_bot):
    telegram, settings, _ = selling_bot
    return Buyer(telegram, settings)
