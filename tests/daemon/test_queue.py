"""Results of commits when branches move unusually: bursts, reverts, rewrites, odd names."""

import os
import shutil
import threading
from dataclasses import replace

import pytest

from merlin.app import builds, verdicts
from merlin.app.actor import Actor
from merlin.core.errors import MerlinError
from merlin.core.heartbeat import describe_step
from merlin.daemon import ticks
from merlin.daemon.main import TickCounts, heartbeat_tick, run_tick
from merlin.dataset.verdicts import VerdictStatus
from merlin.db.notices import Notices
from merlin.db.processes import Heartbeats
from merlin.training.gather import gather
from merlin.wiring.context import open_reading_context
from tests.support.ending import wait_for_end
from tests.support.migrated_databases import only_sqlite
from tests.support.pipeline_lab import run_command
from tests.support.waiting import longest

pytestmark = pytest.mark.integration


def launch_rule(**changes):
    return {"mode": "auto", "quiet_s": 0, "min_new": 1, **changes}


def break_dataset(lab, title):
    path = lab.repository.folder / "datasets/trial/dataset.yaml"
    path.write_text(f"broken: [{title}\n", encoding="utf-8")
    return lab.repository.commit()


# git reads an even number of bytes as UTF-16, and leaves an odd one as it is.
@pytest.mark.parametrize("subject", ["Even", "Evens"])
def test_commit_that_declares_a_wrong_encoding_does_not_stop_the_pipeline(lab, subject):
    lab.repository.example("trial", 40)
    lab.repository.git("add", "-A")
    lab.repository.git(
        "-c", "i18n.commitEncoding=UTF-16", "commit", "-q", "-m", subject
    )
    odd = lab.repository.head()
    last_commit = lab.repository.commit_example("trial", 41, subject="Go on")
    lab.tick("fetch")
    with open_reading_context(lab.config) as ctx:
        verdict_views = verdicts.list_mainline(ctx, Actor.operator(), "trial")
    verdict_by_commit = {view.commit: view.status for view in verdict_views}
    assert verdict_by_commit == {
        **verdict_by_commit,
        odd: VerdictStatus.BUILT,
        last_commit: VerdictStatus.BUILT,
    }


def test_progress_through_many_commits_is_in_the_heartbeat(lab):
    for number in (40, 41, 42):
        lab.repository.commit_example("trial", number)
    steps = []
    with lab.services() as services:
        beat = heartbeat_tick(services, TickCounts())

        def read_step(*_):
            beat()
            (daemon,) = Heartbeats(services.db).list_all()
            steps.append(describe_step("ru", daemon.step))

        gather(services.gathering, read_step, read_step)
        read_step()
    assert steps == [
        *(f"обрабатывает коммиты, готово {done} из 3" for done in range(3)),
        "работает",
    ]


def test_unreadable_repository_is_in_the_heartbeat_until_it_is_read_again(lab):
    repository = lab.folder / "repository"
    steps = []
    counts = TickCounts()
    with lab.services() as services:
        every = ticks.ticks_of(services, counts)
        fetch, beat = (
            next(tick for tick in every if tick.name == name)
            for name in ("fetch", "beat")
        )
        for folder in (repository.with_name("away"), repository):
            repository = repository.rename(folder)
            run_tick(replace(fetch, wakes=()), counts, None)
            run_tick(beat, counts, None)
            (daemon,) = Heartbeats(services.db).list_all()
            steps.append(describe_step("ru", daemon.step))
    assert steps == ["не может прочитать новые коммиты", "работает"]


def test_dataset_removed_while_waiting_is_trained_when_restored(lab, provider):
    lab.repository.commit_dataset(launch=launch_rule(mode="manual"))
    lab.tick("fetch", "launch")
    lab.repository.git("rm", "-rq", "datasets/trial")
    lab.repository.commit()
    lab.tick("fetch", "launch")
    code, _, err = run_command("jobs", "launch", "trial", "--config", str(lab.path))
    assert (code, "was removed from the repository" in err) == (1, True), err
    lab.repository.git("revert", "--no-edit", "HEAD")
    lab.tick("fetch", "launch")
    assert lab.status()["verdict"] == "held"


def test_folder_whose_name_is_not_utf_8_is_rejected_alone(lab):
    datasets = os.fsencode(lab.repository.folder / "datasets")
    shutil.copytree(os.fsencode(datasets) + b"/trial", datasets + b"/\xff\xfe")
    lab.repository.commit()
    lab.until_serving("trial-1")
    assert lab.status(r"\udcff\udcfe")["verdict"] == "rejected"


def read_taught(lab, version):
    """Return id -> blob of what a build trained on, and of the commit's files."""
    with lab.services() as services, open_reading_context(lab.config) as ctx:
        source = services.gathering.source
        recorded = {
            example.id: example.blob
            for example in builds.get(ctx, Actor.operator(), version).examples
        }
        lies = {
            entry.path: entry.blob
            for entry in source.entries(source.remote_head(), "trial")
        }
    return recorded, {
        f"q{n}": lies[f"examples/q{n}.yaml"] for n in range(len(recorded))
    }


def commit_change(lab, number, answer):
    return lab.repository.commit_example("trial", number, answer=answer)


@only_sqlite
def test_restored_database_records_the_commits_since_its_copy(lab, tmp_path):
    state = lab.config.state_dir
    lab.tick("fetch")
    shutil.copy(state / "merlin.db", tmp_path / "older.db")
    commit_change(lab, 1, "Другой ответ.")
    lab.tick("fetch")
    shutil.copy(tmp_path / "older.db", state / "merlin.db")
    commit_change(lab, 2, "Ещё другой ответ.")
    lab.tick("fetch")
    recorded, in_git = read_taught(lab, "trial-3")
    assert recorded == in_git


def test_changes_of_commits_without_a_build_are_in_the_next_build(lab):
    commit_change(lab, 1, "Другой ответ.")
    (lab.repository.folder / "datasets/trial/dataset.yaml").write_text(
        "broken: [", "utf-8"
    )
    commit_change(lab, 2, "Ещё другой ответ.")
    lab.tick("fetch")
    assert lab.status()["verdict"] == "rejected"
    lab.repository.git("checkout", "-q", "HEAD~1", "--", "datasets/trial/dataset.yaml")
    commit_change(lab, 3, "Третий другой ответ.")
    lab.tick("fetch")
    recorded, in_git = read_taught(lab, "trial-3")
    assert recorded == in_git


def test_concurrent_fetches_take_turns(lab, waiting_notices):
    failures = []
    with lab.services() as services:

        def fetch(start):
            start.wait(longest())
            try:
                ticks.fetch(services)
            except Exception as failure:  # noqa: BLE001 - any error is reported below
                failures.append(failure)

        for number in range(4):
            lab.repository.commit_example("trial", 200 + number)
            start = threading.Barrier(2)
            threads = [threading.Thread(target=fetch, args=(start,)) for _ in range(2)]
            for thread in threads:
                thread.start()
            for thread in threads:
                wait_for_end(thread)
    assert not failures
    assert "notice-rewritten" not in waiting_notices()


def test_recorded_commits_are_notified_although_a_later_one_fails(lab, waiting_notices):
    break_dataset(lab, "a")
    lab.tick("fetch")
    break_dataset(lab, "b")
    lab.repository.commit_dataset("second")
    builds = lab.config.state_dir / "builds"
    builds.mkdir(exist_ok=True)
    (builds / "second").write_text("in the way")
    with lab.services() as services:
        before = len(Notices(services.db).list_waiting(100))
    with pytest.raises(MerlinError):
        lab.tick("fetch")
    with lab.services() as services:
        keys = [notice.key for notice in Notices(services.db).list_waiting(100)][
            before:
        ]
    assert keys == ["notice-rejected", "notice-disk"]
