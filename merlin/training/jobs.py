"""A fine-tune job: its states, and which follow which.

The life of a fine-tune job, as pure functions.

    launching -> queued -> running <-> paused -> succeeded | failed | cancelled

The last three are final. `launching` lasts from the decision until the provider's own id is
known. Nothing in this module reads a clock, a file or a socket.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from merlin.core.clock import from_iso
from merlin.dataset.spec import Recipe
from merlin.db.database import Row
from merlin.db.values import load_json, load_time
from merlin.providers.base import JobReport


class JobState(StrEnum):
    """Where a job stands; the values are what the database stores."""

    LAUNCHING = "launching"
    QUEUED = "queued"
    RUNNING = "running"
    PAUSED = "paused"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


LONGEST_PAUSE_S = 60.0
# Our word for a job that the provider may not create for this account at all.
FORBIDDEN = "forbidden"
FINAL = frozenset({JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED})

# Provider's word -> ours; words not listed keep the state, because providers add words
# without notice. Source: openai/openai-openapi, FineTuningJob.status; "paused" is answered
# by the pause call though the list of words lacks it.
_STATE_OF_STATUS = {
    "validating_files": JobState.QUEUED,
    "queued": JobState.QUEUED,
    "running": JobState.RUNNING,
    "paused": JobState.PAUSED,
    "succeeded": JobState.SUCCEEDED,
    "failed": JobState.FAILED,
    "cancelled": JobState.CANCELLED,
}


@dataclass(frozen=True, slots=True)
class Job:
    """One request to fine-tune one base model on one build.

    `estimate_micro` is what it may cost, in millionths of `currency`; `status` is the
    provider's newest word for it, kept even when we do not know it, or FORBIDDEN.
    """

    job_id: int
    launch_key: str
    dataset: str
    build_id: int
    provider: str
    recipe: Recipe
    attempt: int
    state: JobState
    created_at: datetime
    updated_at: datetime
    provider_job_id: str = ""
    status: str = ""
    model_id: str | None = None
    trained_tokens: int = 0
    estimate_micro: int = 0
    currency: str = "USD"
    error: str = ""
    not_before: datetime | None = None

    @property
    def is_final(self) -> bool:
        """Return whether nothing will change any more."""
        return self.state in FINAL


def is_known(status: str) -> bool:
    """Return whether we know what this word of a provider means."""
    return status in _STATE_OF_STATUS


def is_final(status: str) -> bool:
    """Return whether a provider's word says that a job has ended."""
    return _STATE_OF_STATUS.get(status) in FINAL


def again_s(job: Job, now: datetime, least_s: float) -> float:
    """Return in how many seconds to ask a silent provider again: a tenth of the silence so far.

    At least `least_s`, at most a minute; `updated_at` is when it last said something.
    """
    silent_s = (now - job.updated_at).total_seconds()
    return max(least_s, min(LONGEST_PAUSE_S, silent_s / 10))


def launch_key(wish: str, attempt: int) -> str:
    """Return the one key of this launch: the same wish and attempt give the same key."""
    return hashlib.sha256(f"{wish}:{attempt}".encode()).hexdigest()[:32]


def advance(job: Job, report: JobReport, now: datetime) -> Job:
    """Return `job` as it stands after `report`.

    A final job never changes, so a late or repeated report is harmless. A success that names
    no model yet is kept as running: it is asked again (as in run-llama/llama_index#8527).
    """
    if job.is_final:
        return job
    state = _STATE_OF_STATUS.get(report.status, job.state)
    if state is JobState.SUCCEEDED and not report.model_id:
        state = JobState.RUNNING
    if state is JobState.LAUNCHING:
        state = JobState.QUEUED  # the provider knows it, whatever word it uses
    return replace(
        job,
        state=state,
        status=report.status,
        provider_job_id=report.provider_job_id,
        model_id=report.model_id,
        trained_tokens=report.trained_tokens,
        error=report.error,
        updated_at=now,
    )


def job_of(row: Row) -> Job:
    """Return the job of a row of the table job."""
    return Job(
        job_id=row["id"],
        launch_key=row["launch_key"],
        dataset=row["dataset"],
        build_id=row["build_id"],
        provider=row["provider"],
        recipe=Recipe(**load_json(row["recipe"])),
        attempt=row["attempt"],
        state=JobState(row["state"]),
        created_at=from_iso(row["created_at"]),
        updated_at=from_iso(row["updated_at"]),
        provider_job_id=row["provider_job_id"],
        status=row["status"],
        model_id=row["model_id"],
        trained_tokens=row["trained_tokens"],
        estimate_micro=row["estimate_micro"],
        currency=row["currency"],
        error=row["error"],
        not_before=load_time(row["not_before"]),
    )
