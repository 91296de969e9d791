"""Adapters trained elsewhere: copied, then a job of the engine at the commit of a build."""

import os
from dataclasses import replace
from datetime import timedelta

import pytest

from merlin.app.retention import RemovableFiles
from merlin.core.errors import NotFound, Refused
from merlin.dataset.verdicts import VerdictStatus
from merlin.db.tables import JOB, REVOKED_EXAMPLE
from merlin.providers.base import JobReport
from merlin.training import arrived
from merlin.training.arrived import (
    Arrival,
    get_adapter_folder,
    keep_adapter,
    launch_arrival,
    remove_copies,
)
from merlin.training.jobs import JobState, TrainingProvider
from merlin.training.launch import advance_launch
from merlin.training.launch_plan import Launches
from tests.db.pipeline_rows import (
    FACE,
    make_example,
    make_examples,
    make_spec,
    planning_config,
)

pytestmark = pytest.mark.integration

SMALL = make_spec(base_model="small")


@pytest.fixture
def adapter(tmp_path):
    """A folder as PEFT writes it; only the engine looks into its files."""
    folder = tmp_path / "adapter"
    folder.mkdir()
    (folder / "adapter_config.json").write_text('{"r": 8}', "utf-8")
    (folder / "adapter_model.safetensors").write_bytes(b"tensors")
    return folder


@pytest.fixture
def builds(tmp_path):
    return tmp_path / "state" / "builds"


@pytest.fixture
def launches(world):
    config = planning_config(engine={"listen": "127.0.0.1:1"})
    return Launches(world.db, config, world.clock)


def arrive(digest="a" * 64, **values):
    return Arrival(**{"dataset": FACE, "digest": digest, **values})


def test_copy_has_nothing_but_both_files_and_is_named_by_their_content(adapter, builds):
    kept = {path.name: path.read_bytes() for path in adapter.iterdir()}
    (adapter / "training_args.bin").write_bytes(b"pickle")
    first = keep_adapter(builds, adapter)
    assert keep_adapter(builds, adapter) == first
    copied = get_adapter_folder(builds, first)
    assert {path.name: path.read_bytes() for path in copied.iterdir()} == kept
    (adapter / "adapter_config.json").write_text('{"r": 16}', "utf-8")
    assert keep_adapter(builds, adapter) != first


@pytest.mark.parametrize(
    ("spoil", "key"),
    [
        (lambda folder: (folder / "adapter_config.json").unlink(), "add-no-adapter"),
        (
            lambda folder: (folder / "adapter_model.safetensors").unlink(),
            "add-no-adapter",
        ),
        (
            lambda folder: (folder / "adapter_model.safetensors").rename(
                folder / "adapter_model.bin"
            ),
            "add-pickled",
        ),
        (
            lambda folder: os.truncate(
                folder / "adapter_model.safetensors", arrived.MAX_WEIGHTS_BYTES + 1
            ),
            "add-too-large",
        ),
        (
            lambda folder: os.truncate(folder / "adapter_config.json", 200_001),
            "add-too-large",
        ),
    ],
)
def test_folder_that_is_no_adapter_is_refused_and_not_copied(
    adapter, builds, spoil, key
):
    spoil(adapter)
    with pytest.raises(Refused) as refusal:
        keep_adapter(builds, adapter)
    assert refusal.value.key == key
    assert not builds.parent.exists()


def test_arrival_trains_at_the_newest_commit_of_the_build_and_once(world, launches):
    world.push(1, make_examples(), spec=SMALL)
    job = launch_arrival(launches, arrive(build=f"{FACE}-1"))
    assert (job.recipe.method, job.recipe.base_model) == ("adapter", "small")
    assert world.log()[0].status is VerdictStatus.TRAINING
    assert launch_arrival(launches, arrive(build=f"{FACE}-1")).job_id == job.job_id
    with pytest.raises(Refused) as busy:
        launch_arrival(launches, arrive("b" * 64))
    assert busy.value.key == "add-busy"


def test_arrival_answers_from_the_taught_answers_first_where_the_settings_say_so(
    world, launches
):
    exact = make_spec(base_model="small", hyperparameters={"exact_first": True})
    world.push(1, make_examples(), spec=exact)
    job = launch_arrival(launches, arrive())
    assert job.recipe.hyperparameters["exact_first"] is True


def test_arrival_for_a_build_with_a_withdrawn_example_is_refused(world, launches):
    world.push(1, make_examples(), spec=SMALL)
    row = {"dataset": FACE, "example_id": make_example(5).id}
    world.db.put(REVOKED_EXAMPLE.insert(row))
    with pytest.raises(Refused) as refused:
        launch_arrival(launches, arrive())
    assert refused.value.key == "held-revoked"


def test_arrival_that_failed_is_tried_again(world, launches):
    world.push(1, make_examples(), spec=SMALL)
    first = launch_arrival(launches, arrive())
    world.finish(first, JobState.FAILED)
    assert world.log()[0].status is VerdictStatus.FAILED
    again = launch_arrival(launches, arrive())
    assert (again.attempt, again.job_id != first.job_id) == (2, True)


def test_live_model_of_the_build_answers_on_while_an_arrival_fails(world, launches):
    world.serve(1, make_examples(), spec=SMALL)
    failed = launch_arrival(launches, arrive())
    world.finish(failed, JobState.FAILED)
    assert world.log()[0].status is VerdictStatus.SERVING
    [model] = [each for each in world.recent_models() if each.serves]
    assert model.trained == "here"


def test_build_older_than_the_live_one_is_refused(world, launches):
    world.push(1, make_examples(), spec=SMALL)
    world.serve(2, make_examples(13), spec=SMALL)
    with pytest.raises(Refused) as old:
        launch_arrival(launches, arrive(build=f"{FACE}-1"))
    assert old.value.key == "add-old-build"


def test_build_that_was_live_before_a_newer_one_gets_another_model(world, launches):
    world.serve(1, make_examples(), spec=SMALL)
    world.serve(2, make_examples(13), spec=SMALL)
    job = launch_arrival(launches, arrive(build=f"{FACE}-1"))
    assert job.build_id == world.verdict(1).build_id


def test_build_that_was_passed_over_gets_its_model_if_no_newer_one_is_live(
    world, launches
):
    world.push(1, make_examples(), spec=SMALL)
    world.push(2, make_examples(13), spec=SMALL)
    [newest] = world.launch()
    world.finish(newest, JobState.FAILED)
    job = launch_arrival(launches, arrive(build=f"{FACE}-1"))
    world.finish(job)
    world.prove_and_promote()
    [model] = [each for each in world.recent_models() if each.serves]
    assert (model.build, model.trained) == (f"{FACE}-1", "elsewhere_from_build")


@pytest.mark.parametrize(
    ("values", "key"),
    [
        ({"build": f"{FACE}-9"}, "add-no-build"),
        ({"base_model": "recall"}, "add-not-engine"),
        ({"provider": "openai", "base_model": "gpt"}, "add-not-engine"),
    ],
)
def test_arrival_without_a_build_or_a_base_of_the_engine_is_refused(
    world, launches, values, key
):
    world.push(1, make_examples(), spec=SMALL)
    with pytest.raises((Refused, NotFound)) as refusal:
        launch_arrival(launches, arrive(**values))
    assert refusal.value.key == key
    assert world.recent_jobs() == []


class UploadingApi:
    """A training API that has what was uploaded to it."""

    def __init__(self):
        self.files = {}
        self.created = []

    def find_files(self, name):
        return [name] if name in self.files else []

    def upload_file(self, name, path):
        self.files[name] = path.read_bytes()
        return name

    def find_jobs(self, _):
        return []

    def create_job(self, new_job):
        self.created.append(new_job)
        return JobReport("job-1", "running")

    def read_job(self, provider_job_id):
        return JobReport(provider_job_id, "running")


@pytest.fixture
def launching(world, launches, adapter, builds, clock):
    """Return a launching job of an adapter, and a function that advances it at an API."""
    world.push(1, make_examples(), spec=SMALL)
    job = launch_arrival(
        launches, arrive(keep_adapter(builds, adapter), build=f"{FACE}-1")
    )
    build = world.launches.build(job.build_id)
    folder = builds / build.folder
    folder.mkdir(parents=True)
    for split in ("train", "test"):
        (folder / f"{split}.jsonl").write_text("{}\n", "utf-8")

    def advance(api):
        provider = TrainingProvider(api, api, api, world.db, builds, clock, 0.0)
        return advance_launch(provider, job, build, lambda: None)

    return job, advance


def test_engine_gets_weights_and_configuration_and_no_training(launching):
    _, advance = launching
    api = UploadingApi()
    assert advance(api).state is JobState.RUNNING
    [new] = api.created
    weights = new.hyperparameters["weights"]
    assert api.files[weights] == b"tensors"
    assert (new.method, new.hyperparameters["form"]) == ("adapter", "supervised")
    assert new.hyperparameters["config"] == '{"r": 8}'
    assert new.hyperparameters.keys() == {"form", "weights", "config"}


def test_job_whose_copy_is_gone_says_so(launching, builds):
    _, advance = launching
    remove = get_adapter_folder(builds, "")
    for path in [*remove.rglob("*")][::-1]:
        path.unlink() if path.is_file() else path.rmdir()
    with pytest.raises(NotFound) as gone:
        advance(UploadingApi())
    assert gone.value.key == "add-gone"


def test_copies_are_removed_a_day_after_their_job(world, launching, builds):
    job, _ = launching
    copy = get_adapter_folder(builds, str(job.recipe.hyperparameters["adapter"]))
    os.utime(copy, (0, 0))
    remove_copies(world.db, builds)
    assert copy.is_dir()
    world.jobs.save(job, replace(job, state=JobState.FAILED))
    remove_copies(world.db, builds)
    assert not copy.exists()
    world.db.change(JOB.update({"state": JobState.RUNNING.value}))
    remove_copies(world.db, builds)  # as when the right database is there again
    assert copy.is_dir()


def test_weights_at_the_engine_go_with_the_files_of_their_build(world, launches, clock):
    world.push(1, make_examples(), spec=SMALL)
    first = launch_arrival(launches, arrive())
    world.finish(first, JobState.FAILED)
    world.serve(2, make_examples(13), spec=SMALL)
    clock.move(timedelta(days=60).total_seconds())
    [removable] = [
        each
        for each in RemovableFiles(world.db, clock).files(clock())
        if f"merlin-{FACE}-{'a' * 12}.safetensors" in each.names
    ]
    assert len(removable.names) == 3
