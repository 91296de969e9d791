"""Event: what a handler needs to know of an update, read from Telegram's own JSON.

Read by hand and leniently, because Telegram adds fields and kinds without notice.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from merlin.core.text import language_of
from merlin.inbox.update import Update

# What people send besides text, and by which word we speak of it.
_KINDS = {
    "voice": "voice",
    "audio": "voice",
    "video_note": "voice",
    "photo": "photo",
    "document": "document",
    "sticker": "other",
    "video": "other",
    "animation": "other",
    "location": "other",
    "venue": "other",
    "contact": "other",
    "poll": "other",
    "dice": "other",
    "story": "other",
    "paid_media": "other",
    "checklist": "other",
}
_AT_START = ("bot_command", 0)


@dataclass(frozen=True, slots=True)
class Event:
    """One update as a handler sees it.

    `text` is a message's text, "" for none; `command` its command without the slash, in lower
    case, "" for none; `media` the word for what else was sent, "" for nothing. `is_resumed`: it
    may have been worked on before.
    """

    update: Update
    language: str
    is_private: bool
    text: str = ""
    command: str = ""
    media: str = ""
    is_resumed: bool = False

    @property
    def chat_id(self) -> int:
        """Return the chat that it belongs to."""
        return self.update.chat_id

    @property
    def update_id(self) -> int:
        """Return the update's id."""
        return self.update.update_id


def read_event(update: Update, default_language: str, *, is_resumed: bool = False) -> Event:
    """Return the update as a handler sees it; what cannot be read is as if it were not there."""
    content = _object(update.body, update.kind)
    text = content.get("text")
    text = text if isinstance(text, str) else ""
    return Event(
        update=update,
        language=language_of(update.language_code, default_language),
        is_private=_object(content, "chat").get("type") == "private",
        text=text,
        command=_command(content, text),
        media=next((word for name, word in _KINDS.items() if name in content), ""),
        is_resumed=is_resumed,
    )


def _command(message: Mapping[str, Any], text: str) -> str:
    """Return the command that a message begins with; a forwarded message commands nothing."""
    marks = message.get("entities")
    if "forward_origin" in message or not isinstance(marks, list):
        return ""
    for mark in marks:
        if isinstance(mark, Mapping) and (mark.get("type"), mark.get("offset")) == _AT_START:
            length = mark.get("length")
            # Telegram's commands are ASCII, so units are characters here.
            return text[1:length].partition("@")[0].lower() if isinstance(length, int) else ""
    return ""


def _object(within: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = within.get(name)
    return found if isinstance(found, Mapping) else {}
