"""A provider that loses a model: reported, not promoted, and good again once it is back."""

import pytest

from merlin.cli import main
from merlin.daemon.ticks import warn_of_problems
from merlin.db.requests import RequestKind
from tests.daemon.asked_requests import ask_daemon
from tests.support.pipeline_lab import serving

pytestmark = pytest.mark.integration

EVER = 1_000_000


def compare_models(lab, times=2):
    """Compare the daemon's models with the provider's list."""
    with lab.services() as services:
        return [bool(services.inventory.update()) for _ in range(times)]


def delete_tuned_models(lab, provider):
    """Delete every tuned model at the provider."""
    provider.behave(null_model_polls=EVER)
    compare_models(lab)


@serving
def test_lost_model_is_notified_and_shown_and_can_return(lab, provider, capsys):
    delete_tuned_models(lab, provider)
    assert lab.model("trial-1").state == "gone"
    main(["models", "list", "--config", str(lab.path)])
    assert "removed" in capsys.readouterr().out
    with lab.services() as services:
        warn_of_problems(services)
        warn_of_problems(services)
    (notice,) = lab.notices("notice-gone")
    assert "trial-1" in lab.notice_text(notice, "ru")
    assert lab.status()["serving"]["build"] == "trial-1"
    provider.behave(null_model_polls=0)
    assert compare_models(lab, 1) == [True]
    assert lab.model("trial-1").state == "good"


@serving
def test_live_model_that_is_served_without_its_training_is_notified_and_can_return(
    lab, provider
):
    name = lab.status()["serving"]["model"]
    provider.behave(names_base=True)
    compare_models(lab)
    assert lab.model("trial-1").state == "good", "listed models are not asked"
    ask_daemon(lab, RequestKind.CENSUS, model=name)
    assert lab.model("trial-1").state == "unapplied"
    with lab.services() as services:
        warn_of_problems(services)
    (notice,) = lab.notices("notice-unapplied")
    assert "stand-in-base has answered" in lab.notice_text(notice, "ru")
    provider.behave(names_base=False)
    assert compare_models(lab, 1) == [True]
    assert lab.model("trial-1").state == "good"


@serving
def test_revert_never_promotes_a_lost_model_and_it_can_be_trained_again(lab, provider):
    delete_tuned_models(lab, provider)
    provider.behave(null_model_polls=0)
    lab.repository.commit_example("trial", 50)
    lab.until_serving("trial-2")
    lab.repository.git("revert", "--no-edit", "HEAD")
    lab.tick(rounds=3)
    assert (lab.status()["verdict"], lab.status()["reason"]) == (
        "failed",
        "verdict-model-gone",
    )
    assert lab.status()["serving"]["build"] == "trial-2"
    ask_daemon(lab, RequestKind.LAUNCH, dataset="trial")
    lab.until_serving("trial-1")
    assert len(provider.jobs_created()) == 3
