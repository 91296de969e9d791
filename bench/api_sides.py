"""Start the compared API servers and their clients as processes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from bench.api_catalogue import fill
from bench.chat_sides import ROOT, list_cores, start
from merlin.core.server import free_ports

CONFIG = """\
state_dir: {state}
api:
  listen: 127.0.0.1:{port}
  limits: {{anonymous_per_min: 0, person_per_min: 0}}
"""
READY_S = 30.0
Figures = dict[str, Any]
# Returns a server's command from a state folder and a port.
Side = Callable[[Path, int], Sequence[str]]


class ClientProcess:
    """The process of `bench.api_load`, on the last core; `with Clients() as clients:`."""

    def __enter__(self) -> ClientProcess:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "bench.api_load"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        os.sched_setaffinity(self._process.pid, {list_cores()[-1]})
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()

    def run_load(self, load: str, **arguments: object) -> Figures:
        """Run a load of `bench.api_load` and return its figures."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"do": load, **arguments}).encode() + b"\n")
        self._process.stdin.flush()
        figures: Figures = json.loads(self._process.stdout.readline())
        return figures


class RunningServer:
    """A running server and its clients."""

    def __init__(self, clients: ClientProcess, state: Path, port: int, pid: int) -> None:
        self.state = state
        self.port = port
        self.pid = pid
        self._clients = clients

    def measure_gets(self, *paths: str, **arguments: object) -> Figures:
        """Return the figures of GETs of these paths in turn."""
        ids = {"port": self.port, "pid": self.pid}
        return self._clients.run_load("gets", **ids, paths=paths, **arguments)

    def measure_favourites(self, **arguments: object) -> Figures:
        """Return the figures of POSTs that add favourites."""
        return self._clients.run_load("favourites", port=self.port, pid=self.pid, **arguments)

    def read_etag(self, path: str) -> str:
        """Return the ETag of a response."""
        return str(self._clients.run_load("etag", port=self.port, path=path)["etag"])


def merlin_command(state: Path, port: int) -> Sequence[str]:
    """Write a configuration; return the command `merlin api`."""
    config = state / "config.yaml"
    config.write_text(CONFIG.format(state=state, port=port))
    return ["-m", "merlin", "api", "--config", str(config)]


def plain_command(state: Path, port: int) -> Sequence[str]:
    """Return the command of the plain FastAPI server."""
    return ["-m", "bench.api_plain", str(state / "merlin.db"), str(port)]


@contextmanager
def catalogue(courses: int) -> Iterator[Path]:
    """Yield the state folder of a catalogue with this number of courses."""
    with tempfile.TemporaryDirectory() as folder:
        state = Path(folder) / "state"
        fill(state, courses)
        yield state


@contextmanager
def run_server(side: Side, state: Path) -> Iterator[RunningServer]:
    """Start a server on the first core, wait until it responds, and yield it."""
    (port,) = free_ports(1)
    with ClientProcess() as clients:
        process = start(side(state, port), state / "log")
        try:
            _wait(port)
            yield RunningServer(clients, state, port, process.pid)
        finally:
            process.kill()
            process.wait()
            if os.environ.get("BENCH_LOGS"):
                sys.stderr.write((state / "log").read_text(errors="replace")[-4000:])


def _wait(port: int) -> None:
    until = time.monotonic() + READY_S
    while time.monotonic() < until:
        try:
            if httpx.get(f"http://127.0.0.1:{port}/api/courses?limit=1").status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.05)
    raise TimeoutError("the server does not answer")
