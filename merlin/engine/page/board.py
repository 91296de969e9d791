"""Board: the front page: what is trained, what waits, what is over, what answers, on what."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from merlin.core.curve import Curve, Words, curve_of
from merlin.core.text import text
from merlin.core.web.chip import Chip
from merlin.engine.failure import words_of
from merlin.engine.jobs import FINAL, RUNNING, Job
from merlin.engine.page.facts import BaseFacts, JobFacts, base_facts, job_facts, title_of
from merlin.engine.page.machine import Use
from merlin.engine.page.visit import Visit
from merlin.engine.paging import Page
from merlin.engine.trainers import SUPERVISED, Untrainable

MOST_OVER = 20
_FULL = 100
Pairs = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class JobCard:
    """A job under way; `share` is per cent, None where nobody knows; `told` says the curve."""

    name: str
    href: str
    title: str
    about: str
    chip: Chip
    share: int | None
    curve: Curve | None
    told: str


@dataclass(frozen=True, slots=True)
class JobLine:
    """A job in a list."""

    href: str
    title: str
    about: str
    error: str
    at: str
    chip: Chip


@dataclass(frozen=True, slots=True)
class BaseLine:
    """A base: what it is; `hint` says what to do where its files are missing or unfit."""

    name: str
    about: str
    chip: Chip
    hint: str


@dataclass(frozen=True, slots=True)
class ModelLine:
    """A tuned model."""

    name: str
    href: str
    about: str
    at: str


@dataclass(frozen=True, slots=True)
class JobsView:
    """The jobs; `href` asks for them again, `older_href` is "" where there are no older ones."""

    href: str
    running: tuple[JobCard, ...]
    waiting: tuple[JobLine, ...]
    over: tuple[JobLine, ...]
    older_href: str


def jobs_seen(visit: Visit) -> str:
    """Return what changes whenever any job does."""
    return str(visit.engine.shelves.diary.newest())


def jobs_view(visit: Visit, after: str = "") -> JobsView:
    """Return the jobs; those that are over behind the one named `after`. Raises Refusal 400."""
    shelves, seen = visit.engine.shelves, jobs_seen(visit)
    open_jobs = shelves.jobs.unfinished()
    found, has_more = _over(visit, after)
    return JobsView(
        href="" if after else f"/live?seen={seen}",
        running=tuple(
            _card(visit, job_facts(shelves, job)) for job in open_jobs if job.status == RUNNING
        ),
        waiting=tuple(_line(visit, job) for job in open_jobs if job.status != RUNNING),
        over=tuple(_line(visit, job) for job in found),
        older_href=f"/?after={found[-1].job_id}" if has_more else "",
    )


def _over(visit: Visit, after: str) -> tuple[list[Job], bool]:
    """Return the newest jobs that are over, and whether there are more of them."""
    found: list[Job] = []
    has_more = True
    while len(found) <= MOST_OVER and has_more:
        page = Page(after, MOST_OVER)
        jobs, has_more = visit.engine.shelves.jobs.list({}, page)
        found += [job for job in jobs if job.status in FINAL]
        after = jobs[-1].job_id if jobs else after
    return found[:MOST_OVER], has_more or len(found) > MOST_OVER


def _card(visit: Visit, facts: JobFacts) -> JobCard:
    return JobCard(
        name=facts.job.job_id,
        href=f"/jobs/{facts.job.job_id}",
        title=facts.title,
        about=about(visit, facts),
        chip=visit.chip(facts.job.status),
        share=share_of(facts),
        curve=curve_shown(visit, facts),
        told=curve_told(visit, facts),
    )


def _line(visit: Visit, job: Job) -> JobLine:
    return JobLine(
        href=f"/jobs/{job.job_id}",
        title=title_of(job),
        about=_what(visit, job),
        error=words_of(job.error, visit.language),
        at=visit.when(job.finished_at or job.created_at),
        chip=visit.chip(job.status),
    )


def _what(visit: Visit, job: Job) -> str:
    """Return a job's base, and its method where it is not the usual one."""
    method = job.order.method
    said = [job.order.base, "" if method == SUPERVISED else visit.say(f"method-{method}")]
    return " · ".join(filter(None, said))


def share_of(facts: JobFacts) -> int | None:
    """Return how far a job is in per cent, None where nobody knows or nothing goes on."""
    job = facts.job
    if facts.is_over or not job.steps:
        return None
    return min(round(_FULL * job.step / job.steps), _FULL)


def about(visit: Visit, facts: JobFacts) -> str:
    """Return what a job is and how far, in one line."""
    job, number = facts.job, visit.number
    said = [_what(visit, job)]
    if facts.epoch and not facts.is_over:
        key = "epoch-of" if facts.epochs else "epoch"
        said.append(visit.say(key, epoch=number(facts.epoch), epochs=number(facts.epochs)))
    if job.steps and not facts.is_over:
        said.append(visit.say("step-of", step=number(job.step), steps=number(job.steps)))
    if facts.pace and not facts.is_over:
        said.append(visit.say("pace", tokens=number(facts.pace)))
    if facts.left_s:
        said.append(visit.say("left", span=visit.span(facts.left_s)))
    return " · ".join(said)


def curve_shown(visit: Visit, facts: JobFacts) -> Curve | None:
    """Return a job's losses as a drawing, None without any."""
    words = Words(visit.say("loss-train"), visit.say("loss-test"), visit.language)
    total = 0 if facts.is_over else facts.job.steps
    return curve_of(facts.train, facts.test, total, words)


def curve_told(visit: Visit, facts: JobFacts) -> str:
    """Return the curve in words: from where to where each line went."""
    said = []
    for name, series in (("train", facts.train), ("test", facts.test)):
        if series:
            ends = {"first": visit.number(series[0][1], 2), "last": visit.number(series[-1][1], 2)}
            said.append(visit.say(f"curve-{name}", step=visit.number(series[-1][0]), **ends))
    return " ".join(said)


def base_lines(visit: Visit) -> tuple[BaseLine, ...]:
    """Return every base: whether it is here, its licence, its window, who answers."""
    return tuple(_base_line(visit, base) for base in base_facts(visit.engine))


def _base_line(visit: Visit, base: BaseFacts) -> BaseLine:
    said = [
        visit.say("backend", backend=base.backend),
        visit.say("window", tokens=visit.number(base.context)) if base.context else "",
        base.licence or visit.say("no-licence"),
    ]
    try:
        visit.engine.bases[base.name].files()
    except Untrainable as error:
        key = "not-pulled" if error.code == "base_not_pulled" else "unfit"
        chip = Chip("warn", "download", visit.say(key))
        hint = text(visit.language, error.key, **error.arguments)
    else:
        chip, hint = Chip("ok", "check", visit.say("pulled")), ""
    return BaseLine(base.name, " · ".join(each for each in said if each), chip, hint)


def model_lines(visit: Visit) -> tuple[ModelLine, ...]:
    """Return the newest tuned models."""
    found = visit.engine.shelves.models.final()[:MOST_OVER]
    return tuple(
        ModelLine(row["name"], f"/jobs/{row['job_id']}", row["base"], visit.when(row["created_at"]))
        for row in found
    )


def questions_told(visit: Visit) -> tuple[tuple[str, Pairs], ...]:
    """Return what each base that was asked is doing: running, waiting, adapters, tokens made."""
    return tuple(
        (base.name, _figures(visit, base.figures))
        for base in base_facts(visit.engine)
        if base.figures
    )


_SHOWN = ("running", "waiting", "adapters", "prompt_tokens", "completion_tokens", "restarts")


def _figures(visit: Visit, figures: Mapping[str, float]) -> Pairs:
    return tuple(
        (visit.say(f"figure-{name.replace('_', '-')}"), visit.number(figures[name]))
        for name in _SHOWN
        if name in figures
    )


def machine_told(visit: Visit, use: Use) -> Pairs:
    """Return what the engine takes of its machine."""
    said: list[tuple[str, str]] = []
    if use.cpu is not None:
        cores = visit.say("cores", count=use.cores)
        busy = visit.say("cpu-of", share=visit.number(use.cpu), cores=cores)
        said.append((visit.say("cpu"), busy))
    if use.total and use.used is not None:
        said.append((visit.say("memory"), _of(visit, use.used, use.total)))
    if use.own:
        said.append((visit.say("memory-own"), visit.size(use.own)))
    for gpu in use.gpus:
        share, room = visit.number(gpu.share), _of(visit, gpu.used, gpu.total)
        said.append((gpu.name, visit.say("gpu-of", share=share, memory=room)))
    quota = visit.engine.settings.training.quota_bytes
    taken = _of(visit, use.models, quota) if quota else visit.size(use.models)
    said.append((visit.say("models-size"), taken))
    said.append((visit.say("disk-free"), _of(visit, use.disk_free, use.disk_total)))
    return tuple(said)


def _of(visit: Visit, part: int, whole: int) -> str:
    return visit.say("of", part=visit.size(part), whole=visit.size(whole))
