"""What is asked of the daemon always ends: done, or refused with a reason."""

from __future__ import annotations

import threading

import pytest

from merlin.core.request import RequestState
from merlin.daemon.ticks import poll
from merlin.store.lead import Lead
from merlin.wiring.cli import ask

pytestmark = pytest.mark.integration


def asked(lab, kind, **arguments):
    with lab.services() as services:
        return services.requests.ask(kind, arguments, "vera")


def state(lab, request_id):
    with lab.services() as services:
        return services.requests.get(request_id)


def test_a_request_is_refused_while_the_repository_is_away(lab):
    lab.tick("fetch")
    lab.repository.folder.rename(lab.folder / "away")
    request_id = asked(lab, "launch", dataset="trial")
    lab.tick("serve")
    request = state(lab, request_id)
    assert (request.state, request.result["key"]) == (RequestState.FAILED, "git-failed")


def test_a_request_that_makes_no_sense_is_refused_and_the_next_one_is_done(lab):
    first, second = asked(lab, "cancel", job="abc"), asked(lab, "fetch")
    lab.tick("serve")
    assert state(lab, first).result["key"] == "store-no-job"
    assert state(lab, second).state is RequestState.DONE


def test_a_job_of_a_provider_that_is_not_named_any_more_is_not_cancelled(lab):
    lab.tick("fetch", "launch")
    lab.path.write_text(lab.path.read_text().replace("name: stand-in", "name: other"))
    with lab.services() as services:
        (job,) = services.jobs.open_jobs()
    request_id = asked(lab, "cancel", job=job.job_id)
    lab.tick("serve")
    assert state(lab, request_id).result["key"] == "held-no-provider"


def test_a_job_that_succeeds_though_it_was_cancelled_does_not_serve(lab):
    lab.tick("fetch", "launch")
    with lab.services() as services:
        (job,) = services.jobs.open_jobs()
        services.jobs.give_up(job, services.clock())
        while services.jobs.open_jobs():
            poll(services)
    lab.tick("prove", "promote")
    with lab.services() as services:
        assert services.promotions.model("trial-1").state == "good"
    assert (lab.status()["verdict"], lab.status()["serving"]) == ("failed", None)


def test_a_cancelled_job_can_be_launched_again(lab, provider):
    lab.tick("fetch", "launch")
    asked(lab, "cancel", job=1)
    lab.tick("serve")
    assert (lab.status()["verdict"], lab.status()["reason"]) == ("failed", "verdict-job-cancelled")
    asked(lab, "launch", dataset="trial")
    lab.tick("serve")
    lab.until_serving("trial-1")
    assert len(provider.jobs_created()) == 2


def test_a_request_that_was_cut_off_is_taken_up_again(lab):
    request_id = asked(lab, "fetch")
    with lab.services() as services:
        services.requests.claim(["fetch"])
    lab.tick("serve")
    assert state(lab, request_id).state is RequestState.DONE


def test_a_command_does_the_work_itself_when_whoever_led_goes_away(lab):
    lab.tick("fetch")
    lead, said = Lead(lab.config.state_dir, lab.config.database), []
    assert lead.take()

    def say(word, **_):
        said.append(word)
        if word == "asked-daemon":
            threading.Timer(0, lead.release).start()

    assert ask(lab.config, "build", {"dataset": "trial"}, say)["build"] == "trial-1"
    assert said == ["asked-daemon", "no-daemon"]


def test_a_wish_to_poll_makes_every_launched_job_due(lab, provider):
    provider.behave(states=["queued"] * 50)
    lab.path.write_text(lab.path.read_text().replace("poll_s: 0.01", "poll_s: 500"))
    lab.tick("fetch", "launch", "poll", "poll")
    before = len(provider.calls("jobs.retrieve"))
    lab.tick("poll")
    assert len(provider.calls("jobs.retrieve")) == before
    with lab.services() as services:
        services.requests.ask("poll", {}, "api:hook")
    lab.tick("serve", "poll")
    assert len(provider.calls("jobs.retrieve")) == before + 1
