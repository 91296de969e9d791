"""The children of `merlin run` and `merlin demo`: started, watched, restarted, stopped together.

A child that ends is started again after a pause that doubles while it keeps ending at once. One
that says that it is set up wrongly stays down for longer, and the others go on without it: its
token or its port may be put right meanwhile.
SIGTERM and SIGINT reach every child; one that does not end in time is killed. When the
supervisor itself is killed, the kernel ends the children (Linux).
"""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import FrameType
from typing import IO

from merlin.core.log import get_logger
from merlin.core.server import die_with_parent

log = get_logger(__name__)

FIRST_PAUSE_S, MAX_PAUSE_S = 0.2, 10.0
STEADY_S = 5.0  # a child that lived so long starts again without a longer pause
STOP_S = 20.0
LOOK_S = 0.05
WRONG_SETUP = 2
FIRST_SETUP_PAUSE_S, MAX_SETUP_PAUSE_S = 10.0, 300.0


@dataclass(slots=True)
class Child:
    """A child process: its name, the `merlin` verb with arguments, and what must be up before.

    The fields after these are how it goes.
    """

    name: str
    arguments: Sequence[str]
    can_start: Callable[[], bool] = lambda: True
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    pause_s: float = FIRST_PAUSE_S
    setup_pause_s: float = FIRST_SETUP_PAUSE_S
    start_at: float = 0.0
    restarts: int = 0
    is_set_up_wrongly: bool = False


class Supervisor:
    """Runs children until it is told to stop. Use it from the main thread only.

    `output` receives what the children write to both their outputs (None: ours). `needs_all`: one
    child that is set up wrongly ends the others.
    """

    def __init__(
        self,
        children: Sequence[Child],
        output: IO[bytes] | None = None,
        *,
        needs_all: bool = False,
    ) -> None:
        self._children = {child.name: child for child in children}
        self._output = output
        self._needs_all = needs_all
        self._is_stopping = False

    def run(self, while_up: Callable[[], bool] | None = None) -> int:
        """Start the children and watch them until a signal comes or `while_up` returns False.

        Returns 0, or 2 when no child can run, as each ended with 2: it is set up wrongly.
        """

        def ask_to_stop(_signum: int, _frame: FrameType | None) -> None:
            self._is_stopping = True

        signal.signal(signal.SIGTERM, ask_to_stop)
        signal.signal(signal.SIGINT, ask_to_stop)
        is_hopeless = False
        try:
            while not (self._is_stopping or is_hopeless):
                self._look()
                wrong = [child.is_set_up_wrongly for child in self._children.values()]
                is_hopeless = any(wrong) if self._needs_all else all(wrong)
                if while_up is not None and not while_up():
                    break
                time.sleep(LOOK_S)
        finally:
            self.stop()
        return WRONG_SETUP if is_hopeless else 0

    def restarts(self, name: str) -> int:
        """Return how often the child was started again."""
        return self._children[name].restarts

    def stop(self) -> None:
        """Ask every child to end, wait, then kill what is left."""
        alive = [child.process for child in self._children.values() if child.process is not None]
        for process in alive:
            if process.poll() is None:
                process.terminate()
        until = time.monotonic() + STOP_S
        for process in alive:
            try:
                process.wait(max(0.0, until - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def _look(self) -> None:
        now = time.monotonic()
        for child in self._children.values():
            if child.process is None:
                if now >= child.start_at and child.can_start():
                    self._start(child)
            elif (code := child.process.poll()) is not None:
                self._ended(child, code, now)

    def _start(self, each: Child) -> None:
        each.process = subprocess.Popen(  # noqa: S603 - our own interpreter and verbs
            # -P: a folder called merlin in the current one is not taken for the package.
            [sys.executable, "-P", "-m", "merlin", *each.arguments],
            stdin=subprocess.DEVNULL,
            stdout=self._output,
            stderr=self._output,
            preexec_fn=die_with_parent,  # noqa: PLW1509 - one thread at the time of the fork
            start_new_session=True,  # Ctrl-C reaches the children through us, once
        )
        each.started_at, each.is_set_up_wrongly = time.monotonic(), False
        log.info("child started", child=each.name, pid=each.process.pid)

    def _ended(self, each: Child, code: int, now: float) -> None:
        if now - each.started_at > STEADY_S:
            each.pause_s = FIRST_PAUSE_S
            each.setup_pause_s = FIRST_SETUP_PAUSE_S
        each.is_set_up_wrongly = code == WRONG_SETUP
        if each.is_set_up_wrongly:
            pause_s = each.setup_pause_s
            each.setup_pause_s = min(MAX_SETUP_PAUSE_S, 2 * pause_s)
            # What is wrong it has said itself, in the line before.
            log.error(
                "child cannot run as it is set up; the others go on without it",
                child=each.name,
                code=code,
                again_in_s=pause_s,
            )
        else:
            pause_s = each.pause_s
            each.pause_s = min(MAX_PAUSE_S, 2 * pause_s)
            log.warning("child ended", child=each.name, code=code, again_in_s=pause_s)
        each.process, each.start_at = None, now + pause_s
        each.restarts += 1
