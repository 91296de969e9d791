"""Storage of files, models and checkpoints.

The bytes of an upload are complete and durable before its row is inserted; files without a row are
set aside at startup, for a week. The last three checkpoints of a job are kept; older rows and files
are removed as new ones are added. The final model is the last checkpoint's file under the job's
model name.
"""

import hashlib
import json
import secrets
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import BinaryIO

from merlin.core import durable_files
from merlin.core.clock import utc_now
from merlin.core.killpoint import kill_point
from merlin.engine.bases import Base
from merlin.engine.database import Database, Row, read_object, read_page
from merlin.engine.jobs import ACTIVE_STATES, FINAL, Job, JobEvents, Jobs
from merlin.openai_protocol.errors import unknown_model
from merlin.openai_protocol.requests import Page
from merlin.openai_protocol.responses import (
    checkpoint_object,
    file_object,
    model_object,
)

PURPOSE = "fine-tune"
RESULTS = "fine-tune-results"


class Files:
    """The repository of uploaded files."""

    def __init__(self, database: Database, folder: Path) -> None:
        self._database = database
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def add(self, name: str, upload: BinaryIO) -> Row:
        """Store an upload; return its row. Raises OSError if the write fails."""
        file_id = f"file-{secrets.token_hex(12)}"
        self.write(file_id, partial(durable_files.copy_stream, upload))
        self.record(file_id, name)
        return self.get(file_id)

    def write(self, file_id: str, fill: Callable[[Path], object]) -> None:
        """Store what `fill` writes, which is set aside at the next start unless it is recorded.

        Raises what `fill` raises, and OSError if the write fails.
        """
        durable_files.write_durably(self.path(file_id), fill)
        kill_point("engine.file_written")

    def record(self, file_id: str, name: str, purpose: str = PURPOSE) -> None:
        """Store the row of a file that was written."""
        size = self.path(file_id).stat().st_size
        now = int(utc_now().timestamp())
        self._database.insert(
            "file",
            id=file_id,
            filename=name,
            purpose=purpose,
            bytes=size,
            created_at=now,
        )
        kill_point("engine.file_recorded")

    def get(self, file_id: str) -> Row:
        """Return the row of a file. Raises ApiError 404 if there is none."""
        return read_object(self._database, "file", file_id)

    def has(self, file_id: str) -> bool:
        """Return whether the file exists."""
        return (
            self._database.find_row("SELECT 1 FROM file WHERE id = ?", file_id)
            is not None
        )

    def path(self, file_id: str) -> Path:
        """Return the path of a file; `file_id` is trusted: an id of ours."""
        return self._folder / file_id

    def list(self, purpose: str, page: Page) -> tuple[list[Row], bool]:
        """Return a page of the files of a purpose ("" for all), and whether more follow."""
        return read_page(self._database, "file", "? IN ('', purpose)", [purpose], page)

    def delete(self, file_id: str) -> None:
        """Delete a file and its row. Raises ApiError 404 if there is none."""
        self.get(file_id)
        self._database.change("DELETE FROM file WHERE id = ?", file_id)
        durable_files.remove_durably(self.path(file_id))

    def set_aside(self) -> int:
        """Set files without a row aside: uploads that were interrupted; return how many."""
        rows = self._database.select("SELECT id FROM file")
        known = {self.path(row["id"]) for row in rows}
        return durable_files.set_aside(
            self._folder.parent, self._folder.iterdir(), known
        )


def build_file(row: Row) -> dict[str, object]:
    """Return the protocol's File."""
    names = "id", "bytes", "created_at", "filename", "purpose"
    return file_object(**{name: row[name] for name in names})


MAX_CHECKPOINTS = 3
_WEIGHTS = "adapter_model.safetensors"


class Models:
    """The repository of tuned models and checkpoints."""

    def __init__(self, database: Database, folder: Path) -> None:
        self._database = database
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def write(self, job: Job, step: int, save: Callable[[Path], None]) -> str:
        """Write the weights after `step` steps durably, unless they exist; return their digest.

        Raises OSError if the write fails.
        """
        path = self._folder / _build_weights_path(job, step)
        if not path.exists():
            durable_files.write_durably(path, save)
        # The weights are a file, or an adapter's folder.
        return durable_files.sha256_of(path / _WEIGHTS if path.is_dir() else path)

    def record(
        self,
        job: Job,
        step: int,
        metrics: Mapping[str, float],
        digest: str,
        *,
        is_final: bool = False,
    ) -> None:
        """Store the row of the weights after `step` steps, as a checkpoint or the final model.

        `digest` is what `write` returned: a transaction would keep every other caller waiting.
        """
        name = job.model_name if is_final else f"{job.model_name}:ckpt-step-{step}"
        self._database.insert(
            "model",
            "REPLACE",
            id=f"ftckpt_{hashlib.sha256(name.encode()).hexdigest()[:24]}",
            name=name,
            job_id=job.job_id,
            base=job.base,
            step=None if is_final else step,
            path=_build_weights_path(job, step),
            created_at=int(utc_now().timestamp()),
            metrics=json.dumps({"step": step, **metrics}),
            digest=digest,
        )

    def delete_old_checkpoints(self, job_id: str) -> None:
        """Delete all checkpoints of the job except the last three."""
        sql = (
            "SELECT name FROM model WHERE job_id = ? AND step IS NOT NULL"
            " ORDER BY seq DESC LIMIT -1 OFFSET ?"
        )
        for row in self._database.select(sql, job_id, MAX_CHECKPOINTS):
            self.delete(row["name"])

    def get(self, name: str) -> Row:
        """Return the row of a tuned model or checkpoint. Raises ApiError 404 if there is none."""
        row = self._database.find_row("SELECT * FROM model WHERE name = ?", name)
        if row is None:
            raise unknown_model(name)
        return row

    def path(self, row: Row) -> Path:
        """Return the path of a model's weights."""
        return self._folder / str(row["path"])

    def list_final(self) -> list[Row]:
        """Return the final models without checkpoints, newest first."""
        return self._database.select(
            "SELECT * FROM model WHERE step IS NULL ORDER BY seq DESC"
        )

    def list_checkpoints(self, job_id: str, page: Page) -> tuple[list[Row], bool]:
        """Return a page of a job's checkpoints, newest first, and whether more follow."""
        return read_page(
            self._database, "model", "job_id = ? AND step IS NOT NULL", [job_id], page
        )

    def delete(self, name: str) -> None:
        """Delete a model, and its file if no other row uses it. Raises ApiError 404."""
        row = self.get(name)
        self._database.change("DELETE FROM model WHERE name = ?", name)
        if not self._database.find_row(
            "SELECT 1 FROM model WHERE path = ?", row["path"]
        ):
            durable_files.remove_durably(self.path(row))

    def set_aside(self) -> int:
        """Set weights without a row aside: those of interrupted runs; return how many."""
        known = set(map(self.path, self._database.select("SELECT path FROM model")))
        root = self._folder.parent
        files = (each for each in self._folder.iterdir() if not each.is_dir())
        found = [*self._folder.glob("*/*"), *files]
        count = durable_files.set_aside(root, found, known)
        for folder in self._folder.iterdir():
            with suppress(OSError):  # it isn't empty
                folder.rmdir()
        return count


def _build_weights_path(job: Job, step: int) -> str:
    return f"{job.job_id}/step-{step}"


def build_checkpoint(row: Row) -> dict[str, object]:
    """Return the protocol's FineTuningJobCheckpoint."""
    return checkpoint_object(
        id=row["id"],
        created_at=row["created_at"],
        fine_tuned_model_checkpoint=row["name"],
        fine_tuning_job_id=row["job_id"],
        metrics=json.loads(row["metrics"]),
        step_number=row["step"],
    )


def build_model(name: str, created_at: float, base: Base) -> dict[str, object]:
    """Return the protocol's Model with the extension context_window."""
    return model_object(name, created_at, "merlin", context_window=base.context or None)


class Repositories:
    """All repositories of the engine; `folder` is the engine's data folder."""

    def __init__(self, database: Database, folder: Path) -> None:
        self.database = database
        self.folder = folder
        self.job_events = JobEvents(database)
        self.files = Files(database, folder / "files")
        self.models = Models(database, folder / "models")
        self.jobs = Jobs(database, self.job_events)

    def delete_model(self, name: str) -> None:
        """Delete a model, with its job's results if it is the final one. Raises ApiError 404."""
        row = self.models.get(name)
        self.models.delete(name)
        result_file = self.jobs.get(row["job_id"]).result_file
        if row["step"] is None and result_file and self.files.has(result_file):
            self.files.delete(result_file)

    def get_work_folder(self, job_id: str) -> Path:
        """Return the working folder of a job's trainer, from which it resumes after a kill."""
        return self.folder / "work" / job_id

    def get_log_path(self, job_id: str) -> Path:
        """Return the path of the trainer's log after the job has ended."""
        return self.folder / "logs" / f"{job_id}.log"

    def clear_work(self, job_id: str) -> None:
        """Remove the working folder of an ended job; keep its log."""
        work = self.get_work_folder(job_id)
        if (work / "log").is_file():
            self.get_log_path(job_id).parent.mkdir(exist_ok=True)
            (work / "log").replace(self.get_log_path(job_id))
        durable_files.remove_durably(work)

    def clean_up(self) -> int:
        """Clean up after a crash; return how many files, weights and folders were set aside.

        What has no row is, for a week: the database may be empty or an old copy.
        """
        for job in self.jobs.list_in(*FINAL):
            if self.get_work_folder(job.job_id).exists():
                self.clear_work(job.job_id)
        active = self.jobs.list_in(*ACTIVE_STATES)
        known = {self.get_work_folder(job.job_id) for job in active}
        works = durable_files.set_aside(self.folder, self.folder.glob("work/*"), known)
        return self.files.set_aside() + self.models.set_aside() + works
