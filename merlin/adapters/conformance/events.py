"""Events and checkpoints: what a job told while it went, and what it left on the way."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import partial

from openai.types.fine_tuning import FineTuningJob, FineTuningJobEvent
from openai.types.fine_tuning.jobs import FineTuningJobCheckpoint

from merlin.adapters.conformance.chat import plain
from merlin.adapters.conformance.check import check
from merlin.adapters.conformance.jobs import succeeded
from merlin.adapters.conformance.paging import walk
from merlin.adapters.conformance.server import Server
from merlin.adapters.conformance.verdict import GONE, holds, lacking, one_of, refusal, same

_LEVELS = ("info", "warn", "error")
_NO_JOB = "ftjob-0000000000000000deadbeef"


@check("events.list", succeeded)
def events(server: Server, job: FineTuningJob) -> list[FineTuningJobEvent]:
    """Prove that GET …/events lists events, each with its own id, level and message."""
    with lacking("GET /fine_tuning/jobs/{id}/events"):
        told = server.sdk.fine_tuning.jobs.list_events(job.id, limit=100).data
    holds(told, "data", told, ">= 1")
    for event in told:
        same("object", event.object, "fine_tuning.job.event")
        one_of("level", event.level, _LEVELS)
        holds(event.message, "message", event.message, '!= ""')
    ids = [event.id for event in told]
    same("data", len(set(ids)), len(ids))
    return told


@check("events.order", events)
def order(_server: Server, told: list[FineTuningJobEvent]) -> None:
    """Prove that events come newest first."""
    times = [event.created_at for event in told]
    holds(times == sorted(times, reverse=True), "created_at", times[:5], "newest first")


@check("events.paging", events, succeeded)
def paging(server: Server, _told: object, job: FineTuningJob) -> None:
    """Prove that `limit` and `after` give every event once."""
    walk(partial(server.sdk.fine_tuning.jobs.list_events, job.id), 2)


@check("events.metrics", events)
def metrics(_server: Server, told: list[FineTuningJobEvent]) -> None:
    """Prove that events of the type `metrics` carry the step and a loss."""
    figures = [event.data for event in told if event.type == "metrics"]
    holds(figures, "type", "message", "metrics")
    for each in figures:
        holds(isinstance(each, Mapping) and "step" in each, "data", each, "step")
        holds(isinstance(each, Mapping) and _has_loss(each), "data", each, "…loss")


def _has_loss(figures: Mapping[str, object]) -> bool:
    losses = [value for name, value in figures.items() if "loss" in name]
    return any(isinstance(loss, (int, float)) and math.isfinite(loss) for loss in losses)


@check("events.unknown", events)
def unknown(server: Server, _told: object) -> None:
    """Prove that events of a job that is not there are 404."""
    refusal(lambda: server.sdk.fine_tuning.jobs.list_events(_NO_JOB), GONE)


@check("checkpoints.list", succeeded)
def checkpoints(server: Server, job: FineTuningJob) -> list[FineTuningJobCheckpoint]:
    """Prove that GET …/checkpoints lists the job's checkpoints with step and figures."""
    with lacking("GET /fine_tuning/jobs/{id}/checkpoints"):
        told = server.sdk.fine_tuning.jobs.checkpoints.list(job.id, limit=100).data
    holds(told, "data", told, ">= 1")
    for each in told:
        same("object", each.object, "fine_tuning.job.checkpoint")
        same("fine_tuning_job_id", each.fine_tuning_job_id, job.id)
        holds(each.step_number > 0, "step_number", each.step_number, "> 0")
        holds(_has_loss(each.metrics.to_dict()), "metrics", each.metrics.to_dict(), "…loss")
        server.undo("DELETE", f"/models/{each.fine_tuned_model_checkpoint}")
    return told


@check("checkpoints.order", checkpoints)
def checkpoint_order(_server: Server, told: list[FineTuningJobCheckpoint]) -> None:
    """Prove that checkpoints come newest first, no step twice."""
    steps = [each.step_number for each in told]
    holds(steps == sorted(set(steps), reverse=True), "step_number", steps, "newest first")


@check("checkpoints.usable", checkpoints, plain)
def usable(server: Server, told: list[FineTuningJobCheckpoint], _plain: object) -> None:
    """Prove that each checkpoint is a model that answers."""
    for each in told:
        answer = server.ask(model=each.fine_tuned_model_checkpoint)
        same("object", answer.object, "chat.completion")
