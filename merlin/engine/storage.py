"""What one engine has stored, by topic, and how much of the disk it may take.

To keep within the quota checkpoints alone are removed, the oldest first: never a final model, never
what a job that has not ended needs, never an uploaded file. Where that is not enough the job fails,
and says so.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

from merlin.core import durable_files
from merlin.core.log import get_logger
from merlin.engine.database import Repeats, Rows
from merlin.engine.files import Files
from merlin.engine.job_events import JobEvents
from merlin.engine.jobs import Job, Jobs
from merlin.engine.models import Models
from merlin.engine.trainers.base import Untrainable
from merlin.openai_protocol.errors import ApiError

log = get_logger(__name__)

GB = 1e9
# Those of jobs that have ended, then this job's own but for its newest, which may become its model.
_CLEARABLE = (
    "SELECT model.name FROM model JOIN job ON job.id = model.job_id WHERE model.step IS NOT NULL"
    " AND NOT EXISTS (SELECT 1 FROM model AS kept WHERE kept.step IS NULL"
    " AND kept.path = model.path)"
    " AND (job.finished_at IS NOT NULL OR (job.id = ?1"
    " AND model.seq < (SELECT MAX(seq) FROM model WHERE job_id = ?1)))"
    " ORDER BY job.id = ?1, model.seq"
)


class Repositories:
    """The rows, and the folders beside them; `folder` is the engine's own."""

    def __init__(self, rows: Rows, folder: Path, on_job_end: Callable[[str, str], object]) -> None:
        """Open them; `on_job_end` gets each job that ends, and how, in that transaction."""
        self.rows = rows
        self.folder = folder
        self.repeats = Repeats(rows)
        self.job_events = JobEvents(rows)
        self.files = Files(rows, self.repeats, folder / "files")
        self.models = Models(rows, folder / "models")
        self.jobs = Jobs(rows, self.repeats, self.job_events, on_job_end)

    def work_of(self, job_id: str) -> Path:
        """Return the folder where a job's trainer keeps what it goes on from after a kill."""
        return self.folder / "work" / job_id

    def log_of(self, job_id: str) -> Path:
        """Return where the log of a job's trainer lies once the job has ended."""
        return self.folder / "logs" / f"{job_id}.log"

    def clear(self, job_id: str) -> None:
        """Remove the trainer's folder of a job that has ended; its log is kept."""
        work = self.work_of(job_id)
        if (work / "log").is_file():
            self.log_of(job_id).parent.mkdir(exist_ok=True)
            (work / "log").replace(self.log_of(job_id))
        durable_files.remove_durably(work)

    def sweep(self) -> None:
        """Remove what a crash left: uploads cut off, weights without a name, ended jobs' work."""
        self.files.sweep()
        self.models.sweep()
        for job_id in self.ended_work():
            self.clear(job_id)

    def ended_work(self) -> list[str]:
        """Return the jobs that have ended and whose trainers' folders are still there."""
        unfinished = {job.job_id for job in self.jobs.unfinished()}
        return [work.name for work in self.folder.glob("work/*") if work.name not in unfinished]


class DiskQuota:
    """The disk of one engine; `quota_bytes` 0 lets it fill."""

    def __init__(self, repositories: Repositories, quota_bytes: int) -> None:
        self._repositories = repositories
        self.quota_bytes = quota_bytes
        self._lock = threading.Lock()

    def make(self, job: Job) -> int:
        """Bring what is used within the quota for a job; return how many checkpoints went.

        Raises Untrainable "disk_quota" where there is nothing left to remove.
        """
        if not self.quota_bytes:
            return 0
        with self._lock:
            cleared = self._clear(job)
        if cleared:
            log.info("checkpoints removed for want of room", job=job.job_id, count=cleared)
        return cleared

    def _clear(self, job: Job) -> int:
        cleared = 0
        clearable = iter(self._repositories.rows.select(_CLEARABLE, job.job_id))
        while (used := used_bytes(self._repositories.folder)) > self.quota_bytes:
            row = next(clearable, None)
            if row is None:
                raise self._too_full(used)
            try:
                self._repositories.models.delete(row["name"])
            except ApiError:
                continue  # Somebody has deleted it meanwhile.
            cleared += 1
        return cleared

    def _too_full(self, used: int) -> Untrainable:
        sizes = {"used": f"{used / GB:.3g}", "quota": f"{self.quota_bytes / GB:.3g}"}
        return Untrainable("disk_quota", "engine-disk-quota", None, **sizes)


def used_bytes(folder: Path) -> int:
    """Return what models and jobs' folders have on the disk, in the engine's `folder`."""
    return sum(_size(folder / name) for name in ("models", "work"))


def _size(folder: Path) -> int:
    """Return the bytes of all files in a folder; one that goes meanwhile counts nothing."""
    total = 0
    for path in folder.rglob("*"):
        try:
            found = path.lstat()
        except FileNotFoundError:
            continue
        total += found.st_size if path.is_file() else 0
    return total
