"""Status: each dataset with its newest verdict, serving model and job; how much waits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from peewee import fn

from merlin.app import datasets, jobs, verdicts
from merlin.app.actor import Actor
from merlin.app.context import Context
from merlin.app.datasets import ServingView
from merlin.app.jobs import JobView
from merlin.app.verdicts import VerdictView
from merlin.core.permissions import Permission
from merlin.db.requests import RequestState
from merlin.db.tables import JOB, NOTICE, REQUEST, Table
from merlin.training.jobs import FINAL


@dataclass(frozen=True, slots=True)
class DatasetStatus:
    """What a dataset led to; None: that did not happen yet."""

    verdict: VerdictView | None
    serving: ServingView | None
    job: JobView | None

    @property
    def is_built(self) -> bool:
        """Return whether its newest commit led to a build, which can be trained."""
        return self.verdict is not None and self.verdict.build is not None


@dataclass(frozen=True, slots=True)
class Status:
    """The datasets that the actor may watch, by name, and how much waits in each queue."""

    datasets: Mapping[str, DatasetStatus]
    queues: Mapping[str, int]


def status(ctx: Context, actor: Actor) -> Status:
    """Return how the pipeline stands, as of one moment."""
    with ctx.db.snapshot():
        said, trained = verdicts.newest(ctx), jobs.newest(ctx)
        serving = datasets.serving(ctx, actor)
        return Status(
            datasets={
                name: DatasetStatus(said.get(name), serving.get(name), trained.get(name))
                for name in sorted(said.keys() | serving.keys())
                if actor.may(Permission.WATCH, name)
            },
            queues=_queues(ctx),
        )


def _queues(ctx: Context) -> dict[str, int]:
    """Return how much waits: requests, notices, jobs that are not final."""
    waiting = [RequestState.WAITING.value, RequestState.WORKING.value]
    unfinished = JOB.state.not_in([state.value for state in FINAL])

    def count(table: Table, where: Any) -> int:
        return int(ctx.db.value(table.select(fn.COUNT(table.id)).where(where)))

    return {
        "requests": count(REQUEST, REQUEST.state.in_(waiting)),
        "notices": count(NOTICE, NOTICE.handed_over_at.is_null()),
        "jobs": count(JOB, unfinished),
    }
