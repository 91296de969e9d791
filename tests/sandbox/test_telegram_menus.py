"""Menus of commands by scope and language, chat, person and role."""

import pytest
from telegram import (
    BotCommand,
    BotCommandScopeAllGroupChats,
    BotCommandScopeAllPrivateChats,
    BotCommandScopeChat,
)
from telegram.error import BadRequest

from tests.sandbox.telegram_client import fetch

pytestmark = pytest.mark.functional


def test_invalid_command_is_refused(call):
    with pytest.raises(BadRequest, match="Bot_command_invalid"):
        call(lambda bot: bot.set_my_commands([("Помощь", "x")]))


def test_most_specific_menu_is_shown(telegram, call):
    async def act(bot):
        wide = (("help", None, ""), ("ask", BotCommandScopeAllPrivateChats(), ""))
        narrow = (
            ("спроси", BotCommandScopeAllPrivateChats(), "ru"),
            ("admin", BotCommandScopeChat(1003), ""),
            ("group", BotCommandScopeAllGroupChats(), ""),
        )
        for word, scope, language in (*wide, *narrow):
            command = BotCommand("ask" if language else word, word)
            await bot.set_my_commands([command], scope=scope, language_code=language or None)

    call(act)
    chats = ("anna", 5001, "vera", "anna@study")
    descriptions = [telegram.menu(place)[0]["description"] for place in chats]
    assert descriptions == ["спроси", "ask", "admin", "group"]
    commands = fetch(f"{telegram.page_url}control/menu?person=vera")[1]
    assert commands == [{"command": "admin", "description": "admin"}]
