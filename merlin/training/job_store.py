"""Rows of jobs and their events, and of the verdicts that wait for a launch.

Rows of fine-tune jobs, their audit trail and diary.

From waiting verdicts to job rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from peewee import JOIN, fn

from merlin.core.clock import Clock, iso, utc_now
from merlin.core.errors import NotFound
from merlin.dataset.builds import Build, build_from_row
from merlin.dataset.verdicts import (
    WAITING,
    Verdict,
    VerdictStatus,
    can_transition,
    select_verdicts,
    transition,
    verdict_condition,
    verdict_from_row,
)
from merlin.db.database import Database, Row, transaction
from merlin.db.tables import (
    BUILD,
    BUILD_EXAMPLE,
    CHECKPOINT,
    JOB,
    JOB_CHANGE,
    JOB_EVENT,
    MODEL,
    VERDICT,
)
from merlin.db.values import dump_json, dump_time, storable_text
from merlin.providers.base import Checkpoint, JobEvent
from merlin.training.jobs import FINAL, FORBIDDEN, Job, JobState, job_of
from merlin.training.launch_plan import Account, NewJob
from merlin.training.model_store import revoked_builds, why_lost
from merlin.training.models import ModelState
from merlin.training.policy import Decision, Step, month_start


class IllegalStep(Exception):
    """A job was to go on after its end, or to succeed without a model."""


class Jobs:
    """Jobs change by `save` alone, which keeps their models, verdicts and audit in step."""

    def __init__(self, db: Database) -> None:
        self.db = db

    def open_jobs(self) -> list[Job]:
        """Return every job that is not final, oldest first."""
        unfinished = JOB.state.in_([state.value for state in JobState if state not in FINAL])
        rows = self.db.rows(JOB.select().where(unfinished).order_by(JOB.id))
        return [job_of(row) for row in rows]

    def get(self, job_id: int) -> Job:
        """Return one job. Raises NotFound."""
        row = self.db.row(JOB.select().where(JOB.id == job_id))
        if row is None:
            raise NotFound(f"no job {job_id}", "store-no-job", job=job_id)
        return job_of(row)

    @transaction
    def save(self, old: Job, new: Job) -> bool:
        """Store `new` where the row still stands as `old.state`; False when it moved on.

        A job that becomes succeeded gets its row among the models (state new) and one that
        becomes failed or cancelled moves its training verdicts to failed, all in the same
        transaction, with a line in the job's audit trail for every change of state. Raises
        IllegalStep when a final job would change its state, or a success names no model.
        """
        moves = new.state is not old.state
        if moves and (old.is_final or (new.state is JobState.SUCCEEDED and not new.model_id)):
            raise IllegalStep(f"job {old.job_id}: {old.state} to {new.state}")
        stands = (JOB.id == old.job_id) & (JOB.state == old.state.value)
        if not self.db.change(JOB.update(_changed(new)).where(stands)):
            return False
        if moves:
            self._follow(old, new)
        return True

    def _follow(self, old: Job, new: Job) -> None:
        """Let audit, model and verdicts follow the job's new state."""
        add_change(self.db, old.job_id, old.state.value, new.state, new.updated_at)
        if new.state is JobState.SUCCEEDED:
            self.db.put(MODEL.insert(_new_model(new)).on_conflict_ignore())
        elif new.is_final:
            fail_training(self.db, new)
        self.db.bump()

    @transaction
    def give_up(self, job: Job, at: datetime) -> None:
        """Let the verdicts that train by this job be failed: somebody cancelled it.

        A job that succeeds all the same has its model, and no verdict that lets it serve.
        """
        fail_training(self.db, replace(job, state=JobState.CANCELLED, updated_at=at))
        self.db.bump()

    def known_events(self, job_id: int) -> frozenset[str]:
        """Return the ids of the provider's events stored for this job."""
        rows = self.db.rows(JOB_EVENT.select(JOB_EVENT.event_id).where(JOB_EVENT.job_id == job_id))
        return frozenset(row["event_id"] for row in rows)

    @transaction
    def add_diary(
        self, job_id: int, events: Sequence[JobEvent], checkpoints: Sequence[Checkpoint]
    ) -> None:
        """Store new events and checkpoints; one seen before is left as it is."""
        self.db.add_missing(JOB_EVENT, (_event_row(job_id, each) for each in events))
        self.db.add_missing(CHECKPOINT, (_checkpoint_row(job_id, each) for each in checkpoints))


def insert_job(db: Database, job: NewJob, wish: str) -> None:
    """Store a new job as launching; one with the same launch key stays as it is."""
    row = {
        "launch_key": job.launch_key,
        "wish": wish,
        "dataset": job.dataset,
        "build_id": job.build_id,
        "provider": job.provider,
        "recipe": dump_json(job.recipe.as_json()),
        "attempt": job.attempt,
        "estimate_micro": job.estimate_micro,
        "currency": job.currency,
        "created_at": iso(job.at),
    }
    unknown = {"provider_job_id": "", "status": "", "model_id": None, "trained_tokens": 0}
    at_first = {"state": JobState.LAUNCHING.value, "error": "", "not_before": None}
    new = JOB.insert({**row, **unknown, **at_first, "updated_at": iso(job.at)})
    if db.put(new.on_conflict_ignore()):
        job_id = db.value(JOB.select(JOB.id).where(JOB.launch_key == job.launch_key))
        add_change(db, int(job_id), "", JobState.LAUNCHING, job.at)


def add_change(db: Database, job_id: int, old: str, new: JobState, at: datetime) -> None:
    """Add a line to a job's audit trail; `old` is "" for its first."""
    line = {"job_id": job_id, "from_state": old, "to_state": new.value, "at": iso(at)}
    db.add(JOB_CHANGE, line)


def fail_training(db: Database, job: Job) -> None:
    """Move the verdicts that wait for this lost job to failed."""
    mine = VERDICT.job_id == job.job_id
    transition(
        db,
        (VerdictStatus.TRAINING,),
        VerdictStatus.FAILED,
        job.updated_at,
        mine,
        change=why_failed(job),
    )


def why_failed(job: Job) -> Row:
    """Return the columns of a verdict that say why its job gave no model."""
    is_cancelled = job.state is JobState.CANCELLED
    reason = "verdict-job-cancelled" if is_cancelled else "verdict-job-failed"
    told = {"job": job.job_id, "error": job.error or job.status}
    return {"reason": reason, "arguments": dump_json(told)}


def _changed(job: Job) -> Row:
    return {
        "state": job.state.value,
        "provider_job_id": job.provider_job_id,
        "status": storable_text(job.status),
        "model_id": job.model_id,
        "trained_tokens": job.trained_tokens,
        "error": storable_text(job.error),
        "not_before": dump_time(job.not_before),
        "updated_at": iso(job.updated_at),
    }


def _new_model(job: Job) -> Row:
    return {
        "provider": job.provider,
        "model_id": job.model_id,
        "dataset": job.dataset,
        "build_id": job.build_id,
        "job_id": job.job_id,
        "state": ModelState.NEW.value,
        "probes": 0,
        "not_before": None,
        "note": "",
        "created_at": iso(job.updated_at),
    }


def _event_row(job_id: int, event: JobEvent) -> Row:
    return {
        "job_id": job_id,
        "event_id": event.event_id,
        "at": iso(event.at),
        "level": event.level,
        "message": storable_text(event.message),
        "kind": event.kind,
        "data": dump_json(dict(event.data)),
    }


def _checkpoint_row(job_id: int, checkpoint: Checkpoint) -> Row:
    return {
        "job_id": job_id,
        "model_id": checkpoint.model_id,
        "step": checkpoint.step,
        "metrics": dump_json(dict(checkpoint.metrics)),
    }


_NEVER_SERVES = (ModelState.REFUSED, ModelState.GONE, ModelState.REVOKED)
_LOST = (JobState.FAILED, JobState.CANCELLED)
# Any number that no other program takes in this database.
_LOCK = 0x4D65726C_62756467


class _MovedOn(Exception):
    """The verdict stands at another word than was expected."""


class Launches:
    """Where verdicts wait and jobs are born."""

    def __init__(self, db: Database, clock: Clock = utc_now) -> None:
        self.db = db
        self._clock = clock
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

    def account(self, verdict: Verdict, provider: str, since: datetime) -> Account:
        """Return what the decision needs to know of other jobs and builds."""
        with self.db.snapshot():
            return Account(
                active=self._active(provider),
                spent_micro=self._spent(provider, since),
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

    def spent(self, provider: str, since: datetime) -> int:
        """Return what the provider's jobs since then may have cost, in millionths."""
        return self._spent(provider, since)

    def _spent(self, provider: str, since: datetime, but: str = "") -> int:
        """Sum the estimates of jobs since then; one that ended untrained has cost nothing.

        `but`: the launch key of a job that is left out.
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
        at = self._clock()
        if isinstance(job, NewJob) and not self._is_within(job):
            raise _MovedOn
        # The job first, here as everywhere: who locks rows in one order never waits in a ring.
        found = self._join(verdict, job)
        mine = verdict_condition(verdict.commit, verdict.dataset)
        olds = WAITING if verdict.word in WAITING else (verdict.word,)
        if not transition(
            self.db, olds, VerdictStatus.TRAINING, at, mine, change={"job_id": found.job_id}
        ):
            raise _MovedOn
        why_lost = self._why_lost(found)
        if why_lost is not None:
            transition(
                self.db, (VerdictStatus.TRAINING,), VerdictStatus.FAILED, at, mine, change=why_lost
            )
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
        spent = self._spent(job.provider, month_start(job.at), but=job.launch_key)
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
            transition(
                self.db,
                WAITING,
                VerdictStatus.SUPERSEDED,
                at,
                verdict_condition(verdict.commit, verdict.dataset),
            )

    @transaction
    def hold(self, verdict: Verdict, decision: Decision, older: Sequence[Verdict]) -> None:
        """Note why the verdict waits (word held for HOLD, built for WAIT); supersede `older`."""
        at = self._clock()
        word = VerdictStatus.HELD if decision.step is Step.HOLD else VerdictStatus.BUILT
        mine = verdict_condition(verdict.commit, verdict.dataset)
        why = {"reason": decision.reason, "arguments": dump_json(dict(decision.arguments))}
        other = VerdictStatus.BUILT if word is VerdictStatus.HELD else VerdictStatus.HELD
        if not transition(self.db, (other,), word, at, mine, change=why):
            stays = VERDICT.update({**why, "updated_at": iso(at)})
            self.db.change(stays.where(mine & (VERDICT.word == word.value)))
        self._supersede(older, at)
