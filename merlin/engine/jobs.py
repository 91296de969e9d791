"""Fine-tune jobs: their rows, and the moves between their states.

    validating_files -> queued -> running -> succeeded
    any of the first three <-> paused, and -> cancelled | failed

Every move is one conditional UPDATE together with its event, so of two that race exactly one
happens: a job that succeeded was not cancelled, and the other way round.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from merlin.core.clock import utc_now
from merlin.core.killpoint import reached
from merlin.engine.diary import Diary, Happening
from merlin.engine.failure import ENGLISH, Failure, error_object
from merlin.engine.limits import no_limit
from merlin.engine.order import JobOrder
from merlin.engine.paging import Page, rows_of
from merlin.engine.refusal import Refusal, missing
from merlin.engine.repeats import Repeats, Wish
from merlin.engine.rows import Row, Rows

VALIDATING, QUEUED, RUNNING, PAUSED = "validating_files", "queued", "running", "paused"
SUCCEEDED, FAILED, CANCELLED = "succeeded", "failed", "cancelled"
FINAL = (SUCCEEDED, FAILED, CANCELLED)
AT_WORK = (VALIDATING, QUEUED, RUNNING)
STATES = (*AT_WORK, PAUSED, *FINAL)


@dataclass(frozen=True, slots=True)
class Job:
    """One job as it stood when it was read; times are seconds since 1970, UTC.

    `error` is why it failed, as `failure` keeps it.
    """

    job_id: str
    created_at: float
    finished_at: float | None
    status: str
    order: JobOrder
    is_validated: bool
    trained_tokens: int | None
    steps: int
    step: int
    estimated_finish: float | None
    error: Mapping[str, object] | None

    @property
    def model_name(self) -> str:
        """Return the name of the model that the job makes."""
        return f"ft:{self.order.base}:merlin:{self.order.suffix}:{self.job_id[-8:]}"

    def checkpoint_name(self, step: int) -> str:
        """Return the name of the model after `step` steps."""
        return f"{self.model_name}:ckpt-step-{step}"


class Jobs:
    """The engine's jobs."""

    def __init__(
        self,
        rows: Rows,
        repeats: Repeats,
        diary: Diary,
        ended: Callable[[str, str], object] = no_limit,
    ) -> None:
        """Keep jobs in `rows`; `ended` hears of each that ends, and how, in that transaction."""
        self._rows = rows
        self._ended = ended
        self._repeats = repeats
        self._diary = diary

    def create(
        self, order: JobOrder, wish: Wish, let_queue: Callable[[], object] = no_limit
    ) -> bytes:
        """Keep a new job; return the answer, the first one when the call is repeated.

        `let_queue` is asked first, and raises where the owner has too many jobs.
        """

        def insert() -> dict[str, object]:
            let_queue()
            return job_object(self._insert(order, wish.owner))

        answer, _ = self._repeats.once(wish, insert)
        reached("engine.job_recorded")
        return answer

    def _insert(self, order: JobOrder, owner: str) -> Job:
        job_id = f"ftjob-{secrets.token_hex(12)}"
        row = {
            "id": job_id,
            "created_at": utc_now().timestamp(),
            "status": VALIDATING,
            "base": order.base,
            "method": order.method,
            "training_file": order.training_file,
            "validation_file": order.validation_file,
            "suffix": order.suffix,
            "seed": order.seed,
            "metadata": json.dumps(dict(order.metadata)),
            "hyperparameters": json.dumps(dict(order.hyperparameters)),
            "owner": owner,
        }
        marks = ", ".join("?" * len(row))
        sql = f"INSERT INTO job ({', '.join(row)}) VALUES ({marks})"  # noqa: S608 - our own names
        self._rows.change(sql, *row.values())
        self._diary.tell(job_id, Happening("created", f"Created fine-tuning job: {job_id}"))
        return self.get(job_id)

    def get(self, job_id: str) -> Job:
        """Return a job as it stands. Raises Refusal 404."""
        found = self._rows.select("SELECT * FROM job WHERE id = ?", job_id)
        if not found:
            raise missing("fine-tuning job", job_id, "fine_tuning_job_id")
        return _job(found[0])

    def waiting(self, *states: str) -> list[Job]:
        """Return the jobs in these states: those of the first state first, each oldest first."""
        sql = "SELECT * FROM job WHERE status = ? ORDER BY seq"
        return [_job(row) for state in states for row in self._rows.select(sql, state)]

    def unfinished(self) -> list[Job]:
        """Return every job that has not come to its end."""
        return self.waiting(*AT_WORK, PAUSED)

    def list(
        self, metadata: Mapping[str, str], page: Page, owner: str = ""
    ) -> tuple[list[Job], bool]:
        """Return a page of the jobs that carry all these pairs, and whether more follow.

        Only an owner's where one is named.
        """
        has = "EXISTS (SELECT 1 FROM json_each(job.metadata) WHERE key = ? AND value = ?)"
        where = " AND ".join(["? IN ('', owner)", *[has] * len(metadata)])
        values = [owner, *(part for pair in metadata.items() for part in pair)]
        found, has_more = rows_of(self._rows, "job", where, values, page)
        return [_job(row) for row in found], has_more

    def counts(self) -> dict[str, int]:
        """Return how many jobs are in each state."""
        found = self._rows.select("SELECT status, COUNT(*) AS n FROM job GROUP BY status")
        return dict.fromkeys(STATES, 0) | {row["status"]: row["n"] for row in found}

    def counts_by_base(self) -> dict[tuple[str, str], int]:
        """Return how many jobs are there by base and state."""
        found = self._rows.select("SELECT base, status, COUNT(*) AS n FROM job GROUP BY 1, 2")
        return {(row["base"], row["status"]): row["n"] for row in found}

    def is_in(self, job_id: str, state: str) -> bool:
        """Return whether the job is in this state now."""
        sql = "SELECT 1 FROM job WHERE id = ? AND status = ?"
        return bool(self._rows.select(sql, job_id, state))

    def move(self, job_id: str, to: str, *states: str, told: Happening, **fields: Any) -> bool:
        """Move a job from one of `states`, set `fields`, tell the event; False when it was not."""
        fields = {"status": to, **fields}
        if to in FINAL:
            fields["finished_at"] = utc_now().timestamp()
        sets = ", ".join(f"{name} = ?" for name in fields)
        marks = ", ".join("?" * len(states))
        sql = f"UPDATE job SET {sets} WHERE id = ? AND status IN ({marks})"  # noqa: S608 - our own names
        with self._rows.transaction():
            if not self._rows.change(sql, *fields.values(), job_id, *states):
                return False
            self._diary.tell(job_id, told)
            if to in FINAL:
                self._ended(job_id, to)
        return True

    def progress(self, job_id: str, step: int, estimated_finish: float | None) -> None:
        """Note how far the run is, and when it will be through as far as one knows."""
        sql = "UPDATE job SET step = ?, estimated_finish = ? WHERE id = ?"
        self._rows.change(sql, step, estimated_finish, job_id)

    def settle(self, job_id: str, hyperparameters: Mapping[str, object], steps: int) -> None:
        """Note what "auto" came to, and how many steps there are to do."""
        sql = "UPDATE job SET hyperparameters = ?, steps = ? WHERE id = ?"
        self._rows.change(sql, json.dumps(dict(hyperparameters)), steps, job_id)

    def fail(self, job_id: str, failure: Failure) -> bool:
        """End a job as failed, for a reason that says what to do."""
        error = failure.stored()
        told = Happening("failed", f"Job failed: {error['message']}", "error")
        return self.move(job_id, FAILED, *AT_WORK, told=told, error=json.dumps(error))

    def cancel(self, job_id: str) -> Job:
        """Stop a job for good. Raises Refusal 400 when it has ended otherwise."""
        told = Happening("cancelled", "Fine-tuning job cancelled")
        self.move(job_id, CANCELLED, *AT_WORK, PAUSED, told=told)
        return self._in(job_id, CANCELLED)

    def pause(self, job_id: str) -> Job:
        """Let a job rest; it stops after the step under way. Raises Refusal 400."""
        told = Happening(f"paused {secrets.token_hex(4)}", "Fine-tuning job paused")
        self.move(job_id, PAUSED, *AT_WORK, told=told)
        return self._in(job_id, PAUSED)

    def resume(self, job_id: str) -> Job:
        """Put a resting job back in the queue. Raises Refusal 400 when it does not rest."""
        state = QUEUED if self.get(job_id).is_validated else VALIDATING
        told = Happening(f"resumed {secrets.token_hex(4)}", "Fine-tuning job resumed")
        if not self.move(job_id, state, PAUSED, told=told):
            return self._in(job_id, PAUSED)
        return self.get(job_id)

    def _in(self, job_id: str, state: str) -> Job:
        job = self.get(job_id)
        if job.status != state:
            raise Refusal(400, f"The job is {job.status}: it cannot be or is not {state}.")
        return job


def _job(row: Row) -> Job:
    order = JobOrder(
        base=row["base"],
        method=row["method"],
        training_file=row["training_file"],
        validation_file=row["validation_file"],
        suffix=row["suffix"],
        seed=row["seed"],
        metadata=json.loads(row["metadata"]),
        hyperparameters=json.loads(row["hyperparameters"]),
    )
    return Job(
        job_id=row["id"],
        created_at=row["created_at"],
        finished_at=row["finished_at"],
        status=row["status"],
        order=order,
        is_validated=bool(row["is_validated"]),
        trained_tokens=row["trained_tokens"],
        steps=row["steps"],
        step=row["step"],
        estimated_finish=row["estimated_finish"],
        error=json.loads(row["error"]) if row["error"] else None,
    )


def job_object(job: Job, language: str = ENGLISH) -> dict[str, object]:
    """Return the protocol's FineTuningJob, why it failed in a language. Source: openapi.yaml."""
    order = job.order
    shown = dict(order.hyperparameters)
    return {
        "id": job.job_id,
        "object": "fine_tuning.job",
        "created_at": int(job.created_at),
        "error": error_object(job.error, language),
        "fine_tuned_model": job.model_name if job.status == SUCCEEDED else None,
        "finished_at": int(job.finished_at) if job.finished_at else None,
        "hyperparameters": shown,
        "model": order.base,
        "organization_id": "merlin",
        "result_files": [],
        "seed": order.seed,
        "status": job.status,
        "trained_tokens": job.trained_tokens,
        "training_file": order.training_file,
        "validation_file": order.validation_file,
        "estimated_finish": _estimated(job),
        "integrations": [],
        "metadata": dict(order.metadata),
        "method": {"type": order.method, order.method: {"hyperparameters": shown}},
    }


def _estimated(job: Job) -> int | None:
    is_known = job.status == RUNNING and job.estimated_finish
    return int(job.estimated_finish) if is_known and job.estimated_finish else None
