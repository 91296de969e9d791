"""Fine-tuning jobs: requests, rows, and state transitions.

    validating_files -> queued -> running -> succeeded
    any of the first three -> cancelled | failed

Every transition is one conditional UPDATE in the same transaction as its event, so exactly one of
two concurrent transitions takes effect: a job cannot both succeed and be cancelled. An event's id
is derived from its job and its key, so a restarted run adds none twice.
"""

import base64
import csv
import hashlib
import io
import json
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Annotated, Any

from pydantic import Field

from merlin.core.clock import utc_now
from merlin.core.i18n import text
from merlin.core.killpoint import kill_point
from merlin.engine.bases import Base, Bases
from merlin.engine.database import Database, Row, read_object, read_page
from merlin.engine.requests import RequestBody
from merlin.engine.trainers.base import SUPERVISED, Untrainable, check_hyperparameters
from merlin.openai_protocol import responses
from merlin.openai_protocol.errors import ApiError, bad_field, limit_error
from merlin.openai_protocol.requests import MAX_METADATA, Page

VALIDATING = "validating_files"
QUEUED = "queued"
RUNNING = "running"
SUCCEEDED = "succeeded"
FAILED = "failed"
CANCELLED = "cancelled"
FINAL = (SUCCEEDED, FAILED, CANCELLED)
ACTIVE_STATES = (VALIDATING, QUEUED, RUNNING)
# Jobs that wait to be trained; those of a caller in a loop would fill the disk.
MAX_WAITING = 100
_ASK_AGAIN_S = 60.0
MAX_SEED = 2**31 - 1
# The columns of a Job that hold JSON.
_JSON_COLUMNS = ("metadata", "hyperparameters")
# The columns of a results file after the step, and our metrics in each: trainers count accuracy by
# token or by question. Source: OpenAI's guide "Fine-tuning", analyzing your fine-tuned model.
_RESULTS = {
    "train_loss": ["train_loss"],
    "train_accuracy": ["train_accuracy", "train_mean_token_accuracy"],
    "valid_loss": ["valid_loss"],
    "valid_mean_token_accuracy": ["valid_mean_token_accuracy", "valid_accuracy"],
}
# Fixed, so that the same file gives the same model.
DEFAULT_SEED = 42


@dataclass(frozen=True, slots=True)
class Job:
    """A snapshot of one job; times are seconds since 1970, UTC.

    `hyperparameters` are complete ("auto" where the trainer decides). `error` is the cause of
    failure in the protocol's form.
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
    created_at: int = field(default_factory=lambda: int(utc_now().timestamp()))
    finished_at: int | None = None
    status: str = VALIDATING
    trained_tokens: int | None = None
    error: Mapping[str, object] | None = None
    result_file: str | None = None

    @property
    def is_over(self) -> bool:
        """Return whether the status is final."""
        return self.status in FINAL

    @property
    def form(self) -> str:
        """Return the method of whose form its files are."""
        return str(self.hyperparameters.get("form", self.method))

    @property
    def weights(self) -> str | None:
        """Return the file of an adapter that was trained elsewhere, None if the job trains one."""
        weights = self.hyperparameters.get("weights")
        return None if weights is None else str(weights)

    @property
    def model_name(self) -> str:
        """Return the name of the model that the job produces."""
        return f"ft:{self.base}:merlin:{self.suffix}:{self.job_id[-8:]}"


_Key = Annotated[str, Field(max_length=64)]
_Value = Annotated[str, Field(max_length=512)]
_Name = Annotated[str, Field(min_length=1)]


class JobRequest(RequestBody):
    """The body of POST /fine_tuning/jobs. Source: openapi.yaml, CreateFineTuningJobRequest."""

    model: _Name
    training_file: _Name
    validation_file: str | None = None
    suffix: str | None = Field(default=None, max_length=64, pattern=r"^[\w.-]+$")
    seed: int | None = Field(default=None, ge=0, le=MAX_SEED)
    metadata: dict[_Key, _Value] | None = Field(default=None, max_length=MAX_METADATA)
    method: dict[str, Any] | None = None
    hyperparameters: Any = None
    integrations: list[Any] | None = Field(default=None, max_length=0)


def read_job(body: Mapping[str, object], bases: Bases) -> Job:
    """Build a new job from the body of POST /fine_tuning/jobs.

    Raises ApiError 400 that names the invalid field.
    """
    request = JobRequest.parse(body)
    if request.model not in bases:
        names = ", ".join(bases)
        message = f"The model `{request.model}` cannot be tuned here; those that can: {names}."
        raise bad_field("model", message, "model_not_available")
    base = bases[request.model]
    method, requested = _parse_method(base, request)
    if requested is not None and not isinstance(requested, dict):
        raise bad_field("hyperparameters", "hyperparameters must be an object")
    known = base.trainer.hyperparameters[method]
    return Job(
        base=request.model,
        method=method,
        training_file=request.training_file,
        validation_file=request.validation_file or None,
        suffix=request.suffix or "",
        seed=DEFAULT_SEED if request.seed is None else request.seed,
        metadata=request.metadata or {},
        hyperparameters=check_hyperparameters(method, known, requested or {}),
    )


def _parse_method(base: Base, job_request: JobRequest) -> tuple[str, object]:
    """Return the name of the method and its hyper-parameters from the request."""
    if job_request.method is None:
        return SUPERVISED, job_request.hyperparameters
    kind = job_request.method.get("type")
    methods = base.trainer.hyperparameters
    if not isinstance(kind, str) or kind not in methods:
        known = ", ".join(f"'{method}'" for method in methods)
        raise bad_field(
            "method", f"method.type must be one of {known} for the model `{base.name}`"
        )
    block = job_request.method.get(kind) or {}
    return kind, block.get("hyperparameters") if isinstance(block, dict) else block


@dataclass(frozen=True, slots=True)
class JobEvent:
    """A new event: `key` is unique within the job; `content` has the metrics, if any."""

    key: str
    message: str
    level: str = "info"
    content: Mapping[str, object] = field(default_factory=dict)


class JobEvents:
    """The events of all jobs."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, job_id: str, event: JobEvent) -> None:
        """Add an event, unless the job has one with this key."""
        self._database.insert(
            "event",
            "IGNORE",
            id=f"ftevent-{hashlib.sha256(f'{job_id} {event.key}'.encode()).hexdigest()[:24]}",
            job_id=job_id,
            created_at=int(utc_now().timestamp()),
            level=event.level,
            type="metrics" if event.content else "message",
            message=event.message,
            data=json.dumps(dict(event.content)),
        )

    def list(self, job_id: str, page: Page) -> tuple[list[Row], bool]:
        """Return a page of a job's events, and whether more follow."""
        return read_page(self._database, "event", "job_id = ?", [job_id], page)

    def build_results(self, job_id: str) -> bytes:
        """Return the metrics of a job by step: CSV, in base64 as OpenAI's own results files are."""
        sql = (
            "SELECT data FROM event WHERE job_id = ? AND type = 'metrics' ORDER BY seq"
        )
        by_step: dict[int, dict[str, object]] = {}
        for row in self._database.select(sql, job_id):
            metrics = json.loads(row["data"])
            by_step.setdefault(metrics["step"], {}).update(metrics)
        content = io.StringIO()
        table = csv.writer(content, lineterminator="\n")
        table.writerow(["step", *_RESULTS])
        for step, metrics in sorted(by_step.items()):
            cells = (
                [metrics[name] for name in names if name in metrics]
                for names in _RESULTS.values()
            )
            table.writerow([step, *(next(iter(found), "") for found in cells)])
        return base64.b64encode(content.getvalue().encode())


def event_object(row: Row) -> dict[str, object]:
    """Return the protocol's FineTuningJobEvent."""
    names = "id", "created_at", "level", "message", "type"
    return responses.job_event_object(
        **{name: row[name] for name in names}, data=json.loads(row["data"])
    )


class Jobs:
    """The repository of jobs."""

    def __init__(self, database: Database, job_events: JobEvents) -> None:
        self._database = database
        self._job_events = job_events

    def create(self, job: Job) -> None:
        """Store a new job. Raises ApiError 429 if as many wait as may."""
        columns = asdict(job) | {
            name: json.dumps(getattr(job, name)) for name in _JSON_COLUMNS
        }
        job_id = columns.pop("job_id")
        with self._database.transaction():
            if len(self.list_in(VALIDATING, QUEUED)) >= MAX_WAITING:
                raise limit_error(
                    f"{MAX_WAITING} fine-tuning jobs wait already: try again when some are done.",
                    _ASK_AGAIN_S,
                )
            self._database.insert("job", id=job_id, **columns)
            self._job_events.add(
                job_id, JobEvent("created", f"Created fine-tuning job: {job_id}")
            )
        kill_point("engine.job_recorded")

    def get(self, job_id: str) -> Job:
        """Return a job. Raises ApiError 404 if there is none with this id."""
        return _build_job(read_object(self._database, "job", job_id))

    def list_in(self, *states: str) -> list[Job]:
        """Return the jobs in `states`, sorted by the order of `states`, then oldest first."""
        # One query: between two, a job that begins would be in none of the states.
        marks = ", ".join("?" * len(states))
        sql = f"SELECT * FROM job WHERE status IN ({marks}) ORDER BY seq"  # noqa: S608 - our own marks
        jobs = map(_build_job, self._database.select(sql, *states))
        return sorted(jobs, key=lambda job: states.index(job.status))

    def list(self, metadata: Mapping[str, str], page: Page) -> tuple[list[Job], bool]:
        """Return a page of the jobs with all these metadata pairs, and whether more follow."""
        has = (
            "EXISTS (SELECT 1 FROM json_each(job.metadata) WHERE key = ? AND value = ?)"
        )
        where = " AND ".join(["TRUE", *[has] * len(metadata)])
        values = [part for pair in metadata.items() for part in pair]
        rows, has_more = read_page(self._database, "job", where, values, page)
        return [_build_job(row) for row in rows], has_more

    def count_by_base_and_state(self) -> dict[tuple[str, str], int]:
        """Return the number of jobs by base and state."""
        query = self._database.select(
            "SELECT base, status, COUNT(*) AS n FROM job GROUP BY 1, 2"
        )
        return {(row["base"], row["status"]): row["n"] for row in query}

    def move(
        self, job_id: str, to: str, *states: str, event: JobEvent, **fields: Any
    ) -> bool:
        """Move a job from one of `states` to `to`, set `fields` and add the event.

        Returns False, and changes nothing, if the job is in another state.
        """
        fields = {"status": to, **fields}
        if to in FINAL:
            fields["finished_at"] = int(utc_now().timestamp())
        sets = ", ".join(f"{name} = ?" for name in fields)
        marks = ", ".join("?" * len(states))
        sql = f"UPDATE job SET {sets} WHERE id = ? AND status IN ({marks})"  # noqa: S608 - our own names
        with self._database.transaction():
            if not self._database.change(sql, *fields.values(), job_id, *states):
                return False
            self._job_events.add(job_id, event)
        return True

    def store_resolved(
        self, job_id: str, hyperparameters: Mapping[str, object]
    ) -> None:
        """Store the resolved hyper-parameters."""
        sql = "UPDATE job SET hyperparameters = ? WHERE id = ?"
        self._database.change(sql, json.dumps(dict(hyperparameters)), job_id)

    def fail(self, job_id: str, failure: Untrainable, language: str) -> bool:
        """Mark a job as failed, with the reason in a language; return False if it is not active.

        Source: openapi.yaml, FineTuningJob.
        """
        message = text(language, failure.key, **failure.arguments)
        event = JobEvent("failed", f"Job failed: {message}", "error")
        error = {"code": failure.code, "message": message, "param": failure.param}
        return self.move(
            job_id, FAILED, *ACTIVE_STATES, event=event, error=json.dumps(error)
        )

    def cancel(self, job_id: str) -> Job:
        """Cancel a job. Raises ApiError 400 if it has succeeded or failed."""
        event = JobEvent("cancelled", "Fine-tuning job cancelled")
        self.move(job_id, CANCELLED, *ACTIVE_STATES, event=event)
        job = self.get(job_id)
        if job.status != CANCELLED:
            raise ApiError(
                400, f"The job is {job.status}: only a job under way can be cancelled."
            )
        return job


def _build_job(row: Row) -> Job:
    columns = {**row, **{name: json.loads(row[name]) for name in _JSON_COLUMNS}}
    columns |= {
        "job_id": row["id"],
        "error": json.loads(row["error"]) if row["error"] else None,
    }
    return Job(**{field.name: columns[field.name] for field in fields(Job)})


def job_object(job: Job) -> dict[str, object]:
    """Return the protocol's FineTuningJob."""
    hyperparameters = dict(job.hyperparameters)
    return responses.job_object(
        id=job.job_id,
        status=job.status,
        model=job.base,
        created_at=job.created_at,
        organization_id="merlin",
        training_file=job.training_file,
        validation_file=job.validation_file,
        hyperparameters=hyperparameters,
        method={"type": job.method, job.method: {"hyperparameters": hyperparameters}},
        metadata=job.metadata,
        seed=job.seed,
        error=job.error,
        fine_tuned_model=job.model_name if job.status == SUCCEEDED else None,
        result_files=[job.result_file] if job.result_file else [],
        finished_at=job.finished_at,
        trained_tokens=job.trained_tokens,
    )
