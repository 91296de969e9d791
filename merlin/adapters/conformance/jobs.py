"""Jobs: created as asked for, followed to their end, found again, refused where they cannot be."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from typing import Any

import openai
from openai.types import FileObject
from openai.types.fine_tuning import FineTuningJob

from merlin.adapters.conformance import examples
from merlin.adapters.conformance.check import check
from merlin.adapters.conformance.files import uploaded
from merlin.adapters.conformance.server import Server
from merlin.adapters.conformance.verdict import (
    BAD,
    GONE,
    Missing,
    Wrong,
    holds,
    lacking,
    of_status,
    one_of,
    refusal,
    same,
)

# The order in which a job may pass its states; `paused` may stand between any two.
WAITING = ("validating_files", "queued")
AT_WORK = (*WAITING, "running", "paused")
FINAL = ("succeeded", "failed", "cancelled")
_RANK = {state: rank for rank, state in enumerate((*WAITING, "running", *FINAL))}
SUFFIX, SEED = "merlin-test", 7
KEY = "merlin_test"
_NO_JOB, _NO_FILE = "ftjob-0000000000000000deadbeef", "file-0000000000000000deadbeef"
_NO_MODEL = "no-such-model-of-merlin"
_MOST_BASES = 10
_FIRST_LOOK_S, _LAST_LOOK_S, _SLOWER = 0.02, 5.0, 1.3


def launch(server: Server, file: FileObject, epochs: int, **other: Any) -> FineTuningJob:
    """Create a job on the base model, to be cancelled at the end if it still goes."""
    asked: dict[str, Any] = {"model": server.model, "method": examples.method(epochs), **other}
    with lacking("POST /fine_tuning/jobs"):
        job = server.sdk.fine_tuning.jobs.create(training_file=file.id, **asked)
    server.undo("POST", f"/fine_tuning/jobs/{job.id}/cancel")
    return job


def until(
    server: Server,
    job_id: str,
    states: tuple[str, ...],
    seen: Callable[[str], None] = lambda _state: None,
) -> FineTuningJob:
    """Look at a job until it is in one of these states or has ended. Raises Wrong when too late."""
    end, look = time.monotonic() + server.timeout_s, _FIRST_LOOK_S
    while True:
        job = server.sdk.fine_tuning.jobs.retrieve(job_id)
        seen(job.status)
        if job.status in states or job.status in FINAL:
            return job
        if time.monotonic() > end:
            raise Wrong("late", found=job.status, seconds=f"{server.timeout_s:g}")
        time.sleep(look)
        look = min(_SLOWER * look, _LAST_LOOK_S)


@check("jobs.create", uploaded)
def created(server: Server, file: FileObject) -> FineTuningJob:
    """Prove that POST /fine_tuning/jobs answers a FineTuningJob on the file asked."""
    wanted = {KEY: f"проверка {secrets.token_hex(8)}"}
    job = _on_a_base(server, file, wanted)
    same("object", job.object, "fine_tuning.job")
    one_of("status", job.status, AT_WORK)
    same("training_file", job.training_file, file.id)
    same("fine_tuned_model", job.fine_tuned_model, None)
    return job


def _on_a_base(server: Server, file: FileObject, metadata: dict[str, str]) -> FineTuningJob:
    """Create the first job; where no base was named, the first is found that can be tuned."""
    refused: openai.APIStatusError | None = None
    for base in server.models[:_MOST_BASES]:
        try:
            asked = {"suffix": SUFFIX, "seed": SEED, "metadata": metadata, "model": base}
            job = launch(server, file, examples.EPOCHS, **asked)
        except openai.APIStatusError as error:
            refused = refused or error
            if error.status_code not in (*BAD, *GONE):
                raise
        else:
            server.models = [base]
            return job
    raise of_status(refused) if refused else Wrong("lacks", field="data")


@check("jobs.hyperparameters", created)
def hyperparameters(_server: Server, job: FineTuningJob) -> None:
    """Prove that hyper-parameters given under `method` are the job's."""
    block = job.method.supervised if job.method else None
    told = block.hyperparameters if block else job.hyperparameters
    same("n_epochs", told.n_epochs if told else None, examples.EPOCHS)


@check("jobs.seed", created)
def seed(_server: Server, job: FineTuningJob) -> None:
    """Prove that the seed comes back as it was given."""
    same("seed", job.seed, SEED)


@check("jobs.metadata", created)
def metadata(server: Server, job: FineTuningJob) -> dict[str, str]:
    """Prove that metadata come back as they were given, Russian letters too."""
    told = dict(server.sdk.fine_tuning.jobs.retrieve(job.id).metadata or {})
    if not told:
        raise Missing("unheeded", what="metadata")
    same("metadata", told, dict(job.metadata or {}))
    holds(told.get(KEY, "").startswith("проверка "), "metadata", told, "проверка …")
    return told


@check("jobs.retrieve", created)
def retrieve(server: Server, job: FineTuningJob) -> None:
    """Prove that GET /fine_tuning/jobs/{id} tells of the same job."""
    told = server.sdk.fine_tuning.jobs.retrieve(job.id)
    same("id", told.id, job.id)
    same("model", told.model, job.model)
    same("created_at", told.created_at, job.created_at)


@check("jobs.list", created)
def listed(server: Server, job: FineTuningJob) -> None:
    """Prove that GET /fine_tuning/jobs has the new job."""
    with lacking("GET /fine_tuning/jobs"):
        ids = [each.id for each in server.sdk.fine_tuning.jobs.list(limit=100).data]
    holds(job.id in ids, "data", ids[:3], job.id)


@check("jobs.filter", listed, metadata, created)
def filtered(server: Server, _listed: None, told: dict[str, str], job: FineTuningJob) -> None:
    """Prove that `metadata[key]=value` lists the jobs that carry the pair, and no other."""
    jobs = server.sdk.fine_tuning.jobs
    others = [each.id for each in jobs.list(metadata={KEY: "none carries this"}, limit=100).data]
    if job.id in others:
        raise Missing("unheeded", what=f"metadata[{KEY}]")
    same("data", others, [])
    same("data", [each.id for each in jobs.list(metadata=told, limit=100).data], [job.id])


@check("jobs.unknown", created)
def unknown(server: Server, _job: FineTuningJob) -> None:
    """Prove that a job that is not there is 404."""
    refusal(lambda: server.sdk.fine_tuning.jobs.retrieve(_NO_JOB), GONE)


@check("jobs.unknown_model", created, uploaded)
def unknown_model(server: Server, _job: FineTuningJob, file: FileObject) -> None:
    """Prove that a job on a base that is not there is refused when it is created."""
    refusal(lambda: _bare(server, _NO_MODEL, file.id), (*BAD, *GONE))


@check("jobs.missing_file", created)
def missing_file(server: Server, _job: FineTuningJob) -> None:
    """Prove that a job on a file that is not there is refused when it is created."""
    refusal(lambda: _bare(server, server.model, _NO_FILE), (*BAD, *GONE))


def _bare(server: Server, model: str, file_id: str) -> FineTuningJob:
    job = server.sdk.fine_tuning.jobs.create(model=model, training_file=file_id)
    server.undo("POST", f"/fine_tuning/jobs/{job.id}/cancel")
    return job


@check("jobs.hyperparameter", created, uploaded)
def bad_hyperparameter(server: Server, _job: FineTuningJob, file: FileObject) -> None:
    """Prove that a hyper-parameter out of its range is refused when the job is created."""
    refusal(lambda: launch(server, file, -1), BAD)


@check("jobs.succeed", created)
def succeeded(server: Server, job: FineTuningJob) -> FineTuningJob:
    """Prove that a job goes through the protocol's states in their order, to `succeeded`."""
    path: list[str] = []
    done = until(server, job.id, FINAL, path.append)
    ranks = [_RANK.get(state, -1) for state in path if state != "paused"]
    holds(-1 not in ranks and ranks == sorted(ranks), "status", _changes(path), " → ".join(_RANK))
    if done.status != "succeeded":
        why = done.error.message if done.error else ""
        raise Wrong("not-same", field="status", found=f"{done.status}: {why}", wanted="succeeded")
    holds(done.fine_tuned_model, "fine_tuned_model", done.fine_tuned_model, "!= null")
    server.undo("DELETE", f"/models/{done.fine_tuned_model}")
    return done


def _changes(path: list[str]) -> str:
    return " → ".join(dict.fromkeys(path))


@check("jobs.finished", succeeded)
def finished(_server: Server, done: FineTuningJob) -> None:
    """Prove that an ended job says when, and has no error."""
    at = done.finished_at or 0
    holds(at >= done.created_at, "finished_at", done.finished_at, f">= {done.created_at}")
    holds(not (done.error and done.error.message), "error", done.error, "null")


@check("jobs.suffix", succeeded)
def suffixed(_server: Server, done: FineTuningJob) -> None:
    """Prove that the suffix stands in the tuned model's name."""
    name = done.fine_tuned_model or ""
    holds(SUFFIX in name, "fine_tuned_model", name, f"…{SUFFIX}…")


@check("jobs.tokens", succeeded)
def trained_tokens(_server: Server, done: FineTuningJob) -> None:
    """Prove that a job that succeeded says how many tokens it was trained on."""
    holds((done.trained_tokens or 0) > 0, "trained_tokens", done.trained_tokens, "> 0")
