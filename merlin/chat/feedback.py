"""Ratings of answers, statistics of questions, and unanswered questions.

Statistics are anonymous: they show numbers, and questions only of users who consented.
Near-duplicate questions (`merlin.dataset.near_questions`) form a group. Dismissed questions are
stored as keyed hashes.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any

from peewee import JOIN, SQL, Case, Select, fn

from merlin.account.users import QUESTIONS_SEEN, TRAINING
from merlin.core.clock import from_iso, iso
from merlin.core.views import INTERNAL, described
from merlin.dataset.builds import is_in_build
from merlin.dataset.example import normalise
from merlin.dataset.near_questions import find_near_questions, near_key
from merlin.dataset.sensitive import mask_personal_data
from merlin.db.database import BotRepository, Database, Repository, transaction
from merlin.db.tables import (
    CONSENT,
    DISMISSED_QUESTION,
    MODEL,
    OUTGOING,
    RATED_EXAMPLE,
    RATING,
    SESSION,
    TAUGHT_EXAMPLE,
    TOLD_QUESTION,
    TURN,
)
from merlin.db.values import decrypt
from merlin.training.models import find_rated_examples


@dataclass(frozen=True, slots=True)
class Day:
    """The number of questions in a day (UTC); `liked` and `disliked` are those of rated answers."""

    at: date
    questions: int
    liked: int = 0
    disliked: int = 0


@dataclass(frozen=True, slots=True)
class RatedAnswer:
    """A rated answer; `user_id` asked the question and has consented to its use."""

    at: datetime
    question: str
    answer: str
    model: str
    liked: int
    disliked: int
    turn_id: int = field(metadata=INTERNAL)
    user_id: int = field(metadata=INTERNAL)
    build: str | None = described("Build of the model; null if it was not tuned here.", None)

    def mask(self, language: str) -> RatedAnswer:
        """Return it with the personal data of both texts masked."""
        question, answer = (
            mask_personal_data(text, language).words for text in (self.question, self.answer)
        )
        return replace(self, question=question, answer=answer)


class Rating(StrEnum):
    """The rating of an answer."""

    # The values are stored in the database.
    UP = "up"
    DOWN = "down"


class Ratings(BotRepository):
    """Ratings of one bot's answers: one row for each user and turn."""

    @transaction
    def rate(self, turn_id: int, user_id: int, rating: Rating | None) -> None:
        """Store a user's rating of a turn, with the examples behind the answer; None deletes it."""
        if rating is None:
            self.db.delete(RATING, _is_by(turn_id, user_id))
            return
        key = {"turn_id": turn_id, "user_id": user_id}
        self.db.upsert(RATING, key, {"value": rating.value, "at": iso(self._clock())})
        turn = self.db.row(TURN.select().where(TURN.id == turn_id))
        if (
            turn
            and turn["model_id"]
            and not self.db.has(RATED_EXAMPLE, RATED_EXAMPLE.turn_id == turn_id)
        ):
            texts = (decrypt(self.db.cipher, turn[name]) or "" for name in ("question", "answer"))
            found = find_rated_examples(self.db, turn["model_id"], *texts)
            self.db.add_missing(RATED_EXAMPLE, (row | {"turn_id": turn_id} for row in found))

    def find(self, turn_id: int, user_id: int) -> Rating | None:
        """Return a user's rating of a turn, None without one."""
        value = self.db.value(RATING.select(RATING.value).where(_is_by(turn_id, user_id)))
        return None if value is None else Rating(value)

    def find_turn(self, chat_id: int, message_id: int) -> int | None:
        """Return the turn that a message of the bot shows, None for any other message."""
        condition = self._match(TURN, placeholder_id=message_id)
        query = TURN.select(TURN.id).join(SESSION, on=(SESSION.id == TURN.session_id))
        turn_id = self.db.value(query.where(condition & (SESSION.chat_id == chat_id)))
        if turn_id is None:
            # The outbox sent the answer, or its last part.
            is_sent = self._match(OUTGOING, chat_id=chat_id, message_id=message_id)
            same_update = (TURN.bot_id == OUTGOING.bot_id) & (TURN.update_id == OUTGOING.update_id)
            by_outgoing = OUTGOING.select(TURN.id).join(TURN, on=same_update)
            turn_id = self.db.value(by_outgoing.where(is_sent))
        return None if turn_id is None else int(turn_id)

    def thumbs(self, model_id: str) -> Counter[Rating]:
        """Return the number of ratings of a model's answers."""
        count = fn.COUNT(RATING.user_id).alias("count")
        query = RATING.select(RATING.value, count).join(TURN, on=(TURN.id == RATING.turn_id))
        rows = self.db.rows(query.where(TURN.model_id == model_id).group_by(RATING.value))
        return Counter({Rating(row["value"]): int(row["count"]) for row in rows})


def _is_by(turn_id: int, user_id: int) -> Any:
    return (RATING.turn_id == turn_id) & (RATING.user_id == user_id)


# Formats whose questions can become examples; a picture or a whole document cannot.
EXAMPLE_FORMATS = frozenset({"text", "voice"})
_DAY_LETTERS = 10
# Grouped by name: PostgreSQL treats the expression with other parameters as a different one.
_BY_DAY = SQL("day")


class QuestionStatistics(Repository):
    """Statistics over the turns of all bots, by dataset."""

    def __init__(self, db: Database, default_dataset: str | None = None) -> None:
        super().__init__(db)
        self._default = default_dataset

    def days(self, dataset: str, since: date) -> list[Day]:
        """Return the days with questions, oldest first."""
        day = fn.SUBSTR(TURN.asked_at, 1, _DAY_LETTERS).alias("day")
        # A turn of a group may have several ratings.
        query = TURN.select(day, fn.COUNT(TURN.id.distinct()), *_rating_counts())
        query = query.join(RATING, JOIN.LEFT_OUTER, on=_is_rated())
        days = self._about(query, dataset, since).group_by(_BY_DAY).order_by(_BY_DAY)
        return [
            Day(date.fromisoformat(at), *map(int, counts)) for at, *counts in self.db.tuples(days)
        ]

    def count_by_dataset(self, since: date) -> tuple[Counter[str | None], Counter[str | None]]:
        """Return the numbers of questions and of disliked answers, each by dataset."""
        model = Case(None, ((SESSION.dataset.is_null(), TURN.model_id),)).alias("answered_by")
        counts = fn.COUNT(TURN.id.distinct()), _count_rating(Rating.DOWN)
        query = TURN.select(SESSION.dataset, model, *counts)
        query = query.join(RATING, JOIN.LEFT_OUTER, on=_is_rated())
        query = _select_counted(query, since).group_by(SESSION.dataset, SQL("answered_by"))
        rows = self.db.tuples(query)
        is_used = MODEL.model_id.in_([model_id for _, model_id, *_ in rows if model_id])
        tuned = set(self.db.tuples(MODEL.select(MODEL.model_id, MODEL.dataset).where(is_used)))
        questions, disliked = Counter[str | None](), Counter[str | None]()
        for dataset, model_id, asked, down in rows:
            own = {each for name, each in tuned if name == model_id} | {self._default}
            for each in {dataset} if dataset is not None else own:
                questions[each] += int(asked)
                disliked[each] += int(down)
        return questions, disliked

    def list_disliked(self, dataset: str, since: date, limit: int) -> list[RatedAnswer]:
        """Return the disliked answers to users with a valid consent, the most disliked first."""
        up, down = _count_rating(Rating.UP), _count_rating(Rating.DOWN)
        disliked = self._select_rated(dataset, since).having(down > 0)
        worst_first = ((down - up).desc(), TURN.id.desc())
        return self._read_rated(disliked.order_by(*worst_first).limit(limit))

    def list_rated(self, dataset: str, example_id: str, limit: int) -> list[RatedAnswer]:
        """Return the rated answers of an example to users with a valid consent, newest first."""
        this = (RATED_EXAMPLE.dataset == dataset) & (RATED_EXAMPLE.example_id == example_id)
        turns = RATED_EXAMPLE.select(RATED_EXAMPLE.turn_id).where(this)
        rated = _select_counted(_select_rated_turns(), date.min).where(TURN.id.in_(turns))
        return self._read_rated(rated.order_by(TURN.id.desc()).limit(limit))

    def list_disliked_examples(self, dataset: str, build_id: int, limit: int) -> list[str]:
        """Return the examples of a build whose text, as it is there, led to a disliked answer.

        Only answers to users with a valid consent count.
        """
        is_same = RATED_EXAMPLE.text_digest == TAUGHT_EXAMPLE.text_digest
        is_same &= RATED_EXAMPLE.example_id == TAUGHT_EXAMPLE.example_id
        is_down = (RATED_EXAMPLE.dataset == dataset) & (RATING.value == Rating.DOWN.value)
        query = RATED_EXAMPLE.select(RATED_EXAMPLE.example_id).distinct()
        query = query.join(TAUGHT_EXAMPLE, on=is_same & is_in_build(build_id, dataset))
        query = query.join(RATING, on=(RATING.turn_id == RATED_EXAMPLE.turn_id))
        query = query.join(TURN, on=_is_rated()).where(is_down & _has_consent())
        return [name for (name,) in self.db.tuples(_select_counted(query, date.min).limit(limit))]

    def _select_rated(self, dataset: str, since: date) -> Select:
        return self._about(_select_rated_turns(), dataset, since)

    def _read_rated(self, query: Select) -> list[RatedAnswer]:
        return [
            RatedAnswer(
                at=from_iso(row["asked_at"]),
                question=decrypt(self.db.cipher, row["question"]) or "",
                answer=decrypt(self.db.cipher, row["answer"]) or "",
                model=row["model_id"],
                liked=int(row["liked"]),
                disliked=int(row["disliked"]),
                turn_id=row["id"],
                user_id=row["user_id"],
            )
            for row in self.db.rows(query)
        ]

    def list_unanswered(self, dataset: str, since: date, limit: int) -> list[UnansweredQuestion]:
        """Return the questions that were refused or whose answer was disliked, newest first.

        Includes users without consent: `is_shown` is then false.
        """
        disliked = RATING.select(RATING.turn_id).where(RATING.value == Rating.DOWN.value)
        is_disliked, is_refused = TURN.id.in_(disliked), TURN.known == 0
        columns = (TURN.id, TURN.asked_at, TURN.question, TURN.known)
        flags = is_disliked.alias("is_disliked"), _has_consent().alias("is_shown")
        query = self._about(TURN.select(*columns, *flags), dataset, since)
        can_be_example = TURN.format.in_(sorted(EXAMPLE_FORMATS))
        matching = query.where((is_refused | is_disliked) & can_be_example)
        questions = []
        for row in self.db.rows(matching.order_by(TURN.id.desc()).limit(limit)):
            text = decrypt(self.db.cipher, row["question"])
            has_reason = {Reason.REFUSED: row["known"] == 0, Reason.DISLIKED: row["is_disliked"]}
            reasons = frozenset(reason for reason, applies in has_reason.items() if applies)
            at, is_shown = from_iso(row["asked_at"]), bool(row["is_shown"])
            if text:
                questions.append(UnansweredQuestion(row["id"], text, at, reasons, is_shown))
        return questions

    def find_turn_before(self, turn_id: int) -> tuple[str, str] | None:
        """Return the question and the answer of the session's turn before a turn, None without one.

        Only if the same person asked both and has a valid consent, and the answer was known.
        """
        turn = self.db.row(TURN.select(TURN.session_id, TURN.user_id).where(TURN.id == turn_id))
        if turn is None:
            return None
        in_session = (TURN.session_id == turn["session_id"]) & (TURN.id < turn_id)
        columns = (TURN.question, TURN.answer, TURN.user_id, TURN.known, TURN.format)
        query = TURN.select(*columns, _has_consent().alias("is_shown"))
        newest = _select_counted(query, date.min).where(in_session & (TURN.answer != ""))
        row = self.db.row(newest.order_by(TURN.id.desc()).limit(1))
        if row is None or row["user_id"] != turn["user_id"] or not row["is_shown"]:
            return None
        if row["known"] == 0 or row["format"] not in EXAMPLE_FORMATS:
            return None
        question, answer = (decrypt(self.db.cipher, row[name]) for name in ("question", "answer"))
        return (question, answer) if question and answer else None

    def _about(self, query: Select, dataset: str, since: date) -> Select:
        """Add the conditions for the counted turns of a dataset since a day to a SELECT."""
        condition = SESSION.dataset == dataset
        if dataset == self._default:
            condition |= SESSION.dataset.is_null()
        else:
            models = MODEL.select(MODEL.model_id).where(MODEL.dataset == dataset)
            condition |= SESSION.dataset.is_null() & TURN.model_id.in_(models)
        return _select_counted(query, since).where(condition)


def _select_counted(query: Select, since: date) -> Select:
    """Add the session of each turn, and the condition for those counted since a day."""
    is_counted = TURN.is_replaced == 0
    turns = query.join(SESSION, on=(SESSION.id == TURN.session_id))
    return turns.where(is_counted & (TURN.asked_at >= since.isoformat()))


def _select_rated_turns() -> Select:
    """Return the SELECT of rated turns of users with a valid consent."""
    columns = (TURN.id, TURN.user_id, TURN.asked_at, TURN.question, TURN.answer, TURN.model_id)
    query = TURN.select(*columns, *_rating_counts()).join(RATING, on=_is_rated())
    return query.where(_has_consent()).group_by(*columns)


def _has_consent() -> Any:
    """Return the condition that the author currently allows editors to see the question."""
    is_given = CONSENT.given_at.is_null(is_null=False)
    is_valid = is_given & CONSENT.revoked_at.is_null() & (CONSENT.text_version >= QUESTIONS_SEEN)
    users = CONSENT.select(CONSENT.user_id).where((CONSENT.kind == TRAINING) & is_valid)
    return TURN.user_id.in_(users)


def _is_rated() -> Any:
    return RATING.turn_id == TURN.id


def _rating_counts() -> tuple[Any, Any]:
    """Return the columns with the numbers of likes and dislikes."""
    return _count_rating(Rating.UP).alias("liked"), _count_rating(Rating.DOWN).alias("disliked")


def _count_rating(rating: Rating) -> Any:
    return fn.SUM(Case(None, ((RATING.value == rating.value, 1),), 0))


class Reason(StrEnum):
    """Why a question is listed: refused, its answer disliked, or reported to editors."""

    REFUSED = "refused"
    DISLIKED = "disliked"
    REPORTED = "told"


@dataclass(frozen=True, slots=True)
class UnansweredQuestion:
    """A question; `turn_id` 0: no stored turn. `is_shown`: its author lets editors read it."""

    turn_id: int
    text: str
    at: datetime
    reasons: frozenset[Reason]
    is_shown: bool


@dataclass(frozen=True, slots=True)
class QuestionGroup:
    """Near-duplicate questions, newest first."""

    questions: Sequence[UnansweredQuestion]

    @property
    def forms(self) -> list[str]:
        """Return the distinct normalised questions."""
        return list(dict.fromkeys(normalise(question.text) for question in self.questions))

    @property
    def wordings(self) -> list[tuple[str, int]]:
        """Return the questions that may be shown with their counts, most frequent first."""
        return Counter(
            question.text for question in self.questions if question.is_shown
        ).most_common()

    def last(self, reason: Reason) -> datetime | None:
        """Return the time of the newest question with this reason; None without one."""
        times = (question.at for question in self.questions if reason in question.reasons)
        return next(times, None)

    def count(self, reason: Reason) -> int:
        """Return the number of questions with this reason."""
        return sum(reason in question.reasons for question in self.questions)


def group_questions(questions: Iterable[UnansweredQuestion]) -> list[QuestionGroup]:
    """Return groups of near-duplicate questions, the newest group first."""
    by_form = defaultdict[str, list[UnansweredQuestion]](list)
    forms = defaultdict[str, list[str]](list)
    for question in questions:
        form = normalise(question.text)
        if form not in by_form:
            forms[near_key(form)].append(form)
        by_form[form].append(question)
    representatives: dict[str, str] = {}
    for similar in forms.values():
        for later, earlier in find_near_questions(similar):
            earliest = representatives.get(similar[earlier], similar[earlier])
            representatives[similar[later]] = earliest
    groups = defaultdict[str, list[UnansweredQuestion]](list)
    for form, members in by_form.items():
        groups[representatives.get(form, form)] += members
    newest_first = [
        sorted(group, key=lambda question: question.at, reverse=True) for group in groups.values()
    ]
    newest_first.sort(key=lambda group: group[0].at)
    return [QuestionGroup(group) for group in newest_first][::-1]


class EditorQuestions(Repository):
    """Questions that users reported to editors, masked and encrypted; and dismissed questions.

    Dismissed questions are stored as keyed hashes of their normal forms.
    """

    @transaction
    def add(self, user_id: int, dataset: str, text: str, turn_id: int, most: int) -> bool:
        """Store a question, once for each turn; False if the user reported `most` in a week."""
        condition, now = TOLD_QUESTION.user_id == user_id, self._clock()
        if turn_id and self.db.count(TOLD_QUESTION, condition & (TOLD_QUESTION.turn_id == turn_id)):
            return True
        is_recent = TOLD_QUESTION.at >= iso(now - timedelta(days=7))
        if self.db.count(TOLD_QUESTION, condition & is_recent) >= most:
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
        """Delete the questions that a user reported."""
        self.db.delete(TOLD_QUESTION, TOLD_QUESTION.user_id == user_id)

    def list_since(self, dataset: str, since: date) -> list[UnansweredQuestion]:
        """Return the questions reported about a dataset since this day, newest first."""
        condition = (TOLD_QUESTION.dataset == dataset) & (TOLD_QUESTION.at >= since.isoformat())
        query = TOLD_QUESTION.select().where(condition).order_by(TOLD_QUESTION.id.desc())
        decrypted = ((row, decrypt(self.db.cipher, row["question"])) for row in self.db.rows(query))
        reasons = frozenset({Reason.REPORTED})
        return [
            UnansweredQuestion(
                row["turn_id"] or 0, text, from_iso(row["at"]), reasons, is_shown=True
            )
            for row, text in decrypted
            if text
        ]

    def dismiss(self, dataset: str, forms: Sequence[str], by_whom: str) -> None:
        """Dismiss questions from the list."""
        values = {"by_whom": by_whom, "at": iso(self._clock())}
        for form in forms:
            self.db.upsert(
                DISMISSED_QUESTION, {"dataset": dataset, "mark": self.mark(form)}, values
            )

    def restore(self, dataset: str, forms: Sequence[str]) -> None:
        """Restore dismissed questions."""
        marks = [mark for form in forms for mark in self.db.cipher.marks(form)]
        condition = (DISMISSED_QUESTION.dataset == dataset) & DISMISSED_QUESTION.mark.in_(marks)
        self.db.delete(DISMISSED_QUESTION, condition)

    def mark(self, form: str) -> str:
        """Return the keyed hash that identifies a question."""
        return self.db.cipher.marks(form)[0]

    def dismissed_indices(self, dataset: str, groups: Sequence[QuestionGroup]) -> set[int]:
        """Return the indices of the dismissed groups."""
        query = DISMISSED_QUESTION.select(DISMISSED_QUESTION.mark)
        rows = self.db.rows(query.where(DISMISSED_QUESTION.dataset == dataset))
        marks = {row["mark"] for row in rows}
        return {
            index
            for index, group in enumerate(groups)
            if any(not marks.isdisjoint(self.db.cipher.marks(form)) for form in group.forms)
        }


def merge_questions(
    questions: Sequence[UnansweredQuestion], others: Sequence[UnansweredQuestion]
) -> list[UnansweredQuestion]:
    """Merge reported and unanswered questions, each turn once, with the reasons of both."""
    by_turn = {other.turn_id: other for other in others if other.turn_id}
    joined = [
        replace(question, reasons=question.reasons | by_turn.pop(question.turn_id).reasons)
        if question.turn_id in by_turn
        else question
        for question in questions
    ]
    return joined + [other for other in others if not other.turn_id or other.turn_id in by_turn]
