"""What the bot stores of itself, its link, and the operator's own texts."""

import pytest

from merlin.app.bot_settings import (
    BOT_ID,
    BOT_NAME,
    Settings,
    bot_link,
    is_of_other_bot,
    privacy_text,
    terms_text,
)
from merlin.app.context import Context
from merlin.app.groups import Group, Groups
from merlin.core.i18n import text
from merlin.db.tables import GROUP_CHAT
from tests.support.config import make_config

pytestmark = pytest.mark.integration


def make_context(database, clock, **telegram):
    return Context(config=make_config(telegram=telegram), db=database, clock=clock)


def test_setting_is_replaced_and_removed(database):
    settings = Settings(database)
    settings.put(BOT_NAME, "first_bot")
    settings.put(BOT_NAME, "second_bot")
    assert settings.get(BOT_NAME) == "second_bot"
    settings.put(BOT_NAME, "")
    assert settings.get(BOT_NAME) == ""


def test_link_opens_the_bot_if_it_is_known_and_the_payload_is_allowed(database, clock):
    ctx = make_context(database, clock, link_url="https://t.example/")
    assert bot_link(ctx, "plan_1") == ""
    Settings(database).put(BOT_NAME, "merlin_bot")
    assert bot_link(ctx, "plan_1") == "https://t.example/merlin_bot?start=plan_1"
    assert bot_link(ctx, "план 1") == ""


def test_row_is_of_another_bot_once_this_one_has_stored_its_id(database, clock):
    for bot in (6, 7, 8):
        Groups(database, bot, clock).put(Group(-4001))
    is_other = is_of_other_bot(GROUP_CHAT.bot_id)
    assert database.count(GROUP_CHAT, is_other) == 0
    Settings(database).put(BOT_ID, "7")
    others = database.rows(
        GROUP_CHAT.select().where(is_other).order_by(GROUP_CHAT.bot_id)
    )
    assert [row.bot_id for row in others] == [6, 8]


@pytest.mark.parametrize(
    ("name", "read"), [("privacy", privacy_text), ("terms", terms_text)]
)
def test_own_text_of_the_operator_replaces_the_built_in_one(
    database, clock, name, read
):
    built_in = make_context(database, clock)
    assert read(built_in, "en") == text("en", f"{name}-text")
    own = make_context(database, clock, **{name: {"ru": "Свой", "en": "Own"}})
    assert [read(own, "ru"), read(own, "en")] == ["Свой", "Own"]
