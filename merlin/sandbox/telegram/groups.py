"""Group members, topics of chats, and privacy mode.

Topics exist in forum supergroups, and in private chats once the bot's owner enabled them. A topic's
id is the id of the service message that created it. Peculiarities copied from Telegram: the General
topic of a forum has no id in messages (and 1 is refused), a message in a forum's topic replies to
the topic's first message, and a reply in a plain supergroup names a thread that is not a topic.

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
    Chat,
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


def deliver_service_message(world: World, chat: Chat, message: Mapping[str, Any]) -> int:
    """Send a service message to the bot, if it is in the chat; privacy mode does not apply."""
    if isinstance(chat, Group) and chat.status(BOT_ID) not in MEMBER_STATUSES:
        return 0
    return world.add_update("message", message)


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


GENERAL = 1
DEFAULT_COLOR = 0x6FB9F0


def has_topics(world: World, chat: Chat) -> bool:
    """Return whether the chat has topics."""
    return chat.is_forum if isinstance(chat, Group) else bool(world.settings.get("has_topics"))


def topic_of(world: World, chat: Chat, thread: int) -> dict[str, Any] | None:
    """Return a topic, with `closed`; 0 is a forum's General topic. None for an unknown id."""
    topic = world.topics.get(chat.chat_id, {}).get(thread)
    if topic is None and not thread and isinstance(chat, Group) and chat.is_forum:
        return {"message_thread_id": 0, "name": "General"}
    return topic


def check_thread(world: World, chat: Chat, thread: int) -> None:
    """Raise BotApiError for a thread that the bot cannot write to."""
    topic = topic_of(world, chat, thread) if has_topics(world, chat) else None
    if topic is None:
        raise bad_request("message thread not found")
    is_admin = isinstance(chat, Group) and chat.status(BOT_ID) in ADMIN_STATUSES
    if topic.get("closed") and not is_admin:
        raise bad_request("TOPIC_CLOSED")


def thread_fields(
    world: World, chat: Chat, thread: int, replied_message: Mapping[str, Any] | None
) -> dict[str, Any]:
    """Return a new message's thread fields; a reply stays in the thread of the replied message."""
    if not has_topics(world, chat):
        if replied_message is not None and isinstance(chat, Group) and chat.kind == "supergroup":
            return {
                "message_thread_id": replied_message.get(
                    "message_thread_id", replied_message["message_id"]
                )
            }
        return {}
    if not thread and replied_message is not None and replied_message.get("is_topic_message"):
        thread = replied_message["message_thread_id"]
    if not thread:
        return {}
    fields: dict[str, Any] = {"message_thread_id": thread, "is_topic_message": True}
    if replied_message is None and isinstance(chat, Group):
        fields["reply_to_message"] = world.messages[chat.chat_id][thread].message
    return fields


def make_topic(world: World, chat: Chat, sender: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Create a topic by its service message; return that message.

    Without a name it gets a default one, marked as implicit.
    """
    values = {"name": name or "New topic", "icon_color": DEFAULT_COLOR}
    created = values if name else {**values, "is_name_implicit": True}
    message = world.post(chat, sender, forum_topic_created=created, is_topic_message=True)
    topic = {"message_thread_id": message["message_id"], **values}
    world.record("topic", chat_id=chat.chat_id, topic=topic)
    return message


def close_topic(world: World, chat: Chat, sender: Mapping[str, Any], thread: int) -> dict[str, Any]:
    """Close a topic by a service message; return that message."""
    topic = {**(topic_of(world, chat, thread) or {}), "closed": True}
    fields = thread_fields(world, chat, thread, None)
    message = world.post(chat, sender, **fields, forum_topic_closed={})
    world.record("topic", chat_id=chat.chat_id, topic=topic)
    return message


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
    if replied_message is None or "forum_topic_created" in replied_message:
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
