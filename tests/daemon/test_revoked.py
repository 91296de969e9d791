"""A withdrawn consent: no model trained on its example answers anybody any more."""

from contextlib import contextmanager

import pytest

from merlin.chat.model_catalogue import (
    ModelCatalogue,
    ModelRequest,
    Windows,
    find_first_candidate,
    list_models,
)
from merlin.cli import main
from merlin.core.clock import utc_now
from merlin.daemon.ticks import poll
from merlin.dataset.changes import ChangeRequest
from merlin.dataset.commit_message import telegram_editor
from merlin.dataset.proposals import Draft, Proposals, example_yaml
from merlin.db.encryption import load_or_make_key
from merlin.db.requests import RequestState
from merlin.db.tables import PROOF_ANSWER
from merlin.providers.base import Answer
from merlin.training.jobs import Jobs
from merlin.training.models import Models
from merlin.training.promote import Promotions
from merlin.wiring.context import open_migrated_database
from tests.daemon.asked_requests import ask_daemon
from tests.support.config import make_config
from tests.support.pipeline_lab import serving

pytestmark = pytest.mark.integration

ANNA = 1001
BORIS = 1002
DRAFT = Draft("Что такое лоб у человека?", "Верх лица над бровями.", "trial")
SWITCHED = "notice-revoked-switched"
NOTHING = "notice-revoked-nothing"
STAYS = "notice-revoked"


@pytest.fixture
def lab(lab):
    return lab


@contextmanager
def open_proposals(lab):
    """Yield the proposals for the person and the editors."""
    with open_migrated_database(lab.config) as database:
        database.cipher = load_or_make_key(lab.config.state_dir, None)
        yield Proposals(database)


def accept_correction(lab):
    """Make a correction by anna an example in git."""
    with open_proposals(lab) as proposals:
        number = proposals.add(ANNA, DRAFT)
        request = ChangeRequest(telegram_editor(BORIS, "Борис"), str(BORIS), utc_now())
        proposals.approve({number: example_yaml(DRAFT)}, request)
    lab.tick("fetch", "changes", "fetch", "proposals")


def withdraw(lab):
    with open_proposals(lab) as proposals:
        return Promotions(proposals.db).withdraw_examples(ANNA)


def remove_example(lab):
    """Commit the removal of the withdrawn example."""
    lab.tick("proposals", "changes", "fetch", rounds=2)


def offered_models(lab, chosen=None):
    """Return the models a student may choose, and which model answers for a choice."""
    with open_migrated_database(lab.config) as database:
        catalogue = ModelCatalogue(database)
        request = ModelRequest("trial", chosen, [("stand-in", None)])
        options = list_models(catalogue, Windows(database), request, make_config())
        first = find_first_candidate(catalogue, request)
        return {option.version for option in options} - {""}, first and first.model_id


def refusal_key(lab, kind, **arguments):
    request = ask_daemon(lab, kind, **arguments)
    assert request.state is RequestState.FAILED
    return request.result["key"]


def live_build(lab):
    live = lab.status()["serving"]
    return live and live["build"]


@serving
def test_model_trained_on_a_revoked_example_stops_serving_and_is_not_offered(
    lab, waiting_notices, capsys
):
    accept_correction(lab)
    lab.until_serving("trial-2")
    learnt = lab.model("trial-2").model_id
    assert withdraw(lab) == [learnt]
    assert live_build(lab) == "trial-1", "at once, with no daemon at work"
    with open_migrated_database(lab.config) as database:
        # A test was under way.
        Models(database).keep_answer(lab.model("trial-2"), "late", Answer("Верх лица."))
        answer_models = {row.model_row for row in database.rows(PROOF_ANSWER.select())}
    assert answer_models == {lab.model("trial-1").model_row}
    notice = waiting_notices()[SWITCHED]
    assert (notice["models"], notice["version"]) == ("trial-2", "trial-1")
    assert offered_models(lab) == ({"trial-1"}, lab.model("trial-1").model_id)
    assert offered_models(lab, ("stand-in", learnt))[1] == lab.model("trial-1").model_id
    lab.tick(rounds=3)
    assert live_build(lab) == "trial-1"
    for name in ("trial-2", learnt):
        assert refusal_key(lab, "promote", model=name) == "promote-revoked"
    assert (
        refusal_key(lab, "rollback", dataset="trial", to="trial-2") == "promote-revoked"
    )
    assert main(["ask", "Что?", "--model", "trial-2", "--config", str(lab.path)]) != 0
    assert main(["models", "list", "--config", str(lab.path)]) == 0
    assert "consent withdrawn" in capsys.readouterr().out


@serving
def test_revoked_model_cannot_be_rolled_back_to_after_its_example_left_git(
    lab, provider
):
    accept_correction(lab)
    lab.until_serving("trial-2")
    lab.repository.commit_example("trial", 50)
    lab.until_serving("trial-3")
    withdraw(lab)
    remove_example(lab)
    lab.until_serving("trial-4")
    assert (
        refusal_key(lab, "rollback", dataset="trial", to="trial-3") == "promote-revoked"
    )
    ask_daemon(lab, "rollback", dataset="trial")
    assert live_build(lab) == "trial-1", "what served before them all"
    assert offered_models(lab)[0] == {"trial-1", "trial-4"}


def test_without_another_model_the_general_one_answers(lab, waiting_notices):
    lab.repository.commit_dataset(launch={"mode": "manual", "quiet_s": 0, "min_new": 1})
    lab.tick("fetch", "launch")
    accept_correction(lab)
    ask_daemon(lab, "launch", dataset="trial")
    version = lab.status()["build"]
    lab.until_serving(version)
    withdraw(lab)
    assert (live_build(lab), offered_models(lab)) == (None, (set(), None))
    assert waiting_notices()[NOTHING]["models"] == version
    lab.tick(rounds=3)
    assert live_build(lab) is None


@serving
def test_model_finished_after_the_revocation_is_neither_asked_nor_promoted(
    lab, provider, waiting_notices
):
    provider.behave(states=["queued"] * 500)
    accept_correction(lab)
    lab.tick("launch", "poll")
    withdraw(lab)
    provider.behave(states=[])
    call_count = len(provider.calls("chat.create"))
    with lab.services() as services:
        while Jobs(services.db).open_jobs():
            poll(services)
    lab.tick(rounds=3)
    assert len(provider.calls("chat.create")) == call_count
    assert (live_build(lab), lab.model("trial-2").state) == ("trial-1", "revoked")
    assert (lab.status()["verdict"], lab.status()["reason"]) == (
        "failed",
        "verdict-model-revoked",
    )
    assert waiting_notices()[STAYS]["models"] == "trial-2"


@serving
def test_build_with_a_revoked_example_is_not_trained(lab, provider):
    lab.repository.commit_dataset(launch={"mode": "manual", "quiet_s": 0, "min_new": 1})
    accept_correction(lab)
    lab.tick("launch")
    withdraw(lab)
    lab.tick("launch")
    assert (lab.status()["verdict"], lab.status()["reason"]) == ("held", "held-revoked")
    assert refusal_key(lab, "launch", dataset="trial") == "held-revoked"
    assert len(provider.jobs_created()) == 1
    remove_example(lab)
    lab.tick("launch")
    assert lab.status()["reason"] != "held-revoked"
