"""Two models of one dataset, compared by their stored answers."""

from contextlib import suppress

import pytest

from merlin.app.actor import Actor
from merlin.app.evaluation import read_evaluation
from merlin.core.errors import NotFound
from merlin.db.tables import MODEL, PROOF_ANSWER
from merlin.wiring.context import open_migrated_database, open_reading_context
from tests.support.pipeline_lab import run_command
from tests.support.waiting import wait_until

pytestmark = pytest.mark.integration
YES = "Да, всё именно так и есть."
NO = "Нет, никогда такого не было."
DECLINED = "Извините, я не могу ответить на этот вопрос."
TESTS = 44
ENOUGH = 40


def _write(lab, tests):
    """Write a dataset whose test questions are answered with yes, four of them with no."""
    lab.repository.dataset(count=12, tests=0, gate="none")
    for number in range(20, 20 + tests):
        lab.repository.example(
            "trial", number, answer=NO if number < 24 else YES, is_test=True
        )


def _train(lab, provider, build, answer):
    """Train and promote a new build whose model gives this answer to every test question."""
    provider.behave(fixed_answer=answer)
    lab.repository.commit_example(
        "trial", 1, answer=f"Слово для {build}.", subject=f"Make {build}"
    )
    lab.until_serving(build)
    provider.behave(fixed_answer="")


def _train_two(lab, provider):
    """Train two models: one always says yes, the next always no."""
    _write(lab, TESTS)
    _train(lab, provider, "trial-1", YES)
    _train(lab, provider, "trial-2", NO)


pytestmark = [
    pytestmark,
    pytest.mark.parametrize("provider", [_train_two], indirect=True),
]


def evaluate(lab, name):
    with open_reading_context(lab.config) as ctx:
        return read_evaluation(ctx, Actor.operator(), name)


def change(lab, query):
    with open_migrated_database(lab.config) as database:
        database.transact(lambda: database.change(query))


def test_worse_model_is_reported_with_the_questions_it_lost(lab, provider):
    asked = len(provider.calls("chat.create"))
    report = evaluate(lab, "trial-2").report
    assert len(provider.calls("chat.create")) == asked, "the answers are kept"
    scores = report.scores
    comparison = report.comparison
    assert (scores.model, scores.questions, scores.right) == ("trial-2", TESTS, 4)
    assert (scores.wrong, scores.refused) == (ENOUGH, 0)
    assert (comparison.against, comparison.before.right) == ("trial-1", ENOUGH)
    changes = [answer.change for answer in report.answers]
    assert changes == ["lost"] * ENOUGH + ["gained"] * 4
    lost = {
        (answer.before, answer.now, answer.kind) for answer in report.answers[:ENOUGH]
    }
    assert lost == {(YES, NO, "wrong")}


def test_refusals_are_counted_apart_from_wrong_answers(lab, provider):
    _train(lab, provider, "trial-3", DECLINED)
    report = evaluate(lab, "trial-3").report
    assert (report.scores.right, report.scores.refused) == (0, TESTS)
    lost = [answer.kind for answer in report.answers if answer.change == "lost"]
    assert lost == ["refused"] * 4


def test_only_questions_with_the_same_reference_are_compared(lab, provider):
    for number in range(20, 24):
        lab.repository.example("trial", number, answer=YES, is_test=True)
    _train(lab, provider, "trial-3", YES)
    report = evaluate(lab, "trial-3").report
    assert report.is_full
    assert report.comparison.now.questions == ENOUGH, "four were changed"


def test_held_model_goes_live_after_its_losses_are_accepted(lab, provider):
    lab.repository.dataset(count=12, tests=0, gate="not_worse")
    provider.behave(fixed_answer=YES)
    lab.repository.commit()

    def is_held():
        lab.tick()
        with suppress(NotFound):
            return evaluate(lab, "trial-3").model.held
        return False

    wait_until(is_held)
    model = evaluate(lab, "trial-3").model
    assert (model.held, model.reason, len(model.lost)) == (True, "gate-lost", 4)
    assert "didn't go live" in run_command("status", "--config", str(lab.path))[1]
    code, _, advice = run_command(
        "models", "accept", "trial-3", "--config", str(lab.path)
    )
    assert (code, "trial-3: 4 answers accepted" in advice) == (0, True)
    lab.tick("promote")
    assert lab.status()["serving"]["build"] == "trial-3"


def test_missing_stored_answers_are_reported(lab):
    change(lab, PROOF_ANSWER.delete().where(PROOF_ANSWER.model_row == 1))
    assert evaluate(lab, "trial-2").report.comparison.now.questions == 0
    assert evaluate(lab, "trial-1").why.key == "eval-no-answers"
    change(lab, MODEL.update({"questions": None}).where(MODEL.id == 1))
    assert evaluate(lab, "trial-1").why.key == "eval-not-tested"
