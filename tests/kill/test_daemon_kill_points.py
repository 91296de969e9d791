"""The daemon is killed once at each kill point; afterwards there is one job and one model."""

import pytest

from merlin.core.errors import MerlinError
from merlin.db.tables import BUILD, INTENT, JOB
from merlin.wiring.context import open_migrated_database, open_read_only
from tests.support import kill_points
from tests.support.faults import Fault, FaultKind
from tests.support.pipeline_lab import (
    Lab,
    run_through_kills,
)
from tests.support.stand_ins import ProviderStandIn

pytestmark = pytest.mark.integration

# Kill points of edits are in test_change_kill_points.py, of statuses in test_status_kill_points.py,
# of the bot and the engine in tests/bot/test_kill.py and tests/engine, of commands in tests/cli,
# of a build that is stored in pieces in tests/training/test_commits.py.
OTHER_PREFIXES = (
    "change.",
    "update.",
    "placeholder.",
    "answer.",
    "erase.",
    "engine.",
    "gate.",
    "distil.",
    "draft.",
    "baseline.",
    "import.",
    "completion.",
    "pay.",
    "payment.",
    "refund.",
    "renewal.",
    "remove.",
    "restore.",
    "staged.",
    "status.",
)
POINTS = tuple(
    point for point in kill_points.POINTS if not point.startswith(OTHER_PREFIXES)
)


def is_done(lab):
    try:
        return bool(lab.status()["serving"])
    except (MerlinError, KeyError):
        return False


@pytest.mark.parametrize("points", [POINTS[::2], POINTS[1::2]])
def test_one_job_and_one_model_exist_after_kills_at(points, tmp_path):
    with ProviderStandIn(key="stand-in") as provider:
        lab = Lab.with_dataset(tmp_path, provider.base_url)
        run_through_kills(lab, points, is_done)
        document = lab.status()
        assert (document["verdict"], document["serving"]["build"]) == (
            "serving",
            "trial-1",
        )
        jobs = [job for job in provider.jobs_created() if job["status"] != "cancelled"]
        assert len(jobs) == 1
        assert len(provider.files()) == 2
        folders = list((lab.config.state_dir / "builds" / "trial").iterdir())
        assert len(folders) == 1


def test_unneeded_data_is_removed_once_and_the_rest_kept_after_kills(tmp_path):
    points = [point for point in kill_points.POINTS if point.startswith("remove.")]
    with ProviderStandIn(key="stand-in") as provider:
        lab = Lab.with_dataset(tmp_path, provider.base_url)
        provider.faults.add(Fault("jobs.create", FaultKind.STATUS, times=1, status=400))
        lab.tick(rounds=2)
        lab.repository.commit_example("trial", 50)
        lab.until_serving("trial-2")
        with open_migrated_database(lab.config) as database:
            old_time = "2020-01-01T00:00:00.000Z"
            database.change(BUILD.update({"created_at": old_time}))
            database.change(JOB.update({"updated_at": old_time}))
        run_through_kills(lab, points, is_removed)
        assert sorted(file["filename"] for file in provider.files()) == sorted(
            f"merlin-trial-{get_digest(lab, 2)}-{split}.jsonl"
            for split in ("train", "test")
        )


def is_removed(lab):
    with open_read_only(lab.config) as database:
        removals = INTENT.select(INTENT.state).where(INTENT.key.startswith("remove-"))
        return [row.state for row in database.rows(removals)] == ["done"]


def get_digest(lab, number):
    with open_read_only(lab.config) as database:
        return database.value(BUILD.select(BUILD.digest).where(BUILD.number == number))[
            :12
        ]
