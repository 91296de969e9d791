"""Session fixtures: an engine in a thread with one trained model, and a worker of the tiny base."""

import pytest

from merlin.config.engine import EngineModelConfig
from tests.engine import tiny_base
from tests.engine.backends_asked import ALL_LAYERS, ReferenceModel, start_backend
from tests.engine.foreign_adapters import train_by_trl
from tests.engine.lora_tasks import TEN_FACTS, TEN_LEARNING
from tests.engine.running_engine import (
    build_training_file,
    find_weights,
    serve_engine,
)
from tests.engine.tiny_base import get_tiny_base
from tests.engine.torch_here import find_missing, needs_torch  # noqa: F401 - a fixture
from tests.support.machine import skip_or_fail


@pytest.fixture(scope="session")
def engine(tmp_path_factory):
    with serve_engine(tmp_path_factory.mktemp("engine")) as client:
        yield client


@pytest.fixture(scope="session")
def tuned(engine):
    """A successful job; tests use its model without changing it."""
    train = engine.upload(build_training_file())
    test = engine.upload(
        build_training_file(
            {
                "что за очередь такая": "Очередь — это список, из которого берут в порядке прихода."
            }
        )
    )
    job = engine.train(
        train.id, validation_file=test.id, suffix="neuro", metadata={"of": "tuned"}
    )
    assert job.status == "succeeded", job.error
    return job


@pytest.fixture(scope="session")
def taught(tmp_path_factory):
    """An engine with the tiny base, whose `job` has taught it ten facts; tests only read it."""
    skip_or_fail(find_missing())
    folder = tmp_path_factory.mktemp("taught")
    models = {"tiny": EngineModelConfig(path=str(get_tiny_base()))}
    with serve_engine(folder, models=models) as client:
        examples = tiny_base.write_examples(folder / "facts.jsonl", TEN_FACTS)
        file = client.upload(examples.read_bytes())
        settings = {"hyperparameters": TEN_LEARNING}
        client.job = client.train(
            file.id,
            model="tiny",
            validation_file=file.id,
            suffix="rooms",
            method={"type": "supervised", "supervised": settings},
        )
        assert client.job.status == "succeeded", client.job.error
        client.folder = folder
        client.adapter = find_weights(folder, client, client.job.id)
        yield client


@pytest.fixture(scope="session")
def trl(tmp_path_factory):
    """The folder of an adapter that TRL has trained."""
    skip_or_fail(find_missing())
    return train_by_trl(tmp_path_factory.mktemp("elsewhere"))


@pytest.fixture(scope="session")
def runner(tmp_path_factory):
    """Our own backend with the tiny base, which tests leave without a running request."""
    skip_or_fail(find_missing())
    log = tmp_path_factory.mktemp("runner") / "child.log"
    with start_backend(get_tiny_base(), log, max_waiting=7, max_adapters=3) as runner:
        yield runner


@pytest.fixture(scope="session")
def reference():
    """The same base under transformers' own `generate`."""
    skip_or_fail(find_missing())
    return ReferenceModel(get_tiny_base())


@pytest.fixture(scope="session")
def adapters(reference, tmp_path_factory):
    """Five adapters with several ranks and layers, by number from 1."""
    folder = tmp_path_factory.mktemp("adapters")
    kinds = {
        1: (4, ALL_LAYERS),
        2: (8, ["q_proj", "v_proj"]),
        3: (16, ALL_LAYERS),
        4: (4, ["down_proj"]),
    }
    kinds[5] = (6, ["o_proj", "up_proj"])
    return {
        seed: reference.adapter(folder / str(seed), seed, rank, targets)
        for seed, (rank, targets) in kinds.items()
    }
