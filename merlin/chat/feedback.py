"""Ratings of answers, and what people ask about a course.

A second press of the same rating button takes it back. Statistics name nobody: they show numbers,
and the words of those who allowed it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any

from peewee import SQL, Case, Select, fn

from merlin.account.users import QUESTIONS_SEEN, TRAINING
from merlin.chat.sessions import SUMMARY
from merlin.chat.unanswered import Reason, UnansweredQuestion
from merlin.core.clock import from_iso, iso
from merlin.db.database import BotRepository, Database, Repository, transaction
from merlin.db.tables import CONSENT, MODEL, OUTGOING, PROPOSAL, RATING, SESSION, TURN
from merlin.db.values import decrypt


@dataclass(frozen=True, slots=True)
class Period:
    """What was asked in the days from `begins` on: a day or a week (from Monday), UTC.

    `liked` and `disliked` are how many answers were.
    """

    begins: date
    questions: int
    liked: int = 0
    disliked: int = 0


@dataclass(frozen=True, slots=True)
class DislikedAnswer:
    """An answer that people did not like, with the consent of who asked."""

    at: datetime
    question: str
    answer: str
    model: str
    liked: int
    disliked: int


@dataclass(frozen=True, slots=True)
class LikedAnswer:
    """An answer that somebody liked and nobody disliked, by who asked."""

    turn_id: int
    user_id: int
    question: str
    answer: str


def group_by_week(days: Sequence[Period]) -> list[Period]:
    """Return the days' weeks, oldest first."""
    weeks: dict[date, Period] = {}
    for day in days:
        monday = day.begins - timedelta(days=day.begins.weekday())
        week = weeks.get(monday, Period(monday, 0))
        weeks[monday] = replace(
            week,
            questions=week.questions + day.questions,
            liked=week.liked + day.liked,
            disliked=week.disliked + day.disliked,
        )
    return [weeks[monday] for monday in sorted(weeks)]


class Rating(StrEnum):
    """What may be thought of an answer; the values are what is stored."""

    UP = "up"
    DOWN = "down"


# Skin tones follow the thumb as a sign of their own.
_BY_EMOJI = {"👍": Rating.UP, "👎": Rating.DOWN}


def parse_rating(word: str) -> Rating | None:
    """Return the rating that a button names, None for no such word."""
    return Rating(word) if word in set(Rating) else None


def rating_from_reactions(emojis: Sequence[str]) -> Rating | None:
    """Return the rating that reactions say; the newest thumb counts, None without any."""
    thumbs = [_BY_EMOJI[emoji[:1]] for emoji in emojis if emoji[:1] in _BY_EMOJI]
    return thumbs[-1] if thumbs else None


class Ratings(BotRepository):
    """What people think of one bot's answers: one row a person and turn."""

    @transaction
    def rate(self, turn_id: int, user_id: int, rating: Rating | None) -> None:
        """Keep what the person thinks of a turn; None forgets it."""
        if rating is None:
            self.db.change(RATING.delete().where(_this(turn_id, user_id)))
            return
        key = {"turn_id": turn_id, "user_id": user_id}
        newest = {"value": rating.value, "at": iso(self._clock())}
        self.db.upsert(RATING, key, newest)

    def of(self, turn_id: int, user_id: int) -> Rating | None:
        """Return what the person thinks of a turn, None for nothing."""
        found = self.db.value(RATING.select(RATING.value).where(_this(turn_id, user_id)))
        return None if found is None else Rating(found)

    def turn_at(self, chat_id: int, message_id: int) -> int | None:
        """Return the turn that a message of the bot's shows, None for any other message."""
        mine = (TURN.bot_id == self._bot_id) & (TURN.placeholder_id == message_id)
        here = TURN.select(TURN.id).join(SESSION, on=(SESSION.id == TURN.session_id))
        found = self.db.value(here.where(mine & (SESSION.chat_id == chat_id)))
        if found is None:
            # Through the outbox went a whole answer, or the tail of one.
            sent = (OUTGOING.chat_id == chat_id) & (OUTGOING.message_id == message_id)
            told = (TURN.bot_id == OUTGOING.bot_id) & (TURN.update_id == OUTGOING.update_id)
            joined = OUTGOING.select(TURN.id).join(TURN, on=told)
            found = self.db.value(joined.where(sent & (OUTGOING.bot_id == self._bot_id)))
        return None if found is None else int(found)

    def thumbs(self, model_id: str) -> Counter[Rating]:
        """Return how many people thought what of a model's answers."""
        count = fn.COUNT(RATING.user_id).alias("count")
        query = RATING.select(RATING.value, count).join(TURN, on=(TURN.id == RATING.turn_id))
        rows = self.db.rows(query.where(TURN.model_id == model_id).group_by(RATING.value))
        return Counter({Rating(row["value"]): int(row["count"]) for row in rows})


def count_dislikers(db: Database, model_id: str, since: datetime) -> int:
    """Return how many people pressed 👎 under answers that a model gave since then."""
    is_down = (RATING.value == Rating.DOWN.value) & (RATING.at >= iso(since))
    people = RATING.select(fn.COUNT(RATING.user_id.distinct())).join(TURN, on=_rated())
    mine = (TURN.model_id == model_id) & (TURN.asked_at >= iso(since))
    return int(db.value(people.where(is_down & mine)))


def _this(turn_id: int, user_id: int) -> Any:
    return (RATING.turn_id == turn_id) & (RATING.user_id == user_id)


# What was asked in these can be an example: a picture or a whole document cannot.
EXAMPLE_FORMATS = frozenset({"text", "voice"})
_DAY_LETTERS = 10
# By its name: to PostgreSQL the expression with parameters of its own would be another one.
_BY_DAY = SQL("day")


class QuestionStatistics(Repository):
    """The turns of all bots, looked at by what they are about."""

    def __init__(self, db: Database, default_dataset: str | None = None) -> None:
        super().__init__(db)
        self._default = default_dataset

    def days(self, dataset: str, since: date) -> list[Period]:
        """Return the days on which anything was asked, oldest first."""
        day = fn.SUBSTR(TURN.asked_at, 1, _DAY_LETTERS).alias("day")
        asked = TURN.select(day, fn.COUNT(TURN.id).alias("count"))
        counts = self._about(asked, dataset, since).group_by(_BY_DAY)
        liked = TURN.select(day, *_thumbs()).join(RATING, on=_rated())
        thumbs = self._about(liked, dataset, since).group_by(_BY_DAY)
        found = {row["day"]: row for row in self.db.rows(thumbs)}
        return [
            Period(
                date.fromisoformat(row["day"]),
                int(row["count"]),
                liked=int(found.get(row["day"], {}).get("liked") or 0),
                disliked=int(found.get(row["day"], {}).get("disliked") or 0),
            )
            for row in sorted(self.db.rows(counts), key=lambda row: str(row["day"]))
        ]

    def disliked(self, dataset: str, since: date, limit: int) -> list[DislikedAnswer]:
        """Return the least liked answers first; only of people whose consent counts now."""
        columns = (TURN.id, TURN.asked_at, TURN.question, TURN.answer, TURN.model_id)
        rated = TURN.select(*columns, *_thumbs()).join(RATING, on=_rated())
        mine = self._about(rated, dataset, since).where(_is_willing())
        up, down = _sum(Rating.UP), _sum(Rating.DOWN)
        least = mine.group_by(*columns).having(down > 0)
        worst_first = ((down - up).desc(), TURN.id.desc())
        rows = self.db.rows(least.order_by(*worst_first).limit(limit))
        return [
            DislikedAnswer(
                at=from_iso(row["asked_at"]),
                question=decrypt(self.db.cipher, row["question"]) or "",
                answer=decrypt(self.db.cipher, row["answer"]) or "",
                model=row["model_id"],
                liked=int(row["liked"]),
                disliked=int(row["disliked"]),
            )
            for row in rows
        ]

    def newest_questions(self, dataset: str, limit: int) -> list[str]:
        """Return the last questions of people whose consent counts now, newest first."""
        every = self._about(TURN.select(TURN.question), dataset, date.min)
        mine = every.where(_is_willing() & TURN.format.in_(sorted(EXAMPLE_FORMATS)))
        rows = self.db.rows(mine.order_by(TURN.id.desc()).limit(limit))
        return [words for row in rows if (words := decrypt(self.db.cipher, row["question"]))]

    def liked(self, dataset: str, limit: int) -> list[LikedAnswer]:
        """Return liked answers that nobody proposed as an example yet, newest first.

        Of people whose consent counts now.
        """
        columns = (TURN.id, TURN.user_id, TURN.question, TURN.answer)
        rated = TURN.select(*columns, *_thumbs()).join(RATING, on=_rated())
        is_proposed = TURN.id.in_(PROPOSAL.select(PROPOSAL.turn_id))
        is_answered = TURN.known.is_null() | (TURN.known != 0)
        can_be_example = TURN.format.in_(sorted(EXAMPLE_FORMATS)) & ~is_proposed & is_answered
        mine = self._about(rated, dataset, date.min).where(_is_willing() & can_be_example)
        best = mine.group_by(*columns).having((_sum(Rating.UP) > 0) & (_sum(Rating.DOWN) == 0))
        found = []
        for row in self.db.rows(best.order_by(TURN.id.desc()).limit(limit)):
            said = (decrypt(self.db.cipher, row[name]) for name in ("question", "answer"))
            found.append(LikedAnswer(row["id"], row["user_id"], *(words or "" for words in said)))
        return [each for each in found if each.question and each.answer]

    def unanswered(self, dataset: str, since: date, limit: int) -> list[UnansweredQuestion]:
        """Return the questions that were refused or whose answer was disliked, newest first.

        Of people without consent too; they are marked so.
        """
        down = RATING.select(RATING.turn_id).where(RATING.value == Rating.DOWN.value)
        is_disliked, is_refused = TURN.id.in_(down), TURN.known == 0
        columns = (TURN.id, TURN.asked_at, TURN.question, TURN.known)
        flags = is_disliked.alias("is_disliked"), _is_willing().alias("is_shown")
        asked = self._about(TURN.select(*columns, *flags), dataset, since)
        can_be_example = TURN.format.in_(sorted(EXAMPLE_FORMATS))
        these = asked.where((is_refused | is_disliked) & can_be_example)
        found = []
        for row in self.db.rows(these.order_by(TURN.id.desc()).limit(limit)):
            words = decrypt(self.db.cipher, row["question"])
            is_so = {Reason.REFUSED: row["known"] == 0, Reason.DISLIKED: row["is_disliked"]}
            reasons = frozenset(reason for reason, so in is_so.items() if so)
            at, is_shown = from_iso(row["asked_at"]), bool(row["is_shown"])
            if words:
                found.append(UnansweredQuestion(row["id"], words, at, reasons, is_shown))
        return found

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


def _is_willing() -> Any:
    """Return the condition that who asked lets editors see the question, as of now."""
    has_given = CONSENT.given_at.is_null(False)  # noqa: FBT003 - peewee's own signature
    counts = has_given & CONSENT.revoked_at.is_null() & (CONSENT.text_version >= QUESTIONS_SEEN)
    willing = CONSENT.select(CONSENT.user_id).where((CONSENT.kind == TRAINING) & counts)
    return TURN.user_id.in_(willing)


def _rated() -> Any:
    return RATING.turn_id == TURN.id


def _thumbs() -> tuple[Any, Any]:
    """Return the columns that count who liked and who did not."""
    return _sum(Rating.UP).alias("liked"), _sum(Rating.DOWN).alias("disliked")


def _sum(rating: Rating) -> Any:
    return fn.SUM(Case(None, ((RATING.value == rating.value, 1),), 0))
