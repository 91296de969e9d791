"""Compare two models question by question, using the stored answers of their proofs.

An answer is right if it says what the taught answer says (`scores.judge_answer`); otherwise refused
if the model says that it does not know, or declines; otherwise wrong, or unsure where only a person
can say. To a question of another subject
declining is right. A question is common to two builds if all but its id and the system text is
equal: where a commit has changed or removed an example, its answer is listed to be read, and not
judged.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from merlin.core.errors import Refused
from merlin.core.views import described
from merlin.core.wordings import Judgement
from merlin.dataset.example import normalise
from merlin.dataset.files import FileIndex
from merlin.dataset.lint import is_refusal
from merlin.db.database import Database
from merlin.db.tables import JUDGEMENT
from merlin.providers.base import Answer
from merlin.training.evaluation_questions import (
    list_otherwise,
    list_removed,
    read_all,
    read_taught,
    read_test,
)
from merlin.training.models import (
    Model,
    Models,
    name_beside,
    proof_of,
)
from merlin.training.scores import (
    EvaluationQuestion,
    QuestionKind,
    digest_answer,
    is_right,
    judge_answer,
    question_digest,
    question_key,
)


class AnswerKind(StrEnum):
    """The kind of an answer to a test question."""

    RIGHT = "right"
    WRONG = "wrong"
    REFUSED = "refused"
    UNSURE = "unsure"


class AnswerChange(StrEnum):
    """The change of an answer compared to the other model, in display order."""

    LOST = "lost"
    OTHERWISE = "otherwise"  # as a commit since the other model wants it
    GAINED = "gained"
    UNSURE = "unsure"  # now or before: a person has to read it
    WRONG = "wrong"  # by both models, or by this one if the other was not asked
    RIGHT = "right"


@dataclass(frozen=True, slots=True)
class JudgedAnswer:
    """A stored answer to a test question, with its kind."""

    question: EvaluationQuestion
    answer: Answer
    kind: AnswerKind


Pair = tuple[JudgedAnswer, JudgedAnswer]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProofScores:
    """Numbers of answers by kind."""

    model: str
    questions: int
    disguised: int = described("Taught questions in other words, among `questions`.")
    right: int
    wrong: int
    refused: int
    unsure: int = described("Answers of which only a person can say if they are right.")
    exact: int = described("Right answers in the taught words, as `recall` gives them.")
    unrelated: int = described("Questions of other subjects, beside `questions`.")
    invented: int = described("Those of other subjects that it has answered.")


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparedAnswer:
    """Both models' answers to a test question; the other model's is None if it was not asked.

    `digest` identifies the question when its loss is accepted (`merlin.training.gate`); `is_kept`:
    the example still exists in the newest commit.
    """

    example: str
    source: QuestionKind
    digest: str
    question: str
    expected: str
    change: AnswerChange
    now: str
    kind: AnswerKind
    before: str | None
    kind_before: AnswerKind | None
    is_kept: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """A comparison of a model with another one, `against`, on their common questions."""

    against: str
    now: ProofScores
    before: ProofScores


@dataclass(frozen=True, slots=True, kw_only=True)
class ProofReport:
    """The evaluation of a model's proof; `is_full`: all answers are right.

    `comparison` is None without another model. `answers` are in the order of `AnswerChange`, wrong
    ones before refused ones.
    """

    scores: ProofScores
    is_full: bool
    comparison: Comparison | None
    answers: list[ComparedAnswer]

    def list_answers(self, *changes: AnswerChange) -> list[ComparedAnswer]:
        """Return the answers with one of these changes."""
        return [answer for answer in self.answers if answer.change in changes]


def evaluate(db: Database, model: Model, against: Model | None) -> ProofReport:
    """Return the evaluation of a model's stored answers, compared with another model's.

    Raises Refused for a model that is not tested yet, has no test questions, or has no stored
    answers.
    """
    proof = proof_of(db, model.model_row)
    own = judge_answers(db, model)
    if proof is None or not own:
        key = "eval-not-tested"
        if proof is not None:
            key = "eval-no-answers" if proof.questions else "prompt-no-test"
        version = model.build_version
        state = model.state.value
        arguments = {"model": version, "build": version, "dataset": model.dataset}
        raise Refused(
            f"{version} has no answers", key, **arguments, state=state, note=model.note
        )
    other = judge_answers(db, against) if against else []
    pairs = list(pair_answers(own, other))
    scores = _count_scores(name_beside(model, against), own)
    kept = {*FileIndex(db).list_example_ids(model.dataset)}
    return ProofReport(
        scores=scores,
        is_full=scores.right == scores.questions,
        comparison=_compare(model, against, pairs) if against else None,
        answers=sort_answers(
            [
                *_compare_answers(
                    kept, own, pairs, _list_otherwise(db, model, against, pairs)
                ),
                *_list_removed(db, model, against),
            ]
        ),
    )


def _list_otherwise(
    db: Database, model: Model, against: Model | None, pairs: Iterable[Pair]
) -> Mapping[str, str]:
    """Return the answers before of questions whose answer a commit has changed, by example."""
    if against is None:
        return {}
    changed = list_otherwise(
        read_all(db, against.build_id), read_all(db, model.build_id)
    )
    judged = {id(now) for now, _ in drop_meant(db, model, against, pairs)}
    meant = {
        now.question.example_id: before.answer.text
        for now, before in pairs
        if id(now) not in judged
    }
    return {**changed, **meant}


def drop_meant(
    db: Database, model: Model, against: Model, pairs: Iterable[Pair]
) -> list[Pair]:
    """Return the pairs without those whose answer commits meant to change.

    A test example may expect an answer that a commit has since changed or removed in the examples
    that teach it. What the model answers then is read by an editor, and is no loss.
    """
    taught = read_taught(db, model.build_id)
    meant = find_meant(read_taught(db, against.build_id), taught)
    return [
        (now, before)
        for now, before in pairs
        if now.kind is AnswerKind.RIGHT
        or not is_meant(
            meant, now.question, now.answer, is_refused=now.kind is AnswerKind.REFUSED
        )
    ]


# The answers that are taught no more, in normal form, and those in their place.
MeantChanges = Mapping[str, Sequence[str]]


def is_meant(
    meant: MeantChanges,
    question: EvaluationQuestion,
    answer: Answer,
    *,
    is_refused: bool,
) -> bool:
    """Return whether an answer is what the commits put in the place of the expected one.

    Where they removed it without another, that is to decline.
    """
    others = meant.get(normalise(question.reference))
    if others is None:
        return False
    if not others:
        return is_refused
    return any(is_right(answer, other) for other in others)


def find_meant(
    before: Iterable[EvaluationQuestion], now: Sequence[EvaluationQuestion]
) -> MeantChanges:
    """Return what changed between taught questions; an example keeps its file or its question."""
    taught = {normalise(question.reference) for question in now}
    in_file = {question.example_id: question.reference for question in now}
    of_question = {_ask(question): question.reference for question in now}
    replaced = defaultdict[str, list[str]](list)
    for question in before:
        old = normalise(question.reference)
        if old in taught:
            continue
        others = replaced[old]
        for new in (in_file.get(question.example_id), of_question.get(_ask(question))):
            if new is not None:
                others.append(new)
    return replaced


def _ask(question: EvaluationQuestion) -> str:
    return normalise(question.messages[-1].content)


def _list_removed(
    db: Database, model: Model, against: Model | None
) -> Iterator[ComparedAnswer]:
    """Yield what a model answers to questions of examples that the other one was taught."""
    if against is None:
        return
    answers = Models(db).answers(model.model_row)
    before = read_all(db, against.build_id)
    for question in list_removed(before, read_all(db, model.build_id)):
        if answer := answers.get(question.key):
            yield ComparedAnswer(
                example=question.example_id,
                source=question.kind,
                digest=question_digest(question),
                question=question.messages[-1].content,
                expected="",
                change=AnswerChange.OTHERWISE,
                now=answer.text,
                kind=classify_answer(answer, question),
                before=question.reference,
                kind_before=AnswerKind.RIGHT,
                is_kept=False,
            )


def judge_answers(db: Database, model: Model) -> list[JudgedAnswer]:
    """Return a model's stored answers to the questions that it is judged by, with their kinds."""
    answers = Models(db).answers(model.model_row)
    said = _read_judgements(db, model.dataset) if answers else {}
    return [
        JudgedAnswer(question, answer, _settle(answer, question, said))
        for question in (read_test(db, model.build_id) if answers else ())
        if (answer := answers.get(question.key))
    ]


def _read_judgements(db: Database, dataset: str) -> Mapping[tuple[str, str], bool]:
    """Return by the digests of question and answer which answers editors called right or wrong."""
    rows = db.rows(JUDGEMENT.select().where(JUDGEMENT.dataset == dataset))
    return {
        (row.question_digest, row.answer_digest): bool(row.is_right) for row in rows
    }


def _settle(
    answer: Answer, question: EvaluationQuestion, said: Mapping[tuple[str, str], bool]
) -> AnswerKind:
    """Return the kind of an answer; where its words do not tell, what an editor said of it."""
    kind = classify_answer(answer, question)
    is_right = said.get((question_digest(question), digest_answer(answer)))
    if kind is not AnswerKind.UNSURE or is_right is None:
        return kind
    return AnswerKind.RIGHT if is_right else AnswerKind.WRONG


def judge_base(
    db: Database, model: Model, own: Sequence[JudgedAnswer]
) -> list[JudgedAnswer]:
    """Return what the model's untrained base answers to the same questions.

    Only the questions that it was asked; if it was asked none, it refuses every one. A language
    model may answer what was not taught: of other subjects only `recall` must know nothing.
    """
    stored = Models(db).base_answers(model.model_row)
    nothing = Answer("", known=False)
    is_recall = all(each.answer.known is not None for each in own)
    questions = [
        each.question
        for each in own
        if (
            each.question.key in stored
            if stored
            else each.question.kind.is_scored or is_recall
        )
    ]
    answers = [stored.get(question.key, nothing) for question in questions]
    return [
        JudgedAnswer(question, answer, classify_answer(answer, question))
        for question, answer in zip(questions, answers, strict=True)
    ]


def classify_answer(answer: Answer, question: EvaluationQuestion) -> AnswerKind:
    """Return the kind of an answer to a question."""
    is_refused = answer.known is False or is_refusal(answer.text)
    if question.kind is QuestionKind.UNRELATED:
        return AnswerKind.RIGHT if is_refused else AnswerKind.WRONG
    judgement = judge_answer(answer, question.reference, question.text)
    if is_refused and judgement is not Judgement.RIGHT:
        return AnswerKind.REFUSED
    return AnswerKind(judgement)


def _count_scores(model: str, judged: Sequence[JudgedAnswer]) -> ProofScores:
    scored = [item for item in judged if item.question.kind.is_scored]
    unrelated = [
        item for item in judged if item.question.kind is QuestionKind.UNRELATED
    ]
    kinds = Counter(item.kind for item in scored)
    return ProofScores(
        model=model,
        questions=len(scored),
        disguised=sum(item.question.kind is QuestionKind.DISGUISED for item in scored),
        unrelated=len(unrelated),
        invented=sum(item.kind is AnswerKind.WRONG for item in unrelated),
        right=kinds[AnswerKind.RIGHT],
        wrong=kinds[AnswerKind.WRONG],
        refused=kinds[AnswerKind.REFUSED],
        unsure=kinds[AnswerKind.UNSURE],
        exact=sum(_is_right(item) and item.answer.known is True for item in scored),
    )


def pair_answers(
    own: Sequence[JudgedAnswer], others: Sequence[JudgedAnswer]
) -> Iterator[Pair]:
    """Yield both models' answers to each common question."""
    others_by_key = defaultdict[object, list[JudgedAnswer]](list)
    for answer in others:
        others_by_key[question_key(answer.question)].append(answer)
    for answer in own:
        if matches := others_by_key[question_key(answer.question)]:
            yield answer, matches.pop(0)


def _compare(model: Model, against: Model, pairs: Sequence[Pair]) -> Comparison:
    return Comparison(
        against=name_beside(against, model),
        now=_count_scores(name_beside(model, against), [now for now, _ in pairs]),
        before=_count_scores(
            name_beside(against, model), [before for _, before in pairs]
        ),
    )


def _is_right(judged: JudgedAnswer) -> bool:
    return judged.kind is AnswerKind.RIGHT


def _compare_answers(
    kept: Collection[str],
    judged: Sequence[JudgedAnswer],
    pairs: Sequence[Pair],
    otherwise: Mapping[str, str],
) -> Iterator[ComparedAnswer]:
    """Yield each answer beside the other model's; that of a changed example beside what it was."""
    before = {now.question.key: other for now, other in pairs}
    for now in judged:
        question = now.question
        other = before.get(now.question.key)
        was = otherwise.get(question.example_id) if question.kind.is_scored else None
        is_otherwise = was is not None and (
            other is None or now.kind is not AnswerKind.RIGHT
        )
        yield ComparedAnswer(
            example=question.example_id,
            source=question.kind,
            digest=question_digest(question),
            question=question.messages[-1].content if question.messages else "",
            expected=question.reference,
            change=AnswerChange.OTHERWISE
            if is_otherwise
            else _classify_change(now, other),
            now=now.answer.text,
            kind=now.kind,
            before=was if is_otherwise else other.answer.text if other else None,
            kind_before=AnswerKind.RIGHT
            if is_otherwise
            else other.kind
            if other
            else None,
            is_kept=question.example_id in kept,
        )


def sort_answers(answers: Iterable[ComparedAnswer]) -> list[ComparedAnswer]:
    """Return answers in the order of `AnswerChange`, wrong ones before refused ones."""
    order = list(AnswerChange)
    return sorted(
        answers,
        key=lambda answer: (
            order.index(answer.change),
            answer.kind is AnswerKind.REFUSED,
        ),
    )


def _classify_change(now: JudgedAnswer, before: JudgedAnswer | None) -> AnswerChange:
    if AnswerKind.UNSURE in (now.kind, before and before.kind):
        return AnswerChange.RIGHT if _is_right(now) else AnswerChange.UNSURE
    if before is None or _is_right(before) == _is_right(now):
        return AnswerChange.RIGHT if _is_right(now) else AnswerChange.WRONG
    return AnswerChange.GAINED if _is_right(now) else AnswerChange.LOST
