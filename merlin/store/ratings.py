"""Rows of ratings; fulfils `chat.rating.Ratings`."""

from __future__ import annotations

from typing import Any

from peewee import fn

from merlin.chat.rating import Rating, Thumbs
from merlin.core.clock import Clock, iso, utc_now
from merlin.store.chat_tables import OUTGOING, SESSION, TURN
from merlin.store.database import Database, transaction
from merlin.store.ratings_tables import RATING


class RatingRows:
    """What people think of one bot's answers: one row a person and turn."""

    def __init__(self, db: Database, bot_id: int, clock: Clock = utc_now) -> None:
        self.db = db
        self._bot_id = bot_id
        self._clock = clock

    @transaction
    def rate(self, turn_id: int, user_id: int, rating: Rating | None) -> None:
        """Keep what the person thinks of a turn; None forgets it."""
        if rating is None:
            self.db.change(RATING.delete().where(_this(turn_id, user_id)))
            return
        key = {"turn_id": turn_id, "user_id": user_id}
        newest = {"value": rating.value, "at": iso(self._clock())}
        new = RATING.insert({**key, **newest})
        self.db.put(new.on_conflict(conflict_target=tuple(key), update=newest))

    def of(self, turn_id: int, user_id: int) -> Rating | None:
        """Return what the person thinks of a turn, None for nothing."""
        found = self.db.value(RATING.select(RATING.value).where(_this(turn_id, user_id)))
        return None if found is None else Rating(found)

    def turn_at(self, chat_id: int, message_id: int) -> int | None:
        """Return the turn that a message of the bot's shows, None for any other message."""
        mine = (TURN.bot_id == self._bot_id) & (TURN.placeholder_id == message_id)
        here = TURN.select(TURN.id).join(SESSION, on=(SESSION.id == TURN.session_id))
        found = self.db.value(here.where(mine & (SESSION.chat_id == chat_id)))
        return self._sent_at(chat_id, message_id) if found is None else int(found)

    def _sent_at(self, chat_id: int, message_id: int) -> int | None:
        """Return the turn of a message that went through the outbox: a whole answer, or a tail."""
        sent = (OUTGOING.chat_id == chat_id) & (OUTGOING.message_id == message_id)
        told = (TURN.bot_id == OUTGOING.bot_id) & (TURN.update_id == OUTGOING.update_id)
        joined = OUTGOING.select(TURN.id).join(TURN, on=told)
        found = self.db.value(joined.where(sent & (OUTGOING.bot_id == self._bot_id)))
        return None if found is None else int(found)

    def thumbs(self, model_id: str) -> Thumbs:
        """Return what people thought of a model's answers."""
        count = fn.COUNT(RATING.user_id).alias("count")
        query = RATING.select(RATING.value, count).join(TURN, on=(TURN.id == RATING.turn_id))
        rows = self.db.rows(query.where(TURN.model_id == model_id).group_by(RATING.value))
        return Thumbs(**{row["value"]: int(row["count"]) for row in rows})


def _this(turn_id: int, user_id: int) -> Any:
    return (RATING.turn_id == turn_id) & (RATING.user_id == user_id)
