"""Checks of jobs: creation, states, events, checkpoints, cancelling, tuned models."""

import math
import secrets
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import openai
from openai.types import FileObject
from openai.types.fine_tuning import FineTuningJob, FineTuningJobEvent
from openai.types.fine_tuning.jobs import FineTuningJobCheckpoint

from merlin.engine.conformance import harness, models
from merlin.engine.conformance.harness import (
    INVALID,
    NOT_FOUND,
    Deviation,
    NotSupported,
    Server,
    allow_missing_call,
    check,
    check_paging,
    expect_refusal,
    require,
    require_equal,
    require_error_object,
    require_one_of,
    require_refusal,
    unexpected_status,
)
from merlin.engine.conformance.models import NO_FILE, NO_MODEL, join_chunks, read_text, upload

# The order of a job's states.
WAITING = ("validating_files", "queued")
ACTIVE_STATES = (*WAITING, "running")
FINAL = ("succeeded", "failed", "cancelled")
_RANK = {state: rank for rank, state in enumerate((*WAITING, "running", *FINAL))}
SUFFIX, SEED = "merlin-test", 7
METADATA_KEY = "merlin_test"
_NO_JOB = "ftjob-0000000000000000deadbeef"
_MAX_BASES = 10
_MIN_POLL_S, _MAX_POLL_S, _BACKOFF = 0.02, 5.0, 1.3


def launch(server: Server, file_id: str, epochs: int, **options: Any) -> FineTuningJob:
    """Create a job on the base model; the cleanup cancels it if it is still running."""
    method = {"type": "supervised", "supervised": {"hyperparameters": {"n_epochs": epochs}}}
    params: dict[str, Any] = {"model": server.model, "method": method, **options}
    with allow_missing_call("POST /fine_tuning/jobs"):
        return _create(server, file_id, params)


def _create(server: Server, file_id: str, arguments: dict[str, Any]) -> FineTuningJob:
    job = server.sdk.fine_tuning.jobs.create(training_file=file_id, **arguments)
    server.add_cleanup("POST", f"/fine_tuning/jobs/{job.id}/cancel")
    return job


def wait_for_status(
    server: Server,
    job_id: str,
    states: tuple[str, ...],
    observe: Callable[[str], None] = lambda _state: None,
) -> FineTuningJob:
    """Poll a job until it is in one of these states or has ended. Raises Deviation on timeout."""
    end, pause_s = time.monotonic() + server.timeout_s, _MIN_POLL_S
    while True:
        job = server.sdk.fine_tuning.jobs.retrieve(job_id)
        observe(job.status)
        if job.status in states or job.status in FINAL:
            return job
        if time.monotonic() > end:
            raise Deviation("late", found=job.status, seconds=f"{server.timeout_s:g}")
        time.sleep(pause_s)
        pause_s = min(_BACKOFF * pause_s, _MAX_POLL_S)


@check("jobs.create", models.upload_training_file)
def create_job(server: Server, file: FileObject) -> FineTuningJob:
    """Check that POST /fine_tuning/jobs returns a FineTuningJob with the given file."""
    requested = {METADATA_KEY: f"проверка {secrets.token_hex(8)}"}
    job = _create_on_any_base(server, file, requested)
    require_equal("object", job.object, "fine_tuning.job")
    require_one_of("status", job.status, ACTIVE_STATES)
    require_equal("training_file", job.training_file, file.id)
    require_equal("fine_tuned_model", job.fine_tuned_model, None)
    return job


def _create_on_any_base(
    server: Server, file: FileObject, metadata: dict[str, str]
) -> FineTuningJob:
    """Create the first job on the first base that can be tuned."""
    refused: openai.APIStatusError | None = None
    for base in server.models[:_MAX_BASES]:
        try:
            arguments = {"suffix": SUFFIX, "seed": SEED, "metadata": metadata, "model": base}
            job = launch(server, file.id, harness.EPOCHS, **arguments)
        except openai.APIStatusError as error:
            refused = refused or error
            if error.status_code not in (*INVALID, *NOT_FOUND):
                raise
        else:
            server.models = [base]
            return job
    raise unexpected_status(refused.response) if refused else Deviation("lacks", field="data")


@check("jobs.hyperparameters", create_job)
def keep_hyperparameters(_server: Server, job: FineTuningJob) -> None:
    """Check that hyper-parameters given in `method` are returned with the job."""
    block = job.method.supervised if job.method else None
    values = block.hyperparameters if block else job.hyperparameters
    require_equal("n_epochs", values.n_epochs if values else None, harness.EPOCHS)


@check("jobs.seed", create_job)
def keep_seed(_server: Server, job: FineTuningJob) -> None:
    """Check that the seed is returned unchanged."""
    require_equal("seed", job.seed, SEED)


@check("jobs.metadata", create_job)
def keep_metadata(server: Server, job: FineTuningJob) -> dict[str, str]:
    """Check that metadata are returned unchanged, including Cyrillic."""
    values = dict(server.sdk.fine_tuning.jobs.retrieve(job.id).metadata or {})
    if not values:
        raise NotSupported("unheeded", what="metadata")
    require_equal("metadata", values, dict(job.metadata or {}))
    require(values.get(METADATA_KEY, "").startswith("проверка "), "metadata", values, "проверка …")
    return values


@check("jobs.retrieve", create_job)
def retrieve_job(server: Server, job: FineTuningJob) -> None:
    """Check that GET /fine_tuning/jobs/{id} returns the job."""
    retrieved = server.sdk.fine_tuning.jobs.retrieve(job.id)
    require_equal("id", retrieved.id, job.id)
    require_equal("model", retrieved.model, job.model)
    require_equal("created_at", retrieved.created_at, job.created_at)


@check("jobs.list", create_job)
def list_jobs(server: Server, job: FineTuningJob) -> None:
    """Check that GET /fine_tuning/jobs lists the new job."""
    with allow_missing_call("GET /fine_tuning/jobs"):
        ids = [item.id for item in server.sdk.fine_tuning.jobs.list(limit=100).data]
    require(job.id in ids, "data", ids[:3], job.id)


@check("jobs.filter", list_jobs, keep_metadata, create_job)
def filter_jobs(
    server: Server, _listed: None, metadata: dict[str, str], job: FineTuningJob
) -> None:
    """Check that `metadata[key]=value` lists only the jobs with this pair."""
    jobs = server.sdk.fine_tuning.jobs
    other_ids = [
        item.id for item in jobs.list(metadata={METADATA_KEY: "none carries this"}, limit=100).data
    ]
    if job.id in other_ids:
        raise NotSupported("unheeded", what=f"metadata[{METADATA_KEY}]")
    require_equal("data", other_ids, [])
    require_equal(
        "data", [item.id for item in jobs.list(metadata=metadata, limit=100).data], [job.id]
    )


refuse_unknown_job = expect_refusal(
    "jobs.unknown",
    NOT_FOUND,
    lambda server: server.sdk.fine_tuning.jobs.retrieve(_NO_JOB),
    create_job,
)


@check("jobs.unknown_model", create_job)
def refuse_unknown_model(server: Server, job: FineTuningJob) -> None:
    """Check that a job on an unknown base is refused on creation."""
    call = partial(_create, server, job.training_file, {"model": NO_MODEL})
    require_refusal(call, (*INVALID, *NOT_FOUND))


refuse_missing_file = expect_refusal(
    "jobs.missing_file",
    (*INVALID, *NOT_FOUND),
    lambda server: _create(server, NO_FILE, {"model": server.model}),
    create_job,
)


@check("jobs.hyperparameter", create_job)
def refuse_hyperparameter(server: Server, job: FineTuningJob) -> None:
    """Check that a hyper-parameter out of range is refused on creation."""
    require_refusal(lambda: launch(server, job.training_file, -1), INVALID)


@check("jobs.succeed", create_job)
def complete_job(server: Server, job: FineTuningJob) -> FineTuningJob:
    """Check that a job passes the protocol's states in order and succeeds."""
    path: list[str] = []
    ended = wait_for_status(server, job.id, FINAL, path.append)
    ranks = [_RANK.get(state, -1) for state in path]
    changes = " → ".join(dict.fromkeys(path))
    require(-1 not in ranks and ranks == sorted(ranks), "status", changes, " → ".join(_RANK))
    if ended.status != "succeeded":
        why = ended.error.message if ended.error else ""
        raise Deviation(
            "not-same", field="status", found=f"{ended.status}: {why}", wanted="succeeded"
        )
    require(ended.fine_tuned_model, "fine_tuned_model", ended.fine_tuned_model, "!= null")
    server.add_cleanup("DELETE", f"/models/{ended.fine_tuned_model}")
    return ended


@check("jobs.finished", complete_job)
def report_finish(_server: Server, job: FineTuningJob) -> None:
    """Check that a successful job has a finish time and no error."""
    at = job.finished_at or 0
    require(at >= job.created_at, "finished_at", job.finished_at, f">= {job.created_at}")
    require(not (job.error and job.error.message), "error", job.error, "null")


@check("jobs.suffix", complete_job)
def name_model(_server: Server, job: FineTuningJob) -> None:
    """Check that the tuned model's name contains the suffix."""
    name = job.fine_tuned_model or ""
    require(SUFFIX in name, "fine_tuned_model", name, f"…{SUFFIX}…")


@check("jobs.tokens", complete_job)
def count_tokens(_server: Server, job: FineTuningJob) -> None:
    """Check that a successful job has its number of trained tokens."""
    require((job.trained_tokens or 0) > 0, "trained_tokens", job.trained_tokens, "> 0")


_UNAUTHORISED = (401,)
_OK = 200


_WRONG_KEYS: tuple[dict[str, str], ...] = ({}, {"Authorization": "Bearer sk-merlin-wrong-key"})


def _require_key(server: Server, number: int) -> None:
    """Require that a request with these wrong headers is refused.

    Raises NotSupported if the server needs no key.
    """
    if server.key == harness.NO_KEY:
        raise NotSupported("no-key")
    answers = [server.call("GET", "/models", headers=headers) for headers in _WRONG_KEYS]
    if all(answer.status_code == _OK for answer in answers):
        raise NotSupported("open")
    require_error_object(answers[number], _UNAUTHORISED)


refuse_no_key = check("errors.no_key")(lambda server: _require_key(server, 0))
refuse_wrong_key = check("errors.wrong_key")(lambda server: _require_key(server, 1))


@check("errors.unknown_call")
def refuse_unknown_call(server: Server) -> None:
    """Check that an unknown URL gets 404 with an error object instead of an HTML page."""
    require_error_object(server.call("GET", "/no-such-call-of-merlin"), NOT_FOUND)


@check("errors.not_json")
def refuse_invalid_json(server: Server) -> None:
    """Check that a body of invalid JSON is refused with an error object."""
    headers = {**server.build_headers(), "Content-Type": "application/json"}
    answer = server.call("POST", "/chat/completions", content=b"{not json", headers=headers)
    if answer.status_code in NOT_FOUND:
        raise NotSupported("absent", call="POST /chat/completions", status=answer.status_code)
    require_error_object(answer, INVALID)


@check("errors.param", create_job)
def name_param(server: Server, _job: object) -> None:
    """Check that a job without a file is refused, and the error names the field."""
    answer = server.call("POST", "/fine_tuning/jobs", json={"model": server.model})
    error = require_error_object(answer, INVALID)
    text = f"{error['param']} {error['message']}"
    require("training_file" in text, "error.param", error["param"], "training_file")


_LEVELS = ("info", "warn", "error")


@check("events.list", complete_job)
def list_events(server: Server, job: FineTuningJob) -> list[FineTuningJobEvent]:
    """Check that GET …/events lists events with unique ids, a level and a message."""
    with allow_missing_call("GET /fine_tuning/jobs/{id}/events"):
        listed = server.sdk.fine_tuning.jobs.list_events(job.id, limit=100).data
    require(listed, "data", listed, ">= 1")
    for event in listed:
        require_equal("object", event.object, "fine_tuning.job.event")
        require_one_of("level", event.level, _LEVELS)
        require(event.message, "message", event.message, '!= ""')
    ids = [event.id for event in listed]
    require_equal("data", len(set(ids)), len(ids))
    return listed


@check("events.order", list_events)
def sort_events(_server: Server, listed: list[FineTuningJobEvent]) -> None:
    """Check that events are sorted newest first."""
    times = [event.created_at for event in listed]
    require(times == sorted(times, reverse=True), "created_at", times[:5], "newest first")


@check("events.paging", list_events, complete_job)
def page_events(server: Server, _events: object, job: FineTuningJob) -> None:
    """Check that paging with `limit` and `after` returns every event once."""
    check_paging(partial(server.sdk.fine_tuning.jobs.list_events, job.id), 2)


@check("events.metrics", list_events)
def report_metrics(_server: Server, listed: list[FineTuningJobEvent]) -> None:
    """Check that events of type `metrics` have the step and a loss."""
    figures = [event.data for event in listed if event.type == "metrics"]
    require(figures, "type", "message", "metrics")
    for figure in figures:
        require(isinstance(figure, Mapping) and "step" in figure, "data", figure, "step")
        require(isinstance(figure, Mapping) and _has_loss(figure), "data", figure, "…loss")


def _has_loss(figures: Mapping[str, object]) -> bool:
    losses = [value for name, value in figures.items() if "loss" in name]
    return any(isinstance(loss, (int, float)) and math.isfinite(loss) for loss in losses)


refuse_events_of_unknown_job = expect_refusal(
    "events.unknown",
    NOT_FOUND,
    lambda server: server.sdk.fine_tuning.jobs.list_events(_NO_JOB),
    list_events,
)


@check("checkpoints.list", complete_job)
def list_checkpoints(server: Server, job: FineTuningJob) -> list[FineTuningJobCheckpoint]:
    """Check that GET …/checkpoints lists the job's checkpoints with step and metrics."""
    with allow_missing_call("GET /fine_tuning/jobs/{id}/checkpoints"):
        listed = server.sdk.fine_tuning.jobs.checkpoints.list(job.id, limit=100).data
    require(listed, "data", listed, ">= 1")
    for checkpoint in listed:
        require_equal("object", checkpoint.object, "fine_tuning.job.checkpoint")
        require_equal("fine_tuning_job_id", checkpoint.fine_tuning_job_id, job.id)
        require(checkpoint.step_number > 0, "step_number", checkpoint.step_number, "> 0")
        require(
            _has_loss(checkpoint.metrics.to_dict()),
            "metrics",
            checkpoint.metrics.to_dict(),
            "…loss",
        )
        server.add_cleanup("DELETE", f"/models/{checkpoint.fine_tuned_model_checkpoint}")
    return listed


@check("checkpoints.order", list_checkpoints)
def sort_checkpoints(_server: Server, listed: list[FineTuningJobCheckpoint]) -> None:
    """Check that checkpoints are sorted newest first, with unique steps."""
    steps = [checkpoint.step_number for checkpoint in listed]
    require(steps == sorted(set(steps), reverse=True), "step_number", steps, "newest first")


@check("checkpoints.usable", list_checkpoints, models.answer_chat)
def ask_checkpoints(server: Server, listed: list[FineTuningJobCheckpoint], _plain: object) -> None:
    """Check that each checkpoint can be used as a model."""
    for checkpoint in listed:
        answer = server.ask(model=checkpoint.fine_tuned_model_checkpoint)
        require_equal("object", answer.object, "chat.completion")


CANCELLED, SUCCEEDED = "cancelled", "succeeded"
CANCELS, POLLS, BETWEEN_S = 4, 3, 0.1
# The statuses for an action that the job's state does not allow.
_LATE_STATUSES = (*INVALID, 409)


def _launch_long(server: Server, file_id: str, key: str) -> FineTuningJob:
    headers = {"Idempotency-Key": key}
    return launch(server, file_id, harness.LONG_EPOCHS, extra_headers=headers)


@check("jobs.second", create_job)
def create_long_job(server: Server, _job: FineTuningJob) -> FineTuningJob:
    """Check that a second, longer job is created, which later checks cancel."""
    file = upload(server, harness.build_training_file(harness.MANY), "merlin-long-train.jsonl")
    return _launch_long(server, file.id, server.launch_key)


@check("idempotency.create", create_long_job)
def repeat_creation(server: Server, long: FineTuningJob) -> None:
    """Check that repeating the Idempotency-Key and body returns the same job."""
    again = _launch_long(server, long.training_file, server.launch_key)
    if again.id != long.id:
        server.idle_jobs.append(again.id)
        raise NotSupported("unheeded", what="Idempotency-Key")


@check("cancel.cancel", create_long_job)
def cancel_job(server: Server, long: FineTuningJob) -> None:
    """Check that a cancelled job has the state `cancelled` and no model."""
    job = _change_state(server, long.id, server.sdk.fine_tuning.jobs.cancel, CANCELLED)
    require_equal("fine_tuned_model", job.fine_tuned_model, None)


def _change_state(
    server: Server, job_id: str, move: Callable[[str], FineTuningJob], expected: str
) -> FineTuningJob:
    """Change a job's state and wait for it. Raises NotSupported if the job ended first."""
    try:
        with allow_missing_call(f"POST /fine_tuning/jobs/{{id}}/{move.__name__}"):
            status = move(job_id).status
    except openai.APIStatusError as error:
        status = server.sdk.fine_tuning.jobs.retrieve(job_id).status
        if error.status_code in _LATE_STATUSES and status in FINAL:
            raise NotSupported("ended-first", status=status) from error
        raise
    job = wait_for_status(server, job_id, (expected,))
    # A response that confirmed the new state must hold.
    if job.status == SUCCEEDED and status != expected:
        raise NotSupported("ended-first", status=job.status)
    require_equal("status", job.status, expected)
    return job


def _require_status(server: Server, job_id: str, expected: str) -> None:
    """Raise Deviation unless a job has this state in several polls."""
    for _ in range(POLLS):
        time.sleep(BETWEEN_S)
        status = server.sdk.fine_tuning.jobs.retrieve(job_id).status
        require_equal("status", status, expected)


@check("cancel.twice", cancel_job, create_long_job)
def cancel_job_twice(server: Server, _cancelled: None, long: FineTuningJob) -> None:
    """Check that a second cancel is refused or has no effect."""
    require_one_of("status", _cancel(server, long.id), (CANCELLED, ""))
    _require_status(server, long.id, CANCELLED)


def _cancel(server: Server, job_id: str) -> str:
    """Cancel a job; return the state in the response, "" if the call is refused."""
    try:
        return str(server.sdk.fine_tuning.jobs.cancel(job_id).status)
    except openai.APIStatusError as error:
        require_error_object(error.response, _LATE_STATUSES)
        return ""


@check("cancel.late", cancel_job, complete_job)
def cancel_ended_job(server: Server, _cancelled: None, job: FineTuningJob) -> None:
    """Check that cancelling a successful job is refused and has no effect."""
    require_equal("status", _cancel(server, job.id), "")
    retrieved = server.sdk.fine_tuning.jobs.retrieve(job.id)
    require_equal("status", retrieved.status, SUCCEEDED)
    require_equal("fine_tuned_model", retrieved.fine_tuned_model, job.fine_tuned_model)


@check("cancel.race", cancel_job, create_long_job)
def cancel_concurrently(server: Server, _cancelled: None, long: FineTuningJob) -> None:
    """Check that the responses to concurrent cancels agree with the job's final state."""
    if not server.idle_jobs:
        key = f"{server.launch_key}-race"
        server.idle_jobs.append(_launch_long(server, long.training_file, key).id)
    job_id = server.idle_jobs.pop()
    with ThreadPoolExecutor(CANCELS) as pool:
        statuses = list(pool.map(_cancel, [server] * CANCELS, [job_id] * CANCELS))
    end = wait_for_status(server, job_id, FINAL)
    expected = CANCELLED if CANCELLED in statuses else str(end.status)
    require_equal("status", end.status, expected)
    _require_status(server, job_id, expected)
    require(any(statuses) or end.status != CANCELLED, "status", end.status, "cancel: 200")
    has_model = end.fine_tuned_model is not None
    require_equal("fine_tuned_model", has_model, end.status == SUCCEEDED)


@check("jobs.paging", list_jobs, create_long_job)
def page_jobs(server: Server, _listed: None, _long: FineTuningJob) -> None:
    """Check that paging with `limit` and `after` returns every job once."""
    check_paging(server.sdk.fine_tuning.jobs.list, 1)


@check("tuned.list", complete_job)
def list_tuned_model(server: Server, job: FineTuningJob) -> None:
    """Check that GET /models lists the tuned model."""
    names = [card.id for card in server.sdk.models.list().data]
    require(job.fine_tuned_model in names, "data", names[:3], str(job.fine_tuned_model))


@check("tuned.retrieve", complete_job)
def retrieve_tuned_model(server: Server, job: FineTuningJob) -> None:
    """Check that GET /models/{name} returns the tuned model."""
    with allow_missing_call("GET /models/{name}"):
        model = server.sdk.models.retrieve(str(job.fine_tuned_model))
    require_equal("id", model.id, job.fine_tuned_model)


@check("tuned.chat", complete_job, models.answer_chat)
def ask_tuned_model(server: Server, job: FineTuningJob, _plain: object) -> None:
    """Check that the tuned model answers, with its name in the response."""
    completion = server.ask(model=job.fine_tuned_model)
    require(read_text(completion), "choices[0].message.content", read_text(completion), '!= ""')
    require_equal("model", completion.model, job.fine_tuned_model)


@check("tuned.stream", complete_job, models.stream_chunks)
def stream_tuned_model(server: Server, job: FineTuningJob, _chunks: object) -> None:
    """Check that the tuned model answers a streamed request."""
    stream_chunks = server.stream(model=job.fine_tuned_model)
    text = join_chunks(stream_chunks)
    require(text, "delta.content", text, '!= ""')


@check("tuned.delete", complete_job, models.answer_chat)
def delete_tuned_model(server: Server, job: FineTuningJob, _plain: object) -> None:
    """Check that a deleted model is no longer listed, and a chat with it gets 404."""
    name = str(job.fine_tuned_model)
    with allow_missing_call("DELETE /models/{name}"):
        deletion = server.sdk.models.delete(name)
    require(deletion.deleted, "deleted", deletion.deleted, "true")
    names = [card.id for card in server.sdk.models.list().data]
    require(name not in names, "data", name, "–")
    require_refusal(lambda: server.ask(model=name), NOT_FOUND)
