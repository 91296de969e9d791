"""Starts, watches, restarts and stops the child processes of `merlin run` and `merlin demo`.

A child that exits is restarted after a pause, which doubles as long as it exits soon after its
start. One whose exit code says that it is misconfigured is restarted after a minute, and the
others run without it: its token or its port may be corrected meanwhile. SIGTERM and SIGINT are
passed to every child; one that does not exit in time is killed. If the supervisor itself is killed,
the kernel kills the children (Linux).
"""

import ctypes
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from types import FrameType
from typing import IO

from merlin.core.clock import Backoff
from merlin.core.log import get_logger

log = get_logger(__name__)

FIRST_PAUSE_S = 0.2
MAX_PAUSE_S = 10.0
# After running this long, the pause starts from the shortest again: longer than a start may take,
# or one that fails slowly would never pause longer.
STABLE_AFTER_S = 60.0
STOP_S = 20.0
# At rest it wakes so often: a child that ends, or a signal, is noticed no later.
POLL_S = 0.5
EXIT_MISCONFIGURED = 2
_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None)
SETUP_PAUSE_S = 60.0


def die_with_parent() -> None:
    """Have the kernel kill this process when its parent dies (Linux); call before exec."""
    if sys.platform == "linux":
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


@dataclass(slots=True)
class Child:
    """A child process: its name and the `merlin` command with arguments, then its state."""

    name: str
    arguments: Sequence[str]
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    start_at: float = 0.0
    backoff: Backoff = field(
        default_factory=lambda: Backoff(FIRST_PAUSE_S, MAX_PAUSE_S)
    )
    restarts: int = 0
    is_set_up_wrongly: bool = False


class Supervisor:
    """Runs children until it is stopped. Use it from the main thread only.

    `output` receives stdout and stderr of the children (None: inherit ours). `needs_all`: one
    misconfigured child stops the others. `is_stopping`: a signal has come.
    """

    def __init__(
        self,
        children: Sequence[Child],
        output: IO[bytes] | None = None,
        *,
        needs_all: bool = False,
        stable_after_s: float = STABLE_AFTER_S,
        stop_s: float = STOP_S,
    ) -> None:
        self.children = {child.name: child for child in children}
        self._output = output
        self._needs_all = needs_all
        self._stable_after_s = stable_after_s
        self._stop_s = stop_s
        self.is_stopping = False

    def run(self, while_up: Callable[[], bool] | None = None) -> int:
        """Run the children until a signal comes or `while_up` returns False.

        Returns 0, or 2 if no child can run because each is misconfigured (exited with 2).
        """

        def request_stop(_signum: int, _frame: FrameType | None) -> None:
            self.is_stopping = True

        signal.signal(signal.SIGTERM, request_stop)
        signal.signal(signal.SIGINT, request_stop)
        cannot_run = False
        try:
            while not (self.is_stopping or cannot_run):
                self._check_children()
                misconfigured = [
                    child.is_set_up_wrongly for child in self.children.values()
                ]
                cannot_run = (
                    any(misconfigured) if self._needs_all else all(misconfigured)
                )
                if while_up is not None and not while_up():
                    break
                time.sleep(POLL_S)
        finally:
            self.stop()
        return EXIT_MISCONFIGURED if cannot_run else 0

    def stop(self) -> None:
        """Terminate every child, wait, then kill those that still run."""
        processes = [
            child.process
            for child in self.children.values()
            if child.process is not None
        ]
        for process in processes:
            if process.poll() is None:
                process.terminate()
        deadline = time.monotonic() + self._stop_s
        for process in processes:
            try:
                process.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def _check_children(self) -> None:
        for child in self.children.values():
            if child.process is None:
                if time.monotonic() >= child.start_at:
                    self._start(child)
            elif (code := child.process.poll()) is not None:
                self._handle_exit(child, code)

    def _start(self, child: Child) -> None:
        child.process = subprocess.Popen(  # noqa: S603 - our own interpreter and verbs
            # -P: do not import a folder named merlin in the current directory
            [sys.executable, "-P", "-m", "merlin", *child.arguments],
            stdin=subprocess.DEVNULL,
            stdout=self._output,
            stderr=self._output,
            preexec_fn=die_with_parent,  # noqa: PLW1509 - a system call: no lock of a thread
            start_new_session=True,  # Ctrl-C reaches the children only through the supervisor
        )
        child.started_at = time.monotonic()
        child.is_set_up_wrongly = False
        log.info("child started", child=child.name, pid=child.process.pid)

    def _handle_exit(self, child: Child, code: int) -> None:
        now = time.monotonic()
        if now - child.started_at > self._stable_after_s:
            child.backoff.reset()
        child.is_set_up_wrongly = code == EXIT_MISCONFIGURED
        pause_s = SETUP_PAUSE_S if child.is_set_up_wrongly else child.backoff.begin()
        what = "child ended"
        if child.is_set_up_wrongly:  # it has logged the reason itself
            what = "child cannot run as it is set up; the others go on without it"
        log.warning(what, child=child.name, code=code, again_in_s=pause_s)
        child.process = None
        child.start_at = now + pause_s
        child.restarts += 1
