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

from merlin.config.engine import RECALL
from merlin.dataset.layout import RATED
from merlin.dataset.spec import NO_GATE, DatasetSpec
from merlin.dataset.split import TEST, TRAIN
from merlin.dataset.test_plan import count_disguised
from merlin.db.database import Database
from merlin.db.tables import MODEL, SERVING
from merlin.training.disguise import disguise, list_unrelated
from merlin.training.models import Model, read_questions
from merlin.training.scores import Question, QuestionKind, question_digest, question_key

MAX_READ = 20  # questions whose answers are read


def read_test(db: Database, build_id: int) -> list[Question]:
    """Return every question that a build's model can be judged by."""
    taught = _read_taught(db, build_id)
    tests = read_questions(db, build_id, TEST)
    return [*tests, *map(disguise, taught), *_list_unrelated([*tests, *taught])]


def choose_test(db: Database, model: Model, spec: DatasetSpec) -> list[Question]:
    """Return the questions that a model is asked: its tests, then others within its plan."""
    tests = read_questions(db, model.build_id, TEST)
    if spec.gate.kind == NO_GATE:
        return tests
    taught = _read_taught(db, model.build_id)
    live = _read_taught(db, find_live_build(db, model.dataset))
    known = {question_key(question) for question in live}
    most = count_disguised(spec, len(tests))
    in_order = sorted(taught, key=lambda each: (question_key(each) in known, question_digest(each)))
    asked = [*tests, *map(disguise, in_order[:most])]
    if spec.recipe.base_model == RECALL or spec.gate.budget:
        asked += _list_unrelated([*tests, *taught])
        asked += list_removed(live, [*tests, *taught])
    return asked


def list_removed(before: Iterable[Question], now: Iterable[Question]) -> list[Question]:
    """Return questions of examples that are there no more, not those with another answer."""
    kept = {_words(question) for question in now}
    gone = (question for question in before if _words(question) not in kept)
    return [replace(each, kind=QuestionKind.REMOVED) for each in gone][:MAX_READ]


def list_otherwise(before: Iterable[Question], now: Iterable[Question]) -> dict[str, str]:
    """Return the answers before of examples with the same question and another answer, by id."""
    references = {_words(question): question.reference for question in before}
    return {
        question.example_id: references[_words(question)]
        for question in now
        if references.get(_words(question), question.reference) != question.reference
    }


def read_all(db: Database, build_id: int) -> list[Question]:
    """Return the questions of all examples of a build, taught ones first."""
    return [*_read_taught(db, build_id), *read_questions(db, build_id, TEST)]


def find_live_build(db: Database, dataset: str) -> int:
    """Return the build of a dataset's live model, 0 without one."""
    query = MODEL.select(MODEL.build_id).join(SERVING, on=(SERVING.model_row == MODEL.id))
    return int(db.value(query.where(SERVING.dataset == dataset)) or 0)


def _read_taught(db: Database, build_id: int) -> list[Question]:
    """Return the taught questions of a build; ratings of answers are no examples of a person."""
    questions = read_questions(db, build_id, TRAIN)
    return [each for each in questions if not each.example_id.startswith(RATED)]


def _words(question: Question) -> tuple[tuple[str, str], ...]:
    return question_key(question)[0]


def _list_unrelated(questions: Sequence[Question]) -> list[Question]:
    first = questions[0].messages[:1] if questions else ()
    system = first[0].content if first and first[0].role == "system" else ""
    texts = (question.messages[-1].content for question in questions)
    return list_unrelated(texts, system)
