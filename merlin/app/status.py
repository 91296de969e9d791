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
from merlin.core.views import view_of
from merlin.dataset.verdicts import VerdictStatus
from merlin.db.requests import RequestState
from merlin.db.tables import JOB, NOTICE, REQUEST
from merlin.training.jobs import UNFINISHED


@dataclass(frozen=True, slots=True)
class DatasetStatus:
    """The newest results of a dataset; None: none yet."""

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


@dataclass(frozen=True, slots=True)
class DatasetView(DatasetStatus):
    """A dataset with its status; `title` by language, as far as dataset.yaml has it."""

    name: str
    title: Mapping[str, str]

    def title_in(self, language: str) -> str:
        """Return its title in a language, else its name."""
        return choose_translation(self.title, language) or self.name


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
            datasets=_read_datasets(ctx, actor),
            queues={
                "requests": ctx.db.count(REQUEST, REQUEST.state.in_(waiting)),
                "notices": ctx.db.count(NOTICE, NOTICE.handed_over_at.is_null()),
                "jobs": ctx.db.count(JOB, UNFINISHED),
            },
        )


def list_datasets(ctx: Context, actor: Actor) -> list[DatasetView]:
    """Return the datasets that the actor may watch, by name."""
    with ctx.db.snapshot():
        return [
            view_of(DatasetView, each, name=name, title=each.verdict.title if each.verdict else {})
            for name, each in _read_datasets(ctx, actor).items()
        ]


def _read_datasets(ctx: Context, actor: Actor) -> dict[str, DatasetStatus]:
    newest_verdicts, trained = verdicts.list_newest(ctx), jobs.list_newest(ctx)
    serving = models.list_serving(ctx, actor)
    return {
        name: DatasetStatus(newest_verdicts.get(name), serving.get(name), trained.get(name))
        for name in sorted(newest_verdicts.keys() | serving.keys())
        if actor.may(Permission.WATCH, name)
    }
