"""The methods by which a bot asks about itself and describes itself."""

from __future__ import annotations

from typing import Any

from merlin.sandbox.telegram.addressing import receiver
from merlin.sandbox.telegram.arguments import Arguments
from merlin.sandbox.telegram.files import described
from merlin.sandbox.telegram.people import bot_profile
from merlin.sandbox.telegram.world import World

_GIFTS = (
    "unlimited_gifts",
    "limited_gifts",
    "unique_gifts",
    "premium_subscription",
    "gifts_from_channels",
)


async def get_me(world: World, _arguments: Arguments) -> dict[str, Any]:
    """Answer getMe."""
    return bot_profile(world.settings)


async def get_chat(world: World, arguments: Arguments) -> dict[str, Any]:
    """Answer getChat with what every full chat must have."""
    chat = receiver(world, arguments)
    limits = {"max_reaction_count": 11, "accent_color_id": 0}
    gifts = dict.fromkeys(_GIFTS, True)
    return {**chat.as_chat(), **limits, "accepted_gift_types": gifts}


async def get_file(world: World, arguments: Arguments) -> dict[str, Any]:
    """Answer getFile."""
    return described(world, arguments.text("file_id"))


async def take_note(_world: World, _arguments: Arguments) -> bool:
    """Answer a description of the bot: taken, and shown nowhere."""
    return True
