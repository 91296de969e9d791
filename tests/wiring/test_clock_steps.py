"""A clock that is set, under real processes: a commit is seen, and who lives is known."""

import os
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest

from merlin.core.errors import MerlinError
from merlin.core.probe import find_problem
from tests.support.ending import end
from tests.support.machine import skip_or_fail
from tests.support.pipeline_lab import KEY, Lab
from tests.support.stand_ins import ProviderStandIn
from tests.support.waiting import wait_until

pytestmark = pytest.mark.integration

# Debian's libfaketime. It moves the clock of the processes that load it.
LIBRARY = next(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"), None)
HOUR_S = 3600
DAY_S = 86_400


@contextmanager
def run_with_clock(lab, *arguments):
    """Run a command, and the processes that it starts; yield a function that sets their clock."""
    skip_or_fail(None if LIBRARY else "libfaketime is not installed")
    difference = lab.folder / "clock"
    log = lab.folder / "daemon.log"
    difference.write_text("+0")
    settings = {
        "LD_PRELOAD": str(LIBRARY),
        "FAKETIME_TIMESTAMP_FILE": str(difference),
        "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }
    command = [
        sys.executable,
        "-P",
        "-m",
        "merlin",
        *arguments,
        "--config",
        str(lab.path),
    ]
    with log.open("wb") as out:
        environment = {**os.environ, KEY: "stand-in", **settings}
        process = subprocess.Popen(command, env=environment, stdout=out, stderr=out)
    try:
        yield difference.write_text
    finally:
        end(process)


@pytest.fixture
def lab(tmp_path):
    with ProviderStandIn(key="stand-in") as provider:
        yield Lab.with_dataset(tmp_path, provider.base_url)


def is_recorded(lab, commit):
    try:
        return lab.status()["commit"] == commit
    except (MerlinError, KeyError):  # there is no database yet
        return False


def test_commit_is_seen_at_once_after_the_clock_was_set(lab):
    def wait_for(commit):
        wait_until(
            lambda: is_recorded(lab, commit),
            describe=lambda: (lab.folder / "daemon.log").read_text()[-3000:],
        )

    with run_with_clock(lab, "daemon") as set_clock:
        wait_for(lab.repository.head())
        # Forward too, as a machine without a clock of its own does once it has asked the network.
        for number, step in enumerate(["-3h", "-1d", "+50y"]):
            set_clock(step)
            lab.repository.example("trial", 90 + number)
            wait_for(lab.repository.commit())


@pytest.mark.parametrize(
    ("age_s", "problem"),
    [
        (0, None),
        (29, None),
        (31, "unhealthy-silent-for"),
        (-3 * HOUR_S, "unhealthy-sign-ahead"),
        (-DAY_S, "unhealthy-sign-ahead"),
    ],
)
def test_sign_of_a_time_to_come_is_no_sign_of_life(tmp_path, age_s, problem):
    sign = tmp_path / "run" / "daemon.alive"
    sign.parent.mkdir()
    sign.touch()
    at = sign.stat().st_mtime - age_s
    os.utime(sign, (at, at))
    found = find_problem(tmp_path, "daemon")
    assert (found and found[0]) == problem
