"""Watch launched jobs: ask the provider how each stands, keep what it says."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from merlin.core.clock import Clock
from merlin.core.errors import ProviderBusy, ProviderError
from merlin.core.killpoint import kill_point
from merlin.core.log import get_logger
from merlin.providers.base import FineTuneJobs, JobReport
from merlin.training.jobs import Job, JobState, advance, again_s

if TYPE_CHECKING:
    from merlin.training.job_store import Jobs

log = get_logger(__name__)
NOT_FOUND = 404
LONGEST_S = 3600.0
DIARY_WAIT = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Poller:
    """What watching needs of one provider; `poll_s`: seconds between two looks at one job."""

    jobs: FineTuneJobs
    rows: Jobs
    clock: Clock
    poll_s: float


def look(poller: Poller, job: Job) -> Job:
    """Ask how one launched job stands, store it with its events; return it as it now stands.

    A provider that cannot answer changes nothing, `updated_at` neither: the job is looked at
    again later. One that cannot show the diary delays the job's end by a minute, no more.
    """
    now = poller.clock()
    try:
        report = poller.jobs.report(job.provider_job_id)
    except ProviderError as refusal:
        return _stored(poller, job, _unread(poller, job, refusal))
    after = advance(job, report, now)
    unread = _tried_diary(poller, job)
    if unread is not None and after.is_final and _is_fresh(report, now):
        return _stored(poller, job, _later(poller, job, unread))
    if report.status and after.status != job.status:
        log.info("job moved", job=job.job_id, status=report.status, state=after.state)
    later = now + timedelta(seconds=poller.poll_s)
    return _stored(poller, job, replace(after, not_before=later))


def _unread(poller: Poller, job: Job, reason: ProviderError) -> Job:
    """Return the job after a look that failed: only a provider that lost it ends it."""
    log.warning("job cannot be read", job=job.job_id, reason=str(reason))
    if reason.status == NOT_FOUND and _is_lost(poller, job):
        return replace(job, state=JobState.FAILED, error=str(reason), updated_at=poller.clock())
    return _later(poller, job, reason)


def _is_lost(poller: Poller, job: Job) -> bool:
    """Return whether the list lacks the job too: a wrong address answers 404 to everything."""
    try:
        return not poller.jobs.find(job.launch_key)
    except ProviderError:
        return False


def _later(poller: Poller, job: Job, reason: ProviderError) -> Job:
    now = poller.clock()
    asked = reason.retry_after_s if isinstance(reason, ProviderBusy) else None
    wait = asked or again_s(job, now, 2 * poller.poll_s)
    later = now + timedelta(seconds=min(wait, LONGEST_S))
    return replace(job, not_before=later, error=str(reason))


def _tried_diary(poller: Poller, job: Job) -> ProviderError | None:
    """Keep the diary; return why it could not be read, None when it was."""
    try:
        keep_diary(poller, job)
    except ProviderError as refusal:
        log.warning("diary cannot be read", job=job.job_id, reason=str(refusal))
        return refusal
    return None


def _is_fresh(report: JobReport, now: datetime) -> bool:
    return report.finished_at is not None and now - report.finished_at < DIARY_WAIT


def keep_diary(poller: Poller, job: Job) -> None:
    """Store the job's new events, and its checkpoints with them. Raises ProviderError."""
    events = poller.jobs.events(job.provider_job_id, poller.rows.known_events(job.job_id))
    if events:
        checkpoints = poller.jobs.checkpoints(job.provider_job_id)
        poller.rows.add_diary(job.job_id, events, checkpoints)


def _stored(poller: Poller, old: Job, new: Job) -> Job:
    if poller.rows.save(old, new):
        kill_point("poll.recorded")
        return new
    return poller.rows.get(old.job_id)
