"""One thread that does the work that waits, one piece at a time, and sleeps until woken."""

from __future__ import annotations

import threading
from collections.abc import Callable

from merlin.core.log import get_logger

log = get_logger(__name__)

FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 30.0
JOIN_S = 20.0


class Lane:
    """`work` does one piece and returns True, or returns False when nothing waits.

    What `work` raises is logged and tried again after a pause that doubles: a full disk or a bug
    in one job ends no server.
    """

    def __init__(
        self,
        name: str,
        work: Callable[[], bool],
        stop: threading.Event,
        first_pause_s: float = FIRST_PAUSE_S,
    ) -> None:
        self._work = work
        self._stop = stop
        self._woken = threading.Event()
        self._first_pause_s = self._pause_s = first_pause_s
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Begin to work."""
        self._thread.start()

    def wake(self) -> None:
        """Say that there may be work."""
        self._woken.set()

    def join(self) -> None:
        """Wait until the piece under way is laid down; `stop` is set before."""
        self._woken.set()
        self._thread.join(JOIN_S)

    @property
    def is_alive(self) -> bool:
        """Return whether the thread lives."""
        return self._thread.is_alive()

    def _run(self) -> None:
        while not self._stop.is_set():
            self._woken.clear()
            if not self._once() and not self._stop.is_set():
                self._woken.wait()

    def _once(self) -> bool:
        try:
            found = self._work()
        except Exception:
            log.exception("work failed", lane=self._thread.name)
            self._stop.wait(self._pause_s)
            self._pause_s = min(2 * self._pause_s, LONGEST_PAUSE_S)
            return True
        self._pause_s = self._first_pause_s
        return found
