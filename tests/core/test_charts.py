"""Reading the losses of a job."""

import pytest

from merlin.core.charts import read_losses, read_positive
from merlin.core.training_events import describe_event

pytestmark = pytest.mark.unit


def test_checkpoint_losses_override_event_losses():
    events = [
        {"step": 2, "train_loss": 1.5, "valid_loss": 2},
        {"epoch": 1, "train_loss": 3.0},
        {"step": 3, "train_loss": "many", "valid_loss": float("nan")},
        {"train_loss": 9.0},
        None,
    ]
    checkpoints = [
        (2, {"train_loss": 1.25, "full_valid_loss": 1.75}),
        (4, {}),
    ]
    losses = read_losses(events, checkpoints)
    assert losses == {"train": [(1, 3.0), (2, 1.25)], "test": [(2, 1.75)]}


def test_epoch_mean_is_not_among_the_losses_of_steps():
    events = [
        {"step": 1, "train_loss": 3.0},
        {"step": 2, "train_loss": 1.0},
        {"step": 2, "epoch": 1, "train_loss": 2.0, "valid_loss": 1.5},
    ]
    checkpoints = [(2, {"step": 2, "train_loss": 2.0})]
    losses = read_losses(events, checkpoints)
    assert losses == {"train": [(1, 3.0), (2, 1.0)], "test": [(2, 1.5)]}


def test_epoch_losses_are_used_when_there_are_no_step_losses():
    events = [{"step": 5 * n, "epoch": n, "train_loss": 3.0 - n} for n in (1, 2)]
    assert read_losses(events)["train"] == [(5, 2.0), (10, 1.0)]


@pytest.mark.parametrize(
    "value",
    [float("nan"), float("inf"), 10**400, -(10**400)],
    ids=["nan", "inf", "big", "-big"],
)
def test_numbers_that_no_float_holds_are_no_measurements(value):
    measured = {"step": 1, "train_loss": 2.0, "epoch": 1}
    events = [measured, {**measured, "step": value}, {"step": 2, "train_loss": value}]
    assert read_losses(events)["train"] == [(1, 2.0)]
    assert read_positive(value) == 0
    for name in measured:
        assert describe_event("message", {**measured, name: value}, "en")
