"""Group: how the bot behaves in one group chat, as its administrators chose."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol


class Hears(StrEnum):
    """Which messages are for the bot, commands aside, from the fewest to the most."""

    MENTION = "mention"
    REPLY = "reply"
    QUESTION = "question"


@dataclass(frozen=True, slots=True)
class Group:
    """One group chat.

    `dataset` None means the default one, `language` None whatever the asker speaks. `is_open`:
    everybody may begin the session anew or clear it, else administrators alone. `moved_to` is the
    supergroup that the chat became, 0 for none; `is_gone`: the bot was taken out.
    """

    chat_id: int
    hears: Hears = Hears.REPLY
    dataset: str | None = None
    language: str | None = None
    is_open: bool = True
    moved_to: int = 0
    is_gone: bool = False


class Groups(Protocol):
    """Where groups are kept, of one bot; each method is one transaction."""

    def get(self, chat_id: int) -> Group | None:
        """Return a group as it was chosen, None where nothing was and nobody was greeted."""

    def put(self, group: Group) -> None:
        """Keep a group that the bot is in."""

    def left(self, chat_id: int) -> None:
        """Note that the bot is in the group no more; what was chosen is kept for a while."""

    def move(self, old_id: int, new_id: int) -> None:
        """Let the sessions, choices and waiting messages of a chat belong to its supergroup."""
