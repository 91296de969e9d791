"""What a training costs and takes at each provider: memory, minutes, money, who sees the data."""

import json
import os
from pathlib import Path

import pytest

from merlin.training import offers as rules
from merlin.training.jobs import JobState
from merlin.training.offers import list_offers
from merlin.training.policy import count_epochs
from tests.db.pipeline_rows import make_examples, make_spec
from tests.support.config import make_config

pytestmark = pytest.mark.functional
ENGINE = {"name": "engine", "base_url": "http://127.0.0.1:8702/v1"}
PRICE = {"input": 1, "output": 2, "training": 3}
HOSTED = {
    "name": "hosted",
    "base_url": "https://tuning.example.com/v1",
    "prices": {"gpt-base": PRICE, "only-answers": {**PRICE, "training": 0}},
}
GB = 1_000_000_000


def find_offers(world, config, position=1, **recipe):
    """Return the offers for a new build, by provider and base."""
    verdict = world.push_one(position, make_examples(), spec=make_spec(**recipe))
    build = world.launches.build(verdict.build_id)
    found = list_offers(world.db, config, build, verdict.spec.recipe)
    assert [offer.is_chosen for offer in found].index(True) == 0
    return {(offer.provider, offer.base_model): offer for offer in found}, build


def test_each_provider_says_what_it_costs_and_who_sees_the_examples(world):
    models = {"recall": {"price": {**PRICE, "input": 0, "output": 0, "training": 0}}}
    config = make_config(providers=[ENGINE, HOSTED], models=models)
    found, build = find_offers(world, config)
    assert list(found) == [("engine", "recall"), ("hosted", "gpt-base")]
    own, hosted = found.values()
    assert (own.cost_micro, own.seen_by, own.fits) == (0, "", "yes")
    assert (hosted.seen_by, hosted.fits) == ("tuning.example.com", "elsewhere")
    trained = build.train_tokens * count_epochs(build.train, {})
    assert hosted.cost_micro >= trained * 3
    assert own.seconds is hosted.seconds is None


def test_price_that_is_not_known_is_none(world):
    found, _ = find_offers(world, make_config(providers=[ENGINE]))
    assert found["engine", "recall"].cost_micro is None


def test_engine_on_another_machine_is_named_and_says_nothing_of_this_ones_memory(world):
    there = {**ENGINE, "base_url": "https://gpu.example.com/v1"}
    found, _ = find_offers(world, make_config(providers=[there]))
    assert (found["engine", "recall"].seen_by, found["engine", "recall"].fits) == (
        "gpu.example.com",
        "elsewhere",
    )


def test_time_follows_from_finished_jobs_of_the_same_base_alone(world):
    """Two jobs of 100 and 300 s, with equal tokens: the third takes 200 s in as many epochs."""
    for position, seconds, state in (
        (1, 100, JobState.SUCCEEDED),
        (2, 300, JobState.SUCCEEDED),
        (3, 9000, JobState.FAILED),
    ):
        job = world.start(position, make_examples(changed=[position]))
        world.clock.move(seconds)
        world.finish(job, state)
        world.prove_and_promote()
    config = make_config(providers=[ENGINE, HOSTED])
    found, _ = find_offers(world, config, 4, hyperparameters={"n_epochs": 20})
    per_epoch = 200 / count_epochs(11, {})
    assert found["engine", "recall"].seconds == pytest.approx(per_epoch * 20, rel=0.02)
    assert found["hosted", "gpt-base"].seconds is None


def test_provider_that_is_configured_no_more_offers_nothing(world):
    job = world.start(1, make_examples())
    world.clock.move(100)
    world.finish(job, JobState.SUCCEEDED)
    hosted = make_spec(provider="hosted", base_model="gpt-base")
    verdict = world.push_one(2, make_examples(), spec=hosted)
    build = world.launches.build(verdict.build_id)
    config = make_config(providers=[HOSTED])
    found = list_offers(world.db, config, build, verdict.spec.recipe)
    assert [(each.provider, each.base_model) for each in found] == [
        ("hosted", "gpt-base")
    ]


def engine_config(folder, **engine):
    """Configure a base of three billion parameters in 16 bits, in a sparse file."""
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({"dtype": "bfloat16"}))
    with (folder / "model.safetensors").open("wb") as file:
        os.truncate(file.fileno(), 6 * GB)
    models = {"large": {"path": str(folder), **engine.pop("model", {})}}
    return make_config(providers=[ENGINE], engine={"models": models, **engine})


@pytest.mark.parametrize(
    ("device", "model", "needed_gb"),
    [
        ("cpu", {}, 16.5),  # float32: 3 × 4 × 1.25 + 1.5
        ("cpu", {"dtype": "bfloat16"}, 9.0),
        ("cuda:0", {}, 9.0),
        ("cuda:0", {"quantised": "4bit"}, 3.75),
    ],
)
def test_memory_is_the_rule_of_thumb_against_the_devices(
    world, tmp_path, device, model, needed_gb
):
    config = engine_config(tmp_path / "base", training={"device": device}, model=model)
    found = {}
    for total_gb in (needed_gb - 0.01, needed_gb, None):
        read_memory_gb = {device: total_gb}.get
        found[total_gb] = rules._find_fit(config, "large", read_memory_gb)
    expected = [(fit, pytest.approx(needed_gb)) for fit in ("no", "yes", "unknown")]
    assert list(found.values()) == expected


def test_base_that_is_not_here_yet_is_not_known(tmp_path):
    models = {"far": {"hub": "anna/far"}}
    config = make_config(state_dir=str(tmp_path), engine={"models": models})
    assert rules._find_fit(config, "far") == ("unknown", None)


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ('[ "$3" = --id=1 ] && echo 24576', 24576 * 1024**2 / GB),
        ("echo No devices were found; exit 6", None),
        (None, None),
    ],
)
def test_memory_of_a_gpu_is_what_its_driver_says(
    tmp_path, monkeypatch, script, expected
):
    monkeypatch.setenv("PATH", f"{tmp_path}")
    if script:
        (tmp_path / "nvidia-smi").write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / "nvidia-smi").chmod(0o755)
    assert rules._read_memory_gb("cuda:1") == expected


def test_memory_of_the_machine_is_the_systems():
    total_kb = int(Path("/proc/meminfo").read_text("ascii").split()[1])
    assert rules._read_memory_gb("cpu") == pytest.approx(total_kb * 1024 / GB, rel=0.01)
