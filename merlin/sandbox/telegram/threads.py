"""In which topic of a chat a message stands, and what its Message object says of that.

Topics are those of forum supergroups, and of private chats once the bot's owner switched them
on. A topic's id is the id of the service message that made it. Odd, and as at Telegram: the
General topic of a forum has no id in messages (and 1 is refused), a message of a forum's topic
replies to the topic's first message, and a reply in a plain supergroup names a thread which is no
topic.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from merlin.sandbox.telegram.errors import bad_request
from merlin.sandbox.telegram.groups import LEADING, Chat, Group
from merlin.sandbox.telegram.people import BOT_ID
from merlin.sandbox.telegram.world import World

GENERAL = 1
DEFAULT_COLOR = 0x6FB9F0


def has_topics(world: World, chat: Chat) -> bool:
    """Return whether messages of the chat can stand in topics."""
    return chat.is_forum if isinstance(chat, Group) else bool(world.settings.get("has_topics"))


def topic_of(world: World, chat: Chat, thread: int) -> dict[str, Any] | None:
    """Return a topic that stands, with `closed`; None when there is none of that id."""
    topic = world.topics.get(chat.chat_id, {}).get(thread)
    return None if topic is None or topic.get("deleted") else topic


def check_thread(world: World, chat: Chat, thread: int) -> None:
    """Refuse a thread that the bot cannot write to, in Telegram's words."""
    topic = topic_of(world, chat, thread) if has_topics(world, chat) else None
    if topic is None:
        raise bad_request("message thread not found")
    leads = isinstance(chat, Group) and chat.status(BOT_ID) in LEADING
    if topic.get("closed") and not leads:
        raise bad_request("TOPIC_CLOSED")


def thread_fields(
    world: World, chat: Chat, thread: int, replied: Mapping[str, Any] | None
) -> dict[str, Any]:
    """Return what a new message says of its thread; a reply stays in the thread of the other."""
    if not has_topics(world, chat):
        if replied is not None and isinstance(chat, Group) and chat.kind == "supergroup":
            return {"message_thread_id": replied.get("message_thread_id", replied["message_id"])}
        return {}
    if not thread and replied is not None and replied.get("is_topic_message"):
        thread = replied["message_thread_id"]
    if not thread:
        return {}
    fields: dict[str, Any] = {"message_thread_id": thread, "is_topic_message": True}
    if replied is None and isinstance(chat, Group):
        fields["reply_to_message"] = world.messages[chat.chat_id][thread].message
    return fields


def make_topic(
    world: World, chat: Chat, sender: Mapping[str, Any], name: str, color: int = DEFAULT_COLOR
) -> dict[str, Any]:
    """Make a topic by its service message; return that message. An empty name is implicit."""
    shown = {"name": name or "New topic", "icon_color": color}
    told = shown if name else {**shown, "is_name_implicit": True}
    message = world.new_message(chat, sender, forum_topic_created=told, is_topic_message=True)
    message["message_thread_id"] = message["message_id"]
    world.add_message(message)
    topic = {"message_thread_id": message["message_id"], **shown}
    world.record("topic", chat_id=chat.chat_id, topic=topic)
    return message


def change_topic(
    world: World, chat: Chat, sender: Mapping[str, Any], thread: int, **change: Any
) -> dict[str, Any]:
    """Rename, close or open a topic by a service message; return that message."""
    topic = {**world.topics[chat.chat_id][thread], **change}
    if "closed" in change:
        kind = "forum_topic_closed" if change["closed"] else "forum_topic_reopened"
        told: dict[str, Any] = {kind: {}}
    else:
        told = {"forum_topic_edited": change}
    fields = thread_fields(world, chat, thread, None)
    message = world.new_message(chat, sender, **fields, **told)
    world.add_message(message)
    world.record("topic", chat_id=chat.chat_id, topic=topic)
    return message
