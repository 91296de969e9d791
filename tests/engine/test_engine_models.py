"""The list of models, by the openai package as it is."""

from __future__ import annotations

import openai
import pytest

from tests.engine.running_engine import engine_in_thread

pytestmark = pytest.mark.functional


def test_the_base_is_listed_first_then_the_tuned_newest_first(tmp_path):
    with engine_in_thread(tmp_path) as desk:
        assert [model.id for model in desk.client.models.list()] == ["recall"]
        file = desk.upload()
        names = [desk.train(file.id, suffix=f"s{n}").fine_tuned_model for n in range(2)]
        listed = list(desk.client.models.list())
        assert [model.id for model in listed] == ["recall", *names[::-1]]
        for model in listed:
            assert (model.object, model.owned_by) == ("model", "merlin")
            assert model.shutdown_date is None
            assert model.context_window == 8192


def test_a_model_and_a_checkpoint_are_found_by_name(desk, tuned):
    checkpoint = desk.jobs.checkpoints.list(tuned.id).data[0].fine_tuned_model_checkpoint
    for name in ("recall", tuned.fine_tuned_model, checkpoint):
        assert desk.client.models.retrieve(name).id == name
    with pytest.raises(openai.NotFoundError) as refused:
        desk.client.models.retrieve("ft:none")
    assert refused.value.code == "model_not_found"


def test_a_deleted_model_answers_no_more_and_its_checkpoints_do(desk):
    job = desk.train()
    desk.ask(job.fine_tuned_model)
    assert desk.client.models.delete(job.fine_tuned_model).deleted
    with pytest.raises(openai.NotFoundError):
        desk.ask(job.fine_tuned_model)
    kept = desk.jobs.checkpoints.list(job.id).data
    assert desk.ask(kept[0].fine_tuned_model_checkpoint).merlin["known"]


def test_the_weights_go_with_the_last_name_that_needs_them(tmp_path):
    with engine_in_thread(tmp_path) as desk:
        job = desk.train(hyperparameters={"n_epochs": 1})
        weights = tmp_path / "models" / job.id / "step-1"
        desk.client.models.delete(f"{job.fine_tuned_model}:ckpt-step-1")
        assert desk.ask(job.fine_tuned_model).merlin
        desk.client.models.delete(job.fine_tuned_model)
        assert not weights.exists()


def test_a_base_cannot_be_deleted(desk):
    with pytest.raises(openai.PermissionDeniedError):
        desk.client.models.delete("recall")
