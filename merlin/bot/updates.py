"""What an update says: its command, the pressed button, files, the addressee and joined parts.

An update is parsed once, by python-telegram-bot; one that the library cannot read says nothing.
Offsets of entities count UTF-16 units. A forwarded message contains no command and addresses
nobody: it was written for another chat.

Telegram's clients split a text longer than 4,096 characters and send the parts together; an album
arrives as one message per file, and forwarded messages arrive one by one, after the comment that
was written with them. Parts that arrive within a second are joined, a comment with what arrives
just behind it.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import telegram
from telegram import Message, MessageEntity
from telegram.constants import MessageEntityType

from merlin.app.inbox import Update
from merlin.bot.message_parts import (
    ReceivedAttachment,
    parts_of,
    write_known_fields,
)
from merlin.core.formatted_text import (
    Entity,
    FormattedMessage,
    show_addresses,
    utf16_length,
)
from merlin.core.log import get_logger

log = get_logger(__name__)

SEPARATOR = ":"
# Kinds of updates that the library doesn't know: it leaves them in `api_kwargs`.
NEW_KINDS = ("subscription",)
# A command in other letters, which Telegram does not mark, or a slash alone.
_MISTYPED = re.compile(r"/\s*(\w*)\s*/?", re.UNICODE)


def parse_update(stored: Update, bot: telegram.Bot) -> telegram.Update:
    """Return a stored update as the library's object, without content if it cannot be read.

    What the library does not know of a message is written into fields that it knows.
    Parts of a message that the library cannot read are left out, also of the message replied to.
    """
    body = {**stored.body, "update_id": stored.update_id}
    if stored.kind == "message" and stored.content:
        body["message"] = write_known_fields(stored.content)
    try:
        return telegram.Update.de_json(body, bot)
    except Exception as error:  # noqa: BLE001 - its constructors raise many types
        log.warning(
            "a part of an update could not be read", reason=f"{type(error).__name__}"
        )
    try:
        return telegram.Update.de_json(_keep_readable(telegram.Update, body, bot), bot)
    except Exception:
        log.exception("an update could not be read", update=stored.update_id)
        return telegram.Update(stored.update_id)


# Objects whose fields are read one by one, and the fields without which none can be read.
_SPLIT: dict[str, Any] = {
    "message": telegram.Message,
    "callback_query": telegram.CallbackQuery,
    "reply_to_message": telegram.Message,
}
_REQUIRED = ("update_id", "id", "chat_instance", "message_id", "date", "chat", "from")


def _keep_readable(
    kind: Any, raw: Mapping[str, Any], bot: telegram.Bot
) -> dict[str, Any]:
    """Return the fields of an object that the library can read."""
    kept = {name: raw[name] for name in _REQUIRED if name in raw}
    for name, value in raw.items():
        field = _keep_readable(_SPLIT[name], value, bot) if name in _SPLIT else value
        with suppress(Exception):
            kind.de_json({**kept, name: field}, bot)
            kept[name] = field
    return kept


def read_button_data(update: telegram.Update) -> tuple[str, tuple[str, ...]]:
    """Return the verb and arguments of a pressed button, "" and () for other updates."""
    query = update.callback_query
    verb, *args = ((query and query.data) or "").split(SEPARATOR)
    return verb, tuple(args)


def text_of(message: Message | None) -> str:
    """Return the text or the caption of a message, "" for none."""
    return (message.text or message.caption or "") if message else ""


def full_text_of(message: Message | None) -> str:
    """Return the text or the caption of a message with the addresses of hidden links."""
    return with_addresses(text_of(message), _marks(message)) if message else ""


def with_addresses(text: str, marks: Iterable[MessageEntity]) -> str:
    """Return a text with the addresses of its links, which only their marks tell."""
    links = [
        Entity(mark.type, mark.offset, mark.length, mark.url)
        for mark in marks
        if mark.url
    ]
    return show_addresses(FormattedMessage(text, tuple(links))) if links else text


def command_of(message: Message | None, *, is_private: bool) -> tuple[str, str, str]:
    """Return the command at the start of a message, the bot that it names and its argument.

    Each is "" for none. Forwarded messages have no command. In a private chat any word after a
    slash is a command, and a slash alone is /help.
    """
    text = (message and message.text) or ""
    if message is None or message.forward_origin:
        return "", "", ""
    for mark in message.entities:
        if (mark.type, mark.offset) == (MessageEntityType.BOT_COMMAND, 0):
            # Telegram's commands are ASCII, so UTF-16 units equal characters.
            command, _, bot_name = text[1 : mark.length].lower().partition("@")
            return command, bot_name, text[mark.length :].strip()
    match = _MISTYPED.fullmatch(text.strip()) if is_private and text else None
    return (match.group(1).lower() or "help", "", "") if match else ("", "", "")


def is_payment_message(update: telegram.Update) -> bool:
    """Return whether this is a service message about a payment or a refund."""
    message = update.message
    return bool(message and (message.successful_payment or message.refunded_payment))


def attachments_of(message: Message | None) -> tuple[ReceivedAttachment, ...]:
    """Return the files of a message; one of another kind stands for what is not read."""
    return parts_of(message).files


def is_new_kind(update: telegram.Update) -> bool:
    """Return whether the library does not know this kind of update, which the bot asks for."""
    return any(kind in update.api_kwargs for kind in NEW_KINDS)


_LEFT_OVER = " \t\n,:;—–-"
_CLOSING = ",.;:!?…)»"
_NAMING = frozenset(
    {
        MessageEntityType.MENTION,
        MessageEntityType.TEXT_MENTION,
        MessageEntityType.BOT_COMMAND,
    }
)


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


def find_addressee(message: Message | None, bot_id: int, bot_name: str) -> Addressee:
    """Return the addressee of a group message; an empty one for other updates."""
    if message is None:
        return Addressee("")
    marks = _marks(message)
    raw_units = text_of(message).encode("utf-16-le")
    text = full_text_of(message)
    cuts = []
    for mark in marks:
        if _is_ours(
            mark, _slice_units(raw_units, mark.offset, mark.length), bot_id, bot_name
        ):
            # Where the mention is behind the addresses of the links before it.
            before = _slice_units(raw_units, 0, mark.offset)
            links = [each for each in marks if each.offset < mark.offset]
            start = utf16_length(with_addresses(before, links))
            cuts.append((start, start + mark.length))
    replied = find_replied(message)
    sender = message.from_user
    is_bot = sender is not None and sender.is_bot and message.sender_chat is None
    return Addressee(
        text=_remove_ranges(text.encode("utf-16-le"), cuts) if cuts else text,
        is_named=bool(cuts),
        is_reply=bool(replied and replied.id == bot_id),
        is_channel=message.sender_chat is not None,
        is_relayed=bool(
            is_bot
            or message.forward_origin
            or message.is_automatic_forward
            or message.via_bot
        ),
    )


def is_unaddressed(update: telegram.Update) -> bool:
    """Return whether a group message is not addressed to the bot, whatever the settings.

    Parts of an album are kept: another part may address the bot. In the direct messages of a
    channel people pay its owner for each message, so the bot answers none.
    """
    message = update.message
    if message and message.chat.is_direct_messages:
        return True
    if not message or message.chat.id > 0 or message.media_group_id:
        return False
    replied = find_replied(message)
    is_named = any(mark.type in _NAMING for mark in _marks(message))
    is_service = message.migrate_from_chat_id or message.migrate_to_chat_id
    return not (is_named or (replied and replied.is_bot) or is_service)


def _is_ours(mark: MessageEntity, text: str, bot_id: int, name: str) -> bool:
    if mark.type == MessageEntityType.MENTION:
        return bool(name) and text.lower() == f"@{name.lower()}"
    return bool(mark.user and bot_id and mark.user.id == bot_id)


def find_replied(message: Message | None) -> telegram.User | None:
    """Return who wrote the message replied to; None for none and for the head of a topic."""
    replied = message.reply_to_message if message else None
    return None if replied is None or replied.forum_topic_created else replied.from_user


def _marks(message: Message) -> Sequence[MessageEntity]:
    return message.entities if message.text else message.caption_entities


def _slice_units(units: bytes, start: int, length: int) -> str:
    return units[start * 2 : (start + length) * 2].decode("utf-16-le", "replace")


def _remove_ranges(units: bytes, cuts: list[tuple[int, int]]) -> str:
    """Return the text without these ranges and the separators around them."""
    parts = []
    at = 0
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


# How long to wait for further parts, and for what a comment was written to.
WAIT_S = 1.0
COMMENT_WAIT_S = 0.5
MAX_PARTS = 60
# Telegram's timestamps are whole seconds: those of joined parts differ by at most this.
MAX_GAP_S = 2
# Clients split at word boundaries, so a part may be a little shorter than 4,096.
LONG_UNITS = 3800
FULL_UNITS = 4096
_COMMAND = re.compile(r"/\w{1,32}(@\w+)?(?=\s|$)")
# A comment that points to the forwarded message behind it.
_POINTING = re.compile(
    r":\s*\Z|\b(?:this|these|below|эт[аиоу]\w*|ниже|тут)\b", re.IGNORECASE
)


def may_continue(update: telegram.Update) -> bool:
    """Return whether further parts of this message may follow."""
    message = update.message
    return message is not None and (
        bool(message.media_group_id)
        or _is_forwarded_text(message)
        or LONG_UNITS <= utf16_length(message.text or "") <= FULL_UNITS
    )


def get_wait_s(update: telegram.Update) -> float:
    """Return how long to wait for further parts of a message, 0 if none are to be expected."""
    if may_continue(update):
        return WAIT_S
    message = update.message
    is_comment = message is not None and message.chat.id > 0 and _is_plain(message)
    return COMMENT_WAIT_S if is_comment and _POINTING.search(text_of(message)) else 0.0


def is_same_album(update: telegram.Update, before: telegram.Update) -> bool:
    """Return whether both are parts of one album, whatever arrived between them."""
    message = update.message
    first = before.message
    if message is None or first is None or message.from_user != first.from_user:
        return False
    return bool(first.media_group_id) and message.media_group_id == first.media_group_id


def is_continuation(update: telegram.Update, before: telegram.Update) -> bool:
    """Return whether `update`, which directly follows `before`, is a part of the same message."""
    message = update.message
    first = before.message
    if message is None or first is None or message.from_user != first.from_user:
        return False
    if first.media_group_id:
        return is_same_album(update, before)
    is_close = (message.date - first.date).total_seconds() <= MAX_GAP_S
    if _is_forwarded_text(first):
        return _is_forwarded_text(message) and is_close
    if _is_plain(first) and message.forward_origin:
        return is_close
    return may_continue(before) and _is_plain(message) and is_close


def joined_text(text: str, further_updates: Sequence[telegram.Update]) -> str:
    """Return the text of a message joined with that of its further parts.

    A part of full length was split within a word, a shorter one at a line break or a space.
    """
    result = before = text
    for update in further_updates:
        part = text_of(update.message)
        gap = "\n" if before and part and utf16_length(before) != FULL_UNITS else ""
        result = f"{result}{gap}{full_text_of(update.message)}"
        before = part or before
    return result


def _is_plain(message: Message) -> bool:
    """Return whether it is a text of the sender and no command."""
    text = message.text or ""
    return bool(text) and not _COMMAND.match(text) and not message.forward_origin


def _is_forwarded_text(message: Message) -> bool:
    return bool(message.forward_origin and message.text)
