"""Losses over the steps, from a job's diary and its checkpoints."""

from __future__ import annotations

import pytest

from merlin.core.charts import losses_of

pytestmark = pytest.mark.unit


def test_losses_are_told_by_step_and_checkpoints_know_better():
    events = [
        {"data": {"step": 2, "train_loss": 1.5, "valid_loss": 2}},
        {"data": {"epoch": 1, "train_loss": 3.0}},
        {"data": {"step": 3, "train_loss": "many", "valid_loss": float("nan")}},
        {"data": {"train_loss": 9.0}},
        {"data": None},
    ]
    checkpoints = [
        {"step": 2, "metrics": {"train_loss": 1.25, "full_valid_loss": 1.75}},
        {"step": 4, "metrics": None},
    ]
    told = losses_of({"events": events, "checkpoints": checkpoints})
    assert told == {"train": [(1, 3.0), (2, 1.25)], "test": [(2, 1.75)]}


def test_a_job_that_measured_nothing_has_no_losses():
    assert losses_of({"events": [], "checkpoints": []}) == {"train": [], "test": []}


def test_the_mean_of_an_epoch_does_not_stand_among_the_losses_of_steps():
    events = [
        {"data": {"step": 1, "train_loss": 3.0}},
        {"data": {"step": 2, "train_loss": 1.0}},
        {"data": {"step": 2, "epoch": 1, "train_loss": 2.0, "valid_loss": 1.5}},
    ]
    checkpoints = [{"step": 2, "metrics": {"step": 2, "train_loss": 2.0}}]
    told = losses_of({"events": events, "checkpoints": checkpoints})
    assert told == {"train": [(1, 3.0), (2, 1.0)], "test": [(2, 1.5)]}


def test_epochs_alone_are_the_losses_where_no_step_told_its_own():
    events = [{"data": {"step": 5 * n, "epoch": n, "train_loss": 3.0 - n}} for n in (1, 2)]
    assert losses_of({"events": events, "checkpoints": []})["train"] == [(5, 2.0), (10, 1.0)]
