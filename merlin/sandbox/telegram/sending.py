"""The methods by which a bot sends: texts, files, invoices, actions, drafts."""

from __future__ import annotations

from typing import Any

from merlin.core.utf16 import units
from merlin.sandbox.telegram.addressing import receiver
from merlin.sandbox.telegram.arguments import Arguments
from merlin.sandbox.telegram.entities import CAPTION_UNITS, TEXT_UNITS, formatted
from merlin.sandbox.telegram.errors import bad_request
from merlin.sandbox.telegram.files import as_media, attached
from merlin.sandbox.telegram.groups import Chat, Group
from merlin.sandbox.telegram.logged import LoggedMessage
from merlin.sandbox.telegram.markup import checked_markup
from merlin.sandbox.telegram.people import Person, bot_user
from merlin.sandbox.telegram.threads import GENERAL, check_thread, thread_fields
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


def _message(world: World, arguments: Arguments, **content: Any) -> dict[str, Any]:
    """Keep and return a new message of the bot."""
    chat = receiver(world, arguments)
    markup = checked_markup(arguments.parsed("reply_markup"), private=isinstance(chat, Person))
    replied = _replied(world, chat, arguments)
    thread = arguments.integer("message_thread_id")
    if thread:
        check_thread(world, chat, thread)
    fields = thread_fields(world, chat, thread, replied.get("reply_to_message"))
    shown = {**fields, **replied, **_options(arguments), **content}
    message = world.new_message(chat, bot_user(), **shown)
    if markup:
        message["reply_markup"] = markup
    world.add_message(message)
    return message


def _options(arguments: Arguments) -> dict[str, Any]:
    """Return what a message repeats of how it was sent."""
    preview = arguments.parsed("link_preview_options")
    if preview is not None and not isinstance(preview, dict):
        raise bad_request("object expected as link preview options")
    told: dict[str, Any] = {"link_preview_options": preview} if preview else {}
    if arguments.flag("protect_content"):
        told["has_protected_content"] = True
    return told


def _replied(world: World, chat: Chat, arguments: Arguments) -> dict[str, Any]:
    wanted = arguments.parsed("reply_parameters") or {}
    if not isinstance(wanted, dict):
        raise bad_request("object expected as reply parameters")
    message_id = wanted.get("message_id") or arguments.integer("reply_to_message_id")
    if not message_id:
        return {}
    logged = world.messages.get(chat.chat_id, {}).get(int(message_id))
    if logged is not None and not logged.deleted_at:
        return reply_fields(logged, str(wanted.get("quote") or ""))
    if wanted.get("allow_sending_without_reply") or arguments.flag("allow_sending_without_reply"):
        return {}
    raise bad_request("message to be replied not found")


def reply_fields(logged: LoggedMessage, quote: str = "") -> dict[str, Any]:
    """Return what a reply says of the message it answers, and of the part that it quotes."""
    quoted = {k: v for k, v in logged.message.items() if k != "reply_to_message"}
    if not quote:
        return {"reply_to_message": quoted}
    before, found, _after = logged.text.partition(quote)
    if not found:
        raise bad_request("QUOTE_TEXT_INVALID")
    part = {"text": quote, "position": units(before), "is_manual": True}
    return {"reply_to_message": quoted, "quote": part}


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
    file = attached(world, kind, arguments)
    media = as_media(world, file, kind, seconds=arguments.integer("duration"))
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


async def send_video_note(world: World, arguments: Arguments) -> dict[str, Any]:
    """Answer sendVideoNote."""
    return await _send_media(world, arguments, "video_note")


def _thread(world: World, chat: Chat, arguments: Arguments, *, general: bool = False) -> int:
    """Return the topic that a call names, 0 for none; only actions may name the General one."""
    thread = arguments.integer("message_thread_id")
    if general and thread == GENERAL and isinstance(chat, Group) and chat.is_forum:
        return 0
    if thread:
        check_thread(world, chat, thread)
    return thread


async def send_chat_action(world: World, arguments: Arguments) -> bool:
    """Answer sendChatAction; the page shows it for some seconds."""
    chat = receiver(world, arguments)
    action = arguments.text("action")
    if action not in _ACTIONS:
        raise bad_request("wrong parameter action in request")
    thread = _thread(world, chat, arguments, general=True)
    world.tell("action", {"chat_id": chat.chat_id, "thread": thread, "action": action})
    return True


async def send_message_draft(world: World, arguments: Arguments) -> bool:
    """Answer sendMessageDraft: shown, never kept; an empty text means that the bot thinks."""
    chat = receiver(world, arguments)
    if isinstance(chat, Group):
        raise bad_request("PEER_ID_INVALID")
    draft_id = arguments.integer("draft_id")
    if not draft_id:
        raise bad_request("RANDOM_ID_EMPTY")
    text, entities = formatted(arguments)
    if units(text) > TEXT_UNITS:
        raise bad_request("message is too long")
    thread = _thread(world, chat, arguments)
    draft = {"draft_id": draft_id, "thread": thread, "text": text, "entities": entities}
    world.tell("draft", {"chat_id": chat.chat_id, **draft})
    return True
