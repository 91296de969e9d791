"""Find the files on the code path from a commit to a promoted model, and from update to answer.

The demo runs with each process under a profiler. A file is on a path if one of its functions is
called there that the idle process does not call.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import httpx
import yaml

from bench.invariants import query_rows
from merlin.core.server import free_ports
from merlin.sandbox.demo.place import RUSSIAN, DemoFolder, Ports, commit
from tests.support.waiting import wait_until

WALKS = {
    "commit → promoted model": ("commit", "daemon"),
    "update → answer": ("update", "bot"),
}
TRACING = Path(__file__).parent / "tracing"
PERSON = "anna"
IDLE_S = 15.0
# The answer is completed, and the update processed, within this time after its first words.
SETTLED_S = 1.0
CALL_S = 30.0
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
    """Files of one code path, relative to `merlin/`, in the order of first use."""

    files: Sequence[str]

    @property
    def subject(self) -> Walk:
        """Return the path without the shared basics."""
        return Walk([file for file in self.files if not file.startswith(SHARED)])

    @property
    def changes(self) -> int:
        """Return how often the next file is in another folder."""
        parents = [Path(file).parent for file in self.files]
        return sum(parent != next_parent for parent, next_parent in pairwise(parents))


def measure_walks(root: Path) -> Mapping[str, Walk]:
    """Run the demo of the tree at `root`; return both code paths by name."""
    with tempfile.TemporaryDirectory(prefix="merlin-walk-") as folder:
        traced = Path(folder) / "traced"
        traced.mkdir()
        with _run_demo(root, Path(folder) / "demo", traced) as place:
            _run_phases(
                place, lambda phase: (traced / "phase").write_text(phase, "utf-8")
            )
            files = [traced / ".".join(walk) for walk in WALKS.values()]
            wait_until(lambda: all(file.exists() for file in files), MAX_DURATION_S)
        return {name: _read_walk(traced, root, *walk) for name, walk in WALKS.items()}


@contextmanager
def _run_demo(root: Path, folder: Path, traced: Path) -> Iterator[DemoFolder]:
    (traced / "phase").write_text("begin", "utf-8")
    paths = [str(TRACING), str(root)]
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(paths),
        "MERLIN_WALK": str(traced),
        "MERLIN_LANGUAGE": "ru",
    }
    (first,) = free_ports(1)
    words = ["demo", "--state", str(folder), "--port", str(first)]
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "merlin", *words],
        env=environment,
        stdout=subprocess.DEVNULL,
    )
    try:
        yield DemoFolder(folder, Ports.from_first(first), RUSSIAN)
    finally:
        process.send_signal(signal.SIGINT)
        process.wait()


def _run_phases(place: DemoFolder, begin: Callable[[str], object]) -> None:
    script = place.script
    model = wait_until(lambda: _serving_model(place, ""), MAX_DURATION_S)
    _ask(place, script.question)
    begin("idle")
    time.sleep(IDLE_S)
    begin("update")
    _ask(place, script.question + "?")
    begin("between")
    folder = place.repository / "datasets" / script.dataset / "examples" / "demo"
    folder.mkdir(parents=True, exist_ok=True)
    messages = [{"user": script.new_question}, {"assistant": script.new_answer}]
    example = yaml.safe_dump(
        {"messages": messages, "tags": ["demo"]}, allow_unicode=True
    )
    begin("commit")
    (folder / "green-lighthouse.yaml").write_text(example, "utf-8")
    commit(place.repository, script.new_subject)
    wait_until(lambda: _serving_model(place, model), MAX_DURATION_S)
    begin("end")


def _serving_model(place: DemoFolder, other_than: str) -> str:
    """Return the model that serves the course of the script, "" for none or `other_than`."""
    query = (
        "SELECT model_id FROM serving JOIN model ON model.id = model_row"
        " WHERE serving.dataset = ?"
    )
    for (model,) in query_rows(place, query, place.script.dataset):
        return "" if model == other_than else str(model)
    return ""


def _ask(place: DemoFolder, question: str) -> None:
    before = _count_answers(place)
    url = f"{place.chat_url}control/send"
    values = {"person": PERSON, "text": question}
    httpx.post(url, json=values, timeout=CALL_S).raise_for_status()
    wait_until(lambda: _count_answers(place) > before, MAX_DURATION_S)
    time.sleep(SETTLED_S)


def _count_answers(place: DemoFolder) -> int:
    log = httpx.get(f"{place.chat_url}control/log?chat={PERSON}", timeout=CALL_S)
    return sum(bool(entry["by_bot"]) for entry in log.json()["messages"])


def _read_walk(traced: Path, root: Path, phase: str, verb: str) -> Walk:
    idle = set(_lines(traced / f"idle.{verb}"))
    called = [line for line in _lines(traced / f"{phase}.{verb}") if line not in idle]
    paths = (Path(line.partition(":")[0]) for line in called)
    # A library's path has "merlin" in it too, where the tree lies below such a folder.
    package = root / "merlin"
    files = (
        str(path.relative_to(package)) for path in paths if path.is_relative_to(package)
    )
    return Walk(list(dict.fromkeys(files)))


def _lines(path: Path) -> list[str]:
    return path.read_text("utf-8").splitlines()
