"""A provider that forbids training or has lost a file: what is launched again, and what is not."""

import pytest

from merlin.core.i18n import text
from merlin.db.notices import Notices
from merlin.db.requests import RequestKind, Requests
from tests.support.faults import make_fault

pytestmark = pytest.mark.integration


def commit_example(lab, number):
    lab.repository.commit_example("trial", number)
    lab.tick(rounds=2)
    return lab.status()["verdict"], lab.status()["reason"]


def launch(lab):
    with lab.services() as services:
        Requests(services.db).ask(RequestKind.LAUNCH, {"dataset": "trial"}, "vera")
    lab.tick("serve")


def forbidden_notices(lab):
    """Return the notices that say so, after checking their text in both languages."""
    with lab.services() as services:
        waiting = Notices(services.db).list_waiting(100)
    notices = [
        notice.arguments for notice in waiting if notice.key == "notice-forbidden"
    ]
    assert all(
        text(language, "notice-forbidden", **arguments, title="trial")
        for language in ("ru", "en")
        for arguments in notices
    )
    assert not [notice for notice in waiting if notice.key == "notice-failed"]
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
    launch(
        lab
    )  # still forbidden: reported again, and nothing more is launched by itself
    lab.tick(rounds=2)
    assert len(forbidden_notices(lab)) == 2
    assert commit_example(lab, 52) == ("held", "held-forbidden")
    provider.faults.clear()
    launch(lab)
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
    launch(lab)
    lab.until_serving("trial-1")
    lab.until_serving("second-2", dataset="second")


def test_refused_create_fails_at_once_and_uploads_nothing_again(lab, provider):
    provider.faults.add(make_fault("jobs.create", 400))
    lab.tick(rounds=3)
    assert lab.status()["verdict"] == "failed"
    assert len(provider.calls("files.create")) == 2
