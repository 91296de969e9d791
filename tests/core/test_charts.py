"""Charts of losses and scores; reading losses."""

import pytest

from merlin.core.charts import Score, plot_scores, read_losses, read_positive
from merlin.core.training_events import describe_event

pytestmark = pytest.mark.unit


SCORES = [
    Score(share=82, low=59, high=94, name="-1", day="3 окт"),
    Score(share=95, low=75, high=99, name="-2", day="12 ноя", style="serves", text="текущая"),
    Score(share=84, low=62, high=94, name="-3", day="20 ноя", style="this", text="эта"),
]


def test_score_axis_begins_below_the_lowest_bar_and_ends_at_100():
    chart = plot_scores(SCORES, "ru")
    assert [row.text for row in chart.rows] == ["40", "60", "80", "100"]
    assert [day.text for day in chart.days] == ["3 окт", "20 ноя"]
    assert [name.text for name in chart.names] == ["текущая", "эта"]
    assert all(0 <= bar.high <= bar.y <= bar.low <= 300 for bar in chart.bars)
    assert plot_scores([], "ru") is None
    (alone,) = plot_scores([SCORES[0]], "ru").days
    assert alone.text == "3 окт"


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


def test_job_without_measurements_has_no_losses():
    assert read_losses([]) == {"train": [], "test": []}


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
    "value", [float("nan"), float("inf"), 10**400, -(10**400)], ids=["nan", "inf", "big", "-big"]
)
def test_numbers_that_no_float_holds_are_no_measurements(value):
    measured = {"step": 1, "train_loss": 2.0, "epoch": 1}
    events = [measured, {**measured, "step": value}, {"step": 2, "train_loss": value}]
    assert read_losses(events)["train"] == [(1, 2.0)]
    assert read_positive(value) == 0
    for name in measured:
        assert describe_event("message", {**measured, name: value}, "en")
