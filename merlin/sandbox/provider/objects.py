"""Jobs, events and checkpoints as the OpenAI protocol writes them.

Source: openai/openai-openapi, openapi.yaml: FineTuningJob, FineTuningJobEvent,
FineTuningJobCheckpoint.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

from merlin.sandbox.provider.training import CHECKPOINT, EPOCHS, FINAL, Account, TrainingJob

STEPS = 10


def job_object(account: Account, job: TrainingJob) -> dict[str, Any]:
    """Return a FineTuningJob object."""
    asked = job.asked
    method = asked.get("method") or {"type": "supervised", "supervised": {"hyperparameters": {}}}
    failure = None
    if job.status == "failed":
        words = "The job failed due to an invalid training file."
        failure = {"code": "invalid_training_file", "message": words, "param": "training_file"}
    return {
        "id": job.job_id,
        "object": "fine_tuning.job",
        "created_at": int(job.created_at),
        "error": failure,
        "fine_tuned_model": account.tuned_model(job),
        "finished_at": int(job.finished_at) if job.finished_at else None,
        "hyperparameters": {"n_epochs": EPOCHS, "batch_size": 1, "learning_rate_multiplier": 1.0},
        "model": asked["model"],
        "organization_id": "org-stand-in",
        "result_files": [],
        "seed": int(asked.get("seed") or 0),
        "status": job.status,
        "trained_tokens": _trained_tokens(account, job),
        "training_file": asked["training_file"],
        "validation_file": asked.get("validation_file"),
        "estimated_finish": None,
        "integrations": [],
        "metadata": asked.get("metadata"),
        "method": method,
    }


def _trained_tokens(account: Account, job: TrainingJob) -> int | None:
    if job.status != "succeeded":
        return None
    file = account.files.get(str(job.asked["training_file"]))
    return (file["bytes"] // 4) * EPOCHS if file else 0


def event_objects(job: TrainingJob) -> list[dict[str, Any]]:
    """Return what a job tells of itself, newest first."""
    told: list[tuple[str, str, dict[str, float]]] = [
        ("message", f"Created fine-tuning job: {job.job_id}", {})
    ]
    if job.status in FINAL:
        told += [
            (
                "metrics",
                f"Step {step}: training loss={loss:.2f}",
                {"step": step, "train_loss": loss},
            )
            for step, loss in _losses()
        ]
    told.append(("message", f"The job's state: {job.status}", {}))
    events = [
        {
            "id": f"ftevent-{_digest(job.job_id, number)}",
            "object": "fine_tuning.job.event",
            "created_at": int(job.created_at),
            "level": "error" if job.status == "failed" and number == len(told) - 1 else "info",
            "message": message,
            "type": kind,
            "data": data,
        }
        for number, (kind, message, data) in enumerate(told)
    ]
    return events[::-1]


def checkpoint_objects(job: TrainingJob) -> list[dict[str, Any]]:
    """Return a checkpoint for each epoch of a job that has succeeded, newest first."""
    if job.status != "succeeded":
        return []
    return [
        {
            "id": f"ftckpt_{_digest(job.job_id, step)}",
            "object": "fine_tuning.job.checkpoint",
            "created_at": int(job.created_at),
            "fine_tuned_model_checkpoint": f"{job.model_id}{CHECKPOINT}{step}",
            "fine_tuning_job_id": job.job_id,
            "metrics": {"step": step, "train_loss": loss, "valid_loss": loss + 0.1},
            "step_number": step,
        }
        for step, loss in reversed(_losses())
    ]


def _losses() -> list[tuple[int, float]]:
    """Return (step, train loss) at each epoch's end; made up, and the same for every job."""
    return [(STEPS * epoch, round(2.0 / (epoch + 1), 4)) for epoch in range(1, EPOCHS + 1)]


def _digest(*parts: object) -> str:
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:24]


def page(rows: Sequence[dict[str, Any]], after: str, limit: int) -> dict[str, Any]:
    """Return one page of a list: what follows the id `after`, at most `limit`."""
    ids = [row["id"] for row in rows]
    start = ids.index(after) + 1 if after in ids else 0
    shown = list(rows[start : start + limit])
    return {
        "object": "list",
        "data": shown,
        "has_more": start + limit < len(rows),
        "first_id": shown[0]["id"] if shown else None,
        "last_id": shown[-1]["id"] if shown else None,
    }
