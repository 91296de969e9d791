"""The threads that work on jobs: one checks files, one for each group of devices trains.

`recall` trains in this process in seconds and has a thread of its own, so that no small job waits
for a large one. Between two steps a job sees that it was cancelled, paused, or that the engine
stops; its trainer then ends its work in order. A stopped or killed engine leaves the job running in
its row, and the next start takes it up: the same files, hyper-parameters and seed give the same
model.
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

from merlin.config.engine import EngineTrainingConfig
from merlin.core.clock import utc_now
from merlin.core.i18n import text
from merlin.core.killpoint import kill_point
from merlin.core.log import get_logger
from merlin.engine import jobs as states
from merlin.engine.bases import Base, Bases
from merlin.engine.job_events import BUG, JobEvent, failure_of
from merlin.engine.jobs import Job
from merlin.engine.settings import EngineSettings
from merlin.engine.storage import KEPT_CHECKPOINTS, DiskQuota, Repositories
from merlin.engine.trainers.base import (
    DPO,
    Epoch,
    Progress,
    ResolvedHyperparameters,
    Step,
    Task,
    TrainerNote,
    TrainingDevices,
    Untrainable,
)
from merlin.engine.training_file import LEAST_EXAMPLES, BadFile, conversations, preferences

log = get_logger(__name__)

FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 30.0
JOIN_S = 20.0
# A commit and a file cost more than a short epoch itself: they are made together, at most
# this late.
EVENTS_EVERY_S = 0.2
SAVE_EVERY_S = 1.0
Reader = Callable[[Path, int], Iterator[object]]


def check(repositories: Repositories, job: Job) -> bool:
    """Read the job's files and move it on to the queue.

    Returns whether it waits in the queue now. Raises Untrainable for a file that cannot be trained
    on, OSError, FileNotFoundError for one that was deleted.
    """
    read: Reader = preferences if job.method == DPO else conversations
    wanted = [("training_file", job.training_file, LEAST_EXAMPLES)]
    if job.validation_file:
        wanted.append(("validation_file", job.validation_file, 1))
    counts = []
    for param, file_id, least in wanted:
        try:
            n = sum(1 for _ in read(repositories.files.path(file_id), least))
        except BadFile as error:
            raise Untrainable(f"invalid_{param}", error.key, param, **error.arguments) from error
        counts.append(f"{param} {n} examples")
    message = f"Files validated ({', '.join(counts)}), moving job to queued state"
    event = JobEvent("validated", message)
    return repositories.jobs.move(
        job.job_id, states.QUEUED, states.VALIDATING, event=event, is_validated=1
    )


class JobThread(threading.Thread):
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
        super().__init__(name=name, daemon=True)
        self._work = work
        self._stopping = stop
        self._woken = threading.Event()
        self._first_pause_s = self._pause_s = first_pause_s

    def wake(self) -> None:
        """Say that there may be work."""
        self._woken.set()

    def join(self, timeout: float | None = JOIN_S) -> None:
        """Wait until the piece under way has ended; `stop` is set before."""
        self._woken.set()
        super().join(timeout)

    def run(self) -> None:
        """Work until `stop` is set, and sleep where nothing waits."""
        while not self._stopping.is_set():
            self._woken.clear()
            if not self._once() and not self._stopping.is_set():
                self._woken.wait()

    def _once(self) -> bool:
        try:
            found = self._work()
        except Exception:
            log.exception("work failed", thread=self.name)
            self._stopping.wait(self._pause_s)
            self._pause_s = min(2 * self._pause_s, LONGEST_PAUSE_S)
            return True
        self._pause_s = self._first_pause_s
        return found


@dataclass
class TrainingRun:
    """A training under way; closing `progress` lets the trainer stop.

    `pending` are the epochs and steps without an event yet, `unsaved` the epochs whose weights are
    not written yet.
    """

    job: Job
    progress: Generator[Progress, None, None]
    last: Epoch | None = None
    tokens: int = 0
    notes: int = 0
    steps: int = 0
    done: int = 0
    pending: list[Epoch | Step] = field(default_factory=list)
    unsaved: deque[Epoch] = field(default_factory=lambda: deque(maxlen=KEPT_CHECKPOINTS))
    events_at: float = float("-inf")
    saved_at: float = field(default_factory=time.monotonic)
    _started_at: float = field(default_factory=time.monotonic)

    def add(self, part: Epoch | Step) -> None:
        """Note an epoch, or some steps; an epoch that came before is to be the final model."""
        if isinstance(part, Epoch):
            is_new = self.last is None or part.number > self.last.number
            self.last, self.tokens = part, max(self.tokens, part.tokens)
            if not is_new:
                return
            self.unsaved.append(part)
        self.pending.append(part)

    def estimated_finish(self, step: int) -> float | None:
        """Return when the run will be through at its pace so far, in seconds since 1970."""
        made = step - self.done
        if made <= 0 or self.steps <= step:
            return None
        pace = (time.monotonic() - self._started_at) / made
        return utc_now().timestamp() + pace * (self.steps - step)


@dataclass
class JobClaims:
    """Which jobs are being worked on: no two threads take the same one."""

    job_ids: set[str] = field(default_factory=set)
    lock: threading.Lock = field(default_factory=threading.Lock)

    @contextmanager
    def claim(self, waiting: Iterator[Job]) -> Iterator[Job | None]:
        """Hold the first of the waiting jobs that nobody works on, None without one."""
        with self.lock:
            job = next((each for each in waiting if each.job_id not in self.job_ids), None)
            if job is not None:
                self.job_ids.add(job.job_id)
        try:
            yield job
        finally:
            with self.lock:
                self.job_ids.discard(job.job_id if job else "")


def go_on(pace_s: float, stop: threading.Event) -> bool:
    """Wait between two states of a job; return whether to go on."""
    return not stop.wait(pace_s) if pace_s else not stop.is_set()


@contextmanager
def failing(repositories: Repositories, job: Job) -> Iterator[None]:
    """Turn what goes wrong with one job into its failure; the queue goes on."""
    try:
        yield
    except Exception as error:
        failure = failure_of(error)
        if failure.code == BUG:
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
        claims: JobClaims,
        settings: EngineSettings,
        disk_quota: DiskQuota,
        stop: threading.Event,
        devices: TrainingDevices | None = None,
    ) -> None:
        self._repositories = repositories
        self._jobs = repositories.jobs
        self._bases = bases
        self._claims = claims
        self._settings = settings
        self._disk_quota = disk_quota
        self._stop = stop
        self._devices = devices

    def train_next(self) -> bool:
        """Train the job whose turn it is; False where none waits. A thread's `work`."""
        self._clear_ended()
        waiting = (job for job in self._jobs.waiting(states.RUNNING, states.QUEUED))
        with self._claims.claim(job for job in waiting if self._is_ours(job)) as job:
            if job is None or not go_on(self._settings.pace_s, self._stop):
                return False
            with failing(self._repositories, job):
                self._train(job)
            if self._jobs.get(job.job_id).finished_at is not None:
                self._repositories.clear(job.job_id)
            return True

    def _clear_ended(self) -> None:
        """Remove the folders of jobs that ended while they rested."""
        with self._claims.lock:
            for job_id in self._repositories.ended_work():
                if job_id not in self._claims.job_ids:
                    self._repositories.clear(job_id)

    def _is_ours(self, job: Job) -> bool:
        base = self._bases.get(job.base)
        return (self._devices is not None) == (base is not None and base.is_heavy)

    def _train(self, job: Job) -> None:
        event = JobEvent("started", "Fine-tuning job started")
        if self._jobs.move(job.job_id, states.RUNNING, job.status, event=event):
            self._make_room(job, 0)
            run = TrainingRun(job, self._base(job).trainer.train(self._task(job)))
            with closing(run.progress):
                self._follow(run)

    def _base(self, job: Job) -> Base:
        if job.base not in self._bases:
            raise Untrainable("model_not_available", "engine-base-gone", "model", base=job.base)
        return self._bases[job.base]

    def _task(self, job: Job) -> Task:
        files = self._repositories.files
        folder = self._repositories.work_of(job.job_id)
        folder.mkdir(parents=True, exist_ok=True)
        return Task(
            method=job.method,
            train=files.path(job.training_file),
            test=files.path(job.validation_file) if job.validation_file else None,
            hyperparameters=job.hyperparameters,
            seed=job.seed,
            folder=folder,
            base=self._base(job).files(),
            place=self._devices or TrainingDevices(),
        )

    def _follow(self, run: TrainingRun) -> None:
        job_id = run.job.job_id
        for part in run.progress:
            self._take(run, part)
            if self._stop.is_set():
                return
            if not self._jobs.is_in(job_id, states.RUNNING):
                self._save(run)
                return
        self._save(run)
        if go_on(self._settings.pace_s, self._stop):
            self._succeed(run)

    def _take(self, run: TrainingRun, part: Progress) -> None:
        match part:
            case ResolvedHyperparameters():
                self._begin(run, part)
            case TrainerNote():
                run.notes += 1
                self._warn(run.job, f"remark {run.notes}", part.key, **part.arguments)
            case Epoch() | Step():
                run.add(part)
                if time.monotonic() - run.events_at >= EVENTS_EVERY_S:
                    self._add_events(run)
                if run.unsaved and time.monotonic() - run.saved_at >= SAVE_EVERY_S:
                    self._save(run)
            case None:
                pass

    def _begin(self, run: TrainingRun, resolved: ResolvedHyperparameters) -> None:
        """Note what is to be done; what came of a run that is not gone on with is forgotten."""
        run.steps, run.done, job_id = resolved.steps, resolved.done, run.job.job_id
        with self._repositories.rows.transaction():
            if not resolved.done:
                self._repositories.job_events.forget_run(job_id)
                self._repositories.models.forget_run(job_id)
            self._jobs.resolve(job_id, resolved.hyperparameters, resolved.steps)

    def _warn(self, job: Job, event_key: str, key: str, **arguments: object) -> None:
        words = text(self._settings.language, key, **arguments)
        event = JobEvent(event_key, words, "warn", is_of_run=True)
        self._repositories.job_events.add(job.job_id, event)

    def _add_events(self, run: TrainingRun) -> None:
        job_id = run.job.job_id
        with self._repositories.rows.transaction():
            for part in run.pending:
                self._repositories.job_events.add(job_id, _event_of(part))
            if run.pending:
                step = run.pending[-1].step
                self._jobs.progress(job_id, step, run.estimated_finish(step))
        run.pending.clear()
        run.events_at = time.monotonic()
        kill_point("engine.epoch_done")

    def _save(self, run: TrainingRun) -> None:
        """Add what events are missing and write the last epochs' weights: files, then rows."""
        self._add_events(run)
        job, models = run.job, self._repositories.models
        for epoch in run.unsaved:
            models.write(job, epoch.step, epoch.save)
        kill_point("engine.model_written")
        with self._repositories.rows.transaction():
            for epoch in run.unsaved:
                models.record(job, epoch.step, epoch.metrics)
                message = f"Checkpoint saved at step {epoch.step}"
                event = JobEvent(f"checkpoint {epoch.step}", message, is_of_run=True)
                self._repositories.job_events.add(job.job_id, event)
        run.unsaved.clear()
        run.saved_at = time.monotonic()
        models.drop_old(job.job_id)
        self._make_room(job, run.last.step if run.last else 0)

    def _make_room(self, job: Job, step: int) -> None:
        if cleared := self._disk_quota.make(job):
            self._warn(job, f"room {step}", "engine-checkpoints-cleared", n=cleared)

    def _succeed(self, run: TrainingRun) -> None:
        job, last = run.job, run.last
        if last is None:
            raise RuntimeError("the trainer ended without an epoch")
        words = f"The job has successfully completed; new model: {job.model_name}"
        self._repositories.models.write(job, last.step, last.save)
        hyperparameters = dict(self._jobs.get(job.job_id).hyperparameters)
        if hyperparameters.get("n_epochs") == "auto":
            hyperparameters["n_epochs"] = last.number
        with self._repositories.rows.transaction():
            moved = self._jobs.move(
                job.job_id,
                states.SUCCEEDED,
                states.RUNNING,
                event=JobEvent("succeeded", words),
                trained_tokens=run.tokens,
                hyperparameters=json.dumps(hyperparameters),
            )
            if moved:
                self._repositories.models.keep_final(job, last.step)
        kill_point("engine.job_succeeded")


def _event_of(part: Epoch | Step) -> JobEvent:
    """Return the event of an epoch or of steps, worded as the protocol's servers do."""
    key, head = f"step {part.step}", f"Step {part.step}"
    metrics: dict[str, object] = {"step": part.step, **part.metrics}
    if isinstance(part, Epoch):
        key, head = f"epoch {part.number}", f"Epoch {part.number}, step {part.step}"
        metrics["epoch"] = part.number
    losses = [
        f"{word} loss={part.metrics[name]:.4f}"
        for word, name in (("training", "train_loss"), ("validation", "valid_loss"))
        if name in part.metrics
    ]
    message = f"{head}: {', '.join(losses) or 'done'}"
    return JobEvent(key, message, content=metrics, is_of_run=True)


class JobQueue:
    """All threads; `wake` after a job was created, resumed or cancelled."""

    def __init__(self, repositories: Repositories, bases: Bases, settings: EngineSettings) -> None:
        self._repositories = repositories
        self._stop = threading.Event()
        disk_quota = DiskQuota(repositories, settings.training.quota_bytes)
        self._settings = settings
        self._checking = JobThread("engine-check", self._check_next, self._stop)
        claims = JobClaims()
        devices: list[TrainingDevices | None] = [None]
        if any(base.is_heavy for base in bases.values()):
            devices += devices_of(settings.training)
        trainings = [
            Training(repositories, bases, claims, settings, disk_quota, self._stop, each)
            for each in devices
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
        return all(thread.is_alive() for thread in self._threads)

    @property
    def _threads(self) -> list[JobThread]:
        return [self._checking, *self._training]

    def _check_next(self) -> bool:
        job = next(iter(self._repositories.jobs.waiting(states.VALIDATING)), None)
        if job is None or not go_on(self._settings.pace_s, self._stop):
            return False
        with failing(self._repositories, job):
            if check(self._repositories, job):
                self.wake()
        return True


def devices_of(settings: EngineTrainingConfig) -> list[TrainingDevices]:
    """Return where language models are trained: a thread each."""
    if settings.workers:
        return [TrainingDevices((), settings.cluster, settings.workers)]
    return [TrainingDevices(tuple(devices)) for devices in settings.devices]
