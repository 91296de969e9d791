"""One engine for the quick tests of a worker, and one model trained on it."""

from __future__ import annotations

import pytest
from engine_world import engine_in_thread, jsonl
from torch_here import needs_torch  # noqa: F401 - a fixture


@pytest.fixture(scope="session")
def desk(tmp_path_factory):
    with engine_in_thread(tmp_path_factory.mktemp("engine")) as made:
        yield made


@pytest.fixture(scope="session")
def tuned(desk):
    """A job that has succeeded; tests ask its model and leave it as it is."""
    train = desk.upload(jsonl())
    test = desk.upload(
        jsonl(
            {"что за очередь такая": "Очередь — это список, из которого берут в порядке прихода."}
        )
    )
    job = desk.train(train.id, validation_file=test.id, suffix="neuro", metadata={"of": "tuned"})
    assert job.status == "succeeded", job.error
    return job
