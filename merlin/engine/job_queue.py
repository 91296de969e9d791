"""The threads that work on jobs: check, train, keep the models.

Checking a job's files before it may wait for its turn: every line, in the job's own format.

One thread that does the work that waits, one piece at a time, and sleeps until woken.

One run of a job's training: what it told, and the epochs not yet told or kept.

Training jobs on some devices: a thread that takes one job at a time from the queue.

Between two steps a job hears that it was cancelled, paused, or that the engine stops; its trainer
then lays its work down. A stopped or killed engine leaves the job running in its row, and the
next start takes it up: the same files, hyper-parameters and seed give the same model.

The queue: one thread checks files, one for each group of devices trains, one job at a time each.

`recall` trains in this process in seconds and has a thread of its own, so that no small job waits
for a large one.
"""

from __future__ import annotations

import json
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from merlin.core.clock import utc_now
from merlin.core.i18n import text
from merlin.core.killpoint import kill_point
from merlin.core.log import get_logger
from merlin.engine import jobs as states
from merlin.engine.bases import Base, Bases
from merlin.engine.disk_quota import DiskQuota
from merlin.engine.job_events import JobEvent, failure_of
from merlin.engine.jobs import Job
from merlin.engine.models import KEPT_CHECKPOINTS
from merlin.engine.repositories import Repositories
from merlin.engine.settings import EngineSettings, TrainingSettings
from merlin.engine.trainers.base import (
    DPO,
    Epoch,
    NoProgress,
    ResolvedHyperparameters,
    Step,
    Task,
    Told,
    TrainerNote,
    TrainingDevices,
    Untrainable,
)
from merlin.engine.training_file import LEAST_EXAMPLES, BadFile, conversations, preferences

Reader = Callable[[Path, int], Iterator[object]]


def check(repositories: Repositories, job: Job) -> bool:
    """Read the job's files and move it on to the queue.

    Returns whether it waits in the queue now. Raises Untrainable for a file that cannot be trained
    on, OSError, FileNotFoundError for one that was deleted.
    """
    order = job.order
    read: Reader = preferences if order.method == DPO else conversations
    wanted = [("training_file", order.training_file, LEAST_EXAMPLES)]
    if order.validation_file:
        wanted.append(("validation_file", order.validation_file, 1))
    counted = []
    for param, file_id, least in wanted:
        try:
            n = sum(1 for _ in read(repositories.files.path(file_id), least))
        except BadFile as error:
            raise Untrainable(f"invalid_{param}", error.key, param, **error.arguments) from error
        counted.append(f"{param} {n} examples")
    message = f"Files validated ({', '.join(counted)}), moving job to queued state"
    told = JobEvent("validated", message)
    return repositories.jobs.move(
        job.job_id, states.QUEUED, states.VALIDATING, told=told, is_validated=1
    )


log = get_logger(__name__)

FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 30.0
JOIN_S = 20.0


class JobThread:
    """`work` does one piece and returns True, or returns False when nothing waits.

    What `work` raises is logged and tried again after a pause that doubles: a full disk or a bug
    in one job ends no server.
    """

    def __init__(
        self,
        name: str,
        work: Callable[[], bool],
        stop: threading.Event,
        first_pause_s: float = FIRST_PAUSE_S,
    ) -> None:
        self._work = work
        self._stop = stop
        self._woken = threading.Event()
        self._first_pause_s = self._pause_s = first_pause_s
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Begin to work."""
        self._thread.start()

    def wake(self) -> None:
        """Say that there may be work."""
        self._woken.set()

    def join(self) -> None:
        """Wait until the piece under way is laid down; `stop` is set before."""
        self._woken.set()
        self._thread.join(JOIN_S)

    @property
    def is_alive(self) -> bool:
        """Return whether the thread lives."""
        return self._thread.is_alive()

    def _run(self) -> None:
        while not self._stop.is_set():
            self._woken.clear()
            if not self._once() and not self._stop.is_set():
                self._woken.wait()

    def _once(self) -> bool:
        try:
            found = self._work()
        except Exception:
            log.exception("work failed", thread=self._thread.name)
            self._stop.wait(self._pause_s)
            self._pause_s = min(2 * self._pause_s, LONGEST_PAUSE_S)
            return True
        self._pause_s = self._first_pause_s
        return found


# A commit and a file cost more than a short epoch itself: they are made together, at most
# this late.
TELL_EVERY_S = 0.2
KEEP_EVERY_S = 1.0


@dataclass
class TrainingRun:
    """A training under way; closing `told` lets the trainer rest."""

    job: Job
    told: Generator[Told, None, None]
    last: Epoch | None = None
    tokens: int = 0
    remarks: int = 0
    steps: int = 0
    done: int = 0
    untold: list[Epoch | Step] = field(default_factory=list)
    unkept: deque[Epoch] = field(default_factory=lambda: deque(maxlen=KEPT_CHECKPOINTS))
    _begun_at: float = field(default_factory=time.monotonic)
    _told_at: float = float("-inf")
    _kept_at: float = field(default_factory=time.monotonic)

    def add(self, told: Epoch | Step) -> None:
        """Note an epoch, or some steps; an epoch that was told before is to be the final model."""
        if isinstance(told, Epoch):
            is_new = self.last is None or told.number > self.last.number
            self.last, self.tokens = told, max(self.tokens, told.tokens)
            if not is_new:
                return
            self.unkept.append(told)
        self.untold.append(told)

    @property
    def is_time_to_tell(self) -> bool:
        """Return whether what is not yet told should be, now."""
        return time.monotonic() - self._told_at >= TELL_EVERY_S

    @property
    def is_time_to_keep(self) -> bool:
        """Return whether the weights not yet kept should be, now."""
        return bool(self.unkept) and time.monotonic() - self._kept_at >= KEEP_EVERY_S

    def were_told(self) -> None:
        """Note that everything was told."""
        self.untold.clear()
        self._told_at = time.monotonic()

    def were_kept(self) -> None:
        """Note that the last epochs' weights were kept."""
        self.unkept.clear()
        self._kept_at = time.monotonic()

    def estimated_finish(self, step: int) -> float | None:
        """Return when the run will be through at its pace so far, in seconds since 1970."""
        made = step - self.done
        if made <= 0 or self.steps <= step:
            return None
        pace = (time.monotonic() - self._begun_at) / made
        return utc_now().timestamp() + pace * (self.steps - step)


@dataclass
class JobsInHand:
    """Which jobs are in hand: no two threads take the same one."""

    job_ids: set[str] = field(default_factory=set)
    lock: threading.Lock = field(default_factory=threading.Lock)

    @contextmanager
    def taken(self, waiting: Iterator[Job]) -> Iterator[Job | None]:
        """Hold the first of the waiting jobs that nobody has in hand, None without one."""
        with self.lock:
            job = next((each for each in waiting if each.job_id not in self.job_ids), None)
            if job is not None:
                self.job_ids.add(job.job_id)
        try:
            yield job
        finally:
            with self.lock:
                self.job_ids.discard(job.job_id if job else "")


@dataclass(frozen=True)
class WorkSettings:
    """How jobs are worked: the pace between states, the language of remarks, when to stop.

    `disk_quota` is the disk that they have.
    """

    pace_s: float
    language: str
    stop: threading.Event
    disk_quota: DiskQuota

    def pace(self) -> bool:
        """Wait between two states; return whether to go on."""
        return not self.stop.wait(self.pace_s) if self.pace_s else not self.stop.is_set()


@contextmanager
def failing(repositories: Repositories, job: Job) -> Iterator[None]:
    """Turn what goes wrong with one job into its failure; the queue goes on."""
    try:
        yield
    except Exception as error:
        failure = failure_of(error)
        if failure.is_bug:
            log.exception("job failed by a bug", job=job.job_id)
        else:
            log.warning("job failed", job=job.job_id, code=failure.code)
        repositories.jobs.fail(job.job_id, failure)


class Training:
    """One place where jobs are trained; `is_heavy`: those of language models, else the others."""

    def __init__(
        self,
        repositories: Repositories,
        bases: Bases,
        in_hand: JobsInHand,
        work_settings: WorkSettings,
        place: TrainingDevices | None = None,
    ) -> None:
        self._repositories = repositories
        self._jobs = repositories.jobs
        self._bases = bases
        self._in_hand = in_hand
        self._settings = work_settings
        self._place = place

    def train_next(self) -> bool:
        """Train the job whose turn it is; False where none waits. A thread's `work`."""
        self._clear_ended()
        waiting = (job for job in self._jobs.waiting(states.RUNNING, states.QUEUED))
        with self._in_hand.taken(job for job in waiting if self._is_ours(job)) as job:
            if job is None or not self._settings.pace():
                return False
            with failing(self._repositories, job):
                self._train(job)
            if self._jobs.get(job.job_id).finished_at is not None:
                self._repositories.clear(job.job_id)
            return True

    def _clear_ended(self) -> None:
        """Remove the folders of jobs that ended while they rested."""
        with self._in_hand.lock:
            for job_id in self._repositories.ended_work():
                if job_id not in self._in_hand.job_ids:
                    self._repositories.clear(job_id)

    def _is_ours(self, job: Job) -> bool:
        base = self._bases.get(job.order.base)
        return (self._place is not None) == (base is not None and base.is_heavy)

    def _train(self, job: Job) -> None:
        told = JobEvent("started", "Fine-tuning job started")
        if self._jobs.move(job.job_id, states.RUNNING, job.status, told=told):
            self._make_room(job, 0)
            run = TrainingRun(job, self._base(job).trainer.train(self._task(job)))
            with closing(run.told):
                self._go_on(run)

    def _base(self, job: Job) -> Base:
        if job.order.base not in self._bases:
            raise Untrainable(
                "model_not_available", "engine-base-gone", "model", base=job.order.base
            )
        return self._bases[job.order.base]

    def _task(self, job: Job) -> Task:
        order, files = job.order, self._repositories.files
        folder = self._repositories.work_of(job.job_id)
        folder.mkdir(parents=True, exist_ok=True)
        return Task(
            method=order.method,
            train=files.path(order.training_file),
            test=files.path(order.validation_file) if order.validation_file else None,
            hyperparameters=order.hyperparameters,
            seed=order.seed,
            folder=folder,
            base=self._base(job).files(),
            place=self._place or TrainingDevices(),
        )

    def _go_on(self, run: TrainingRun) -> None:
        job_id = run.job.job_id
        for told in run.told:
            self._note(run, told)
            if self._settings.stop.is_set():
                return
            if not self._jobs.is_in(job_id, states.RUNNING):
                self._keep(run)
                return
        self._keep(run)
        if self._settings.pace():
            self._succeed(run)

    def _note(self, run: TrainingRun, told: Told) -> None:
        match told:
            case ResolvedHyperparameters():
                self._begin(run, told)
            case TrainerNote():
                self._remark(run, told)
            case NoProgress():
                pass
            case Epoch() | Step():
                run.add(told)
                if run.is_time_to_tell:
                    self._tell(run)
                if run.is_time_to_keep:
                    self._keep(run)

    def _begin(self, run: TrainingRun, settled: ResolvedHyperparameters) -> None:
        """Note what is to be done; what a run told that is not gone on with is forgotten."""
        run.steps, run.done, job_id = settled.steps, settled.done, run.job.job_id
        with self._repositories.rows.transaction():
            if not settled.done:
                self._repositories.job_events.forget_run(job_id)
                self._repositories.models.forget_run(job_id)
            self._jobs.settle(job_id, settled.hyperparameters, settled.steps)

    def _remark(self, run: TrainingRun, remark: TrainerNote) -> None:
        run.remarks += 1
        words = text(self._settings.language, remark.key, **remark.arguments)
        told = JobEvent(f"remark {run.remarks}", words, "warn", is_of_run=True)
        self._repositories.job_events.tell(run.job.job_id, told)

    def _tell(self, run: TrainingRun) -> None:
        job_id = run.job.job_id
        with self._repositories.rows.transaction():
            for told in run.untold:
                self._repositories.job_events.tell(job_id, _happening(told))
            if run.untold:
                step = run.untold[-1].step
                self._jobs.progress(job_id, step, run.estimated_finish(step))
        run.were_told()
        kill_point("engine.epoch_done")

    def _keep(self, run: TrainingRun) -> None:
        """Tell what is untold and keep the last epochs' weights: files first, then their rows."""
        self._tell(run)
        job, models = run.job, self._repositories.models
        for epoch in run.unkept:
            models.write(job, epoch.step, epoch.save)
        kill_point("engine.model_written")
        with self._repositories.rows.transaction():
            for epoch in run.unkept:
                models.record(job, epoch.step, epoch.metrics)
                message = f"Checkpoint saved at step {epoch.step}"
                told = JobEvent(f"checkpoint {epoch.step}", message, is_of_run=True)
                self._repositories.job_events.tell(job.job_id, told)
        run.were_kept()
        models.drop_old(job.job_id)
        self._make_room(job, run.last.step if run.last else 0)

    def _make_room(self, job: Job, step: int) -> None:
        cleared = self._settings.disk_quota.make(job)
        if cleared:
            words = text(self._settings.language, "engine-checkpoints-cleared", n=cleared)
            told = JobEvent(f"room {step}", words, "warn", is_of_run=True)
            self._repositories.job_events.tell(job.job_id, told)

    def _succeed(self, run: TrainingRun) -> None:
        job, last = run.job, run.last
        if last is None:
            raise RuntimeError("the trainer ended without an epoch")
        words = f"The job has successfully completed; new model: {job.model_name}"
        self._repositories.models.write(job, last.step, last.save)
        settled = dict(self._jobs.get(job.job_id).order.hyperparameters)
        if settled.get("n_epochs") == "auto":
            settled["n_epochs"] = last.number
        with self._repositories.rows.transaction():
            moved = self._jobs.move(
                job.job_id,
                states.SUCCEEDED,
                states.RUNNING,
                told=JobEvent("succeeded", words),
                trained_tokens=run.tokens,
                hyperparameters=json.dumps(settled),
            )
            if moved:
                self._repositories.models.keep_final(job, last.step)
        kill_point("engine.job_succeeded")


def _happening(told: Epoch | Step) -> JobEvent:
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
    return JobEvent(key, message, content=metrics, is_of_run=True)


class JobQueue:
    """All threads; `wake` after a job was created, resumed or cancelled."""

    def __init__(self, repositories: Repositories, bases: Bases, settings: EngineSettings) -> None:
        self._repositories = repositories
        self._stop = threading.Event()
        disk_quota = DiskQuota(repositories, settings.training.quota_bytes)
        self._settings = WorkSettings(settings.pace_s, settings.language, self._stop, disk_quota)
        self._checking = JobThread("engine-check", self._check_next, self._stop)
        in_hand = JobsInHand()
        places: list[TrainingDevices | None] = [None]
        if any(base.is_heavy for base in bases.values()):
            places += devices_of(settings.training)
        trainings = [
            Training(repositories, bases, in_hand, self._settings, place) for place in places
        ]
        self._training = [
            JobThread(f"engine-train-{number}", each.train_next, self._stop)
            for number, each in enumerate(trainings)
        ]

    def start(self) -> None:
        """Begin; jobs that an earlier process left are taken up."""
        for thread in self._threads:
            thread.start()

    def wake(self) -> None:
        """Look for work now."""
        for thread in self._threads:
            thread.wake()

    def stop(self) -> None:
        """Stop after the step under way."""
        self._stop.set()
        for thread in self._threads:
            thread.join()

    @property
    def is_alive(self) -> bool:
        """Return whether every thread lives."""
        return all(thread.is_alive for thread in self._threads)

    @property
    def _threads(self) -> list[JobThread]:
        return [self._checking, *self._training]

    def _check_next(self) -> bool:
        job = next(iter(self._repositories.jobs.waiting(states.VALIDATING)), None)
        if job is None or not self._settings.pace():
            return False
        with failing(self._repositories, job):
            if check(self._repositories, job):
                self.wake()
        return True


def devices_of(settings: TrainingSettings) -> list[TrainingDevices]:
    """Return where language models are trained: a thread each."""
    if settings.workers:
        return [TrainingDevices((), settings.cluster, settings.workers)]
    return [TrainingDevices(tuple(devices)) for devices in settings.devices]
