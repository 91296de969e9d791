"""What happens to one job, model or dataset leaves every other as it was."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from merlin.db.tables import JOB, MODEL, PROMOTION, PROOF_ANSWER, SERVING, VERDICT
from merlin.providers.base import Answer, JobEvent
from merlin.training.gate import Gates
from merlin.training.jobs import JobState
from merlin.training.models import ModelState, proof_of
from merlin.training.promote import promote_by_hand, roll_back
from merlin.training.scores import Evaluation
from tests.db.pipeline_rows import FACE, make_examples, make_spec

# A query keeps its rows: each read is of a clone.
pytestmark = pytest.mark.integration
LAW = "law"
HELD = "gate-lost"
EVENT = JobEvent("e", datetime(2026, 11, 20, tzinfo=UTC), "info", "text", "")


def start(world, position, dataset=FACE):
    """Push a commit with examples of its own; return its launched job."""
    return world.start(position, make_examples(11 + position), spec=make_spec(dataset))


def train(world, position, dataset=FACE):
    """Push a commit and train; return the model, good, with an answer to a test question."""
    world.finish(start(world, position, dataset))
    *_, model = world.models.list_unproved()
    world.models.keep_answer(model, "q", Answer("да"))
    world.models.keep_base_answer(model, "q", Answer("основа"))
    return model


JOB_ACTS = {
    "run": lambda jobs, job: jobs.save(job, replace(job, state=JobState.RUNNING)),
    "fail": lambda jobs, job: jobs.save(job, replace(job, state=JobState.FAILED)),
    "succeed": lambda jobs, job: jobs.save(
        job, replace(job, state=JobState.SUCCEEDED, model_id="ft:1")
    ),
    "give up": lambda jobs, job: jobs.give_up_verdicts(job, job.created_at),
    "event": lambda jobs, job: jobs.add_events(job.job_id, [EVENT], []),
}


@pytest.mark.parametrize("act", JOB_ACTS.values(), ids=JOB_ACTS)
def test_act_on_one_job_changes_no_other(world, act):
    first = start(world, 1)
    second = start(world, 2, LAW)
    others = [
        table.select().where(column != first.job_id)
        for table, column in (
            (JOB, JOB.id),
            (VERDICT, VERDICT.job_id),
            (MODEL, MODEL.job_id),
        )
    ]
    before = [world.db.rows(query.clone()) for query in others]
    act(world.jobs, first)
    assert [world.db.rows(query.clone()) for query in others] == before
    assert world.jobs.known_events(second.job_id) == frozenset()


SCORES = Evaluation(questions=5, right=3, chrf=77.5)
MODEL_ACTS = {
    "postpone": lambda models, one: models.postpone(one, 30.0, "x"),
    "answer": lambda models, one: models.keep_answer(one, "q2", Answer("нет")),
    "base": lambda models, one: models.keep_base_answer(one, "q", Answer("нет")),
    "good": lambda models, one: models.settle(one, ModelState.GOOD, SCORES, ""),
    "refused": lambda models, one: models.settle(one, ModelState.REFUSED, None, "x"),
    "revoked": lambda models, one: models.settle(one, ModelState.REVOKED, None, "x"),
}


@pytest.mark.parametrize("act", MODEL_ACTS.values(), ids=MODEL_ACTS)
def test_act_on_one_model_changes_no_other(world, act):
    first = train(world, 1)
    world.models.postpone(first, 0.0, "")
    world.finish(start(world, 2, LAW))
    second = next(each for each in world.models.list_unproved() if each.dataset == LAW)
    world.models.keep_answer(second, "q", Answer("да"))
    others = [
        table.select().where(column != one)
        for table, column, one in (
            (MODEL, MODEL.id, first.model_row),
            (PROOF_ANSWER, PROOF_ANSWER.model_row, first.model_row),
            (VERDICT, VERDICT.job_id, first.job_id),
        )
    ]
    before = [world.db.rows(query.clone()) for query in others]
    act(world.models, first)
    assert [world.db.rows(query.clone()) for query in others] == before
    assert world.models.base_answers(second.model_row) == {}
    assert proof_of(world.db, second.model_row) is None


def test_base_answers_the_question_that_was_asked_and_a_settled_model_waits_no_more(
    world,
):
    model = train(world, 1)
    world.models.keep_answer(model, "q2", Answer("да"))
    assert world.models.base_answers(model.model_row).keys() == {"q"}
    for state in (ModelState.GOOD, ModelState.GONE):
        world.models.settle(model, state, None, "")
    world.models.postpone(model, 30.0, "late")
    world.models.keep_answer(model, "q3", Answer("да"))
    assert world.models.answers(model.model_row).keys() == {"q", "q2"}
    assert world.promotions.model(model.model_id).note == ""


def serve(world, position, dataset=FACE):
    train(world, position, dataset)
    world.prove_and_promote()
    return world.promotions.list_serving()[dataset].model


PROMOTION_ACTS = {
    "promote": lambda world: promote_by_hand(world.promotions, f"{FACE}-1", "vera"),
    "roll back": lambda world: roll_back(world.promotions, FACE, "vera"),
    "pin": lambda world: world.promotions.pin(FACE, is_pinned=True),
    "unpin": lambda world: world.promotions.pin(FACE, is_pinned=False),
    "force push": lambda world: world.history.drop_commits(4, world.clock()),
}


@pytest.mark.parametrize("act", PROMOTION_ACTS.values(), ids=PROMOTION_ACTS)
def test_act_on_one_dataset_changes_no_other(world, act):
    for position, dataset in enumerate((LAW, LAW, FACE, FACE), 1):
        serve(world, position + (dataset == FACE), dataset)
    world.promotions.pin(LAW, is_pinned=True)
    world.push(3, make_examples(20), spec=make_spec(LAW))
    world.db.update(VERDICT, VERDICT.position == 3, reason="verdict-pinned")
    others = [
        table.select().where(table.dataset == LAW)
        for table in (SERVING, VERDICT, PROMOTION)
    ]
    before = [world.db.rows(query.clone()) for query in others]
    act(world)
    assert [world.db.rows(query.clone()) for query in others] == before


@pytest.mark.parametrize("act", ["promote", "roll back"])
@pytest.mark.parametrize(
    ("reason", "dataset", "position"),
    [(HELD, FACE, 3), ("", FACE, 2), (HELD, LAW, 2), ("verdict-pinned", FACE, 2)],
)
def test_model_made_live_by_hand_stays_behind_those_that_the_gate_holds(
    world, act, reason, dataset, position
):
    """Else the held model would be judged anew against it at once."""
    serve(world, 1)
    serve(world, 2)
    train(world, 3, dataset)
    world.db.update(VERDICT, VERDICT.position == 3, reason=reason)
    PROMOTION_ACTS[act](world)
    assert world.promotions.list_serving()[FACE].position == position


def test_pin_holds_proved_commits_only_and_leaves_the_gates_reason(world):
    for position, dataset in ((1, LAW), (2, FACE)):
        serve(world, position, dataset)
    start(world, 3)
    train(world, 4)
    world.prove()
    (candidate, _) = sorted(
        world.promotions.list_newest_good(), key=lambda each: -each.position
    )
    world.promotions.pin(LAW, is_pinned=True)
    world.promotions.hold_by_pin(candidate)
    assert world.verdict(4).reason == "", "its own dataset is not pinned"
    world.promotions.pin(FACE, is_pinned=True)
    world.db.update(VERDICT, VERDICT.position == 4, reason=HELD)
    world.promotions.hold_by_pin(candidate)
    assert world.verdict(4).reason == HELD
    world.db.update(VERDICT, VERDICT.position == 4, reason="")
    world.promotions.hold_by_pin(candidate)
    assert [world.verdict(position).status for position in (3, 4)] == [
        "training",
        "training",
    ]
    assert [world.verdict(position).reason for position in (3, 4)] == [
        "",
        "verdict-pinned",
    ]


def test_accepted_losses_are_those_of_the_dataset_and_release_its_own_model(world):
    gates = Gates(world.db, world.clock)
    models = [
        train(world, position, dataset) for position, dataset in ((1, FACE), (2, LAW))
    ]
    lost = '{"lost": [{"arguments": {"digest": "d"}}], "compared": ""}'
    is_any = VERDICT.position.in_([1, 2])
    world.db.update(VERDICT, is_any, reason=HELD, arguments=lost)
    gates.accept(models[0])
    assert [world.verdict(position).reason for position in (1, 2)] == ["", HELD]
    assert [gates.list_accepted(name) for name in (FACE, LAW)] == [{"d"}, set()]


@pytest.mark.parametrize(("digest", "rest"), [("d", 1), ("", 0)])
def test_first_model_is_released_for_good_only_when_it_is_accepted_whole(
    world, digest, rest
):
    model = train(world, 1)
    lost = '{"lost": [{"arguments": {"digest": "d"}}, {"arguments": {"digest": "e"}}]}'
    is_it = VERDICT.position == 1
    world.db.update(VERDICT, is_it, reason="gate-first", arguments=lost, compared="x")
    gates = Gates(world.db, world.clock)
    gates.accept(model, digest)
    verdict = world.db.row(VERDICT.select().where(is_it))
    assert (verdict.is_accepted, verdict.compared) == ((0, "") if rest else (1, "x"))
    assert len(gates.list_accepted(FACE)) == rest
