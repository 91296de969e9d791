"""Named points at which a test may kill the process as SIGKILL would.

`kill_point("launch.sent")` does nothing unless MERLIN_CRASH_AT names that point; then the process
exits at once without flushing. If MERLIN_CRASH_MARK names a file, the crash happens once: the first
process creates the file, later ones find it and continue.
"""

from __future__ import annotations

import os
from pathlib import Path

POINTS = (
    "fetch.before",
    "fetch.after",
    "build.tmp_written",
    "build.before_rename",
    "build.after_rename",
    "commit.portion_stored",
    "commit.rows_stored",
    "index.kept",
    "verdict.recorded",
    "remove.intended",
    "remove.sent",
    "remove.recorded",
    "upload.intended",
    "upload.sent",
    "upload.recorded",
    "launch.intended",
    "launch.sent",
    "launch.recorded",
    "poll.recorded",
    "prove.answered",
    "prove.recorded",
    "gate.judged",
    "gate.recorded",
    "promote.before",
    "promote.after",
    "note.written",
    "status.sent",
    "change.claimed",
    "change.written",
    "change.pushed",
    "change.recorded",
    "update.stored",
    "placeholder.sent",
    "placeholder.recorded",
    "answer.sent",
    "answer.recorded",
    "broadcast.handed",
    "distil.intended",
    "distil.sent",
    "distil.recorded",
    "restore.moving",
    "erase.before",
    "erase.after",
    "erase.told",
    "door.reserved",
    "door.asked",
    "door.answered",
    "pay.intended",
    "pay.sent",
    "pay.recorded",
    "payment.before",
    "payment.after",
    "refund.intended",
    "refund.sent",
    "refund.recorded",
    "engine.file_written",
    "engine.file_recorded",
    "engine.job_recorded",
    "engine.epoch_done",
    "engine.model_written",
    "engine.job_succeeded",
    "engine.webhook_sent",
    "engine.webhook_recorded",
)


def kill_point(point: str) -> None:
    """Kill the process here if the environment asks for it."""
    if os.environ.get("MERLIN_CRASH_AT") != point:
        return
    mark = os.environ.get("MERLIN_CRASH_MARK")
    if mark:
        try:
            os.close(os.open(Path(mark), os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        except FileExistsError:
            return
    os._exit(137)
