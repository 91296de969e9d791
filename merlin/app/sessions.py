"""A user's own sessions and turns with all bots, to read and delete.

Only those of private chats, whose id equals the user's: a group's session holds messages of
other people too.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from peewee import JOIN, Case, fn

from merlin.app.actor import Actor
from merlin.app.context import Context
from merlin.chat.feedback import Rating
from merlin.chat.model_catalogue import ModelCatalogue
from merlin.chat.sessions import (
    ChatPlace,
    Session,
    delete_session,
)
from merlin.chat.turns import TurnState
from merlin.core.clock import iso
from merlin.core.errors import NotFound
from merlin.core.messages import Usage
from merlin.core.money import Cost
from merlin.core.views import INTERNAL, described
from merlin.db.database import Row
from merlin.db.tables import RATING, SESSION, TURN
from merlin.db.values import RowMap


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionView:
    """A session with the bot in a private chat."""

    id: int
    title: str
    dataset: str | None = described("Dataset of the conversation; null for the default one.")
    model: str | None = described("Model chosen by the person; null for the live model.")
    preset: str = described('Name of the chosen preset; "" if there is none.')
    is_open: bool = described("Whether the next question continues this session.")
    created_at: datetime
    last_used_at: datetime = described("When the session was last used.")
    turns: int
    usage: Usage
    costs: Sequence[Cost] = described("Total cost, one per currency; empty if unknown.")


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnView:
    """A question with its answer."""

    id: int
    asked_at: datetime
    format: str = described("Format of the question: text, voice, photo or document.")
    question: str
    answer: str = described('Answer; "" if there is none.')
    provider: str
    model: str
    model_role: str = described(
        "Role of the model for this question: serving, earlier, base, general, "
        'alone, chosen or composed; "" if no model was asked.'
    )
    usage: Usage
    cost: Cost | None = described("Cost; null if unknown.")
    rating: Rating | None = described("Rating of the answer; null if there is none.")
    is_private: bool = field(metadata=INTERNAL)
    state: TurnState = field(metadata=INTERNAL)
    note: str = field(metadata=INTERNAL)
    offer: str = field(metadata=INTERNAL)
    nearest: str = field(metadata=INTERNAL)
    known: bool | None = field(metadata=INTERNAL)


@dataclass(frozen=True, slots=True)
class Spending:
    """A person's usage since a time."""

    since: datetime
    questions: int
    usage: Usage
    costs: Sequence[Cost]


_VIEWS = RowMap(SessionView, columns={"model": "model_id"}, sealed=SESSION.sealed)
_TURNS = RowMap(TurnView, columns={"model": "model_id"}, sealed=TURN.sealed)
_IS_VISIBLE = TURN.is_replaced == 0
_TOTALS = (
    fn.SUM(TURN.input_tokens).alias("input"),
    fn.SUM(TURN.output_tokens).alias("output"),
    fn.SUM(TURN.cached_tokens).alias("cached"),
    fn.SUM(TURN.cost_micro).alias("micro"),
)


def list_recent(
    ctx: Context,
    actor: Actor,
    limit: int = 50,
    after: tuple[str, int] | None = None,
    place: ChatPlace | None = None,
) -> list[SessionView]:
    """Return sessions, most recently used first, after the one with this time and id.

    With a `place`: only those of that place.
    """
    condition = _is_own(actor)
    if place is not None:
        condition &= (SESSION.bot_id == ctx.bot_id) & (SESSION.thread_id == place.thread_id)
    if after is not None:
        last_used_at, session_id = after
        earlier = (SESSION.last_used_at == last_used_at) & (SESSION.id < session_id)
        condition &= (SESSION.last_used_at < last_used_at) | earlier
    query = SESSION.select().where(condition)
    query = query.order_by(SESSION.last_used_at.desc(), SESSION.id.desc()).limit(limit)
    return _sessions(ctx, ctx.db.rows(query))


def get(ctx: Context, actor: Actor, session_id: int) -> SessionView:
    """Return a session of the actor. Raises NotFound."""
    condition = _is_own(actor) & (SESSION.id == session_id)
    views = _sessions(ctx, ctx.db.rows(SESSION.select().where(condition)))
    if not views:
        raise NotFound("no such session", "session-unknown")
    return views[0]


def list_turns(
    ctx: Context, actor: Actor, session_id: int, limit: int = 50, after: int = 0
) -> list[TurnView]:
    """Return the visible turns of a session, oldest first, after the turn id `after`.

    Raises NotFound.
    """
    get(ctx, actor, session_id)
    return list_own_turns(ctx, session_id, limit, after)


def list_own_turns(
    ctx: Context, session_id: int, limit: int | None = None, after: int = 0
) -> list[TurnView]:
    """Return turns like `list_turns`, of a session that the caller knows to be the actor's."""
    condition = (TURN.session_id == session_id) & (TURN.id > after) & _IS_VISIBLE
    rows = ctx.db.rows(_turns().where(condition).order_by(TURN.id).limit(limit))
    return [_turn(ctx, row) for row in rows]


def session_as_markdown(
    ctx: Context,
    session: Session,
    turns: Sequence[TurnView],
    asker: str,
    when: Callable[[datetime], str],
) -> str:
    """Return the session as Markdown; `asker` is the name of the user in it."""
    titles = ModelCatalogue(ctx.db).name_builds(turn.model for turn in turns)
    blocks = [f"# {session.title}"]
    for turn in turns:
        blocks += [f"## {asker} · {when(turn.asked_at)}", turn.question]
        if turn.answer:
            blocks += [f"**{titles.get(turn.model, turn.model) or 'Merlin'}**", turn.answer]
    return "\n\n".join(blocks) + "\n"


def get_turn(ctx: Context, actor: Actor, turn_id: int) -> TurnView:
    """Return a turn that the actor asked. Raises NotFound."""
    condition = (TURN.id == turn_id) & (TURN.user_id == actor.user_id)
    row = ctx.db.get_row(_turns().where(condition), NotFound("no such turn", "turn-unknown"))
    return _turn(ctx, row)


def delete(ctx: Context, actor: Actor, session_id: int) -> None:
    """Delete a session; used quota stays used. Raises NotFound."""
    get(ctx, actor, session_id)
    delete_session(ctx.db, session_id)


def spent_since(ctx: Context, actor: Actor, since: datetime) -> Spending:
    """Return what the actor's questions took since a time."""
    condition = (TURN.user_id == actor.user_id) & (TURN.asked_at >= iso(since))
    count = fn.COUNT(TURN.id).alias("turns")
    query = TURN.select(TURN.currency, count, *_TOTALS).where(condition).group_by(TURN.currency)
    return Spending(since, *_totals(ctx.db.rows(query.order_by(TURN.currency))))


def _sessions(ctx: Context, rows: list[Row]) -> list[SessionView]:
    ids = [row["id"] for row in rows]
    # All turns cost something, also those that are not shown.
    visible = fn.SUM(Case(None, ((_IS_VISIBLE, 1),), 0)).alias("turns")
    query = TURN.select(TURN.session_id, TURN.currency, visible, *_TOTALS)
    query = query.where(TURN.session_id.in_(ids))
    rows_by_session: dict[int, list[Row]] = {}
    for row in ctx.db.rows(query.group_by(TURN.session_id, TURN.currency)) if ids else []:
        rows_by_session.setdefault(row["session_id"], []).append(row)
    views = []
    for row in rows:
        turns, usage, costs = _totals(rows_by_session.get(row["id"], []))
        views.append(_VIEWS.read(row, ctx.db, turns=turns, usage=usage, costs=costs))
    return views


def _turn(ctx: Context, row: Row) -> TurnView:
    return _TURNS.read(
        row,
        ctx.db,
        usage=Usage(row["input_tokens"], row["output_tokens"], row["cached_tokens"]),
        cost=Cost(row["cost_micro"], row["currency"]) if row["currency"] else None,
        rating=Rating(row["rating"]) if row["rating"] else None,
        is_private=row["chat_id"] == row["user_id"],
    )


def _is_own(actor: Actor) -> Any:
    return (SESSION.chat_id == actor.user_id) & (SESSION.last_used_at != "")


def _turns() -> Any:
    """Return the query of turns with the asker's rating and the chat id."""
    condition = (RATING.turn_id == TURN.id) & (RATING.user_id == TURN.user_id)
    query = TURN.select(*TURN.every(), RATING.value.alias("rating"), SESSION.chat_id)
    query = query.join(SESSION, on=(SESSION.id == TURN.session_id))
    return query.join(RATING, JOIN.LEFT_OUTER, on=condition)


def _totals(rows: list[Row]) -> tuple[int, Usage, tuple[Cost, ...]]:
    """Return the number of turns, their tokens, and one cost per currency."""
    turns, *tokens = (
        sum(int(row[name]) for row in rows) for name in ("turns", "input", "output", "cached")
    )
    costs = (Cost(int(row["micro"]), row["currency"]) for row in rows if row["currency"])
    return turns, Usage(*tokens), tuple(costs)
