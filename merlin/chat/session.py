"""Session: one live chat of a person, with its own history; one session of a chat is open."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Session:
    """What answers are given within.

    `dataset` None means the default one; `model_id` is the person's own choice of a model, None
    means whatever serves.
    """

    session_id: int
    chat_id: int
    user_id: int
    dataset: str | None = None
    model_id: str | None = None


class Sessions(Protocol):
    """Where sessions are kept, of one bot; each method is one transaction."""

    def open(self, chat_id: int, user_id: int) -> Session:
        """Return the chat's open session; a first one is made."""

    def renew(self, chat_id: int, user_id: int) -> Session:
        """Close the chat's session, keep it, and return a new one."""
