"""From waiting verdicts to job rows; fulfils `job.launching.LaunchRows`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from peewee import JOIN, fn

from merlin.build.record import Build
from merlin.build.verdict import WAITING, Verdict, Word, may_move
from merlin.core.clock import Clock, iso, utc_now
from merlin.core.errors import NotFound
from merlin.job.budget import month_start
from merlin.job.launching import Account, NewJob
from merlin.job.lifecycle import FINAL, FORBIDDEN, Job, JobState
from merlin.job.policy import Decision, Step
from merlin.model.registry import ModelState
from merlin.store.database import Database, Row, transaction
from merlin.store.jobs import insert_job, why_failed
from merlin.store.models import revoked_builds, why_lost
from merlin.store.tables import BUILD, BUILD_EXAMPLE, JOB, MODEL, VERDICT
from merlin.store.values import build_of, dumped, job_of, verdict_of
from merlin.store.verdicts import is_verdict, move, verdicts

_NEVER_SERVES = (ModelState.REFUSED, ModelState.GONE, ModelState.REVOKED)
_LOST = (JobState.FAILED, JobState.CANCELLED)
# Any number that no other program takes in this database.
_LOCK = 0x4D65726C_62756467


class _MovedOn(Exception):
    """The verdict stands at another word than was expected."""


class LaunchRows:
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
        query = verdicts().where(is_waiting & on_line)
        return [
            verdict_of(row)
            for row in self.db.rows(query.order_by(VERDICT.dataset, VERDICT.position))
        ]

    def build(self, build_id: int) -> Build:
        """Return one build. Raises NotFound."""
        row = self.db.row(BUILD.select().where(BUILD.id == build_id))
        if row is None:
            raise NotFound(f"no build {build_id}", "store-no-build", build=build_id)
        return build_of(row)

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
        if not may_move(verdict.word, Word.TRAINING):
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
        mine = is_verdict(verdict.commit, verdict.dataset)
        olds = WAITING if verdict.word in WAITING else (verdict.word,)
        if not move(self.db, olds, Word.TRAINING, at, mine, change={"job_id": found.job_id}):
            raise _MovedOn
        why_lost = self._why_lost(found)
        if why_lost is not None:
            move(self.db, (Word.TRAINING,), Word.FAILED, at, mine, change=why_lost)
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
            move(self.db, WAITING, Word.SUPERSEDED, at, is_verdict(verdict.commit, verdict.dataset))

    @transaction
    def hold(self, verdict: Verdict, decision: Decision, older: Sequence[Verdict]) -> None:
        """Note why the verdict waits (word held for HOLD, built for WAIT); supersede `older`."""
        at = self._clock()
        word = Word.HELD if decision.step is Step.HOLD else Word.BUILT
        mine = is_verdict(verdict.commit, verdict.dataset)
        why = {"reason": decision.reason, "arguments": dumped(dict(decision.arguments))}
        other = Word.BUILT if word is Word.HELD else Word.HELD
        if not move(self.db, (other,), word, at, mine, change=why):
            stays = VERDICT.update({**why, "updated_at": iso(at)})
            self.db.change(stays.where(mine & (VERDICT.word == word.value)))
        self._supersede(older, at)
