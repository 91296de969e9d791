"""What the stand-in remembers for whoever looks on: messages with their past, calls with times."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Version:
    """How a message stood from one moment on."""

    at: str
    text: str
    message: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class LoggedMessage:
    """One message as it now stands (a Message object) with everything it was, oldest first.

    `reaction` is the bot's, `reactions` are people's by their ids.
    """

    message: Mapping[str, Any]
    versions: tuple[Version, ...]
    deleted_at: str = ""
    reaction: str = ""
    reactions: Mapping[int, str] = field(default_factory=dict)

    @property
    def message_id(self) -> int:
        """Return the message's id."""
        return int(self.message["message_id"])

    @property
    def by_bot(self) -> bool:
        """Return whether the bot sent it."""
        return bool(self.message["from"]["is_bot"])

    @property
    def text(self) -> str:
        """Return the text or caption as it now stands."""
        return str(self.message.get("text", self.message.get("caption", "")))

    @property
    def thread(self) -> int:
        """Return the topic it stands in, 0 outside topics."""
        in_topic = self.message.get("is_topic_message")
        return int(self.message["message_thread_id"]) if in_topic else 0

    @property
    def entities(self) -> list[dict[str, Any]]:
        """Return the entities of the text or caption."""
        marked = self.message.get("entities", self.message.get("caption_entities"))
        return list(marked or [])

    @property
    def keys(self) -> list[list[dict[str, Any]]]:
        """Return the inline keyboard, row by row; empty without one."""
        markup = self.message.get("reply_markup") or {}
        return list(markup.get("inline_keyboard", []))

    def as_json(self) -> dict[str, Any]:
        """Return what `/control/log` says of it."""
        return {
            "message": self.message,
            "by_bot": self.by_bot,
            "deleted_at": self.deleted_at,
            "reaction": self.reaction,
            "reactions": {str(who): mark for who, mark in self.reactions.items()},
            "versions": [
                {"at": one.at, "text": one.text, "keys": one.message.get("reply_markup")}
                for one in self.versions
            ],
        }


@dataclass(frozen=True, slots=True)
class Call:
    """One call of the bot: when, which method, with what, and how it was answered."""

    at: str
    method: str
    arguments: Mapping[str, Any]
    status: int
    description: str = ""


def version_of(at: str, message: Mapping[str, Any]) -> Version:
    """Return how a Message object stood at a moment (ISO 8601)."""
    return Version(at, str(message.get("text", message.get("caption", ""))), message)
