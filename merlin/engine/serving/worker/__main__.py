"""`python -m merlin.engine.serving.worker SETUP`: answer until stdin ends.

The engine speaks to it by JSON lines (`wire`); what libraries print goes to the log.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import traceback
from collections.abc import Mapping
from functools import partial
from queue import SimpleQueue
from typing import Any, TextIO

from merlin.engine.serving.worker.messages import Setup


def main() -> int:
    """Load the base of the setup given as JSON, and serve."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    inbox: SimpleQueue[Mapping[str, Any]] = SimpleQueue()
    threading.Thread(target=_listen, args=(inbox,), daemon=True).start()
    # Imported once the engine's end is watched: it takes seconds.
    from merlin.engine.serving.worker import loop  # noqa: PLC0415

    try:
        loop.serve(Setup(**json.loads(sys.argv[1])), inbox, partial(_write, out))
    except Exception as error:  # noqa: BLE001 - the engine is told; the traceback goes to the log
        traceback.print_exc()
        _write(out, {"broken": loop.words_of(error)})
    return 1


def _listen(inbox: SimpleQueue[Mapping[str, Any]]) -> None:
    for line in sys.stdin:
        inbox.put(json.loads(line))
    # The engine is gone: nobody is left to answer to, so nothing is worth finishing.
    os._exit(0)


def _write(out: TextIO, line: Mapping[str, object]) -> None:
    out.write(json.dumps(line) + "\n")
    out.flush()


if __name__ == "__main__":
    sys.exit(main())
