"""The servers of the bench's comparison as processes, and the clients between them."""

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
from bench.chat_sides import ROOT, cores, start
from merlin.core.server import free_ports

CONFIG = """\
state_dir: {state}
api:
  listen: 127.0.0.1:{port}
  limits: {{anonymous_per_min: 0, person_per_min: 0}}
"""
READY_S = 30.0
Figures = dict[str, Any]
# From a state folder and a port to the command of a server.
Side = Callable[[Path, int], Sequence[str]]


class Clients:
    """The process of `bench.api_load`, on the last core; `with Clients() as clients:`."""

    def __enter__(self) -> Clients:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "bench.api_load"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        os.sched_setaffinity(self._process.pid, {cores()[-1]})
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()

    def do(self, load: str, **arguments: object) -> Figures:
        """Return the figures of a load."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"do": load, **arguments}).encode() + b"\n")
        self._process.stdin.flush()
        figures: Figures = json.loads(self._process.stdout.readline())
        return figures


class Serving:
    """A server that answers, and clients to ask it."""

    def __init__(self, clients: Clients, state: Path, port: int, pid: int) -> None:
        self.state = state
        self.port = port
        self.pid = pid
        self._clients = clients

    def gets(self, *paths: str, **asked: object) -> Figures:
        """Return the figures of GETs of these paths, round and round."""
        return self._clients.do("gets", port=self.port, pid=self.pid, paths=paths, **asked)

    def keeps(self, **asked: object) -> Figures:
        """Return the figures of POSTs that keep courses."""
        return self._clients.do("keeps", port=self.port, pid=self.pid, **asked)

    def tag(self, path: str) -> str:
        """Return the ETag of an answer."""
        return str(self._clients.do("tag", port=self.port, path=path)["tag"])


def ours(state: Path, port: int) -> Sequence[str]:
    """Return the command `merlin api`, as users start it."""
    config = state / "config.yaml"
    config.write_text(CONFIG.format(state=state, port=port))
    return ["-m", "merlin", "api", "--config", str(config)]


def unkept(state: Path, port: int) -> Sequence[str]:
    """Return the command of the same without kept answers."""
    return ["-m", "bench.api_unkept", str(state), str(port)]


def plain(state: Path, port: int) -> Sequence[str]:
    """Return the command of the plain FastAPI."""
    return ["-m", "bench.api_plain", str(state / "merlin.db"), str(port)]


@contextmanager
def catalogue(courses: int) -> Iterator[Path]:
    """Yield the state folder of a catalogue."""
    with tempfile.TemporaryDirectory() as folder:
        state = Path(folder) / "state"
        fill(state, courses)
        yield state


@contextmanager
def serving(side: Side, state: Path) -> Iterator[Serving]:
    """Yield a server on the first core once it answers."""
    (port,) = free_ports(1)
    with Clients() as clients:
        process = start(side(state, port), state / "log")
        try:
            _wait(port)
            yield Serving(clients, state, port, process.pid)
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
