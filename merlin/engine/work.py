"""Working the jobs: one lane checks their files, one trains, one job at a time each.

Between two epochs a job hears that it was cancelled, paused, or that the engine stops. A stopped
or killed engine leaves the job running in its row, and the next start begins it again: the same
files, hyper-parameters and seed give the same model.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from merlin.core.killpoint import reached
from merlin.core.log import get_logger
from merlin.core.text import text
from merlin.engine import jobs as states
from merlin.engine.diary import Diary, Happening
from merlin.engine.failure import failure_of
from merlin.engine.files import Files
from merlin.engine.jobs import Job, Jobs
from merlin.engine.lane import Lane
from merlin.engine.models import Models
from merlin.engine.rows import Rows
from merlin.engine.run import Run, begin
from merlin.engine.trainers import Epoch, Remark
from merlin.engine.training_file import LEAST_EXAMPLES, BadFile, conversations

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Shelves:
    """What is stored, by topic."""

    rows: Rows
    files: Files
    jobs: Jobs
    diary: Diary
    models: Models


class Work:
    """Both lanes; `wake` after a job was created, resumed or cancelled."""

    def __init__(self, shelves: Shelves, pace_s: float, language: str) -> None:
        self._shelves = shelves
        self._jobs = shelves.jobs
        self._pace_s = pace_s
        self._language = language
        self._stop = threading.Event()
        self._resting: dict[str, Run] = {}
        self._checking = Lane("engine-check", self._check_next, self._stop)
        self._training = Lane("engine-train", self._train_next, self._stop)

    def start(self) -> None:
        """Begin; jobs that an earlier process left are taken up."""
        self._checking.start()
        self._training.start()

    def wake(self) -> None:
        """Look for work now."""
        self._checking.wake()
        self._training.wake()

    def stop(self) -> None:
        """Stop after the epoch under way."""
        self._stop.set()
        self._checking.join()
        self._training.join()

    @property
    def is_alive(self) -> bool:
        """Return whether both lanes live."""
        return self._checking.is_alive and self._training.is_alive

    def _pace(self) -> bool:
        """Wait between two states; return whether to go on."""
        return not self._stop.wait(self._pace_s) if self._pace_s else not self._stop.is_set()

    def _check_next(self) -> bool:
        job = self._jobs.oldest(states.VALIDATING)
        if job is None or not self._pace():
            return False
        with self._failing(job):
            self._check(job)
        return True

    def _check(self, job: Job) -> None:
        order, files = job.order, self._shelves.files
        wanted = [("training_file", order.training_file, LEAST_EXAMPLES)]
        if order.validation_file:
            wanted.append(("validation_file", order.validation_file, 1))
        counted = []
        for param, file_id, least in wanted:
            try:
                n = sum(1 for _ in conversations(files.path(file_id), least))
            except BadFile as error:
                log.warning("job failed", job=job.job_id, code=f"invalid_{param}")
                self._jobs.fail(job.job_id, f"invalid_{param}", str(error), param)
                return
            counted.append(f"{param} {n} examples")
        message = f"Files validated ({', '.join(counted)}), moving job to queued state"
        told = Happening("validated", message)
        moved = self._jobs.move(
            job.job_id, states.QUEUED, states.VALIDATING, told=told, is_validated=1
        )
        if moved:
            self._training.wake()

    def _train_next(self) -> bool:
        self._forget_ended()
        job = self._jobs.oldest(states.RUNNING, states.QUEUED)
        if job is None or not self._pace():
            return False
        with self._failing(job):
            run = self._resting.pop(job.job_id, None) or self._fresh(job)
            told = Happening("started", "Fine-tuning job started", is_of_run=True)
            if self._jobs.move(job.job_id, states.RUNNING, job.status, told=told):
                self._go_on(run)
            else:
                self._resting[job.job_id] = run
        return True

    def _forget_ended(self) -> None:
        for job_id in list(self._resting):
            if self._jobs.get(job_id).status in states.FINAL:
                del self._resting[job_id]

    def _fresh(self, job: Job) -> Run:
        """Begin a run; what a broken one left is removed first."""
        run = begin(job, self._shelves.files)
        with self._shelves.rows.transaction():
            self._shelves.diary.forget_run(job.job_id)
            self._shelves.models.forget_run(job.job_id)
        return run

    def _go_on(self, run: Run) -> None:
        job_id = run.job.job_id
        for step in run.steps:
            self._note(run, step)
            if self._stop.is_set():
                return
            if not self._jobs.is_in(job_id, states.RUNNING):
                self._keep(run)
                self._resting[job_id] = run
                return
        self._keep(run)
        if self._pace() and not self._succeed(run):
            self._resting[job_id] = run

    def _note(self, run: Run, step: Epoch | Remark) -> None:
        job_id = run.job.job_id
        if isinstance(step, Remark):
            run.remarks += 1
            words = text(self._language, step.key, **step.arguments)
            told = Happening(f"remark {run.remarks}", words, "warn", is_of_run=True)
            self._shelves.diary.tell(job_id, told)
            return
        run.add(step)
        if run.is_time_to_tell:
            self._tell(run)
        if run.is_time_to_keep:
            self._keep(run)

    def _tell(self, run: Run) -> None:
        with self._shelves.rows.transaction():
            for epoch in run.untold:
                self._shelves.diary.tell(run.job.job_id, _epoch_told(epoch))
        run.told()
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
        run.kept()
        models.drop_old(job.job_id)

    def _succeed(self, run: Run) -> bool:
        job, last = run.job, run.last
        if last is None:
            raise RuntimeError("the trainer ended without an epoch")
        words = f"The job has successfully completed; new model: {job.model_name}"
        done = {**job.order.hyperparameters, "n_epochs": last.number}
        with self._shelves.rows.transaction():
            moved = self._jobs.move(
                job.job_id,
                states.SUCCEEDED,
                states.RUNNING,
                told=Happening("succeeded", words),
                trained_tokens=run.trained_tokens,
                hyperparameters=json.dumps(done),
            )
            if moved:
                self._shelves.models.keep_final(job, last.step)
        reached("engine.job_succeeded")
        return moved

    @contextmanager
    def _failing(self, job: Job) -> Iterator[None]:
        """Turn what goes wrong with one job into its failure."""
        try:
            yield
        except Exception as error:
            failure = failure_of(error, self._language)
            if failure.is_bug:
                log.exception("job failed by a bug", job=job.job_id)
            else:
                log.warning("job failed", job=job.job_id, code=failure.code)
            self._jobs.fail(job.job_id, failure.code, failure.message, failure.param)


def _epoch_told(epoch: Epoch) -> Happening:
    metrics = {"step": epoch.step, "epoch": epoch.number, **epoch.metrics}
    losses = {"training": "train_loss", "validation": "valid_loss"}
    shown = [f"{word} loss={metrics[name]:.4f}" for word, name in losses.items() if name in metrics]
    message = f"Epoch {epoch.number}, step {epoch.step}: {', '.join(shown) or 'done'}"
    return Happening(f"epoch {epoch.number}", message, content=metrics, is_of_run=True)
