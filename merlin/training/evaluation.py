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
from enum import StrEnum
from types import MappingProxyType

from merlin.core.clock import utc_now
from merlin.core.errors import Refused
from merlin.dataset.builds import taught_in
from merlin.dataset.lint import is_refusal
from merlin.dataset.split import TEST
from merlin.db.database import Database
from merlin.db.tables import EXAMPLE_ENTRY, EXAMPLE_TAG, TAUGHT_EXAMPLE
from merlin.providers.base import Answer
from merlin.training.models import (
    Model,
    Models,
    Question,
    proof_of,
    question_key,
    questions_of,
    read_conversations,
    score,
)
from merlin.training.prompt_check import is_right

ENOUGH_QUESTIONS = 40  # fewer let only large differences be told from chance
RESAMPLES, _AT_ONCE = 10_000, 100
_SEED = 20261122
_TAILS = (0.025, 0.975)
_PERCENT = 100


class AnswerKind(StrEnum):
    """What an answer to a test question is."""

    RIGHT = "right"
    WRONG = "wrong"
    REFUSED = "refused"


# What a judge made of answers, by the model's row and the example's id.
Graded = Mapping[tuple[int, str], AnswerKind]
_UNGRADED: Graded = MappingProxyType({})


class Verdict(StrEnum):
    """What a comparison says; ends the key of a text `eval-verdict-…`."""

    UNKEPT = "unkept"  # no answers of the other model are kept
    FEW = "few"
    BETTER = "better"
    SAME = "same"
    WORSE = "worse"


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


@dataclass(frozen=True, slots=True, kw_only=True)
class LostQuestion:
    """A question that the other model answered rightly and this one does not."""

    example: str
    question: str
    expected: str
    before: str
    now: str
    kind: AnswerKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """A model beside another one, `against`, on their common questions.

    `difference`, `low` and `high` are right answers more per 100 questions, the latter two the 95 %
    interval; None without a common question. `lost` has the wrong answers before the refused ones.
    """

    against: str
    verdict: Verdict
    now: ProofScores
    before: ProofScores
    difference: float | None
    low: float | None
    high: float | None
    lost: list[LostQuestion]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProofReport:
    """What the proof of a model says; `is_full`: all is right, so the score tells nothing.

    `comparison` is None where no other model was there; tags are those of the newest commit.
    """

    dataset: str
    scores: ProofScores
    is_full: bool
    comparison: Comparison | None
    tags: list[TagScores]


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
        told = {"model": model.build_version, "build": model.build_version}
        raise Refused(f"{model.build_version} has no answers", key, **told)
    scores = _scores(model, mine)
    theirs = judge_answers(db, against, graded) if against else []
    pairs = list(pair_answers(mine, theirs))
    return ProofReport(
        dataset=model.dataset,
        scores=scores,
        is_full=scores.right == scores.questions,
        comparison=_compare(model, against, pairs, is_kept=bool(theirs)) if against else None,
        tags=_tag_scores(db, model, mine, pairs),
    )


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
            each, said, graded.get((model.model_row, each.example_id)) or kind_of(said, each)
        )
        for each in questions
        if (said := answers.get(each.example_id))
    ]


def kind_of(answer: Answer, question: Question) -> AnswerKind:
    """Return what an answer to a test question is."""
    if is_right(answer.text, question.reference):
        return AnswerKind.RIGHT
    if answer.known is False or is_refusal(answer.text):
        return AnswerKind.REFUSED
    return AnswerKind.WRONG


def _scores(model: Model, judged: Sequence[JudgedAnswer]) -> ProofScores:
    kinds = Counter(each.kind for each in judged)
    answers, questions = [each.answer for each in judged], [each.question for each in judged]
    found = score(model.model_row, answers, questions, utc_now())
    return ProofScores(
        model=model.build_version,
        questions=len(judged),
        right=kinds[AnswerKind.RIGHT],
        wrong=kinds[AnswerKind.WRONG],
        refused=kinds[AnswerKind.REFUSED],
        exact=round(found.equal_share * len(judged)),
        chrf=found.chrf,
    )


def pair_answers(mine: Sequence[JudgedAnswer], theirs: Sequence[JudgedAnswer]) -> Iterator[Pair]:
    """Yield the answers of both to each common question."""
    waiting = defaultdict[object, list[JudgedAnswer]](list)
    for each in theirs:
        waiting[question_key(each.question)].append(each)
    for each in mine:
        if found := waiting[question_key(each.question)]:
            yield each, found.pop(0)


def _compare(model: Model, against: Model, pairs: Sequence[Pair], *, is_kept: bool) -> Comparison:
    gains = gains_of(pairs)
    difference, low, high = None, None, None
    if gains:
        figures = sum(gains) / len(gains), *bootstrap_interval(gains)
        difference, low, high = (round(_PERCENT * each, 1) for each in figures)
    return Comparison(
        against=against.build_version,
        verdict=_verdict(len(pairs), low, high) if is_kept else Verdict.UNKEPT,
        now=_scores(model, [now for now, _ in pairs]),
        before=_scores(against, [before for _, before in pairs]),
        difference=difference,
        low=low,
        high=high,
        lost=[_lost(now, before) for now, before in lost_of(pairs)],
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


def _lost(now: JudgedAnswer, before: JudgedAnswer) -> LostQuestion:
    return LostQuestion(
        example=now.question.example_id,
        question=now.question.messages[-1].content if now.question.messages else "",
        expected=now.question.reference,
        before=before.answer.text,
        now=now.answer.text,
        kind=now.kind,
    )


def _verdict(questions: int, low: float | None, high: float | None) -> Verdict:
    if low is None or high is None or questions < ENOUGH_QUESTIONS:
        return Verdict.FEW
    if low > 0:
        return Verdict.BETTER
    return Verdict.WORSE if high < 0 else Verdict.SAME


def _tag_scores(
    db: Database, model: Model, judged: Sequence[JudgedAnswer], pairs: Sequence[Pair]
) -> list[TagScores]:
    tagged = _tags(db, model.build_id)
    found = []
    for tag, ids in sorted(tagged.items()):
        kinds = Counter(each.kind for each in judged if each.question.example_id in ids)
        before = [other.kind for mine, other in pairs if mine.question.example_id in ids]
        if kinds:
            scores = TagScores(
                tag=tag,
                questions=kinds.total(),
                right=kinds[AnswerKind.RIGHT],
                wrong=kinds[AnswerKind.WRONG],
                refused=kinds[AnswerKind.REFUSED],
                common=len(before),
                right_before=before.count(AnswerKind.RIGHT),
            )
            found.append(scores)
    return found


def _tags(db: Database, build_id: int) -> dict[str, set[str]]:
    """Return the tags that a build's test examples have at the newest commit, with their ids."""
    is_its = (EXAMPLE_TAG.dataset == EXAMPLE_ENTRY.dataset) & (
        EXAMPLE_TAG.path == EXAMPLE_ENTRY.path
    )
    is_asked = (TAUGHT_EXAMPLE.dataset == EXAMPLE_ENTRY.dataset) & (
        TAUGHT_EXAMPLE.example_id == EXAMPLE_ENTRY.example_id
    )
    query = TAUGHT_EXAMPLE.select(EXAMPLE_ENTRY.example_id, EXAMPLE_TAG.tag)
    query = query.join(EXAMPLE_ENTRY, on=is_asked).join(EXAMPLE_TAG, on=is_its)
    tagged = defaultdict[str, set[str]](set)
    for row in db.rows(query.where(taught_in(build_id) & (TAUGHT_EXAMPLE.split == TEST))):
        tagged[row["tag"]].add(row["example_id"])
    return tagged
