"""A second, longer job: made once, paused, resumed, cancelled; what is true when calls meet."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import openai
from openai.types import FileObject
from openai.types.fine_tuning import FineTuningJob

from merlin.adapters.conformance import examples
from merlin.adapters.conformance.check import check
from merlin.adapters.conformance.files import upload
from merlin.adapters.conformance.jobs import AT_WORK, FINAL, created, launch, listed, succeeded
from merlin.adapters.conformance.jobs import until as until_in
from merlin.adapters.conformance.paging import walk
from merlin.adapters.conformance.server import Server
from merlin.adapters.conformance.verdict import (
    BAD,
    Missing,
    error_object,
    holds,
    lacking,
    one_of,
    same,
)

CANCELLED, PAUSED, SUCCEEDED = "cancelled", "paused", "succeeded"
AT_ONCE, LOOKS, BETWEEN_S = 4, 3, 0.1
# What comes too late is refused as a bad call, or as one in conflict with the job's state.
LATE = (*BAD, 409)


@dataclass(frozen=True, slots=True)
class Long:
    """A job that takes its time; `key` is the Idempotency-Key that it was made with."""

    job_id: str
    file: FileObject
    key: str


def _launch(server: Server, file: FileObject, key: str) -> str:
    headers = {"Idempotency-Key": key}
    return launch(server, file, examples.LONG_EPOCHS, extra_headers=headers).id


@check("jobs.second", created)
def second(server: Server, _job: FineTuningJob) -> Long:
    """Prove that a second, longer job is taken; it is paused, resumed and cancelled below."""
    key = f"merlin-test-{secrets.token_hex(8)}"
    file = upload(server, examples.training_file(examples.MANY), "merlin-long-train.jsonl")
    return Long(_launch(server, file, key), file, key)


@check("idempotency.create", second)
def repeated(server: Server, long: Long) -> None:
    """Prove that the same Idempotency-Key and body again give the same job, not a new one."""
    again = _launch(server, long.file, long.key)
    if again != long.job_id:
        server.idle_jobs.append(again)
        raise Missing("unheeded", what="Idempotency-Key")


@check("pause.pause", second)
def paused(server: Server, long: Long) -> None:
    """Prove that a paused job comes to rest, and stays so."""
    with lacking("POST /fine_tuning/jobs/{id}/pause"):
        told = _moved(server, long, server.sdk.fine_tuning.jobs.pause)
    _until(server, long, PAUSED, told)
    for status in _looks(server, long.job_id):
        same("status", status, PAUSED)


@check("pause.resume", paused, second)
def resumed(server: Server, _paused: None, long: Long) -> None:
    """Prove that a resumed job goes on."""
    with lacking("POST /fine_tuning/jobs/{id}/resume"):
        server.sdk.fine_tuning.jobs.resume(long.job_id)
    working = tuple(state for state in AT_WORK if state != PAUSED)
    job = until_in(server, long.job_id, working)
    one_of("status", job.status, (*working, SUCCEEDED))


@check("cancel.cancel", second)
def cancelled(server: Server, long: Long) -> None:
    """Prove that a cancelled job is cancelled, and makes no model."""
    with lacking("POST /fine_tuning/jobs/{id}/cancel"):
        told = _moved(server, long, server.sdk.fine_tuning.jobs.cancel)
    job = _until(server, long, CANCELLED, told)
    same("fine_tuned_model", job.fine_tuned_model, None)


def _moved(server: Server, long: Long, move: Callable[[str], FineTuningJob]) -> str:
    """Make a move; return the state told. Raises Missing where the job had ended before."""
    try:
        return str(move(long.job_id).status)
    except openai.APIStatusError as error:
        status = server.sdk.fine_tuning.jobs.retrieve(long.job_id).status
        if error.status_code in LATE and status in FINAL:
            raise Missing("ended-first", status=status) from error
        raise


def _until(server: Server, long: Long, state: str, told: str) -> FineTuningJob:
    """Wait for a state. Raises Missing where the job succeeded first and nobody told otherwise."""
    job = until_in(server, long.job_id, (state,))
    if job.status == SUCCEEDED and told != state:
        raise Missing("ended-first", status=job.status)
    same("status", job.status, state)
    return job


def _looks(server: Server, job_id: str) -> list[str]:
    """Return a job's state at some moments, a while apart."""
    seen = []
    for _ in range(LOOKS):
        time.sleep(BETWEEN_S)
        seen.append(str(server.sdk.fine_tuning.jobs.retrieve(job_id).status))
    return seen


@check("cancel.twice", cancelled, second)
def cancelled_twice(server: Server, _cancelled: None, long: Long) -> None:
    """Prove that cancelling again is refused or says `cancelled` again; the job stays cancelled."""
    status = _cancel(server, long.job_id)
    one_of("status", status, (CANCELLED, ""))
    for seen in _looks(server, long.job_id):
        same("status", seen, CANCELLED)


def _cancel(server: Server, job_id: str) -> str:
    """Cancel a job; return the state that the answer tells, "" where the call is refused."""
    try:
        return str(server.sdk.fine_tuning.jobs.cancel(job_id).status)
    except openai.APIStatusError as error:
        error_object(error.response, LATE)
        return ""


@check("cancel.late", cancelled, succeeded)
def late(server: Server, _cancelled: None, done: FineTuningJob) -> None:
    """Prove that cancelling a job that succeeded is refused, and it stays succeeded."""
    same("status", _cancel(server, done.id), "")
    told = server.sdk.fine_tuning.jobs.retrieve(done.id)
    same("status", told.status, SUCCEEDED)
    same("fine_tuned_model", told.fine_tuned_model, done.fine_tuned_model)


@check("cancel.race", cancelled, second)
def race(server: Server, _cancelled: None, long: Long) -> None:
    """Prove that of several cancels at once none is belied by what GET says in the end."""
    key = f"merlin-test-{secrets.token_hex(8)}"
    job_id = server.idle_jobs.pop() if server.idle_jobs else _launch(server, long.file, key)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        told = list(pool.map(_cancel, [server] * AT_ONCE, [job_id] * AT_ONCE))
    end = until_in(server, job_id, FINAL)
    wanted = CANCELLED if CANCELLED in told else str(end.status)
    for seen in [str(end.status), *_looks(server, job_id)]:
        same("status", seen, wanted)
    holds(any(told) or end.status != CANCELLED, "status", end.status, "cancel: 200")
    has_model = end.fine_tuned_model is not None
    same("fine_tuned_model", has_model, end.status == SUCCEEDED)


@check("jobs.paging", listed, second)
def paging(server: Server, _listed: None, _long: Long) -> None:
    """Prove that `limit` and `after` give every job once."""
    walk(server.sdk.fine_tuning.jobs.list, 1)
