"""`merlin recover`: an empty database is restored from git, its notes and the provider's jobs."""

import json
from datetime import timedelta

import pytest

from merlin.app import jobs, models, verdicts
from merlin.app.actor import Actor
from merlin.core.clock import iso, utc_now
from merlin.core.errors import Refused
from merlin.training.promote import Promotions, roll_back
from merlin.wiring.context import open_reading_context
from tests.daemon.test_lost_database import (
    build_numbers,
    commit_example,
    delete_state,
    mirror_notes,
    push_notes,
    train_three,
)
from tests.support.faults import Fault, FaultKind
from tests.support.pipeline_lab import evaluate_at, run_command
from tests.support.waiting import wait_until

pytestmark = pytest.mark.integration
YES = "Да, всё именно так и есть."


def recover(lab, *options):
    """Run `merlin recover --json`; return its exit code, output and error text."""
    code, out, err = run_command("recover", "--json", "--config", str(lab.path), *options)
    assert "Traceback" not in err
    return code, json.loads(out or "null"), err


def read_history(lab):
    """Return the dataset's history in a database, without its own numbers and times."""
    with open_reading_context(lab.config) as ctx:
        actor = Actor.operator()
        past = models.list_recent(ctx, actor, "trial")
        trained = jobs.list_recent(ctx, actor, "trial")
        led = verdicts.list_recent(ctx, actor, "trial")
        serving = models.read_serving_models(ctx, actor)["trial"]
        return {
            "models": sorted((model.model, model.state, model.build) for model in past),
            "jobs": sorted((job.provider_job, job.state, job.build) for job in trained),
            "builds": build_numbers(lab),
            "verdicts": [(verdict.commit, verdict.verdict, verdict.build) for verdict in led],
            "serving": (serving.build, serving.pinned),
        }


def job_states(lab):
    """Return state and build of each job."""
    with open_reading_context(lab.config) as ctx:
        job_views = jobs.list_recent(ctx, Actor.operator(), "trial")
        return [(job.state.value, job.build) for job in job_views]


def choose(lab, *, build="", is_pinned=False):
    """Roll back to a build, pin it, and write the notes."""
    with lab.services() as services:
        rows = Promotions(services.db)
        if build:
            roll_back(rows, "trial", "vera", build)
        rows.pin("trial", is_pinned=is_pinned)
    lab.tick("note")


def test_history_is_recovered_unchanged_without_new_questions_or_jobs(
    trained_lab, trained_provider
):
    before, call_count = read_history(trained_lab), len(trained_provider.calls("chat.create"))
    delete_state(trained_lab, "builds")
    reads = len(trained_provider.calls("jobs.retrieve"))
    code, (document,), _ = recover(trained_lab)
    assert (code, read_history(trained_lab)) == (0, before)
    assert len(trained_provider.calls("jobs.retrieve")) == reads, "one list replaces them"
    assert (document["builds"], document["jobs"], document["models"], document["serving"]) == (
        3,
        3,
        3,
        "trial-3",
    )
    assert (document["differing"], document["lost"]) == ([], [])
    trained_lab.tick(rounds=3)
    assert read_history(trained_lab) == before
    assert len(trained_provider.calls("chat.create")) == call_count
    assert len(trained_provider.jobs_created()) == 3


def test_recovered_data_is_shown_to_the_operator(trained_lab, monkeypatch):
    delete_state(trained_lab)
    monkeypatch.setenv("MERLIN_LANGUAGE", "ru")
    code, out, err = run_command("recover", "--config", str(trained_lab.path))
    assert code == 0
    assert out.splitlines()[1].split() == ["trial", "3", "3", "3", "trial-3", "нет"]
    assert "Восстановлено" in err


def test_gate_still_holds_a_worse_model_after_recovery(lab, provider):
    lab.repository.dataset(gate="not_worse")
    for number in range(20, 32):
        lab.repository.example("trial", number, answer=YES, is_test=True)
    lab.repository.commit()
    provider.behave(fixed_answer=YES)
    lab.until_serving("trial-1")
    lab.tick("note")
    commit_example(lab, 60)
    lab.tick("fetch", "launch")
    delete_state(lab)
    assert recover(lab)[0] == 0
    wait_until(lambda: lab.tick("launch", "poll") or ("succeeded", "trial-2") in job_states(lab))
    # The live model is evaluated again; then the newer one is unreachable for a while.
    fault = Fault("chat.create", FaultKind.STATUS, status=503, skip=14)
    provider.faults.add(fault)
    lab.tick("prove")
    provider.behave(fixed_answer="Нет, никогда такого не было.")
    with lab.services() as services:
        assert evaluate_at(services, lambda: utc_now() + timedelta(minutes=1))
    lab.tick("promote")
    assert read_history(lab)["serving"] == ("trial-1", False)
    with open_reading_context(lab.config) as ctx:
        newest, *_ = models.list_recent(ctx, Actor.operator(), "trial")
    assert (newest.build, newest.held) == ("trial-2", True)


def test_serving_model_and_pin_are_recovered_from_the_repository_alone(lab):
    push_notes(lab)
    train_three(lab)
    choose(lab, build="trial-2", is_pinned=True)
    delete_state(lab, "builds", "mirror.git")
    assert recover(lab)[0] == 0
    assert read_history(lab)["serving"] == ("trial-2", True)


def test_rollback_and_removed_pin_survive_recovery(trained_lab):
    choose(trained_lab, build="trial-1", is_pinned=True)
    choose(trained_lab, is_pinned=False)
    delete_state(trained_lab)
    assert recover(trained_lab)[0] == 0
    trained_lab.tick(rounds=3)
    assert read_history(trained_lab)["serving"] == ("trial-1", False)
    commit_example(trained_lab, 60)
    trained_lab.until_serving("trial-4")


def test_unfinished_job_is_found_again(trained_lab, trained_provider):
    commit_example(trained_lab, 60)
    trained_lab.tick("fetch", "launch")
    created = len(trained_provider.calls("jobs.create"))
    delete_state(trained_lab, "builds")
    assert recover(trained_lab)[0] == 0
    trained_lab.until_serving("trial-4")
    assert len(trained_provider.calls("jobs.create")) == created


def test_revoked_model_does_not_serve_after_recovery(trained_lab):
    with trained_lab.services() as services:
        services.db.sql(
            "INSERT INTO revoked_example (dataset, example_id, at) SELECT dataset, example_id, ?"
            " FROM taught_example WHERE first_build = (SELECT MAX(id) FROM build) LIMIT 1",
            iso(utc_now()),
        )
        Promotions(services.db).retire_revoked()
    trained_lab.tick("note")
    before = read_history(trained_lab)
    assert before["serving"][0] == "trial-2"
    delete_state(trained_lab)
    assert recover(trained_lab)[0] == 0
    assert read_history(trained_lab) == before


def test_job_unknown_to_its_provider_is_named_and_the_rest_recovered(trained_lab, trained_provider):
    (first, *_) = trained_lab.repository.git("rev-list", "--reverse", "HEAD").split()
    note = mirror_notes(trained_lab, "show", first)
    job = next(word for word in note.split() if word.startswith("job=")).removeprefix("job=")
    mirror_notes(
        trained_lab, "add", "-f", "-m", note.replace(f"job={job}", "job=ftjob-gone"), first
    )
    delete_state(trained_lab)
    code, (document,), _ = recover(trained_lab)
    assert (code, document["lost"], document["models"]) == (0, ["ftjob-gone"], 2)
    assert document["serving"] == "trial-3"


def test_recovery_continues_after_a_provider_outage(trained_lab, trained_provider):
    before = read_history(trained_lab)
    delete_state(trained_lab)
    trained_provider.faults.add(Fault("jobs.list", FaultKind.STATUS, status=503))
    code, _, error = recover(trained_lab)
    # Its name is that of the key in these tests, which is hidden.
    assert (code, "503" in error, "provider “[hidden]”" in error) == (1, True, True), error
    code, _, error = run_command("status", "--config", str(trained_lab.path))
    assert (code, "merlin recover" in error) == (1, True), error
    assert recover(trained_lab)[0] == 0
    assert read_history(trained_lab) == before


def test_nothing_starts_on_a_database_whose_recovery_failed_at_once(lab):
    lab.tick("fetch")
    delete_state(lab)
    aside = lab.repository.folder.rename(lab.folder / "aside")
    assert recover(lab)[0] == 1
    with pytest.raises(Refused, match="not restored"), open_reading_context(lab.config):
        """No command reads it either."""
    aside.rename(lab.repository.folder)
    assert recover(lab)[0] == 0
    lab.tick("fetch")


def test_key_of_another_account_does_not_make_jobs_unknown(trained_lab, trained_provider):
    before = read_history(trained_lab)
    delete_state(trained_lab)
    for method in ("jobs.retrieve", "jobs.list"):  # or the address is wrong: the same status
        trained_provider.faults.add(Fault(method, FaultKind.STATUS, times=None, status=404))
    code, _, error = recover(trained_lab)
    assert (code, "--without-jobs" in error) == (1, True)
    trained_provider.faults.clear()
    # A server without a list of jobs answers so as well: each job is then read by its id.
    no_list = Fault("jobs.list", FaultKind.STATUS, times=None, status=404)
    trained_provider.faults.add(no_list)
    assert recover(trained_lab)[0] == 0
    assert read_history(trained_lab) == before


def test_jobs_that_their_provider_has_deleted_can_be_left_out(trained_lab, trained_provider):
    delete_state(trained_lab)
    for method in ("jobs.retrieve", "jobs.list"):
        trained_provider.faults.add(Fault(method, FaultKind.STATUS, times=None, status=404))
    code, (document,), _ = recover(trained_lab, "--without-jobs")
    assert (code, document["jobs"], len(document["lost"]), document["builds"]) == (0, 0, 3, 3)


def test_database_with_jobs_or_a_later_start_is_not_recovered(trained_lab):
    before = read_history(trained_lab)
    assert recover(trained_lab)[0] == 1
    delete_state(trained_lab, "builds")
    trained_lab.tick("fetch")
    code, _, error = recover(trained_lab)
    assert (code, "later" in error) == (1, True)
    trained_lab.until_serving("trial-3")
    code, _, error = recover(trained_lab)
    assert (code, "has jobs" in error) == (1, True)
    assert read_history(trained_lab)["builds"].items() <= before["builds"].items()


def test_nothing_is_recovered_without_notes(lab):
    lab.tick("fetch")
    delete_state(lab)
    assert recover(lab)[:2] == (0, [])
