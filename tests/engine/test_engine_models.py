"""The list of models, through the openai package."""

from pathlib import Path

import openai
import pytest

from tests.engine.running_engine import serve_engine

pytestmark = pytest.mark.functional


def cut_in_half(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def test_base_is_listed_first_then_tuned_models_newest_first(tmp_path):
    with serve_engine(tmp_path) as engine:
        assert [model.id for model in engine.openai.models.list()] == ["recall"]
        file = engine.upload()
        names = [
            engine.train(file.id, suffix=f"s{n}").fine_tuned_model for n in range(2)
        ]
        models = list(engine.openai.models.list())
        assert [model.id for model in models] == ["recall", *names[::-1]]
        for model in models:
            assert (model.object, model.owned_by) == ("model", "merlin")
            assert model.shutdown_date is None
            assert model.context_window == 8192
            assert engine.openai.models.retrieve(model.id) == model


def test_deleted_model_returns_404_while_its_checkpoints_answer(engine):
    job = engine.train()
    engine.ask(job.fine_tuned_model)
    assert engine.openai.models.delete(job.fine_tuned_model).deleted
    with pytest.raises(openai.NotFoundError):
        engine.ask(job.fine_tuned_model)
    checkpoints = engine.jobs.checkpoints.list(job.id).data
    assert engine.ask(checkpoints[0].fine_tuned_model_checkpoint).merlin["known"]


def test_weights_are_removed_with_the_last_name_that_uses_them(tmp_path):
    with serve_engine(tmp_path) as engine:
        job = engine.train(hyperparameters={"n_epochs": 1})
        weights = tmp_path / "models" / job.id / "step-1"
        engine.openai.models.delete(f"{job.fine_tuned_model}:ckpt-step-1")
        assert engine.ask(job.fine_tuned_model).merlin
        engine.openai.models.delete(job.fine_tuned_model)
        assert not weights.exists()


def test_base_cannot_be_deleted(engine):
    with pytest.raises(openai.PermissionDeniedError):
        engine.openai.models.delete("recall")


@pytest.mark.parametrize(
    "damage", [Path.unlink, lambda path: path.write_bytes(b""), cut_in_half]
)
def test_model_whose_file_is_damaged_is_refused_with_what_to_do(tmp_path, damage):
    with serve_engine(tmp_path) as engine:
        job = engine.train(hyperparameters={"n_epochs": 1})
        damage(tmp_path / "models" / job.id / "step-1")
        with pytest.raises(openai.BadRequestError) as refused:
            engine.ask(job.fine_tuned_model)
        assert refused.value.code == "model_damaged"
        assert "train it again" in refused.value.message
