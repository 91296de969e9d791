"""The process that brings one base: the only one of the library to load torch or the hub's client.

It gets one order as a JSON line, tells its progress as lines of JSON on the stream that once was
its stdout, and leaves with its parent.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from collections.abc import Callable
from typing import TextIO

Progress = Callable[[str, int, int], None]


class Trouble(Exception):
    """The base cannot be brought; `key` names the Fluent text that says why, and what to do."""

    def __init__(self, key: str, **arguments: object) -> None:
        super().__init__(f"{key} {arguments}")
        self.key = key
        self.arguments = arguments


class Parent:
    """The other end. Libraries may print what they like: that goes to stderr, the child's log."""

    def __init__(self) -> None:
        self._out: TextIO = os.fdopen(os.dup(1), "w", encoding="utf-8", buffering=1)
        os.dup2(2, 1)

    def order(self) -> dict[str, str]:
        """Return what is to be done; from then on the end of stdin ends this process."""
        said: dict[str, str] = json.loads(sys.stdin.readline())
        threading.Thread(target=self._leave_with_parent, daemon=True).start()
        return said

    def tell(self, **told: object) -> None:
        """Tell one thing."""
        self._out.write(json.dumps(told) + "\n")

    def progress(self, what: str, done: int, total: int) -> None:
        """Tell that `done` of `total` are done of a file (bytes) or of a stage (steps)."""
        self.tell(told="progress", what=what, done=done, total=total)

    @staticmethod
    def _leave_with_parent() -> None:
        sys.stdin.read()
        os._exit(1)
