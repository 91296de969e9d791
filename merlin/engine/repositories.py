"""What one engine has stored, by topic."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from merlin.core import durable_files
from merlin.engine.database import Rows
from merlin.engine.files import Files
from merlin.engine.job_events import JobEvents
from merlin.engine.jobs import Jobs
from merlin.engine.models import Models


@dataclass(frozen=True, slots=True)
class Repositories:
    """The rows, and the folders beside them; `folder` is the engine's own."""

    rows: Rows
    files: Files
    jobs: Jobs
    job_events: JobEvents
    models: Models
    folder: Path

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
