"""What people ask of a dataset, read from turns, ratings and consents.

Fulfils `chat.interest.Interest`; writes nothing.
"""

from __future__ import annotations

from datetime import date
from typing import Any

from peewee import SQL, Case, Select, fn

from merlin.account.consent import ConsentKind
from merlin.chat.interest import Disliked, Stretch
from merlin.chat.rating import Rating
from merlin.chat.transcript import SUMMARY
from merlin.core.clock import from_iso
from merlin.store.account_tables import CONSENT
from merlin.store.chat_tables import SESSION, TURN
from merlin.store.cipher import Cipher
from merlin.store.database import Database, Row
from merlin.store.ratings_tables import RATING
from merlin.store.sealed import opened
from merlin.store.tables import MODEL

_DAY_LETTERS = 10
# By its name: to PostgreSQL the expression with parameters of its own would be another one.
_BY_DAY = SQL("day")


class InterestRows:
    """The turns of all bots, looked at by what they are about."""

    def __init__(self, db: Database, cipher: Cipher, default_dataset: str | None = None) -> None:
        self.db = db
        self._cipher = cipher
        self._default = default_dataset

    def days(self, dataset: str, since: date) -> list[Stretch]:
        """Return the days on which anything was asked, oldest first."""
        day = fn.SUBSTR(TURN.asked_at, 1, _DAY_LETTERS).alias("day")
        asked = TURN.select(day, fn.COUNT(TURN.id).alias("count"))
        counts = self._about(asked, dataset, since).group_by(_BY_DAY)
        liked = TURN.select(day, *_thumbs()).join(RATING, on=_rated())
        thumbs = self._about(liked, dataset, since).group_by(_BY_DAY)
        found = {row["day"]: row for row in self.db.rows(thumbs)}
        return [
            Stretch(date.fromisoformat(row["day"]), int(row["count"]), **_liking(found, row["day"]))
            for row in sorted(self.db.rows(counts), key=lambda row: str(row["day"]))
        ]

    def disliked(self, dataset: str, since: date, limit: int) -> list[Disliked]:
        """Return the least liked answers first; only of people whose consent counts now."""
        columns = (TURN.id, TURN.asked_at, TURN.question, TURN.answer, TURN.model_id)
        rated = TURN.select(*columns, *_thumbs()).join(RATING, on=_rated())
        mine = self._about(rated, dataset, since).where(TURN.user_id.in_(_willing()))
        up, down = _sum(Rating.UP), _sum(Rating.DOWN)
        least = mine.group_by(*columns).having(down > 0)
        worst_first = ((down - up).desc(), TURN.id.desc())
        rows = self.db.rows(least.order_by(*worst_first).limit(limit))
        return [self._disliked(row) for row in rows]

    def _about(self, query: Select, dataset: str, since: date) -> Select:
        """Return the SELECT of turns, of those about this dataset that count."""
        mine = SESSION.dataset == dataset
        if dataset == self._default:
            mine |= SESSION.dataset.is_null()
        else:
            taught = MODEL.select(MODEL.model_id).where(MODEL.dataset == dataset)
            mine |= SESSION.dataset.is_null() & TURN.model_id.in_(taught)
        counts = (TURN.is_replaced == 0) & (TURN.format != SUMMARY)
        joined = query.join(SESSION, on=(SESSION.id == TURN.session_id))
        return joined.where(mine & counts & (TURN.asked_at >= since.isoformat()))

    def _disliked(self, row: Row) -> Disliked:
        return Disliked(
            at=from_iso(row["asked_at"]),
            question=opened(self._cipher, row["question"]) or "",
            answer=opened(self._cipher, row["answer"]) or "",
            model_id=row["model_id"],
            up=int(row["up"]),
            down=int(row["down"]),
        )


def _rated() -> Any:
    return RATING.turn_id == TURN.id


def _thumbs() -> tuple[Any, Any]:
    """Return the columns that count who liked and who did not."""
    return _sum(Rating.UP).alias("up"), _sum(Rating.DOWN).alias("down")


def _sum(rating: Rating) -> Any:
    return fn.SUM(Case(None, ((RATING.value == rating.value, 1),), 0))


def _liking(found: dict[str, Row], day: str) -> dict[str, int]:
    row = found.get(day, {})
    return {name: int(row.get(name) or 0) for name in ("up", "down")}


def _willing() -> Select:
    """Return the SELECT of the people whose consent counts now."""
    has_given = CONSENT.given_at.is_null(False)  # noqa: FBT003 - peewee's own signature
    counts = has_given & CONSENT.revoked_at.is_null()
    is_training = CONSENT.kind == ConsentKind.TRAINING.value
    return CONSENT.select(CONSENT.user_id).where(is_training & counts)
