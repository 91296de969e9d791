"""`merlin recover`: an empty database is filled from git, its notes and the provider's jobs."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from merlin.app import jobs, models, verdicts
from merlin.app.actor import Actor
from merlin.core.clock import iso, utc_now
from merlin.sandbox.faults import Fault, FaultKind
from merlin.training.promote import Promotions, roll_back
from merlin.wiring.context import reading_context
from tests.daemon.test_lost_database import (
    lose,
    mirror_notes,
    numbers,
    push_notes,
    serve_three,
    teach,
)
from tests.support.pipeline_lab import command, prove_at
from tests.support.waiting import wait_until

pytestmark = pytest.mark.integration
YES = "Да, всё именно так и есть."


def recover(lab):
    """Call `merlin recover --json`; return its code, what it printed, what it said."""
    code, out, err = command("recover", "--json", "--config", str(lab.path))
    assert "Traceback" not in err
    return code, json.loads(out or "null"), err


def known(lab):
    """Return what a database says of the dataset's past, without numbers and times of its own."""
    with reading_context(lab.config) as ctx:
        actor = Actor.operator()
        past = models.recent(ctx, actor, "trial")
        trained = jobs.recent(ctx, actor, "trial")
        led = verdicts.recent(ctx, actor, "trial")
        serving = models.serving_models(ctx, actor)["trial"]
        return {
            "models": sorted((model.model, model.state, model.build) for model in past),
            "jobs": sorted((job.provider_job, job.state, job.build) for job in trained),
            "builds": numbers(lab),
            "verdicts": [(verdict.commit, verdict.verdict, verdict.build) for verdict in led],
            "serving": (serving.build, serving.pinned),
        }


def trained(lab):
    """Return state and build of each job."""
    with reading_context(lab.config) as ctx:
        found = jobs.recent(ctx, Actor.operator(), "trial")
        return [(job.state.value, job.build) for job in found]


def choose(lab, *, build="", is_pinned=False):
    """Roll back to a build, pin it, and let the notes tell of it."""
    with lab.services() as services:
        rows = Promotions(services.db)
        if build:
            roll_back(rows, "trial", "vera", build)
        rows.pin("trial", is_pinned=is_pinned)
    lab.tick("note")


def test_the_past_comes_back_as_it_was_and_nobody_is_asked_or_trained_again(lab, provider):
    serve_three(lab)
    before, asked = known(lab), len(provider.calls("chat.create"))
    lose(lab, "builds")
    code, (document,), _ = recover(lab)
    assert (code, known(lab)) == (0, before)
    assert (document["builds"], document["jobs"], document["models"], document["serving"]) == (
        3,
        3,
        3,
        "trial-3",
    )
    assert (document["differing"], document["lost"]) == ([], [])
    lab.tick(rounds=3)
    assert known(lab) == before
    assert len(provider.calls("chat.create")) == asked
    assert len(provider.jobs_created()) == 3


def test_people_read_what_came_back(lab, monkeypatch):
    serve_three(lab)
    lose(lab)
    monkeypatch.setenv("MERLIN_LANGUAGE", "ru")
    code, out, err = command("recover", "--config", str(lab.path))
    assert code == 0
    assert "trial-3" in out
    assert "Восстановлено" in err


def test_a_gate_goes_on_holding_a_worse_model(lab, provider):
    lab.repository.dataset(gate="not_worse")
    for number in range(20, 32):
        lab.repository.example("trial", number, answer=YES, is_test=True)
    lab.repository.commit()
    provider.behave(fixed_answer=YES)
    lab.until_serving("trial-1")
    lab.tick("note")
    teach(lab, 60)
    lab.tick("fetch", "launch")
    lose(lab)
    assert recover(lab)[0] == 0
    wait_until(lambda: lab.tick("launch", "poll") or ("succeeded", "trial-2") in trained(lab))
    # What serves is asked anew; then the newer one cannot be reached for a while.
    fault = Fault("chat.create", FaultKind.STATUS, status=503, skip=14)
    provider.faults.add(fault)
    lab.tick("prove")
    provider.behave(fixed_answer="Нет, никогда такого не было.")
    with lab.services() as services:
        assert prove_at(services, lambda: utc_now() + timedelta(minutes=1))
    lab.tick("promote")
    assert known(lab)["serving"] == ("trial-1", False)
    with reading_context(lab.config) as ctx:
        newest, *_ = models.recent(ctx, Actor.operator(), "trial")
    assert (newest.build, newest.held) == ("trial-2", True)


def test_the_choice_of_what_serves_and_its_pin_come_back_from_the_repository_alone(lab):
    push_notes(lab)
    serve_three(lab)
    choose(lab, build="trial-2", is_pinned=True)
    lose(lab, "builds", "mirror.git")
    assert recover(lab)[0] == 0
    assert known(lab)["serving"] == ("trial-2", True)


def test_a_rollback_is_not_undone_and_a_taken_off_pin_stays_off(lab):
    serve_three(lab)
    choose(lab, build="trial-1", is_pinned=True)
    choose(lab, is_pinned=False)
    lose(lab)
    assert recover(lab)[0] == 0
    lab.tick(rounds=3)
    assert known(lab)["serving"] == ("trial-1", False)
    teach(lab, 60)
    lab.until_serving("trial-4")


def test_what_was_under_way_is_found_again(lab, provider):
    serve_three(lab)
    teach(lab, 60)
    lab.tick("fetch", "launch")
    created = len(provider.calls("jobs.create"))
    lose(lab, "builds")
    assert recover(lab)[0] == 0
    lab.until_serving("trial-4")
    assert len(provider.calls("jobs.create")) == created


def test_a_model_whose_consent_was_taken_back_never_serves_again(lab):
    serve_three(lab)
    with lab.services() as services:
        services.db.sql(
            "INSERT INTO revoked_example (dataset, example_id, at) SELECT dataset, example_id, ?"
            " FROM taught_example WHERE first_build = (SELECT MAX(id) FROM build) LIMIT 1",
            iso(utc_now()),
        )
        Promotions(services.db).retire_revoked()
    lab.tick("note")
    before = known(lab)
    assert before["serving"][0] == "trial-2"
    lose(lab)
    assert recover(lab)[0] == 0
    assert known(lab) == before


def test_a_job_that_its_provider_does_not_know_is_named_and_the_rest_comes_back(lab, provider):
    serve_three(lab)
    (first, *_) = lab.repository.git("rev-list", "--reverse", "HEAD").split()
    told = mirror_notes(lab, "show", first)
    job = next(word for word in told.split() if word.startswith("job=")).removeprefix("job=")
    mirror_notes(lab, "add", "-f", "-m", told.replace(f"job={job}", "job=ftjob-gone"), first)
    lose(lab)
    code, (document,), _ = recover(lab)
    assert (code, document["lost"], document["models"]) == (0, ["ftjob-gone"], 2)
    assert document["serving"] == "trial-3"


def test_a_provider_that_is_away_is_told_and_the_next_try_goes_on(lab, provider):
    serve_three(lab)
    before = known(lab)
    lose(lab)
    provider.faults.add(Fault("jobs.retrieve", FaultKind.STATUS, status=503))
    code, _, said = recover(lab)
    assert (code, "503" in said) == (1, True)
    assert recover(lab)[0] == 0
    assert known(lab) == before


def test_a_database_with_jobs_and_one_that_began_later_are_left_alone(lab):
    serve_three(lab)
    before = known(lab)
    assert recover(lab)[0] == 1
    lose(lab)
    lab.tick("fetch")
    code, _, said = recover(lab)
    assert (code, "later" in said) == (1, True)
    lab.until_serving("trial-3")
    code, _, said = recover(lab)
    assert (code, "has jobs" in said) == (1, True)
    assert known(lab)["builds"].items() <= before["builds"].items()


def test_notes_that_say_nothing_recover_nothing(lab):
    lab.tick("fetch")
    lose(lab)
    assert recover(lab)[:2] == (0, [])
