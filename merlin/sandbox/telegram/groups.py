"""Group members and privacy mode.

Privacy mode decides which group messages the bot receives. Source: core.telegram.org/bots/features
("Privacy mode"): administrators and bots without the mode receive all; others commands not meant
for another bot, mentions of the bot, replies to its messages or to messages it received for these
reasons, and messages sent via it.
"""

from collections.abc import Mapping
from typing import Any

from merlin.sandbox.telegram.arguments import Arguments, bad_request, target_chat
from merlin.sandbox.telegram.world import (
    ADMIN_STATUSES,
    BOT_ID,
    BOT_NAME,
    MEMBER_STATUSES,
    Group,
    World,
    bot_user,
)


async def get_chat_member(world: World, arguments: Arguments) -> dict[str, Any]:
    """Answer getChatMember; somebody who never was in the chat has status "left"."""
    chat = target_chat(world, arguments)
    user_id = arguments.integer("user_id")
    if user_id != BOT_ID and user_id not in world.people:
        raise bad_request("PARTICIPANT_ID_INVALID")
    user = bot_user() if user_id == BOT_ID else world.people[user_id].as_user()
    if isinstance(chat, Group):
        return chat_member(user, chat.status(user_id))
    return chat_member(user, "member" if user_id in {chat.person_id, BOT_ID} else "left")


_RIGHTS = (
    *("can_be_edited", "can_manage_chat", "can_change_info", "can_delete_messages"),
    *("can_invite_users", "can_restrict_members", "can_promote_members", "can_manage_topics"),
    *("can_manage_video_chats", "can_post_stories", "can_edit_stories", "can_delete_stories"),
    "can_pin_messages",
)


def chat_member(user: dict[str, Any], status: str) -> dict[str, Any]:
    """Return a ChatMember object."""
    values: dict[str, Any] = {"user": user, "status": status}
    if status in ADMIN_STATUSES:
        values["is_anonymous"] = False
    if status == "administrator":
        values.update(dict.fromkeys(_RIGHTS, True))
    if status == "kicked":
        values["until_date"] = 0
    return values


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
    return kind == "bot_command" and entity_text.partition("@")[2].lower() in {"", BOT_NAME}


def _entity_texts(message: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return (type, text) of a message's entities."""
    text = str(message.get("text", message.get("caption", "")))
    entities = message.get("entities", message.get("caption_entities")) or []
    encoded = text.encode("utf-16-le")

    def slice_text(start: int, end: int) -> str:
        return encoded[start * 2 : end * 2].decode("utf-16-le")

    return [
        (entity["type"], slice_text(entity["offset"], entity["offset"] + entity["length"]))
        for entity in entities
    ]
