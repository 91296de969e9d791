"""Requests to the daemon always end: done, or refused with a reason."""

import threading
from functools import partial

import pytest

from merlin.app import builds
from merlin.cli.daemon_requests import request_daemon
from merlin.core.i18n import text
from merlin.daemon.ticks import poll
from merlin.db.processes import Lead
from merlin.db.requests import Requests, RequestState
from merlin.training.jobs import Jobs
from merlin.training.promote import Promotions
from tests.daemon.asked_requests import ask_daemon, put_request, read_request
from tests.support.faults import Fault, FaultKind
from tests.support.pipeline_lab import serving

pytestmark = pytest.mark.integration


def test_request_is_refused_while_the_repository_is_unavailable(lab):
    lab.repository.folder.rename(lab.folder / "away")
    request = ask_daemon(lab, "launch", dataset="trial")
    assert (request.state, request.result["key"]) == (
        RequestState.FAILED,
        "git-not-found",
    )


def test_invalid_request_is_refused_and_the_next_one_is_done(lab):
    first = put_request(lab, "cancel", job="abc")
    assert ask_daemon(lab, "fetch").state is RequestState.DONE
    assert read_request(lab, first).result["key"] == "store-no-job"


def test_build_of_a_commit_is_named_or_that_it_has_none(lab):
    built = lab.repository.head()
    spec = lab.repository.folder / "datasets/trial/dataset.yaml"
    spec.write_text("title: 1\n", encoding="utf-8")
    broken = lab.repository.commit("Break the settings")
    good, refused = [
        ask_daemon(lab, "build", dataset="trial", commit=commit[:8])
        for commit in (built, broken)
    ]
    assert (good.result["build"], good.result["commit"]) == ("trial-1", built)
    assert (refused.state, refused.result["key"]) == (RequestState.FAILED, "build-none")


def test_job_of_a_provider_no_longer_configured_is_not_cancelled(lab):
    lab.tick("launch")
    lab.path.write_text(lab.path.read_text().replace("name: stand-in", "name: other"))
    with lab.services() as services:
        (job,) = Jobs(services.db).open_jobs()
    request = ask_daemon(lab, "cancel", job=job.job_id)
    assert request.result["key"] == "held-no-provider"


def test_cancellation_names_a_provider_that_does_not_know_the_job(lab, provider):
    lab.tick("launch")
    provider.faults.add(Fault("jobs.cancel", FaultKind.STATUS, status=404))
    request = ask_daemon(lab, "cancel", job=1)
    assert request.result["key"] == "cancel-unknown-job"


@pytest.mark.parametrize(
    ("status", "code", "state", "verdict"),
    [
        ("dreaming", 400, RequestState.DONE, "failed"),
        ("dreaming", 501, RequestState.DONE, "failed"),
        ("dreaming", 401, RequestState.FAILED, "training"),
        ("running", 400, RequestState.FAILED, "training"),
    ],
)
def test_job_of_unknown_status_ends_though_its_provider_cannot_cancel_it(
    lab, provider, status, code, state, verdict
):
    provider.behave(states=[status] * 50)
    lab.tick("fetch", "launch", "launch", "poll")
    provider.faults.add(Fault("jobs.cancel", FaultKind.STATUS, status=code))
    assert ask_daemon(lab, "cancel", job=1).state is state
    assert lab.status()["verdict"] == verdict
    with lab.services() as services:
        assert bool(Jobs(services.db).open_jobs()) is (verdict == "training")


@pytest.mark.parametrize(
    ("answer", "is_over"),
    [("winding_down", True), ("cancelling", False), ("running", False)],
)
def test_cancelled_job_ends_at_once_if_its_status_says_nothing(
    lab, provider, answer, is_over
):
    provider.behave(cancelled=answer)
    lab.tick("fetch", "launch", "launch", "poll")
    assert ask_daemon(lab, "cancel", job=1).state is RequestState.DONE
    assert (lab.status()["verdict"], lab.status()["reason"]) == (
        "failed",
        "verdict-job-cancelled",
    )
    with lab.services() as services:
        assert (Jobs(services.db).open_jobs() == []) is is_over


def test_job_that_succeeds_after_its_cancellation_does_not_serve(lab):
    lab.tick("launch")
    with lab.services() as services:
        (job,) = Jobs(services.db).open_jobs()
        Jobs(services.db).give_up_verdicts(job, services.clock())
        while Jobs(services.db).open_jobs():
            poll(services)
    lab.tick("prove", "promote")
    with lab.services() as services:
        assert Promotions(services.db).model("trial-1").state == "good"
    assert (lab.status()["verdict"], lab.status()["serving"]) == ("failed", None)


def test_cancelled_job_can_be_launched_again(lab, provider):
    lab.tick("launch")
    ask_daemon(lab, "cancel", job=1)
    ask_daemon(lab, "launch", dataset="trial")
    lab.until_serving("trial-1")
    assert len(provider.jobs_created()) == 2


def test_interrupted_request_is_done_by_the_next_tick(lab):
    request_id = put_request(lab, "fetch")
    with lab.services() as services:
        Requests(services.db).claim(["fetch"])
    lab.tick("serve")
    assert read_request(lab, request_id).state is RequestState.DONE


@serving
def test_rollback_whose_result_cannot_be_stored_changes_nothing(lab, provider):
    lab.repository.commit_example("trial", 50)
    lab.until_serving("trial-2")
    ask_daemon(lab, "fetch")
    with lab.services() as services:
        # No second one can be stored as done.
        services.db.sql(
            "CREATE UNIQUE INDEX fault ON request (state) WHERE state = 'done'"
        )
    request = ask_daemon(lab, "rollback", dataset="trial")
    assert request.state is RequestState.FAILED
    assert lab.status()["serving"]["build"] == "trial-2"


def test_command_does_the_work_itself_when_the_leader_goes_away(lab):
    lead = Lead(lab.config.state_dir, lab.config.database)
    messages = []
    assert lead.take()

    def say(word, **_):
        messages.append(word)
        if word == "queued-waiting":
            threading.Timer(0, lead.release).start()

    assert (
        request_daemon(lab.config, partial(builds.build, dataset="trial"), say)["build"]
        == "trial-1"
    )
    assert messages == ["queued-waiting", "no-daemon"]


def test_manual_launch_over_the_providers_job_limit_is_refused(lab, provider):
    lab.repository.commit_dataset(
        "second", launch={"mode": "manual", "quiet_s": 0, "min_new": 1}
    )
    provider.behave(states=["queued"] * 500)
    lab.tick("fetch", "launch", "poll")
    request = ask_daemon(lab, "launch", dataset="second")
    lab.tick("launch")
    assert (request.state, request.result["key"]) == (
        RequestState.FAILED,
        "launch-full",
    )
    for language in ("ru", "en"):
        assert "stand-in" in text(
            language, "launch-full", **request.result["arguments"]
        )
    assert (len(provider.jobs_created()), lab.status("second")["verdict"]) == (
        1,
        "held",
    )
    provider.behave(states=[])
    lab.until_serving("trial-1")
    assert ask_daemon(lab, "launch", dataset="second").state is RequestState.DONE
    lab.until_serving("second-1", dataset="second")
