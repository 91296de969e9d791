"""The methods by which a bot changes, removes or marks what stands in a chat."""

from __future__ import annotations

import time
from typing import Any

from merlin.core.clock import iso, utc_now
from merlin.sandbox.telegram.arguments import Arguments
from merlin.sandbox.telegram.errors import bad_request
from merlin.sandbox.telegram.logged import LoggedMessage
from merlin.sandbox.telegram.markup import checked_markup
from merlin.sandbox.telegram.sending import checked_caption, checked_text, receiver
from merlin.sandbox.telegram.world import World

DELETABLE_S = 48 * 3600
_SAME = (
    "message is not modified: specified new message content and reply markup are exactly the"
    " same as a current content and reply markup of the message"
)


def _standing(world: World, arguments: Arguments, missing: str) -> LoggedMessage:
    """Return the message that a call speaks of. Raises BotApiError when it is not there."""
    person = receiver(world, arguments)
    message_id = arguments.integer("message_id")
    if not message_id:
        raise bad_request("message identifier is not specified")
    logged = world.messages.get(person.person_id, {}).get(message_id)
    if logged is None or logged.deleted_at:
        raise bad_request(missing)
    return logged


def _editable(world: World, arguments: Arguments) -> LoggedMessage:
    logged = _standing(world, arguments, "message to edit not found")
    if not logged.by_bot:
        raise bad_request("message can't be edited")
    return logged


def _replace(
    world: World, arguments: Arguments, old: LoggedMessage, content: dict[str, Any]
) -> dict[str, Any]:
    """Put new content and keyboard in place of the old; the same ones again are refused."""
    markup = checked_markup(arguments.parsed("reply_markup"))
    names = {"text", "entities", "caption", "caption_entities", "reply_markup", "edit_date"}
    kept = {name: value for name, value in old.message.items() if name not in names}
    new = {**kept, **content, **({"reply_markup": markup} if markup else {})}
    if all(new.get(name) == old.message.get(name) for name in names - {"edit_date"}):
        raise bad_request(_SAME)
    new["edit_date"] = int(time.time())
    world.add_edit(new)
    return new


async def edit_message_text(world: World, arguments: Arguments) -> dict[str, Any]:
    """Answer editMessageText; without reply_markup the keyboard goes, as at Telegram."""
    old = _editable(world, arguments)
    if "text" not in old.message:
        raise bad_request("there is no text in the message to edit")
    return _replace(world, arguments, old, checked_text(arguments, "MESSAGE_TOO_LONG"))


async def edit_message_caption(world: World, arguments: Arguments) -> dict[str, Any]:
    """Answer editMessageCaption."""
    old = _editable(world, arguments)
    return _replace(world, arguments, old, checked_caption(arguments))


async def edit_message_reply_markup(world: World, arguments: Arguments) -> dict[str, Any]:
    """Answer editMessageReplyMarkup: the content stays."""
    old = _editable(world, arguments)
    names = ("text", "entities", "caption", "caption_entities")
    content = {name: old.message[name] for name in names if name in old.message}
    return _replace(world, arguments, old, content)


async def delete_message(world: World, arguments: Arguments) -> bool:
    """Answer deleteMessage."""
    old = _standing(world, arguments, "message to delete not found")
    if time.time() - old.message["date"] > DELETABLE_S:
        raise bad_request("message can't be deleted for everyone")
    chat_id = old.message["chat"]["id"]
    world.record("delete", chat_id=chat_id, message_id=old.message_id, at=iso(utc_now()))
    return True


async def set_message_reaction(world: World, arguments: Arguments) -> bool:
    """Answer setMessageReaction; an empty list takes the reaction away."""
    old = _standing(world, arguments, "message to react not found")
    wanted = arguments.parsed("reaction") or []
    if not isinstance(wanted, list) or len(wanted) > 1:
        raise bad_request("REACTIONS_TOO_MANY")
    emoji = str(wanted[0].get("emoji", "")) if wanted else ""
    if wanted and not emoji:
        raise bad_request("REACTION_INVALID")
    chat_id = old.message["chat"]["id"]
    world.record("reaction", chat_id=chat_id, message_id=old.message_id, emoji=emoji)
    return True
