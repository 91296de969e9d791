"""Unneeded data is deleted after its retention; what is live, was live or in progress stays."""

import os
import threading
from datetime import timedelta
from shutil import copytree

import pytest

from merlin.core.clock import iso, utc_now
from merlin.daemon.ticks import apply_retention, fetch
from merlin.dataset.files import FileIndex
from merlin.db.notices import Notices
from merlin.db.tables import BUILD, JOB, MODEL, NOTICE
from merlin.training.promote import Promotions
from merlin.wiring.context import open_migrated_database
from tests.daemon.asked_requests import ask_daemon
from tests.support.ending import wait_for_end
from tests.support.faults import Fault, FaultKind
from tests.support.pipeline_lab import Lab, serving, unfetched

pytestmark = pytest.mark.integration

LONG_AGO = timedelta(days=100)


def let_time_pass(lab):
    """Move everything built, trained and written so far into the past."""
    then = utc_now() - LONG_AGO
    with open_migrated_database(lab.config) as database:
        database.change(BUILD.update({"created_at": iso(then)}))
        database.change(JOB.update({"updated_at": iso(then)}))
        database.change(MODEL.update({"created_at": iso(then)}))
    for path in lab.config.state_dir.glob("*/**/*"):
        os.utime(path, (then.timestamp(), then.timestamp()))


def build_folders(lab):
    return {
        path.name.partition("-")[0]
        for path in (lab.config.state_dir / "builds").glob("*/*")
    }


def commit_example(lab, number):
    return lab.repository.commit_example("trial", number)


def _train_two(lab, provider):
    """Have the first build's job refused; train and promote the second and the third."""
    lab.repository.commit_dataset()
    provider.faults.add(Fault("jobs.create", FaultKind.STATUS, times=1, status=400))
    lab.tick(rounds=2)
    assert lab.status()["verdict"] == "failed"
    for number in (2, 3):
        commit_example(lab, 48 + number)
        lab.until_serving(f"trial-{number}")


three_builds = pytest.mark.parametrize(
    "provider", [_train_two], indirect=True, ids=["three_builds"]
)


@three_builds
def test_unserved_builds_and_training_files_are_deleted_and_others_kept(lab, provider):
    assert (build_folders(lab), len(provider.files())) == ({"1", "2", "3"}, 6)
    lab.tick("retain")
    assert (build_folders(lab), len(provider.files())) == ({"1", "2", "3"}, 6)
    let_time_pass(lab)
    copytree(
        next((lab.config.state_dir / "builds/trial").iterdir()),
        lab.config.state_dir / "builds/trial/9-000000000000",
    )
    lab.tick("retain")
    assert (build_folders(lab), len(provider.files())) == ({"2", "3"}, 4)
    calls = len(provider.calls())
    lab.tick("retain")
    assert not [
        call for call in provider.calls()[calls:] if call.name.startswith("files")
    ]


@three_builds
def test_build_whose_folder_was_deleted_is_remade_and_trained(lab, provider):
    let_time_pass(lab)
    lab.tick("retain")
    lab.repository.git("rm", "-q", "datasets/trial/examples/q50.yaml")
    lab.repository.git("rm", "-q", "datasets/trial/examples/q51.yaml")
    lab.repository.commit("Go back to the first")
    lab.tick("fetch")
    ask_daemon(lab, "launch", dataset="trial")
    lab.until_serving("trial-1")
    assert build_folders(lab) == {"1", "2", "3"}


@unfetched
def test_waiting_build_is_kept_though_it_is_not_the_newest(lab):
    lab.repository.dataset(launch={"mode": "manual"})
    for number in (50, 51):
        commit_example(lab, number)
        lab.tick("fetch")
    lab.repository.git("rm", "-q", "datasets/trial/examples/q51.yaml")
    lab.repository.commit("Back to the first build")
    lab.tick("fetch")
    let_time_pass(lab)
    lab.tick("retain")
    assert build_folders(lab) == {"1", "2"}


@three_builds
def test_failed_deletion_at_a_provider_is_repeated_later(lab, provider):
    let_time_pass(lab)
    provider.faults.add(Fault("files.delete", FaultKind.STATUS, times=1, status=503))
    lab.tick("retain")
    assert len(provider.files()) > 4
    lab.tick("retain")
    assert len(provider.files()) == 4


@serving
def test_unserved_model_is_deleted_at_its_provider(tmp_path, lab, provider):
    with lab.services() as services:
        Promotions(services.db).pin("trial", is_pinned=True)
    for number in (50, 51):
        commit_example(lab, number)
        lab.tick(rounds=8)
    with lab.services() as services:
        Promotions(services.db).pin("trial", is_pinned=False)
    lab.until_serving("trial-3")
    let_time_pass(lab)
    lab.tick("retain")
    assert len(provider_models(lab)) == 3  # models are kept for ever by default
    lab = Lab(tmp_path, provider.base_url, retention={"models_days": 30})
    lab.tick("retain")
    with open_migrated_database(lab.config) as database:
        models = database.rows(MODEL.select().order_by(MODEL.id))
    assert [model.state for model in models] == ["good", "gone", "good"]
    assert provider_models(lab) == {models[0].model_id, models[2].model_id}


def provider_models(lab):
    """Return the tuned models that the provider lists."""
    with lab.services() as services:
        listed = services.providers["stand-in"].api.models()
    return {card.model_id for card in listed if card.model_id.startswith("ft:")}


def test_rewritten_commits_leave_the_mirror_unless_their_build_served(lab):
    served = lab.repository.head()
    lab.until_serving("trial-1")
    lab.repository.example("trial", 50)
    lab.repository.git("add", "-A")
    lab.repository.git("commit", "-q", "--amend", "-m", "Say it otherwise")
    lab.until_serving("trial-2")
    head = lab.repository.head()
    (lab.repository.folder / "README.md").write_text("no dataset")
    stray = lab.repository.commit("Say what no build needs")
    lab.tick("fetch")
    lab.repository.git("reset", "-q", "--hard", head)
    commit_example(lab, 51)
    lab.tick("fetch")

    def is_stored(commit):
        mirror = f"--git-dir={lab.config.state_dir / 'mirror.git'}"
        return bool(
            lab.repository.git(mirror, "rev-list", "--ignore-missing", "-1", commit)
        )

    assert [*map(is_stored, (stray, served))] == [True, True]
    let_time_pass(lab)
    lab.tick("retain")
    assert [*map(is_stored, (head, served, stray))] == [True, True, False]


def test_texts_stay_while_their_files_are_being_stored(lab):
    with lab.services() as services:
        is_over = threading.Event()

        def sweep():
            while not is_over.is_set():
                apply_retention(services)

        sweeping = threading.Thread(target=sweep)
        sweeping.start()
        try:
            for number in range(12):
                lab.repository.commit_dataset(f"more-{number}", count=40)
                fetch(services)
                assert len(FileIndex(services.db).list_files(f"more-{number}")) == 41
        finally:
            is_over.set()
            wait_for_end(sweeping)


def test_daemon_deletes_old_rows(lab):
    with open_migrated_database(lab.config) as database:
        Notices(database).notify("1001", "notice-unconfirmed", {})
        database.change(NOTICE.update({"created_at": iso(utc_now() - LONG_AGO)}))
    lab.tick("expire")
    with open_migrated_database(lab.config) as database:
        assert database.rows(NOTICE.select()) == []
