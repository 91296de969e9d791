"""Privacy mode: which messages of a group its bot is told of.

Source: core.telegram.org/bots/features ("Privacy mode"): administrators and bots without the
mode hear all; else commands not meant for another bot, what names the bot, replies to its
messages and to what was meant for it, and messages sent through it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from merlin.core.utf16 import units
from merlin.sandbox.telegram.groups import LEADING, PRESENT, Group
from merlin.sandbox.telegram.people import BOT_ID, BOT_NAME
from merlin.sandbox.telegram.world import World


def is_told(world: World, message: Mapping[str, Any]) -> bool:
    """Return whether the bot gets this message of a person."""
    group = world.groups.get(message["chat"]["id"])
    if group is None:
        return True
    status = group.status(BOT_ID)
    if status not in PRESENT:
        return False
    return (
        status in LEADING
        or bool(world.settings.get("reads_all"))
        or _is_meant(world, group, message)
    )


def _is_meant(world: World, group: Group, message: Mapping[str, Any]) -> bool:
    if "via_bot" in message or any(map(_names_bot, _marked(message))):
        return True
    replied = message.get("reply_to_message")
    if replied is None or "forum_topic_created" in replied:
        return False
    whole = world.messages[group.group_id][replied["message_id"]]
    return whole.by_bot or _is_meant(world, group, whole.message)


def _names_bot(marked: tuple[str, str]) -> bool:
    kind, words = marked
    if kind == "mention":
        return words.lower() == f"@{BOT_NAME}"
    return kind == "bot_command" and words.partition("@")[2].lower() in {"", BOT_NAME}


def _marked(message: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return (kind, words) of a message's entities."""
    text = str(message.get("text", message.get("caption", "")))
    entities = message.get("entities", message.get("caption_entities")) or []
    plain = units(text) == len(text)
    coded = b"" if plain else text.encode("utf-16-le")

    def words(start: int, end: int) -> str:
        return text[start:end] if plain else coded[start * 2 : end * 2].decode("utf-16-le")

    return [(one["type"], words(one["offset"], one["offset"] + one["length"])) for one in entities]
