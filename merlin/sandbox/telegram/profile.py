"""The methods by which a bot asks about itself and describes itself."""

from __future__ import annotations

import re
from typing import Any

from merlin.sandbox.telegram.arguments import Arguments
from merlin.sandbox.telegram.errors import bad_request
from merlin.sandbox.telegram.files import described
from merlin.sandbox.telegram.people import bot_user
from merlin.sandbox.telegram.sending import receiver
from merlin.sandbox.telegram.world import World

MOST_COMMANDS = 100
DESCRIPTION_CHARACTERS = 256
_COMMAND = re.compile(r"[a-z0-9_]{1,32}")


async def get_me(_world: World, _arguments: Arguments) -> dict[str, Any]:
    """Answer getMe."""
    return bot_user()


async def get_chat(world: World, arguments: Arguments) -> dict[str, Any]:
    """Answer getChat with what every full chat must have."""
    person = receiver(world, arguments)
    limits = {"max_reaction_count": 11, "accent_color_id": 0}
    gifts = dict.fromkeys(
        ("unlimited_gifts", "limited_gifts", "unique_gifts", "premium_subscription"), True
    )
    return {**person.as_chat(), **limits, "accepted_gift_types": gifts}


async def get_file(world: World, arguments: Arguments) -> dict[str, Any]:
    """Answer getFile."""
    return described(world, arguments.text("file_id"))


def _menu(arguments: Arguments) -> str:
    """Return the name under which the commands of one scope and language are kept."""
    scope = arguments.parsed("scope") or {"type": "default"}
    place = ":".join(str(scope[name]) for name in sorted(scope))
    return f"commands:{place}:{arguments.text('language_code')}"


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
    world.record("setting", name=_menu(arguments), value=wanted)
    return True


async def get_my_commands(world: World, arguments: Arguments) -> list[dict[str, Any]]:
    """Answer getMyCommands."""
    return list(world.settings.get(_menu(arguments)) or [])


async def delete_my_commands(world: World, arguments: Arguments) -> bool:
    """Answer deleteMyCommands."""
    world.record("setting", name=_menu(arguments), value=[])
    return True


async def take_note(_world: World, _arguments: Arguments) -> bool:
    """Answer a description of the bot: taken, and shown nowhere."""
    return True
