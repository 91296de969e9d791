"""Ratings of answers, statistics of questions, and unanswered questions.

Statistics are anonymous: they show numbers, and questions only of users who consented.
Near-duplicate questions (`merlin.dataset.near_questions`) form a group.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import Any

from peewee import JOIN, SQL, Case, Select, fn

from merlin.chat.turns import UpdateState
from merlin.core.clock import from_iso, in_zone, iso
from merlin.core.messages import Message
from merlin.dataset.evaluation_plan import MAX_READ
from merlin.dataset.example import Example, normalise
from merlin.dataset.layout import example_path
from merlin.dataset.near_questions import (
    find_near_questions,
    near_key,
    needs_turn_before,
)
from merlin.dataset.proposals import ProposalState, rated_prefixes
from merlin.dataset.sensitive import mask_personal_data
from merlin.dataset.spec import KTO, DatasetSpec
from merlin.dataset.verdicts import read_newest_settings
from merlin.db.database import BotRepository, Database, Repository, Row, transaction
from merlin.db.tables import (
    BUILD,
    CONSENT,
    MODEL,
    OUTGOING,
    PROPOSAL,
    RATING,
    REVOKED_EXAMPLE,
    SESSION,
    TURN,
)
from merlin.db.values import decrypt
from merlin.training.evaluation_questions import make_asked
from merlin.training.scores import EvaluationQuestion


class Rating(StrEnum):
    """The rating of an answer."""

    # The values are stored in the database.
    UP = "up"
    DOWN = "down"


class Ratings(BotRepository):
    """Ratings of one bot's answers: one row for each user and turn."""

    @transaction
    def rate(self, turn_id: int, user_id: int, rating: Rating | None) -> None:
        """Store a user's rating of a turn; None deletes it."""
        if rating is None:
            self.db.delete(RATING, _is_by(turn_id, user_id))
            return
        key = {"turn_id": turn_id, "user_id": user_id}
        self.db.upsert(RATING, key, {"value": rating.value})

    def find(self, turn_id: int, user_id: int) -> Rating | None:
        """Return a user's rating of a turn, None without one."""
        value = self.db.value(
            RATING.select(RATING.value).where(_is_by(turn_id, user_id))
        )
        return None if value is None else Rating(value)

    def find_turn(self, chat_id: int, message_id: int) -> int | None:
        """Return the turn that a message of the bot shows, None for any other message."""
        condition = self._match(TURN, placeholder_id=message_id)
        query = TURN.select(TURN.id).join(SESSION, on=(SESSION.id == TURN.session_id))
        turn_id = self.db.value(query.where(condition & (SESSION.chat_id == chat_id)))
        if turn_id is None:
            # The outbox sent the answer, or its last part.
            is_sent = self._match(OUTGOING, chat_id=chat_id, message_id=message_id)
            same_update = (TURN.bot_id == OUTGOING.bot_id) & (
                TURN.update_id == OUTGOING.update_id
            )
            by_outgoing = OUTGOING.select(TURN.id).join(TURN, on=same_update)
            turn_id = self.db.value(by_outgoing.where(is_sent))
        return None if turn_id is None else int(turn_id)

    def thumbs(self, model_id: str) -> Counter[Rating]:
        """Return the number of ratings of a model's answers."""
        number = fn.COUNT(RATING.user_id)
        query = RATING.select(RATING.value, number).join(
            TURN, on=(TURN.id == RATING.turn_id)
        )
        rows = self.db.rows(
            query.where(TURN.model_id == model_id).group_by(RATING.value)
        )
        return Counter({Rating(value): int(number) for value, number in rows})


def _is_by(turn_id: int, user_id: int) -> Any:
    return (RATING.turn_id == turn_id) & (RATING.user_id == user_id)


# Formats whose questions can become examples; a picture or a whole document cannot.
EXAMPLE_FORMATS = frozenset({"text", "voice"})


_ASKED_DAYS = 30
# For the method `kto`: 25 steps an epoch in automatic batches, and some of each kind to compare.
_ENOUGH = 100
_ENOUGH_OF_EACH = 10


class QuestionStatistics(Repository):
    """Statistics over the turns of all bots, by dataset."""

    def __init__(self, db: Database, default_dataset: str | None = None) -> None:
        super().__init__(db)
        self._default = default_dataset

    def count_by_dataset(
        self, since: date
    ) -> tuple[Counter[str | None], Counter[str | None]]:
        """Return the numbers of questions that a model answered and of disliked answers.

        Each by dataset. Neither small talk nor what a plan refused is among them.
        """
        model = Case(None, ((SESSION.dataset.is_null(), TURN.model_id),)).alias(
            "answered_by"
        )
        is_disliked = Case(None, ((RATING.value == Rating.DOWN.value, 1),), 0)
        query = TURN.select(
            SESSION.dataset, model, fn.COUNT(TURN.id.distinct()), fn.SUM(is_disliked)
        )
        query = query.join(RATING, JOIN.LEFT_OUTER, on=_is_rated())
        query = _select_counted(query, since).where(TURN.answer != "")
        query = query.group_by(SESSION.dataset, SQL("answered_by"))
        rows = self.db.rows(query)
        is_used = MODEL.model_id.in_([model_id for _, model_id, *_ in rows if model_id])
        tuned = set(
            self.db.rows(MODEL.select(MODEL.model_id, MODEL.dataset).where(is_used))
        )
        questions = Counter[str | None]()
        disliked = Counter[str | None]()
        for dataset, model_id, asked, down in rows:
            own = {each for name, each in tuned if name == model_id} | {self._default}
            for each in {dataset} if dataset is not None else own:
                questions[each] += int(asked)
                disliked[each] += int(down)
        return questions, disliked

    def count_by_period(
        self, dataset: str, starts: Sequence[datetime]
    ) -> list[Counter[QuestionOutcome]]:
        """Return the numbers of a dataset's questions to a model by outcome, for each period.

        A period ends where the next one starts, the last one has no end. Neither small talk nor
        what a plan refused is among them. Wrong is an answer that a person disliked or corrected.
        """
        is_failed = TURN.ending == UpdateState.FAILED.value
        is_unknown = TURN.known == 0
        disliked = RATING.value == Rating.DOWN.value
        is_wrong = fn.EXISTS(
            RATING.select(RATING.turn_id).where(_is_rated() & disliked)
        )
        outcome = Case(
            None,
            (
                (is_failed, QuestionOutcome.FAILED.value),
                (is_unknown & (TURN.if_meant == 1), QuestionOutcome.IF_MEANT.value),
                (is_unknown & (TURN.nearest != ""), QuestionOutcome.OFFERED.value),
                (is_unknown, QuestionOutcome.REFUSED.value),
                (is_wrong, QuestionOutcome.WRONG.value),
            ),
            QuestionOutcome.ANSWERED.value,
        )
        bounds = [iso(start) for start in starts]
        is_after = [
            (TURN.asked_at >= bound, number) for number, bound in enumerate(bounds)
        ]
        period = Case(None, is_after[::-1]).alias("period")
        count = fn.COUNT(TURN.id)
        query = self._about(
            TURN.select(period, outcome.alias("outcome"), count),
            dataset,
            in_zone(starts[0], UTC).date(),
        )
        query = query.where(
            (TURN.asked_at >= bounds[0]) & (is_failed | (TURN.answer != ""))
        )
        counts = [Counter[QuestionOutcome]() for _ in starts]
        for number, name, questions in self.db.rows(
            query.group_by(SQL("period"), SQL("outcome"))
        ):
            counts[number][QuestionOutcome(name)] = int(questions)
        return counts

    def list_unanswered(
        self, dataset: str, since: date, limit: int, dismissed: int = 0
    ) -> list[UnansweredQuestion]:
        """Return the questions that were refused or whose answer was disliked, newest first.

        A disliked answer that was corrected is among the corrections instead. Without those that an
        editor dismissed, or only those `dismissed` under this number. Includes users without
        consent: `is_shown` is then false.
        """
        disliked = RATING.select(RATING.turn_id).where(
            RATING.value == Rating.DOWN.value
        )
        is_declined = PROPOSAL.state == ProposalState.DECLINED.value
        corrected = PROPOSAL.select(PROPOSAL.turn_id).where(
            (PROPOSAL.turn_id > 0) & ~is_declined
        )
        is_disliked = TURN.id.in_(disliked) & TURN.id.not_in(corrected)
        # Each by an index of its own: few of the turns of a week are listed.
        refused = TURN.select(TURN.id).where(
            (TURN.known == 0) & (TURN.asked_at >= since.isoformat())
        )
        query = self._about(
            TURN.select(
                TURN.id,
                TURN.asked_at,
                TURN.question,
                TURN.known,
                is_disliked.alias("is_disliked"),
                has_consent(TURN.user_id).alias("is_shown"),
            ),
            dataset,
            since,
        )
        can_be_example = TURN.format.in_(sorted(EXAMPLE_FORMATS))
        is_reason = (TURN.known == 0) | is_disliked
        is_listed = (
            TURN.id.in_(refused | disliked)
            & is_reason
            & (TURN.is_dismissed == dismissed)
        )
        matching = query.where(is_listed & can_be_example)
        rows = self.db.rows(matching.order_by(TURN.id.desc()).limit(limit))
        return [
            _unanswered_from_row(row, text)
            for row in rows
            if (text := decrypt(self.db.cipher, row.question))
        ]

    def list_asked(self, dataset: str, since: date, limit: int) -> list[AskedQuestion]:
        """Return questions that people asked lately and let editors read, each once, newest first.

        Without those that continue a conversation.
        """
        query = self._about(TURN.select(TURN.id), dataset, since)
        can_be_asked = TURN.format.in_(sorted(EXAMPLE_FORMATS)) & (TURN.answer != "")
        newest = query.where(has_consent(TURN.user_id) & can_be_asked).order_by(
            TURN.id.desc()
        )
        found: dict[str, AskedQuestion] = {}
        for asked in self.find_asked(
            [row.id for row in self.db.rows(newest.limit(5 * limit))]
        ):
            words = normalise(asked.question)
            if not needs_turn_before(words):
                found.setdefault(words, asked)
        return [*found.values()][:limit]

    def list_asked_lately(
        self, now: datetime, settings: DatasetSpec, limit: int = MAX_READ
    ) -> list[EvaluationQuestion]:
        """Return what people asked a dataset in the last month, as questions to a model."""
        since = (now - timedelta(days=_ASKED_DAYS)).date()
        return [
            make_asked(each.turn_id, each.question, each.answer, settings.system)
            for each in self.list_asked(settings.name, since, limit)
        ]

    def find_asked(self, turn_ids: Sequence[int]) -> list[AskedQuestion]:
        """Return these turns' questions and answers, newest first, of people with a consent."""
        query = TURN.select(TURN.id, TURN.question, TURN.answer).where(
            TURN.id.in_(list(turn_ids)) & has_consent(TURN.user_id)
        )
        return [
            AskedQuestion(row.id, question, answer)
            for row in self.db.rows(query.order_by(TURN.id.desc()))
            if (question := decrypt(self.db.cipher, row.question))
            and (answer := decrypt(self.db.cipher, row.answer))
        ]

    def count_enough(self, dataset: str, now: datetime) -> int:
        """Return how many rated answers no build has, 0 if they are too few for the method `kto`.

        Also 0 if the dataset's trainer does not have it.
        """
        spec = read_newest_settings(self.db, dataset)
        if spec is None or not spec.recipe.is_own_language_model:
            return 0
        since = now - timedelta(weeks=spec.recipe.weeks)
        if spec.recipe.method == KTO:
            newest = BUILD.select(fn.MAX(BUILD.created_at)).where(
                BUILD.dataset == dataset
            )
            since = max(since, from_iso(self.db.value(newest)))
        query = self._rated(dataset, since.date(), RATING.value, fn.COUNT(TURN.id))
        counts = Counter[str](dict(self.db.rows(query.group_by(RATING.value))))
        has_both = min(counts[each.value] for each in Rating) >= _ENOUGH_OF_EACH
        return counts.total() if has_both and counts.total() >= _ENOUGH else 0

    def list_rated(self, dataset: str, since: date, language: str) -> list[Example]:
        """Return the answers that were rated by who had asked, as examples of the method `kto`.

        A bad one is under `rejected`. Only of people whose consent stands, masked; without
        questions that continue a conversation.
        """
        columns = (TURN.id, TURN.user_id, TURN.question, TURN.answer, RATING.value)
        revoked = REVOKED_EXAMPLE.select(REVOKED_EXAMPLE.example_id)
        ids = {row.example_id for row in self.db.rows(revoked)}
        examples = []
        for row in self.db.rows(
            self._rated(dataset, since, *columns).order_by(TURN.id)
        ):
            question, answer = (
                mask_personal_data(
                    decrypt(self.db.cipher, getattr(row, name)) or "", language
                ).words.strip()
                for name in ("question", "answer")
            )
            example_id = f"{rated_prefixes(self.db, row.user_id)[0]}{row.id}"
            is_whole = (
                question and answer and not needs_turn_before(normalise(question))
            )
            if is_whole and example_id not in ids:
                asked = Message("user", question)
                said = Message("assistant", answer)
                is_good = row.value == Rating.UP
                rated = Example(
                    example_id,
                    example_path(example_id),
                    hashlib.sha256(
                        f"{row.value} {question} {answer}".encode()
                    ).hexdigest(),
                    (asked, said) if is_good else (asked,),
                    rejected=None if is_good else said,
                )
                examples.append(rated)
        return examples

    def _rated(self, dataset: str, since: date, *columns: Any) -> Select:
        query = self._about(TURN.select(*columns), dataset, since)
        is_own = _is_rated() & (RATING.user_id == TURN.user_id)
        is_known = TURN.known.is_null() | (TURN.known == 1)
        can_be_example = TURN.format.in_(sorted(EXAMPLE_FORMATS)) & (TURN.answer != "")
        return query.join(RATING, on=is_own).where(
            has_consent(TURN.user_id) & is_known & can_be_example
        )

    def find_turn_before(self, turn_id: int) -> tuple[str, str] | None:
        """Return the question and the answer of the session's turn before a turn, None without one.

        Only if the same person asked both and has a valid consent, and the answer was known.
        """
        turn = self.db.row(
            TURN.select(TURN.session_id, TURN.user_id).where(TURN.id == turn_id)
        )
        if turn is None:
            return None
        in_session = (TURN.session_id == turn.session_id) & (TURN.id < turn_id)
        query = TURN.select(
            TURN.question,
            TURN.answer,
            TURN.user_id,
            TURN.known,
            TURN.format,
            has_consent(TURN.user_id).alias("is_shown"),
        )
        newest = _select_counted(query, date.min).where(
            in_session & (TURN.answer != "")
        )
        row = self.db.row(newest.order_by(TURN.id.desc()).limit(1))
        if row is None or row.user_id != turn.user_id or not row.is_shown:
            return None
        if row.known == 0 or row.format not in EXAMPLE_FORMATS:
            return None
        question, answer = (
            decrypt(self.db.cipher, getattr(row, name))
            for name in ("question", "answer")
        )
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


def has_consent(user_id: Any) -> Any:
    """Return the condition that this person currently allows editors to see their questions."""
    is_given = CONSENT.given_at.is_null(is_null=False)
    is_valid = is_given & CONSENT.revoked_at.is_null()
    users = CONSENT.select(CONSENT.user_id).where(is_valid)
    return user_id.in_(users)


def _is_rated() -> Any:
    return RATING.turn_id == TURN.id


class QuestionOutcome(StrEnum):
    """What a question to a model came to.

    Offered: taught questions, in place of an answer. If meant: the same, and the answer to the
    first of them by its name. Wrong: a person disliked or corrected it.
    """

    ANSWERED = "answered"
    IF_MEANT = "if-meant"
    OFFERED = "offered"
    REFUSED = "refused"
    WRONG = "wrong"
    FAILED = "failed"


class Reason(StrEnum):
    """Why a question is listed: refused, or its answer disliked."""

    REFUSED = "refused"
    DISLIKED = "disliked"


@dataclass(frozen=True, slots=True)
class AskedQuestion:
    """A question of a person with a consent, and the answer then."""

    turn_id: int
    question: str
    answer: str


@dataclass(frozen=True, slots=True)
class UnansweredQuestion:
    """A question; `is_shown`: its author lets editors read it."""

    turn_id: int
    text: str
    at: datetime
    reasons: frozenset[Reason]
    is_shown: bool


def _unanswered_from_row(row: Row, text: str) -> UnansweredQuestion:
    has_reason = {Reason.REFUSED: row.known == 0, Reason.DISLIKED: row.is_disliked}
    reasons = frozenset(reason for reason, applies in has_reason.items() if applies)
    at = from_iso(row.asked_at)
    return UnansweredQuestion(row.id, text, at, reasons, bool(row.is_shown))


@dataclass(frozen=True, slots=True)
class QuestionGroup:
    """Near-duplicate questions, newest first."""

    questions: Sequence[UnansweredQuestion]

    @property
    def forms(self) -> list[str]:
        """Return the distinct normalised questions."""
        return list(
            dict.fromkeys(normalise(question.text) for question in self.questions)
        )

    @property
    def wordings(self) -> list[tuple[str, int]]:
        """Return the questions that may be shown with their counts, most frequent first."""
        return Counter(
            question.text for question in self.questions if question.is_shown
        ).most_common()

    def last(self, reason: Reason) -> datetime | None:
        """Return the time of the newest question with this reason; None without one."""
        times = (
            question.at for question in self.questions if reason in question.reasons
        )
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
        sorted(group, key=lambda question: question.at, reverse=True)
        for group in groups.values()
    ]
    newest_first.sort(key=lambda group: group[0].at)
    return [QuestionGroup(group) for group in newest_first][::-1]
