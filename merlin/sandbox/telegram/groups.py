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

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from merlin.sandbox.telegram.arguments import Arguments, bad_request, receiver
from merlin.sandbox.telegram.world import (
    BOT_ID,
    BOT_NAME,
    LEADING,
    PRESENT,
    Chat,
    Group,
    World,
    bot_user,
)


async def get_chat_member(world: World, arguments: Arguments) -> dict[str, Any]:
    """Answer getChatMember; somebody who never was in the chat has status "left"."""
    chat = receiver(world, arguments)
    user_id = arguments.integer("user_id")
    if user_id != BOT_ID and user_id not in world.people:
        raise bad_request("PARTICIPANT_ID_INVALID")
    user = bot_user() if user_id == BOT_ID else world.people[user_id].as_user()
    if isinstance(chat, Group):
        return member(user, chat.status(user_id))
    return member(user, "member" if user_id in {chat.person_id, BOT_ID} else "left")


def service(world: World, group: Group, sender: Mapping[str, Any], **content: Any) -> int:
    """Post a service message in a group; return the update_id, 0 if the bot is not there."""
    return tell_service(world, group, world.post(group, sender, **content))


def tell_service(world: World, chat: Chat, message: Mapping[str, Any]) -> int:
    """Send a service message to the bot, if it is in the chat; privacy mode does not apply."""
    if isinstance(chat, Group) and chat.status(BOT_ID) not in PRESENT:
        return 0
    return world.add_update("message", message)


def change_bot(world: World, group: Group, by: Mapping[str, Any], status: str) -> int:
    """Add, promote or remove the bot; return the my_chat_member update's id."""
    before = group.status(BOT_ID)
    after = replace(group, members=tuple({**dict(group.members), BOT_ID: status}.items()))
    world.keep_group(after)
    update_id = world.add_update(
        "my_chat_member",
        {
            "chat": group.as_chat(),
            "from": by,
            "date": int(time.time()),
            "old_chat_member": member(bot_user(), before),
            "new_chat_member": member(bot_user(), status),
        },
    )
    if status not in PRESENT:
        service(world, after, by, left_chat_member=bot_user())
    elif before not in PRESENT:
        service(world, after, by, new_chat_members=[bot_user()])
    return update_id


_RIGHTS = (
    *("can_be_edited", "can_manage_chat", "can_change_info", "can_delete_messages"),
    *("can_invite_users", "can_restrict_members", "can_promote_members", "can_manage_topics"),
    *("can_manage_video_chats", "can_post_stories", "can_edit_stories", "can_delete_stories"),
    "can_pin_messages",
)


def member(user: dict[str, Any], status: str) -> dict[str, Any]:
    """Return a ChatMember object."""
    values: dict[str, Any] = {"user": user, "status": status}
    if status in LEADING:
        values["is_anonymous"] = False
    if status == "administrator":
        values.update(dict.fromkeys(_RIGHTS, True))
    if status == "kicked":
        values["until_date"] = 0
    return values


NAME_CHARACTERS = 128


def _forum(world: World, arguments: Arguments, act: str) -> Chat:
    """Return the chat whose topics a call changes. Raises BotApiError without this right."""
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


async def create_forum_topic(world: World, arguments: Arguments) -> dict[str, Any]:
    """Answer createForumTopic."""
    chat = _forum(world, arguments, "create")
    message = make_topic(world, chat, bot_user(), _name(arguments))
    shown: dict[str, Any] = message["forum_topic_created"]
    return {"message_thread_id": message["message_id"], **shown}


async def edit_forum_topic(world: World, arguments: Arguments) -> bool:
    """Answer editForumTopic; only the name can change, and an unchanged one is refused."""
    chat = _forum(world, arguments, "edit")
    topic = topic_of(world, chat, arguments.integer("message_thread_id"))
    if topic is None:
        raise bad_request("TOPIC_ID_INVALID")
    if not arguments.text("name"):
        return True
    name = _name(arguments)
    if name == topic["name"]:
        raise bad_request("TOPIC_NOT_MODIFIED")
    change_topic(world, chat, bot_user(), topic["message_thread_id"], name=name)
    return True


GENERAL = 1
DEFAULT_COLOR = 0x6FB9F0


def has_topics(world: World, chat: Chat) -> bool:
    """Return whether the chat has topics."""
    return chat.is_forum if isinstance(chat, Group) else bool(world.settings.get("has_topics"))


def topic_of(world: World, chat: Chat, thread: int) -> dict[str, Any] | None:
    """Return a topic, with `closed`; None for an unknown id."""
    return world.topics.get(chat.chat_id, {}).get(thread)


def check_thread(world: World, chat: Chat, thread: int) -> None:
    """Raise BotApiError for a thread that the bot cannot write to."""
    topic = topic_of(world, chat, thread) if has_topics(world, chat) else None
    if topic is None:
        raise bad_request("message thread not found")
    leads = isinstance(chat, Group) and chat.status(BOT_ID) in LEADING
    if topic.get("closed") and not leads:
        raise bad_request("TOPIC_CLOSED")


def thread_fields(
    world: World, chat: Chat, thread: int, replied: Mapping[str, Any] | None
) -> dict[str, Any]:
    """Return a new message's thread fields; a reply stays in the thread of the replied message."""
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


def change_topic(
    world: World, chat: Chat, sender: Mapping[str, Any], thread: int, **change: Any
) -> dict[str, Any]:
    """Rename or close a topic by a service message; return that message."""
    topic = {**world.topics[chat.chat_id][thread], **change}
    event = {"forum_topic_closed": {}} if "closed" in change else {"forum_topic_edited": change}
    fields = thread_fields(world, chat, thread, None)
    message = world.post(chat, sender, **fields, **event)
    world.record("topic", chat_id=chat.chat_id, topic=topic)
    return message


def is_told(world: World, message: Mapping[str, Any]) -> bool:
    """Return whether the bot receives this message of a person."""
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
    """Return (type, text) of a message's entities."""
    text = str(message.get("text", message.get("caption", "")))
    entities = message.get("entities", message.get("caption_entities")) or []
    coded = text.encode("utf-16-le")

    def words(start: int, end: int) -> str:
        return coded[start * 2 : end * 2].decode("utf-16-le")

    return [(one["type"], words(one["offset"], one["offset"] + one["length"])) for one in entities]
