"""A provider that is down, locked, has lost data or answers oddly: reported, waited for, nothing
lost."""

import asyncio
import shutil
import threading
from dataclasses import replace
from datetime import timedelta

import httpx2
import pytest
import yaml

from merlin.core.clock import utc_now
from merlin.core.errors import MerlinError, NotFound, SourceError
from merlin.core.i18n import text
from merlin.daemon.ticks import warn_of_problems
from merlin.db.tables import BUILD
from merlin.providers.openai_training import OpenAIProvider
from merlin.training.gather import restore_build
from merlin.training.jobs import Jobs, JobState, is_due, poll_job
from merlin.training.promote import Promotions
from tests.support.ending import wait_for_end
from tests.support.faults import Fault, FaultKind, make_fault
from tests.support.made_repositories import make_repository
from tests.support.pipeline_lab import evaluate_at, provider_entry, unfetched
from tests.support.stand_ins import ProviderStandIn
from tests.support.waiting import longest

pytestmark = pytest.mark.integration


def later(**ages):
    return lambda: utc_now() + timedelta(**ages)


def run_alarms(lab, waiting_notices, **ages):
    with lab.services() as services:
        warn_of_problems(replace(services, clock=later(**ages)))
    notices = waiting_notices()
    for key, arguments in notices.items():
        assert text("ru", key, **arguments, title="trial")
        assert text("en", key, **arguments, title="trial")
    return notices


def make_jobs_due(lab):
    """Make every open job due now."""
    with lab.services() as services:
        for job in Jobs(services.db).open_jobs():
            Jobs(services.db).save(job, replace(job, not_before=None))


def poll(lab, times):
    for _ in range(times):
        make_jobs_due(lab)
        lab.tick("poll")


def open_job(lab):
    with lab.services() as services:
        (job,) = Jobs(services.db).open_jobs()
        return job


@pytest.mark.parametrize("status", [401, 503])
def test_provider_outage_is_notified_once_a_day(lab, provider, waiting_notices, status):
    provider.faults.add(make_fault("*", status))
    lab.tick("fetch", "launch")
    assert "notice-provider" not in run_alarms(lab, waiting_notices, minutes=1)
    notices = run_alarms(lab, waiting_notices, minutes=6)
    assert str(status) in notices["notice-provider"]["reason"]
    assert open_job(lab).state is JobState.LAUNCHING


def test_unknown_status_is_notified(lab, provider, waiting_notices):
    provider.behave(states=["validating_files", "dreaming", "dreaming", "dreaming"])
    lab.tick("fetch", "launch")
    poll(lab, 2)
    assert run_alarms(lab, waiting_notices)["notice-status"]["status"] == "dreaming"
    lab.until_serving("trial-1")


@pytest.mark.parametrize(
    ("state", "hours"), [("queued", 6), ("running", 24), ("dreaming", 6)]
)
def test_job_that_does_not_end_is_notified(
    lab, provider, waiting_notices, state, hours
):
    provider.behave(states=[state] * 50)
    lab.tick("fetch", "launch")
    poll(lab, 2)
    assert "notice-late" not in run_alarms(lab, waiting_notices, hours=hours - 1)
    assert (
        run_alarms(lab, waiting_notices, hours=hours + 1)["notice-late"]["hours"]
        == hours
    )


def test_job_of_a_provider_removed_from_the_configuration_is_notified(
    lab, waiting_notices
):
    lab.tick("launch")
    lab.path.write_text(lab.path.read_text().replace("name: stand-in", "name: other"))
    lab.tick("launch", "poll")
    assert (
        run_alarms(lab, waiting_notices)["notice-no-provider"]["provider"] == "stand-in"
    )


def test_single_not_found_does_not_end_a_job_that_is_still_listed(lab, provider):
    not_found = make_fault("jobs.retrieve", 404, times=1)
    provider.faults.add(not_found)
    lab.tick("fetch", "launch", "launch")  # the first looks for the job that it created
    provider.faults.add(not_found)
    lab.until_serving("trial-1")
    assert len(provider.jobs_created()) == 1


def test_job_lost_by_its_provider_fails(lab, provider):
    lab.tick("launch")
    provider.behave(list_lag_s=3600)
    provider.faults.add(make_fault("jobs.retrieve", 404))
    lab.tick("poll")
    assert lab.status()["verdict"] == "failed"


def test_job_is_not_lost_by_a_key_of_another_project(lab, provider, waiting_notices):
    lab.tick("launch")
    with ProviderStandIn(key="stand-in") as other:
        config = lab.path.read_text()
        lab.path.write_text(config.replace(provider.base_url, other.base_url))
        poll(lab, 2)
        notices = run_alarms(lab, waiting_notices, hours=1)
        assert "404" in notices["notice-provider"]["reason"]
        assert open_job(lab).state is JobState.QUEUED
    lab.path.write_text(config)
    make_jobs_due(lab)
    lab.until_serving("trial-1")
    assert len(provider.jobs_created()) == 1


def test_job_of_a_provider_that_has_lost_everything_fails_after_a_day(lab):
    lab.tick("launch")
    with ProviderStandIn(key="stand-in") as empty, lab.services() as services:
        job = open_job(lab)
        of_empty = OpenAIProvider(empty.base_url, "stand-in")
        for hours, state in ((23, JobState.QUEUED), (25, JobState.FAILED)):
            at = replace(
                services.providers[job.provider], api=of_empty, clock=later(hours=hours)
            )
            assert poll_job(at, open_job(lab)).state is state


# Also if the clock is an hour ahead of the provider's.
@pytest.mark.parametrize(("ahead", "minutes"), [(0, 2), (60, 62)])
def test_unreadable_events_delay_the_end_by_a_minute(lab, provider, ahead, minutes):
    lab.tick("launch")
    provider.faults.add(make_fault("jobs.events", 500))
    with lab.services() as services:
        ours = services.providers["stand-in"]
        for _ in range(6):
            poll_job(replace(ours, clock=later(minutes=ahead)), open_job(lab))
        assert not open_job(lab).is_final
        late = replace(ours, clock=later(minutes=minutes))
        assert poll_job(late, open_job(lab)).state is JobState.SUCCEEDED


def test_endless_lists_are_notified_and_hold_up_no_other_job(
    lab, provider, waiting_notices
):
    lab.most_pages = 3
    with ProviderStandIn(key="stand-in") as other:
        settings = yaml.safe_load(lab.path.read_text())
        settings["providers"].append(provider_entry(other.base_url, "other"))
        lab.path.write_text(yaml.safe_dump(settings))
        recipe = {
            "provider": "other",
            "base_model": "stand-in-base",
            "suffix": "second",
        }
        lab.repository.commit_dataset("second", recipe=recipe)
        lab.tick("fetch", "launch", "launch")
        provider.behave(endless_lists=True)
        poll(lab, 1)
        with lab.services() as services:
            (job,) = (
                each
                for each in Jobs(services.db).open_jobs()
                if each.provider == "stand-in"
            )
        assert [is_due(job, later(minutes=age)(), 0) for age in (4, 6)] == [False, True]
        poll(lab, 5)
        job = open_job(lab)
    assert job.provider == "stand-in"
    told = waiting_notices()["notice-provider"]
    assert told["provider"] == "stand-in"
    assert f"{job.provider_job_id}/events has no end: 3 pages" in told["reason"]
    with lab.services() as services:
        late = replace(services.providers["stand-in"], clock=later(minutes=2))
        assert poll_job(late, job).state is JobState.SUCCEEDED


def test_launch_at_a_provider_with_endless_lists_waits_and_is_notified(
    lab, provider, waiting_notices
):
    lab.most_pages = 3
    provider.behave(endless_lists=True)
    lab.tick("fetch", "launch")
    reason = run_alarms(lab, waiting_notices, minutes=6)["notice-provider"]["reason"]
    assert "has no end" in reason
    assert open_job(lab).state is JobState.LAUNCHING


def test_outage_does_not_refuse_a_model(lab, provider):
    lab.tick("launch")
    poll(lab, 8)
    hours = iter(range(2, 23))
    with lab.services() as services:
        for status, state in ((503, "new"), (401, "new"), (404, "refused")):
            provider.faults.clear()
            provider.faults.add(make_fault("chat.create", status))
            for _ in range(7):
                evaluate_at(services, later(hours=next(hours)))
            assert Promotions(services.db).model("trial-1").state == state


def test_succeeded_one_of_two_ended_jobs_of_a_launch_is_used(lab, provider):
    provider.faults.add(Fault("jobs.create", FaultKind.DROP))
    lab.tick("fetch", "launch")
    (job,) = provider.jobs_created()
    url = f"{provider.base_url}/fine_tuning/jobs"
    key = {"Authorization": "Bearer stand-in"}
    httpx2.post(url, json=dict(job["asked"]), headers=key).raise_for_status()
    for ending, number in (("failed", 0), ("succeeded", 1)):
        provider.behave(ending=ending)
        for _ in range(5):
            job = provider.jobs_created()[number]
            httpx2.get(f"{url}/{job['id']}", headers=key).raise_for_status()
    make_jobs_due(lab)
    lab.until_serving("trial-1")
    assert len(provider.jobs_created()) == 2


def prepare_two_launches(lab, provider):
    config_text = lab.path.read_text()
    lab.path.write_text(
        config_text.replace("settle_s: 0", "settle_s: 0\n  active_jobs: 2")
    )
    lab.repository.commit_dataset("second")
    provider.faults.add(make_fault("files.list", 429, times=2))
    lab.tick("fetch", "launch")
    make_jobs_due(lab)
    return lab.config.state_dir / "builds" / "second"


def test_disk_error_of_one_build_delays_only_its_launch(lab, provider):
    folder = prepare_two_launches(lab, provider)
    shutil.rmtree(folder)
    folder.write_text("in the way")
    lab.until_serving("trial-1")
    assert lab.status("second")["verdict"] == "training"
    folder.unlink()
    make_jobs_due(lab)
    lab.until_serving("second-1", dataset="second")


def test_build_that_cannot_be_remade_fails_alone(lab, provider, waiting_notices):
    shutil.rmtree(prepare_two_launches(lab, provider))
    with lab.services() as services:
        db = services.db
        db.change(BUILD.update({"digest": "0" * 64}).where(BUILD.dataset == "second"))
    lab.until_serving("trial-1")
    assert lab.status("second")["verdict"] == "failed"
    assert waiting_notices()["notice-failed"]["dataset"] == "second"


def test_build_whose_commit_is_unknown_cannot_be_made_again(lab):
    with lab.services() as services:
        build = services.launches.build(1)
        shutil.rmtree(services.gathering.builds / build.folder)
        with pytest.raises(NotFound):
            restore_build(services.gathering, None, build)


def test_repository_without_its_branch_is_notified(lab, waiting_notices):
    lab.repository.git("branch", "-m", "main", "other")
    with pytest.raises(MerlinError) as failure:
        lab.tick("fetch")
    assert failure.value.arguments["branch"] == "main"
    assert "notice-no-branch" in waiting_notices()
    lab.repository.git("branch", "-m", "other", "main")
    lab.until_serving("trial-1")


@unfetched
def test_unwritable_builds_folder_is_notified_and_the_build_made_later(
    lab, waiting_notices
):
    builds = lab.config.state_dir / "builds"
    builds.mkdir(parents=True)
    (builds / "trial").write_text("in the way")
    with pytest.raises(MerlinError):
        lab.tick("fetch")
    assert "notice-disk" in waiting_notices()
    (builds / "trial").unlink()
    lab.until_serving("trial-1")


class SlowList(ProviderStandIn):
    """A provider whose first list of jobs arrives only when `is_read` is set."""

    def __init__(self, **options):
        self.is_asked = threading.Event()
        self.is_read = threading.Event()
        super().__init__(**options)

    async def _list_jobs(self, request):
        response = await super()._list_jobs(request)
        if not self.is_asked.is_set():
            self.is_asked.set()
            await asyncio.to_thread(self.is_read.wait, longest())
        return response


@pytest.mark.parametrize("provider", [SlowList], indirect=True)
def test_daemon_that_slept_while_another_led_creates_no_second_job(lab, provider):
    asleep = threading.Thread(target=lab.tick, args=("launch",))
    asleep.start()
    assert provider.is_asked.wait(longest())
    lab.tick("launch")
    assert len(provider.jobs_created()) == 1
    provider.is_read.set()
    wait_for_end(asleep)
    assert len(provider.jobs_created()) == 1
    lab.until_serving("trial-1")


def test_admins_are_told_that_a_repository_with_sha_256_is_not_read(
    lab, waiting_notices
):
    shutil.rmtree(lab.repository.folder / ".git")
    make_repository(lab.repository.folder, "--object-format=sha256")
    lab.repository.commit()
    with pytest.raises(SourceError):
        lab.tick("fetch")
    reason = waiting_notices()["notice-repository"]["reason"]
    assert reason["key"] == "git-sha256"
