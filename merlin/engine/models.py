"""Tuned models and checkpoints: their rows, and the files that hold their weights.

A job's last ten checkpoints are kept; older ones' rows and files are removed as newer ones come.
The final model is the last checkpoint's file under the job's own name.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path

from merlin.core import durable_files
from merlin.core.clock import utc_now
from merlin.engine.bases import Base
from merlin.engine.database import Page, Row, Rows, rows_of
from merlin.engine.jobs import Job
from merlin.openai_protocol.errors import unknown_model
from merlin.openai_protocol.responses import checkpoint_object, model_object

KEPT_CHECKPOINTS = 10
_WEIGHTS = "adapter_model.safetensors"


class Models:
    """What has been trained here."""

    def __init__(self, rows: Rows, folder: Path) -> None:
        self._rows = rows
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def write(self, job: Job, step: int, save: Callable[[Path], None]) -> None:
        """Write the weights after `step` steps durably, unless an earlier try did.

        Raises OSError when the disk refuses.
        """
        place = self._folder / _path(job, step)
        if not place.exists():
            durable_files.write_durably(place, save)

    def record(self, job: Job, step: int, metrics: Mapping[str, float]) -> None:
        """Name a checkpoint whose weights are written."""
        metrics = {"step": step, **metrics}
        self._insert(job.checkpoint_name(step), job, step, _path(job, step), metrics)

    def keep_final(self, job: Job, step: int) -> None:
        """Name the checkpoint after `step` steps as the job's model; its file is durable."""
        self._insert(job.model_name, job, None, _path(job, step), {"step": step})

    def _insert(
        self, name: str, job: Job, step: int | None, path: str, metrics: Mapping[str, float]
    ) -> None:
        self._rows.change("DELETE FROM model WHERE name = ?", name)
        self._rows.insert(
            "model",
            id=f"ftckpt_{hashlib.sha256(name.encode()).hexdigest()[:24]}",
            name=name,
            job_id=job.job_id,
            base=job.order.base,
            step=step,
            path=path,
            created_at=utc_now().timestamp(),
            metrics=json.dumps(dict(metrics)),
            digest=_digest(self._folder / path),
        )

    def drop_old(self, job_id: str) -> None:
        """Delete the job's checkpoints but for the last ten."""
        sql = (
            "SELECT name FROM model WHERE job_id = ? AND step IS NOT NULL"
            " ORDER BY seq DESC LIMIT -1 OFFSET ?"
        )
        for row in self._rows.select(sql, job_id, KEPT_CHECKPOINTS):
            self.delete(row["name"])

    def forget_run(self, job_id: str) -> None:
        """Remove the checkpoints of a run that is not gone on with."""
        self._rows.change("DELETE FROM model WHERE job_id = ?", job_id)
        for path in self._folder.glob(f"{job_id}/*"):
            durable_files.remove_durably(path)

    def get(self, name: str) -> Row:
        """Return the row of a tuned model or checkpoint. Raises ApiError 404."""
        row = self._rows.one("SELECT * FROM model WHERE name = ?", name)
        if row is None:
            raise unknown_model(name)
        return row

    def path(self, row: Row) -> Path:
        """Return where a model's weights lie."""
        return self._folder / str(row["path"])

    def final(self, owner: str = "") -> list[Row]:
        """Return the tuned models, newest first, only an owner's where one is named.

        Checkpoints stand in their job's own list.
        """
        sql = (
            "SELECT model.* FROM model JOIN job ON job.id = model.job_id"
            " WHERE model.step IS NULL AND ? IN ('', job.owner) ORDER BY model.seq DESC"
        )
        return self._rows.select(sql, owner)

    def checkpoints(self, job_id: str, page: Page) -> tuple[list[Row], bool]:
        """Return a page of a job's checkpoints, newest first, and whether more follow."""
        return rows_of(self._rows, "model", "job_id = ? AND step IS NOT NULL", [job_id], page)

    def delete(self, name: str) -> None:
        """Forget a model; its file goes when no other name needs it. Raises ApiError 404."""
        row = self.get(name)
        self._rows.change("DELETE FROM model WHERE name = ?", name)
        if not self._rows.one("SELECT 1 FROM model WHERE path = ?", row["path"]):
            durable_files.remove_durably(self.path(row))

    def sweep(self) -> None:
        """Remove weights that no row names: those of runs that were cut off."""
        known = {row["path"] for row in self._rows.select("SELECT path FROM model")}
        for path in [*self._folder.glob("*/*"), *self._folder.glob("*/.*.part")]:
            if f"{path.parent.name}/{path.name}" not in known:
                durable_files.remove_durably(path)
        for folder in self._folder.iterdir():
            if not folder.is_dir() or not any(folder.iterdir()):
                durable_files.remove_durably(folder)


def _path(job: Job, step: int) -> str:
    return f"{job.job_id}/step-{step}"


def _digest(path: Path) -> str:
    """Return the sha256 of a model's weights: a file, or an adapter's folder."""
    weights = path / _WEIGHTS if path.is_dir() else path
    with weights.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def checkpoint_of(row: Row) -> dict[str, object]:
    """Return the protocol's FineTuningJobCheckpoint."""
    metrics, names = json.loads(row["metrics"]), (row["id"], row["job_id"], row["name"])
    return checkpoint_object(*names, row["created_at"], row["step"], metrics)


def model_of(name: str, created_at: float, base: Base) -> dict[str, object]:
    """Return the protocol's Model with the extensions shutdown_date and context_window."""
    last_day = base.sunset.isoformat() if base.sunset else None
    window = base.context or None
    return model_object(name, created_at, "merlin", shutdown_date=last_day, context_window=window)
