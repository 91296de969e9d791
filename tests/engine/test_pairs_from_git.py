"""Preference pairs from a commit to a trained job: git, the daemon, the engine."""

import json

import pytest

from merlin.config.engine import EngineModelConfig
from tests.engine import tiny_base
from tests.engine.running_engine import KEY as ENGINE_KEY, serve_engine
from tests.support.pipeline_lab import KEY, Lab
from tests.support.waiting import wait_until

pytestmark = [
    pytest.mark.integration,
    pytest.mark.usefixtures("needs_torch"),
    pytest.mark.weekly("torch"),
]
LEARNING = {"n_epochs": 2, "batch_size": 4, "beta": 0.2}


def write_pairs(lab):
    """Write a dataset of preference pairs: each fact's room is better than the next fact's."""
    recipe = {"provider": "stand-in", "base_model": "tiny", "method": "dpo"}
    lab.repository.dataset(count=0, recipe=recipe | {"hyperparameters": LEARNING})
    folder = lab.repository.folder / "datasets/trial/examples"
    folder.mkdir()
    for number, (name, room) in enumerate(tiny_base.FACTS.items()):
        split = "split: test\n" if number < 2 else ""
        (folder / f"{name.lower()}.yaml").write_text(
            f"messages:\n  - user: {tiny_base.make_question(name)}\n"
            f"  - assistant: {tiny_base.make_answer(name, room)}\n"
            f"rejected: {tiny_base.make_answer(name, room + 1)}\n{split}",
            encoding="utf-8",
        )


def test_dataset_of_pairs_is_trained_by_preference(tmp_path, monkeypatch):
    models = {"tiny": EngineModelConfig(path=str(tiny_base.get_tiny_base()))}
    with serve_engine(tmp_path / "engine", models=models) as engine:
        lab = Lab(tmp_path / "lab", f"http://127.0.0.1:{engine.port}/v1")
        monkeypatch.setenv(KEY, ENGINE_KEY)
        write_pairs(lab)
        lab.repository.commit("Add pairs")

        lab.tick("fetch", "launch")

        def ended():
            lab.tick("poll")
            return lab.status()["job"]["state"] in ("succeeded", "failed")

        wait_until(ended, 240)
        assert lab.status()["job"]["state"] == "succeeded"
        [job] = engine.jobs.list().data
        assert (job.status, job.method.type) == ("succeeded", "dpo")
        hyperparameters = job.method.dpo.hyperparameters
        assert (
            hyperparameters.n_epochs,
            hyperparameters.batch_size,
            hyperparameters.beta,
        ) == (
            2,
            4,
            0.2,
        )
        losses = [
            event.data for event in engine.events(job.id) if event.type == "metrics"
        ]
        assert losses[-1]["train_loss"] < losses[0]["train_loss"]
        [folder] = (lab.config.state_dir / "builds/trial").iterdir()
        lines = (folder / "train.jsonl").read_text("utf-8").splitlines()
        assert len(lines) == 18
        assert all(json.loads(line)["non_preferred_output"] for line in lines)
