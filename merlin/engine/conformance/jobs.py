"""Checks of jobs: created and followed to their end, events, pausing, cancelling, tuned models."""

from __future__ import annotations

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
    BAD,
    GONE,
    Missing,
    Server,
    Wrong,
    check,
    check_paging,
    optional_call,
    refuses,
    require,
    require_equal,
    require_error_object,
    require_one_of,
    require_refusal,
    unexpected_status,
)
from merlin.engine.conformance.models import NO_FILE, NO_MODEL, text_of, text_of_chunks, upload

# The order in which a job may pass its states; `paused` may stand between any two.
WAITING = ("validating_files", "queued")
ACTIVE_STATES = (*WAITING, "running", "paused")
FINAL = ("succeeded", "failed", "cancelled")
_RANK = {state: rank for rank, state in enumerate((*WAITING, "running", *FINAL))}
SUFFIX, SEED = "merlin-test", 7
KEY = "merlin_test"
_NO_JOB = "ftjob-0000000000000000deadbeef"
_MAX_BASES = 10
_MIN_POLL_S, _MAX_POLL_S, _BACKOFF = 0.02, 5.0, 1.3


def launch(server: Server, file_id: str, epochs: int, **options: Any) -> FineTuningJob:
    """Create a job on the base model, to be cancelled at the end if it still goes."""
    method = {"type": "supervised", "supervised": {"hyperparameters": {"n_epochs": epochs}}}
    params: dict[str, Any] = {"model": server.model, "method": method, **options}
    with optional_call("POST /fine_tuning/jobs"):
        return _create(server, file_id, params)


def _create(server: Server, file_id: str, arguments: dict[str, Any]) -> FineTuningJob:
    job = server.sdk.fine_tuning.jobs.create(training_file=file_id, **arguments)
    server.undo_at_end("POST", f"/fine_tuning/jobs/{job.id}/cancel")
    return job


def until(
    server: Server,
    job_id: str,
    states: tuple[str, ...],
    observe: Callable[[str], None] = lambda _state: None,
) -> FineTuningJob:
    """Look at a job until it is in one of these states or has ended. Raises Wrong when too late."""
    end, look = time.monotonic() + server.timeout_s, _MIN_POLL_S
    while True:
        job = server.sdk.fine_tuning.jobs.retrieve(job_id)
        observe(job.status)
        if job.status in states or job.status in FINAL:
            return job
        if time.monotonic() > end:
            raise Wrong("late", found=job.status, seconds=f"{server.timeout_s:g}")
        time.sleep(look)
        look = min(_BACKOFF * look, _MAX_POLL_S)


@check("jobs.create", models.uploaded)
def created(server: Server, file: FileObject) -> FineTuningJob:
    """Prove that POST /fine_tuning/jobs answers a FineTuningJob on the file asked."""
    requested = {KEY: f"проверка {secrets.token_hex(8)}"}
    job = _create_on_a_base(server, file, requested)
    require_equal("object", job.object, "fine_tuning.job")
    require_one_of("status", job.status, ACTIVE_STATES)
    require_equal("training_file", job.training_file, file.id)
    require_equal("fine_tuned_model", job.fine_tuned_model, None)
    return job


def _create_on_a_base(server: Server, file: FileObject, metadata: dict[str, str]) -> FineTuningJob:
    """Create the first job; where no base was named, the first is found that can be tuned."""
    refused: openai.APIStatusError | None = None
    for base in server.models[:_MAX_BASES]:
        try:
            arguments = {"suffix": SUFFIX, "seed": SEED, "metadata": metadata, "model": base}
            job = launch(server, file.id, harness.EPOCHS, **arguments)
        except openai.APIStatusError as error:
            refused = refused or error
            if error.status_code not in (*BAD, *GONE):
                raise
        else:
            server.models = [base]
            return job
    raise unexpected_status(refused.response) if refused else Wrong("lacks", field="data")


@check("jobs.hyperparameters", created)
def hyperparameters(_server: Server, job: FineTuningJob) -> None:
    """Prove that hyper-parameters given under `method` are the job's."""
    block = job.method.supervised if job.method else None
    values = block.hyperparameters if block else job.hyperparameters
    require_equal("n_epochs", values.n_epochs if values else None, harness.EPOCHS)


@check("jobs.seed", created)
def seed(_server: Server, job: FineTuningJob) -> None:
    """Prove that the seed comes back as it was given."""
    require_equal("seed", job.seed, SEED)


@check("jobs.metadata", created)
def metadata(server: Server, job: FineTuningJob) -> dict[str, str]:
    """Prove that metadata come back as they were given, Russian letters too."""
    values = dict(server.sdk.fine_tuning.jobs.retrieve(job.id).metadata or {})
    if not values:
        raise Missing("unheeded", what="metadata")
    require_equal("metadata", values, dict(job.metadata or {}))
    require(values.get(KEY, "").startswith("проверка "), "metadata", values, "проверка …")
    return values


@check("jobs.retrieve", created)
def retrieve_job(server: Server, job: FineTuningJob) -> None:
    """Prove that GET /fine_tuning/jobs/{id} tells of the same job."""
    retrieved = server.sdk.fine_tuning.jobs.retrieve(job.id)
    require_equal("id", retrieved.id, job.id)
    require_equal("model", retrieved.model, job.model)
    require_equal("created_at", retrieved.created_at, job.created_at)


@check("jobs.list", created)
def list_jobs(server: Server, job: FineTuningJob) -> None:
    """Prove that GET /fine_tuning/jobs has the new job."""
    with optional_call("GET /fine_tuning/jobs"):
        ids = [item.id for item in server.sdk.fine_tuning.jobs.list(limit=100).data]
    require(job.id in ids, "data", ids[:3], job.id)


@check("jobs.filter", list_jobs, metadata, created)
def filtered(server: Server, _listed: None, metadata: dict[str, str], job: FineTuningJob) -> None:
    """Prove that `metadata[key]=value` lists the jobs that carry the pair, and no other."""
    jobs = server.sdk.fine_tuning.jobs
    other_ids = [item.id for item in jobs.list(metadata={KEY: "none carries this"}, limit=100).data]
    if job.id in other_ids:
        raise Missing("unheeded", what=f"metadata[{KEY}]")
    require_equal("data", other_ids, [])
    require_equal(
        "data", [item.id for item in jobs.list(metadata=metadata, limit=100).data], [job.id]
    )


unknown_job = refuses(
    "jobs.unknown", GONE, lambda server: server.sdk.fine_tuning.jobs.retrieve(_NO_JOB), created
)


@check("jobs.unknown_model", created)
def unknown_model(server: Server, job: FineTuningJob) -> None:
    """Prove that a job on a base that is not there is refused when it is created."""
    call = partial(_create, server, job.training_file, {"model": NO_MODEL})
    require_refusal(call, (*BAD, *GONE))


missing_file = refuses(
    "jobs.missing_file",
    (*BAD, *GONE),
    lambda server: _create(server, NO_FILE, {"model": server.model}),
    created,
)


@check("jobs.hyperparameter", created)
def bad_hyperparameter(server: Server, job: FineTuningJob) -> None:
    """Prove that a hyper-parameter out of its range is refused when the job is created."""
    require_refusal(lambda: launch(server, job.training_file, -1), BAD)


@check("jobs.succeed", created)
def succeeded(server: Server, job: FineTuningJob) -> FineTuningJob:
    """Prove that a job goes through the protocol's states in their order, to `succeeded`."""
    path: list[str] = []
    ended = until(server, job.id, FINAL, path.append)
    ranks = [_RANK.get(state, -1) for state in path if state != "paused"]
    changes = " → ".join(dict.fromkeys(path))
    require(-1 not in ranks and ranks == sorted(ranks), "status", changes, " → ".join(_RANK))
    if ended.status != "succeeded":
        why = ended.error.message if ended.error else ""
        raise Wrong("not-same", field="status", found=f"{ended.status}: {why}", wanted="succeeded")
    require(ended.fine_tuned_model, "fine_tuned_model", ended.fine_tuned_model, "!= null")
    server.undo_at_end("DELETE", f"/models/{ended.fine_tuned_model}")
    return ended


@check("jobs.finished", succeeded)
def finished(_server: Server, job: FineTuningJob) -> None:
    """Prove that an ended job says when, and has no error."""
    at = job.finished_at or 0
    require(at >= job.created_at, "finished_at", job.finished_at, f">= {job.created_at}")
    require(not (job.error and job.error.message), "error", job.error, "null")


@check("jobs.suffix", succeeded)
def suffixed(_server: Server, job: FineTuningJob) -> None:
    """Prove that the suffix stands in the tuned model's name."""
    name = job.fine_tuned_model or ""
    require(SUFFIX in name, "fine_tuned_model", name, f"…{SUFFIX}…")


@check("jobs.tokens", succeeded)
def trained_tokens(_server: Server, job: FineTuningJob) -> None:
    """Prove that a job that succeeded says how many tokens it was trained on."""
    require((job.trained_tokens or 0) > 0, "trained_tokens", job.trained_tokens, "> 0")


_NO_ENTRY = (401,)
_OK = 200


_STRANGERS: tuple[dict[str, str], ...] = ({}, {"Authorization": "Bearer sk-merlin-wrong-key"})


def _require_key(server: Server, number: int) -> None:
    """Raise Wrong unless one of the strangers is refused; Missing where no key is needed."""
    if server.key == harness.NO_KEY:
        raise Missing("no-key")
    answers = [server.call("GET", "/models", headers=headers) for headers in _STRANGERS]
    if all(answer.status_code == _OK for answer in answers):
        raise Missing("open")
    require_error_object(answers[number], _NO_ENTRY)


no_key = check("errors.no_key")(lambda server: _require_key(server, 0))
wrong_key = check("errors.wrong_key")(lambda server: _require_key(server, 1))


@check("errors.unknown_call")
def unknown_call(server: Server) -> None:
    """Prove that a call that there is not is 404 with an error object, not a page."""
    require_error_object(server.call("GET", "/no-such-call-of-merlin"), GONE)


@check("errors.not_json")
def not_json(server: Server) -> None:
    """Prove that a body that is not JSON is refused with an error object."""
    headers = {**server.headers(), "Content-Type": "application/json"}
    answer = server.call("POST", "/chat/completions", content=b"{not json", headers=headers)
    if answer.status_code in GONE:
        raise Missing("absent", call="POST /chat/completions", status=answer.status_code)
    require_error_object(answer, BAD)


@check("errors.param", created)
def param(server: Server, _job: object) -> None:
    """Prove that a job without its file is refused, and the error names the field."""
    answer = server.call("POST", "/fine_tuning/jobs", json={"model": server.model})
    error = require_error_object(answer, BAD)
    text = f"{error['param']} {error['message']}"
    require("training_file" in text, "error.param", error["param"], "training_file")


_LEVELS = ("info", "warn", "error")


@check("events.list", succeeded)
def events(server: Server, job: FineTuningJob) -> list[FineTuningJobEvent]:
    """Prove that GET …/events lists events, each with its own id, level and message."""
    with optional_call("GET /fine_tuning/jobs/{id}/events"):
        listed = server.sdk.fine_tuning.jobs.list_events(job.id, limit=100).data
    require(listed, "data", listed, ">= 1")
    for event in listed:
        require_equal("object", event.object, "fine_tuning.job.event")
        require_one_of("level", event.level, _LEVELS)
        require(event.message, "message", event.message, '!= ""')
    ids = [event.id for event in listed]
    require_equal("data", len(set(ids)), len(ids))
    return listed


@check("events.order", events)
def order(_server: Server, listed: list[FineTuningJobEvent]) -> None:
    """Prove that events come newest first."""
    times = [event.created_at for event in listed]
    require(times == sorted(times, reverse=True), "created_at", times[:5], "newest first")


@check("events.paging", events, succeeded)
def page_events(server: Server, _events: object, job: FineTuningJob) -> None:
    """Prove that `limit` and `after` give every event once."""
    check_paging(partial(server.sdk.fine_tuning.jobs.list_events, job.id), 2)


@check("events.metrics", events)
def metrics(_server: Server, listed: list[FineTuningJobEvent]) -> None:
    """Prove that events of the type `metrics` carry the step and a loss."""
    figures = [event.data for event in listed if event.type == "metrics"]
    require(figures, "type", "message", "metrics")
    for figure in figures:
        require(isinstance(figure, Mapping) and "step" in figure, "data", figure, "step")
        require(isinstance(figure, Mapping) and _has_loss(figure), "data", figure, "…loss")


def _has_loss(figures: Mapping[str, object]) -> bool:
    losses = [value for name, value in figures.items() if "loss" in name]
    return any(isinstance(loss, (int, float)) and math.isfinite(loss) for loss in losses)


unknown_job_of_events = refuses(
    "events.unknown", GONE, lambda server: server.sdk.fine_tuning.jobs.list_events(_NO_JOB), events
)


@check("checkpoints.list", succeeded)
def checkpoints(server: Server, job: FineTuningJob) -> list[FineTuningJobCheckpoint]:
    """Prove that GET …/checkpoints lists the job's checkpoints with step and figures."""
    with optional_call("GET /fine_tuning/jobs/{id}/checkpoints"):
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
        server.undo_at_end("DELETE", f"/models/{checkpoint.fine_tuned_model_checkpoint}")
    return listed


@check("checkpoints.order", checkpoints)
def checkpoint_order(_server: Server, listed: list[FineTuningJobCheckpoint]) -> None:
    """Prove that checkpoints come newest first, no step twice."""
    steps = [checkpoint.step_number for checkpoint in listed]
    require(steps == sorted(set(steps), reverse=True), "step_number", steps, "newest first")


@check("checkpoints.usable", checkpoints, models.plain)
def usable(server: Server, listed: list[FineTuningJobCheckpoint], _plain: object) -> None:
    """Prove that each checkpoint is a model that answers."""
    for checkpoint in listed:
        answer = server.ask(model=checkpoint.fine_tuned_model_checkpoint)
        require_equal("object", answer.object, "chat.completion")


CANCELLED, PAUSED, SUCCEEDED = "cancelled", "paused", "succeeded"
CANCELS, POLLS, BETWEEN_S = 4, 3, 0.1
# What comes too late is refused as a bad call, or as one in conflict with the job's state.
LATE = (*BAD, 409)


def _launch_long(server: Server, file_id: str, key: str) -> FineTuningJob:
    headers = {"Idempotency-Key": key}
    return launch(server, file_id, harness.LONG_EPOCHS, extra_headers=headers)


@check("jobs.second", created)
def second(server: Server, _job: FineTuningJob) -> FineTuningJob:
    """Prove that a second, longer job is taken; it is paused, resumed and cancelled below."""
    file = upload(server, harness.training_file(harness.MANY), "merlin-long-train.jsonl")
    return _launch_long(server, file.id, server.launch_key)


@check("idempotency.create", second)
def repeated(server: Server, long: FineTuningJob) -> None:
    """Prove that the same Idempotency-Key and body again give the same job, not a new one."""
    again = _launch_long(server, long.training_file, server.launch_key)
    if again.id != long.id:
        server.idle_jobs.append(again.id)
        raise Missing("unheeded", what="Idempotency-Key")


@check("pause.pause", second)
def paused(server: Server, long: FineTuningJob) -> None:
    """Prove that a paused job comes to rest, and stays so."""
    _change_state(server, long.id, server.sdk.fine_tuning.jobs.pause, PAUSED)
    _require_status(server, long.id, PAUSED)


@check("pause.resume", paused, second)
def resumed(server: Server, _paused: None, long: FineTuningJob) -> None:
    """Prove that a resumed job goes on."""
    with optional_call("POST /fine_tuning/jobs/{id}/resume"):
        server.sdk.fine_tuning.jobs.resume(long.id)
    working = tuple(state for state in ACTIVE_STATES if state != PAUSED)
    job = until(server, long.id, working)
    require_one_of("status", job.status, (*working, SUCCEEDED))


@check("cancel.cancel", second)
def cancelled(server: Server, long: FineTuningJob) -> None:
    """Prove that a cancelled job is cancelled, and makes no model."""
    job = _change_state(server, long.id, server.sdk.fine_tuning.jobs.cancel, CANCELLED)
    require_equal("fine_tuned_model", job.fine_tuned_model, None)


def _change_state(
    server: Server, job_id: str, move: Callable[[str], FineTuningJob], expected: str
) -> FineTuningJob:
    """Change a job's state and wait for it. Raises Missing if the job ended first."""
    try:
        with optional_call(f"POST /fine_tuning/jobs/{{id}}/{move.__name__}"):
            status = move(job_id).status
    except openai.APIStatusError as error:
        status = server.sdk.fine_tuning.jobs.retrieve(job_id).status
        if error.status_code in LATE and status in FINAL:
            raise Missing("ended-first", status=status) from error
        raise
    job = until(server, job_id, (expected,))
    # A response that confirmed the new state must hold.
    if job.status == SUCCEEDED and status != expected:
        raise Missing("ended-first", status=job.status)
    require_equal("status", job.status, expected)
    return job


def _require_status(server: Server, job_id: str, expected: str) -> None:
    """Raise Wrong unless a job has this state at some moments, a while apart."""
    for _ in range(POLLS):
        time.sleep(BETWEEN_S)
        status = server.sdk.fine_tuning.jobs.retrieve(job_id).status
        require_equal("status", status, expected)


@check("cancel.twice", cancelled, second)
def cancelled_twice(server: Server, _cancelled: None, long: FineTuningJob) -> None:
    """Prove that cancelling again is refused or says `cancelled` again; the job stays cancelled."""
    require_one_of("status", _cancel(server, long.id), (CANCELLED, ""))
    _require_status(server, long.id, CANCELLED)


def _cancel(server: Server, job_id: str) -> str:
    """Cancel a job; return the state that the answer tells, "" where the call is refused."""
    try:
        return str(server.sdk.fine_tuning.jobs.cancel(job_id).status)
    except openai.APIStatusError as error:
        require_error_object(error.response, LATE)
        return ""


@check("cancel.late", cancelled, succeeded)
def late(server: Server, _cancelled: None, job: FineTuningJob) -> None:
    """Prove that cancelling a job that succeeded is refused, and it stays succeeded."""
    require_equal("status", _cancel(server, job.id), "")
    retrieved = server.sdk.fine_tuning.jobs.retrieve(job.id)
    require_equal("status", retrieved.status, SUCCEEDED)
    require_equal("fine_tuned_model", retrieved.fine_tuned_model, job.fine_tuned_model)


@check("cancel.race", cancelled, second)
def race(server: Server, _cancelled: None, long: FineTuningJob) -> None:
    """Prove that of several cancels at once none is belied by what GET says in the end."""
    if not server.idle_jobs:
        key = f"{server.launch_key}-race"
        server.idle_jobs.append(_launch_long(server, long.training_file, key).id)
    job_id = server.idle_jobs.pop()
    with ThreadPoolExecutor(CANCELS) as pool:
        statuses = list(pool.map(_cancel, [server] * CANCELS, [job_id] * CANCELS))
    end = until(server, job_id, FINAL)
    requested = CANCELLED if CANCELLED in statuses else str(end.status)
    require_equal("status", end.status, requested)
    _require_status(server, job_id, requested)
    require(any(statuses) or end.status != CANCELLED, "status", end.status, "cancel: 200")
    has_model = end.fine_tuned_model is not None
    require_equal("fine_tuned_model", has_model, end.status == SUCCEEDED)


@check("jobs.paging", list_jobs, second)
def paging(server: Server, _listed: None, _long: FineTuningJob) -> None:
    """Prove that `limit` and `after` give every job once."""
    check_paging(server.sdk.fine_tuning.jobs.list, 1)


@check("tuned.list", succeeded)
def list_tuned_model(server: Server, job: FineTuningJob) -> None:
    """Prove that GET /models has the tuned model."""
    names = [card.id for card in server.sdk.models.list().data]
    require(job.fine_tuned_model in names, "data", names[:3], str(job.fine_tuned_model))


@check("tuned.retrieve", succeeded)
def retrieve_tuned_model(server: Server, job: FineTuningJob) -> None:
    """Prove that GET /models/{name} tells of the tuned model."""
    with optional_call("GET /models/{name}"):
        model = server.sdk.models.retrieve(str(job.fine_tuned_model))
    require_equal("id", model.id, job.fine_tuned_model)


@check("tuned.chat", succeeded, models.plain)
def chat(server: Server, job: FineTuningJob, _plain: object) -> None:
    """Prove that the tuned model answers under its name."""
    completion = server.ask(model=job.fine_tuned_model)
    require(text_of(completion), "choices[0].message.content", text_of(completion), '!= ""')
    require_equal("model", completion.model, job.fine_tuned_model)


@check("tuned.stream", succeeded, models.chunks)
def stream(server: Server, job: FineTuningJob, _chunks: object) -> None:
    """Prove that the tuned model answers in a stream."""
    stream_chunks = server.stream(model=job.fine_tuned_model)
    text = text_of_chunks(stream_chunks)
    require(text, "delta.content", text, '!= ""')


@check("tuned.delete", succeeded, models.plain)
def deleted(server: Server, job: FineTuningJob, _plain: object) -> None:
    """Prove that a deleted model is gone from the list, and a chat with it is 404."""
    name = str(job.fine_tuned_model)
    with optional_call("DELETE /models/{name}"):
        deletion = server.sdk.models.delete(name)
    require(deletion.deleted, "deleted", deletion.deleted, "true")
    names = [card.id for card in server.sdk.models.list().data]
    require(name not in names, "data", name, "–")
    require_refusal(lambda: server.ask(model=name), GONE)
