"""Recover an empty database from the repository, its git notes and the providers' jobs.

Every commit since the oldest one with a note is checked and built again like a new commit, so that
builds get the same bytes and, from the notes, the same numbers. Each noted job is read from its
provider. Then verdicts, jobs, models and the serving models are stored in one transaction. Jobs
that were running when the database was lost are found by the next launch, as after a crash.

Data that exists only in the database is not recovered: users, conversations, consents, payments
and model proofs.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache
from itertools import groupby
from operator import attrgetter
from typing import Any

from merlin.core.clock import from_iso, iso
from merlin.core.errors import ProviderError, Refused
from merlin.core.log import get_logger
from merlin.daemon.services import DaemonServices
from merlin.dataset.verdicts import (
    WAITING,
    NotedVerdict,
    Verdict,
    VerdictHistory,
    VerdictStatus,
    read_notes,
    transition,
    verdict_condition,
)
from merlin.db.database import Database
from merlin.db.tables import JOB, MODEL, PROMOTION, SERVING, VERDICT
from merlin.providers.base import LAUNCH_KEY, JobReport
from merlin.training.gather import gather
from merlin.training.jobs import NOT_FOUND, Job, advance, insert_job, launch_key, new_model_row
from merlin.training.launch_plan import migrate_verdict, plan_by_hand
from merlin.training.models import ModelState
from merlin.training.promote import NEWEST

log = get_logger(__name__)
# Provider -> its jobs that gave a model, by id.
ListJobs = Callable[[str], Mapping[str, JobReport]]
_MAX_ATTEMPTS = 100
_ENDED = (VerdictStatus.SERVING, VerdictStatus.SUPERSEDED, VerdictStatus.FAILED)


@dataclass(slots=True)
class _RecoveredVerdict:
    """A verdict from a note, the stored verdict, and the job as its provider reports it.

    `provider` was asked for the job, "" for none.
    """

    noted: NotedVerdict
    verdict: Verdict
    provider: str = ""
    job: Job | None = None
    is_same: bool = True
    model_row: int = 0

    @property
    def position(self) -> int:
        return self.verdict.position or 0

    @property
    def may_serve(self) -> bool:
        """Return whether the model has served and may serve again."""
        has_served = self.noted.status == VerdictStatus.SERVING and not self.noted.is_revoked
        return has_served and self.job is not None and bool(self.job.model_id)


def recover(
    services: DaemonServices, on_commit: Callable[[], None], *, without_jobs: bool = False
) -> list[dict[str, Any]]:
    """Recover every dataset; call `on_commit` after each commit.

    Returns a summary of each dataset: the numbers of `builds`, `jobs` and `models`, and the build
    that is `serving` ("" for none). `differing` are builds that this release builds differently,
    `lost` are names of jobs that their provider does not report; neither is stored.

    Can be repeated after an interruption. Raises Refused if the database has jobs or follows the
    branch from a later commit than the notes; SourceError, and Refused with the name of a provider
    that fails, or has none of its jobs unless `without_jobs` (a key of another account finds none,
    either): the commits read so far are then stored with their verdicts and builds, as after an
    ordinary gathering.
    """
    db, gathering = services.db, services.gathering
    if db.row(JOB.select(JOB.id).limit(1)):
        raise Refused("the database has jobs", "recover-not-empty")
    gathering.source.fetch()
    noted = list(read_notes(gathering.source.notes()))
    noted_shas = {item.commit for item in noted}
    head, _ = gather(gathering, lambda *_: on_commit(), lambda *_: None, noted_shas)
    known_shas = gathering.history.read_mainline()
    if head and any(
        item.sha not in known_shas for item in gathering.source.commits_since(head, (), noted_shas)
    ):
        raise Refused("the database begins later", "recover-later")

    @cache
    def list_jobs(provider: str) -> Mapping[str, JobReport]:
        jobs = services.providers[provider].api.list_jobs()
        return {job.provider_job_id: job for job in jobs if job.model_id}

    verdicts = [_find(services, item, list_jobs) for item in noted if item.commit in known_shas]
    verdicts.sort(key=attrgetter("noted.dataset", "position"))
    asked = {item.provider for item in verdicts if item.provider}
    strange = asked - {item.provider for item in verdicts if item.job}
    if strange and not without_jobs:
        raise Refused("none of the jobs", "recover-no-jobs", provider=min(strange))
    serving = db.transact(lambda: _store(db, verdicts, services.clock()))
    log.info("database recovered", commits=len(known_shas), verdicts=len(verdicts))
    grouped = groupby(verdicts, key=attrgetter("noted.dataset"))
    return [_summary(name, list(group), serving.get(name)) for name, group in grouped]


def _find(services: DaemonServices, noted: NotedVerdict, list_jobs: ListJobs) -> _RecoveredVerdict:
    """Return the stored verdict of a noted one with its job. Raises Refused."""
    verdict = VerdictHistory(services.db).get_newest(noted.dataset, noted.commit)
    recovered = _RecoveredVerdict(noted, verdict)
    if verdict.build_id is None or verdict.spec is None:
        recovered.is_same = False
        return recovered
    recovered.is_same = services.launches.build(verdict.build_id).digest == noted.digest
    recipe = verdict.spec.recipe
    base = (noted.provider or recipe.provider, noted.base_model or recipe.base_model)
    provider = services.providers.get(base[0])
    if not (recovered.is_same and noted.job and provider):
        return recovered
    recovered.provider = base[0]
    try:
        # Thousands of single calls would meet the provider's limits.
        report = list_jobs(base[0]).get(noted.job) or provider.api.read_job(noted.job)
    except ProviderError as error:
        if error.status == NOT_FOUND:
            return recovered
        named = {"provider": base[0], "reason": error.as_argument()}
        raise Refused(f"{base[0]}: {error}", "recover-no-provider", **named) from error
    # `merlin migrate` may have trained it on another base than dataset.yaml names.
    recovered.verdict = verdict = migrate_verdict(services.launches, verdict, base)
    plan = plan_by_hand(services.launches, verdict)
    key = report.metadata.get(LAUNCH_KEY, plan.launch_key)
    launch_keys = [launch_key(verdict.training_key, number) for number in range(1, _MAX_ATTEMPTS)]
    attempt = launch_keys.index(key) + 1 if key in launch_keys else plan.attempt
    started_at = report.created_at or plan.created_at
    job = replace(plan, launch_key=key, attempt=attempt, created_at=started_at)
    recovered.job = advance(job, report, report.finished_at or started_at)
    return recovered


def _store(
    db: Database, verdicts: Sequence[_RecoveredVerdict], at: datetime
) -> dict[str, _RecoveredVerdict]:
    """Store jobs, models, verdicts and serving models; return the serving ones by dataset."""
    serving = dict[str, _RecoveredVerdict]()
    for dataset, group in groupby(verdicts, key=attrgetter("noted.dataset")):
        same = [item for item in group if item.is_same]
        for item in same:
            _store_verdict(db, item, at)
        # Commits before the newest noted one will not be trained.
        newest = max((item.position for item in same), default=0)
        older = (VERDICT.dataset == dataset) & (VERDICT.position < newest)
        transition(db, WAITING, VerdictStatus.SUPERSEDED, at, older)
        candidates = [item for item in same if item.may_serve]
        if candidates:
            current = max(
                candidates,
                key=lambda item: (bool(item.noted.serves), _get_start(item), item.position),
            )
            _store_serving(db, dataset, candidates, current)
            serving[dataset] = current
    db.bump()
    return serving


def _store_verdict(db: Database, recovered: _RecoveredVerdict, at: datetime) -> None:
    noted, job, verdict = recovered.noted, recovered.job, recovered.verdict
    values: dict[str, object] = {"job_id": None}
    if job is not None:
        insert_job(db, job, verdict.training_key)
        same_key = JOB.select(JOB.id).where(JOB.launch_key == job.launch_key)
        job = replace(job, job_id=int(db.value(same_key)))
        values["job_id"] = job.job_id
        if job.model_id and (recovered.may_serve or noted.is_revoked):
            state = ModelState.REVOKED if noted.is_revoked else ModelState.GOOD
            db.add_new(MODEL, {**new_model_row(job), "state": state.value})
            query = MODEL.select(MODEL.id).where(MODEL.job_id == job.job_id)
            recovered.model_row = int(db.value(query))
    # Without its job a verdict has no model, whatever its noted status.
    is_lost = noted.job and job is None
    if noted.status in _ENDED and verdict.status in WAITING and not is_lost:
        values |= {"word": noted.status, "updated_at": iso(at)}
    db.update(VERDICT, verdict_condition(verdict.commit, verdict.dataset), **values)


def _get_start(recovered: _RecoveredVerdict) -> datetime:
    """Return the time since which a model serves by its note, else when it was trained."""
    trained_at = recovered.job.updated_at if recovered.job else recovered.verdict.committed_at
    try:
        return from_iso(recovered.noted.serves)
    except ValueError:
        return trained_at


def _store_serving(
    db: Database, dataset: str, past: Sequence[_RecoveredVerdict], current: _RecoveredVerdict
) -> None:
    """Store that `current` serves, and the promotions of `past`, oldest first, before it."""
    previous = None
    for item in (*past, current):
        assert item.job is not None  # noqa: S101 - `may_serve` asks for it
        if item.job.model_id != previous:
            models = {"from_model": previous, "to_model": item.job.model_id}
            promotion = {
                "dataset": dataset,
                "why": NEWEST,
                "by_whom": "merlin",
                "at": iso(_get_start(item)),
            }
            db.add(PROMOTION, {**models, **promotion})
            previous = item.job.model_id
    # The newest position considered, so that the next promotion does not undo a rollback.
    position = max(item.position for item in past)
    values = {
        "model_row": current.model_row,
        "position": position,
        "since": iso(_get_start(current)),
    }
    serving = {**values, "dataset": dataset, "is_pinned": int(current.noted.is_pinned)}
    db.add_new(SERVING, serving)


def _summary(
    dataset: str, verdicts: Sequence[_RecoveredVerdict], serving: _RecoveredVerdict | None
) -> dict[str, Any]:
    same = [item for item in verdicts if item.is_same]
    jobs = {item.job.provider_job_id for item in same if item.job}
    return {
        "dataset": dataset,
        "builds": len({item.noted.number for item in same}),
        "jobs": len(jobs),
        "models": len({item.model_row for item in same if item.model_row}),
        "serving": f"{dataset}-{serving.noted.number}" if serving else "",
        "is_pinned": serving is not None and serving.noted.is_pinned,
        "differing": [f"{dataset}-{item.noted.number}" for item in verdicts if not item.is_same],
        "lost": sorted({item.noted.job for item in same if item.noted.job} - jobs),
    }
