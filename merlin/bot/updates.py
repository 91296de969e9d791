"""What an update holds: a command, a pressed button, a file; for whom it is, what belongs to it.

Read by hand and leniently, because Telegram adds fields and kinds without notice; offsets of
entities count UTF-16 units. A forwarded message commands nothing and speaks to nobody: whoever
wrote it meant another chat.

Telegram's clients split what is longer than 4,096 characters and send the parts at once; an album
comes as one message a file, and what is forwarded as one message each. What follows within a
second belongs together.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from merlin.app.inbox import Update, json_integer, json_object
from merlin.core.formatted_text import join_surrogates, utf16_length

_AT_START = ("bot_command", 0)
SEPARATOR = ":"
# Telegram marks no command in other letters, and a slash alone was sent by mistake.
_MISTYPED = re.compile(r"/\s*(\w*)\s*/?", re.UNICODE)
PAID, RETURNED = "successful_payment", "refunded_payment"


def pressed(update: Update) -> tuple[str, tuple[str, ...]]:
    """Return the verb and arguments of a pressed button, "" and none for anything else."""
    if update.kind != "callback_query":
        return "", ()
    verb, *args = text_in(update.content, "data").split(SEPARATOR)
    return verb, tuple(args)


def command_of(message: Mapping[str, Any], text: str, *, is_private: bool) -> tuple[str, str]:
    """Return the command that a message begins with; a forwarded message commands nothing.

    In a private chat a word behind a slash was meant as one too, and a slash alone as /help.
    """
    if "forward_origin" in message:
        return "", ""
    for kind, start, length, _mark in _marks(message.get("entities")):
        if (kind, start) == _AT_START:
            # Telegram's commands are ASCII, so units are characters here.
            return text[1:length].partition("@")[0].lower(), text[length:].strip()
    found = _MISTYPED.fullmatch(text.strip()) if is_private and "text" in message else None
    return (found.group(1).lower() or "help", "") if found else ("", "")


def text_in(within: Mapping[str, Any], name: str) -> str:
    """Return a text within an object, "" where there is none."""
    found = within.get(name)
    return join_surrogates(found) if isinstance(found, str) else ""


def is_of_money(update: Update) -> bool:
    """Return whether this is a message that money came or went."""
    return update.kind == "message" and not {PAID, RETURNED}.isdisjoint(update.content)


# What people send besides text, and by which word we speak of it. A GIF is a document too, so
# that older clients show it: what it really is comes first.
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
# Files sent as documents that are something else, by the beginning of their mime type.
_DOCUMENTS = {"image/": "photo", "audio/": "voice"}


@dataclass(frozen=True, slots=True)
class Sent:
    """A file of a message; `kind` is voice, photo, document or other.

    `size` is in bytes and `seconds` of a sound, 0 where Telegram does not say; `album` is the
    group that it was sent with, "" for none.
    """

    kind: str
    file_id: str = ""
    name: str = ""
    mime: str = ""
    size: int = 0
    seconds: int = 0
    album: str = ""


def sent_of(message: Mapping[str, Any]) -> Sent | None:
    """Return what a message holds besides text, None for nothing."""
    for name, kind in _KINDS.items():
        if name in message:
            return _sent(kind, message[name], str(message.get("media_group_id", "")))
    return None


def _sent(kind: str, found: object, album: str) -> Sent:
    if isinstance(found, list):  # a photo in several sizes, the largest last
        found = found[-1] if found else {}
    file: Mapping[str, Any] = found if isinstance(found, Mapping) else {}
    if kind == "other":
        return Sent(kind)
    mime = str(file.get("mime_type", ""))
    if kind == "document":
        kind = next((word for mark, word in _DOCUMENTS.items() if mime.startswith(mark)), kind)
    return Sent(
        kind=kind,
        file_id=str(file.get("file_id", "")),
        name=str(file.get("file_name", "")),
        mime=mime,
        size=json_integer(file, "file_size"),
        seconds=json_integer(file, "duration"),
        album=album,
    )


_LEFT_OVER = " \t\n,:;—–-"
_CLOSING = ",.;:!?…)»"
_NAMING = frozenset({"mention", "text_mention", "bot_command"})
_WRITTEN = ("message", "edited_message")


@dataclass(frozen=True, slots=True)
class Address:
    """What of a message tells whom it is for; `text` is without the mentions of the bot.

    `is_named`: the bot is mentioned; `is_reply`: to a message of the bot; `is_to_other`: to
    somebody else's; `is_asking`: it ends as a question. `is_channel`: it speaks for a chat, not
    for a person; `is_anonymous`: for this very group, so an administrator does. `is_alien`: it was
    forwarded, sent by way of a bot, or by another bot.
    """

    text: str
    is_named: bool = False
    is_reply: bool = False
    is_to_other: bool = False
    is_asking: bool = False
    is_channel: bool = False
    is_anonymous: bool = False
    is_alien: bool = False


def address_of(update: Update, bot_id: int, bot_name: str) -> Address:
    """Return whom a message of a group is for; of anything else nothing is known."""
    message = _message(update)
    text, marks = _worded(message)
    units = text.encode("utf-16-le")
    cuts = [
        (start, start + length)
        for kind, start, length, mark in marks
        if _is_ours(kind, _cut(units, start, length), mark, bot_id, bot_name)
    ]
    sender_chat = json_object(message, "sender_chat").get("id")
    is_bot = json_object(message, "from").get("is_bot") is True and sender_chat is None
    replied = _replied(message)
    is_ours = json_object(replied, "from").get("id") == bot_id and bool(bot_id)
    return Address(
        text=_without(units, cuts) if cuts else text,
        is_named=bool(cuts),
        is_reply=is_ours,
        is_to_other=bool(replied) and not is_ours,
        is_asking=text.rstrip().endswith("?"),
        is_channel=sender_chat is not None,
        is_anonymous=sender_chat is not None and sender_chat == update.chat_id,
        is_alien=is_bot
        or not {"forward_origin", "is_automatic_forward", "via_bot"}.isdisjoint(message),
    )


def is_passing(update: Update) -> bool:
    """Return whether a message of a group can be for the bot under no setting at all.

    An album's parts may belong to one that is.
    """
    message = _message(update)
    if not message or update.chat_id > 0 or "media_group_id" in message:
        return False
    text, marks = _worded(message)
    is_named = any(kind in _NAMING for kind, *_ in marks)
    is_reply = (
        bool(_replied(message)) and json_object(_replied(message), "from").get("is_bot") is True
    )
    is_service = not text and "migrate_from_chat_id" in message
    return not (is_named or is_reply or is_service or text.rstrip().endswith("?"))


def named_bot(update: Update) -> str:
    """Return the bot that the command names at which a message begins, "" for none."""
    text, marks = _worded(_message(update))
    for kind, start, length, _mark in marks:
        if (kind, start) == _AT_START:
            return text[1:length].partition("@")[2].lower()
    return ""


def _is_ours(kind: str, text: str, mark: Mapping[str, Any], bot_id: int, name: str) -> bool:
    if kind == "mention":
        return bool(name) and text.lower() == f"@{name.lower()}"
    return kind == "text_mention" and bool(bot_id) and json_object(mark, "user").get("id") == bot_id


def _replied(message: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the message that is replied to; the head of a topic is none."""
    found = json_object(message, "reply_to_message")
    return {} if "forum_topic_created" in found else found


def _worded(
    message: Mapping[str, Any],
) -> tuple[str, list[tuple[str, int, int, Mapping[str, Any]]]]:
    """Return the words of a message with its marks as (kind, start, length, mark)."""
    for words, marks in (("text", "entities"), ("caption", "caption_entities")):
        text = message.get(words)
        if isinstance(text, str):
            return text, list(_marks(message.get(marks)))
    return "", []


def _marks(found: object) -> Iterator[tuple[str, int, int, Mapping[str, Any]]]:
    for mark in found if isinstance(found, list) else ():
        if isinstance(mark, Mapping):
            start, length = mark.get("offset"), mark.get("length")
            if isinstance(start, int) and isinstance(length, int) and start >= 0:
                yield str(mark.get("type")), start, length, mark


def _cut(units: bytes, start: int, length: int) -> str:
    return units[start * 2 : (start + length) * 2].decode("utf-16-le", "replace")


def _without(units: bytes, cuts: list[tuple[int, int]]) -> str:
    """Return the text without these stretches, and without what joined them to the rest."""
    parts, at = [], 0
    for start, end in sorted(cuts):
        parts.append(_cut(units, at, start - at))
        at = end
    parts.append(_cut(units, at, len(units) // 2 - at))
    whole = ""
    for place, part in enumerate(parts):
        is_joined = place > 0 and (not whole or whole[-1] in _LEFT_OVER)
        rest = part.lstrip(_LEFT_OVER) if is_joined else part.lstrip()
        gap = " " if whole and rest and rest[0] not in _CLOSING else ""
        whole = f"{whole}{gap}{rest.rstrip()}"
    return whole


def _message(update: Update) -> Mapping[str, Any]:
    return update.content if update.kind in _WRITTEN else {}


# How long the rest of what belongs together is waited for.
WAIT_S = 1.0
MAX_PARTS = 60
# Parts are sent at once; by Telegram's clock of whole seconds these may lie so far apart.
APART_S = 2
# Clients split at words, so a part that is followed by another may be a little short of 4,096.
LONG_UNITS = 3800
FULL_UNITS = 4096
_COMMAND = re.compile(r"/\w{1,32}(@\w+)?(?=\s|$)")


def may_go_on(update: Update) -> bool:
    """Return whether more that belongs to this message may follow it."""
    return bool(_album(update)) or _is_said(update) or utf16_length(_text(update)) >= LONG_UNITS


def is_continuation(update: Update, before: Update) -> bool:
    """Return whether `update`, which came right behind `before`, is a part of the same."""
    if update.kind != "message" or update.user_id != before.user_id:
        return False
    if _album(before):
        return _album(update) == _album(before)
    if _is_said(before):
        return _is_said(update) and _date(update) - _date(before) <= APART_S
    text = _text(update)
    is_plain = (
        bool(text) and not _COMMAND.match(text) and "forward_origin" not in _own_message(update)
    )
    return may_go_on(before) and is_plain and _date(update) - _date(before) <= APART_S


def joined_text(text: str, others: Sequence[Update]) -> str:
    """Return the text of a message and of those that belong to it.

    A part that is as long as can be was cut within a word, any other at a line's end or a space.
    """
    whole = before = text
    for update in others:
        part = _text(update) or text_in(_own_message(update), "caption")
        gap = "\n" if before and part and utf16_length(before) < FULL_UNITS else ""
        whole, before = f"{whole}{gap}{part}", part or before
    return whole


def _is_said(update: Update) -> bool:
    """Return whether this is what somebody said in another chat."""
    return "forward_origin" in _own_message(update) and bool(_text(update))


def _album(update: Update) -> str:
    return str(_own_message(update).get("media_group_id", ""))


def _text(update: Update) -> str:
    return text_in(_own_message(update), "text")


def _date(update: Update) -> int:
    return json_integer(_own_message(update), "date")


def _own_message(update: Update) -> Mapping[str, Any]:
    return json_object(update.body, "message")
