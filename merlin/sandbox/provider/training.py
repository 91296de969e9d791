"""Files and fine-tune jobs: an account whose jobs advance one state per poll.

Every file, job and state change is journaled before the response, so the account survives
`kill -9`. `Behaviour` varies correct responses as real providers do; faults of single calls (drops,
429, 5xx, lag) are in `tests.support.faults`.
"""

import asyncio
import hashlib
import json
import secrets
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

from pydantic import ConfigDict
from pydantic.dataclasses import dataclass as checked_dataclass

from merlin.openai_protocol import responses
from merlin.openai_protocol.errors import ApiError, bad_field, missing
from merlin.openai_protocol.requests import MAX_METADATA
from merlin.openai_protocol.responses import (
    checkpoint_object,
    deleted_object,
    file_object,
    job_event_object,
)
from merlin.sandbox.server import AppendLog

DEFAULT_STATES = ("validating_files", "queued", "running")


@checked_dataclass(frozen=True, slots=True, config=ConfigDict(extra="forbid"))
class Behaviour:
    """The pace of chats and the course of jobs.

    `states` are a job's raw states, one per poll, before it ends; so it ends at poll number
    `len(states)` (0: at the first). A state unknown to clients is allowed. `ending` is succeeded,
    failed or cancelled. After success the model is null for `null_model_polls` more polls.
    `list_lag_s`: how long a new job is missing from lists.
    `think_s` passes before an answer's first word, `piece_s` between its words; a change of either
    also affects answers in progress.
    `fixed_answer`, when set, is every answer, verbatim; `fixed_transcript` is the transcript of
    every recording. `cached_tokens` of each question are in the cache. `extension` is returned with
    every answer as `merlin`, as our engine does.
    """

    states: tuple[str, ...] = DEFAULT_STATES
    ending: str = "succeeded"
    null_model_polls: int = 0
    list_lag_s: float = 0.0
    think_s: float = 0.0
    piece_s: float = 0.0
    context_window: int = 16_000
    fixed_answer: str = ""
    fixed_transcript: str = ""
    cached_tokens: int = 0
    extension: dict[str, Any] = field(default_factory=dict)


BASES = ("stand-in-base", "gpt-4o-mini-2024-07-18")
EPOCHS = 3
# Separates a tuned model's id from a checkpoint's step.
CHECKPOINT = ":ckpt-step-"
FINAL = frozenset({"succeeded", "failed", "cancelled"})
PURPOSES = frozenset({"assistants", "batch", "evals", "fine-tune", "user_data", "vision"})
# Allowed ranges of hyper-parameters, besides "auto".
_RANGES = {"n_epochs": (1, 50), "batch_size": (1, 256), "learning_rate_multiplier": (0, 1000)}


@dataclass(slots=True)
class TrainingJob:
    """One job: the creation request (`asked`) and its state."""

    job_id: str
    created_at: float
    asked: Mapping[str, Any]
    status: str = "validating_files"
    polls: int = 0
    polls_since_end: int = 0
    finished_at: float | None = None

    @property
    def metadata(self) -> dict[str, str]:
        """Return the client's metadata of the job."""
        metadata_field = self.asked.get("metadata") or {}
        return {str(name): str(value) for name, value in metadata_field.items()}

    @property
    def model_id(self) -> str:
        """Return the id of the model that this job produces."""
        suffix, number = str(self.asked.get("suffix") or ""), self.job_id[-8:]
        if uri := self.asked.get("base_uri"):  # Yandex's format
            return f"{uri}@tamr{number}"
        return f"ft:{self.asked['model']}:stand-in:{suffix}:{number}"


@dataclass(slots=True)
class Account:
    """Files and jobs of one provider account. Used only by the server's thread."""

    folder: Path | None = None
    behaviour: Behaviour = field(default_factory=Behaviour)
    files: dict[str, dict[str, Any]] = field(default_factory=dict)
    jobs: dict[str, TrainingJob] = field(default_factory=dict)
    _journal: AppendLog = field(init=False)
    _pauses: set[asyncio.Event] = field(default_factory=set)
    _deleted_models: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._journal = AppendLog(self.folder, "provider.jsonl")
        for line in self._journal.replay():
            self._apply(line)

    def close(self) -> None:
        """Close the journal."""
        self._journal.close()

    def behave(self, fields: Mapping[str, Any]) -> None:
        """Change the behaviour. Raises ValueError."""
        self.behaviour = replace(self.behaviour, **fields)
        for changed in self._pauses:
            changed.set()

    async def pause(self, setting: str) -> None:
        """Sleep for `think_s` or `piece_s`; a change of it also affects sleeps in progress."""
        await asyncio.sleep(0)  # yield to other tasks even when the pause is 0
        started_at, changed = time.monotonic(), asyncio.Event()
        self._pauses.add(changed)
        try:
            while (
                remaining_s := started_at + getattr(self.behaviour, setting) - time.monotonic()
            ) > 0:
                changed.clear()
                with suppress(TimeoutError):
                    async with asyncio.timeout(remaining_s):
                        await changed.wait()
        finally:
            self._pauses.discard(changed)

    def _record(self, **change: Any) -> None:
        self._journal.append(change)
        self._apply(change)

    def _apply(self, change: Mapping[str, Any]) -> None:
        match change:
            case {"kind": "file", "file": file}:
                self.files[file["id"]] = dict(file)
            case {"kind": "gone", "file_id": file_id}:
                self.files.pop(file_id, None)
            case {"kind": "model gone", "model": model}:
                self._deleted_models.add(model)
            case {"kind": "job", "job_id": job_id, "at": at, "asked": asked}:
                self.jobs[job_id] = TrainingJob(job_id, at, asked)
            case {"kind": "status", "job_id": job_id, "status": status, "at": at}:
                job = self.jobs[job_id]
                job.status = status
                job.finished_at = at if status in FINAL else None
            case _:
                pass

    def add_file(
        self, name: str, purpose: str, content: bytes, file_id: str = ""
    ) -> dict[str, Any]:
        """Store a file, under its existing id if given; return its File object."""
        if purpose not in PURPOSES:
            raise bad_field("purpose", f"'{purpose}' is not one of {sorted(PURPOSES)} - 'purpose'")
        if purpose == "fine-tune" and not name.endswith(".jsonl"):
            raise bad_field("file", "Invalid file format. It should be .jsonl")
        file_id = file_id or f"file-{secrets.token_hex(12)}"
        file = file_object(file_id, name, len(content), time.time(), purpose)
        self._journal.store(file_id, content)
        self._record(kind="file", file=file)
        return file

    def file(self, file_id: str) -> dict[str, Any]:
        """Return a File object. Raises ApiError 404."""
        if file_id not in self.files:
            raise missing("File object", file_id)
        return self.files[file_id]

    def content(self, file_id: str) -> bytes:
        """Return a file's bytes. Raises ApiError 404."""
        self.file(file_id)
        return self._journal.read(file_id)

    def remove_file(self, file_id: str) -> dict[str, Any]:
        """Delete a file; return the response. Raises ApiError 404."""
        self.file(file_id)
        self._record(kind="gone", file_id=file_id)
        return deleted_object(file_id, "file")

    def create_job(self, body: Mapping[str, Any]) -> TrainingJob:
        """Create a job. Raises ApiError 400 for an invalid request."""
        model = str(body.get("model", ""))
        if model not in BASES and model not in self.models():
            message = f"Model {model} is not available for fine-tuning or does not exist."
            raise ApiError(400, message, code="model_not_available", param="model")
        for name in ("training_file", "validation_file"):
            file_id = body.get(name)
            if (file_id or name == "training_file") and file_id not in self.files:
                raise bad_field(name, f"invalid {name}: {file_id}")
        metadata = body.get("metadata") or {}
        if not isinstance(metadata, dict) or len(metadata) > MAX_METADATA:
            raise bad_field("metadata", "Too many properties in 'metadata': at most 16")
        method = body.get("method") or {}
        block = method.get(method.get("type")) or body
        hyperparameters = block.get("hyperparameters") or {}
        for name, (minimum, maximum) in _RANGES.items():
            value = hyperparameters.get(name, "auto")
            is_number = isinstance(value, int | float) and not isinstance(value, bool)
            if value != "auto" and not (is_number and minimum <= value <= maximum):
                message = f"{value!r} is not 'auto' or a number from {minimum} to {maximum}"
                raise bad_field(f"hyperparameters.{name}", f"{message} - 'hyperparameters.{name}'")
        job_id = f"ftjob-{secrets.token_hex(12)}"
        self._record(kind="job", job_id=job_id, at=time.time(), asked=dict(body))
        return self.jobs[job_id]

    def job(self, job_id: str) -> TrainingJob:
        """Return a job. Raises ApiError 404."""
        if job_id not in self.jobs:
            raise missing("fine-tuning job", job_id)
        return self.jobs[job_id]

    def poll(self, job_id: str) -> TrainingJob:
        """Return a job after advancing it by one state. Raises ApiError 404."""
        job = self.job(job_id)
        if job.status in FINAL:
            job.polls_since_end += 1
            return job
        states = self.behaviour.states
        status = states[job.polls] if job.polls < len(states) else self.behaviour.ending
        job.polls += 1
        if status != job.status:
            self._record(kind="status", job_id=job_id, status=status, at=time.time())
        return job

    def cancel(self, job_id: str) -> TrainingJob:
        """Cancel a job. Raises ApiError 400 when it has ended."""
        job = self.job(job_id)
        if job.status in FINAL:
            raise ApiError(400, f"Job has already completed: {job.status}")
        self._record(kind="status", job_id=job_id, status="cancelled", at=time.time())
        return job

    def visible_jobs(self, metadata: Mapping[str, str]) -> list[TrainingJob]:
        """Return the jobs visible in lists now, newest first."""
        created_before = time.time() - self.behaviour.list_lag_s
        return [
            job
            for job in reversed(self.jobs.values())
            if job.created_at <= created_before and metadata.items() <= job.metadata.items()
        ]

    def job_of_model(self, model: str) -> TrainingJob | None:
        """Return the job that produced a tuned model or a checkpoint, None for any other name."""
        return self.models().get(model.partition(CHECKPOINT)[0])

    def models(self) -> dict[str, TrainingJob]:
        """Return the jobs of the available tuned models, by model id."""
        by_model_id = {job.model_id: job for job in self.jobs.values() if self.tuned_model(job)}
        return {name: job for name, job in by_model_id.items() if name not in self._deleted_models}

    def remove_model(self, name: str) -> dict[str, Any]:
        """Delete a tuned model or a checkpoint; return the response. Raises ApiError 404."""
        if name in self._deleted_models or self.job_of_model(name) is None:
            raise missing("model", name)
        self._record(kind="model gone", model=name)
        return deleted_object(name, "model")

    def tuned_model(self, job: TrainingJob) -> str | None:
        """Return the model that the job reports now, None before success.

        With `null_model_polls` it stays None for so many polls after success.
        """
        is_hidden = job.polls_since_end < self.behaviour.null_model_polls
        return job.model_id if job.status == "succeeded" and not is_hidden else None

    def trained_answer(self, job: TrainingJob, question: str) -> str:
        """Return the training file's answer to exactly this question, "" without one."""
        file_id = str(job.asked["training_file"])
        if file_id not in self.files:
            return ""
        for line in self.content(file_id).splitlines():
            messages = json.loads(line).get("messages", []) if line.strip() else []
            for question_message, answer_message in pairwise(messages):
                if question_message["role"] == "user" and question_message["content"] == question:
                    return str(answer_message["content"])
        return ""


STEPS = 10


def job_object(account: Account, job: TrainingJob) -> dict[str, Any]:
    """Return a FineTuningJob object."""
    body = job.asked
    file = account.files.get(str(body["training_file"]), {"bytes": 0})
    method = body.get("method") or {"type": "supervised", "supervised": {"hyperparameters": {}}}
    failure = None
    if job.status == "failed":
        message = "The job failed due to an invalid training file."
        failure = {"code": "invalid_training_file", "message": message, "param": "training_file"}
    return responses.job_object(
        id=job.job_id,
        status=job.status,
        model=body["model"],
        created_at=int(job.created_at),
        organization_id="org-stand-in",
        training_file=body["training_file"],
        validation_file=body.get("validation_file"),
        hyperparameters={"n_epochs": EPOCHS, "batch_size": 1, "learning_rate_multiplier": 1.0},
        method=method,
        metadata=body.get("metadata"),
        seed=int(body.get("seed") or 0),
        error=failure,
        fine_tuned_model=account.tuned_model(job),
        finished_at=int(job.finished_at) if job.finished_at else None,
        trained_tokens=file["bytes"] // 4 * EPOCHS if job.status == "succeeded" else None,
    )


def event_objects(job: TrainingJob) -> list[dict[str, Any]]:
    """Return a job's events, newest first."""
    entries: list[tuple[str, str, dict[str, float]]] = [
        ("message", f"Created fine-tuning job: {job.job_id}", {})
    ]
    if job.status in FINAL:
        entries += [
            (
                "metrics",
                f"Step {step}: training loss={loss:.2f}",
                {"step": step, "train_loss": loss},
            )
            for step, loss in _losses()
        ]
    entries.append(("message", f"The job's state: {job.status}", {}))
    last = len(entries) - 1
    events = [
        job_event_object(
            f"ftevent-{_digest(job.job_id, number)}",
            job.created_at,
            message,
            level="error" if job.status == "failed" and number == last else "info",
            kind=kind,
            data=data,
        )
        for number, (kind, message, data) in enumerate(entries)
    ]
    return events[::-1]


def checkpoint_objects(job: TrainingJob) -> list[dict[str, Any]]:
    """Return a checkpoint for each epoch of a succeeded job, newest first."""
    if job.status != "succeeded":
        return []
    return [
        checkpoint_object(
            f"ftckpt_{_digest(job.job_id, step)}",
            job.job_id,
            f"{job.model_id}{CHECKPOINT}{step}",
            job.created_at,
            step,
            {"step": step, "train_loss": loss, "valid_loss": loss + 0.1},
        )
        for step, loss in reversed(_losses())
    ]


def _losses() -> list[tuple[int, float]]:
    """Return (step, train loss) at each epoch's end; made up, and the same for every job."""
    return [(STEPS * epoch, round(2.0 / (epoch + 1), 4)) for epoch in range(1, EPOCHS + 1)]


def _digest(*parts: object) -> str:
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:24]
