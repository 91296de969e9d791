"""From a waiting verdict to a job row: decide, reserve, supersede; one transaction."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import groupby
from typing import TYPE_CHECKING

from merlin.core.clock import Clock
from merlin.core.errors import Refused
from merlin.core.money import Price
from merlin.dataset.builds import Build
from merlin.dataset.spec import DatasetSpec, Recipe
from merlin.dataset.verdicts import Verdict, VerdictStatus
from merlin.training import policy
from merlin.training.jobs import Job, JobState, launch_key
from merlin.training.policy import Decision, Situation, Step, decide

if TYPE_CHECKING:
    from merlin.training.job_store import Launches

_LOST = (JobState.FAILED, JobState.CANCELLED)


@dataclass(frozen=True, slots=True)
class NewJob:
    """A job that is about to be: everything but its row number.

    `month_cap_micro`: what the jobs of its provider may cost in this month together, None: no cap.
    `most_active`: how many unfinished jobs its provider may have, this one among them, None: any.
    """

    launch_key: str
    dataset: str
    build_id: int
    provider: str
    recipe: Recipe
    attempt: int
    estimate_micro: int
    currency: str
    at: datetime
    month_cap_micro: int | None = None
    most_active: int | None = None


@dataclass(frozen=True, slots=True)
class Account:
    """What other jobs and builds mean for a launch.

    `active`: the provider's unfinished jobs; `spent_micro`: estimates of its jobs since a date;
    `new_examples`: examples of this build that the newest launched build had not. `is_forbidden`:
    the provider's newest answer to a launch was that this account may not train. `is_gone`: the
    provider no longer has the model that this verdict led to. `is_revoked`: the build holds an
    example whose consent was taken back.
    """

    active: int
    spent_micro: int
    new_examples: int
    is_forbidden: bool = False
    is_gone: bool = False
    is_revoked: bool = False


@dataclass(frozen=True, slots=True)
class Terms:
    """A provider's terms for launches; price and sunset are asked by base model."""

    price: Callable[[str], Price | None]
    active_jobs: int
    caps: policy.Caps
    sunset_refusal: Callable[[str], Decision | None]
    sunset: Callable[[str], date | None] = lambda _: None
    quiet_s: float | None = None


@dataclass(frozen=True, slots=True)
class LaunchPlanner:
    """What launching decisions need; `terms` by provider name."""

    rows: Launches
    terms: Mapping[str, Terms]
    clock: Clock


@dataclass(frozen=True, slots=True)
class Quote:
    """What launching a verdict by hand would mean now.

    `cost_micro` None: nobody knows the base's price. `spent_micro`: what the provider's jobs of
    this month may have cost. `refusal`: why caps, the base's sunset or the provider's unfinished
    jobs forbid it.
    """

    build: Build
    order: NewJob
    cost_micro: int | None
    spent_micro: int
    refusal: Decision | None


def launch_waiting(planner: LaunchPlanner) -> list[Job]:
    """Decide for every dataset that has waiting verdicts; return the jobs begun or joined."""
    begun = []
    for _, group in groupby(planner.rows.waiting(), key=lambda verdict: verdict.dataset):
        job = _consider(planner, list(group))
        if job is not None:
            begun.append(job)
    return begun


def launch_by_hand(planner: LaunchPlanner, verdict: Verdict) -> Job:
    """Launch the build of one verdict now, whatever its policy.

    A failed one, and one whose model is gone, gets a new attempt. Raises Refused when consent,
    caps or the base's sunset forbid it, when the provider has as many unfinished jobs as it may
    have, or when the verdict has moved on.
    """
    spec, terms = _terms(planner, verdict)
    attempt = _next_attempt(planner, verdict, spec)
    order, refused = _order_by_hand(planner, verdict, spec, terms, attempt)
    if refused is None:
        job = planner.rows.start(verdict, order, ())
        if job is not None:
            return job
        # Another launch may have taken what this one needs.
        refused = _order_by_hand(planner, verdict, spec, terms, attempt)[1]
    if refused is not None:
        raise Refused(refused.reason, refused.reason, **refused.arguments)
    raise Refused("the verdict moved on", "launch-moved-on")


def quote(planner: LaunchPlanner, verdict: Verdict) -> Quote:
    """Return what `launch_by_hand` would do now. Raises Refused where its build has a job."""
    spec, terms = _terms(planner, verdict)
    attempt = _next_attempt(planner, verdict, spec)
    order, refused = _order_by_hand(planner, verdict, spec, terms, attempt)
    is_priced = terms.price(spec.recipe.base_model) is not None
    return Quote(
        build=planner.rows.build(order.build_id),
        order=order,
        cost_micro=order.estimate_micro if is_priced else None,
        spent_micro=_account(planner, verdict, spec).spent_micro,
        refusal=refused,
    )


def _next_attempt(planner: LaunchPlanner, verdict: Verdict, spec: DatasetSpec) -> int:
    """Return the number of the next attempt. Raises Refused while one is under way or stands."""
    known = planner.rows.newest_attempt(verdict.wish)
    if known is not None and not _is_lost(planner, verdict, spec, known):
        raise Refused(f"job {known.job_id} is {known.state}", "launch-already", job=known.job_id)
    return known.attempt + 1 if known else 1


def _is_lost(planner: LaunchPlanner, verdict: Verdict, spec: DatasetSpec, known: Job) -> bool:
    """Return whether nothing answers for this verdict: its job or its model is lost."""
    # A failed verdict may stand on a job that succeeded: its model was refused or is gone.
    if verdict.word is VerdictStatus.FAILED or known.state in _LOST:
        return True
    return verdict.word is VerdictStatus.SERVING and _account(planner, verdict, spec).is_gone


def _consider(planner: LaunchPlanner, waiting: Sequence[Verdict]) -> Job | None:
    newest, older = waiting[-1], waiting[:-1]
    spec, terms = _terms(planner, newest)
    known = planner.rows.newest_attempt(newest.wish)
    if known is not None:
        return planner.rows.start(newest, known, older)
    order, refused = _order(planner, newest, spec, terms, 1)
    account = _account(planner, newest, spec)
    situation = Situation(
        now=planner.clock(),
        new_examples=account.new_examples,
        slots_free=terms.active_jobs - account.active,
        refusal=refused or (_forbidden(newest, spec) if account.is_forbidden else None),
        quiet_s=terms.quiet_s,
    )
    decision = decide(spec.launch, waiting, situation)
    if decision.step is Step.LAUNCH:
        return planner.rows.start(newest, order, older)
    if decision.step is Step.WAIT:  # the others of a burst stay: they say when it began
        older = [verdict for verdict in older if verdict.word is VerdictStatus.HELD]
    if decision.reason != newest.reason or older:
        planner.rows.hold(newest, decision, older)
    return None


def _terms(planner: LaunchPlanner, verdict: Verdict) -> tuple[DatasetSpec, Terms]:
    spec = verdict.spec
    if spec is None:
        raise Refused("the dataset's settings are not readable", "launch-no-spec")
    terms = planner.terms.get(spec.recipe.provider)
    return spec, terms if terms is not None else _no_provider(spec.recipe.provider)


def _forbidden(verdict: Verdict, spec: DatasetSpec) -> Decision:
    """Return the hold of automatic launches; one by hand asks the provider anew."""
    told = {"provider": spec.recipe.provider, "dataset": verdict.dataset}
    return Decision(Step.HOLD, "held-forbidden", told)


def _no_provider(name: str) -> Terms:
    hold = Decision(Step.HOLD, "held-no-provider", {"provider": name})
    return Terms(lambda _: None, 0, policy.Caps(), lambda _: hold)


def _account(planner: LaunchPlanner, verdict: Verdict, spec: DatasetSpec) -> Account:
    since = policy.month_start(planner.clock())
    return planner.rows.account(verdict, spec.recipe.provider, since)


def _order_by_hand(
    planner: LaunchPlanner, verdict: Verdict, spec: DatasetSpec, terms: Terms, attempt: int
) -> tuple[NewJob, Decision | None]:
    """Return the job to be, and what forbids it: nothing launches it later by itself."""
    order, refused = _order(planner, verdict, spec, terms, attempt)
    active = _account(planner, verdict, spec).active
    if refused is None and active >= terms.active_jobs:
        told = {"provider": spec.recipe.provider, "count": active, "limit": terms.active_jobs}
        refused = Decision(Step.WAIT, "launch-full", told)
    return order, refused


def _order(
    planner: LaunchPlanner, verdict: Verdict, spec: DatasetSpec, terms: Terms, attempt: int
) -> tuple[NewJob, Decision | None]:
    """Return the job to be, and a hold when consent, money or the base's sunset forbid it."""
    assert verdict.build_id is not None  # noqa: S101 - a waiting verdict has its build
    build, recipe, now = planner.rows.build(verdict.build_id), spec.recipe, planner.clock()
    price = terms.price(recipe.base_model)
    cost, currency = 0, "USD"
    if price is not None:
        cost = policy.estimate(price, build, recipe.hyperparameters)
        currency = price.currency
    account = _account(planner, verdict, spec)
    refused = Decision(Step.HOLD, "held-revoked") if account.is_revoked else None
    refused = refused or terms.sunset_refusal(recipe.base_model)
    known = cost if price else None
    refused = refused or policy.refusal(terms.caps, known, account.spent_micro, currency)
    key = launch_key(verdict.wish, attempt)
    order = NewJob(
        launch_key=key,
        dataset=verdict.dataset,
        build_id=build.build_id,
        provider=recipe.provider,
        recipe=recipe,
        attempt=attempt,
        estimate_micro=cost,
        currency=currency,
        at=now,
        month_cap_micro=terms.caps.per_month_micro,
        most_active=terms.active_jobs,
    )
    return order, refused
