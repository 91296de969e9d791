"""How far a training is, by what its events tell."""

from dataclasses import replace

import pytest

from merlin.app.jobs import Progress
from tests.db.pipeline_rows import make_examples

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
