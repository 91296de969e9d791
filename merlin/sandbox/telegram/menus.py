"""Menus of commands: kept by scope and language, and which of them a person sees in a chat."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from merlin.sandbox.telegram.arguments import Arguments
from merlin.sandbox.telegram.errors import bad_request
from merlin.sandbox.telegram.groups import LEADING, Chat, Group
from merlin.sandbox.telegram.people import Person
from merlin.sandbox.telegram.world import World

MOST_COMMANDS = 100
DESCRIPTION_CHARACTERS = 256
_COMMAND = re.compile(r"[a-z0-9_]{1,32}")
_LANGUAGE = re.compile(r"([a-z]{2})?")
_SCOPES = {
    "default": (),
    "all_private_chats": (),
    "all_group_chats": (),
    "all_chat_administrators": (),
    "chat": ("chat_id",),
    "chat_administrators": ("chat_id",),
    "chat_member": ("chat_id", "user_id"),
}


def _menu(world: World, arguments: Arguments) -> str:
    """Return the name under which the commands of one scope and language are kept."""
    scope = arguments.parsed("scope") or {"type": "default"}
    kind = scope.get("type") if isinstance(scope, dict) else None
    if kind not in _SCOPES:
        raise bad_request("can't parse BotCommandScope: Unsupported type specified")
    places = [str(scope.get(name, "")) for name in _SCOPES[kind]]
    if places and not _is_chat(world, places[0]):
        raise bad_request("chat not found")
    language = arguments.text("language_code")
    if not _LANGUAGE.fullmatch(language):
        raise bad_request("invalid language code specified")
    return _name(language, kind, *places)


def _is_chat(world: World, chat_id: str) -> bool:
    return chat_id.removeprefix("-").isdecimal() and world.chat(int(chat_id)) is not None


def _name(language: str, kind: str, *places: object) -> str:
    return f"commands:{':'.join(map(str, (kind, *places)))}:{language}"


async def set_my_commands(world: World, arguments: Arguments) -> bool:
    """Answer setMyCommands."""
    wanted = arguments.parsed("commands")
    if not isinstance(wanted, list) or len(wanted) > MOST_COMMANDS:
        raise bad_request("BOT_COMMANDS_TOO_MUCH")
    for one in wanted:
        if not _COMMAND.fullmatch(str(one.get("command", "")).removeprefix("/")):
            raise bad_request("BOT_COMMAND_INVALID")
        if not 1 <= len(str(one.get("description", ""))) <= DESCRIPTION_CHARACTERS:
            raise bad_request("BOT_COMMAND_DESCRIPTION_INVALID")
    world.record("setting", name=_menu(world, arguments), value=wanted)
    return True


async def get_my_commands(world: World, arguments: Arguments) -> list[dict[str, Any]]:
    """Answer getMyCommands."""
    return list(world.settings.get(_menu(world, arguments)) or [])


async def delete_my_commands(world: World, arguments: Arguments) -> bool:
    """Answer deleteMyCommands."""
    world.record("setting", name=_menu(world, arguments), value=[])
    return True


def menu_for(world: World, person: Person, chat: Chat) -> list[dict[str, Any]]:
    """Return the commands that a client offers a person in a chat.

    Source: core.telegram.org/bots/api, "Determining list of commands".
    """
    for kind, *places in _narrowest_first(person, chat):
        for language in (person.language_code, ""):
            found = world.settings.get(_name(language, str(kind), *places))
            if found:
                return list(found)
    return []


def _narrowest_first(person: Person, chat: Chat) -> Iterator[tuple[object, ...]]:
    if isinstance(chat, Group):
        leads = chat.status(person.person_id) in LEADING
        yield "chat_member", chat.chat_id, person.person_id
        if leads:
            yield "chat_administrators", chat.chat_id
        yield "chat", chat.chat_id
        if leads:
            yield ("all_chat_administrators",)
        yield ("all_group_chats",)
    else:
        yield "chat", chat.chat_id
        yield ("all_private_chats",)
    yield ("default",)
