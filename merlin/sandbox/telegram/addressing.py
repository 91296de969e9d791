"""Whom a call speaks to, and which message it speaks of."""

from __future__ import annotations

from merlin.sandbox.telegram.arguments import Arguments
from merlin.sandbox.telegram.errors import BotApiError, bad_request, forbidden
from merlin.sandbox.telegram.groups import PRESENT, Chat, Group
from merlin.sandbox.telegram.logged import LoggedMessage
from merlin.sandbox.telegram.people import BOT_ID
from merlin.sandbox.telegram.world import World


def receiver(world: World, arguments: Arguments) -> Chat:
    """Return the chat that a call speaks to.

    Raises BotApiError for no chat, a person who blocked the bot, a group that it is not in or
    that became a supergroup.
    """
    wanted = arguments.text("chat_id")
    if not wanted:
        raise bad_request("chat_id is empty")
    number = wanted.removeprefix("-")
    chat = world.chat(int(wanted)) if number.isdecimal() else None
    if chat is None:
        raise bad_request("chat not found")
    if isinstance(chat, Group):
        _check_group(chat)
    elif chat.person_id in world.blocked:
        raise forbidden("bot was blocked by the user")
    return chat


def _check_group(group: Group) -> None:
    if group.moved_to:
        raise BotApiError(
            400,
            "Bad Request: group chat was upgraded to a supergroup chat",
            {"migrate_to_chat_id": group.moved_to},
        )
    status = group.status(BOT_ID)
    if status == "kicked":
        raise forbidden(f"bot was kicked from the {group.kind} chat")
    if status not in PRESENT:
        raise forbidden(f"bot is not a member of the {group.kind} chat")


def standing(world: World, arguments: Arguments, missing: str) -> LoggedMessage:
    """Return the message that a call speaks of. Raises BotApiError when it is not there."""
    chat = receiver(world, arguments)
    message_id = arguments.integer("message_id")
    if not message_id:
        raise bad_request("message identifier is not specified")
    logged = world.messages.get(chat.chat_id, {}).get(message_id)
    if logged is None or logged.deleted_at:
        raise bad_request(missing)
    return logged


def sent_inline(world: World, arguments: Arguments) -> LoggedMessage:
    """Return the message sent through inline mode that a call names by its inline id."""
    place = world.inline_messages.get(arguments.text("inline_message_id"))
    if place is None:
        raise bad_request("MESSAGE_ID_INVALID")
    chat_id, message_id = place
    return world.messages[chat_id][message_id]
