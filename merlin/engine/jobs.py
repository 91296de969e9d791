"""Fine-tune jobs: what is ordered, their rows, and the moves between their states.

    validating_files -> queued -> running -> succeeded
    any of the first three <-> paused, and -> cancelled | failed

Every move is one conditional UPDATE together with its event, so of two that race exactly one
happens: a job that succeeded was not cancelled, and the other way round.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import Annotated, Any

from pydantic import Field

from merlin.core.clock import utc_now
from merlin.core.killpoint import kill_point
from merlin.engine.bases import Base, Bases
from merlin.engine.database import IdempotencyKey, Page, Repeats, Row, Rows, rows_of
from merlin.engine.job_events import ENGLISH, JobEvent, JobEvents, error_object, failure_object
from merlin.engine.requests import Fields, Name, only
from merlin.engine.trainers.base import SUPERVISED, BadHyperparameter, Untrainable
from merlin.openai_protocol.errors import ApiError, bad_field, missing
from merlin.openai_protocol.responses import FineTuningJob

VALIDATING, QUEUED, RUNNING, PAUSED = "validating_files", "queued", "running", "paused"
SUCCEEDED, FAILED, CANCELLED = "succeeded", "failed", "cancelled"
FINAL = (SUCCEEDED, FAILED, CANCELLED)
AT_WORK = (VALIDATING, QUEUED, RUNNING)
STATES = (*AT_WORK, PAUSED, *FINAL)
MAX_METADATA, MAX_KEY_LENGTH, MAX_VALUE_LENGTH = 16, 64, 512
MAX_SUFFIX_LENGTH = 64
MAX_SEED = 2**31 - 1
# The columns of a Job that hold JSON.
_AS_JSON = ("metadata", "hyperparameters")
# One fixed seed where none is given: the same file gives the same model.
DEFAULT_SEED = 42


@dataclass(frozen=True, slots=True)
class Job:
    """One job as it stood when it was read; times are seconds since 1970, UTC.

    `hyperparameters` are complete ("auto" where the trainer decides). `error` is why it failed, as
    `failure_object` keeps it.
    """

    base: str
    method: str
    training_file: str
    validation_file: str | None
    suffix: str
    seed: int
    metadata: Mapping[str, str]
    hyperparameters: Mapping[str, object]
    job_id: str = field(default_factory=lambda: f"ftjob-{secrets.token_hex(12)}")
    created_at: float = field(default_factory=lambda: utc_now().timestamp())
    finished_at: float | None = None
    status: str = VALIDATING
    is_validated: bool = False
    trained_tokens: int | None = None
    steps: int = 0
    step: int = 0
    estimated_finish: float | None = None
    error: Mapping[str, object] | None = None

    @property
    def title(self) -> str:
        """Return what people call it: the build it is for, else its suffix, else its id."""
        return self.metadata.get("merlin_build") or self.suffix or f"ftjob-…{self.job_id[-8:]}"

    @property
    def is_over(self) -> bool:
        """Return whether nothing will change any more."""
        return self.status in FINAL

    @property
    def moves(self) -> Sequence[str]:
        """Return what may be done to it now, among pause, resume and cancel."""
        if self.status in AT_WORK:
            return "pause", "cancel"
        return ("resume", "cancel") if self.status == PAUSED else ()

    @property
    def model_name(self) -> str:
        """Return the name of the model that the job makes."""
        return f"ft:{self.base}:merlin:{self.suffix}:{self.job_id[-8:]}"


_Key = Annotated[str, Field(max_length=MAX_KEY_LENGTH)]
_Value = Annotated[str, Field(max_length=MAX_VALUE_LENGTH)]


class JobRequest(Fields):
    """The body of POST /fine_tuning/jobs. Source: openapi.yaml, CreateFineTuningJobRequest."""

    model: Name
    training_file: Name
    validation_file: str | None = None
    suffix: Annotated[str, Field(max_length=MAX_SUFFIX_LENGTH, pattern=r"^[\w.-]+$")] | None = None
    seed: int | None = Field(default=None, ge=0, le=MAX_SEED)
    metadata: dict[_Key, _Value] | None = Field(default=None, max_length=MAX_METADATA)
    method: dict[str, Any] | None = None
    hyperparameters: Any = None
    integrations: Annotated[
        Any, only(lambda value: not value, "this engine knows none; leave the field out")
    ] = None


def read_job(body: Mapping[str, object], bases: Bases) -> Job:
    """Return the new job that the body of POST /fine_tuning/jobs asks for.

    Raises ApiError 400 that names the field.
    """
    request = JobRequest.read(body)
    if request.model not in bases:
        words = (
            f"The model `{request.model}` cannot be tuned here; those that can: {', '.join(bases)}."
        )
        raise bad_field("model", words, "model_not_available")
    base = bases[request.model]
    method, given = _method(base, request)
    if given is not None and not isinstance(given, dict):
        raise bad_field("hyperparameters", "hyperparameters must be an object")
    try:
        hyperparameters = base.trainer.hyperparameters(method, given or {})
    except BadHyperparameter as error:
        name = f"hyperparameters.{error.name}"
        raise bad_field(name, f"{name}: {error}") from error
    return Job(
        base=request.model,
        method=method,
        training_file=request.training_file,
        validation_file=request.validation_file or None,
        suffix=request.suffix or "",
        seed=DEFAULT_SEED if request.seed is None else request.seed,
        metadata=request.metadata or {},
        hyperparameters=hyperparameters,
    )


def _method(base: Base, job_request: JobRequest) -> tuple[str, object]:
    """Return the method's name and what is said of its hyper-parameters."""
    if job_request.method is None:
        return SUPERVISED, job_request.hyperparameters
    kind = job_request.method.get("type")
    if not isinstance(kind, str) or kind not in base.methods:
        known = ", ".join(f"'{method}'" for method in base.methods)
        raise bad_field("method", f"method.type must be one of {known} for the model `{base.name}`")
    block = job_request.method.get(kind) or {}
    return kind, block.get("hyperparameters") if isinstance(block, dict) else block


class Jobs:
    """The engine's jobs."""

    def __init__(
        self,
        rows: Rows,
        repeats: Repeats,
        job_events: JobEvents,
        on_end: Callable[[str, str], object],
    ) -> None:
        """Keep jobs in `rows`; `on_end` gets each that ends, and how, in that transaction."""
        self._rows = rows
        self._on_end = on_end
        self._repeats = repeats
        self._job_events = job_events

    def create(
        self, job: Job, idempotency: IdempotencyKey, check_queue: Callable[[], object]
    ) -> bytes:
        """Keep a new job; return the answer, the first one when the call is repeated.

        `check_queue` is asked first, and raises where the owner has too many jobs.
        """

        def insert() -> dict[str, object]:
            check_queue()
            columns = asdict(job) | {name: json.dumps(getattr(job, name)) for name in _AS_JSON}
            job_id = columns.pop("job_id")
            self._rows.insert("job", id=job_id, owner=idempotency.owner, **columns)
            self._job_events.add(job_id, JobEvent("created", f"Created fine-tuning job: {job_id}"))
            return job_object(job)

        answer, _ = self._repeats.once(idempotency, insert)
        kill_point("engine.job_recorded")
        return answer

    def get(self, job_id: str) -> Job:
        """Return a job as it stands. Raises ApiError 404."""
        row = self._rows.one("SELECT * FROM job WHERE id = ?", job_id)
        if row is None:
            raise missing("fine-tuning job", job_id, "fine_tuning_job_id")
        return _job(row)

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
        query = self._rows.select("SELECT status, COUNT(*) AS n FROM job GROUP BY status")
        return dict.fromkeys(STATES, 0) | {row["status"]: row["n"] for row in query}

    def counts_by_base(self) -> dict[tuple[str, str], int]:
        """Return how many jobs are there by base and state."""
        query = self._rows.select("SELECT base, status, COUNT(*) AS n FROM job GROUP BY 1, 2")
        return {(row["base"], row["status"]): row["n"] for row in query}

    def is_in(self, job_id: str, state: str) -> bool:
        """Return whether the job is in this state now."""
        sql = "SELECT 1 FROM job WHERE id = ? AND status = ?"
        return self._rows.one(sql, job_id, state) is not None

    def move(self, job_id: str, to: str, *states: str, event: JobEvent, **fields: Any) -> bool:
        """Move a job from one of `states`, set `fields`, add the event; False when it was not."""
        fields = {"status": to, **fields}
        if to in FINAL:
            fields["finished_at"] = utc_now().timestamp()
        sets = ", ".join(f"{name} = ?" for name in fields)
        marks = ", ".join("?" * len(states))
        sql = f"UPDATE job SET {sets} WHERE id = ? AND status IN ({marks})"  # noqa: S608 - our own names
        with self._rows.transaction():
            if not self._rows.change(sql, *fields.values(), job_id, *states):
                return False
            self._job_events.add(job_id, event)
            if to in FINAL:
                self._on_end(job_id, to)
        return True

    def progress(self, job_id: str, step: int, estimated_finish: float | None) -> None:
        """Note how far the run is, and when it will be through as far as one knows."""
        sql = "UPDATE job SET step = ?, estimated_finish = ? WHERE id = ?"
        self._rows.change(sql, step, estimated_finish, job_id)

    def resolve(self, job_id: str, hyperparameters: Mapping[str, object], steps: int) -> None:
        """Note what "auto" came to, and how many steps there are to do."""
        sql = "UPDATE job SET hyperparameters = ?, steps = ? WHERE id = ?"
        self._rows.change(sql, json.dumps(dict(hyperparameters)), steps, job_id)

    def fail(self, job_id: str, failure: Untrainable) -> bool:
        """End a job as failed, for a reason that says what to do."""
        error = failure_object(failure)
        event = JobEvent("failed", f"Job failed: {error['message']}", "error")
        return self.move(job_id, FAILED, *AT_WORK, event=event, error=json.dumps(error))

    def cancel(self, job_id: str) -> Job:
        """Stop a job for good. Raises ApiError 400 when it has ended otherwise."""
        event = JobEvent("cancelled", "Fine-tuning job cancelled")
        self.move(job_id, CANCELLED, *AT_WORK, PAUSED, event=event)
        return self._in(job_id, CANCELLED)

    def pause(self, job_id: str) -> Job:
        """Let a job rest; it stops after the step under way. Raises ApiError 400."""
        event = JobEvent(f"paused {secrets.token_hex(4)}", "Fine-tuning job paused")
        self.move(job_id, PAUSED, *AT_WORK, event=event)
        return self._in(job_id, PAUSED)

    def resume(self, job_id: str) -> Job:
        """Put a resting job back in the queue. Raises ApiError 400 when it does not rest."""
        state = QUEUED if self.get(job_id).is_validated else VALIDATING
        event = JobEvent(f"resumed {secrets.token_hex(4)}", "Fine-tuning job resumed")
        if not self.move(job_id, state, PAUSED, event=event):
            return self._in(job_id, PAUSED)
        return self.get(job_id)

    def _in(self, job_id: str, state: str) -> Job:
        job = self.get(job_id)
        if job.status != state:
            raise ApiError(400, f"The job is {job.status}: it cannot be or is not {state}.")
        return job


def _job(row: Row) -> Job:
    columns = {**row, **{name: json.loads(row[name]) for name in _AS_JSON}}
    columns |= {
        "job_id": row["id"],
        "is_validated": bool(row["is_validated"]),
        "error": json.loads(row["error"]) if row["error"] else None,
    }
    return Job(**{field.name: columns[field.name] for field in fields(Job)})


def job_object(job: Job, language: str = ENGLISH) -> dict[str, object]:
    """Return the protocol's FineTuningJob, why it failed in a language."""
    hyperparameters = dict(job.hyperparameters)
    finish = job.estimated_finish if job.status == RUNNING else None
    fine_tuning_job = FineTuningJob(
        id=job.job_id,
        status=job.status,
        model=job.base,
        created_at=int(job.created_at),
        organization_id="merlin",
        training_file=job.training_file,
        validation_file=job.validation_file,
        hyperparameters=hyperparameters,
        method={"type": job.method, job.method: {"hyperparameters": hyperparameters}},
        metadata=job.metadata,
        seed=job.seed,
        error=error_object(job.error, language),
        fine_tuned_model=job.model_name if job.status == SUCCEEDED else None,
        finished_at=int(job.finished_at) if job.finished_at else None,
        estimated_finish=int(finish) if finish else None,
        trained_tokens=job.trained_tokens,
    )
    return asdict(fine_tuning_job)
