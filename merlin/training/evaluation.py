"""Compare two models question by question, by the answers that their proofs kept.

An answer is right where it says what was taught (`prompt_check.is_right`); else refused where the
model says that it does not know, or declines; else wrong. A question is common to two builds where
all but its id and the system text is equal.

The difference is that of the shares of right answers on the common questions. Its interval is the
percentile bootstrap of paired differences (Efron 1979), with a fixed seed: the same answers give
the same interval.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from math import sqrt
from types import MappingProxyType
from typing import Literal

from peewee import JOIN

from merlin.core.clock import utc_now
from merlin.core.errors import Refused
from merlin.dataset.builds import taught_in
from merlin.dataset.lint import is_refusal
from merlin.dataset.split import TEST
from merlin.db.database import Database
from merlin.db.tables import EXAMPLE_ENTRY, EXAMPLE_TAG, MODEL, PROOF_ANSWER, TAUGHT_EXAMPLE
from merlin.providers.base import Answer
from merlin.training.baselines import conversation_digest, find_baselines, read_answers
from merlin.training.models import (
    Model,
    Models,
    ModelState,
    Question,
    model_of,
    proof_of,
    question_digest,
    question_key,
    questions_of,
    read_conversations,
    score,
    select_models,
)
from merlin.training.prompt_check import is_right

ENOUGH_QUESTIONS = 40  # fewer let only large differences be told from chance
RESAMPLES, _AT_ONCE = 10_000, 100
_SEED = 20261122
_TAILS = (0.025, 0.975)
_PERCENT = 100
MAX_VERSIONS = 12
_Z = 1.959964  # of the normal distribution, for 95 %


class AnswerKind(StrEnum):
    """What an answer to a test question is."""

    RIGHT = "right"
    WRONG = "wrong"
    REFUSED = "refused"


# What a judge made of answers, by the model's row and the example's id.
Graded = Mapping[tuple[int, str], AnswerKind]
_UNGRADED: Graded = MappingProxyType({})


class Change(StrEnum):
    """How an answer stands beside the other model's; in the order in which they are listed."""

    LOST = "lost"
    GAINED = "gained"
    WRONG = "wrong"  # of both, or of this model alone where the other was not asked
    RIGHT = "right"


# What a comparison says; ends the key of a text `eval-verdict-…`. Unkept: no answers of the other
# model are kept.
Verdict = Literal["unkept", "few", "better", "same", "worse"]


@dataclass(frozen=True, slots=True)
class JudgedAnswer:
    """A kept answer to a test question."""

    question: Question
    answer: Answer
    kind: AnswerKind


@dataclass(frozen=True, slots=True, kw_only=True)
class ProofScores:
    """How many of the questions a model answered how; `exact` word for word, chrF 0..100."""

    model: str
    questions: int
    right: int
    wrong: int
    refused: int
    exact: int
    chrf: float


@dataclass(frozen=True, slots=True, kw_only=True)
class TagScores:
    """The questions of one tag; `right_before` of the `common` ones, as the other model did."""

    tag: str
    questions: int
    right: int
    wrong: int
    refused: int
    common: int
    right_before: int

    @property
    def before(self) -> int | None:
        """Return how many the other model had right, None where it was not asked all."""
        return self.right_before if self.common == self.questions else None

    @property
    def gain(self) -> int:
        """Return how many more are right than before."""
        return 0 if self.before is None else self.right - self.before


@dataclass(frozen=True, slots=True)
class JudgeVotes:
    """What a judge model (PROVIDER/MODEL) said of an answer: readable votes, those for right."""

    judge: str
    votes: int
    right: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparedAnswer:
    """What a model answered to a test question, and the other one, None where it was not asked.

    `digest` names the question when its answer is accepted (`merlin.training.gate`). Tags are those
    of the newest commit; `is_kept`: the example is still there. `judged` is None where no judge was
    asked about the answer.
    """

    example: str
    digest: str
    question: str
    expected: str
    change: Change
    now: str
    kind: AnswerKind
    before: str | None
    kind_before: AnswerKind | None
    tags: list[str]
    is_kept: bool
    judged: JudgeVotes | None


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionScore:
    """How many test questions of its own a model answered rightly.

    `low` and `high` are the 95 % interval of the share, 0..1.
    """

    model_row: int
    model: str
    at: datetime
    questions: int
    right: int
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """A model beside another one, `against`, on their common questions.

    `difference`, `low` and `high` are right answers more per 100 questions, the latter two the 95 %
    interval; None without a common question.
    """

    against: str
    verdict: Verdict
    now: ProofScores
    before: ProofScores
    difference: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class BaselineScores:
    """How the base (`step` 0) or a checkpoint answered those questions that it was asked."""

    step: int
    scores: ProofScores


@dataclass(frozen=True, slots=True, kw_only=True)
class ProofReport:
    """What the proof of a model says; `is_full`: all is right, so the score tells nothing.

    `comparison` is None where no other model was there; tags are those of the newest commit.
    `answers` are in the order of `Change`, wrong ones before refused ones; `baselines` are those
    that were asked (`merlin.training.baselines`).
    """

    dataset: str
    scores: ProofScores
    is_full: bool
    comparison: Comparison | None
    tags: list[TagScores]
    answers: list[ComparedAnswer]
    baselines: list[BaselineScores]

    def of(self, *changes: Change) -> list[ComparedAnswer]:
        """Return the answers that changed so."""
        return [answer for answer in self.answers if answer.change in changes]


def evaluate(
    db: Database, model: Model, against: Model | None, graded: Graded = _UNGRADED
) -> ProofReport:
    """Return what the kept answers of a model say, beside another one's.

    `graded` is what a judge made of some of them (`merlin.training.grading`). Raises Refused for a
    model that was not tested yet, has no test questions, or whose answers were not kept.
    """
    proof, mine = proof_of(db, model.model_row), judge_answers(db, model, graded)
    if proof is None or not mine:
        key = "eval-not-tested"
        if proof is not None:
            key = "eval-no-answers" if proof.questions else "prompt-no-test"
        arguments = {"model": model.build_version, "build": model.build_version}
        raise Refused(f"{model.build_version} has no answers", key, **arguments)
    scores = _scores(model.build_version, mine)
    theirs = judge_answers(db, against, graded) if against else []
    pairs, tags = list(pair_answers(mine, theirs)), _tags(db, model.build_id)
    return ProofReport(
        dataset=model.dataset,
        scores=scores,
        is_full=scores.right == scores.questions,
        comparison=_compare(model, against, pairs, is_kept=bool(theirs)) if against else None,
        tags=list(_tag_scores(tags, mine, pairs)),
        answers=_compare_answers(tags, mine, pairs, _judge_votes(db, model)),
        baselines=list(_baseline_scores(db, model, [each.question for each in mine])),
    )


def _baseline_scores(
    db: Database, model: Model, questions: Sequence[Question]
) -> Iterator[BaselineScores]:
    for model_id, step in find_baselines(db, model).items():
        answers = read_answers(db, model.provider, model_id)
        pairs = [(answers.get(conversation_digest(question)), question) for question in questions]
        judged = [JudgedAnswer(q, answer, kind_of(answer, q)) for answer, q in pairs if answer]
        if judged:
            yield BaselineScores(step=step, scores=_scores(model_id, judged))


def score_versions(db: Database, model: Model) -> list[VersionScore]:
    """Return the scores of a dataset's newest models, this one among them, oldest first.

    `MAX_VERSIONS` at most. Those that failed or whose answers were not kept are left out.
    """
    stands = MODEL.state.in_([ModelState.GOOD.value, ModelState.GONE.value])
    of_dataset = (MODEL.dataset == model.dataset) & stands
    query = select_models().where(of_dataset).order_by(MODEL.id)
    models = [model_of(row) for row in db.rows(query)]
    place = next((at for at, each in enumerate(models) if each.model_row == model.model_row), 0)
    begin = max(0, min(place, len(models) - MAX_VERSIONS))
    found = []
    for each in models[begin : begin + MAX_VERSIONS]:
        kinds = [judge_answer.kind for judge_answer in judge_answers(db, each)]
        if kinds:
            right = kinds.count(AnswerKind.RIGHT)
            low, high = wilson_interval(right, len(kinds))
            score = VersionScore(
                model_row=each.model_row,
                model=each.build_version,
                at=each.created_at,
                questions=len(kinds),
                right=right,
                low=low,
                high=high,
            )
            found.append(score)
    return found


def wilson_interval(right: int, questions: int) -> tuple[float, float]:
    """Return the 95 % interval of a share, 0..1, of at least one question. Source: Wilson 1927."""
    share, spread = right / questions, _Z * _Z / questions
    middle = share + spread / 2
    half = sqrt(spread * (share * (1 - share) + spread / 4))
    return max(0.0, (middle - half) / (1 + spread)), min(1.0, (middle + half) / (1 + spread))


def bootstrap_interval(differences: Sequence[float]) -> tuple[float, float]:
    """Return the 95 % interval of the mean of paired differences, at least one.

    Differences of the other sign give the interval of the other sign.
    """
    import numpy as np  # noqa: PLC0415 - 0.1 s that only this needs

    values, random = np.asarray(differences, dtype=float), np.random.default_rng(_SEED)
    count = len(values)
    draws = (random.integers(count, size=(_AT_ONCE, count)) for _ in range(RESAMPLES // _AT_ONCE))
    low, high = np.quantile([values[drawn].mean(axis=1) for drawn in draws], _TAILS)
    return float(low), float(high)


Pair = tuple[JudgedAnswer, JudgedAnswer]


def judge_answers(db: Database, model: Model, graded: Graded = _UNGRADED) -> list[JudgedAnswer]:
    """Return the kept answers of a model to its build's test questions, with what each is."""
    answers = Models(db).answers(model.model_row)
    questions = questions_of(read_conversations(db, model.build_id, TEST))
    return [
        JudgedAnswer(
            question,
            answer,
            graded.get((model.model_row, question.example_id)) or kind_of(answer, question),
        )
        for question in questions
        if (answer := answers.get(question.example_id))
    ]


def kind_of(answer: Answer, question: Question) -> AnswerKind:
    """Return what an answer to a test question is."""
    if is_right(answer.text, question.reference):
        return AnswerKind.RIGHT
    if answer.known is False or is_refusal(answer.text):
        return AnswerKind.REFUSED
    return AnswerKind.WRONG


def _scores(model: str, judged: Sequence[JudgedAnswer]) -> ProofScores:
    kinds = Counter(each.kind for each in judged)
    answers, questions = [each.answer for each in judged], [each.question for each in judged]
    found = score(0, answers, questions, utc_now())
    return ProofScores(
        model=model,
        questions=len(judged),
        right=kinds[AnswerKind.RIGHT],
        wrong=kinds[AnswerKind.WRONG],
        refused=kinds[AnswerKind.REFUSED],
        exact=round(found.equal_share * len(judged)),
        chrf=found.chrf,
    )


def pair_answers(
    mine: Sequence[JudgedAnswer], judged_answers: Sequence[JudgedAnswer]
) -> Iterator[Pair]:
    """Yield the answers of both to each common question."""
    waiting = defaultdict[object, list[JudgedAnswer]](list)
    for their in judged_answers:
        waiting[question_key(their.question)].append(their)
    for each in mine:
        if found := waiting[question_key(each.question)]:
            yield each, found.pop(0)


def _compare(model: Model, against: Model, pairs: Sequence[Pair], *, is_kept: bool) -> Comparison:
    gains = gains_of(pairs)
    difference, low, high = None, None, None
    if gains:
        figures = sum(gains) / len(gains), *bootstrap_interval(gains)
        difference, low, high = (round(_PERCENT * figure, 1) for figure in figures)
    return Comparison(
        against=against.build_version,
        verdict=_verdict(len(pairs), low, high) if is_kept else "unkept",
        now=_scores(model.build_version, [now for now, _ in pairs]),
        before=_scores(against.build_version, [before for _, before in pairs]),
        difference=difference,
        low=low,
        high=high,
    )


def gains_of(pairs: Sequence[Pair]) -> list[int]:
    """Return what each common question won (1), lost (-1) or kept (0) since the other model."""
    return [_is_right(now) - _is_right(before) for now, before in pairs]


def lost_of(pairs: Sequence[Pair]) -> list[Pair]:
    """Return the answers to questions that are right no more: wrong ones, then refused ones."""
    lost = [pair for pair, gain in zip(pairs, gains_of(pairs), strict=True) if gain < 0]
    return sorted(lost, key=lambda pair: pair[0].kind is AnswerKind.REFUSED)


def _is_right(judged: JudgedAnswer) -> bool:
    return judged.kind is AnswerKind.RIGHT


def _compare_answers(
    tags: Mapping[str, Sequence[str]],
    judged: Sequence[JudgedAnswer],
    pairs: Sequence[Pair],
    votes: Mapping[str, JudgeVotes],
) -> list[ComparedAnswer]:
    before = {now.question.example_id: other for now, other in pairs}
    found = []
    for now in judged:
        question, other = now.question, before.get(now.question.example_id)
        each = ComparedAnswer(
            example=question.example_id,
            digest=question_digest(question),
            question=question.messages[-1].content if question.messages else "",
            expected=question.reference,
            change=_change(now, other),
            now=now.answer.text,
            kind=now.kind,
            before=other.answer.text if other else None,
            kind_before=other.kind if other else None,
            tags=list(tags.get(question.example_id, ())),
            is_kept=question.example_id in tags,
            judged=votes.get(question.example_id),
        )
        found.append(each)
    order = list(Change)
    key = lambda each: (order.index(each.change), each.kind is AnswerKind.REFUSED)  # noqa: E731
    return sorted(found, key=key)


def _judge_votes(db: Database, model: Model) -> dict[str, JudgeVotes]:
    """Return what a judge said of a model's kept answers, by the example asked about."""
    columns = PROOF_ANSWER.example_id, PROOF_ANSWER.judge, PROOF_ANSWER.votes
    of_model = (PROOF_ANSWER.model_row == model.model_row) & (PROOF_ANSWER.judge != "")
    query = PROOF_ANSWER.select(*columns, PROOF_ANSWER.right_votes).where(of_model)
    return {example: JudgeVotes(*votes) for example, *votes in db.tuples(query)}


def _change(now: JudgedAnswer, before: JudgedAnswer | None) -> Change:
    if before is None or _is_right(before) == _is_right(now):
        return Change.RIGHT if _is_right(now) else Change.WRONG
    return Change.GAINED if _is_right(now) else Change.LOST


def _verdict(questions: int, low: float | None, high: float | None) -> Verdict:
    if low is None or high is None or questions < ENOUGH_QUESTIONS:
        return "few"
    if low > 0:
        return "better"
    return "worse" if high < 0 else "same"


def _tag_scores(
    tags: Mapping[str, Sequence[str]], judged: Sequence[JudgedAnswer], pairs: Sequence[Pair]
) -> Iterator[TagScores]:
    for tag in sorted({tag for each in tags.values() for tag in each}):
        answer_kinds = [
            each.kind for each in judged if tag in tags.get(each.question.example_id, ())
        ]
        kinds = Counter(answer_kinds)
        both = [pair for pair in pairs if tag in tags.get(pair[0].question.example_id, ())]
        if kinds:
            yield TagScores(
                tag=tag,
                questions=kinds.total(),
                right=kinds[AnswerKind.RIGHT],
                wrong=kinds[AnswerKind.WRONG],
                refused=kinds[AnswerKind.REFUSED],
                common=len(both),
                right_before=sum(_is_right(before) for _, before in both),
            )


def _tags(db: Database, build_id: int) -> dict[str, list[str]]:
    """Return the tags of a build's test examples that the newest commit has, by their ids."""
    is_its = (EXAMPLE_TAG.dataset == EXAMPLE_ENTRY.dataset) & (
        EXAMPLE_TAG.path == EXAMPLE_ENTRY.path
    )
    is_asked = (TAUGHT_EXAMPLE.dataset == EXAMPLE_ENTRY.dataset) & (
        TAUGHT_EXAMPLE.example_id == EXAMPLE_ENTRY.example_id
    )
    query = TAUGHT_EXAMPLE.select(EXAMPLE_ENTRY.example_id, EXAMPLE_TAG.tag)
    query = query.join(EXAMPLE_ENTRY, on=is_asked)
    query = query.join(EXAMPLE_TAG, JOIN.LEFT_OUTER, on=is_its)
    tagged = defaultdict[str, list[str]](list)
    for row in db.rows(query.where(taught_in(build_id) & (TAUGHT_EXAMPLE.split == TEST))):
        tagged[row["example_id"]] += [row["tag"]] if row["tag"] else []
    return {example: sorted(each) for example, each in tagged.items()}
