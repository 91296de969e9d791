"""What the engine's child processes share: their streams to the engine, and their environment.

A child and its engine speak in lines of JSON, by the child's standard input and output. What
libraries print goes to the child's standard error, which is a log. No child outlives its engine.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from queue import SimpleQueue
from typing import Any, BinaryIO

# What a child needs not: secrets of ours.
_SECRETS = ("MERLIN_", "CREDENTIALS_DIRECTORY")
_THREADS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")
# Of these, those that the engine has set for itself.
_own_limits: set[str] = set()
_PACKAGES = str(Path(__file__).parents[2])


def limit_own_threads() -> None:
    """Let this process compute on one thread, where nobody said how many.

    A second one makes its small trainings slower. Children choose for themselves.
    """
    for name in _THREADS:
        if name not in os.environ:
            os.environ[name] = "1"
            _own_limits.add(name)


def child_environment(**added: str) -> dict[str, str]:
    """Return a child's environment: no secret of ours, no way to a hub, no second pool of threads.

    `added` counts before that.
    """
    own = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(_SECRETS) and name not in _own_limits
    }
    path = os.pathsep.join(filter(None, [_PACKAGES, own.get("PYTHONPATH")]))
    offline = {"HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false", "PYTHONPATH": path}
    return own | offline | added


def take_stdout() -> BinaryIO:
    """Return the real standard output; what others print goes to the log from now on."""
    real = os.dup(1)
    os.dup2(2, 1)
    return os.fdopen(real, "wb")


class EnginePipe:
    """A child's end of the lines between it and the engine; what has come waits in `inbox`.

    Where the engine has ended, the process ends.
    """

    def __init__(self) -> None:
        self._out = take_stdout()
        self.inbox: SimpleQueue[Mapping[str, Any]] = SimpleQueue()
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        for line in sys.stdin.buffer:
            self.inbox.put(json.loads(line))
        # Nobody is left to answer to, so nothing is worth finishing.
        os._exit(0)

    def send(self, line: Mapping[str, object]) -> None:
        """Send one line."""
        # numpy's numbers are floats to everybody but json.
        self._out.write(json.dumps(line, default=float).encode() + b"\n")
        self._out.flush()
