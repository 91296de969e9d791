"""A create whose answer was lost: it is repeated only when the job certainly does not exist."""

import pytest

from merlin.core.errors import ProviderUnknown
from merlin.providers.base import JobReport
from merlin.training.jobs import JobState, TrainingProvider
from merlin.training.launch import advance_launch
from tests.db.pipeline_rows import make_examples

pytestmark = pytest.mark.integration

SETTLE_S = 60.0


class LaggingApi:
    """A training API that loses the answers of creates; its list of jobs lags until `shows`."""

    def __init__(self):
        self.created = []
        self.loses = True
        self.shows = False

    def find_files(self, name):
        return [f"file-{name}"]

    def find_jobs(self, _):
        return [self.read_job(number) for number in self.created] if self.shows else []

    def create_job(self, _):
        self.created.append(f"job-{len(self.created) + 1}")
        if self.loses:
            raise ProviderUnknown("connection lost")
        return self.read_job(self.created[-1])

    def read_job(self, provider_job_id):
        return JobReport(provider_job_id, "running")


@pytest.fixture
def launch(world, clock, tmp_path):
    """Return the API and a function that advances the launch after `seconds`."""
    job = world.start(1, make_examples())
    api = LaggingApi()
    build = world.launches.build(job.build_id)
    provider = TrainingProvider(api, api, api, world.db, tmp_path, clock, SETTLE_S)

    def advance(seconds):
        clock.move(seconds)
        return advance_launch(provider, job, build, lambda: None)

    return api, advance


def test_create_in_doubt_is_not_repeated_before_the_lists_are_settled_however_often_asked(
    launch,
):
    api, advance = launch
    for seconds in (0, 10, 10, 10, 10):
        assert advance(seconds).state is JobState.LAUNCHING
    assert len(api.created) == 1
    api.shows = True
    assert advance(1).provider_job_id == "job-1"
    assert len(api.created) == 1


def test_create_in_doubt_is_settled_anew_once_the_clock_was_set_back(launch):
    api, advance = launch
    advance(0)
    api.loses = False
    for seconds in (-3600, 1, SETTLE_S - 2):
        assert advance(seconds).not_before is not None
    assert len(api.created) == 1
    assert advance(2).provider_job_id == "job-2"


def test_create_in_doubt_is_not_repeated_after_one_empty_list_however_late(launch):
    api, advance = launch
    advance(0)
    api.loses = False
    late = advance(10 * SETTLE_S)
    assert (late.state, len(api.created)) == (JobState.LAUNCHING, 1)
    assert advance(1).provider_job_id == "job-2"
    assert len(api.created) == 2
