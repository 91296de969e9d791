"""A provider that forbids training or has lost a file: what is launched again, and what is not."""

import pytest

from merlin.core.i18n import LANGUAGES
from tests.daemon.asked_requests import ask_daemon
from tests.support.faults import make_fault

pytestmark = pytest.mark.integration


def commit_example(lab, number):
    lab.repository.commit_example("trial", number)
    lab.tick(rounds=2)
    return lab.status()["verdict"], lab.status()["reason"]


def forbidden_notices(lab):
    """Return the notices that say so, after checking their text in both languages."""
    assert lab.notices("notice-failed") == []
    notices = lab.notices("notice-forbidden")
    assert all(lab.notice_text(each, name) for each in notices for name in LANGUAGES)
    return notices


def test_provider_that_forbids_training_is_not_asked_until_a_manual_launch(
    lab, provider
):
    provider.faults.add(make_fault("jobs.create", 403))
    lab.tick(rounds=2)
    assert lab.status()["verdict"] == "failed"
    assert len(forbidden_notices(lab)) == 1
    for number in (50, 51):
        assert commit_example(lab, number) == ("held", "held-forbidden")
    assert lab.status()["job"]["job"] == 1
    # Still forbidden: reported again, and nothing more is launched by itself.
    ask_daemon(lab, "launch", dataset="trial")
    lab.tick(rounds=2)
    assert len(forbidden_notices(lab)) == 2
    assert commit_example(lab, 52) == ("held", "held-forbidden")
    provider.faults.clear()
    ask_daemon(lab, "launch", dataset="trial")
    lab.until_serving("trial-4")
    lab.repository.commit_example("trial", 53)
    lab.until_serving("trial-5")


def test_held_builds_continue_when_another_launch_succeeds(lab, provider):
    lab.repository.dataset("second")
    lab.repository.commit_dataset(
        "trial", launch={"mode": "manual", "quiet_s": 0, "min_new": 1}
    )
    provider.faults.add(make_fault("jobs.create", 403, times=1))
    lab.tick(rounds=2)
    assert lab.status("second")["verdict"] == "failed"
    lab.repository.commit_example("second", 50)
    lab.tick(rounds=2)
    assert lab.status("second")["reason"] == "held-forbidden"
    ask_daemon(lab, "launch", dataset="trial")
    lab.until_serving("trial-1")
    lab.until_serving("second-2", dataset="second")


def test_refused_create_fails_at_once_and_uploads_nothing_again(lab, provider):
    provider.faults.add(make_fault("jobs.create", 400))
    lab.tick(rounds=3)
    assert lab.status()["verdict"] == "failed"
    assert len(provider.calls("files.create")) == 2
