"""Find the code path from a commit to a promoted model, and the one from an update to its answer.

The demo runs with each process under a profiler. A file is on a path if one of its functions is
called there that the idle process does not call.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from io import StringIO
from itertools import pairwise
from pathlib import Path

from bench.invariants import Promises, list_pending, query_rows
from bench.soak import Demo
from merlin.config.reading import load
from merlin.core.server import free_ports
from merlin.sandbox.demo import check
from merlin.sandbox.demo.place import DemoFolder, Ports
from merlin.sandbox.demo.story import Story
from tests.support.waiting import wait_until

# The phase, and the processes that work in it: the files are those of the first one.
WALKS = {
    "commit → promoted model": ("commit", "daemon", "engine"),
    "update → answer": ("update", "bot", "engine"),
}
TRACING = Path(__file__).parent / "tracing"
IDLE_S = 15.0
# The update is processed within this time after its answer.
SETTLED_S = 1.0
MAX_DURATION_S = 300.0
# Shared basics (errors, clock, texts, configuration, database), which are not specific to a path.
SHARED = (
    "core/",
    "config/",
    "wiring/",
    "db/database.py",
    "db/tables.py",
    "db/values.py",
)


@dataclass(frozen=True, slots=True)
class Walk:
    """One code path: its files, relative to `merlin/`, in the order of first use.

    `changes` is how often the next function was called by another process or thread.
    """

    files: Sequence[str]
    changes: int

    def list_own_files(self) -> list[str]:
        """Return the files without the shared basics."""
        return [file for file in self.files if not file.startswith(SHARED)]


def measure_walks(root: Path) -> Mapping[str, Walk]:
    """Run the demo of the tree at `root`; return both code paths by name."""
    with tempfile.TemporaryDirectory(prefix="merlin-walk-") as folder:
        traced = Path(folder) / "traced"
        traced.mkdir()
        begin = partial((traced / "phase").write_text, encoding="utf-8")
        begin("begin")
        (first,) = free_ports(1)
        place = DemoFolder(Path(folder) / "demo", Ports.from_first(first))
        with closing(Demo(place)) as demo:
            demo.start(
                PYTHONPATH=os.pathsep.join([str(TRACING), str(root)]),
                PYTHONSAFEPATH="1",
                MERLIN_WALK=str(traced),
            )
            _run_phases(place, begin)
            files = [
                traced / f"{phase}.{process}"
                for phase, *processes in WALKS.values()
                for process in processes
            ]
            wait_until(lambda: all(file.exists() for file in files), MAX_DURATION_S)
        return {name: _read_walk(traced, root, *walk) for name, walk in WALKS.items()}


def _run_phases(place: DemoFolder, begin: Callable[[str], object]) -> None:
    config = load(place.config)
    ask = check.Demo(place, config, Story(config, "ru", StringIO())).ask
    wait_until(lambda: not list_pending(place, Promises()), MAX_DURATION_S)
    ask(place.script.question)
    begin("idle")
    time.sleep(IDLE_S)
    begin("update")
    ask(place.script.question + "?")
    time.sleep(SETTLED_S)
    serving = partial(query_rows, place, "SELECT dataset, model_row FROM serving")
    before = serving()
    begin("commit")
    check.commit_example(place)
    wait_until(lambda: serving() != before, MAX_DURATION_S)
    begin("end")


def _read_walk(traced: Path, root: Path, phase: str, *processes: str) -> Walk:
    package = f"{root}/merlin/"
    calls = []
    for process in processes:
        idle = {function for *_, function in _read_calls(traced, "idle", process)}
        for at, thread, function in _read_calls(traced, phase, process):
            if function not in idle and function.startswith(package):
                calls.append((int(at), process, thread, function))
    calls.sort()
    files = dict.fromkeys(
        function.removeprefix(package).partition(":")[0]
        for _, process, _, function in calls
        if process == processes[0]
    )
    changes = sum(call[1:3] != after[1:3] for call, after in pairwise(calls))
    return Walk(list(files), changes)


def _read_calls(traced: Path, phase: str, process: str) -> Iterator[list[str]]:
    """Yield the time, the thread, and the file and name of each function."""
    for line in (traced / f"{phase}.{process}").read_text("utf-8").splitlines():
        yield line.split(" ", 2)
