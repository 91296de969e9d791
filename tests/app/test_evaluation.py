"""A model's answers to questions of people, and those of models that are shut down."""

from functools import partial

import pytest

from merlin.account.users import Consents
from merlin.app.baseline import name_question
from merlin.app.evaluation import read_evaluation
from merlin.chat.sessions import ChatPlace
from merlin.chat.turns import Question, StoredAnswer
from merlin.db.tables import BASELINE_ANSWER
from merlin.providers.base import Answer
from merlin.training.evaluation import AnswerChange
from merlin.training.evaluation_questions import read_all
from merlin.training.scores import QuestionKind
from tests.billing.plan_shop import ANNA, BORIS
from tests.db.pipeline_rows import FACE, OPERATOR, make_examples
from tests.training.test_evaluation_questions import train

pytestmark = pytest.mark.integration


def test_answers_to_people_are_compared_with_what_they_got_before(
    world, clock, sessions, turns
):
    model, _ = train(world, 1, make_examples(14), {})
    Consents(world.db, clock).give(ANNA, "2026-11-29")
    answers = [
        (ANNA, "Где касса?", "Внизу.", "внизу"),
        (ANNA, "Где лифт?", "Слева.", "Справа."),
        (BORIS, "Где выход?", "Там.", "Тут."),  # without a consent
    ]
    for number, (person, question, before, now) in enumerate(answers, 1):
        session = sessions.open(ChatPlace(person, person))
        turn = turns.ask(Question(session.session_id, number, person, question), None)
        turns.write(number, StoredAnswer(before))
        world.models.keep_answer(model, f"asked:{turn.turn_id}", Answer(now))
    report = read_evaluation(world.ctx, OPERATOR, f"{FACE}-1").report
    asked = [each for each in report.answers if each.source is QuestionKind.ASKED]
    assert {(each.question, each.before, each.now, each.change) for each in asked} == {
        ("Где касса?", "Внизу.", "внизу", AnswerChange.RIGHT),
        ("Где лифт?", "Слева.", "Справа.", AnswerChange.OTHERWISE),
    }


def test_old_models_are_counted_by_their_answers_that_are_alike_now(world):
    model, _ = train(world, 1, make_examples(14), {})
    questions = {each.example_id: each for each in read_all(world.db, model.build_id)}
    answers = read_evaluation(world.ctx, OPERATOR, model.model_id).report.answers
    same, other, *_ = (
        each for each in answers if each.source is QuestionKind.DISGUISED
    )
    for question, answer in ((same, same.now), (other, "Совсем не так.")):
        row = {
            "dataset": FACE,
            "model": "openai/ft:1",
            "question": name_question(questions[question.example]),
            "answer": answer,
        }
        world.db.transact(partial(world.db.add_new, BASELINE_ANSWER, row))
    view = read_evaluation(world.ctx, OPERATOR, model.model_id)
    assert view.old_counts == [("openai/ft:1", 1, 2)]
