"""A few commits under faults and kills: one job each, none lost, none repeated."""

import pytest

from tests.e2e.pipeline_storm import run_storm

pytestmark = pytest.mark.load

COMMITS = 2
SEED = 20261120
STILL_S = 3.0


def test_each_commit_gets_one_job_despite_faults_and_kills(tmp_path):
    jobs, kills = run_storm(tmp_path, COMMITS, SEED, STILL_S)
    keys = [job["asked"]["metadata"]["merlin_launch"] for job in jobs]
    assert len(jobs) == len(set(keys)) == COMMITS
    assert kills > 0
