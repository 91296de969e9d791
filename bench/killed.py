"""How soon a service that was killed serves again, under a systemd that is really booted.

Needs root. The Debian package is installed in a box, as `tests/systemd` does; each of the four
services is killed by SIGKILL, one after the other, and systemd's clock says how long it was away.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from bench.chat_figures import Figure, format_row

ROUNDS = 15
DEMAND_S, AIM_S = 3.0, 1.5


def run() -> None:
    """Print the 95th percentile of all kills, and of each service."""
    from tests.support.machine import download_wheels
    from tests.systemd.installed import PROCESSES, serving_machine, why_not

    if (reason := why_not()) is not None:
        sys.exit(reason)
    away: dict[str, list[float]] = {process: [] for process in PROCESSES}
    with tempfile.TemporaryDirectory() as folder:
        packages = Path(folder, "packages")
        packages.mkdir()
        with serving_machine(Path(folder), download_wheels(packages)) as machine:
            for _ in range(ROUNDS):
                for process in PROCESSES:
                    machine.kill(process)
                    away[process].append(machine.away_s(process))
                    # systemd gives up a service that ends too often.
                    machine.box.systemctl("reset-failed", f"merlin-{process}")
    ours = ", ".join(f"{process} {_p95(each):.2f}" for process, each in away.items())
    every = _p95([took for each in away.values() for took in each])
    what = f"SIGKILL to serving again, p95 of {ROUNDS} each, s"
    print(format_row(Figure.of(what, ours, "", every, DEMAND_S, AIM_S, is_less=True)), flush=True)


def _p95(took: list[float]) -> float:
    """Return the 95th percentile, nearest rank."""
    return sorted(took)[-(-95 * len(took) // 100) - 1]
