"""Common code of the engine's child processes: pipes and environment.

A child and the engine exchange JSON lines over the child's stdin and stdout. Output of libraries is
redirected to stderr, which is a log file. A child exits when the engine does.

`ProcessGroup` runs a program that isn't Merlin's.
"""

import asyncio
import json
import os
import signal
import subprocess
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from queue import SimpleQueue
from typing import Any

# Prefixes of variables with secrets, which are not passed to children.
_SECRET_PREFIXES = ("MERLIN_", "CREDENTIALS_DIRECTORY")
_THREAD_VARIABLES = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")
# The thread limits that the engine has set for itself.
_own_limits: set[str] = set()
_PACKAGES = str(Path(__file__).parents[2])


def limit_own_threads() -> None:
    """Limit this process to one compute thread, unless the environment sets a number.

    More threads make its small trainings slower. Children choose their own number.
    """
    for name in _THREAD_VARIABLES:
        if name not in os.environ:
            os.environ[name] = "1"
            _own_limits.add(name)


def build_environment(**overrides: str) -> dict[str, str]:
    """Return a child's environment: without secrets and our thread limits, offline for the hub.

    `python -m` in it does not import from the working folder. `overrides` replace the defaults.
    """
    own = _copy_environment()
    path = os.pathsep.join(filter(None, [_PACKAGES, own.get("PYTHONPATH")]))
    return own | {"PYTHONPATH": path, "PYTHONSAFEPATH": "1"} | overrides


def build_other_environment(**overrides: str) -> dict[str, str]:
    """Return the environment of a program that has Python packages of its own, as above.

    It finds none of ours: PYTHONPATH comes before a program's own packages.
    """
    own = _copy_environment()
    return {
        name: own[name] for name in own if not name.startswith("PYTHON")
    } | overrides


def _copy_environment() -> dict[str, str]:
    own = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(_SECRET_PREFIXES) and name not in _own_limits
    }
    return own | {"HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}


class ProcessGroup:
    """A program that leads a process group of its own, which is killed when it ends.

    vLLM's EngineCore and Worker outlived a server that was killed, with 2.4 GB. The leader is
    reaped after the group was killed: until then nobody else can get the group's id.
    """

    def __init__(
        self, command: Sequence[str], environment: Mapping[str, str], output: Path
    ) -> None:
        """Start it; it writes to the end of the file `output`. Raises OSError."""
        with output.open("ab") as log:
            self._leader = subprocess.Popen(  # noqa: S603 - the operator's program
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=environment,
                start_new_session=True,
            )
        self.pid = self._leader.pid

    def poll(self) -> int | None:
        """Return the exit code of the leader once it has ended; its group has then, too."""
        flags = os.WEXITED | os.WNOHANG | os.WNOWAIT
        if self._leader.returncode is None and os.waitid(os.P_PID, self.pid, flags):
            os.killpg(self.pid, signal.SIGKILL)
            self._leader.wait()
        return self._leader.returncode

    async def stop(self, patience_s: float) -> None:
        """Ask the leader to end; kill the group after `patience_s` seconds."""
        if self.poll() is None:
            os.kill(self.pid, signal.SIGTERM)
        with suppress(TimeoutError):
            async with asyncio.timeout(patience_s):
                await self.wait()
        if self.poll() is None:
            os.killpg(self.pid, signal.SIGKILL)
            await self.wait()

    async def wait(self) -> None:
        """Wait until the leader has ended."""
        if self.poll() is None:
            with suppress(ChildProcessError):  # reaped by `poll` meanwhile
                flags = os.WEXITED | os.WNOWAIT
                await asyncio.to_thread(os.waitid, os.P_PID, self.pid, flags)
            self.poll()


class EnginePipe:
    """A child's pipes to the engine; received lines are queued in `inbox`.

    The process exits when the engine has closed stdin.
    """

    def __init__(self) -> None:
        self._out = os.fdopen(os.dup(1), "wb")
        os.dup2(2, 1)  # what libraries print belongs into the log
        self.inbox: SimpleQueue[Mapping[str, Any]] = SimpleQueue()
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        # Python waits for the lock of `sys.stdin` when it exits.
        with open(0, "rb", closefd=False) as lines:
            for line in lines:
                self.inbox.put(json.loads(line))
        # The engine has gone, so pending work is useless.
        os._exit(0)

    def send(self, line: Mapping[str, object]) -> None:
        """Send one line, unless the engine has gone, which the listening thread sees."""
        with suppress(BrokenPipeError):
            # json cannot serialise numpy's numbers.
            self._out.write(json.dumps(line, default=float).encode() + b"\n")
            self._out.flush()
