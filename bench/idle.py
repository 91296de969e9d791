"""Measure CPU, memory and wake-ups of an idle Merlin, and how soon a bot polls after its start.

`merlin run` with its default intervals: daemon, bot and API on SQLite, with a repository of a
hundred examples and a local stand-in of Telegram. It is measured after the first build, once the
daemon has released the memory of building.
"""

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from bench.chat_sides import CREDENTIALS, MerlinBot, run_bot
from bench.chat_world import World
from bench.dataset import DatasetRepository, make_repository
from bench.figures import at_most, cpu_s
from bench.processes import bytecode_environment
from merlin.core.server import free_ports
from tests.support.waiting import wait_until

RUNS = 5
EXAMPLES = 100
SETTLE_S = 130.0
LOOK_S = 60.0
MAX_DURATION_S = 60.0
NAMES = ("daemon", "bot", "api")
CONFIG = """\
state_dir: {state}
repository: {{url: {repository}}}
telegram: {{base_url: {telegram}}}
providers: [{{name: chat, base_url: "{provider}"}}]
api: {{listen: "127.0.0.1:{port}"}}
"""


def run() -> None:
    """Print each row as soon as it is measured."""
    for row in (*_measure_idle(), _measure_start()):
        print(row, flush=True)


def _measure_idle() -> Iterator[str]:
    with (
        make_repository(EXAMPLES) as repo,
        World() as world,
        _run_merlin(repo, world) as merlin,
    ):
        wait_until(repo.verdicts, MAX_DURATION_S, repo.log.read_text)
        time.sleep(SETTLE_S)
        pids = {name: _find_child(merlin, name) for name in NAMES}
        before = {
            name: (cpu_s(pid), _count_wake_ups(pid)) for name, pid in pids.items()
        }
        time.sleep(LOOK_S)
        cpu = {}
        woken = {}
        memory = {}
        for name, pid in pids.items():
            cpu_before, slept = before[name]
            cpu[name] = 100 * (cpu_s(pid) - cpu_before) / LOOK_S
            woken[name] = (_count_wake_ups(pid) - slept) / LOOK_S
            memory[name] = psutil.Process(pid).memory_full_info().pss / 1e6
    yield _sum_row("idle, memory of three processes as PSS, MB", memory, 250)
    yield _sum_row("idle, share of a core, %", cpu, 2)
    yield _sum_row("idle, wake-ups a second of all threads", woken, 91)


def _count_wake_ups(pid: int) -> int:
    """Return how often the threads of a process have waited. Source: proc(5)."""
    status = [
        path.read_text("utf-8") for path in Path(f"/proc/{pid}/task").glob("*/status")
    ]
    return sum(
        int(text.split("\nvoluntary_ctxt_switches:")[1].split()[0]) for text in status
    )


def _sum_row(what: str, by_name: dict[str, float], most: float) -> str:
    details = ", ".join(f"{name} {value:.1f}" for name, value in by_name.items())
    return at_most(what, sum(by_name.values()), most, details)


@contextmanager
def _run_merlin(repo: DatasetRepository, world: World) -> Iterator[psutil.Process]:
    """Yield the supervisor of `merlin run`, which follows the repository."""
    (port,) = free_ports(1)
    (repo.folder / "config").write_text(
        CONFIG.format(
            state=repo.folder / "state",
            repository=repo.repository,
            telegram=world.telegram,
            provider=world.provider,
            port=port,
        ),
        "utf-8",
    )
    # Processes that compile their modules keep some of the memory of compiling.
    imports = ", ".join(f"merlin.wiring.{name}" for name in NAMES)
    subprocess.run(
        [sys.executable, "-c", f"import {imports}"],
        env=bytecode_environment(),
        check=True,
    )
    with repo.running("run", **CREDENTIALS) as process:
        yield psutil.Process(process.pid)


def _find_child(supervisor: psutil.Process, name: str) -> int:
    pid: int = next(
        child.pid for child in supervisor.children() if name in child.cmdline()
    )
    return pid


def _measure_start() -> str:
    """Start the bot several times; stop it after its first poll."""
    durations_s = []
    for _ in range(RUNS):
        with tempfile.TemporaryDirectory() as folder, World() as world:
            side = MerlinBot(world, Path(folder), streaming="edits")
            started_at = time.monotonic()
            with run_bot(side, world):
                durations_s.append(time.monotonic() - started_at)
    what = f"`merlin bot`, start to first poll, s (median of {RUNS})"
    return at_most(what, statistics.median(durations_s), 1.2)
