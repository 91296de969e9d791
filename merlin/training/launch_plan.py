"""From a waiting verdict to a job row: decide, reserve, supersede; in one transaction."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from itertools import groupby

from peewee import JOIN, fn

from merlin.config import Config
from merlin.core.clock import Clock, iso, utc_now
from merlin.core.errors import NotFound, Refused
from merlin.core.money import Price
from merlin.dataset.builds import BUILDS, Build, is_in_build
from merlin.dataset.spec import DatasetSpec, Recipe
from merlin.dataset.verdicts import (
    ON_BRANCH,
    WAITING,
    Verdict,
    VerdictStatus,
    can_transition,
    select_verdicts,
    transition,
    verdict_condition,
    verdict_from_row,
)
from merlin.db.database import Database, Repository, transaction
from merlin.db.tables import BUILD, JOB, MODEL, TAUGHT_EXAMPLE, VERDICT
from merlin.db.values import dump_json
from merlin.training import policy
from merlin.training.jobs import (
    FORBIDDEN,
    JOBS,
    UNFINISHED,
    Job,
    JobState,
    fail_verdicts,
    launch_key,
)
from merlin.training.models import (
    ModelState,
    fail_model_verdicts,
    model_of,
    revoked_builds,
    select_models,
)
from merlin.training.policy import Decision, NextStep, decide, month_start

_LOST = (JobState.FAILED, JobState.CANCELLED)


def launch_waiting(launches: Launches) -> list[Job]:
    """Decide for every dataset with waiting verdicts; return the jobs started or linked.

    The default dataset is the first: most people ask its model.
    """
    groups = groupby(launches.list_waiting(), key=lambda verdict: verdict.dataset)
    waiting = [list(group) for _, group in groups]
    waiting.sort(
        key=lambda verdicts: verdicts[0].dataset != launches.config.datasets.default
    )
    jobs = (_consider(launches, verdicts) for verdicts in waiting)
    return [job for job in jobs if job is not None]


def launch_by_hand(launches: Launches, verdict: Verdict) -> Job:
    """Launch the build of one verdict now, whatever its policy.

    A failed verdict, and one whose model is gone, gets a new attempt. Raises Refused if consent,
    caps or the base's sunset forbid it, if the provider has its maximum of unfinished jobs, or if
    the verdict has changed.
    """
    job = plan_by_hand(launches, verdict)
    refused = refuse_by_hand(launches, verdict, job)
    if refused is None:
        started = launches.start(verdict, job, ())
        if started is not None:
            return started
        # Another launch may have used up the remaining budget or slot.
        refused = refuse_by_hand(launches, verdict, job)
    if refused is not None:
        raise Refused(refused.reason, refused.reason, **refused.arguments)
    raise Refused("the verdict moved on", "launch-moved-on", dataset=verdict.dataset)


def plan_by_hand(launches: Launches, verdict: Verdict) -> Job:
    """Return the job that `launch_by_hand` would start, without a number.

    Raises Refused while the job of its build is unfinished or its model exists.
    """
    spec = spec_of(verdict)
    known = launches.find_newest_attempt(verdict.training_key)
    # The job of a failed verdict may have succeeded: its model was refused or is gone.
    is_lost = (
        known is None
        or verdict.status is VerdictStatus.FAILED
        or known.state in _LOST
        or (verdict.status is VerdictStatus.SERVING and launches.is_gone(verdict))
    )
    if known is not None and not is_lost:
        raise Refused(
            f"job {known.job_id} is {known.state}", "launch-already", job=known.job_id
        )
    return _plan(launches, verdict, spec, known.attempt + 1 if known else 1)


def refuse_by_hand(launches: Launches, verdict: Verdict, job: Job) -> Decision | None:
    """Return why a manual launch is forbidden, None if it is not; it is never postponed."""
    refused = _refuse(launches, verdict, job)
    active = launches.count_active(job.provider)
    most = launches.max_active(job.provider)
    if refused is None and active >= most:
        values = {"provider": job.provider, "count": active, "limit": most}
        refused = Decision(NextStep.WAIT, "launch-full", values)
    return refused


def _consider(launches: Launches, waiting: Sequence[Verdict]) -> Job | None:
    newest = waiting[-1]
    older = waiting[:-1]
    spec = spec_of(newest)
    known = launches.find_newest_attempt(newest.training_key)
    if known is not None:
        return launches.start(newest, known, older)
    job = _plan(launches, newest, spec, 1)
    refused = _refuse(launches, newest, job)
    if refused is None and launches.is_forbidden(job.provider):
        # Automatic launches only: a manual one asks the provider again.
        values = {"provider": job.provider, "dataset": job.dataset}
        refused = Decision(NextStep.HOLD, "held-forbidden", values)
    decision = decide(
        spec.launch,
        waiting,
        now=launches.clock(),
        new_examples=launches.new_examples(newest),
        slots_free=launches.max_active(job.provider)
        - launches.count_active(job.provider),
        refusal=refused,
        quiet_s=launches.config.daemon.quiet_s,
    )
    if decision.step is NextStep.LAUNCH:
        return launches.start(newest, job, older)
    if decision.step is NextStep.WAIT:
        # The other commits of a burst are kept: they give its start time.
        older = [verdict for verdict in older if verdict.status is VerdictStatus.HELD]
    if decision.reason != newest.reason or older:
        launches.hold(newest, decision, older)
    return None


def spec_of(verdict: Verdict) -> DatasetSpec:
    """Return the dataset's settings at a verdict's commit. Raises Refused for unreadable ones."""
    if verdict.spec is None:
        raise Refused("the dataset's settings are not readable", "launch-no-spec")
    return verdict.spec


def _plan(launches: Launches, verdict: Verdict, spec: DatasetSpec, attempt: int) -> Job:
    assert verdict.build_id is not None  # noqa: S101 - a waiting verdict has its build
    build = launches.build(verdict.build_id)
    recipe = spec.recipe
    now = launches.clock()
    price = launches.price(recipe)
    return Job(
        job_id=0,
        launch_key=launch_key(verdict.training_key, attempt),
        dataset=verdict.dataset,
        build_id=build.build_id,
        provider=recipe.provider,
        recipe=recipe,
        attempt=attempt,
        state=JobState.LAUNCHING,
        created_at=now,
        updated_at=now,
        estimate_micro=policy.estimate(price, build, recipe.hyperparameters)
        if price
        else 0,
        currency=price.currency if price else "USD",
    )


def _refuse(launches: Launches, verdict: Verdict, job: Job) -> Decision | None:
    """Return a hold if consent, the recipe, the base's sunset or the budget forbids the job."""
    if launches.is_revoked(verdict):
        return Decision(NextStep.HOLD, "held-revoked")
    if job.provider not in launches.sunsets:
        return Decision(NextStep.HOLD, "held-no-provider", {"provider": job.provider})
    base = job.recipe.base_model
    now = launches.clock()
    bad = policy.refuse_recipe(job.recipe)
    expiring = policy.refuse_expiring_base(
        base, launches.sunsets[job.provider](base), now.date()
    )
    is_priced = launches.price(job.recipe) is not None
    spent = spent_micro(launches.db, job.provider, month_start(now))
    cost = job.estimate_micro if is_priced else None
    return (
        bad
        or expiring
        or policy.find_budget_refusal(launches.config.budget, cost, spent, job.currency)
    )


def spent_micro(db: Database, provider: str, since: datetime, but: str = "") -> int:
    """Return the possible cost of the provider's jobs since a time, in millionths.

    A job that ended without training cost nothing. `but`: the launch key of a job to exclude.
    """
    is_free = JOB.state.in_([state.value for state in _LOST]) & (
        JOB.trained_tokens == 0
    )
    counts = (JOB.provider == provider) & (JOB.created_at >= iso(since)) & ~is_free
    total = JOB.select(fn.COALESCE(fn.SUM(JOB.estimate_micro), 0))
    return int(db.value(total.where(counts & (JOB.launch_key != but))))


_NEVER_SERVES = [
    state for state in ModelState if state not in (ModelState.NEW, ModelState.GOOD)
]
# Any number that no other program uses in this database.
_LOCK = 0x4D65726C_62756467


class _MovedOn(Exception):
    """The verdict no longer has the expected status."""


class Launches(Repository):
    """The waiting verdicts and the creation of jobs.

    `sunsets` are the providers that may train, each with the function that returns the shutdown
    date of a base; by default those of the configuration.
    """

    def __init__(
        self,
        db: Database,
        config: Config,
        clock: Clock = utc_now,
        sunsets: Mapping[str, Callable[[str], date | None]] | None = None,
    ) -> None:
        super().__init__(db, clock)
        self.config = config
        self.clock = clock
        names = (provider.name for provider in config.providers)
        self.sunsets = (
            dict.fromkeys(names, config.sunsets.get) if sunsets is None else sunsets
        )
        # Builds are immutable, so the difference of two builds is too.
        self._new: dict[tuple[int, int], int] = {}

    def list_waiting(self) -> list[Verdict]:
        """Return verdicts that are built or held and on the mainline, by dataset, then position."""
        statuses = [status.value for status in WAITING]
        waiting = select_verdicts().where(VERDICT.status.in_(statuses) & ON_BRANCH)
        rows = self.db.rows(waiting.order_by(VERDICT.dataset, VERDICT.position))
        return [verdict_from_row(row) for row in rows]

    def build(self, build_id: int) -> Build:
        """Return one build. Raises NotFound."""
        missing = NotFound(f"no build {build_id}", "store-no-build", build=build_id)
        return BUILDS.read(
            self.db.get_row(BUILD.select().where(BUILD.id == build_id), missing)
        )

    def find_newest_attempt(self, training_key: str) -> Job | None:
        """Return the newest job of a verdict with this training key, or None."""
        attempts = JOB.select().where(JOB.training_key == training_key)
        return JOBS.find(self.db, attempts.order_by(JOB.attempt.desc()))

    def price(self, recipe: Recipe) -> Price | None:
        """Return the price of a recipe's base, None if it is not known."""
        is_known = recipe.provider in self.sunsets
        return (
            self.config.price(recipe.provider, recipe.base_model) if is_known else None
        )

    def max_active(self, provider: str) -> int:
        """Return the provider's maximum of unfinished jobs, 0 if it is not configured."""
        known = self.config.provider(provider)
        return known.active_jobs if known else 0

    def count_active(self, provider: str, but: str = "") -> int:
        """Count the provider's unfinished jobs; `but`: the launch key of a job to exclude."""
        counts = (JOB.provider == provider) & UNFINISHED & (JOB.launch_key != but)
        return self.db.count(JOB, counts)

    def is_forbidden(self, provider: str) -> bool:
        """Return whether the provider forbade the newest launch that it answered."""
        is_answered = (JOB.provider_job_id != "") | (JOB.status == FORBIDDEN)
        answered = JOB.select(JOB.status).where(
            (JOB.provider == provider) & is_answered
        )
        newest = answered.order_by(JOB.created_at.desc(), JOB.id.desc())
        return bool(self.db.value(newest) == FORBIDDEN)

    def is_gone(self, verdict: Verdict) -> bool:
        """Return whether the provider no longer has the model of this verdict, or its weights."""
        lost = MODEL.state.in_([ModelState.GONE.value, ModelState.UNAPPLIED.value])
        is_lost = (MODEL.job_id == verdict.job_id) & lost
        return self.db.has(MODEL, is_lost)

    def is_revoked(self, verdict: Verdict) -> bool:
        """Return whether the build contains an example whose consent was withdrawn."""
        revoked = revoked_builds().where(BUILD.id == verdict.build_id)
        return self.db.row(revoked) is not None

    def new_examples(self, verdict: Verdict) -> int:
        """Count the examples new or changed since the newest launched build that is not lost."""
        if verdict.build_id is None:
            return 0
        kept = JOB.state.not_in([state.value for state in _LOST])
        launched = JOB.select(JOB.build_id).where(
            (JOB.dataset == verdict.dataset) & kept
        )
        before = int(self.db.value(launched.order_by(JOB.id.desc())) or 0)
        pair = (verdict.build_id, before)
        if pair not in self._new:
            old = TAUGHT_EXAMPLE.alias("old")
            same = (
                is_in_build(before, verdict.dataset, old)
                & (old.example_id == TAUGHT_EXAMPLE.example_id)
                & (old.text_digest == TAUGHT_EXAMPLE.text_digest)
            )
            fresh = (
                is_in_build(verdict.build_id, verdict.dataset)
                & old.example_id.is_null()
            )
            count = TAUGHT_EXAMPLE.select(fn.COUNT(TAUGHT_EXAMPLE.example_id))
            query = count.join(old, JOIN.LEFT_OUTER, on=same).where(fresh)
            self._new[pair] = int(self.db.value(query))
        return self._new[pair]

    def start(self, verdict: Verdict, job: Job, older: Sequence[Verdict]) -> Job | None:
        """Move the verdict to training with a new job, or link it to an existing job.

        The `older` verdicts become superseded. A verdict linked to a succeeded job is training
        until its model is promoted; one linked to a failed or cancelled job, or to one whose model
        was refused, is gone or revoked, becomes failed. Returns None, and stores nothing, if the
        verdict has changed meanwhile, or if the monthly cap or the provider's slots are used up.
        """
        if not can_transition(verdict.status, VerdictStatus.TRAINING):
            return None
        try:
            # A savepoint inside the transaction of others: a verdict that changed leaves no job.
            return self.db.transact(lambda: self._start(verdict, job, older))
        except _MovedOn:
            return None

    def _start(self, verdict: Verdict, job: Job, older: Sequence[Verdict]) -> Job:
        at = self.clock()
        if not job.job_id and not self._is_within(job):
            raise _MovedOn
        # The job first, as everywhere: rows are locked in one order, so there is no deadlock.
        if not job.job_id:
            row = JOBS.write(job, but=("job_id",)) | {
                "training_key": verdict.training_key
            }
            self.db.add_new(JOB, row)  # one with the same launch key is left unchanged
        same = JOB.select().where(JOB.launch_key == job.launch_key)
        missing = NotFound("no such job", "store-no-job", job=job.job_id)
        found = JOBS.read(self.db.get_row(self.db.for_update(same), missing))
        is_verdict = verdict_condition(verdict.commit, verdict.dataset)
        olds = WAITING if verdict.status in WAITING else (verdict.status,)
        by_job = {"job_id": found.job_id}
        if not transition(
            self.db, olds, VerdictStatus.TRAINING, at, is_verdict, change=by_job
        ):
            raise _MovedOn
        if found.state in _LOST:
            fail_verdicts(self.db, found, at)
        # A model that is gone is reported as such: the job itself succeeded.
        bad = MODEL.state.in_([state.value for state in _NEVER_SERVES])
        lost = self.db.row(select_models().where((MODEL.job_id == found.job_id) & bad))
        if lost is not None:
            fail_model_verdicts(self.db, model_of(lost), at)
        self._supersede(older, at)
        self.db.announce_change()
        return found

    def _is_within(self, job: Job) -> bool:
        """Return whether the caps allow the job; concurrent launches check one at a time."""
        # A writing SQLite transaction is exclusive anyway.
        if self.db.dialect == "postgresql":
            self.db.sql("SELECT pg_advisory_xact_lock(?)", _LOCK)
        if self.count_active(job.provider, but=job.launch_key) >= self.max_active(
            job.provider
        ):
            return False
        cap = self.config.budget.per_month_micro
        month = month_start(job.created_at)
        spent = spent_micro(self.db, job.provider, month, but=job.launch_key)
        return cap is None or spent + job.estimate_micro <= cap

    def _supersede(self, older: Sequence[Verdict], at: datetime) -> None:
        for verdict in older:
            is_verdict = verdict_condition(verdict.commit, verdict.dataset)
            transition(self.db, WAITING, VerdictStatus.SUPERSEDED, at, is_verdict)

    @transaction
    def hold(
        self, verdict: Verdict, decision: Decision, older: Sequence[Verdict]
    ) -> None:
        """Store why the verdict waits (status held for HOLD, built for WAIT); supersede `older`."""
        at = self.clock()
        status = (
            VerdictStatus.HELD
            if decision.step is NextStep.HOLD
            else VerdictStatus.BUILT
        )
        is_verdict = verdict_condition(verdict.commit, verdict.dataset)
        why = {
            "reason": decision.reason,
            "arguments": dump_json(dict(decision.arguments)),
        }
        other = (
            VerdictStatus.BUILT if status is VerdictStatus.HELD else VerdictStatus.HELD
        )
        if not transition(self.db, (other,), status, at, is_verdict, change=why):
            stays = is_verdict & (VERDICT.status == status.value)
            self.db.update(VERDICT, stays, **why, updated_at=iso(at))
        self._supersede(older, at)
