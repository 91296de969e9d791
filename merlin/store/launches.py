"""From waiting verdicts to job rows; fulfils `job.launching.LaunchRows`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from peewee import JOIN, fn

from merlin.build.record import Build
from merlin.build.verdict import WAITING, Verdict, Word, may_move
from merlin.core.clock import Clock, iso, utc_now
from merlin.core.errors import NotFound
from merlin.job.launching import Account, NewJob
from merlin.job.lifecycle import FINAL, Job, JobState
from merlin.job.policy import Decision, Step
from merlin.model.registry import ModelState
from merlin.store.database import Database, transaction
from merlin.store.jobs import insert_job, why_failed
from merlin.store.tables import BUILD, BUILD_EXAMPLE, JOB, MODEL, VERDICT
from merlin.store.values import build_of, dumped, job_of, verdict_of
from merlin.store.verdicts import is_verdict, move, verdicts

_LOST = (JobState.FAILED, JobState.CANCELLED)


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
            )

    def _active(self, provider: str) -> int:
        unfinished = JOB.state.not_in([state.value for state in FINAL])
        of_provider = JOB.select(fn.COUNT(JOB.id)).where((JOB.provider == provider) & unfinished)
        return int(self.db.value(of_provider))

    def _spent(self, provider: str, since: datetime) -> int:
        """Sum the estimates of jobs since then; one that ended untrained has cost nothing."""
        is_free = JOB.state.in_([state.value for state in _LOST]) & (JOB.trained_tokens == 0)
        counts = (JOB.provider == provider) & (JOB.created_at >= iso(since)) & ~is_free
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
        model was refused or is gone, becomes failed. Returns None when the verdict had moved
        on meanwhile; then nothing is stored.
        """
        if not may_move(verdict.word, Word.TRAINING):
            return None
        try:
            return self._start(verdict, job, older)
        except _MovedOn:
            return None

    @transaction
    def _start(self, verdict: Verdict, job: NewJob | Job, older: Sequence[Verdict]) -> Job:
        at = self._clock()
        # The job first, here as everywhere: who locks rows in one order never waits in a ring.
        found = self._join(verdict, job)
        mine = is_verdict(verdict.commit, verdict.dataset)
        olds = WAITING if verdict.word in WAITING else (verdict.word,)
        if not move(self.db, olds, Word.TRAINING, at, mine, change={"job_id": found.job_id}):
            raise _MovedOn
        if self._is_lost(found):
            move(self.db, (Word.TRAINING,), Word.FAILED, at, mine, change=why_failed(found))
        self._supersede(older, at)
        self.db.bump()
        return found

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

    def _is_lost(self, job: Job) -> bool:
        if job.state in _LOST:
            return True
        bad = MODEL.state.in_([ModelState.REFUSED.value, ModelState.GONE.value])
        lost = MODEL.select(MODEL.id).where((MODEL.job_id == job.job_id) & bad)
        return self.db.row(lost) is not None

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
