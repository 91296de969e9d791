"""The methods by which a bot sends: texts, files, invoices, actions, drafts."""

from __future__ import annotations

from typing import Any

from merlin.core.utf16 import units
from merlin.sandbox.telegram.arguments import Arguments
from merlin.sandbox.telegram.entities import CAPTION_UNITS, TEXT_UNITS, formatted
from merlin.sandbox.telegram.errors import bad_request, forbidden
from merlin.sandbox.telegram.files import as_media, attached
from merlin.sandbox.telegram.markup import checked_markup
from merlin.sandbox.telegram.people import Person, bot_user
from merlin.sandbox.telegram.world import World

_ACTIONS = frozenset(
    {
        "typing",
        "upload_photo",
        "record_video",
        "upload_video",
        "record_voice",
        "upload_voice",
        "upload_document",
        "choose_sticker",
        "find_location",
        "record_video_note",
        "upload_video_note",
    }
)


def receiver(world: World, arguments: Arguments) -> Person:
    """Return whom a call speaks to. Raises BotApiError for nobody, or somebody who blocked."""
    wanted = arguments.text("chat_id")
    if not wanted:
        raise bad_request("chat_id is empty")
    person = world.people.get(int(wanted)) if wanted.lstrip("-").isdecimal() else None
    if person is None:
        raise bad_request("chat not found")
    if person.person_id in world.blocked:
        raise forbidden("bot was blocked by the user")
    return person


def _message(world: World, arguments: Arguments, **content: Any) -> dict[str, Any]:
    """Keep and return a new message of the bot."""
    person = receiver(world, arguments)
    markup = checked_markup(arguments.parsed("reply_markup"))
    replied = _replied(world, person, arguments)
    message = world.new_message(person, bot_user(), **replied, **content)
    if markup:
        message["reply_markup"] = markup
    world.add_message(message)
    return message


def _replied(world: World, person: Person, arguments: Arguments) -> dict[str, Any]:
    wanted = arguments.parsed("reply_parameters") or {}
    message_id = wanted.get("message_id") or arguments.integer("reply_to_message_id")
    if not message_id:
        return {}
    logged = world.messages.get(person.person_id, {}).get(int(message_id))
    if logged is not None and not logged.deleted_at:
        quoted = {k: v for k, v in logged.message.items() if k != "reply_to_message"}
        return {"reply_to_message": quoted}
    if wanted.get("allow_sending_without_reply"):
        return {}
    raise bad_request("message to be replied not found")


def checked_text(arguments: Arguments, too_long: str) -> dict[str, Any]:
    """Return a call's text and entities as Message fields; empty and overlong are refused."""
    text, entities = formatted(arguments)
    if not text:
        raise bad_request("message text is empty")
    if units(text) > TEXT_UNITS:
        raise bad_request(too_long)
    return {"text": text, "entities": entities} if entities else {"text": text}


def checked_caption(arguments: Arguments) -> dict[str, Any]:
    """Return a call's caption as Message fields; an empty one gives none."""
    text, entities = formatted(arguments, "caption")
    if units(text) > CAPTION_UNITS:
        raise bad_request("message caption is too long")
    if not text:
        return {}
    return {"caption": text, "caption_entities": entities} if entities else {"caption": text}


async def send_message(world: World, arguments: Arguments) -> dict[str, Any]:
    """Answer sendMessage."""
    receiver(world, arguments)
    return _message(world, arguments, **checked_text(arguments, "message is too long"))


async def _send_media(world: World, arguments: Arguments, kind: str) -> dict[str, Any]:
    receiver(world, arguments)
    caption = checked_caption(arguments)
    checked_markup(arguments.parsed("reply_markup"))
    file = attached(world, kind, arguments)
    media = as_media(file, kind, seconds=arguments.integer("duration"))
    return _message(world, arguments, **media, **caption)


async def send_document(world: World, arguments: Arguments) -> dict[str, Any]:
    """Answer sendDocument."""
    return await _send_media(world, arguments, "document")


async def send_photo(world: World, arguments: Arguments) -> dict[str, Any]:
    """Answer sendPhoto."""
    return await _send_media(world, arguments, "photo")


async def send_voice(world: World, arguments: Arguments) -> dict[str, Any]:
    """Answer sendVoice."""
    return await _send_media(world, arguments, "voice")


async def send_chat_action(world: World, arguments: Arguments) -> bool:
    """Answer sendChatAction; the page shows it for some seconds."""
    person = receiver(world, arguments)
    action = arguments.text("action")
    if action not in _ACTIONS:
        raise bad_request("wrong parameter action in request")
    world.tell("action", {"chat_id": person.person_id, "action": action})
    return True


async def send_message_draft(world: World, arguments: Arguments) -> bool:
    """Answer sendMessageDraft: shown, never kept; an empty text means that the bot thinks."""
    person = receiver(world, arguments)
    draft_id = arguments.integer("draft_id")
    if not draft_id:
        raise bad_request("RANDOM_ID_EMPTY")
    text, _entities = formatted(arguments)
    if units(text) > TEXT_UNITS:
        raise bad_request("message is too long")
    world.tell("draft", {"chat_id": person.person_id, "draft_id": draft_id, "text": text})
    return True
