"""Status: each dataset with its newest verdict, serving model and job; the sizes of the queues."""

from collections.abc import Mapping
from dataclasses import dataclass

from merlin.app import jobs, models, verdicts
from merlin.app.actor import Actor
from merlin.app.context import Context
from merlin.app.jobs import JobView
from merlin.app.models import ModelView
from merlin.app.verdicts import VerdictView
from merlin.core.i18n import choose_translation
from merlin.core.permissions import Permission
from merlin.dataset.verdicts import VerdictStatus
from merlin.db.requests import RequestState
from merlin.db.tables import JOB, NOTICE, REQUEST
from merlin.training.jobs import UNFINISHED


@dataclass(frozen=True, slots=True)
class DatasetStatus:
    """The newest results of a dataset; None: none yet."""

    name: str
    verdict: VerdictView | None
    serving: ModelView | None
    job: JobView | None

    @property
    def is_built(self) -> bool:
        """Return whether the newest commit has a build, which can be trained."""
        return self.verdict is not None and self.verdict.build is not None

    @property
    def is_removed(self) -> bool:
        """Return whether the newest commit removed the dataset."""
        return self.verdict is not None and self.verdict.status is VerdictStatus.REMOVED

    def title_in(self, language: str) -> str:
        """Return its title in a language, else its name."""
        title = self.verdict.title if self.verdict else {}
        return choose_translation(title, language) or self.name


@dataclass(frozen=True, slots=True)
class Status:
    """The datasets that the actor may watch, by name, and the sizes of the queues."""

    datasets: Mapping[str, DatasetStatus]
    queues: Mapping[str, int]


def read_status(ctx: Context, actor: Actor) -> Status:
    """Return the status of the pipeline, in one snapshot."""
    with ctx.db.snapshot():
        waiting = [RequestState.WAITING.value, RequestState.WORKING.value]
        return Status(
            datasets={dataset.name: dataset for dataset in list_datasets(ctx, actor)},
            queues={
                "requests": ctx.db.count(REQUEST, REQUEST.state.in_(waiting)),
                "notices": ctx.db.count(NOTICE, NOTICE.handed_over_at.is_null()),
                "jobs": ctx.db.count(JOB, UNFINISHED),
            },
        )


def list_datasets(ctx: Context, actor: Actor) -> list[DatasetStatus]:
    """Return the datasets that the actor may watch, by name."""
    with ctx.db.snapshot():
        newest_verdicts = verdicts.list_newest(ctx)
        trained = jobs.list_newest(ctx)
        serving = models.list_serving(ctx, actor)
    return [
        DatasetStatus(
            name, newest_verdicts.get(name), serving.get(name), trained.get(name)
        )
        for name in sorted(newest_verdicts.keys() | serving.keys())
        if actor.may(Permission.WATCH, name)
    ]
