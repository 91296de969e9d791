"""Parsing of updates: commands, pressed buttons, files, the addressee and joined parts.

The parser is lenient, because Telegram adds fields and kinds without notice. Offsets of entities
count UTF-16 units. A forwarded message contains no command and addresses nobody: it was written
for another chat.

Telegram's clients split a text longer than 4,096 characters and send the parts together; an album
arrives as one message per file, and forwarded messages arrive one by one. Parts that arrive within
a second are joined.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from merlin.app.inbox import Update
from merlin.core.formatted_text import utf16_length
from merlin.core.json_fields import get_integer, get_list, get_object, get_text

_AT_START = ("bot_command", 0)
SEPARATOR = ":"
# A command in other letters, which Telegram does not mark, or a slash alone.
_MISTYPED = re.compile(r"/\s*(\w*)\s*/?", re.UNICODE)
PAYMENT_FIELD, REFUND_FIELD = "successful_payment", "refunded_payment"


def read_button_data(update: Update) -> tuple[str, tuple[str, ...]]:
    """Return the verb and arguments of a pressed button, "" and () for other updates."""
    if update.kind != "callback_query":
        return "", ()
    verb, *args = get_text(update.content, "data").split(SEPARATOR)
    return verb, tuple(args)


def command_of(message: Mapping[str, Any], text: str, *, is_private: bool) -> tuple[str, str, str]:
    """Return the command at the start of a message, the bot that it names and its argument.

    Each is "" for none. Forwarded messages have no command. In a private chat any word after a
    slash is a command, and a slash alone is /help.
    """
    if "forward_origin" in message:
        return "", "", ""
    for kind, start, length, _mark in _read_entities(get_list(message, "entities")):
        if (kind, start) == _AT_START:
            # Telegram's commands are ASCII, so UTF-16 units equal characters.
            command, _, bot_name = text[1:length].lower().partition("@")
            return command, bot_name, text[length:].strip()
    match = _MISTYPED.fullmatch(text.strip()) if is_private and "text" in message else None
    return (match.group(1).lower() or "help", "", "") if match else ("", "", "")


def is_payment_message(update: Update) -> bool:
    """Return whether this is a service message about a payment or a refund."""
    return update.kind == "message" and not {PAYMENT_FIELD, REFUND_FIELD}.isdisjoint(update.content)


# Kinds of attachments and how they are classified. Telegram sends a GIF as a document too, for
# older clients, so `animation` comes before `document`.
_OTHERS = (
    *("sticker", "video", "location", "venue", "contact", "poll", "dice", "story"),
    *("paid_media", "checklist"),
)
_KINDS = {
    "animation": "other",
    **dict.fromkeys(("voice", "audio", "video_note"), "voice"),
    "photo": "photo",
    "document": "document",
    **dict.fromkeys(_OTHERS, "other"),
}
# Documents classified by the prefix of their MIME type.
_DOCUMENTS = {"image/": "photo", "audio/": "voice"}


@dataclass(frozen=True, slots=True)
class ReceivedAttachment:
    """A file of a message; `kind` is voice, photo, document or other.

    `size` is in bytes, `seconds` the duration of audio, both 0 if unknown.
    """

    kind: str
    file_id: str = ""
    name: str = ""
    mime: str = ""
    size: int = 0
    seconds: int = 0


def attachment_of(message: Mapping[str, Any]) -> ReceivedAttachment | None:
    """Return the attachment of a message, None for none."""
    for name, kind in _KINDS.items():
        if name in message:
            return _read_attachment(kind, message[name])
    return None


def _read_attachment(kind: str, content: object) -> ReceivedAttachment:
    if isinstance(content, list):  # a photo in several sizes, the largest last
        content = content[-1] if content else {}
    file: Mapping[str, Any] = content if isinstance(content, Mapping) else {}
    if kind == "other":
        return ReceivedAttachment(kind)
    mime = str(file.get("mime_type", ""))
    if kind == "document":
        kind = next((word for mark, word in _DOCUMENTS.items() if mime.startswith(mark)), kind)
    return ReceivedAttachment(
        kind=kind,
        file_id=str(file.get("file_id", "")),
        name=str(file.get("file_name", "")),
        mime=mime,
        size=get_integer(file, "file_size"),
        seconds=get_integer(file, "duration"),
    )


_LEFT_OVER = " \t\n,:;—–-"
_CLOSING = ",.;:!?…)»"
_NAMING = frozenset({"mention", "text_mention", "bot_command"})


@dataclass(frozen=True, slots=True)
class Addressee:
    """The addressee of a group message; `text` is without the mentions of the bot.

    `is_named`: the bot is mentioned; `is_reply`: it replies to the bot. `is_channel`: it was sent
    on behalf of a chat. `is_relayed`: it was forwarded, sent via a bot, or sent by another bot.
    """

    text: str
    is_named: bool = False
    is_reply: bool = False
    is_channel: bool = False
    is_relayed: bool = False


def find_addressee(update: Update, bot_id: int, bot_name: str) -> Addressee:
    """Return the addressee of a group message; an empty one for other updates."""
    message = _message(update)
    text, marks = _read_text(message)
    units = text.encode("utf-16-le")
    cuts = [
        (start, start + length)
        for kind, start, length, mark in marks
        if _is_ours(kind, _slice_units(units, start, length), mark, bot_id, bot_name)
    ]
    sender_chat = get_object(message, "sender_chat").get("id")
    is_bot = get_object(message, "from").get("is_bot") is True and sender_chat is None
    replied = _find_replied(message)
    is_ours = get_object(replied, "from").get("id") == bot_id and bool(bot_id)
    return Addressee(
        text=_remove_ranges(units, cuts) if cuts else text,
        is_named=bool(cuts),
        is_reply=is_ours,
        is_channel=sender_chat is not None,
        is_relayed=is_bot
        or not {"forward_origin", "is_automatic_forward", "via_bot"}.isdisjoint(message),
    )


def is_unaddressed(update: Update) -> bool:
    """Return whether a group message is not addressed to the bot, whatever the settings.

    Parts of an album are kept: another part may address the bot.
    """
    message = _message(update)
    if not message or update.chat_id > 0 or "media_group_id" in message:
        return False
    text, marks = _read_text(message)
    is_named = any(kind in _NAMING for kind, *_ in marks)
    is_reply = get_object(_find_replied(message), "from").get("is_bot") is True
    is_service = not text and "migrate_from_chat_id" in message
    return not (is_named or is_reply or is_service)


def _is_ours(kind: str, text: str, mark: Mapping[str, Any], bot_id: int, name: str) -> bool:
    if kind == "mention":
        return bool(name) and text.lower() == f"@{name.lower()}"
    return kind == "text_mention" and bool(bot_id) and get_object(mark, "user").get("id") == bot_id


def _find_replied(message: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the message replied to; empty for none and for the service message of a topic."""
    replied = get_object(message, "reply_to_message")
    return {} if "forum_topic_created" in replied else replied


def _read_text(
    message: Mapping[str, Any],
) -> tuple[str, list[tuple[str, int, int, Mapping[str, Any]]]]:
    """Return the words of a message with its marks as (kind, start, length, mark)."""
    for text_name, marks_name in (("text", "entities"), ("caption", "caption_entities")):
        text = message.get(text_name)
        if isinstance(text, str):
            return text, list(_read_entities(get_list(message, marks_name)))
    return "", []


def _read_entities(entities: Sequence[object]) -> Iterator[tuple[str, int, int, Mapping[str, Any]]]:
    for mark in entities:
        if isinstance(mark, Mapping):
            start, length = mark.get("offset"), mark.get("length")
            if isinstance(start, int) and isinstance(length, int) and start >= 0:
                yield str(mark.get("type")), start, length, mark


def _slice_units(units: bytes, start: int, length: int) -> str:
    return units[start * 2 : (start + length) * 2].decode("utf-16-le", "replace")


def _remove_ranges(units: bytes, cuts: list[tuple[int, int]]) -> str:
    """Return the text without these ranges and the separators around them."""
    parts, at = [], 0
    for start, end in sorted(cuts):
        parts.append(_slice_units(units, at, start - at))
        at = end
    parts.append(_slice_units(units, at, len(units) // 2 - at))
    result = ""
    for place, part in enumerate(parts):
        is_joined = place > 0 and (not result or result[-1] in _LEFT_OVER)
        rest = part.lstrip(_LEFT_OVER) if is_joined else part.lstrip()
        gap = " " if result and rest and rest[0] not in _CLOSING else ""
        result = f"{result}{gap}{rest.rstrip()}"
    return result


def _message(update: Update) -> Mapping[str, Any]:
    return update.content if update.kind == "message" else {}


# How long to wait for further parts.
WAIT_S = 1.0
MAX_PARTS = 60
# Telegram's timestamps are whole seconds: those of joined parts differ by at most this.
MAX_GAP_S = 2
# Clients split at word boundaries, so a part may be a little shorter than 4,096.
LONG_UNITS = 3800
FULL_UNITS = 4096
_COMMAND = re.compile(r"/\w{1,32}(@\w+)?(?=\s|$)")


def may_continue(update: Update) -> bool:
    """Return whether further parts of this message may follow."""
    return (
        bool(_album(update))
        or _is_forwarded_text(update)
        or utf16_length(_text(update)) >= LONG_UNITS
    )


def is_continuation(update: Update, before: Update) -> bool:
    """Return whether `update`, which directly follows `before`, is a part of the same message."""
    if update.kind != "message" or update.user_id != before.user_id:
        return False
    if _album(before):
        return _album(update) == _album(before)
    if _is_forwarded_text(before):
        return _is_forwarded_text(update) and _date(update) - _date(before) <= MAX_GAP_S
    text = _text(update)
    is_plain = (
        bool(text) and not _COMMAND.match(text) and "forward_origin" not in _get_own_message(update)
    )
    return may_continue(before) and is_plain and _date(update) - _date(before) <= MAX_GAP_S


def joined_text(text: str, further_updates: Sequence[Update]) -> str:
    """Return the text of a message joined with that of its further parts.

    A part of full length was split within a word, a shorter one at a line break or a space.
    """
    result = before = text
    for update in further_updates:
        part = _text(update) or get_text(_get_own_message(update), "caption")
        gap = "\n" if before and part and utf16_length(before) < FULL_UNITS else ""
        result, before = f"{result}{gap}{part}", part or before
    return result


def _is_forwarded_text(update: Update) -> bool:
    return "forward_origin" in _get_own_message(update) and bool(_text(update))


def _album(update: Update) -> str:
    return str(_get_own_message(update).get("media_group_id", ""))


def _text(update: Update) -> str:
    return get_text(_get_own_message(update), "text")


def _date(update: Update) -> int:
    return get_integer(_get_own_message(update), "date")


def _get_own_message(update: Update) -> Mapping[str, Any]:
    return get_object(update.body, "message")
