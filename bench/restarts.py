"""Measure how soon a killed service serves again, under a really booted systemd.

Needs root. The Debian package is installed in a container, as `tests/systemd` does; each of the
four services is killed by SIGKILL in turn, and the downtime is measured by systemd's clock.
"""

import sys
import tempfile
from pathlib import Path

from bench.chat_figures import Figure, format_row

ROUNDS = 15
DEMAND_S, AIM_S = 3.0, 1.5


def run() -> None:
    """Print the 95th percentile of all kills, and of each service."""
    from tests.support.machine import download_wheels
    from tests.systemd.installed import PROCESSES, find_obstacle, run_machine

    if (reason := find_obstacle()) is not None:
        sys.exit(reason)
    away: dict[str, list[float]] = {process: [] for process in PROCESSES}
    with tempfile.TemporaryDirectory() as folder:
        packages = Path(folder, "packages")
        packages.mkdir()
        with run_machine(Path(folder), download_wheels(packages)) as machine:
            for _ in range(ROUNDS):
                for process in PROCESSES:
                    machine.kill(process)
                    away[process].append(machine.get_downtime_s(process))
                    # systemd stops restarting a service that ends too often.
                    machine.box.systemctl("reset-failed", f"merlin-{process}")
    by_process = ", ".join(
        f"{process} {_p95(durations):.2f}" for process, durations in away.items()
    )
    overall_p95 = _p95([duration_s for durations in away.values() for duration_s in durations])
    what = f"SIGKILL to serving again, p95 of {ROUNDS} each, s"
    figure = Figure.of(what, by_process, "", overall_p95, DEMAND_S, AIM_S, is_less=True)
    print(format_row(figure), flush=True)


def _p95(durations_s: list[float]) -> float:
    """Return the 95th percentile, nearest rank."""
    return sorted(durations_s)[-(-95 * len(durations_s) // 100) - 1]
