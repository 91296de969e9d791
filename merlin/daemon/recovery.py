"""Fill an empty database from what outlives one: the repository, its notes, the providers' jobs.

Every commit from the oldest noted one on is checked and built again, by the way that new ones take;
so builds get their bytes and, by the notes, their numbers. Each noted job is read at its provider.
Then verdicts, jobs, models and what serves are stored as the notes tell, in one transaction. What
was under way when the database was lost is found by the next launch, as after any crash.

Not recovered is what stands in the database alone: people, their talks, consents and payments, and
the models' proofs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import groupby
from operator import attrgetter
from typing import Any

from merlin.core.clock import from_iso, iso
from merlin.core.errors import ProviderError, Refused
from merlin.core.log import get_logger
from merlin.daemon.services import DaemonServices
from merlin.dataset.gather import gather
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
from merlin.providers.base import LAUNCH_KEY
from merlin.training.jobs import NOT_FOUND, Job, advance, insert_job, launch_key, new_model
from merlin.training.launch_plan import migrate_verdict, plan_by_hand
from merlin.training.models import ModelState
from merlin.training.promote import NEWEST

log = get_logger(__name__)
_MAX_ATTEMPTS = 100
_ENDED = (VerdictStatus.SERVING, VerdictStatus.SUPERSEDED, VerdictStatus.FAILED)


@dataclass(slots=True)
class _Found:
    """A noted verdict, the one that is stored now, and its job as the provider has it."""

    noted: NotedVerdict
    verdict: Verdict
    job: Job | None = None
    is_same: bool = True
    model_row: int = 0

    @property
    def position(self) -> int:
        return self.verdict.position or 0

    @property
    def may_serve(self) -> bool:
        """Return whether its model has served, and may again."""
        has_served = self.noted.status == VerdictStatus.SERVING and not self.noted.is_revoked
        return has_served and self.job is not None and bool(self.job.model_id)


def recover(services: DaemonServices, tell: Callable[[], None]) -> list[dict[str, Any]]:
    """Recover every dataset; `tell` is called after each of its commits that is read.

    Returns what came back of each: how many `builds`, `jobs` and `models`, the build that is
    `serving`, "" for none; `differing` are builds that this release builds otherwise, `lost` names
    of jobs that could not be read at their provider; neither is stored.

    May be called again where it was cut off. Raises Refused for a database that has jobs, or that
    began to follow the branch later than the notes do; SourceError, ProviderError: what is stored
    then are commits with their verdicts and builds, as a first look at them stores them.
    """
    db, shop = services.db, services.build_settings
    if db.row(JOB.select(JOB.id).limit(1)):
        raise Refused("the database has jobs", "recover-not-empty")
    shop.source.fetch()
    noted = list(read_notes(shop.source.notes()))
    since = {each.commit for each in noted}
    head, _ = gather(shop, lambda *_: tell(), lambda *_: None, since)
    known = shop.journal.line()
    if head and any(each.sha not in known for each in shop.source.commits_since(head, (), since)):
        raise Refused("the database begins later", "recover-later")
    found = [_find(services, each) for each in noted if each.commit in known]
    found.sort(key=attrgetter("noted.dataset", "position"))
    served = db.transact(lambda: _store(db, found, services.clock()))
    log.info("database recovered", commits=len(known), verdicts=len(found))
    grouped = groupby(found, key=attrgetter("noted.dataset"))
    return [_summary(name, list(group), served.get(name)) for name, group in grouped]


def _find(services: DaemonServices, noted: NotedVerdict) -> _Found:
    """Return what is stored for a noted verdict, its job read anew. Raises ProviderError."""
    verdict = VerdictHistory(services.db).newest(noted.dataset, noted.commit)
    found = _Found(noted, verdict)
    if verdict.build_id is None or verdict.spec is None:
        found.is_same = False
        return found
    found.is_same = services.launches.build(verdict.build_id).digest == noted.digest
    recipe = verdict.spec.recipe
    base = (noted.provider or recipe.provider, noted.base_model or recipe.base_model)
    provider = services.providers.get(base[0])
    if not (found.is_same and noted.job and provider):
        return found
    try:
        report = provider.api.read_job(noted.job)
    except ProviderError as refusal:
        if refusal.status != NOT_FOUND:
            raise
        return found
    # `merlin migrate` may have trained it on another base than dataset.yaml names.
    found.verdict = verdict = migrate_verdict(services.launches, verdict, base)
    plan = plan_by_hand(services.launches, verdict)
    key = report.metadata.get(LAUNCH_KEY, plan.launch_key)
    keys = [launch_key(verdict.wish, number) for number in range(1, _MAX_ATTEMPTS)]
    attempt = keys.index(key) + 1 if key in keys else plan.attempt
    begun = report.created_at or plan.created_at
    job = replace(plan, launch_key=key, attempt=attempt, created_at=begun)
    found.job = advance(job, report, report.finished_at or begun)
    return found


def _store(db: Database, found: Sequence[_Found], at: datetime) -> dict[str, _Found]:
    """Store jobs, models, verdicts and what serves; return the latter by dataset."""
    served = dict[str, _Found]()
    for dataset, group in groupby(found, key=attrgetter("noted.dataset")):
        mine = [each for each in group if each.is_same]
        for each in mine:
            _store_verdict(db, each, at)
        # Older than what is noted: nobody trains it any more.
        newest = max((each.position for each in mine), default=0)
        older = (VERDICT.dataset == dataset) & (VERDICT.position < newest)
        transition(db, WAITING, VerdictStatus.SUPERSEDED, at, older)
        past = [each for each in mine if each.may_serve]
        if past:
            now = max(past, key=lambda each: (bool(each.noted.serves), _since(each), each.position))
            _store_serving(db, dataset, past, now)
            served[dataset] = now
    db.bump()
    return served


def _store_verdict(db: Database, found: _Found, at: datetime) -> None:
    noted, job, verdict = found.noted, found.job, found.verdict
    values: dict[str, object] = {"job_id": None}
    if job is not None:
        insert_job(db, job, verdict.wish)
        same_key = JOB.select(JOB.id).where(JOB.launch_key == job.launch_key)
        job = replace(job, job_id=int(db.value(same_key)))
        values["job_id"] = job.job_id
        if job.model_id and (found.may_serve or noted.is_revoked):
            state = ModelState.REVOKED if noted.is_revoked else ModelState.GOOD
            db.add_new(MODEL, {**new_model(job), "state": state.value})
            query = MODEL.select(MODEL.id).where(MODEL.job_id == job.job_id)
            found.model_row = int(db.value(query))
    is_lost = noted.job and job is None  # whatever became of it, there is no model now
    if noted.status in _ENDED and verdict.word in WAITING and not is_lost:
        values |= {"word": noted.status, "updated_at": iso(at)}
    these = verdict_condition(verdict.commit, verdict.dataset)
    db.change(VERDICT.update(values).where(these))


def _since(found: _Found) -> datetime:
    """Return since when a model serves, as its note says it; else when it was trained."""
    trained = found.job.updated_at if found.job else found.verdict.committed_at
    try:
        return from_iso(found.noted.serves)
    except ValueError:
        return trained


def _store_serving(db: Database, dataset: str, past: Sequence[_Found], now: _Found) -> None:
    """Store that `now` serves after all of `past`, oldest first, have served."""
    before = None
    for each in (*past, now):
        assert each.job is not None  # noqa: S101 - `may_serve` asks for it
        if each.job.model_id != before:
            models = {"from_model": before, "to_model": each.job.model_id}
            promotion = {
                "dataset": dataset,
                "why": NEWEST,
                "by_whom": "merlin",
                "at": iso(_since(each)),
            }
            db.add(PROMOTION, {**models, **promotion})
            before = each.job.model_id
    # The newest that was considered: a rollback is not undone by the next promotion.
    position = max(each.position for each in past)
    values = {"model_row": now.model_row, "position": position, "since": iso(_since(now))}
    serving = {**values, "dataset": dataset, "is_pinned": int(now.noted.is_pinned)}
    db.add_new(SERVING, serving)


def _summary(dataset: str, found: Sequence[_Found], served: _Found | None) -> dict[str, Any]:
    same = [each for each in found if each.is_same]
    jobs = {each.job.provider_job_id for each in same if each.job}
    return {
        "dataset": dataset,
        "builds": len({each.noted.number for each in same}),
        "jobs": len(jobs),
        "models": len({each.model_row for each in same if each.model_row}),
        "serving": f"{dataset}-{served.noted.number}" if served else "",
        "is_pinned": served is not None and served.noted.is_pinned,
        "differing": [f"{dataset}-{each.noted.number}" for each in found if not each.is_same],
        "lost": sorted({each.noted.job for each in same if each.noted.job} - jobs),
    }
