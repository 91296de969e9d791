"""Menus of commands: kept by scope and language, offered by chat, person and role."""

from __future__ import annotations

import pytest
from telegram import (
    BotCommand,
    BotCommandScopeAllGroupChats,
    BotCommandScopeAllPrivateChats,
    BotCommandScopeChat,
    BotCommandScopeChatAdministrators,
)
from telegram.error import BadRequest

from merlin.sandbox.telegram.world import STUDY
from tests.sandbox.telegram_client import fetch

pytestmark = pytest.mark.functional


def test_commands_are_kept_by_scope_and_language(telegram_up, ask):
    async def act(bot):
        await bot.set_my_commands([BotCommand("help", "Помощь")], language_code="ru")
        admin = BotCommandScopeChat(1003)
        await bot.set_my_commands([BotCommand("admin", "Admin")], scope=admin)

    ask(act)
    assert [telegram_up.menu(who)[0]["command"] for who in ("anna", "vera")] == ["help", "admin"]
    ask(lambda bot: bot.delete_my_commands(language_code="ru"))
    assert telegram_up.menu("anna") == []


def test_a_bad_command_is_refused(ask):
    with pytest.raises(BadRequest, match="Bot_command_invalid"):
        ask(lambda bot: bot.set_my_commands([("Помощь", "x")]))


def test_the_narrowest_menu_is_offered(telegram_up, ask):
    async def act(bot):
        wide = (("help", None, ""), ("ask", BotCommandScopeAllPrivateChats(), ""))
        narrow = (
            ("спроси", BotCommandScopeAllPrivateChats(), "ru"),
            ("admin", BotCommandScopeChat(1003), ""),
            ("group", BotCommandScopeAllGroupChats(), ""),
            ("lead", BotCommandScopeChatAdministrators(STUDY.group_id), ""),
        )
        for word, scope, language in (*wide, *narrow):
            command = BotCommand("ask" if language else word, word)
            await bot.set_my_commands([command], scope=scope, language_code=language or None)

    ask(act)
    places = ("anna", 5001, "vera", "anna@study", "vera@study")
    offered = [telegram_up.menu(place)[0]["description"] for place in places]
    assert offered == ["спроси", "ask", "admin", "group", "lead"]
    told = fetch(f"{telegram_up.page_url}control/menu?person=vera")[1]
    assert told == [{"command": "admin", "description": "admin"}]


def test_without_commands_there_is_no_menu(telegram_up):
    assert telegram_up.menu("anna") == []
