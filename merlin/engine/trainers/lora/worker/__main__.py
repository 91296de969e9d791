"""`python -m merlin.engine.trainers.lora.worker FOLDER`: do the task in `FOLDER/task.json`.

Progress is sent as JSON lines on stdout. The end of stdin means that the engine has gone, and the
child exits at once: its last checkpoint is complete.
"""

import errno
import logging
import os
import re
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from merlin.engine.child_process import EnginePipe
from merlin.engine.trainers.base import Untrainable, classify_error
from merlin.engine.trainers.lora import trainer

_FAILED = 1
_BUG = 70
_MEMORY_ERRORS = (
    "not enough memory",
    "can't allocate memory",
    "out of memory",
    "Cannot allocate",
)
# The message of safetensors for a disk error: "I/O error: … (os error 28)".
_OS_ERROR = re.compile(r"\(os error (\d+)\)")
log = logging.getLogger(__name__)


def main(folder: Path) -> int:
    """Train; return the exit code."""
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s"
    )
    return start(folder, EnginePipe().send)


def start(folder: Path, send_line: Callable[[Mapping[str, object]], object]) -> int:
    """Import the libraries, train, and send the result; return the exit code."""

    def send(kind: str, **fields: object) -> None:
        send_line({"tell": kind, **fields})

    try:
        task = trainer.read_task(folder)
        # Imported late, while the end of stdin is already noticed: this import takes seconds.
        if task.weights:
            from merlin.engine.trainers.lora.worker.arriving import adopt_adapter  # noqa: PLC0415

            adopt_adapter(task, task.weights, send)
        else:
            from merlin.engine.trainers.lora.worker.train import train_task  # noqa: PLC0415

            train_task(task, send)
    except Exception as error:
        log.exception("the training failed")
        failure = classify_training_error(error)
        if failure is None:
            return _BUG
        reason = {"code": failure.code, "key": failure.key, "param": failure.param}
        send("failed", **reason, arguments=dict(failure.arguments))
        return _FAILED
    send("done")
    return 0


def classify_training_error(error: Exception) -> Untrainable | None:
    """Return the job's failure for an exception; None for a bug."""
    message = str(error)
    if isinstance(error, RuntimeError) and any(
        part in message for part in _MEMORY_ERRORS
    ):
        return classify_error(MemoryError(), "engine-lora-out-of-memory")
    # torch and safetensors replace the OSError of a write by an error of their own.
    if isinstance(error, RuntimeError) and "inline_container" in message:
        return classify_error(OSError(errno.ENOSPC, message), "")
    if type(error).__name__ == "SafetensorError" and (
        number := _OS_ERROR.search(message)
    ):
        return classify_error(OSError(int(number[1]), os.strerror(int(number[1]))), "")
    return classify_error(error, "engine-lora-out-of-memory")


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
