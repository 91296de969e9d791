"""Measured programs as processes; the bench's stand-ins run on the last core."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

ROOT = Path(__file__).parents[1]
CORES = sorted(os.sched_getaffinity(0))


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
    os.sched_setaffinity(process.pid, {CORES[0]})
    return process


def time_command(*words: str, **environment: str) -> float:
    """Run a Merlin command to its end; return the seconds it took. Raises CalledProcessError."""
    started_at = time.perf_counter()
    subprocess.run(
        [sys.executable, "-m", "merlin", *words],
        env={**bytecode_environment(), **environment},
        stdout=subprocess.DEVNULL,
        check=True,
    )
    return time.perf_counter() - started_at


def call_in_child(function: Callable[..., object], *arguments: object) -> None:
    """Call a function of a module in a new process: the memory it takes ends with it."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        pool.submit(function, *arguments).result()


def bytecode_environment() -> dict[str, str]:
    """Return an environment with cached bytecode, as installed programs have."""
    environment = {
        **os.environ,
        "PYTHONPYCACHEPREFIX": f"{tempfile.gettempdir()}/merlin-bench-bytecode",
    }
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    return environment
