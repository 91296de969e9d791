"""`python -m merlin.engine.trainers.lora.worker FOLDER`: train what `FOLDER/task.json` asks for.

Standard output carries JSON lines, standard input the word to stop; its end means that the
engine is dead, and the child leaves at once: what it has kept is whole.
"""

from __future__ import annotations

import fcntl
import logging
import os
import signal
import sys
import threading
from functools import partial
from pathlib import Path

from merlin.engine.child_process import take_stdout
from merlin.engine.trainers.lora import trainer
from merlin.engine.trainers.lora.trainer import ProgressPipe, send_line

_FAILED, _BUG = 1, 70
log = logging.getLogger(__name__)


def main(folder: Path) -> int:
    """Train; return the exit code."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    is_first = os.environ.get("RANK", "0") == "0"
    out = take_stdout()
    pipe = ProgressPipe(folder, partial(send_line, out) if is_first else None)
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda _number, _frame: stop.set())
    if not is_first:
        return run(folder, pipe, stop)
    threading.Thread(target=listen, args=[stop], daemon=True).start()
    with (folder / trainer.LOCK).open("w") as lock:
        # One whose engine was killed is about to leave.
        fcntl.flock(lock, fcntl.LOCK_EX)
        return run(folder, pipe, stop)


def run(folder: Path, pipe: ProgressPipe, stop: threading.Event) -> int:
    """Train, and tell how it ended; return the exit code."""
    # Only now, while somebody may already ask to stop: these imports take seconds.
    from merlin.engine.trainers.lora.trainer import untrainable  # noqa: PLC0415
    from merlin.engine.trainers.lora.worker.model import join_devices  # noqa: PLC0415
    from merlin.engine.trainers.lora.worker.train import work  # noqa: PLC0415

    try:
        task = trainer.read_task(folder)
        dtype = task.base.dtype if task.base else "auto"
        is_over = work(task, join_devices(task.place, dtype), pipe, stop.is_set)
    except Exception as error:
        log.exception("the training failed")
        failure = untrainable(error)
        if failure is None:
            return _BUG
        pipe.send_failure(failure)
        return _FAILED
    if is_over:
        pipe.send_once("done")
    else:
        log.info("stopped")
    return 0


def listen(stop: threading.Event) -> None:
    """Set `stop` at the word to stop; leave where standard input ends without it.

    Read by the system's own call: a buffered reader that waits in a thread keeps a process from
    ending.
    """
    while word := os.read(0, 1024):
        if trainer.STOP.encode() in word:
            stop.set()
    if not stop.is_set():
        os._exit(_FAILED)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
