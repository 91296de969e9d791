"""A provider that forbids training or has lost a file: what is launched again, and what is not."""

import pytest

from merlin.core.i18n import text
from merlin.db.notices import Notices
from merlin.db.requests import RequestKind, Requests
from tests.support.faults import Fault, FaultKind

pytestmark = pytest.mark.integration


def make_fault(method, status, times=None):
    return Fault(method, FaultKind.STATUS, times=times, status=status)


def commit_example(lab, number):
    lab.repository.example("trial", number)
    lab.repository.commit()
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
    notices = [notice.arguments for notice in waiting if notice.key == "notice-forbidden"]
    assert all(
        text(language, "notice-forbidden", **arguments, title="trial")
        for language in ("ru", "en")
        for arguments in notices
    )
    assert not [notice for notice in waiting if notice.key == "notice-failed"]
    return notices


def test_provider_that_forbids_training_is_not_asked_until_a_manual_launch(lab, provider):
    provider.faults.add(make_fault("jobs.create", 403))
    lab.tick(rounds=2)
    assert lab.status()["verdict"] == "failed"
    assert len(forbidden_notices(lab)) == 1
    for number in (50, 51):
        assert commit_example(lab, number) == ("held", "held-forbidden")
    assert lab.status()["job"]["job"] == 1
    launch(lab)  # still forbidden: reported again, and nothing more is launched by itself
    lab.tick(rounds=2)
    assert len(forbidden_notices(lab)) == 2
    assert commit_example(lab, 52) == ("held", "held-forbidden")
    provider.faults.clear()
    launch(lab)
    lab.until_serving("trial-4")
    lab.repository.example("trial", 53)
    lab.repository.commit()
    lab.until_serving("trial-5")


def test_held_builds_continue_when_another_launch_succeeds(lab, provider):
    lab.repository.dataset("second")
    lab.repository.dataset("trial", launch={"mode": "manual", "quiet_s": 0, "min_new": 1})
    lab.repository.commit()
    provider.faults.add(make_fault("jobs.create", 403, times=1))
    lab.tick(rounds=2)
    assert lab.status("second")["verdict"] == "failed"
    lab.repository.example("second", 50)
    lab.repository.commit()
    lab.tick(rounds=2)
    assert lab.status("second")["reason"] == "held-forbidden"
    launch(lab)
    lab.until_serving("trial-1")
    lab.until_serving("second-2", dataset="second")


@pytest.mark.parametrize("split", ["train", "test"])
def test_file_deleted_before_the_job_is_created_is_uploaded_again(lab, provider, split):
    provider.faults.add(make_fault("jobs.create", 429, times=1))
    lab.tick("fetch", "launch")
    (removed,) = [file for file in provider.files() if file["filename"].endswith(f"{split}.jsonl")]
    remove(lab, removed["id"])
    make_jobs_due(lab)
    lab.until_serving("trial-1")
    assert len(provider.files()) == 2
    assert len(provider.calls("files.create")) == 3
    assert len(provider.jobs_created()) == 1


def test_refusal_with_all_files_present_fails_at_once(lab, provider):
    provider.faults.add(make_fault("jobs.create", 400))
    lab.tick(rounds=3)
    assert lab.status()["verdict"] == "failed"
    assert len(provider.calls("files.create")) == 2


def test_repeatedly_lost_files_fail_the_launch(lab, provider):
    for _ in range(2):
        provider.faults.add(make_fault("jobs.create", 429, times=1))
        make_jobs_due(lab)
        lab.tick("fetch", "launch")
        for file in provider.files():
            remove(lab, file["id"])
        make_jobs_due(lab)
        lab.tick("launch")
    assert lab.status()["verdict"] == "failed"
    assert len(provider.calls("files.create")) == 4
    assert not provider.jobs_created()


def remove(lab, file_id):
    with lab.services() as services:
        services.providers["stand-in"].api.delete_file(file_id)


def make_jobs_due(lab):
    """Make every open job due now."""
    with lab.services() as services:
        services.db.sql("UPDATE job SET not_before = NULL")
