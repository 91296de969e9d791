"""Jobs for adapters trained elsewhere: what a request may say, before anything is read."""

import openai
import pytest

from merlin.config.engine import EngineModelConfig
from tests.engine.running_engine import serve_engine

pytestmark = pytest.mark.functional

ABSENT = f"file-{'0' * 24}"


@pytest.fixture(scope="module")
def engine(tmp_path_factory):
    """An engine with a base that has no files: a job that is accepted fails at once."""
    folder = tmp_path_factory.mktemp("engine")
    models = {"tiny": EngineModelConfig(path=str(folder / "nowhere"))}
    with serve_engine(folder, models=models) as client:
        client.train_file = client.upload().id
        client.weights = client.upload(b"tensors", "adapter_model.safetensors").id
        yield client


def launch(engine, model="tiny", **settings):
    method = {"type": "adapter", "adapter": {"hyperparameters": settings}}
    return engine.jobs.create(
        model=model, training_file=engine.train_file, method=method
    )


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"weights": "../../engine.db", "config": "{}"}, "hyperparameters.weights"),
        ({"weights": "/etc/passwd", "config": "{}"}, "hyperparameters.weights"),
        ({"weights": ABSENT}, "hyperparameters.config"),
        ({"weights": ABSENT, "config": "{}", "form": "other"}, "hyperparameters.form"),
        ({"weights": ABSENT, "config": "x" * 200_001}, "hyperparameters.config"),
        ({"weights": ABSENT, "config": "{}", "n_epochs": 3}, "unknown hyper-parameter"),
        (
            {"weights": ABSENT, "config": "{}"},
            f"invalid method: there is no file {ABSENT}",
        ),
    ],
)
def test_request_that_no_adapter_has_is_refused_by_its_field(engine, settings, said):
    with pytest.raises(openai.BadRequestError) as refusal:
        launch(engine, **settings)
    assert said in str(refusal.value)


def test_recall_takes_no_adapter(engine):
    with pytest.raises(
        openai.BadRequestError, match=r"method\.type must be one of 'supervised'"
    ):
        launch(engine, model="recall", weights=engine.weights, config="{}")


def test_weights_are_stored_and_the_job_says_what_its_base_lacks(engine):
    job = launch(engine, weights=engine.weights, config="{}")
    job = engine.until(job.id, "failed")
    assert job.error.code in ("base_unusable", "trainer_not_installed")


@pytest.mark.parametrize("name", ["adapter_model.bin", "adapter.zip"])
def test_pickles_and_archives_are_not_stored(engine, name):
    with pytest.raises(openai.BadRequestError, match="safetensors"):
        engine.upload(b"x", name)
