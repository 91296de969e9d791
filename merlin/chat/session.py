"""Session: one live chat of a person, with its own history, model, preset and window.

One session of a chat (of a topic, where a chat has topics) is open; the others are kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

TITLE_LENGTH = 48


@dataclass(frozen=True, slots=True)
class Session:
    """What answers are given within.

    `dataset` None means the default one; `provider` and `model_id` are the person's own choice of
    a model, None means whatever serves. `preset` names a preset, `system` is the person's own
    system text. `summary` is what an earlier session said, in short. `used_tokens` is what the
    provider counted for the last turn, the whole talk included; `is_warned`: the person knows
    that the window is nearly full; `is_full`: the next question begins a new session.
    """

    session_id: int
    chat_id: int
    user_id: int
    dataset: str | None = None
    model_id: str | None = None
    provider: str | None = None
    thread_id: int = 0
    title: str = ""
    preset: str = ""
    system: str = ""
    summary: str = ""
    used_tokens: int = 0
    is_warned: bool = False
    is_full: bool = False
    is_open: bool = True
    touched_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """Where sessions live: a chat and its topic (0 for none), and who writes there."""

    chat_id: int
    user_id: int
    thread_id: int = 0


class Sessions(Protocol):
    """Where sessions are kept, of one bot; each method is one transaction."""

    def opened(self, place: Place) -> Session | None:
        """Return the place's open session, None where there was none yet; writes nothing."""

    def open(self, place: Place) -> Session:
        """Return the place's open session; a first one is made."""

    def renew(self, place: Place) -> Session:
        """Close the place's session, keep it, and return a new one of the same choices."""

    def change(self, session: Session) -> None:
        """Store everything of a session that may change."""

    def used(self, session: Session) -> None:
        """Store what an answer changed: what is used of its window, when, its first title."""

    def touch(self, session_id: int, title: str) -> None:
        """Note that it was used now; it gets the title unless it has one."""


class SessionList(Protocol):
    """The sessions that a person has kept; each method is one transaction."""

    def of(self, place: Place, offset: int = 0, limit: int = 10) -> Sequence[Session]:
        """Return the place's sessions that were ever used, the newest used first."""

    def count(self, place: Place) -> int:
        """Return how many there are."""

    def find(self, place: Place, session_id: int) -> Session | None:
        """Return this one of the place's sessions, None where it is not theirs."""

    def switch(self, place: Place, session_id: int) -> Session | None:
        """Open this session instead of the one that is open; None where it is not theirs."""

    def delete(self, place: Place, session_id: int) -> bool:
        """Delete a session with its turns; False where it is not theirs."""


def title_of(question: str) -> str:
    """Return a title for a session that begins with this question."""
    line = " ".join(question.split())
    if len(line) <= TITLE_LENGTH:
        return line
    cut = line[:TITLE_LENGTH].rsplit(" ", 1)[0] or line[:TITLE_LENGTH]
    return f"{cut.rstrip(' ,.;:–—-')}…"
