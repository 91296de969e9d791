"""Measured programs on the first core; loads in a process on the last one, by lines of JSON."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
Load = Callable[..., Awaitable[dict[str, Any]]]


class LoadProcess:
    """A module that calls `serve_loads`, as a process of its own; use it in a `with`."""

    module = ""

    def __enter__(self) -> Any:
        self._process = subprocess.Popen(
            [sys.executable, "-m", self.module],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        os.sched_setaffinity(self._process.pid, {list_cores()[-1]})
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()

    def run_load(self, load: str, **arguments: object) -> dict[str, Any]:
        """Run a load and return its figures."""
        self.begin_load(load, **arguments)
        return self.read_result()

    def begin_load(self, load: str, **arguments: object) -> None:
        """Start a load; `read_result` returns its figures."""
        assert self._process.stdin is not None
        self._process.stdin.write(
            json.dumps({"do": load, **arguments}).encode() + b"\n"
        )
        self._process.stdin.flush()

    def read_result(self) -> dict[str, Any]:
        """Wait for the started load and return its figures."""
        assert self._process.stdout is not None
        figures: dict[str, Any] = json.loads(self._process.stdout.readline())
        return figures


async def serve_loads(find: Callable[[str], Load]) -> None:
    """Run the loads that standard input names, a line each, until it ends."""
    loop = asyncio.get_running_loop()
    lines = asyncio.StreamReader(limit=2**24)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    while line := await lines.readline():
        arguments = json.loads(line)
        write_line(await find(arguments.pop("do"))(**arguments))


def write_line(figures: dict[str, Any]) -> None:
    """Tell the other process these figures."""
    sys.stdout.write(json.dumps(figures) + "\n")
    sys.stdout.flush()


def list_cores() -> list[int]:
    """Return this machine's cores: the bot uses the first, the stand-ins the last."""
    return sorted(os.sched_getaffinity(0))


def start(
    command: Sequence[str], log: Path, **environment: str
) -> subprocess.Popen[bytes]:
    """Start a program on the first core; its output is appended to the file `log`."""
    with log.open("ab") as log_file:
        process = subprocess.Popen(
            [sys.executable, *command],
            cwd=ROOT,
            env={**bytecode_environment(), **environment},
            stdin=subprocess.DEVNULL,
            stdout=log_file,
            stderr=log_file,
        )
    os.sched_setaffinity(process.pid, {list_cores()[0]})
    return process


def bytecode_environment() -> dict[str, str]:
    """Return an environment with cached bytecode, as installed programs have."""
    environment = {
        **os.environ,
        "PYTHONPYCACHEPREFIX": f"{tempfile.gettempdir()}/merlin-bench-bytecode",
    }
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    return environment
