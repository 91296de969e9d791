"""Measured programs as processes on the first core; the bench's stand-ins run on the last one."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
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


def bytecode_environment() -> dict[str, str]:
    """Return an environment with cached bytecode, as installed programs have."""
    environment = {
        **os.environ,
        "PYTHONPYCACHEPREFIX": f"{tempfile.gettempdir()}/merlin-bench-bytecode",
    }
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    return environment
