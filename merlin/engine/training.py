"""Training jobs at one place: a lane that takes one job at a time from the queue.

Between two steps a job hears that it was cancelled, paused, or that the engine stops; its trainer
then lays its work down. A stopped or killed engine leaves the job running in its row, and the
next start takes it up: the same files, hyper-parameters and seed give the same model.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field

from merlin.core.killpoint import reached
from merlin.core.log import get_logger
from merlin.core.text import text
from merlin.engine import jobs as states
from merlin.engine.bases import Base, Bases
from merlin.engine.diary import Happening
from merlin.engine.failure import failure_of
from merlin.engine.jobs import Job
from merlin.engine.room import Room
from merlin.engine.run import Run
from merlin.engine.shelves import Shelves
from merlin.engine.trainers import (
    Epoch,
    Place,
    Quiet,
    Remark,
    Settled,
    Step,
    Task,
    Told,
    Untrainable,
)

log = get_logger(__name__)


@dataclass
class Turns:
    """Which jobs are in hand: no two lanes take the same one."""

    in_hand: set[str] = field(default_factory=set)
    lock: threading.Lock = field(default_factory=threading.Lock)

    @contextmanager
    def taken(self, waiting: Iterator[Job]) -> Iterator[Job | None]:
        """Hold the first of the waiting jobs that nobody has in hand, None without one."""
        with self.lock:
            job = next((each for each in waiting if each.job_id not in self.in_hand), None)
            if job is not None:
                self.in_hand.add(job.job_id)
        try:
            yield job
        finally:
            with self.lock:
                self.in_hand.discard(job.job_id if job else "")


@dataclass(frozen=True)
class Manner:
    """How jobs are worked: the pace between states, the language of remarks, when to stop.

    `room` is the disk that they have.
    """

    pace_s: float
    language: str
    stop: threading.Event
    room: Room

    def pace(self) -> bool:
        """Wait between two states; return whether to go on."""
        return not self.stop.wait(self.pace_s) if self.pace_s else not self.stop.is_set()


@contextmanager
def failing(shelves: Shelves, job: Job) -> Iterator[None]:
    """Turn what goes wrong with one job into its failure; the queue goes on."""
    try:
        yield
    except Exception as error:
        failure = failure_of(error)
        if failure.is_bug:
            log.exception("job failed by a bug", job=job.job_id)
        else:
            log.warning("job failed", job=job.job_id, code=failure.code)
        shelves.jobs.fail(job.job_id, failure)


class Training:
    """One place where jobs are trained; `is_heavy`: those of language models, else the others."""

    def __init__(
        self,
        shelves: Shelves,
        bases: Bases,
        turns: Turns,
        manner: Manner,
        place: Place | None = None,
    ) -> None:
        self._shelves = shelves
        self._jobs = shelves.jobs
        self._bases = bases
        self._turns = turns
        self._manner = manner
        self._place = place

    def train_next(self) -> bool:
        """Train the job whose turn it is; False where none waits. A lane's `work`."""
        self._clear_ended()
        waiting = (job for job in self._jobs.waiting(states.RUNNING, states.QUEUED))
        with self._turns.taken(job for job in waiting if self._is_ours(job)) as job:
            if job is None or not self._manner.pace():
                return False
            with failing(self._shelves, job):
                self._train(job)
            if self._jobs.get(job.job_id).finished_at is not None:
                self._shelves.clear(job.job_id)
            return True

    def _clear_ended(self) -> None:
        """Remove the folders of jobs that ended while they rested."""
        with self._turns.lock:
            for job_id in self._shelves.ended_work():
                if job_id not in self._turns.in_hand:
                    self._shelves.clear(job_id)

    def _is_ours(self, job: Job) -> bool:
        base = self._bases.get(job.order.base)
        return (self._place is not None) == (base is not None and base.is_heavy)

    def _train(self, job: Job) -> None:
        told = Happening("started", "Fine-tuning job started")
        if self._jobs.move(job.job_id, states.RUNNING, job.status, told=told):
            self._make_room(job, 0)
            run = Run(job, self._base(job).trainer.train(self._task(job)))
            with closing(run.told):
                self._go_on(run)

    def _base(self, job: Job) -> Base:
        if job.order.base not in self._bases:
            raise Untrainable(
                "model_not_available", "engine-base-gone", "model", base=job.order.base
            )
        return self._bases[job.order.base]

    def _task(self, job: Job) -> Task:
        order, files = job.order, self._shelves.files
        folder = self._shelves.work_of(job.job_id)
        folder.mkdir(parents=True, exist_ok=True)
        return Task(
            method=order.method,
            train=files.path(order.training_file),
            test=files.path(order.validation_file) if order.validation_file else None,
            hyperparameters=order.hyperparameters,
            seed=order.seed,
            folder=folder,
            base=self._base(job).files(),
            place=self._place or Place(),
        )

    def _go_on(self, run: Run) -> None:
        job_id = run.job.job_id
        for told in run.told:
            self._note(run, told)
            if self._manner.stop.is_set():
                return
            if not self._jobs.is_in(job_id, states.RUNNING):
                self._keep(run)
                return
        self._keep(run)
        if self._manner.pace():
            self._succeed(run)

    def _note(self, run: Run, told: Told) -> None:
        match told:
            case Settled():
                self._begin(run, told)
            case Remark():
                self._remark(run, told)
            case Quiet():
                pass
            case Epoch() | Step():
                run.add(told)
                if run.is_time_to_tell:
                    self._tell(run)
                if run.is_time_to_keep:
                    self._keep(run)

    def _begin(self, run: Run, settled: Settled) -> None:
        """Note what is to be done; what a run told that is not gone on with is forgotten."""
        run.steps, run.done, job_id = settled.steps, settled.done, run.job.job_id
        with self._shelves.rows.transaction():
            if not settled.done:
                self._shelves.diary.forget_run(job_id)
                self._shelves.models.forget_run(job_id)
            self._jobs.settle(job_id, settled.hyperparameters, settled.steps)

    def _remark(self, run: Run, remark: Remark) -> None:
        run.remarks += 1
        words = text(self._manner.language, remark.key, **remark.arguments)
        told = Happening(f"remark {run.remarks}", words, "warn", is_of_run=True)
        self._shelves.diary.tell(run.job.job_id, told)

    def _tell(self, run: Run) -> None:
        job_id = run.job.job_id
        with self._shelves.rows.transaction():
            for told in run.untold:
                self._shelves.diary.tell(job_id, _happening(told))
            if run.untold:
                step = run.untold[-1].step
                self._jobs.progress(job_id, step, run.estimated_finish(step))
        run.were_told()
        reached("engine.epoch_done")

    def _keep(self, run: Run) -> None:
        """Tell what is untold and keep the last epochs' weights: files first, then their rows."""
        self._tell(run)
        job, models = run.job, self._shelves.models
        for epoch in run.unkept:
            models.write(job, epoch.step, epoch.save)
        reached("engine.model_written")
        with self._shelves.rows.transaction():
            for epoch in run.unkept:
                models.record(job, epoch.step, epoch.metrics)
                message = f"Checkpoint saved at step {epoch.step}"
                told = Happening(f"checkpoint {epoch.step}", message, is_of_run=True)
                self._shelves.diary.tell(job.job_id, told)
        run.were_kept()
        models.drop_old(job.job_id)
        self._make_room(job, run.last.step if run.last else 0)

    def _make_room(self, job: Job, step: int) -> None:
        cleared = self._manner.room.make(job)
        if cleared:
            words = text(self._manner.language, "engine-checkpoints-cleared", n=cleared)
            told = Happening(f"room {step}", words, "warn", is_of_run=True)
            self._shelves.diary.tell(job.job_id, told)

    def _succeed(self, run: Run) -> None:
        job, last = run.job, run.last
        if last is None:
            raise RuntimeError("the trainer ended without an epoch")
        words = f"The job has successfully completed; new model: {job.model_name}"
        self._shelves.models.write(job, last.step, last.save)
        settled = dict(self._jobs.get(job.job_id).order.hyperparameters)
        if settled.get("n_epochs") == "auto":
            settled["n_epochs"] = last.number
        with self._shelves.rows.transaction():
            moved = self._jobs.move(
                job.job_id,
                states.SUCCEEDED,
                states.RUNNING,
                told=Happening("succeeded", words),
                trained_tokens=run.tokens,
                hyperparameters=json.dumps(settled),
            )
            if moved:
                self._shelves.models.keep_final(job, last.step)
        reached("engine.job_succeeded")


def _happening(told: Epoch | Step) -> Happening:
    """Return the event of an epoch or of steps, worded as the protocol's servers do."""
    key, head = f"step {told.step}", f"Step {told.step}"
    metrics: dict[str, object] = {"step": told.step, **told.metrics}
    if isinstance(told, Epoch):
        key, head = f"epoch {told.number}", f"Epoch {told.number}, step {told.step}"
        metrics["epoch"] = told.number
    losses = {"training": "train_loss", "validation": "valid_loss"}
    shown = [
        f"{word} loss={told.metrics[name]:.4f}"
        for word, name in losses.items()
        if name in told.metrics
    ]
    message = f"{head}: {', '.join(shown) or 'done'}"
    return Happening(key, message, content=metrics, is_of_run=True)
