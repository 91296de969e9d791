"""The methods by which a bot makes, renames, closes and deletes topics."""

from __future__ import annotations

from typing import Any

from merlin.core.clock import iso, utc_now
from merlin.sandbox.telegram.addressing import receiver
from merlin.sandbox.telegram.arguments import Arguments
from merlin.sandbox.telegram.errors import bad_request
from merlin.sandbox.telegram.groups import LEADING, Chat, Group
from merlin.sandbox.telegram.people import BOT_ID, bot_user
from merlin.sandbox.telegram.threads import (
    DEFAULT_COLOR,
    change_topic,
    has_topics,
    make_topic,
    topic_of,
)
from merlin.sandbox.telegram.world import World

NAME_CHARACTERS = 128
_COLORS = frozenset({0x6FB9F0, 0xFFD67E, 0xCB86DB, 0x8EEE98, 0xFF93B2, 0xFB6F5F})


def _forum(world: World, arguments: Arguments, act: str) -> Chat:
    """Return the chat whose topics the bot may change."""
    chat = receiver(world, arguments)
    if not has_topics(world, chat):
        raise bad_request("the chat is not a forum")
    if isinstance(chat, Group) and chat.status(BOT_ID) not in LEADING:
        raise bad_request(f"not enough rights to {act} a topic")
    return chat


def _name(arguments: Arguments) -> str:
    name = arguments.text("name").strip()
    if not name:
        raise bad_request("TOPIC_TITLE_EMPTY")
    if len(name) > NAME_CHARACTERS:
        raise bad_request("TOPIC_TITLE_TOO_LONG")
    return name


def _thread(world: World, chat: Chat, arguments: Arguments) -> dict[str, Any]:
    topic = topic_of(world, chat, arguments.integer("message_thread_id"))
    if topic is None:
        raise bad_request("TOPIC_ID_INVALID")
    return topic


async def create_forum_topic(world: World, arguments: Arguments) -> dict[str, Any]:
    """Answer createForumTopic."""
    chat = _forum(world, arguments, "create")
    color = arguments.integer("icon_color", DEFAULT_COLOR)
    if color not in _COLORS:
        raise bad_request("wrong topic icon color specified")
    message = make_topic(world, chat, bot_user(), _name(arguments), color)
    shown: dict[str, Any] = message["forum_topic_created"]
    return {"message_thread_id": message["message_id"], **shown}


async def edit_forum_topic(world: World, arguments: Arguments) -> bool:
    """Answer editForumTopic: the name; the same one again is refused."""
    chat = _forum(world, arguments, "edit")
    topic = _thread(world, chat, arguments)
    if not arguments.text("name"):
        return True
    name = _name(arguments)
    if name == topic["name"]:
        raise bad_request("TOPIC_NOT_MODIFIED")
    change_topic(world, chat, bot_user(), topic["message_thread_id"], name=name)
    return True


async def _close(world: World, arguments: Arguments, *, closed: bool) -> bool:
    chat = _forum(world, arguments, "close")
    topic = _thread(world, chat, arguments)
    if bool(topic.get("closed")) == closed:
        raise bad_request("TOPIC_NOT_MODIFIED")
    change_topic(world, chat, bot_user(), topic["message_thread_id"], closed=closed)
    return True


async def close_forum_topic(world: World, arguments: Arguments) -> bool:
    """Answer closeForumTopic."""
    return await _close(world, arguments, closed=True)


async def reopen_forum_topic(world: World, arguments: Arguments) -> bool:
    """Answer reopenForumTopic."""
    return await _close(world, arguments, closed=False)


async def delete_forum_topic(world: World, arguments: Arguments) -> bool:
    """Answer deleteForumTopic: the topic goes with all that was said in it."""
    chat = _forum(world, arguments, "delete")
    topic = _thread(world, chat, arguments)
    at = iso(utc_now())
    for message_id, logged in list(world.messages.get(chat.chat_id, {}).items()):
        if logged.thread == topic["message_thread_id"] and not logged.deleted_at:
            world.record("delete", chat_id=chat.chat_id, message_id=message_id, at=at)
    world.record("topic", chat_id=chat.chat_id, topic={**topic, "deleted": True})
    return True
