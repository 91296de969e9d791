"""Own: what a person has talked about, over all bots, as they read it themselves.

Only private chats: a group's session holds other people's words too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from merlin.core.message import Usage
from merlin.core.money import Cost


@dataclass(frozen=True, slots=True)
class OwnSession:
    """One session; `touched_at` is when it was used last, `turns` how many it has.

    `model_id` is the person's own choice, None where whatever serves answers. `costs` has one sum
    a currency, none where nobody knows.
    """

    session_id: int
    title: str
    dataset: str | None
    model_id: str | None
    preset: str
    is_open: bool
    created_at: datetime
    touched_at: datetime
    turns: int = 0
    usage: Usage = field(default_factory=Usage)
    costs: tuple[Cost, ...] = ()


@dataclass(frozen=True, slots=True)
class OwnTurn:
    """One question and its answer, "" where none came; `cost` None where nobody knows it.

    `rating` is "up", "down" or "" for none; `is_private`: nobody else was there.
    """

    turn_id: int
    session_id: int
    asked_at: datetime
    format: str
    question: str
    answer: str
    provider: str
    model_id: str
    standing: str
    usage: Usage
    cost: Cost | None = None
    rating: str = ""
    is_private: bool = True


@dataclass(frozen=True, slots=True)
class Spending:
    """What a person's questions took in some time."""

    questions: int = 0
    usage: Usage = field(default_factory=Usage)
    costs: tuple[Cost, ...] = ()


class OwnTalks(Protocol):
    """Where a person's talks are read, whichever bot they were with."""

    def sessions(
        self, user_id: int, limit: int, after: tuple[str, int] | None = None
    ) -> Sequence[OwnSession]:
        """Return sessions, the newest used first; `after` the one of this time and number."""

    def session(self, user_id: int, session_id: int) -> OwnSession | None:
        """Return one, None where it is not theirs."""

    def turns(self, session_id: int, limit: int, after: int = 0) -> Sequence[OwnTurn]:
        """Return the turns of a session that count, oldest first; `after` the one so numbered."""

    def turn(self, user_id: int, turn_id: int) -> OwnTurn | None:
        """Return a turn that the person asked, None for any other."""

    def delete(self, user_id: int, session_id: int) -> bool:
        """Delete a session with its turns and what was thought of them; False as `session`."""

    def spent(self, user_id: int, since: datetime) -> Spending:
        """Return what the person's questions have taken since then."""
