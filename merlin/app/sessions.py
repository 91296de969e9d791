"""A user's own sessions and turns with all bots, to read and delete.

Only those of private chats, whose id equals the user's: a group's session holds messages of
other people too.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from peewee import JOIN, fn

from merlin.app.actor import Actor
from merlin.app.context import Context
from merlin.chat.feedback import Rating
from merlin.chat.sessions import (
    ChatPlace,
    delete_session,
)
from merlin.chat.turns import TurnState
from merlin.core.errors import NotFound
from merlin.db.database import Row
from merlin.db.tables import RATING, SESSION, TURN
from merlin.db.values import RowMap


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionView:
    """A session with the bot in a private chat; `turns` is the number of its visible turns."""

    id: int
    title: str
    last_used_at: datetime
    turns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnView:
    """A question with its answer."""

    id: int
    asked_at: datetime
    format: str
    question: str
    answer: str
    model: str
    model_role: str
    rating: Rating | None
    is_private: bool
    state: TurnState
    note: str
    offer: str
    nearest: str
    if_meant: bool
    known: bool | None


_VIEWS = RowMap(SessionView, sealed=SESSION.sealed)
_TURNS = RowMap(TurnView, columns={"model": "model_id"}, sealed=TURN.sealed)
_IS_VISIBLE = TURN.is_replaced == 0


def list_recent(
    ctx: Context, actor: Actor, limit: int, place: ChatPlace | None = None
) -> list[SessionView]:
    """Return sessions, most recently used first; with a `place`: only those of that place."""
    condition = _is_own(actor)
    if place is not None:
        condition &= (SESSION.bot_id == ctx.bot_id) & (
            SESSION.thread_id == place.thread_id
        )
    rows = ctx.db.rows(
        SESSION.select()
        .where(condition)
        .order_by(SESSION.last_used_at.desc(), SESSION.id.desc())
        .limit(limit)
    )
    if not rows:
        return []
    count = fn.COUNT(TURN.id).alias("turns")
    shown = TURN.session_id.in_([row.id for row in rows]) & _IS_VISIBLE
    counts = TURN.select(TURN.session_id, count).where(shown).group_by(TURN.session_id)
    turns = dict[int, int](ctx.db.rows(counts))
    return [_VIEWS.read(row, ctx.db, turns=turns.get(row.id, 0)) for row in rows]


def list_own_turns(ctx: Context, session_id: int) -> list[TurnView]:
    """Return the visible turns, oldest first, of a session known to be the actor's."""
    condition = (TURN.session_id == session_id) & _IS_VISIBLE
    return [
        _turn(ctx, row)
        for row in ctx.db.rows(_turns().where(condition).order_by(TURN.id))
    ]


def get_turn(ctx: Context, actor: Actor, turn_id: int) -> TurnView:
    """Return a turn that the actor asked. Raises NotFound."""
    condition = (TURN.id == turn_id) & (TURN.user_id == actor.user_id)
    row = ctx.db.get_row(
        _turns().where(condition), NotFound("no such turn", "turn-unknown")
    )
    return _turn(ctx, row)


def delete(ctx: Context, actor: Actor, session_id: int) -> None:
    """Delete a session; used quota stays used. Raises NotFound."""
    if not ctx.db.has(SESSION, _is_own(actor) & (SESSION.id == session_id)):
        raise NotFound("no such session", "session-unknown")
    delete_session(ctx.db, session_id)


def _turn(ctx: Context, row: Row) -> TurnView:
    return _TURNS.read(
        row,
        ctx.db,
        rating=Rating(row.rating) if row.rating else None,
        is_private=row.chat_id == row.user_id,
    )


def _is_own(actor: Actor) -> Any:
    return (SESSION.chat_id == actor.user_id) & (SESSION.last_used_at != "")


def _turns() -> Any:
    """Return the query of turns with the asker's rating and the chat id."""
    condition = (RATING.turn_id == TURN.id) & (RATING.user_id == TURN.user_id)
    query = TURN.select(*TURN.every(), RATING.value.alias("rating"), SESSION.chat_id)
    query = query.join(SESSION, on=(SESSION.id == TURN.session_id))
    return query.join(RATING, JOIN.LEFT_OUTER, on=condition)
