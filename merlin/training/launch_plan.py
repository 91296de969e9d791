"""From a waiting verdict to a job row: decide, reserve, supersede; one transaction."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import partial
from itertools import groupby

from peewee import JOIN, fn

from merlin.config import Config
from merlin.config.settings import BudgetConfig, ProviderConfig
from merlin.core.clock import Clock, iso, utc_now
from merlin.core.errors import NotFound, Refused
from merlin.core.money import Price
from merlin.dataset.builds import Build, build_from_row
from merlin.dataset.spec import DatasetSpec
from merlin.dataset.verdicts import (
    WAITING,
    Verdict,
    VerdictStatus,
    can_transition,
    fail_training,
    select_verdicts,
    transition,
    verdict_condition,
    verdict_from_row,
)
from merlin.db.database import Database, Repository, Row, transaction
from merlin.db.tables import (
    BUILD,
    BUILD_EXAMPLE,
    JOB,
    MODEL,
    VERDICT,
)
from merlin.db.values import dump_json
from merlin.training import policy
from merlin.training.jobs import (
    FINAL,
    FORBIDDEN,
    Job,
    JobState,
    NewJob,
    insert_job,
    job_of,
    launch_key,
    why_failed,
)
from merlin.training.models import ModelState, revoked_builds, why_lost
from merlin.training.policy import Decision, Step, decide, month_start

_LOST = (JobState.FAILED, JobState.CANCELLED)


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
    caps: BudgetConfig
    sunset_refusal: Callable[[str], Decision | None]
    sunset: Callable[[str], date | None] = lambda _: None
    quiet_s: float | None = None


def terms_of(
    config: Config, provider: ProviderConfig, sunset: Callable[[str], date | None]
) -> Terms:
    """Return a provider's terms; `sunset` says when a base model goes dark."""

    def refusal(base_model: str) -> Decision | None:
        return policy.refuse_fading_base(base_model, sunset(base_model), utc_now().date())

    return Terms(
        price=partial(config.price, provider.name),
        active_jobs=provider.limits.active_jobs,
        caps=config.budget,
        sunset_refusal=refusal,
        sunset=sunset,
        quiet_s=config.daemon.quiet_s,
    )


def table_terms(config: Config) -> dict[str, Terms]:
    """Return the terms of every provider, with the sunsets that the configuration knows."""
    return {each.name: terms_of(config, each, config.sunsets.get) for each in config.providers}


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


def launch_waiting(launches: Launches) -> list[Job]:
    """Decide for every dataset that has waiting verdicts; return the jobs begun or joined."""
    begun = []
    for _, group in groupby(launches.waiting(), key=lambda verdict: verdict.dataset):
        job = _consider(launches, list(group))
        if job is not None:
            begun.append(job)
    return begun


def launch_by_hand(launches: Launches, verdict: Verdict) -> Job:
    """Launch the build of one verdict now, whatever its policy.

    A failed one, and one whose model is gone, gets a new attempt. Raises Refused when consent,
    caps or the base's sunset forbid it, when the provider has as many unfinished jobs as it may
    have, or when the verdict has moved on.
    """
    spec, terms = _terms(launches, verdict)
    attempt = _next_attempt(launches, verdict, spec)
    order, refused = _order_by_hand(launches, verdict, spec, terms, attempt)
    if refused is None:
        job = launches.start(verdict, order, ())
        if job is not None:
            return job
        # Another launch may have taken what this one needs.
        refused = _order_by_hand(launches, verdict, spec, terms, attempt)[1]
    if refused is not None:
        raise Refused(refused.reason, refused.reason, **refused.arguments)
    raise Refused("the verdict moved on", "launch-moved-on")


def quote(launches: Launches, verdict: Verdict) -> Quote:
    """Return what `launch_by_hand` would do now. Raises Refused where its build has a job."""
    spec, terms = _terms(launches, verdict)
    attempt = _next_attempt(launches, verdict, spec)
    order, refused = _order_by_hand(launches, verdict, spec, terms, attempt)
    is_priced = terms.price(spec.recipe.base_model) is not None
    return Quote(
        build=launches.build(order.build_id),
        order=order,
        cost_micro=order.estimate_micro if is_priced else None,
        spent_micro=launches.account(verdict, spec.recipe.provider).spent_micro,
        refusal=refused,
    )


def _next_attempt(launches: Launches, verdict: Verdict, spec: DatasetSpec) -> int:
    """Return the number of the next attempt. Raises Refused while one is under way or stands."""
    known = launches.newest_attempt(verdict.wish)
    if known is not None and not _is_lost(launches, verdict, spec, known):
        raise Refused(f"job {known.job_id} is {known.state}", "launch-already", job=known.job_id)
    return known.attempt + 1 if known else 1


def _is_lost(launches: Launches, verdict: Verdict, spec: DatasetSpec, known: Job) -> bool:
    """Return whether nothing answers for this verdict: its job or its model is lost."""
    # A failed verdict may stand on a job that succeeded: its model was refused or is gone.
    if verdict.word is VerdictStatus.FAILED or known.state in _LOST:
        return True
    return (
        verdict.word is VerdictStatus.SERVING
        and launches.account(verdict, spec.recipe.provider).is_gone
    )


def _consider(launches: Launches, waiting: Sequence[Verdict]) -> Job | None:
    newest, older = waiting[-1], waiting[:-1]
    spec, terms = _terms(launches, newest)
    known = launches.newest_attempt(newest.wish)
    if known is not None:
        return launches.start(newest, known, older)
    order, refused = _order(launches, newest, spec, terms, 1)
    account = launches.account(newest, spec.recipe.provider)
    decision = decide(
        spec.launch,
        waiting,
        now=launches.clock(),
        new_examples=account.new_examples,
        slots_free=terms.active_jobs - account.active,
        refusal=refused or (_forbidden(newest, spec) if account.is_forbidden else None),
        quiet_s=terms.quiet_s,
    )
    if decision.step is Step.LAUNCH:
        return launches.start(newest, order, older)
    if decision.step is Step.WAIT:  # the others of a burst stay: they say when it began
        older = [verdict for verdict in older if verdict.word is VerdictStatus.HELD]
    if decision.reason != newest.reason or older:
        launches.hold(newest, decision, older)
    return None


def _terms(launches: Launches, verdict: Verdict) -> tuple[DatasetSpec, Terms]:
    spec = verdict.spec
    if spec is None:
        raise Refused("the dataset's settings are not readable", "launch-no-spec")
    terms = launches.terms.get(spec.recipe.provider)
    return spec, terms if terms is not None else _no_provider(spec.recipe.provider)


def _forbidden(verdict: Verdict, spec: DatasetSpec) -> Decision:
    """Return the hold of automatic launches; one by hand asks the provider anew."""
    told = {"provider": spec.recipe.provider, "dataset": verdict.dataset}
    return Decision(Step.HOLD, "held-forbidden", told)


def _no_provider(name: str) -> Terms:
    hold = Decision(Step.HOLD, "held-no-provider", {"provider": name})
    return Terms(lambda _: None, 0, BudgetConfig(), lambda _: hold)


def _order_by_hand(
    launches: Launches, verdict: Verdict, spec: DatasetSpec, terms: Terms, attempt: int
) -> tuple[NewJob, Decision | None]:
    """Return the job to be, and what forbids it: nothing launches it later by itself."""
    order, refused = _order(launches, verdict, spec, terms, attempt)
    active = launches.account(verdict, spec.recipe.provider).active
    if refused is None and active >= terms.active_jobs:
        told = {"provider": spec.recipe.provider, "count": active, "limit": terms.active_jobs}
        refused = Decision(Step.WAIT, "launch-full", told)
    return order, refused


def _order(
    launches: Launches, verdict: Verdict, spec: DatasetSpec, terms: Terms, attempt: int
) -> tuple[NewJob, Decision | None]:
    """Return the job to be, and a hold when consent, money or the base's sunset forbid it."""
    assert verdict.build_id is not None  # noqa: S101 - a waiting verdict has its build
    build, recipe, now = launches.build(verdict.build_id), spec.recipe, launches.clock()
    price = terms.price(recipe.base_model)
    cost, currency = 0, "USD"
    if price is not None:
        cost = policy.estimate(price, build, recipe.hyperparameters)
        currency = price.currency
    account = launches.account(verdict, spec.recipe.provider)
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


_NEVER_SERVES = (ModelState.REFUSED, ModelState.GONE, ModelState.REVOKED)
# Any number that no other program takes in this database.
_LOCK = 0x4D65726C_62756467


class _MovedOn(Exception):
    """The verdict stands at another word than was expected."""


class Launches(Repository):
    """Where verdicts wait and jobs are born; `terms` by provider name."""

    def __init__(
        self, db: Database, clock: Clock = utc_now, terms: Mapping[str, Terms] | None = None
    ) -> None:
        super().__init__(db, clock)
        self.clock = clock
        self.terms = terms or {}
        # Builds never change, so neither does what one has that another has not.
        self._new: dict[tuple[int, int], int] = {}

    def waiting(self) -> list[Verdict]:
        """Return verdicts that are built or held and on the line, by dataset, then position."""
        is_waiting = VERDICT.word.in_([word.value for word in WAITING])
        on_line = VERDICT.position.is_null(False)  # noqa: FBT003 - peewee's own signature
        query = select_verdicts().where(is_waiting & on_line)
        return [
            verdict_from_row(row)
            for row in self.db.rows(query.order_by(VERDICT.dataset, VERDICT.position))
        ]

    def build(self, build_id: int) -> Build:
        """Return one build. Raises NotFound."""
        row = self.db.row(BUILD.select().where(BUILD.id == build_id))
        if row is None:
            raise NotFound(f"no build {build_id}", "store-no-build", build=build_id)
        return build_from_row(row)

    def newest_attempt(self, wish: str) -> Job | None:
        """Return the newest job of a verdict with this wish, or None."""
        of_wish = JOB.select().where(JOB.wish == wish)
        row = self.db.row(of_wish.order_by(JOB.attempt.desc()))
        return None if row is None else job_of(row)

    def account(self, verdict: Verdict, provider: str) -> Account:
        """Return what the decision needs to know of other jobs and builds."""
        since = month_start(self.clock())
        with self.db.snapshot():
            return Account(
                active=self._active(provider),
                spent_micro=self.spent(provider, since),
                new_examples=self._new_examples(verdict),
                is_forbidden=self._is_forbidden(provider),
                is_gone=self._is_gone(verdict),
                is_revoked=self._is_revoked(verdict),
            )

    def _active(self, provider: str, but: str = "") -> int:
        """Count the provider's unfinished jobs; `but`: the launch key of one that is left out."""
        unfinished = JOB.state.not_in([state.value for state in FINAL])
        counts = (JOB.provider == provider) & unfinished & (JOB.launch_key != but)
        return int(self.db.value(JOB.select(fn.COUNT(JOB.id)).where(counts)))

    def _is_forbidden(self, provider: str) -> bool:
        """Return whether the newest launch that the provider has answered was forbidden."""
        is_answered = (JOB.provider_job_id != "") | (JOB.status == FORBIDDEN)
        answered = JOB.select(JOB.status).where((JOB.provider == provider) & is_answered)
        newest = answered.order_by(JOB.created_at.desc(), JOB.id.desc())
        return bool(self.db.value(newest) == FORBIDDEN)

    def _is_gone(self, verdict: Verdict) -> bool:
        is_lost = (MODEL.job_id == verdict.job_id) & (MODEL.state == ModelState.GONE.value)
        return self.db.row(MODEL.select(MODEL.id).where(is_lost)) is not None

    def _is_revoked(self, verdict: Verdict) -> bool:
        builds = revoked_builds().where(BUILD_EXAMPLE.build_id == verdict.build_id)
        return self.db.row(builds.limit(1)) is not None

    def spent(self, provider: str, since: datetime, but: str = "") -> int:
        """Return what the provider's jobs since then may have cost, in millionths.

        One that ended untrained has cost nothing. `but`: the launch key of one that is left out.
        """
        is_free = JOB.state.in_([state.value for state in _LOST]) & (JOB.trained_tokens == 0)
        counts = (JOB.provider == provider) & (JOB.created_at >= iso(since)) & ~is_free
        if but:
            counts &= JOB.launch_key != but
        total = JOB.select(fn.COALESCE(fn.SUM(JOB.estimate_micro), 0)).where(counts)
        return int(self.db.value(total))

    def _new_examples(self, verdict: Verdict) -> int:
        """Count what the newest build that was launched, and not lost, has not or has otherwise."""
        if verdict.build_id is None:
            return 0
        kept = JOB.state.not_in([state.value for state in _LOST])
        launched = JOB.select(JOB.build_id).where((JOB.dataset == verdict.dataset) & kept)
        before = self.db.value(launched.order_by(JOB.id.desc())) or 0
        pair = (verdict.build_id, int(before))
        if pair not in self._new:
            self._new[pair] = self._count_new(*pair)
        return self._new[pair]

    def _count_new(self, build_id: int, before: int) -> int:
        old = BUILD_EXAMPLE.alias("old")
        same = (
            (old.build_id == before)
            & (old.example_id == BUILD_EXAMPLE.example_id)
            & (old.text_digest == BUILD_EXAMPLE.text_digest)
        )
        count = BUILD_EXAMPLE.select(fn.COUNT(BUILD_EXAMPLE.example_id))
        fresh = (BUILD_EXAMPLE.build_id == build_id) & old.example_id.is_null()
        return int(self.db.value(count.join(old, JOIN.LEFT_OUTER, on=same).where(fresh)))

    def start(self, verdict: Verdict, job: NewJob | Job, older: Sequence[Verdict]) -> Job | None:
        """Move the verdict to training with a new job, or link it to a job that exists.

        The `older` verdicts become superseded. A verdict linked to a succeeded job is training
        until its model is promoted; one linked to a failed or cancelled job, or to one whose
        model was refused, is gone or revoked, becomes failed. Returns None when the verdict had
        moved on meanwhile, or the month's cap or the provider's unfinished jobs are taken; then
        nothing is stored.
        """
        if not can_transition(verdict.word, VerdictStatus.TRAINING):
            return None
        try:
            # A savepoint where others' work goes on: a verdict that moved on leaves no job.
            return self.db.transact(lambda: self._start(verdict, job, older))
        except _MovedOn:
            return None

    def _start(self, verdict: Verdict, job: NewJob | Job, older: Sequence[Verdict]) -> Job:
        at = self.clock()
        if isinstance(job, NewJob) and not self._is_within(job):
            raise _MovedOn
        # The job first, here as everywhere: who locks rows in one order never waits in a ring.
        found = self._join(verdict, job)
        mine = verdict_condition(verdict.commit, verdict.dataset)
        olds = WAITING if verdict.word in WAITING else (verdict.word,)
        by_job = {"job_id": found.job_id}
        if not transition(self.db, olds, VerdictStatus.TRAINING, at, mine, change=by_job):
            raise _MovedOn
        why = self._why_lost(found)
        if why is not None:
            fail_training(self.db, mine, at, why)
        self._supersede(older, at)
        self.db.bump()
        return found

    def _is_within(self, job: NewJob) -> bool:
        """Return whether caps have room for the job; of several launches one asks at a time."""
        if self.db.dialect == "postgresql":  # an SQLite transaction that writes is alone anyway
            self.db.sql("SELECT pg_advisory_xact_lock(?)", _LOCK)
        most, cap = job.most_active, job.month_cap_micro
        if most is not None and self._active(job.provider, but=job.launch_key) >= most:
            return False
        if cap is None:
            return True
        spent = self.spent(job.provider, month_start(job.at), but=job.launch_key)
        return spent + job.estimate_micro <= cap

    def _join(self, verdict: Verdict, job: NewJob | Job) -> Job:
        """Return the job's row as it stands, made when it is new; nobody else changes it now."""
        if isinstance(job, NewJob):
            insert_job(self.db, job, verdict.wish)
            found = JOB.launch_key == job.launch_key
        else:
            found = JOB.id == job.job_id
        row = self.db.row(self.db.locked(JOB.select().where(found)))
        if row is None:
            raise NotFound("no such job", "store-no-job", job=getattr(job, "job_id", 0))
        return job_of(row)

    def _why_lost(self, job: Job) -> Row | None:
        """Return the columns that say why nothing will come of this job, None when something may.

        A model that is gone is told as such: the job itself was well.
        """
        if job.state in _LOST:
            return why_failed(job)
        bad = MODEL.state.in_([state.value for state in _NEVER_SERVES])
        lost = self.db.row(MODEL.select().where((MODEL.job_id == job.job_id) & bad))
        return None if lost is None else why_lost(lost["model_id"], lost["state"], lost["note"])

    def _supersede(self, older: Sequence[Verdict], at: datetime) -> None:
        for verdict in older:
            mine = verdict_condition(verdict.commit, verdict.dataset)
            transition(self.db, WAITING, VerdictStatus.SUPERSEDED, at, mine)

    @transaction
    def hold(self, verdict: Verdict, decision: Decision, older: Sequence[Verdict]) -> None:
        """Note why the verdict waits (word held for HOLD, built for WAIT); supersede `older`."""
        at = self.clock()
        word = VerdictStatus.HELD if decision.step is Step.HOLD else VerdictStatus.BUILT
        mine = verdict_condition(verdict.commit, verdict.dataset)
        why = {"reason": decision.reason, "arguments": dump_json(dict(decision.arguments))}
        other = VerdictStatus.BUILT if word is VerdictStatus.HELD else VerdictStatus.HELD
        if not transition(self.db, (other,), word, at, mine, change=why):
            stays = VERDICT.update({**why, "updated_at": iso(at)})
            self.db.change(stays.where(mine & (VERDICT.word == word.value)))
        self._supersede(older, at)
