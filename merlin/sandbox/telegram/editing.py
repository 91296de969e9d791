"""The methods by which a bot changes, removes or marks what stands in a chat."""

from __future__ import annotations

import time
from typing import Any

from merlin.core.clock import iso, utc_now
from merlin.sandbox.telegram.addressing import receiver, sent_inline, standing
from merlin.sandbox.telegram.arguments import Arguments
from merlin.sandbox.telegram.errors import bad_request
from merlin.sandbox.telegram.groups import LEADING
from merlin.sandbox.telegram.logged import LoggedMessage
from merlin.sandbox.telegram.markup import checked_markup
from merlin.sandbox.telegram.people import BOT_ID
from merlin.sandbox.telegram.sending import checked_caption, checked_text
from merlin.sandbox.telegram.world import World

DELETABLE_S = 48 * 3600
MOST_DELETED = 100
_CONTENT = ("text", "entities", "caption", "caption_entities")
Edited = dict[str, Any] | bool
_SAME = (
    "message is not modified: specified new message content and reply markup are exactly the"
    " same as a current content and reply markup of the message"
)


def _editable(world: World, arguments: Arguments) -> LoggedMessage:
    if arguments.text("inline_message_id"):
        return sent_inline(world, arguments)
    logged = standing(world, arguments, "message to edit not found")
    if not logged.by_bot:
        raise bad_request("message can't be edited")
    return logged


def _replace(
    world: World, arguments: Arguments, old: LoggedMessage, content: dict[str, Any]
) -> Edited:
    """Put new content and keyboard in place of the old; the same ones again are refused.

    Of a message sent through inline mode the bot is told only that it was done.
    """
    private = old.message["chat"]["type"] == "private"
    markup = checked_markup(arguments.parsed("reply_markup"), private=private)
    names = {*_CONTENT, "reply_markup", "edit_date"}
    kept = {name: value for name, value in old.message.items() if name not in names}
    new = {**kept, **content, **({"reply_markup": markup} if markup else {})}
    if all(new.get(name) == old.message.get(name) for name in names - {"edit_date"}):
        raise bad_request(_SAME)
    new["edit_date"] = int(time.time())
    world.add_edit(new)
    return True if arguments.text("inline_message_id") else new


async def edit_message_text(world: World, arguments: Arguments) -> Edited:
    """Answer editMessageText; without reply_markup the keyboard goes, as at Telegram."""
    old = _editable(world, arguments)
    if "text" not in old.message:
        raise bad_request("there is no text in the message to edit")
    return _replace(world, arguments, old, checked_text(arguments, "MESSAGE_TOO_LONG"))


async def edit_message_caption(world: World, arguments: Arguments) -> Edited:
    """Answer editMessageCaption."""
    old = _editable(world, arguments)
    return _replace(world, arguments, old, checked_caption(arguments))


async def edit_message_reply_markup(world: World, arguments: Arguments) -> Edited:
    """Answer editMessageReplyMarkup: the content stays."""
    old = _editable(world, arguments)
    content = {name: old.message[name] for name in _CONTENT if name in old.message}
    return _replace(world, arguments, old, content)


async def delete_message(world: World, arguments: Arguments) -> bool:
    """Answer deleteMessage; in groups only administrators delete what others wrote."""
    old = standing(world, arguments, "message to delete not found")
    if time.time() - old.message["date"] > DELETABLE_S:
        raise bad_request("message can't be deleted for everyone")
    chat_id = old.message["chat"]["id"]
    if not _may_delete(world, old):
        raise bad_request("message can't be deleted")
    world.record("delete", chat_id=chat_id, message_id=old.message_id, at=iso(utc_now()))
    return True


def _may_delete(world: World, old: LoggedMessage) -> bool:
    group = world.groups.get(old.message["chat"]["id"])
    return old.by_bot or group is None or group.status(BOT_ID) in LEADING


async def delete_messages(world: World, arguments: Arguments) -> bool:
    """Answer deleteMessages: up to a hundred; those that cannot be found are skipped."""
    wanted = arguments.parsed("message_ids")
    if not isinstance(wanted, list) or not 1 <= len(wanted) <= MOST_DELETED:
        raise bad_request("there are no or too many message identifiers")
    chat = receiver(world, arguments)
    chat_id, at = chat.chat_id, iso(utc_now())
    for message_id in wanted:
        old = world.messages.get(chat_id, {}).get(int(message_id))
        if old is not None and not old.deleted_at and _may_delete(world, old):
            world.record("delete", chat_id=chat_id, message_id=old.message_id, at=at)
    return True


async def set_message_reaction(world: World, arguments: Arguments) -> bool:
    """Answer setMessageReaction; an empty list takes the reaction away."""
    old = standing(world, arguments, "message to react not found")
    wanted = arguments.parsed("reaction") or []
    if not isinstance(wanted, list) or len(wanted) > 1:
        raise bad_request("REACTIONS_TOO_MANY")
    emoji = str(wanted[0].get("emoji", "")) if wanted else ""
    if wanted and not emoji:
        raise bad_request("REACTION_INVALID")
    chat_id = old.message["chat"]["id"]
    world.record("reaction", chat_id=chat_id, message_id=old.message_id, emoji=emoji)
    return True
