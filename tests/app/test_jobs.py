"""How far a training is, by what its events tell."""

from dataclasses import replace

import pytest

from merlin.app.jobs import Progress, quote
from merlin.core.errors import Refused
from merlin.dataset.verdicts import VerdictStatus
from merlin.db.tables import VERDICT
from tests.db.pipeline_rows import FACE, OPERATOR, make_examples

pytestmark = pytest.mark.integration


@pytest.mark.parametrize(
    ("events", "progress"),
    [
        ([], Progress(None, 0, 3, 0)),
        (["text", {"step": 10}], Progress(None, 0, 3, 0)),
        ([{"step": 10, "total_steps": 40}], Progress(25, 0, 3, 40)),
        ([{"step": 9, "epoch": 1}, {"step": 10, "epoch": 1}], Progress(33, 1, 3, 30)),
        ([{"step": 50, "total_steps": 40}], Progress(100, 0, 3, 40)),
    ],
)
def test_steps_that_no_event_tells_are_reckoned_from_the_epochs(
    world, events, progress
):
    job = world.job(world.start(1, make_examples(12)).job_id)
    recipe = {"hyperparameters": {"n_epochs": 3}}
    assert replace(job, recipe=recipe).measure(events) == progress


def test_training_of_a_commit_without_a_build_has_no_price(world):
    world.push(1, make_examples(12))
    rejected = {"status": VerdictStatus.REJECTED.value, "build_id": None}
    world.db.update(VERDICT, VERDICT.position == 1, **rejected)
    with pytest.raises(Refused) as caught:
        quote(world.ctx, OPERATOR, FACE, "en")
    assert caught.value.key == "build-none"
