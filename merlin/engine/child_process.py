"""Common code of the engine's child processes: pipes and environment.

A child and the engine exchange JSON lines over the child's stdin and stdout. Output of libraries is
redirected to stderr, which is a log file. A child exits when the engine does.
"""

import json
import os
import threading
from collections.abc import Mapping
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
    own = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(_SECRET_PREFIXES) and name not in _own_limits
    }
    path = os.pathsep.join(filter(None, [_PACKAGES, own.get("PYTHONPATH")]))
    defaults = {
        "HF_HUB_OFFLINE": "1",
        "TOKENIZERS_PARALLELISM": "false",
        "PYTHONPATH": path,
        "PYTHONSAFEPATH": "1",
    }
    return own | defaults | overrides


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
