"""Named points at which a process ends as by SIGKILL."""

import os
import subprocess
import sys

import pytest

pytestmark = pytest.mark.unit

PROGRAM = "from merlin.core.killpoint import kill_point; kill_point('launch.sent'); print('lived')"


def run_program(**environment):
    return subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
    )


@pytest.mark.parametrize(
    ("point", "code", "printed"),
    [("launch.recorded", 0, "lived\n"), ("launch.sent", 137, "")],
)
def test_process_dies_at_the_named_point_alone_with_nothing_flushed(
    point, code, printed
):
    process = run_program(MERLIN_CRASH_AT=point)
    assert (process.returncode, process.stdout) == (code, printed)


def test_crash_happens_once_at_each_of_several_points_with_a_mark(tmp_path):
    points = "launch.recorded,launch.sent"
    crash = {"MERLIN_CRASH_AT": points, "MERLIN_CRASH_MARK": str(tmp_path / "crashed")}
    assert [run_program(**crash).returncode for _ in range(2)] == [137, 0]
    assert [path.name for path in tmp_path.iterdir()] == ["crashed.launch.sent"]
