"""Privacy mode: which group messages the bot receives.

Source: core.telegram.org/bots/features ("Privacy mode"): administrators and bots without the mode
receive all; others commands not meant for another bot, mentions of the bot, replies to its messages
or to messages it received for these reasons, and messages sent via it.
"""

from collections.abc import Mapping
from typing import Any

from merlin.sandbox.telegram.rich_messages import find_nodes, plain_text
from merlin.sandbox.telegram.world import (
    ADMIN_STATUSES,
    BOT_ID,
    BOT_NAME,
    MEMBER_STATUSES,
    Group,
    World,
)


def is_delivered(world: World, message: Mapping[str, Any]) -> bool:
    """Return whether the bot receives this message of a person."""
    group = world.groups.get(message["chat"]["id"])
    if group is None:
        return True
    bot_status = group.status(BOT_ID)
    if bot_status not in MEMBER_STATUSES:
        return False
    return (
        bot_status in ADMIN_STATUSES
        or bool(world.settings.get("reads_all"))
        or _is_addressed(world, group, message)
    )


def _is_addressed(world: World, group: Group, message: Mapping[str, Any]) -> bool:
    if any(map(_names_bot, _entity_texts(message))):
        return True
    replied_message = message.get("reply_to_message")
    if replied_message is None:
        return False
    logged = world.messages[group.group_id][replied_message["message_id"]]
    return logged.by_bot or _is_addressed(world, group, logged.message)


def _names_bot(entity: tuple[str, str]) -> bool:
    kind, entity_text = entity
    if kind == "mention":
        return entity_text.lower() == f"@{BOT_NAME}"
    return kind == "bot_command" and entity_text.partition("@")[2].lower() in {
        "",
        BOT_NAME,
    }


def _entity_texts(message: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return (type, text) of a message's entities, or of a rich message's nodes."""
    nodes = find_nodes(message.get("rich_message"), "mention", "bot_command")
    text = str(message.get("text", message.get("caption", "")))
    entities = message.get("entities", message.get("caption_entities")) or []
    encoded = text.encode("utf-16-le")

    def slice_text(start: int, end: int) -> str:
        return encoded[start * 2 : end * 2].decode("utf-16-le")

    return [
        (
            entity["type"],
            slice_text(entity["offset"], entity["offset"] + entity["length"]),
        )
        for entity in entities
    ] + [(node["type"], plain_text(node)) for node in nodes]
