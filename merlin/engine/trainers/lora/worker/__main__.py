"""`python -m merlin.engine.trainers.lora.worker FOLDER`: train the task in `FOLDER/task.json`.

Progress is sent as JSON lines on stdout; stdin carries the stop command. The end of stdin means
that the engine has died, and the child exits at once: its last checkpoint is complete.
"""

import fcntl
import logging
import os
import signal
import sys
import threading
from functools import partial
from pathlib import Path

from merlin.engine.child_process import redirect_stdout
from merlin.engine.trainers.lora import trainer
from merlin.engine.trainers.lora.trainer import ProgressPipe, send_line

_FAILED, _BUG = 1, 70
log = logging.getLogger(__name__)


def main(folder: Path) -> int:
    """Train; return the exit code."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    is_first = os.environ.get("RANK", "0") == "0"
    out = redirect_stdout()
    pipe = ProgressPipe(folder, partial(send_line, out) if is_first else None)
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda _number, _frame: stop.set())
    if not is_first:
        return start(folder, pipe, stop)
    threading.Thread(target=listen, args=[stop], daemon=True).start()
    with (folder / trainer.LOCK).open("w") as lock:
        # The lock can be held by a child of a killed engine, which is about to exit.
        fcntl.flock(lock, fcntl.LOCK_EX)
        return start(folder, pipe, stop)


def start(folder: Path, pipe: ProgressPipe, stop: threading.Event) -> int:
    """Import the libraries, train, and send the result; return the exit code."""
    # Imported late, while the stop command is already handled: these imports take seconds.
    from merlin.engine.trainers.lora.worker.model import join_devices  # noqa: PLC0415
    from merlin.engine.trainers.lora.worker.train import train_task  # noqa: PLC0415

    try:
        task = trainer.read_task(folder)
        dtype = task.base.dtype if task.base else "auto"
        is_over = train_task(task, join_devices(task.place, dtype), pipe, stop.is_set)
    except Exception as error:
        log.exception("the training failed")
        failure = trainer.classify_training_error(error)
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
    """Set `stop` on the stop command; exit the process if stdin ends without it.

    Uses os.read, because a buffered reader blocked in a thread prevents the process from exiting.
    """
    while command := os.read(0, 1024):
        if trainer.STOP.encode() in command:
            stop.set()
    if not stop.is_set():
        os._exit(_FAILED)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
