"""The questions that a model is tested with, and those whose answers people are to read.

    test        test examples: wordings that are not trained
    disguised   taught questions in a disguise (`merlin.training.disguise`)
    unrelated   of other subjects: to be declined
    removed     of examples that the live model was taught and this one was not
    asked       what people with a consent asked lately: the answer then and now

Those of the last two have no right answer; the others are judged. A model is asked those that the
commits since the live model touched, then a fixed sample of the others, so that two models in a row
have most in common.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from merlin.core.messages import Message
from merlin.dataset.evaluation_plan import find_limits, read_plan
from merlin.dataset.layout import RATED
from merlin.dataset.spec import DatasetSpec
from merlin.dataset.split import TEST, TRAIN
from merlin.db.database import Columns, Database
from merlin.db.tables import BUILD, MODEL, SERVING
from merlin.db.values import load_json
from merlin.training.disguise import disguise, list_unrelated
from merlin.training.models import Model, read_questions
from merlin.training.scores import (
    EvaluationQuestion,
    QuestionKind,
    question_digest,
    question_key,
)


def read_test(db: Database, build_id: int) -> list[EvaluationQuestion]:
    """Return every question that a build's model can be judged by."""
    taught = read_taught(db, build_id)
    tests = read_questions(db, build_id, TEST)
    return [*tests, *map(disguise, taught), *_list_unrelated([*tests, *taught])]


def choose_test(
    db: Database,
    model: Model,
    spec: DatasetSpec,
    asked: Sequence[EvaluationQuestion] = (),
) -> list[EvaluationQuestion]:
    """Return the questions that a model is asked: its tests, then others within its limits.

    `asked` are those of people; fewer are taken where the commits have removed examples.
    """
    tests = read_questions(db, model.build_id, TEST)
    limits = find_limits(spec, len(tests))
    if not limits.disguised:
        return tests
    taught = read_taught(db, model.build_id)
    live = read_taught(db, find_live_build(db, model.dataset))
    known = {question_key(question) for question in live}
    in_order = sorted(
        taught, key=lambda each: (question_key(each) in known, question_digest(each))
    )
    to_read = [*list_removed(live, [*tests, *taught]), *asked]
    return [
        *tests,
        *map(disguise, in_order[: limits.disguised]),
        *_list_unrelated([*tests, *taught])[: limits.unrelated],
        *to_read[: limits.read],
    ]


def describe_plan(db: Database, build_id: int, losses: Columns) -> Columns:
    """Return how many examples of a build are taught and tested, then its model's losses.

    A nested Fluent message; only `losses` where an earlier version of Merlin made the build.
    """
    manifest = db.value(BUILD.select(BUILD.manifest).where(BUILD.id == build_id))
    plan = read_plan(load_json(manifest))
    if plan is None:
        return losses
    nested = {"key": "test-plan", "arguments": plan.as_arguments()}
    return {"key": "live-planned", "arguments": {"plan": nested, "losses": losses}}


def make_asked(turn_id: int, text: str, answer: str, system: str) -> EvaluationQuestion:
    """Return a question that a person asked; the reference is the answer that they got."""
    instructions = (Message("system", system),) if system else ()
    messages = (*instructions, Message("user", text))
    return EvaluationQuestion(str(turn_id), messages, answer, QuestionKind.ASKED)


def list_removed(
    before: Iterable[EvaluationQuestion], now: Iterable[EvaluationQuestion]
) -> list[EvaluationQuestion]:
    """Return questions of examples that are there no more, not those with another answer."""
    kept = {_words(question) for question in now}
    gone = (question for question in before if _words(question) not in kept)
    return [replace(each, kind=QuestionKind.REMOVED) for each in gone]


def list_otherwise(
    before: Iterable[EvaluationQuestion], now: Iterable[EvaluationQuestion]
) -> dict[str, str]:
    """Return the answers before of examples with the same question and another answer, by id."""
    references = {_words(question): question.reference for question in before}
    return {
        question.example_id: references[_words(question)]
        for question in now
        if references.get(_words(question), question.reference) != question.reference
    }


def read_all(db: Database, build_id: int) -> list[EvaluationQuestion]:
    """Return the questions of all examples of a build, taught ones first."""
    return [*read_taught(db, build_id), *read_questions(db, build_id, TEST)]


def find_live_build(db: Database, dataset: str) -> int:
    """Return the build of a dataset's live model, 0 without one."""
    query = MODEL.select(MODEL.build_id).join(
        SERVING, on=(SERVING.model_row == MODEL.id)
    )
    return int(db.value(query.where(SERVING.dataset == dataset)) or 0)


def read_taught(db: Database, build_id: int) -> list[EvaluationQuestion]:
    """Return the taught questions of a build; ratings of answers are no examples of a person."""
    questions = read_questions(db, build_id, TRAIN)
    return [each for each in questions if not each.example_id.startswith(RATED)]


def _words(question: EvaluationQuestion) -> tuple[tuple[str, str], ...]:
    return question_key(question)[0]


def _list_unrelated(
    questions: Sequence[EvaluationQuestion],
) -> list[EvaluationQuestion]:
    first = questions[0].messages[:1] if questions else ()
    system = first[0].content if first and first[0].role == "system" else ""
    texts = (question.messages[-1].content for question in questions)
    return list_unrelated(texts, system)
