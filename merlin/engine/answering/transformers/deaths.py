"""How the process ended, and when it is worth starting it again."""

from __future__ import annotations

import signal
import time

from merlin.engine.answering.asking import Unavailable

# The first death costs nothing; from the second in a row on the pause doubles.
_FREE = 1
_LONGEST_S = 60.0
_ADVICE = (
    "lower engine.answering.at_once or the model's context, set quantised: 4bit, or take a"
    " smaller base"
)


class Deaths:
    """Counts the ends that nobody wanted, of the process of one base."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._in_a_row = 0
        self._not_before = 0.0
        self.restarts = 0
        self.words = ""

    def met(self, code: int, broken: str) -> str:
        """Take note of an end; return what to tell those who were waiting."""
        self.restarts += 1
        self._in_a_row += 1
        pause_s = 2.0**self._in_a_row if self._in_a_row > _FREE else 0.0
        self._not_before = time.monotonic() + min(pause_s, _LONGEST_S)
        self.words = f"{self._name} cannot answer: {broken or _of_code(code)}"
        return self.words

    def forget(self) -> None:
        """Take note of an answer: what was, is over."""
        self._in_a_row = 0

    def check(self) -> None:
        """Raise Unavailable while it is too early to start anew."""
        left_s = self._not_before - time.monotonic()
        if left_s > 0:
            again = f"it ended {self._in_a_row} times in a row; next try in {left_s:.0f} s"
            raise Unavailable(f"{self.words} ({again})")


def _of_code(code: int) -> str:
    if code == -signal.SIGKILL:
        return f"its process was killed, most likely for want of memory; {_ADVICE}"
    return f"its process ended with code {code}; its log says more"
