"""One job: its curve, its diary, its settings, its models, its log, and what may be done to it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from merlin.core.curve import Curve
from merlin.core.log import redact
from merlin.core.picture import PictureWords, loss_picture
from merlin.core.web.chip import Chip
from merlin.engine.failure import words_of
from merlin.engine.jobs import AT_WORK, PAUSED, SUCCEEDED, Job
from merlin.engine.page.board import Pairs, about, curve_shown, curve_told, jobs_seen, share_of
from merlin.engine.page.facts import JobFacts, job_facts
from merlin.engine.page.visit import Visit
from merlin.engine.paging import Page
from merlin.engine.shelves import Shelves

MOST_LINES = 200
LOG_BYTES = 16 * 1024


@dataclass(frozen=True, slots=True)
class DiaryLine:
    """One line of the diary."""

    at: str
    words: str
    is_bad: bool


@dataclass(frozen=True, slots=True)
class LiveView:
    """What changes while a job goes on; `href` asks for it again, "" once the job is over.

    `may` are the moves that are possible now, among pause, resume and cancel.
    """

    href: str
    state: str
    job_id: str
    title: str
    chip: Chip
    about: str
    share: int | None
    error: str
    curve: Curve | None
    told: str
    diary: tuple[DiaryLine, ...]
    log: str
    may: tuple[str, ...]
    said: str


@dataclass(frozen=True, slots=True)
class JobView:
    """A job's page."""

    live: LiveView
    facts: Pairs
    settings: Pairs
    models: Pairs


def live_view(visit: Visit, job_id: str) -> LiveView:
    """Return how a job stands. Raises Refusal 404."""
    shelves = visit.engine.shelves
    # Taken before the rest: what comes between is seen once more rather than never.
    seen, job = jobs_seen(visit), shelves.jobs.get(job_id)
    facts = job_facts(shelves, job)
    chip = visit.chip(job.status)
    return LiveView(
        href="" if facts.is_over else f"/jobs/{job.job_id}/live?seen={seen}.{job.status}",
        state=job.status,
        job_id=job.job_id,
        title=facts.title,
        chip=chip,
        about=about(visit, facts),
        share=share_of(facts),
        error=words_of(job.error, visit.language),
        curve=curve_shown(visit, facts),
        told=curve_told(visit, facts),
        diary=_diary(visit, job),
        log=log_tail(shelves, job.job_id),
        may=_may(job),
        said=visit.say("now", state=chip.words),
    )


def job_view(visit: Visit, job_id: str) -> JobView:
    """Return a job's page. Raises Refusal 404."""
    job = visit.engine.shelves.jobs.get(job_id)
    given = sorted(job.order.hyperparameters.items())
    return JobView(
        live=live_view(visit, job_id),
        facts=_facts(visit, job),
        settings=tuple((name, _told(visit, value)) for name, value in given),
        models=_models(visit, job),
    )


def picture_of(visit: Visit, job_id: str, *, dark: bool) -> bytes:
    """Return a job's losses as a PNG. Raises Refusal 404."""
    facts: JobFacts = job_facts(visit.engine.shelves, visit.engine.shelves.jobs.get(job_id))
    words = PictureWords(
        title=f"{facts.title} · {facts.job.order.base}",
        train=visit.say("loss-train"),
        test=visit.say("loss-test"),
        steps=visit.say("steps"),
        none=visit.say("no-losses"),
        language=visit.language,
    )
    return loss_picture(facts.train, facts.test, words, dark=dark)


def log_tail(shelves: Shelves, job_id: str) -> str:
    """Return the end of what a job's trainer logged, "" where it has no log; secrets left out."""
    for path in (shelves.work_of(job_id) / "log", shelves.log_of(job_id)):
        found = _tail(path)
        if found:
            return redact(found)
    return ""


def _tail(path: Path) -> str:
    try:
        with path.open("rb") as file:
            file.seek(max(path.stat().st_size - LOG_BYTES, 0))
            lines = file.read(LOG_BYTES).decode("utf-8", "replace").splitlines()
    except OSError:  # not there, or just moved to where ended jobs' logs lie
        return ""
    return "\n".join(lines[-MOST_LINES:])


def _may(job: Job) -> tuple[str, ...]:
    if job.status in AT_WORK:
        return "pause", "cancel"
    return ("resume", "cancel") if job.status == PAUSED else ()


def _diary(visit: Visit, job: Job) -> tuple[DiaryLine, ...]:
    rows, _ = visit.engine.shelves.diary.page(job.job_id, Page(limit=MOST_LINES))
    return tuple(
        DiaryLine(
            visit.when(row["created_at"]),
            str(row["message"]),
            row["level"] == "error",
        )
        for row in rows
    )


def _facts(visit: Visit, job: Job) -> Pairs:
    order = job.order
    facts = [
        (visit.say("base"), order.base),
        (visit.say("method"), visit.say(f"method-{order.method}")),
        (visit.say("created"), visit.when(job.created_at)),
    ]
    if job.finished_at:
        facts.append((visit.say("finished"), visit.when(job.finished_at)))
    if job.trained_tokens is not None:
        facts.append((visit.say("trained-tokens"), visit.number(job.trained_tokens)))
    facts.append((visit.say("training-file"), order.training_file))
    if order.validation_file:
        facts.append((visit.say("validation-file"), order.validation_file))
    return (*facts, (visit.say("seed"), str(order.seed)), (visit.say("job-id"), job.job_id))


def _told(visit: Visit, value: object) -> str:
    if isinstance(value, bool):
        return visit.say("yes-word" if value else "no-word")
    if isinstance(value, int | float):
        return f"{value:g}".replace(".", ",") if visit.language == "ru" else f"{value:g}"
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    return str(value)


def _models(visit: Visit, job: Job) -> Pairs:
    """Return the names under which the job's model and its checkpoints can be asked."""
    rows, _ = visit.engine.shelves.models.checkpoints(job.job_id, Page(limit=MOST_LINES))
    final = [(job.model_name, visit.say("final"))] if job.status == SUCCEEDED else []
    steps = [(row["name"], visit.say("after-step", step=visit.number(row["step"]))) for row in rows]
    return (*final, *steps)
