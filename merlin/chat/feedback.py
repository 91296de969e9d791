"""Ratings of answers, what people ask about a course, and what they asked in vain.

A second press of the same rating button takes it back. Statistics name nobody: they show numbers,
and the words of those who allowed it. Questions that ask nearly the same
(`merlin.dataset.near_questions`) are one group. What editors dismissed is kept by keyed hashes.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any

from peewee import SQL, Case, Select, fn

from merlin.account.users import QUESTIONS_SEEN, TRAINING
from merlin.chat.sessions import IN_USE, SUMMARY
from merlin.core.clock import from_iso, iso
from merlin.dataset.example import normalise
from merlin.dataset.near_questions import find_near_questions, near_key
from merlin.db.database import BotRepository, Database, Repository, transaction
from merlin.db.tables import (
    CONSENT,
    DISMISSED_QUESTION,
    MODEL,
    OUTGOING,
    PROPOSAL,
    RATING,
    SESSION,
    TOLD_QUESTION,
    TURN,
)
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
        self.db.upsert(RATING, key, {"value": rating.value, "at": iso(self._clock())})

    def of(self, turn_id: int, user_id: int) -> Rating | None:
        """Return what the person thinks of a turn, None for nothing."""
        found = self.db.value(RATING.select(RATING.value).where(_this(turn_id, user_id)))
        return None if found is None else Rating(found)

    def turn_at(self, chat_id: int, message_id: int) -> int | None:
        """Return the turn that a message of the bot's shows, None for any other message."""
        condition = (TURN.bot_id == self._bot_id) & (TURN.placeholder_id == message_id)
        query = TURN.select(TURN.id).join(SESSION, on=(SESSION.id == TURN.session_id))
        found = self.db.value(query.where(condition & (SESSION.chat_id == chat_id)))
        if found is None:
            # Through the outbox went a whole answer, or the tail of one.
            sent = (OUTGOING.chat_id == chat_id) & (OUTGOING.message_id == message_id)
            same_update = (TURN.bot_id == OUTGOING.bot_id) & (TURN.update_id == OUTGOING.update_id)
            joined = OUTGOING.select(TURN.id).join(TURN, on=same_update)
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
    condition = (TURN.model_id == model_id) & (TURN.asked_at >= iso(since))
    return int(db.value(people.where(is_down & condition)))


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
        query = TURN.select(day, fn.COUNT(TURN.id).alias("count"))
        counts = self._about(query, dataset, since).group_by(_BY_DAY)
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
            texts = (decrypt(self.db.cipher, row[name]) for name in ("question", "answer"))
            found.append(LikedAnswer(row["id"], row["user_id"], *(words or "" for words in texts)))
        return [each for each in found if each.question and each.answer]

    def unanswered(self, dataset: str, since: date, limit: int) -> list[UnansweredQuestion]:
        """Return the questions that were refused or whose answer was disliked, newest first.

        Of people without consent too; they are marked so.
        """
        down = RATING.select(RATING.turn_id).where(RATING.value == Rating.DOWN.value)
        is_disliked, is_refused = TURN.id.in_(down), TURN.known == 0
        columns = (TURN.id, TURN.asked_at, TURN.question, TURN.known)
        flags = is_disliked.alias("is_disliked"), _is_willing().alias("is_shown")
        query = self._about(TURN.select(*columns, *flags), dataset, since)
        can_be_example = TURN.format.in_(sorted(EXAMPLE_FORMATS))
        these = query.where((is_refused | is_disliked) & can_be_example)
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
        condition = SESSION.dataset == dataset
        if dataset == self._default:
            condition |= SESSION.dataset.is_null()
        else:
            taught = MODEL.select(MODEL.model_id).where(MODEL.dataset == dataset)
            condition |= SESSION.dataset.is_null() & TURN.model_id.in_(taught)
        counts = (TURN.is_replaced == 0) & (TURN.format != SUMMARY) & IN_USE
        joined = query.join(SESSION, on=(SESSION.id == TURN.session_id))
        return joined.where(condition & counts & (TURN.asked_at >= since.isoformat()))


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


class Reason(StrEnum):
    """Why a question counts: it was refused, its answer disliked, its editors told."""

    REFUSED = "refused"
    DISLIKED = "disliked"
    TOLD = "told"


@dataclass(frozen=True, slots=True)
class UnansweredQuestion:
    """One question; `turn_id` 0: of no stored turn. `is_shown`: its author lets it be read."""

    turn_id: int
    words: str
    at: datetime
    reasons: frozenset[Reason]
    is_shown: bool


@dataclass(frozen=True, slots=True)
class QuestionGroup:
    """Questions that ask nearly the same, newest first."""

    questions: Sequence[UnansweredQuestion]

    @property
    def forms(self) -> list[str]:
        """Return their different words in normal form."""
        return list(dict.fromkeys(normalise(question.words) for question in self.questions))

    @property
    def wordings(self) -> list[tuple[str, int]]:
        """Return the words that may be shown with how often they were asked, most often first."""
        return Counter(
            question.words for question in self.questions if question.is_shown
        ).most_common()

    def last(self, reason: Reason | None = None) -> datetime | None:
        """Return when one was asked last, for this reason; None for never."""
        times = (
            question.at
            for question in self.questions
            if reason is None or reason in question.reasons
        )
        return next(times, None)

    def count(self, reason: Reason) -> int:
        """Return how many count for this reason."""
        return sum(reason in question.reasons for question in self.questions)


def group_questions(questions: Iterable[UnansweredQuestion]) -> list[QuestionGroup]:
    """Return the groups of questions that come newest first; the newest group is the first."""
    by_form = defaultdict[str, list[UnansweredQuestion]](list)
    forms = defaultdict[str, list[str]](list)
    for question in questions:
        form = normalise(question.words)
        if form not in by_form:
            forms[near_key(form)].append(form)
        by_form[form].append(question)
    first: dict[str, str] = {}
    for alike in forms.values():
        for later, earlier in find_near_questions(alike):
            first[alike[later]] = first.get(alike[earlier], alike[earlier])
    groups = defaultdict[str, list[UnansweredQuestion]](list)
    for form, same in by_form.items():
        groups[first.get(form, form)] += same
    newest = [sorted(group, key=lambda one: one.at, reverse=True) for group in groups.values()]
    return [QuestionGroup(each) for each in sorted(newest, key=lambda each: each[0].at)][::-1]


class EditorQuestions(Repository):
    """Questions that people want editors to see, masked and sealed; those that editors dismissed.

    Dismissed ones are kept by keyed hashes of their normal forms.
    """

    @transaction
    def add(self, user_id: int, dataset: str, text: str, turn_id: int, most: int) -> bool:
        """Keep a question, a turn's once; return False where they told `most` in this week."""
        condition, now = TOLD_QUESTION.user_id == user_id, self._clock()
        if turn_id and self.db.count(TOLD_QUESTION, condition & (TOLD_QUESTION.turn_id == turn_id)):
            return True
        is_new = TOLD_QUESTION.at >= iso(now - timedelta(days=7))
        if self.db.count(TOLD_QUESTION, condition & is_new) >= most:
            return False
        row = {
            "user_id": user_id,
            "dataset": dataset,
            "question": self.db.cipher.seal(text),
            "turn_id": turn_id or None,
            "at": iso(now),
        }
        self.db.add(TOLD_QUESTION, row)
        return True

    def forget(self, user_id: int) -> None:
        """Forget what somebody told."""
        self.db.change(TOLD_QUESTION.delete().where(TOLD_QUESTION.user_id == user_id))

    def since(self, dataset: str, since: date) -> list[UnansweredQuestion]:
        """Return what was told of a dataset from this day on, newest first."""
        condition = (TOLD_QUESTION.dataset == dataset) & (TOLD_QUESTION.at >= since.isoformat())
        query = TOLD_QUESTION.select().where(condition).order_by(TOLD_QUESTION.id.desc())
        read = ((row, decrypt(self.db.cipher, row["question"])) for row in self.db.rows(query))
        reasons = frozenset({Reason.TOLD})
        return [
            UnansweredQuestion(
                row["turn_id"] or 0, words, from_iso(row["at"]), reasons, is_shown=True
            )
            for row, words in read
            if words
        ]

    def dismiss(self, dataset: str, forms: Sequence[str], by_whom: str) -> None:
        """Keep these questions out of the list."""
        values = {"by_whom": by_whom, "at": iso(self._clock())}
        for form in forms:
            self.db.upsert(
                DISMISSED_QUESTION, {"dataset": dataset, "mark": self.mark(form)}, values
            )

    def restore(self, dataset: str, forms: Sequence[str]) -> None:
        """Take these questions back into the list."""
        marks = [mark for form in forms for mark in self.db.cipher.marks(form)]
        condition = (DISMISSED_QUESTION.dataset == dataset) & DISMISSED_QUESTION.mark.in_(marks)
        self.db.change(DISMISSED_QUESTION.delete().where(condition))

    def mark(self, form: str) -> str:
        """Return what a question is kept and named by."""
        return self.db.cipher.marks(form)[0]

    def among(self, dataset: str, groups: Sequence[QuestionGroup]) -> set[int]:
        """Return the places of the groups that were dismissed."""
        query = DISMISSED_QUESTION.select(DISMISSED_QUESTION.mark)
        rows = self.db.rows(query.where(DISMISSED_QUESTION.dataset == dataset))
        marks = {row["mark"] for row in rows}
        return {
            place
            for place, group in enumerate(groups)
            if any(not marks.isdisjoint(self.db.cipher.marks(form)) for form in group.forms)
        }


def join_told(
    questions: Sequence[UnansweredQuestion], unanswered_questions: Sequence[UnansweredQuestion]
) -> list[UnansweredQuestion]:
    """Return both, a turn once: one that was told counts for that reason too."""
    turns = {
        unanswered_question.turn_id: unanswered_question
        for unanswered_question in unanswered_questions
        if unanswered_question.turn_id
    }
    joined = [
        replace(question, reasons=question.reasons | turns.pop(question.turn_id).reasons)
        if question.turn_id in turns
        else question
        for question in questions
    ]
    return joined + [
        unanswered_question
        for unanswered_question in unanswered_questions
        if not unanswered_question.turn_id or unanswered_question.turn_id in turns
    ]
