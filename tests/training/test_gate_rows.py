"""What the gate stores: whose commits it holds, and which older ones that ends."""

import pytest

from merlin.db.tables import VERDICT
from merlin.db.values import dump_json
from merlin.training.bounds import HoldReason
from merlin.training.gate import Gates
from tests.db.pipeline_rows import FACE, make_examples, make_spec

pytestmark = pytest.mark.integration
HELD = "gate-lost"
TOLD = "verdict-pinned"


def train(world, position, reason="", spec=None, **options):
    """Push a commit and launch it; return the model, if its job is to be finished."""
    job = world.start(position, make_examples(11 + position), spec=spec, **options)
    world.finish(job)
    (model,) = world.models.list_unproved()
    world.prove()
    world.db.update(VERDICT, VERDICT.position == position, reason=reason)
    return model


def hold(world, model, before=""):
    values = {"version": model.build_version, "against": f"{FACE}-0"}
    held = {"reason": HELD, "arguments": dump_json(values)}
    Gates(world.db, world.clock)._store_hold(
        model, before, HoldReason(HELD, values), held
    )


@pytest.mark.parametrize(
    ("reason", "dataset", "position", "status"),
    [
        (HELD, FACE, 1, "superseded"),
        ("", FACE, 1, "training"),  # it still trains, or awaits its test
        (TOLD, FACE, 1, "training"),
        (HELD, "python", 1, "training"),
        (HELD, FACE, 3, "training"),  # a newer one
    ],
)
def test_hold_supersedes_older_held_commits_of_its_dataset_only(
    world, reason, dataset, position, status
):
    train(world, position, reason, spec=make_spec(dataset))
    model = train(world, 2)
    hold(world, model)
    assert world.verdict(position).status == status
    assert (world.verdict(2).status, world.verdict(2).reason) == ("training", HELD)


def test_hold_is_not_stored_at_a_commit_that_no_longer_awaits_its_model(world):
    model = train(world, 1)
    world.db.update(VERDICT, VERDICT.position == 1, status="superseded")
    hold(world, model)
    assert (world.verdict(1).status, world.verdict(1).reason) == ("superseded", "")


def test_hold_is_not_stored_where_the_verdict_changed_meanwhile(world):
    train(world, 1, HELD)
    model = train(world, 2, TOLD)
    hold(world, model, before="")
    assert world.verdict(2).reason == TOLD
    assert world.verdict(1).status == "training"
