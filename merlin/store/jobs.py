"""Rows of fine-tune jobs, their audit trail and diary; fulfils `job.watch.JobRows`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from merlin.build.verdict import Word
from merlin.core.clock import iso
from merlin.core.errors import NotFound
from merlin.job.launching import NewJob
from merlin.job.lifecycle import FINAL, Job, JobState
from merlin.job.provider import Checkpoint, JobEvent
from merlin.model.registry import ModelState
from merlin.store.database import Database, Row, transaction
from merlin.store.tables import CHECKPOINT, JOB, JOB_CHANGE, JOB_EVENT, MODEL, VERDICT
from merlin.store.values import dumped, job_of, plain, stored_time
from merlin.store.verdicts import move


class IllegalStep(Exception):
    """A job was to go on after its end, or to succeed without a model."""


class JobRows:
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
        "recipe": dumped(job.recipe.as_json()),
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
    move(db, (Word.TRAINING,), Word.FAILED, job.updated_at, mine, change=why_failed(job))


def why_failed(job: Job) -> Row:
    """Return the columns of a verdict that say why its job gave no model."""
    is_cancelled = job.state is JobState.CANCELLED
    reason = "verdict-job-cancelled" if is_cancelled else "verdict-job-failed"
    told = {"job": job.job_id, "error": job.error or job.status}
    return {"reason": reason, "arguments": dumped(told)}


def _changed(job: Job) -> Row:
    return {
        "state": job.state.value,
        "provider_job_id": job.provider_job_id,
        "status": plain(job.status),
        "model_id": job.model_id,
        "trained_tokens": job.trained_tokens,
        "error": plain(job.error),
        "not_before": stored_time(job.not_before),
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
        "message": plain(event.message),
        "kind": event.kind,
        "data": dumped(dict(event.data)),
    }


def _checkpoint_row(job_id: int, checkpoint: Checkpoint) -> Row:
    return {
        "job_id": job_id,
        "model_id": checkpoint.model_id,
        "step": checkpoint.step,
        "metrics": dumped(dict(checkpoint.metrics)),
    }
