"""Worker threads for jobs: one validates files, one trains `recall`, one language models.

`recall` trains in this process within seconds and has its own thread, so that small jobs do not
wait for large ones. Between steps the thread checks whether the job was cancelled or the
engine is stopping; the trainer then shuts down in order. After a stop or a kill the job's row stays
`running`, and the next start resumes it: the same files, hyper-parameters and seed give the same
model.
"""

import json
import threading
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path

from merlin.config.engine import EngineSettings
from merlin.core.i18n import text
from merlin.core.killpoint import kill_point
from merlin.core.log import get_logger
from merlin.engine import jobs as states
from merlin.engine.bases import Bases
from merlin.engine.jobs import Job, JobEvent
from merlin.engine.storage import MAX_CHECKPOINTS, RESULTS, Repositories
from merlin.engine.trainers.base import (
    DPO,
    KTO,
    Epoch,
    Progress,
    ResolvedHyperparameters,
    Step,
    Task,
    TrainerNote,
    Untrainable,
    classify_error,
)
from merlin.engine.training_file import (
    MIN_EXAMPLES,
    BadFile,
    read_conversations,
    read_preferences,
    read_ratings,
)

log = get_logger(__name__)

RETRY_S = 5.0
JOIN_S = 20.0
# A commit and a file cost more than a short epoch, so both are batched.
SAVE_EVERY_S = 1.0
Reader = Callable[[Path, int], Iterator[object]]
_READERS: dict[str, Reader] = {DPO: read_preferences, KTO: read_ratings}


def validate_files(repositories: Repositories, job: Job) -> bool:
    """Validate the job's files and move the job to the queue.

    Returns whether the job was queued. Raises Untrainable if a file is invalid, OSError if it
    cannot be read, FileNotFoundError if it was deleted.
    """
    read = _READERS.get(job.form, read_conversations)
    requested = [("training_file", job.training_file, MIN_EXAMPLES)]
    if job.validation_file:
        requested.append(("validation_file", job.validation_file, 1))
    counts = []
    for param, file_id, least in requested:
        try:
            n = sum(1 for _ in read(repositories.files.path(file_id), least))
        except BadFile as error:
            raise Untrainable(
                f"invalid_{param}", error.key, param, **error.arguments
            ) from error
        counts.append(f"{param} {n} examples")
    message = f"Files validated ({', '.join(counts)}), moving job to queued state"
    event = JobEvent("validated", message)
    return repositories.jobs.move(
        job.job_id, states.QUEUED, states.VALIDATING, event=event
    )


def keep_working(
    work: Callable[[], bool],
    woken: threading.Event,
    stop: threading.Event,
    retry_s: float = RETRY_S,
) -> None:
    """Call `work` until `stop` is set; after it has returned False, wait until `woken` is set.

    An exception of `work` is logged, and `work` is retried after a pause: a full disk or a bug in
    one job does not end the server.
    """
    while not stop.is_set():
        woken.clear()
        try:
            has_worked = work()
        except Exception:
            log.exception("job thread failed")
            stop.wait(retry_s)
            continue
        if not has_worked and not stop.is_set():
            woken.wait()


@contextmanager
def fail_on_error(
    repositories: Repositories, job: Job, language: str
) -> Iterator[None]:
    """Mark the job as failed if the block raises; the queue continues."""
    try:
        yield
    except Exception as error:
        failure = classify_error(error, "engine-memory-out")
        if failure is None:
            log.exception("job failed by a bug", job=job.job_id)
            failure = Untrainable(
                "server_error", "engine-bug", None, kind=type(error).__name__
            )
        else:
            log.warning("job failed", job=job.job_id, code=failure.code)
        repositories.jobs.fail(job.job_id, failure, language)


class TrainingRun:
    """Stores the progress of one training in rows and folders.

    Events and the weights of epochs are buffered. An interrupted run is repeated from its last
    checkpoint with the same progress, of which nothing is stored twice.
    """

    def __init__(
        self,
        repositories: Repositories,
        settings: EngineSettings,
        stop: threading.Event,
        job: Job,
    ) -> None:
        self._repositories = repositories
        self._settings = settings
        self._stop = stop
        self._job = job
        self._last_epoch: Epoch | None = None
        self._pending: list[Epoch | Step] = []
        self._saved_at = float("-inf")

    def run(self, progress: Generator[Progress, None, None]) -> None:
        """Train to the end, or until the job is cancelled or the engine stops.

        `progress` is closed at the end, which lets the trainer shut down in order.
        """
        with closing(progress):
            for part in progress:
                self._handle(part)
                if self._stop.is_set():
                    return
                if (
                    self._repositories.jobs.get(self._job.job_id).status
                    != states.RUNNING
                ):
                    self._save()
                    return
            self._save()
            self._succeed()

    def _handle(self, part: Progress) -> None:
        match part:
            case ResolvedHyperparameters():
                resolved = part.hyperparameters
                self._repositories.jobs.store_resolved(self._job.job_id, resolved)
            case TrainerNote():
                message = text(self._settings.language, part.key, **part.arguments)
                event = JobEvent(f"remark {part.key}", message, "warn")
                self._repositories.job_events.add(self._job.job_id, event)
            case Epoch() | Step():
                self._pending.append(part)
                if isinstance(part, Epoch):
                    self._last_epoch = part
                if time.monotonic() - self._saved_at >= SAVE_EVERY_S:
                    self._save()
            case None:
                pass

    def _save(self) -> None:
        """Add the events, then write the weights of the last epochs: files first, then rows."""
        job = self._job
        models = self._repositories.models
        events = self._repositories.job_events
        with self._repositories.database.transaction():
            for part in self._pending:
                events.add(job.job_id, _build_event(part))
        kill_point("engine.epoch_done")
        epochs = [part for part in self._pending if isinstance(part, Epoch)][
            -MAX_CHECKPOINTS:
        ]
        digests = [models.write(job, epoch.step, epoch.save) for epoch in epochs]
        kill_point("engine.model_written")
        with self._repositories.database.transaction():
            for epoch, digest in zip(epochs, digests, strict=True):
                models.record(job, epoch.step, epoch.metrics, digest)
                message = f"Checkpoint saved at step {epoch.step}"
                events.add(job.job_id, JobEvent(f"checkpoint {epoch.step}", message))
        self._pending.clear()
        self._saved_at = time.monotonic()
        models.delete_old_checkpoints(job.job_id)

    def _succeed(self) -> None:
        job = self._job
        last = self._last_epoch
        repositories = self._repositories
        if last is None:
            raise RuntimeError("the trainer ended without an epoch")
        message = f"The job has successfully completed; new model: {job.model_name}"
        digest = repositories.models.write(job, last.step, last.save)
        results = repositories.job_events.build_results(job.job_id)
        result_file = job.job_id.replace("ftjob-", "file-")
        repositories.files.write(result_file, lambda part: part.write_bytes(results))
        hyperparameters = dict(repositories.jobs.get(job.job_id).hyperparameters)
        if hyperparameters.get("n_epochs") == "auto":
            hyperparameters["n_epochs"] = last.number
        with repositories.database.transaction():
            moved = repositories.jobs.move(
                job.job_id,
                states.SUCCEEDED,
                states.RUNNING,
                event=JobEvent("succeeded", message),
                trained_tokens=last.tokens,
                hyperparameters=json.dumps(hyperparameters),
                result_file=result_file,
            )
            if moved:
                repositories.files.record(result_file, "step_metrics.csv", RESULTS)
                repositories.models.record(job, last.step, {}, digest, is_final=True)
        kill_point("engine.job_succeeded")


def _build_event(part: Epoch | Step) -> JobEvent:
    """Return the event of an epoch or of a step, with its metrics as data."""
    key = f"step {part.step}"
    head = f"Step {part.step}"
    metrics: dict[str, object] = {"step": part.step, **part.metrics}
    if isinstance(part, Epoch):
        key = f"epoch {part.number}"
        head = f"Epoch {part.number}, step {part.step}"
        metrics["epoch"] = part.number
    return JobEvent(key, head, content=metrics)


class JobQueue:
    """All worker threads; call `wake` after a job was created or cancelled."""

    def __init__(
        self, repositories: Repositories, bases: Bases, settings: EngineSettings
    ) -> None:
        self._repositories = repositories
        self._bases = bases
        self._settings = settings
        self._stop = threading.Event()
        work: dict[str, Callable[[], bool]] = {
            "engine-check": self._check_next,
            "engine-train": partial(self._train_next, is_heavy=False),
            "engine-train-heavy": partial(self._train_next, is_heavy=True),
        }
        self._woken = {name: threading.Event() for name in work}
        self._threads = [
            threading.Thread(
                target=keep_working,
                name=name,
                args=(act, self._woken[name], self._stop),
                daemon=True,
            )
            for name, act in work.items()
        ]

    def start(self) -> None:
        """Start the threads; unfinished jobs of an earlier process are resumed."""
        for thread in self._threads:
            thread.start()

    def wake(self) -> None:
        """Wake all threads."""
        for woken in self._woken.values():
            woken.set()

    def stop(self) -> None:
        """Stop after the current step."""
        self._stop.set()
        self.wake()
        for thread in self._threads:
            thread.join(JOIN_S)

    @property
    def is_alive(self) -> bool:
        """Return whether every thread is alive."""
        return all(thread.is_alive() for thread in self._threads)

    def _check_next(self) -> bool:
        job = next(iter(self._repositories.jobs.list_in(states.VALIDATING)), None)
        if job is None:
            return False
        with fail_on_error(self._repositories, job, self._settings.language):
            if validate_files(self._repositories, job):
                self.wake()
        return True

    def _train_next(self, *, is_heavy: bool) -> bool:
        """Train the next job of this kind; return False if there is none."""
        repositories = self._repositories
        heavy = {name for name, base in self._bases.items() if base.is_heavy}
        waiting = repositories.jobs.list_in(states.RUNNING, states.QUEUED)
        job = next((job for job in waiting if (job.base in heavy) == is_heavy), None)
        if job is None:
            return False
        with fail_on_error(repositories, job, self._settings.language):
            self._train(job)
        if repositories.jobs.get(job.job_id).is_over:
            repositories.clear_work(job.job_id)
        return True

    def _train(self, job: Job) -> None:
        event = JobEvent("started", "Fine-tuning job started")
        if not self._repositories.jobs.move(
            job.job_id, states.RUNNING, job.status, event=event
        ):
            return
        run = TrainingRun(self._repositories, self._settings, self._stop, job)
        if job.base not in self._bases:
            raise Untrainable(
                "model_not_available", "engine-base-gone", "model", base=job.base
            )
        base = self._bases[job.base]
        files = self._repositories.files
        folder = self._repositories.get_work_folder(job.job_id)
        folder.mkdir(parents=True, exist_ok=True)
        task = Task(
            method=job.form,
            train=files.path(job.training_file),
            test=files.path(job.validation_file) if job.validation_file else None,
            hyperparameters=job.hyperparameters,
            seed=job.seed,
            folder=folder,
            base=base.files(),
            device=self._settings.training.device,
            weights=files.path(job.weights) if job.weights else None,
        )
        run.run(base.trainer.train(task))
