"""One engine for the quick tests of a worker, and one model trained on it."""

from __future__ import annotations

import pytest

from tests.engine.backends_asked import ALL, Reference, speaking
from tests.engine.running_engine import engine_in_thread, jsonl
from tests.engine.tiny_base import tiny_base
from tests.engine.torch_here import needs_torch, why_not  # noqa: F401 - a fixture
from tests.support.machine import skip_or_fail


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


@pytest.fixture(scope="session")
def speaker(tmp_path_factory):
    """Our own backend over the tiny base, shared by the tests that leave it as it is."""
    skip_or_fail(why_not())
    with speaking(tiny_base(), tmp_path_factory.mktemp("speaker") / "child.log") as made:
        yield made


@pytest.fixture(scope="session")
def reference():
    """The same base under transformers' own `generate`."""
    skip_or_fail(why_not())
    return Reference(tiny_base())


@pytest.fixture(scope="session")
def adapters(reference, tmp_path_factory):
    """Five adapters of several ranks and layers, by number from 1."""
    folder = tmp_path_factory.mktemp("adapters")
    kinds = {1: (4, ALL), 2: (8, ["q_proj", "v_proj"]), 3: (16, ALL), 4: (4, ["down_proj"])}
    kinds[5] = (6, ["o_proj", "up_proj"])
    return {
        seed: reference.adapter(folder / str(seed), seed, rank, targets)
        for seed, (rank, targets) in kinds.items()
    }
