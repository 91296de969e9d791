"""A fine-tune job: its states and transitions, its rows, its status at the provider.

    launching -> queued -> running -> succeeded | failed | cancelled

The last three are final. `launching` lasts from the decision until the provider's own id is
known.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from merlin.core.clock import Clock, is_recent, is_waiting, iso
from merlin.core.errors import NotFound, ProviderBusy, ProviderError
from merlin.core.killpoint import kill_point
from merlin.core.log import get_logger
from merlin.dataset.builds import BUILDS, SHORT_DIGEST_LENGTH, Build
from merlin.dataset.spec import Recipe
from merlin.db.database import Database, Repository, transaction
from merlin.db.notices import Notices
from merlin.db.tables import BUILD, JOB, JOB_EVENT, MODEL, VERDICT
from merlin.db.values import RowMap, dump_json, load_json
from merlin.providers.base import (
    ENDLESS_LIST,
    Checkpoint,
    JobEvent,
    JobReport,
    ModelClient,
)
from merlin.training.models import ModelState, fail_training

if TYPE_CHECKING:  # its HTTP client is loaded only where a provider is called
    from merlin.providers.openai_training import OpenAIProvider

log = get_logger(__name__)


class JobState(StrEnum):
    """The state of a job."""

    # The values are stored in the database.
    LAUNCHING = "launching"
    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


MAX_PAUSE_S = 60.0
# Of an error or an event at the provider; some servers send a whole log.
MAX_TEXT_LENGTH = 2_000
# Status of a job that the provider may not create for this account.
FORBIDDEN = "forbidden"
FINAL = frozenset({JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED})
# The condition of jobs that are not final.
UNFINISHED = JOB.state.in_([state.value for state in JobState if state not in FINAL])

# The statuses of providers that mean each state, in any case; others keep the state, because
# providers add some without notice. Sources: openai/openai-openapi, FineTuningJob.status ("paused"
# is returned by the pause call although the enumeration lacks it) and Batch.status ("expired");
# Mistral ("timeout_exceeded"), LocalAI ("stopped"), Together ("error"), Azure ("canceling").
_CANCELLING = "canceling cancelling cancel_requested cancellation_requested"
_STATUSES = {
    JobState.QUEUED: "queued validating_files started validating validated created pending",
    JobState.RUNNING: f"running in_progress paused {_CANCELLING}",
    JobState.SUCCEEDED: "succeeded success completed",
    JobState.FAILED: "failed failed_validation error expired timeout_exceeded",
    JobState.CANCELLED: "cancelled canceled stopped",
}
_STATE_OF_STATUS = {
    word: state for state, words in _STATUSES.items() for word in words.split()
}
# How long a job may be about to end: cancelling, or succeeded without the name of its model.
_MAX_ENDING = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Job:
    """A request to fine-tune one base model on one build; `job_id` 0: not stored yet.

    `estimate_micro` is the estimated cost in millionths of `currency`; `status` is the provider's
    newest status, stored even if it is unknown, or FORBIDDEN.
    """

    job_id: int
    launch_key: str
    dataset: str
    build_id: int
    provider: str
    recipe: Recipe
    attempt: int
    state: JobState
    created_at: datetime
    updated_at: datetime
    provider_job_id: str = ""
    status: str = ""
    model_id: str | None = None
    trained_tokens: int = 0
    estimate_micro: int = 0
    currency: str = "USD"
    error: str = ""
    not_before: datetime | None = None

    @property
    def is_final(self) -> bool:
        """Return whether the state is final."""
        return self.state in FINAL


def state_of(status: str) -> JobState | None:
    """Return the state of a provider's status, None for an unknown one."""
    return _STATE_OF_STATUS.get(status.lower())


def poll_delay_s(job: Job, now: datetime, least_s: float) -> float:
    """Return the seconds until a silent provider is polled again: a tenth of the silence so far.

    At least `least_s`, at most a minute; `updated_at` is its last answer.
    """
    silent_s = (now - job.updated_at).total_seconds()
    return max(least_s, min(MAX_PAUSE_S, silent_s / 10))


def launch_key(training_key: str, attempt: int) -> str:
    """Return the key of this launch: the same training key and attempt give the same key."""
    return hashlib.sha256(f"{training_key}:{attempt}".encode()).hexdigest()[:32]


def advance(job: Job, report: JobReport, now: datetime) -> Job:
    """Return `job` with the state of `report`.

    A final job never changes, so a late or repeated report is harmless. A success without a
    model name stays running: it is polled again (as in run-llama/llama_index#8527). After a day of
    the same it has failed, and one that is being cancelled is cancelled; `updated_at` is the
    beginning of that day.
    """
    if job.is_final:
        return job
    state = state_of(report.status) or job.state
    if state is JobState.LAUNCHING:
        state = JobState.QUEUED  # the provider knows the job, whatever its status
    after = replace(
        job,
        state=state,
        status=report.status,
        provider_job_id=report.provider_job_id,
        model_id=report.model_id,
        trained_tokens=report.trained_tokens,
        error=report.error[:MAX_TEXT_LENGTH],
        updated_at=now,
    )
    ending = _find_ending(report)
    if ending is None:
        return after
    since = job.updated_at if job.status == report.status else now
    if now - since <= _MAX_ENDING:
        return replace(after, state=JobState.RUNNING, updated_at=since)
    error = f"{report.status} for a day, without an end or the name of a model"
    return replace(after, state=ending, error=after.error or error)


def _find_ending(report: JobReport) -> JobState | None:
    """Return the end of a job that is about to end and may never do so, None for another job."""
    if state_of(report.status) is JobState.SUCCEEDED:
        return None if report.model_id else JobState.FAILED
    return JobState.CANCELLED if report.status.lower() in _CANCELLING.split() else None


JOBS = RowMap(
    Job, columns={"job_id": "id"}, json={"recipe": lambda values: Recipe(**values)}
)
_EVENTS = RowMap(JobEvent)
# The columns that change after the launch.
_PROGRESS = (
    *("state", "provider_job_id", "status", "model_id", "trained_tokens"),
    *("error", "not_before", "updated_at"),
)


class Jobs(Repository):
    """Jobs change only through `save`, which updates their models and verdicts as well."""

    def open_jobs(self) -> list[Job]:
        """Return the unfinished jobs, oldest first."""
        unfinished = JOB.select().where(UNFINISHED)
        return JOBS.read_all(self.db, unfinished.order_by(JOB.id))

    def get(self, job_id: int) -> Job:
        """Return one job. Raises NotFound."""
        missing = NotFound(f"no job {job_id}", "store-no-job", job=job_id)
        return JOBS.read(self.db.get_row(JOB.select().where(JOB.id == job_id), missing))

    @transaction
    def save(self, old: Job, new: Job) -> bool:
        """Store `new` if the row still has the state of `old`; False if it has changed.

        A job that becomes succeeded gets a row among the models (state new). One that becomes
        failed or cancelled moves its training verdicts to failed in the same transaction. Raises
        ValueError if a final job would change its state, or if a success names no model.
        """
        moves = new.state is not old.state
        if moves and (
            old.is_final or (new.state is JobState.SUCCEEDED and not new.model_id)
        ):
            raise ValueError(f"job {old.job_id}: {old.state} to {new.state}")
        is_unchanged = (JOB.id == old.job_id) & (JOB.state == old.state.value)
        row = JOBS.write(new)
        if not self.db.update(
            JOB, is_unchanged, **{key: row[key] for key in _PROGRESS}
        ):
            return False
        if moves:
            if new.state is JobState.SUCCEEDED:
                model = {
                    **{
                        name: row[name]
                        for name in ("provider", "model_id", "dataset", "build_id")
                    },
                    "job_id": new.job_id,
                    "state": ModelState.NEW.value,
                    "probes": 0,
                    "not_before": None,
                    "note": "",
                    "created_at": iso(new.updated_at),
                }
                self.db.add_new(MODEL, model)
            elif new.is_final:
                fail_verdicts(self.db, new, new.updated_at)
            self.db.announce_change()
        return True

    @transaction
    def give_up_verdicts(self, job: Job, at: datetime) -> None:
        """Move the verdicts that train by a cancelled job to failed.

        If the job succeeds all the same, its model is stored, but no verdict lets it serve.
        """
        fail_verdicts(self.db, replace(job, state=JobState.CANCELLED), at)
        self.db.announce_change()

    def known_events(self, job_id: int) -> frozenset[str]:
        """Return the ids of the provider's events stored for this job."""
        rows = self.db.rows(
            JOB_EVENT.select(JOB_EVENT.event_id).where(JOB_EVENT.job_id == job_id)
        )
        return frozenset(row.event_id for row in rows)

    @transaction
    def add_events(
        self, job_id: int, events: Sequence[JobEvent], checkpoints: Sequence[Checkpoint]
    ) -> None:
        """Store new events and checkpoints; known ones are left unchanged."""
        this = {"job_id": job_id}
        cut = (replace(each, message=each.message[:MAX_TEXT_LENGTH]) for each in events)
        self.db.add_missing(JOB_EVENT, (_EVENTS.write(event) | this for event in cut))
        saved = (
            self.db.value(JOB.select(JOB.checkpoints).where(JOB.id == job_id)) or "[]"
        )
        known = {each["model_id"]: each for each in load_json(saved)}
        new = {each.model_id: asdict(each) for each in checkpoints}
        self.db.update(
            JOB, JOB.id == job_id, checkpoints=dump_json([*(new | known).values()])
        )


def fail_verdicts(db: Database, job: Job, at: datetime) -> None:
    """Set the training verdicts of a failed or cancelled job to failed."""
    is_cancelled = job.state is JobState.CANCELLED
    reason = "verdict-job-cancelled" if is_cancelled else "verdict-job-failed"
    values = {"job": job.job_id, "error": job.error or job.status}
    why = {"reason": reason, "arguments": dump_json(values)}
    fail_training(db, VERDICT.job_id == job.job_id, at, why)


NOT_FOUND = 404
BUSY_S = 5.0
MAX_DURATION_S = 3600.0
EVENTS_WAIT = timedelta(minutes=1)
ENDLESS_PAUSE = timedelta(minutes=5)
# How long an account without our job and its file may be the wrong one: a person mends its key.
WRONG_ACCOUNT = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class TrainingProvider:
    """A provider that trains, as used by launches, jobs and evaluations; builds are in `builds`.

    `base_client` asks for short answers at temperature 0, to compare a model with its base.
    `settle_s`: how far its lists may lag, in seconds.
    """

    api: OpenAIProvider
    client: ModelClient
    base_client: ModelClient
    db: Database
    builds: Path
    clock: Clock
    settle_s: float


# A job is polled again after a tenth of its age, within these bounds.
_POLL_SHARE = 0.1
_MIN_POLL = timedelta(milliseconds=10)
_MAX_POLL = timedelta(seconds=10)


def _poll_pause(job: Job, now: datetime) -> timedelta:
    return min(max(_POLL_SHARE * abs(now - job.created_at), _MIN_POLL), _MAX_POLL)


def is_due(job: Job, now: datetime, settle_s: float) -> bool:
    """Return whether a launch is to be advanced, or a launched job polled, now.

    `settle_s` is its provider's.
    """
    pause = max(_MAX_POLL, timedelta(seconds=settle_s))
    longest = timedelta(seconds=MAX_DURATION_S) if job.error else pause
    return job.not_before is None or not is_waiting(job.not_before, now, longest)


def poll_job(provider: TrainingProvider, job: Job) -> Job:
    """Poll a launched job and store its status and events; return the job.

    A provider that cannot answer changes nothing, not even `updated_at`: the job is polled again
    later. If its events cannot be read, the job's end is delayed by at most a minute.
    """
    now = provider.clock()
    pause = _poll_pause(job, now)
    due = now + pause
    try:
        report = provider.api.read_job(job.provider_job_id)
    except ProviderError as refusal:
        if refusal.status != NOT_FOUND or not is_lost(provider, job):
            return _save_job(
                provider, job, postpone(job, refusal, now, 2 * pause.total_seconds())
            )
        lost = replace(job, state=JobState.FAILED, error=str(refusal), updated_at=now)
        return _save_job(provider, job, lost)
    after = advance(job, report, now)
    try:
        store_events(provider, job)
    except ProviderError as refusal:
        log.warning(
            "events of a job cannot be read", job=job.job_id, reason=str(refusal)
        )
        if refusal.code == ENDLESS_LIST:  # meanwhile no other job is polled
            due = now + ENDLESS_PAUSE
            # Without an error `is_due` takes a wait so long for a clock that was set back.
            after = after if after.is_final else replace(after, error=str(refusal))
            told = {"provider": job.provider, "reason": str(refusal)}
            Notices(provider.db).notify_daily("notice-provider", told, job.provider)
        # By this machine's clock alone: the provider's may differ by hours.
        is_fresh = is_recent(job.updated_at, now, EVENTS_WAIT + pause)
        if after.is_final and is_fresh:
            return _save_job(
                provider, job, postpone(job, refusal, now, 2 * pause.total_seconds())
            )
    if report.status and after.status != job.status:
        log.info("job moved", job=job.job_id, status=report.status, state=after.state)
    return _save_job(provider, job, replace(after, not_before=due))


def file_name(build: Build, split: str) -> str:
    """Return a training file's name at the provider; it identifies the bytes."""
    return f"merlin-{build.dataset}-{build.digest[:SHORT_DIGEST_LENGTH]}-{split}.jsonl"


def is_lost(provider: TrainingProvider, job: Job) -> bool:
    """Return whether the list lacks the job too: a wrong URL answers 404 to everything.

    An account that also lacks the job's training file is probably another project's.
    """
    (build,) = BUILDS.read_all(
        provider.db, BUILD.select().where(BUILD.id == job.build_id)
    )
    is_silent = provider.clock() - job.updated_at > WRONG_ACCOUNT
    try:
        is_ours = is_silent or provider.api.find_files(file_name(build, "train"))
        return bool(is_ours) and not provider.api.find_jobs(job.launch_key)
    except ProviderError:
        return False


def postpone(
    job: Job, reason: Exception, now: datetime, least_s: float = BUSY_S
) -> Job:
    """Return the job, to be tried again when its provider asks for it, at most after an hour."""
    log.warning("job waits", job=job.job_id, reason=str(reason))
    requested_s = reason.retry_after_s if isinstance(reason, ProviderBusy) else None
    wait = requested_s or poll_delay_s(job, now, least_s)
    later = now + timedelta(seconds=min(wait, MAX_DURATION_S))
    return replace(job, not_before=later, error=str(reason))


def store_events(provider: TrainingProvider, job: Job) -> None:
    """Store the job's new events and checkpoints. Raises ProviderError."""
    rows = Jobs(provider.db)
    events = provider.api.list_events(
        job.provider_job_id, rows.known_events(job.job_id)
    )
    if events:
        checkpoints = provider.api.list_checkpoints(job.provider_job_id)
        rows.add_events(job.job_id, events, checkpoints)


def _save_job(provider: TrainingProvider, old: Job, new: Job) -> Job:
    rows = Jobs(provider.db)
    if rows.save(old, new):
        kill_point("poll.recorded")
        return new
    return rows.get(old.job_id)
