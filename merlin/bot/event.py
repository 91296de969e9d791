"""Event: what a handler needs to know of an update, read from Telegram's own JSON.

Read by hand and leniently, because Telegram adds fields and kinds without notice.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from merlin.account.user import User
from merlin.bot.sent import Sent, sent_of
from merlin.chat.dialog import Dialog
from merlin.chat.session import Place
from merlin.core.text import language_of
from merlin.core.utf16 import whole
from merlin.inbox.update import Update

NOBODY = User(0)
_AT_START = ("bot_command", 0)
_SEPARATOR = ":"
# Telegram marks no command in other letters, and a slash alone was sent by mistake.
_MISTYPED = re.compile(r"/\s*(\w*)\s*/?", re.UNICODE)
_FILES = frozenset({"voice", "photo", "document"})


@dataclass(frozen=True, slots=True)
class Event:
    """One update as a handler sees it.

    `text` is a message's text or a file's caption, "" for none; `command` its command without
    the slash, in lower case, "" for none, and `words` what stands behind it. `sent` is what else
    was sent, None for nothing. `verb` and `args` are a pressed button's; `message_id` is the
    message itself, or the one that the button stood under. `quoted` is the text of the message
    replied to, or what of it was picked. `is_resumed`: it may have been worked on before. `joined`
    are the updates whose words are part of `text`. `dialog` is what the bot waits to hear from
    this person, `user` who they are.
    """

    update: Update
    language: str
    is_private: bool
    text: str = ""
    command: str = ""
    words: str = ""
    sent: Sent | None = None
    verb: str = ""
    args: tuple[str, ...] = ()
    message_id: int = 0
    thread_id: int = 0
    quoted: str = ""
    is_forwarded: bool = False
    is_service: bool = False
    is_resumed: bool = False
    joined: tuple[Update, ...] = ()
    dialog: Dialog | None = None
    user: User = NOBODY

    @property
    def chat_id(self) -> int:
        """Return the chat that it belongs to."""
        return self.update.chat_id

    @property
    def user_id(self) -> int:
        """Return whose it is."""
        return self.update.user_id

    @property
    def update_id(self) -> int:
        """Return the update's id."""
        return self.update.update_id

    @property
    def format(self) -> str:
        """Return what a plan counts it as: text, voice, photo or document."""
        return self.sent.kind if self.sent is not None and self.sent.kind in _FILES else "text"

    @property
    def files(self) -> tuple[Sent, ...]:
        """Return what was sent with it and with the messages that belong to it."""
        others = (sent_of(_object(other.body, other.kind)) for other in self.joined)
        return tuple(each for each in (self.sent, *others) if each is not None)

    def with_replied(self) -> Event:
        """Return the event as if the file that it replies to had been sent with it.

        In a private chat only a photo: of a recording or a document the talk knows the words.
        """
        replied = _object(_object(self.update.body, self.update.kind), "reply_to_message")
        is_ours = _object(replied, "from").get("is_bot") is True
        found = sent_of(replied) if self.sent is None and not is_ours else None
        if found is None or found.kind not in ({"photo"} if self.is_private else _FILES):
            return self
        return replace(self, sent=found)

    @property
    def place(self) -> Place:
        """Return where its session lives."""
        return Place(self.chat_id, self.user_id, self.thread_id)

    @property
    def query_id(self) -> str:
        """Return the id of the query that waits for an answer, "" for none."""
        found = _object(self.update.body, self.update.kind).get("id")
        return found if isinstance(found, str) else ""

    @property
    def sender_name(self) -> str:
        """Return the name that the person shows, "" for none."""
        sender = _object(_object(self.update.body, self.update.kind), "from")
        named = (sender.get(word) for word in ("first_name", "last_name"))
        return " ".join(word for word in named if isinstance(word, str) and word)


def read_event(update: Update, language: str, *, is_resumed: bool = False) -> Event:
    """Return the update as a handler sees it; what cannot be read is as if it were not there.

    `language` is the person's own, or the bot's where they have none.
    """
    content = _object(update.body, update.kind)
    message = _object(content, "message") if update.kind == "callback_query" else content
    text = _text(content, "text") or _text(content, "caption")
    is_private = _object(message, "chat").get("type") == "private"
    command, words = _command(content, text, is_private=is_private)
    verb, args = pressed(update)
    quoted = _object(message, "reply_to_message")
    marked = _text(_object(message, "quote"), "text")
    return Event(
        update=update,
        language=language_of(update.language_code, language),
        is_private=is_private,
        text=text,
        command=command,
        words=words,
        sent=sent_of(content),
        verb=verb,
        args=args,
        message_id=_number(message, "message_id"),
        thread_id=_number(message, "message_thread_id") if message.get("is_topic_message") else 0,
        quoted=marked or _text(quoted, "text") or _text(quoted, "caption"),
        is_forwarded="forward_origin" in content,
        is_service=not text and sent_of(content) is None,
        is_resumed=is_resumed,
    )


def pressed(update: Update) -> tuple[str, tuple[str, ...]]:
    """Return the verb and arguments of a pressed button, "" and none for anything else."""
    if update.kind != "callback_query":
        return "", ()
    verb, *args = _text(_object(update.body, update.kind), "data").split(_SEPARATOR)
    return verb, tuple(args)


def _command(message: Mapping[str, Any], text: str, *, is_private: bool) -> tuple[str, str]:
    """Return the command that a message begins with; a forwarded message commands nothing.

    In a private chat a word behind a slash was meant as one too, and a slash alone as /help.
    """
    if "forward_origin" in message:
        return "", ""
    marks = message.get("entities")
    for mark in marks if isinstance(marks, list) else ():
        if isinstance(mark, Mapping) and (mark.get("type"), mark.get("offset")) == _AT_START:
            # Telegram's commands are ASCII, so units are characters here.
            length = _number(mark, "length")
            return text[1:length].partition("@")[0].lower(), text[length:].strip()
    found = _MISTYPED.fullmatch(text.strip()) if is_private and "text" in message else None
    return (found.group(1).lower() or "help", "") if found else ("", "")


def _object(within: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = within.get(name)
    return found if isinstance(found, Mapping) else {}


def _text(within: Mapping[str, Any], name: str) -> str:
    found = within.get(name)
    return whole(found) if isinstance(found, str) else ""


def _number(within: Mapping[str, Any], name: str) -> int:
    found = within.get(name)
    return found if isinstance(found, int) else 0
