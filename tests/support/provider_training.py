"""A provider that also stores files and trains: its jobs advance one state per poll.

`Behaviour` varies correct responses as real providers do.
"""

import asyncio
import hashlib
import json
import secrets
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

from pydantic import ConfigDict
from pydantic.dataclasses import dataclass as checked_dataclass
from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from merlin.openai_protocol import responses
from merlin.openai_protocol.errors import (
    ApiError,
    bad_field,
    context_length_error,
    missing,
    unknown_model,
)
from merlin.openai_protocol.requests import (
    MAX_METADATA,
    Page,
    parse_metadata_filter,
    parse_page,
    read_body,
)
from merlin.openai_protocol.responses import (
    checkpoint_object,
    deleted_object,
    file_object,
    job_event_object,
    list_page,
    model_object,
)
from merlin.sandbox.provider import app as provider_app
from merlin.sandbox.provider.app import CHAT_MODEL, MAX_QUESTION_BYTES
from merlin.sandbox.provider.chat import (
    answer as compose_by_rules,
    find_last_question,
    read_messages,
)
from merlin.sandbox.server import ApiRoute, AppendLog
from tests.support.composed_answers import (
    answer_from_sources,
    draft_examples,
    wants_examples,
)

DEFAULT_STATES = ("validating_files", "queued", "running")


@checked_dataclass(frozen=True, slots=True, config=ConfigDict(extra="forbid"))
class Behaviour:
    """The pace and the contents of answers, and the course of jobs.

    `think_s` passes before an answer's first word, `piece_s` between its words. `fixed_answer`,
    when set, is every answer, verbatim; `fixed_transcript` is the transcript of every recording.
    `cached_tokens` of each question are in the cache. `extension` is returned with every answer as
    `merlin`, as our engine does.
    `states` are a job's raw states, one per poll, before it ends; so it ends at poll number
    `len(states)` (0: at the first). A state unknown to clients is allowed. `ending` is succeeded,
    failed or cancelled; `cancelled` is the state of a cancelled job. After success the model is
    null for `null_model_polls` more polls.
    `list_lag_s`: how long a new job is missing from lists. With `endless_lists` each page has new
    ids and promises another. Without `applies_weights` trained models
    answer as their base; with `names_base` their answers say that the base has answered.
    """

    think_s: float = 0.0
    piece_s: float = 0.0
    context_window: int = 16_000
    fixed_answer: str = ""
    fixed_transcript: str = ""
    cached_tokens: int = 0
    extension: dict[str, Any] = field(default_factory=dict)
    states: tuple[str, ...] = DEFAULT_STATES
    ending: str = "succeeded"
    cancelled: str = "cancelled"
    null_model_polls: int = 0
    list_lag_s: float = 0.0
    endless_lists: bool = False
    applies_weights: bool = True
    names_base: bool = False


BASE_MODEL = "stand-in-base"
BASES = (BASE_MODEL, "gpt-4o-mini-2024-07-18", "recall")
EPOCHS = 3
# Separates a tuned model's id from a checkpoint's step.
CHECKPOINT = ":ckpt-step-"
FINAL = frozenset({"succeeded", "failed", "cancelled"})
PURPOSES = frozenset(
    {"assistants", "batch", "evals", "fine-tune", "user_data", "vision"}
)
# Allowed ranges of hyper-parameters, besides "auto".
_RANGES = {
    "n_epochs": (1, 50),
    "batch_size": (1, 256),
    "learning_rate_multiplier": (0, 1000),
}


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
        suffix = str(self.asked.get("suffix") or "")
        number = self.job_id[-8:]
        return f"ft:{self.asked['model']}:stand-in:{suffix}:{number}"


class TrainingAccount:
    """Files and jobs of one provider account. Used only by the server's thread."""

    def __init__(self, folder: Path | None = None) -> None:
        self.behaviour = Behaviour()
        self._pauses: set[asyncio.Event] = set()
        self.files: dict[str, dict[str, Any]] = {}
        self.jobs: dict[str, TrainingJob] = {}
        self._deleted_models: set[str] = set()
        self._journal = AppendLog(folder, "provider.jsonl")
        for line in self._journal.replay():
            self._apply(line)

    def behave(self, fields: Mapping[str, Any]) -> None:
        """Change the behaviour; answers in progress change their pace. Raises ValueError."""
        self.behaviour = replace(self.behaviour, **fields)
        for changed in self._pauses:
            changed.set()

    async def pause(self, setting: str) -> None:
        """Sleep for `think_s` or `piece_s`; a change of it also affects sleeps in progress."""
        await asyncio.sleep(0)  # yield to other tasks even when the pause is 0
        started_at = time.monotonic()
        changed = asyncio.Event()
        self._pauses.add(changed)
        try:
            while (
                remaining_s := started_at
                + getattr(self.behaviour, setting)
                - time.monotonic()
            ) > 0:
                changed.clear()
                with suppress(TimeoutError):
                    async with asyncio.timeout(remaining_s):
                        await changed.wait()
        finally:
            self._pauses.discard(changed)

    def close(self) -> None:
        """Close the journal."""
        self._journal.close()

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

    def add_file(
        self, name: str, purpose: str, content: bytes, file_id: str = ""
    ) -> dict[str, Any]:
        """Store a file, under its existing id if given; return its File object."""
        if purpose not in PURPOSES:
            raise bad_field(
                "purpose", f"'{purpose}' is not one of {sorted(PURPOSES)} - 'purpose'"
            )
        if purpose == "fine-tune" and not name.endswith(".jsonl"):
            raise bad_field("file", "Invalid file format. It should be .jsonl")
        file_id = file_id or f"file-{secrets.token_hex(12)}"
        file = file_object(
            id=file_id,
            filename=name,
            bytes=len(content),
            created_at=int(time.time()),
            purpose=purpose,
        )
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
            message = (
                f"Model {model} is not available for fine-tuning or does not exist."
            )
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
                message = (
                    f"{value!r} is not 'auto' or a number from {minimum} to {maximum}"
                )
                raise bad_field(
                    f"hyperparameters.{name}", f"{message} - 'hyperparameters.{name}'"
                )
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
        status = self.behaviour.cancelled
        self._record(kind="status", job_id=job_id, status=status, at=time.time())
        return job

    def visible_jobs(self, metadata: Mapping[str, str]) -> list[TrainingJob]:
        """Return the jobs visible in lists now, newest first."""
        created_before = time.time() - self.behaviour.list_lag_s
        return [
            job
            for job in reversed(self.jobs.values())
            if job.created_at <= created_before
            and metadata.items() <= job.metadata.items()
        ]

    def job_of_model(self, model: str) -> TrainingJob | None:
        """Return the job that produced a tuned model or a checkpoint, None for any other name."""
        return self.models().get(model.partition(CHECKPOINT)[0])

    def models(self) -> dict[str, TrainingJob]:
        """Return the jobs of the available tuned models, by model id."""
        by_model_id = {
            job.model_id: job for job in self.jobs.values() if self.tuned_model(job)
        }
        return {
            name: job
            for name, job in by_model_id.items()
            if name not in self._deleted_models
        }

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
                if (
                    question_message["role"] == "user"
                    and question_message["content"] == question
                ):
                    return str(answer_message["content"])
        return ""


STEPS = 10


def job_object(account: TrainingAccount, job: TrainingJob) -> dict[str, Any]:
    """Return a FineTuningJob object."""
    body = job.asked
    file = account.files.get(str(body["training_file"]), {"bytes": 0})
    method = body.get("method") or {
        "type": "supervised",
        "supervised": {"hyperparameters": {}},
    }
    failure = None
    if job.status == "failed":
        message = "The job failed due to an invalid training file."
        failure = {
            "code": "invalid_training_file",
            "message": message,
            "param": "training_file",
        }
    return responses.job_object(
        id=job.job_id,
        status=job.status,
        model=body["model"],
        created_at=int(job.created_at),
        organization_id="org-stand-in",
        training_file=body["training_file"],
        validation_file=body.get("validation_file"),
        hyperparameters={
            "n_epochs": EPOCHS,
            "batch_size": 1,
            "learning_rate_multiplier": 1.0,
        },
        method=method,
        metadata=body.get("metadata"),
        seed=int(body.get("seed") or 0),
        error=failure,
        fine_tuned_model=account.tuned_model(job),
        finished_at=int(job.finished_at) if job.finished_at else None,
        trained_tokens=file["bytes"] // 4 * EPOCHS
        if job.status == "succeeded"
        else None,
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
            id=f"ftevent-{_digest(job.job_id, number)}",
            created_at=int(job.created_at),
            message=message,
            level="error" if job.status == "failed" and number == last else "info",
            type=kind,
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
            id=f"ftckpt_{_digest(job.job_id, step)}",
            fine_tuning_job_id=job.job_id,
            fine_tuned_model_checkpoint=f"{job.model_id}{CHECKPOINT}{step}",
            created_at=int(job.created_at),
            step_number=step,
            metrics={"step": step, "train_loss": loss, "valid_loss": loss + 0.1},
        )
        for step, loss in reversed(_losses())
    ]


def _losses() -> list[tuple[int, float]]:
    """Return (step, train loss) at each epoch's end; made up, and the same for every job."""
    return [
        (STEPS * epoch, round(2.0 / (epoch + 1), 4)) for epoch in range(1, EPOCHS + 1)
    ]


def _digest(*parts: object) -> str:
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:24]


JOBS = "/v1/fine_tuning/jobs"
JOB = f"{JOBS}/{{job_id}}"
_TRAINED = "(Демо-модель: ответ взят из файла для обучения.)"


class TrainingStandIn(provider_app.ProviderStandIn):
    """A provider that also stores files and trains.

    `folder` keeps files and jobs (None: in memory): a new stand-in on the same folder is the
    provider after a restart.
    """

    def __init__(
        self, folder: Path | None = None, *, key: str = "", port: int = 0
    ) -> None:
        self._account = TrainingAccount(folder)
        self._listed = 0
        super().__init__(key=key, port=port)

    async def close(self) -> None:
        """Close the journal."""
        self._account.close()

    @property
    def context_window(self) -> int:
        """Return the window of every model."""
        return self._account.behaviour.context_window

    async def pause(self, before: str) -> None:
        """Sleep before an `answer` or a `piece` of it."""
        await self._account.pause("piece_s" if before == "piece" else "think_s")

    def count_usage(self, prompt: int, completion: int) -> dict[str, Any]:
        """Return the token counts of an answer. Raises ApiError for a prompt beyond the window."""
        if prompt > self.context_window:
            raise context_length_error(prompt, self.context_window)
        cached_tokens = self._account.behaviour.cached_tokens
        return responses.usage_object(prompt, completion, cached_tokens)

    def extend(self) -> dict[str, Any]:
        """Return the fields of an answer that the protocol does not have."""
        extension = self._account.behaviour.extension
        return {"merlin": extension} if extension else {}

    def read_recording(self, content: bytes) -> str:
        """Return the text of a recording, "" for none."""
        return self._account.behaviour.fixed_transcript or super().read_recording(
            content
        )

    def _routes(self) -> list[ApiRoute]:
        account = self._account
        as_object = partial(job_object, account)
        return [
            *super()._routes(),
            ("models.delete", "DELETE", "/v1/models/{name:path}", account.remove_model),
            ("files.create", "POST", "/v1/files", self._create_file),
            ("files.list", "GET", "/v1/files", self._list_files),
            ("files.retrieve", "GET", "/v1/files/{file_id}", account.file),
            ("files.delete", "DELETE", "/v1/files/{file_id}", account.remove_file),
            ("jobs.create", "POST", JOBS, self._create_job),
            ("jobs.list", "GET", JOBS, self._list_jobs),
            (
                "jobs.retrieve",
                "GET",
                JOB,
                lambda job_id: as_object(account.poll(job_id)),
            ),
            (
                "jobs.cancel",
                "POST",
                f"{JOB}/cancel",
                lambda job_id: as_object(account.cancel(job_id)),
            ),
            ("jobs.events", "GET", f"{JOB}/events", self._list_events),
            ("jobs.checkpoints", "GET", f"{JOB}/checkpoints", self._list_checkpoints),
        ]

    def _models(self) -> list[dict[str, Any]]:
        models = super()._models()
        tuned = {name: job.created_at for name, job in self._account.models().items()}
        base = {BASE_MODEL: models[0]["created"]}
        window = self.context_window
        return [
            *models,
            *(
                model_object(name, at, "stand-in", context_window=window)
                for name, at in {**base, **tuned}.items()
            ),
        ]

    async def _create_completion(self, request: Request) -> Response:
        """Answer as the chat model does, unless the model was trained on the very question."""
        account = self._account
        body = await read_body(request, MAX_QUESTION_BYTES)
        model = str(body.get("model", ""))
        job = account.job_of_model(model)
        if job is None and model not in {CHAT_MODEL, BASE_MODEL}:
            raise unknown_model(model)
        messages = read_messages(body.get("messages"))
        parts = [part for message in messages for part in message.get("content") or ()]
        if model != CHAT_MODEL and any("image_url" in part for part in parts):
            message = (
                "Invalid content type. image_url is only supported by certain models."
            )
            raise bad_field("messages", message)
        answer = _compose_answer(account.behaviour.fixed_answer, body, messages)
        # A fixed answer is that of trained models, not of the base that they are compared with.
        is_compared = model == BASE_MODEL and body.get("temperature") == 0
        if is_compared and answer == account.behaviour.fixed_answer:
            answer = compose_by_rules(messages)
        if (
            job
            and account.behaviour.applies_weights
            and not account.behaviour.fixed_answer
        ):
            trained_answer = account.trained_answer(job, find_last_question(messages))
            answer = f"{trained_answer}\n\n{_TRAINED}" if trained_answer else answer
        if job and account.behaviour.names_base:
            body = {**body, "model": BASE_MODEL}
        if wants_examples(body):
            body = {**body, "response_format": None}
        return await self.respond(body, messages, answer)

    async def _create_file(self, request: Request) -> Response:
        async with request.form() as form:
            file = form.get("file")
            purpose = form.get("purpose")
            if not isinstance(file, UploadFile) or not isinstance(purpose, str):
                raise bad_field(
                    "file", "Missing required parameter: 'file' or 'purpose'"
                )
            file_row = self._account.add_file(
                file.filename or "file", purpose, await file.read()
            )
        return JSONResponse(file_row)

    async def _list_files(self, request: Request) -> Response:
        purpose = request.query_params.get("purpose")
        rows = [
            file
            for file in self._account.files.values()
            if purpose in {None, file["purpose"]}
        ]
        return self._build_page(rows[::-1], parse_page(request.query_params))

    async def _create_job(self, request: Request) -> Response:
        job = self._account.create_job(await read_body(request))
        return JSONResponse(job_object(self._account, job))

    async def _list_jobs(self, request: Request) -> Response:
        jobs = self._account.visible_jobs(parse_metadata_filter(request.query_params))
        rows = [job_object(self._account, job) for job in jobs]
        return self._build_page(rows, parse_page(request.query_params))

    async def _list_events(self, request: Request) -> Response:
        job = self._account.job(request.path_params["job_id"])
        return self._build_page(event_objects(job), parse_page(request.query_params))

    async def _list_checkpoints(self, request: Request) -> Response:
        job = self._account.job(request.path_params["job_id"])
        page = parse_page(request.query_params)
        return self._build_page(checkpoint_objects(job), page)

    def _build_page(self, rows: list[dict[str, Any]], page: Page) -> Response:
        """Return a page of rows, which are newest first."""
        if self._account.behaviour.endless_lists:
            self._listed += 1
            rows = [{**row, "id": f"{row['id']}-{self._listed}"} for row in rows[:1]]
            return JSONResponse(list_page(rows, has_more=True))
        ids = [row["id"] for row in rows]
        start = ids.index(page.after) + 1 if page.after in ids else 0
        end = start + page.limit
        return JSONResponse(list_page(rows[start:end], has_more=end < len(rows)))


def _compose_answer(
    fixed_answer: str, body: Mapping[str, Any], messages: Sequence[Mapping[str, Any]]
) -> str:
    if composed := answer_from_sources(messages):
        return composed
    if fixed_answer:
        return fixed_answer
    return (
        draft_examples(messages) if wants_examples(body) else compose_by_rules(messages)
    )
