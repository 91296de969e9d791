"""A model's answers beside what people got, and beside those of models that are shut down."""

from dataclasses import replace
from functools import partial

import pytest

from merlin.account.users import Consents
from merlin.app.baseline import list_old_answers, make_plan, name_question
from merlin.app.distil import Teacher, read_questions
from merlin.app.evaluation import read_evaluation
from merlin.chat.sessions import ChatPlace
from merlin.chat.turns import StoredAnswer
from merlin.core.errors import NotFound, Refused
from merlin.core.money import Price
from merlin.dataset.proposals import MAX_CHARACTERS
from merlin.db.tables import BASELINE_ANSWER, REVOKED_EXAMPLE
from merlin.providers.base import Answer
from merlin.training.evaluation import AnswerChange, evaluate
from merlin.training.evaluation_questions import read_all
from merlin.training.scores import QuestionKind
from tests.db.pipeline_rows import FACE, OPERATOR, make_examples
from tests.support.people import ANNA, BORIS
from tests.support.refusals import refusal_key
from tests.training.test_evaluation_questions import train


@pytest.mark.unit
def test_each_line_with_something_to_see_is_a_question_named_by_its_number():
    questions = read_questions(" Где касса? \n\n\u200b\nГде лифт?\n", "questions.txt")
    assert [(each.source, each.text, each.is_question) for each in questions] == [
        ("questions.txt:1", "Где касса?", True),
        ("questions.txt:4", "Где лифт?", True),
    ]


@pytest.mark.unit
def test_line_that_is_too_long_is_refused_by_its_number():
    read_questions("x" * MAX_CHARACTERS, "questions.txt")
    with pytest.raises(Refused) as caught:
        read_questions("Где?\n" + "x" * (MAX_CHARACTERS + 1), "questions.txt")
    assert caught.value.key == "distil-long-line"
    assert caught.value.arguments["line"] == 2


@pytest.mark.unit
def test_teacher_is_named_with_its_provider():
    teacher = Teacher("openai", "gpt-5", Price("USD", 1, 1, 1, 1))
    assert teacher.name == "openai/gpt-5"


@pytest.fixture
def model(world):
    """A model that was asked its test questions."""
    return train(world, 1, make_examples(14), {})[0]


@pytest.fixture
def questions(world, model):
    """The test questions of that model by the ids of their examples."""
    return {each.example_id: each for each in read_all(world.db, model.build_id)}


def record(world, question, answer, model="openai/ft:1"):
    row = {"dataset": FACE, "model": model, "question": question, "answer": answer}
    world.db.transact(partial(world.db.add_new, BASELINE_ANSWER, row))


@pytest.mark.integration
def test_taught_question_in_a_disguise_has_what_was_answered_to_the_question_itself(
    world, model, questions
):
    report = evaluate(world.db, model, None)
    disguised = [
        each for each in report.answers if each.source is QuestionKind.DISGUISED
    ]
    same, other, *_ = disguised
    record(world, name_question(questions[same.example]), same.now)
    record(world, name_question(questions[other.example]), "Совсем не так.")
    record(world, name_question(questions[other.example]), other.now, "openai/ft:2")
    record(world, "asked:7", "Внизу.")
    asked = replace(same, example="asked:7", digest="asked", now="Внизу.")
    answers = [*report.answers, asked]
    found = list_old_answers(world.ctx, FACE, model.build_id, answers)
    assert {
        digest: [(each.model, each.is_same) for each in recorded]
        for digest, recorded in found.items()
    } == {
        same.digest: [("openai/ft:1", True)],
        other.digest: [("openai/ft:1", False), ("openai/ft:2", True)],
        "asked": [("openai/ft:1", True)],
    }


@pytest.mark.integration
def test_answers_that_both_decline_are_the_same(world):
    model, _ = train(
        world,
        1,
        make_examples(14),
        {QuestionKind.TEST: "Я не могу ответить на этот вопрос."},
    )
    report = evaluate(world.db, model, None)
    (tested,) = (each for each in report.answers if each.source is QuestionKind.TEST)
    questions = {each.example_id: each for each in read_all(world.db, model.build_id)}
    record(
        world,
        name_question(questions[tested.example]),
        "Извините, я не могу помочь с этим.",
    )
    found = list_old_answers(world.ctx, FACE, model.build_id, report.answers)
    assert [each.is_same for each in found[tested.digest]] == [True]


@pytest.mark.integration
def test_model_is_asked_nothing_without_a_build_whose_examples_all_have_consent(world):
    teacher = Teacher("openai", "ft:1", Price("USD", 1, 1, 1, 1))
    assert (
        refusal_key(NotFound, make_plan, world.ctx, OPERATOR, FACE, teacher)
        == "prompt-no-build"
    )
    world.push(1, make_examples(12))
    plan = make_plan(world.ctx, OPERATOR, FACE, teacher)
    assert len(plan.names) == 12
    revoked = {"dataset": FACE, "example_id": make_examples(1)[0].id}
    world.db.put(REVOKED_EXAMPLE.insert(revoked))
    assert (
        refusal_key(Refused, make_plan, world.ctx, OPERATOR, FACE, teacher)
        == "held-revoked"
    )


@pytest.mark.integration
def test_answers_to_people_are_compared_with_what_they_got_before(
    world, clock, store_question, model
):
    Consents(world.db, clock).give(ANNA, "2026-11-29")
    answers = [
        (ANNA, "Где касса?", "Внизу.", "внизу"),
        (ANNA, "Где лифт?", "Слева.", "Справа."),
        (BORIS, "Где выход?", "Там.", "Тут."),  # without a consent
    ]
    for person, question, before, now in answers:
        place = ChatPlace(person, person)
        turn = store_question(question, StoredAnswer(before), place)
        world.models.keep_answer(model, f"asked:{turn.turn_id}", Answer(now))
    report = read_evaluation(world.ctx, OPERATOR, f"{FACE}-1").report
    asked = [each for each in report.answers if each.source is QuestionKind.ASKED]
    assert {(each.question, each.before, each.now, each.change) for each in asked} == {
        ("Где касса?", "Внизу.", "внизу", AnswerChange.RIGHT),
        ("Где лифт?", "Слева.", "Справа.", AnswerChange.OTHERWISE),
    }


@pytest.mark.integration
def test_old_models_are_counted_by_their_answers_that_are_alike_now(
    world, model, questions
):
    answers = read_evaluation(world.ctx, OPERATOR, model.model_id).report.answers
    same, other, *_ = (
        each for each in answers if each.source is QuestionKind.DISGUISED
    )
    for question, answer in ((same, same.now), (other, "Совсем не так.")):
        record(world, name_question(questions[question.example]), answer)
    view = read_evaluation(world.ctx, OPERATOR, model.model_id)
    assert view.old_counts == [("openai/ft:1", 1, 2)]
