"""Fine-tune jobs: list, show, quote, launch, cancel."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from operator import itemgetter
from typing import Any, TypeVar

from peewee import Select, fn

from merlin.app import models
from merlin.app.actor import Actor, read_newest_rows
from merlin.app.context import Context
from merlin.app.requests import submit_request
from merlin.core.charts import StepMetrics, read_losses, read_positive
from merlin.core.errors import NotFound, Refused
from merlin.core.i18n import format_duration, text
from merlin.core.json_fields import get_object
from merlin.core.money import format_estimate
from merlin.core.permissions import Permission
from merlin.core.views import described, make_finite
from merlin.dataset.builds import build_version
from merlin.dataset.verdicts import NEWEST_FIRST, Verdict, VerdictHistory
from merlin.db.database import Row
from merlin.db.requests import Request, RequestKind
from merlin.db.tables import BUILD, JOB, JOB_EVENT, VERDICT
from merlin.db.values import load_json, read_row
from merlin.training.jobs import FINAL, JobState
from merlin.training.launch_plan import (
    Launches,
    plan_by_hand,
    refuse_by_hand,
    spec_of,
    spent_micro,
)
from merlin.training.offers import Offer, list_offers
from merlin.training.policy import estimate, month_start

T = TypeVar("T", bound="JobView")
MAX_EVENTS = 1000
_PERCENT = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class JobView:
    """A fine-tune job; `estimate_micro` is its estimated cost in millionths of `currency`."""

    id: int
    dataset: str
    build: str | None
    provider: str
    provider_job: str | None
    state: JobState
    status: str = described("Status as reported by the provider.")
    attempt: int
    recipe: dict[str, Any]
    model: str | None
    trained_tokens: int | None
    estimate_micro: int
    currency: str
    error: str
    created_at: datetime
    updated_at: datetime

    @property
    def is_over(self) -> bool:
        """Return whether the state is final."""
        return self.state in FINAL

    def took(self, now: datetime) -> timedelta:
        """Return how long it has been running, or ran until it was over."""
        return (self.updated_at if self.is_over else now) - self.created_at

    @property
    def can_cancel(self) -> bool:
        """Return whether there may be something at the provider to stop."""
        return not self.is_over and self.state is not JobState.LAUNCHING

    @property
    def title(self) -> str:
        """Return the build's version, or the dataset without one."""
        return self.build or self.dataset

    @property
    def base_model(self) -> str:
        """Return the model that is tuned, "" if the recipe names none."""
        return str(self.recipe.get("base_model", ""))

    def measure(self, events: Iterable[object]) -> Progress:
        """Return the progress, from the data of the job's events."""
        metrics = [event for event in events if isinstance(event, Mapping)]
        requested = read_positive(
            get_object(self.recipe, "hyperparameters").get("n_epochs")
        )
        epoch, step, steps = (
            max((read_positive(metric.get(name)) for metric in metrics), default=0.0)
            for name in ("epoch", "step", "total_steps")
        )
        if not steps and epoch and requested and step:
            steps = step / epoch * requested
        share = (
            min(round(_PERCENT * step / steps), _PERCENT) if steps and step else None
        )
        share = _PERCENT if self.state is JobState.SUCCEEDED else share
        return Progress(share, epoch, requested, steps)


@dataclass(frozen=True, slots=True, kw_only=True)
class JobEventView:
    """One line of a job's event log."""

    at: datetime | None
    level: str
    message: str
    kind: str
    data: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckpointView:
    """An intermediate model of a job, with its metrics."""

    model: str
    step: int
    metrics: Any


@dataclass(frozen=True, slots=True)
class LossPoint:
    """The loss at a step."""

    step: float
    loss: float


@dataclass(frozen=True, slots=True)
class Losses:
    """The losses by step; empty if none are known."""

    train: list[LossPoint]
    test: list[LossPoint]

    @classmethod
    def read(
        cls, events: Iterable[object], checkpoints: Iterable[StepMetrics]
    ) -> Losses:
        """Return the losses that `read_losses` finds."""
        losses = read_losses(events, checkpoints)
        return cls(
            *([LossPoint(*pair) for pair in losses[name]] for name in ("train", "test"))
        )

    def series(self) -> dict[str, list[tuple[float, float]]]:
        """Return (step, loss) pairs of "train" and "test", as charts take them."""
        parts = (("train", self.train), ("test", self.test))
        return {
            name: [(point.step, point.loss) for point in points]
            for name, points in parts
        }


@dataclass(frozen=True, slots=True)
class Progress:
    """The progress of a job; `share` is a percentage or null; other fields are 0 if unknown."""

    share: int | None
    epoch: float
    epochs: float
    steps: float


@dataclass(frozen=True, slots=True, kw_only=True)
class JobDetails(JobView):
    """A job with its events (oldest first), its checkpoints and its losses."""

    events: list[JobEventView]
    checkpoints: list[CheckpointView]
    losses: Losses
    commit: str = described("The newest commit that it trains for.")

    @property
    def progress(self) -> Progress:
        """Return the progress, from the metrics in the job's events."""
        return self.measure(event.data for event in self.events)


@dataclass(frozen=True, slots=True, kw_only=True)
class QuoteView:
    """The estimated cost of training the newest build; amounts in millionths of `currency`."""

    dataset: str
    build: str
    provider: str
    base_model: str
    examples: int
    epochs: int | None = described("Epochs; null if the provider chooses them.")
    cost_micro: int | None = described("Estimated cost; null if the price is unknown.")
    spent_micro: int = described(
        "Maximum possible cost of this month's jobs at the provider."
    )
    cap_micro: int | None = described(
        "Monthly limit of `spent_micro`; null if there is none."
    )
    currency: str
    offers: list[Offer]
    refusal: str = described('Reason why the job cannot be launched; "" if it can.')


def list_recent(
    ctx: Context, actor: Actor, dataset: str = "", limit: int = 50, before: int = 0
) -> list[JobView]:
    """Return jobs, newest first; `before`: only ids below it. Raises NotFound."""
    rows = read_newest_rows(ctx, actor, _jobs(), JOB, dataset, limit, before)
    return [_view_of(JobView, row) for row in rows]


def list_details(
    ctx: Context, actor: Actor, dataset: str = "", limit: int = 50, before: int = 0
) -> list[JobDetails]:
    """Return jobs as `list_recent`, with their events and losses. Raises NotFound."""
    with ctx.db.snapshot():
        rows = read_newest_rows(ctx, actor, _jobs(), JOB, dataset, limit, before)
        return _read_details(ctx, rows, MAX_EVENTS)


def list_of_ids(ctx: Context, ids: Collection[int]) -> dict[int, JobView]:
    """Return jobs by id; the caller checks the permission to see them."""
    rows = ctx.db.rows(_jobs().where(JOB.id.in_(ids))) if ids else []
    return {row.id: _view_of(JobView, row) for row in rows}


def list_newest(ctx: Context) -> dict[str, JobView]:
    """Return each dataset's newest job; the caller checks the permission to see them."""
    ids = JOB.select(fn.MAX(JOB.id)).group_by(JOB.dataset)
    rows = ctx.db.rows(_jobs().where(JOB.id.in_(ids)))
    return {row.dataset: _view_of(JobView, row) for row in rows}


def get(
    ctx: Context,
    actor: Actor,
    job_id: int,
    events: int = MAX_EVENTS,
    permission: Permission = Permission.WATCH,
) -> JobDetails:
    """Return a job with its newest `events`.

    Raises NotFound, also without the permission.
    """
    with ctx.db.snapshot():
        row = ctx.db.row(_jobs().where(JOB.id == job_id))
        if row is None or not actor.may(permission, row.dataset):
            raise NotFound(f"no job {job_id}", "store-no-job", job=job_id)
        (details,) = _read_details(ctx, [row], events)
        return details


def _read_details(ctx: Context, rows: Sequence[Row], most: int) -> list[JobDetails]:
    """Return jobs with their `most` newest events each."""
    ids = [row.id for row in rows]
    events = _read_events(ctx, ids, most)
    led = VERDICT.select(VERDICT.job_id, VERDICT.commit_sha).where(
        VERDICT.job_id.in_(ids)
    )
    # The newest is the last, and stays.
    commits = dict[int, str](reversed(ctx.db.rows(led.order_by(NEWEST_FIRST))))
    return [_details(row, events[row.id], commits.get(row.id, "")) for row in rows]


def read_progress(ctx: Context, of_jobs: Sequence[JobView]) -> dict[int, Progress]:
    """Return the progress of each of these jobs, from its newest events."""
    events = (
        _read_events(ctx, [job.id for job in of_jobs], MAX_EVENTS) if of_jobs else {}
    )
    return {
        job.id: job.measure(each.data for each in events[job.id]) for job in of_jobs
    }


def _read_events(
    ctx: Context, ids: Sequence[int], most: int
) -> Mapping[int, list[JobEventView]]:
    newest = fn.ROW_NUMBER().over(
        partition_by=[JOB_EVENT.job_id], order_by=[JOB_EVENT.id.desc()]
    )
    of_jobs = JOB_EVENT.select(*JOB_EVENT.every(), newest.alias("place"))
    few = of_jobs.where(JOB_EVENT.job_id.in_(ids)).alias("few")
    query = few.select_from(*(few.c[column.name] for column in JOB_EVENT.every()))
    events = defaultdict[int, list[JobEventView]](list)
    for event in ctx.db.rows(query.where(few.c.place <= most).order_by(few.c.id)):
        data = make_finite(load_json(event.data))
        events[event.job_id].append(read_row(JobEventView, event, data=data))
    return events


def _details(row: Row, job_events: list[JobEventView], commit: str) -> JobDetails:
    checkpoints = [
        CheckpointView(
            model=each["model_id"],
            step=each["step"],
            metrics=make_finite(each["metrics"]),
        )
        for each in sorted(load_json(row.checkpoints), key=itemgetter("step"))
    ]
    measured = (
        (checkpoint.step, checkpoint.metrics or {}) for checkpoint in checkpoints
    )
    return _view_of(
        JobDetails,
        row,
        events=job_events,
        checkpoints=checkpoints,
        losses=Losses.read((event.data for event in job_events), measured),
        commit=commit,
    )


def quote(ctx: Context, actor: Actor, dataset: str, language: str) -> QuoteView:
    """Return what training the newest build costs everywhere, and why it would be refused.

    Raises NotFound; Refused if there is no build.
    """
    actor.require(Permission.LAUNCH, dataset)
    verdict = VerdictHistory(ctx.db).get_newest(dataset)
    if verdict.build_id is None:
        raise Refused(f"{dataset} is {verdict.status}", "build-none", dataset=dataset)
    launches = Launches(ctx.db, ctx.config, ctx.clock)
    build = launches.build(verdict.build_id)
    recipe = spec_of(verdict).recipe
    price = launches.price(recipe)
    epochs = recipe.hyperparameters.get("n_epochs")
    return QuoteView(
        dataset=dataset,
        build=build.version,
        provider=recipe.provider,
        base_model=recipe.base_model,
        examples=build.train,
        epochs=epochs if isinstance(epochs, int) else None,
        cost_micro=estimate(price, build, recipe.hyperparameters) if price else None,
        spent_micro=spent_micro(ctx.db, recipe.provider, month_start(ctx.clock())),
        cap_micro=ctx.config.budget.per_month_micro,
        currency=price.currency if price else "USD",
        offers=list_offers(ctx.db, ctx.config, build, recipe),
        refusal=_find_refusal(launches, verdict, language),
    )


def _find_refusal(launches: Launches, verdict: Verdict, language: str) -> str:
    """Return why a build cannot be launched by hand, "" if it can; a trained one cannot."""
    try:
        refused = refuse_by_hand(launches, verdict, plan_by_hand(launches, verdict))
    except Refused as error:
        return text(language, error.key, **error.arguments)
    return text(language, refused.reason, **refused.arguments) if refused else ""


OFFER_PARTS = "where", "cost", "time", "fit", "seen"


def describe_offer(offer: Offer, language: str) -> Mapping[str, str]:
    """Return the cells of a table of offers, by OFFER_PARTS."""
    fits = {"fit": offer.fits, "gb": round(offer.needed_gb or 0, 1)}
    took = None if offer.seconds is None else timedelta(seconds=offer.seconds)
    return {
        "where": text(
            language,
            "offer-chosen" if offer.is_chosen else "offer-where",
            base=offer.base_model,
            provider=offer.provider,
        ),
        "cost": text(language, "offer-unknown")
        if offer.cost_micro is None
        else format_estimate(language, offer.cost_micro, offer.currency),
        "time": format_duration(language, took)
        if took
        else text(language, "offer-unknown"),
        "fit": text(
            language, "offer-fit-gb" if offer.needed_gb else "offer-fit", **fits
        ),
        "seen": offer.seen_by or text(language, "offer-seen-nobody"),
    }


def launch(ctx: Context, actor: Actor, dataset: str, once: str = "") -> Request:
    """Ask the daemon to train the newest build; it checks budget and sunsets. Raises NotFound."""
    actor.require(Permission.LAUNCH, dataset)
    models.require_dataset(ctx, actor, dataset)
    arguments = {"dataset": dataset}
    return submit_request(
        ctx, actor, RequestKind.LAUNCH, arguments, f"dataset:{dataset}", once
    )


def cancel(ctx: Context, actor: Actor, job_id: int, once: str = "") -> Request:
    """Ask the daemon to stop a job. Raises NotFound."""
    get(ctx, actor, job_id, events=1, permission=Permission.LAUNCH)
    return submit_request(
        ctx, actor, RequestKind.CANCEL, {"job": job_id}, f"job:{job_id}", once
    )


def _jobs() -> Select:
    number = BUILD.number.alias("build_number")
    return JOB.select(*JOB.every(), number).join(BUILD, on=(BUILD.id == JOB.build_id))


def _view_of(view_type: type[T], row: Row, **extra: object) -> T:
    """Return a view of a row of `_jobs`."""
    return read_row(
        view_type,
        row,
        build=build_version(row.dataset, row.build_number),
        provider_job=row.provider_job_id or None,
        recipe=make_finite(load_json(row.recipe)),
        model=row.model_id,
        **extra,
    )
