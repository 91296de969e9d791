"""What the admins are told of jobs and models that do not go on: silence, strange words, age.

Each alarm is one notice a job, one a provider and day, or one a step of a sunset; nothing is
stopped because of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from merlin.daemon.services import DaemonServices
from merlin.db.notices import ADMINS, Notices
from merlin.training.jobs import Job, Jobs, JobState, is_known
from merlin.training.models import Model, ModelState, Serving
from merlin.training.policy import NamedModel, sunset_warnings
from merlin.training.promote import Promotions

# A short outage mends itself; longer ones may want a person (a key, money, an address).
SILENT = timedelta(minutes=5)
LONGEST_QUEUED, LONGEST = timedelta(hours=6), timedelta(hours=24)
LONGEST_PROOF = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Alarm:
    """A notice to be: its Fluent key with arguments, and the word that keeps it single."""

    key: str
    arguments: Mapping[str, object]
    once: str


def warn_of_problems(services: DaemonServices) -> bool:
    """Tell the admins of every open job and unproved model that is in trouble."""
    now = services.clock()
    found = [each for job in Jobs(services.db).open_jobs() for each in _of_job(services, job, now)]
    found += [
        each for model in services.evaluator.rows.unproved() for each in _of_model(model, now)
    ]
    found += [
        _of_gone(serving, now)
        for serving in Promotions(services.db).serving().values()
        if serving.model.state is ModelState.GONE
    ]
    for each in found:
        Notices(services.db).tell(ADMINS, each.key, each.arguments, once=each.once)
    return False


def warn_of_sunsets(services: DaemonServices) -> None:
    """Tell the admins in time of models that hear or see for the bot and will go dark."""

    def sunset(model: NamedModel) -> date | None:
        terms = services.launches.terms.get(model.provider)
        return terms.sunset(model.model_id) if terms else None

    for each in sunset_warnings(services.named_models, sunset, services.clock().date()):
        model = each.model
        told = {
            "provider": model.provider,
            "model": model.model_id,
            "date": each.ends.isoformat(),
        }
        once = f"sunset:{model.purpose}:{model.provider}:{model.model_id}:{each.step}"
        Notices(services.db).tell(ADMINS, f"notice-sunset-{model.purpose}", told, once=once)


def _of_job(services: DaemonServices, job: Job, now: datetime) -> Iterator[Alarm]:
    told = {"job": job.job_id, "dataset": job.dataset, "provider": job.provider}
    if job.provider not in services.pollers:
        yield Alarm("notice-no-provider", told, f"no-provider:{job.job_id}")
    if job.error and now - job.updated_at > SILENT:
        yield _silence(job.provider, job.error, now)
    if job.status and not is_known(job.status):
        strange = {**told, "status": job.status}
        yield Alarm("notice-status", strange, f"status:{job.job_id}:{job.status}")
    age, longest = now - job.created_at, _longest(job)
    if age > longest:
        late = {**told, "hours": int(longest.total_seconds() // 3600), "status": job.status or "-"}
        yield Alarm("notice-late", late, f"late:{job.job_id}:{late['hours']}")


def _longest(job: Job) -> timedelta:
    is_begun = job.state in (JobState.RUNNING, JobState.PAUSED)
    return LONGEST if is_begun else LONGEST_QUEUED


def _of_model(model: Model, now: datetime) -> Iterator[Alarm]:
    if model.note and now - model.created_at > LONGEST_PROOF:
        yield _silence(model.provider, model.note, now)


def _of_gone(serving: Serving, now: datetime) -> Alarm:
    model = serving.model
    told = {"dataset": serving.dataset, "version": model.build_version, "provider": model.provider}
    return Alarm("notice-gone", told, f"gone:{model.model_row}:{now.date().isoformat()}")


def _silence(provider: str, reason: str, now: datetime) -> Alarm:
    told = {"provider": provider, "reason": reason}
    return Alarm("notice-provider", told, f"provider:{provider}:{now.date().isoformat()}")
