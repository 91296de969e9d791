"""A person's own sessions and turns over all bots, as they read them themselves.

Only private chats: a group's session holds other people's words too.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from peewee import JOIN, fn

from merlin.chat.sessions import SUMMARY
from merlin.core.clock import from_iso, iso
from merlin.core.messages import Usage
from merlin.core.money import Cost
from merlin.db.database import Database, Row, transaction
from merlin.db.tables import RATING, SESSION, TURN
from merlin.db.values import decrypt


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


# A turn that was asked anew, or holds no words but what summing up has cost, is not shown.
_SHOWN = (TURN.is_replaced == 0) & (TURN.format != SUMMARY)
_SUMS = (
    fn.COUNT(TURN.id).alias("turns"),
    fn.SUM(TURN.input_tokens).alias("input"),
    fn.SUM(TURN.output_tokens).alias("output"),
    fn.SUM(TURN.cost_micro).alias("micro"),
)


class PrivateSessions:
    """The sessions of private chats: a chat with one person has that person's number."""

    def __init__(self, db: Database) -> None:
        self.db = db

    def sessions(
        self, user_id: int, limit: int, after: tuple[str, int] | None = None
    ) -> list[OwnSession]:
        """Return sessions, the newest used first; `after` the one of this time and number."""
        these = _theirs(user_id)
        if after is not None:
            at, session_id = after
            earlier = (SESSION.touched_at == at) & (SESSION.id < session_id)
            these &= (SESSION.touched_at < at) | earlier
        newest = SESSION.select().where(these)
        newest = newest.order_by(SESSION.touched_at.desc(), SESSION.id.desc()).limit(limit)
        return self._sessions(self.db.rows(newest))

    def session(self, user_id: int, session_id: int) -> OwnSession | None:
        """Return one, None where it is not theirs."""
        this = _theirs(user_id) & (SESSION.id == session_id)
        found = self._sessions(self.db.rows(SESSION.select().where(this)))
        return found[0] if found else None

    def turns(self, session_id: int, limit: int, after: int = 0) -> list[OwnTurn]:
        """Return the turns of a session that count, oldest first; `after` the one so numbered."""
        these = (TURN.session_id == session_id) & (TURN.id > after) & _SHOWN
        rows = self.db.rows(_turns().where(these).order_by(TURN.id).limit(limit))
        return [self._turn(row) for row in rows]

    def turn(self, user_id: int, turn_id: int) -> OwnTurn | None:
        """Return a turn that the person asked, None for any other."""
        this = (TURN.id == turn_id) & (TURN.user_id == user_id) & (TURN.format != SUMMARY)
        row = self.db.row(_turns().where(this))
        return None if row is None else self._turn(row)

    @transaction
    def delete(self, user_id: int, session_id: int) -> bool:
        """Delete a session with its turns and what was thought of them; False as `session`."""
        this = _theirs(user_id) & (SESSION.id == session_id)
        if self.db.row(SESSION.select(SESSION.id).where(this)) is None:
            return False
        turns = TURN.select(TURN.id).where(TURN.session_id == session_id)
        self.db.change(RATING.delete().where(RATING.turn_id.in_(turns)))
        self.db.change(TURN.delete().where(TURN.session_id == session_id))
        return self.db.change(SESSION.delete().where(this)) > 0

    def spent(self, user_id: int, since: datetime) -> Spending:
        """Return what the person's questions have taken since then."""
        these = (TURN.user_id == user_id) & (TURN.asked_at >= iso(since))
        sums = TURN.select(TURN.currency, *_SUMS).where(these).group_by(TURN.currency)
        return _spending(self.db.rows(sums.order_by(TURN.currency)))

    def _sessions(self, rows: list[Row]) -> list[OwnSession]:
        ids = [row["id"] for row in rows]
        sums = TURN.select(TURN.session_id, TURN.currency, *_SUMS)
        sums = sums.where(TURN.session_id.in_(ids) & (TURN.is_replaced == 0))
        found: dict[int, list[Row]] = {}
        for row in self.db.rows(sums.group_by(TURN.session_id, TURN.currency)) if ids else []:
            found.setdefault(row["session_id"], []).append(row)
        return [self._session(row, _spending(found.get(row["id"], []))) for row in rows]

    def _session(self, row: Row, spent: Spending) -> OwnSession:
        return OwnSession(
            session_id=row["id"],
            title=decrypt(self.db.cipher, row["title"]) or "",
            dataset=row["dataset"],
            model_id=row["model_id"],
            preset=row["preset"],
            is_open=bool(row["is_open"]),
            created_at=from_iso(row["created_at"]),
            touched_at=from_iso(row["touched_at"]),
            turns=spent.questions,
            usage=spent.usage,
            costs=spent.costs,
        )

    def _turn(self, row: Row) -> OwnTurn:
        return OwnTurn(
            turn_id=row["id"],
            session_id=row["session_id"],
            asked_at=from_iso(row["asked_at"]),
            format=row["format"],
            question=decrypt(self.db.cipher, row["question"]) or "",
            answer=decrypt(self.db.cipher, row["answer"]) or "",
            provider=row["provider"],
            model_id=row["model_id"],
            standing=row["standing"],
            usage=Usage(row["input_tokens"], row["output_tokens"]),
            cost=Cost(row["cost_micro"], row["currency"]) if row["currency"] else None,
            rating=row["rating"] or "",
            is_private=row["chat_id"] == row["user_id"],
        )


def _theirs(user_id: int) -> Any:
    return (SESSION.chat_id == user_id) & (SESSION.touched_at != "")


def _turns() -> Any:
    """Return the query of turns, each with what its asker thinks of it and the chat it was in."""
    theirs = (RATING.turn_id == TURN.id) & (RATING.user_id == TURN.user_id)
    query = TURN.select(*TURN.every(), RATING.value.alias("rating"), SESSION.chat_id)
    query = query.join(SESSION, on=(SESSION.id == TURN.session_id))
    return query.join(RATING, JOIN.LEFT_OUTER, on=theirs)


def _spending(rows: list[Row]) -> Spending:
    return Spending(
        questions=sum(int(row["turns"]) for row in rows),
        usage=Usage(
            sum(int(row["input"]) for row in rows), sum(int(row["output"]) for row in rows)
        ),
        costs=tuple(Cost(int(row["micro"]), row["currency"]) for row in rows if row["currency"]),
    )
