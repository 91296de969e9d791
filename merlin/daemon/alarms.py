"""What the admins are told of jobs and models that do not go on: silence, strange words, age.

Each alarm is one notice a job, one a provider and day, or one a step of a sunset; nothing is
stopped because of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import partial

from merlin.core.i18n import day_argument
from merlin.daemon.services import DaemonServices
from merlin.db.notices import ADMINS, Notices
from merlin.training.jobs import Job, Jobs, JobState, state_of
from merlin.training.models import Models, ModelState
from merlin.training.policy import warning_due
from merlin.training.promote import Promotions

# A short outage mends itself; longer ones may want a person (a key, money, an address).
SILENT = timedelta(minutes=5)
LONGEST_QUEUED, LONGEST = timedelta(hours=6), timedelta(hours=24)
LONGEST_PROOF = timedelta(hours=1)

# Tells the admins: a Fluent key with arguments, and the word that keeps it single.
Tell = Callable[[str, Mapping[str, object], str], object]


def warn_of_problems(services: DaemonServices) -> bool:
    """Tell the admins of every open job and unproved model that is in trouble."""
    now, tell = services.clock(), partial(Notices(services.db).tell, ADMINS)
    for job in Jobs(services.db).open_jobs():
        _warn_of_job(services, job, now, tell)
    for model in Models(services.db, services.clock).unproved():
        if model.note and now - model.created_at > LONGEST_PROOF:
            _warn_of_silence(model.provider, model.note, now, tell)
    for dataset, serving in Promotions(services.db).serving().items():
        model = serving.model
        if model.state is ModelState.GONE:
            told = {"dataset": dataset, "version": model.build_version, "provider": model.provider}
            tell("notice-gone", told, f"gone:{model.model_row}:{now.date().isoformat()}")
    return False


def warn_of_sunsets(services: DaemonServices) -> bool:
    """Tell the admins in time what will go dark: what serves with its base, what hears and sees."""
    used = [
        (named.provider, named.model, purpose, {"provider": named.provider})
        for purpose, named in services.config.named_models
    ]
    for dataset, serving in Promotions(services.db).serving().items():
        # The job's own: the same build may be trained on several.
        base = Jobs(services.db).get(serving.model.job_id).recipe.base_model
        used.append((serving.model.provider, base, "", {"dataset": dataset}))
    for provider, model_id, purpose, about in used:
        sunset = services.launches.sunsets.get(provider)
        ends = sunset(model_id) if sunset else None
        step = warning_due(ends, services.clock().date()) if ends else None
        if ends is not None and step is not None:
            told = {**about, "model": model_id, "date": day_argument(ends)}
            key = f"notice-sunset-{purpose}" if purpose else "notice-sunset"
            of = f"{purpose}:{provider}" if purpose else about["dataset"]
            once = f"sunset:{of}:{model_id}:{step}"
            Notices(services.db).tell(ADMINS, key, told, once=once)
    return False


def _warn_of_job(services: DaemonServices, job: Job, now: datetime, tell: Tell) -> None:
    told = {"job": job.job_id, "dataset": job.dataset, "provider": job.provider}
    if job.provider not in services.providers:
        tell("notice-no-provider", told, f"no-provider:{job.job_id}")
    if job.error and now - job.updated_at > SILENT:
        _warn_of_silence(job.provider, job.error, now, tell)
    if job.status and state_of(job.status) is None:
        strange = {**told, "status": job.status}
        tell("notice-status", strange, f"status:{job.job_id}:{job.status}")
    is_begun = job.state in (JobState.RUNNING, JobState.PAUSED)
    longest = LONGEST if is_begun else LONGEST_QUEUED
    if now - job.created_at > longest:
        late = {**told, "hours": int(longest.total_seconds() // 3600), "status": job.status or "-"}
        tell("notice-late", late, f"late:{job.job_id}:{late['hours']}")


def _warn_of_silence(provider: str, reason: str, now: datetime, tell: Tell) -> None:
    told = {"provider": provider, "reason": reason}
    tell("notice-provider", told, f"provider:{provider}:{now.date().isoformat()}")
