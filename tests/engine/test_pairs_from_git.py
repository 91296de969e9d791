"""Preference pairs from a commit to a trained job: git, the daemon, the engine."""

import json

import pytest

from tests.engine.facts_lab import open_facts_lab, until_over

pytestmark = [
    pytest.mark.integration,
    pytest.mark.usefixtures("needs_torch"),
    pytest.mark.weekly("torch"),
]
LEARNING = {"n_epochs": 2, "batch_size": 4, "beta": 0.2}


def test_dataset_of_pairs_is_trained_by_preference(tmp_path):
    with open_facts_lab(tmp_path, method="dpo", hyperparameters=LEARNING) as lab:
        lab.tick("fetch")
        assert until_over(lab)["state"] == "succeeded"
        [job] = lab.engine.jobs.list().data
        assert (job.status, job.method.type) == ("succeeded", "dpo")
        settings = job.method.dpo.hyperparameters.to_dict()
        assert settings.items() >= LEARNING.items()
        losses = lab.engine.losses(job.id)
        assert losses[-1] < losses[0]
        [folder] = (lab.config.state_dir / "builds/trial").iterdir()
        lines = (folder / "train.jsonl").read_text("utf-8").splitlines()
        assert len(lines) == 16
        assert all(json.loads(line)["non_preferred_output"] for line in lines)
