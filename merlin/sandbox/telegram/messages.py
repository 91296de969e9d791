"""The Bot API methods that send and edit messages, and their files."""

import hashlib
import secrets
import struct
import time
from collections.abc import Container
from functools import partial
from typing import Any

from merlin.sandbox.telegram.arguments import (
    Arguments,
    Upload,
    bad_request,
    given_fields,
    inline_keyboard,
    target_chat,
)
from merlin.sandbox.telegram.rich_messages import RichMessageError, check_rich_message
from merlin.sandbox.telegram.world import Chat, LoggedMessage, World, bot_user

# It is written to without a number.
GENERAL_TOPIC = 1


def post(
    world: World,
    arguments: Arguments,
    keys: dict[str, Any] | None = None,
    **content: Any,
) -> dict[str, Any]:
    """Post a message of the bot; return it. `keys` is the default inline keyboard."""
    chat = target_chat(world, arguments)
    markup = inline_keyboard(arguments.parse("reply_markup")) or keys
    reply = _requested_reply(world, chat, arguments)
    fields = thread_fields(requested_thread(arguments))
    markup_field = {"reply_markup": markup} if markup else {}
    return world.post(chat, bot_user(), **fields, **reply, **content, **markup_field)


def requested_thread(arguments: Arguments) -> int:
    """Return the topic that a call writes to. Raises BotApiError for the General topic's number."""
    thread = arguments.integer("message_thread_id")
    if thread == GENERAL_TOPIC:
        raise bad_request("message thread not found")
    return thread


def thread_fields(thread: int) -> dict[str, Any]:
    """Return the fields of a message in a topic; every number is a topic, 0 is none."""
    return {"message_thread_id": thread, "is_topic_message": True} if thread else {}


def _requested_reply(world: World, chat: Chat, arguments: Arguments) -> dict[str, Any]:
    parameters = arguments.parse("reply_parameters") or {}
    if not parameters:
        return {}
    logged = world.messages.get(chat.chat_id, {}).get(parameters["message_id"])
    if logged is not None:
        return reply_fields(logged)
    if parameters.get("allow_sending_without_reply"):
        return {}
    raise bad_request("message to be replied not found")


def reply_fields(logged: LoggedMessage) -> dict[str, Any]:
    """Return a reply's field: the replied message."""
    replied_message = {
        k: v for k, v in logged.message.items() if k != "reply_to_message"
    }
    return {"reply_to_message": replied_message}


async def send_message(world: World, arguments: Arguments) -> dict[str, Any]:
    """Answer sendMessage."""
    return post(world, arguments, **given_fields(arguments))


_RICH_PARAMETERS = frozenset(
    {
        *("chat_id", "rich_message", "message_thread_id", "reply_parameters"),
        *("reply_markup", "disable_notification", "protect_content"),
    }
)


async def send_rich_message(world: World, arguments: Arguments) -> dict[str, Any]:
    """Answer sendRichMessage with Telegram's own parse of the blocks."""
    require_known(arguments, _RICH_PARAMETERS)
    return post(world, arguments, **given_rich_message(arguments))


def require_known(arguments: Arguments, names: Container[str]) -> None:
    """Raise BotApiError for a parameter that Telegram would ignore in silence."""
    for name in arguments.values:
        if name not in names:
            raise bad_request(f'the stand-in knows no parameter "{name}" here')


def given_rich_message(
    arguments: Arguments, *, is_draft: bool = False
) -> dict[str, Any]:
    """Return the Message field of a call's rich message. Raises BotApiError."""
    try:
        message = check_rich_message(arguments.parse("rich_message"), is_draft=is_draft)
    except RichMessageError as error:
        raise bad_request(str(error)) from error
    return {"rich_message": message}


async def _send_media(world: World, arguments: Arguments, kind: str) -> dict[str, Any]:
    file = store_upload(world, kind, arguments.uploads[kind])
    caption = given_fields(arguments, "caption") if arguments.text("caption") else {}
    return post(world, arguments, **media_fields(world, file, kind), **caption)


send_document = partial(_send_media, kind="document")
send_photo = partial(_send_media, kind="photo")


async def send_chat_action(world: World, arguments: Arguments) -> bool:
    """Answer sendChatAction; the page shows it for some seconds."""
    chat = target_chat(world, arguments)
    action = arguments.text("action")
    world.notify("action", {"chat_id": chat.chat_id, "action": action})
    return True


_CONTENT_FIELDS = ("text", "entities", "caption", "caption_entities", "rich_message")
_NOT_MODIFIED = (
    "message is not modified: specified new message content and reply markup are exactly the"
    " same as a current content and reply markup of the message"
)


def _require_editable_message(world: World, arguments: Arguments) -> LoggedMessage:
    chat = target_chat(world, arguments)
    message_id = arguments.integer("message_id")
    logged = world.messages.get(chat.chat_id, {}).get(message_id)
    if logged is None:
        raise bad_request("message to edit not found")
    if not logged.by_bot:
        raise bad_request("message can't be edited")
    return logged


def _replace_content(
    world: World, arguments: Arguments, old: LoggedMessage, content: dict[str, Any]
) -> dict[str, Any]:
    """Replace a message's content and keyboard. Raises BotApiError when nothing changes."""
    markup = inline_keyboard(arguments.parse("reply_markup"))
    names = {*_CONTENT_FIELDS, "reply_markup", "edit_date"}
    unchanged = {
        name: value for name, value in old.message.items() if name not in names
    }
    new = {**unchanged, **content, **({"reply_markup": markup} if markup else {})}
    if all(new.get(name) == old.message.get(name) for name in names - {"edit_date"}):
        raise bad_request(_NOT_MODIFIED)
    new["edit_date"] = int(time.time())
    world.store_edit(new)
    return new


async def edit_message_text(world: World, arguments: Arguments) -> dict[str, Any]:
    """Answer editMessageText; without reply_markup the keyboard is removed, as Telegram does."""
    old = _require_editable_message(world, arguments)
    if not {"text", "rich_message"} & set(old.message):
        raise bad_request("there is no text in the message to edit")
    if "rich_message" not in arguments.values:
        return _replace_content(world, arguments, old, given_fields(arguments))
    if {"text", "entities", "link_preview_options"} & set(arguments.values):
        raise bad_request("either text or rich_message is edited")
    return _replace_content(world, arguments, old, given_rich_message(arguments))


async def edit_message_reply_markup(
    world: World, arguments: Arguments
) -> dict[str, Any]:
    """Answer editMessageReplyMarkup; the content stays."""
    old = _require_editable_message(world, arguments)
    content = {
        name: old.message[name] for name in _CONTENT_FIELDS if name in old.message
    }
    return _replace_content(world, arguments, old, content)


# Reported size of images other than PNG.
DEFAULT_SIZE = (640, 480)
_PNG = b"\x89PNG\r\n\x1a\n"
_VIDEO_SIZES = {"video_note": {"length": 240}, "video": {"width": 640, "height": 480}}


def store_upload(world: World, kind: str, upload: Upload) -> dict[str, Any]:
    """Store an uploaded file; return its description."""
    digest = hashlib.sha256(upload.content).hexdigest()
    number = len(world.files) + 1
    ending = upload.name.rpartition(".")[2].lower() if "." in upload.name else "bin"
    file = {
        "file_id": f"SB{number:04d}{secrets.token_urlsafe(24)}",
        "file_unique_id": f"AQ{digest[:14]}",
        "file_size": len(upload.content),
        "file_path": f"{kind}s/file_{number}.{ending}",
        "kind": kind,
        "name": upload.name,
        "mime": upload.mime,
    }
    world.store_file(file, upload.content)
    return file


def media_fields(
    world: World, file: dict[str, Any], kind: str, *, seconds: int = 0
) -> dict[str, Any]:
    """Return the Message fields that present `file` as media of this kind."""
    base = {name: file[name] for name in ("file_id", "file_unique_id", "file_size")}
    if kind == "photo":
        return {"photo": _sizes(world, file, base)}
    media: dict[str, Any] = {**base}
    if kind != "video_note":
        media["mime_type"] = file["mime"]
    if kind in {"document", "audio", "video"}:
        media["file_name"] = file["name"]
    if kind != "document":
        media["duration"] = seconds
    return {kind: {**media, **_VIDEO_SIZES.get(kind, {})}}


def _sizes(
    world: World, file: dict[str, Any], base: dict[str, Any]
) -> list[dict[str, Any]]:
    """Return a photo's only size. Source of the dimensions' position: PNG specification, IHDR."""
    content = world.content(file["file_id"])
    width, height = DEFAULT_SIZE
    if content.startswith(_PNG) and len(content) >= 24:  # noqa: PLR2004 - up to IHDR's sizes
        width, height = struct.unpack_from(">II", content, 16)
    return [{**base, "width": width, "height": height}]


async def get_file(world: World, arguments: Arguments) -> dict[str, Any]:
    """Answer getFile."""
    file_id = arguments.text("file_id")
    file = world.files.get(file_id)
    if file is None:
        raise bad_request("invalid file_id")
    names = ("file_id", "file_unique_id", "file_size", "file_path")
    return {name: file[name] for name in names}
