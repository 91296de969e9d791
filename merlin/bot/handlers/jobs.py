"""Jobs: what is being trained, how far it is, its losses and events; launch and cancel.

    list -> job -> events | losses as a picture | cancel (asked twice)

A job that goes on is shown anew every few seconds for two minutes. What the daemon is asked for by
a button is shown in the message that waits for its answer; the newest build of a dataset is trained
after its price was told.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from functools import partial

from merlin.app import jobs
from merlin.app.actor import Actor
from merlin.app.context import Context
from merlin.app.health import is_daemon_alive
from merlin.app.jobs import MOST_EVENTS, JobDetails, JobState, JobView, QuoteView
from merlin.app.outbox import WaitingRequest
from merlin.app.requests import Request
from merlin.bot.context import BotApplication, Event, Kit, add_handlers
from merlin.bot.handlers import admin
from merlin.bot.handlers.admin import guarded, to_admin_home
from merlin.bot.handlers.questions import number
from merlin.bot.menu import Screen, alert
from merlin.bot.rendering import sparkline
from merlin.core import money
from merlin.core.charts import ChartLabels, plot_png
from merlin.core.errors import MerlinError
from merlin.core.formatted_text import Attachment, Button, FormattedMessage
from merlin.core.i18n import keys, text
from merlin.core.permissions import Permission


def await_daemon(
    kit: Kit, event: Event, act: Callable[[Context, Actor], Request], back: str
) -> Screen:
    """Let an act ask the daemon, and this message wait for what comes of it.

    To be called within the store's work.
    """
    if kit.rows.outreach.errands.waits(event.chat_id, event.message_id):
        return alert(text(event.language, "admin-asked-already"))
    ctx = kit.services.context
    asked = act(ctx, admin.actor(kit, event)).request_id
    errand = WaitingRequest(asked, event.chat_id, event.message_id, event.update_id, back)
    kit.rows.outreach.errands.note(errand)
    title = text(event.language, "admin-asked")
    words = "admin-asked-wait" if is_daemon_alive(ctx) else "admin-asked-late"
    return admin.panel_screen(title, text(event.language, words), rows=[admin.back(event, back)])


_LONGEST = 200

When = Callable[[datetime | None], str]


def job_words(job: JobDetails, language: str, when: When) -> str:
    """Return what there is to say of a job, a line each."""
    told = {
        "state": _word(language, "job", job.state),
        "status": job.status or "–",
        "provider": job.provider,
        "base": job.base_model or "–",
        "attempt": job.attempt,
    }
    cost = money.format_cost(language, job.estimate_micro, job.currency)
    last = _cut(job.events[-1].message) if job.events and not job.is_over else ""
    error = _cut(job.error)
    created, updated = when(job.created_at), when(job.updated_at)
    return "\n".join(
        [
            text(language, "admin-job-state", **told),
            text(language, "admin-job-cost", cost=cost, tokens=job.trained_tokens or 0),
            text(language, "admin-job-times", created=created, updated=updated),
            *([text(language, "admin-job-last", message=last)] if last else []),
            *([text(language, "admin-job-error", error=error)] if error else []),
        ]
    )


def losses(job: JobDetails, language: str) -> str:
    """Return the losses over the steps as rows of columns, "" where none are known."""
    found = job.losses.series()
    every = [value for series in found.values() for _, value in series]
    if not every:
        return ""
    low, high = min(every), max(every)
    labels = {name: text(language, f"admin-loss-{name}") for name in found}
    width = max(map(len, labels.values()))
    rows = [
        f"{labels[name].ljust(width)} {sparkline(values, low, high)}"
        f" {values[0]:.3g} → {values[-1]:.3g}"
        for name, series in found.items()
        if (values := [value for _, value in series])
    ]
    return "\n".join(rows)


def picture(job: JobDetails, language: str) -> bytes:
    """Return the losses over the steps as a PNG, b"" where none are known; takes 0.1 s."""
    if not job.losses.are_known:
        return b""
    words = ChartLabels(
        title=job.title,
        train=text(language, "admin-loss-train"),
        test=text(language, "admin-loss-test"),
        steps=text(language, "admin-loss-steps"),
        none="",
        language=language,
    )
    found = job.losses.series()
    return plot_png(found["train"], found["test"], words)


def events_words(job: JobDetails, language: str, when: When) -> str:
    """Return the job's events, oldest first."""
    if not job.events:
        return text(language, "admin-events-none")
    return "\n".join(f"{when(each.at)}  {_cut(each.message)}" for each in job.events)


def _cut(words: str) -> str:
    return words if len(words) <= _LONGEST else f"{words[:_LONGEST]}…"


def _word(language: str, family: str, name: str) -> str:
    key = f"{family}-{name}"
    return text(language, key) if key in keys(language) else name


_JOBS = "a-jobs:0"


def choose_launch(kit: Kit, event: Event) -> Screen:
    """Show the datasets that may be trained."""
    found = admin.datasets(kit, event, Permission.LAUNCH)
    here, page, has_more = admin.page_of(found, number(event))
    rows = [(Button(name, f"a-price:{admin.short(name)}"),) for name in here]
    more = admin.turning("a-launch", page, has_more=has_more)
    title = text(event.language, "admin-launch")
    words = text(event.language, "admin-launch-which" if found else "admin-no-datasets")
    return admin.panel_screen(title, words, rows=[*rows, more, admin.back(event, _JOBS)])


def launch_price(kit: Kit, event: Event) -> Screen:
    """Tell what the launch would cost, and ask whether it is meant."""
    dataset = admin.dataset_of(kit, event, Permission.LAUNCH)
    ctx, actor = kit.services.context, admin.actor(kit, event)
    quoted = jobs.quote(ctx, actor, dataset, event.language)
    words = admin.lines(*_told(event, quoted))
    if quoted.refusal:
        title, rows = text(event.language, "admin-launch-not"), [admin.back(event, "a-launch:0")]
        return admin.panel_screen(title, quoted.refusal, words, rows=rows)
    yes = admin.button(event, "admin-launch-yes", f"a-launch-yes:{admin.short(dataset)}")
    return admin.asks(event, words, yes, "a-launch:0")


def _told(event: Event, quoted: QuoteView) -> list[str]:
    language, cost = event.language, text(event.language, "admin-price-unknown")
    if quoted.cost_micro is not None:
        cost = money.format_cost(language, quoted.cost_micro, quoted.currency)
    said = [
        text(
            language,
            "admin-launch-what",
            build=quoted.build,
            base=quoted.base_model,
            provider=quoted.provider,
            examples=quoted.examples,
            epochs=quoted.epochs,
        ),
        text(language, "admin-launch-price", cost=cost),
    ]
    if quoted.cap_micro is not None:
        left = max(quoted.cap_micro - quoted.spent_micro, 0)
        told = {
            "left": money.format_cost(language, left, quoted.currency),
            "cap": money.format_cost(language, quoted.cap_micro, quoted.currency),
        }
        said.append(text(language, "admin-budget-left", **told))
    return said


def launch(kit: Kit, event: Event) -> Screen:
    """Ask the daemon to launch."""
    dataset = admin.dataset_of(kit, event, Permission.LAUNCH)
    return await_daemon(kit, event, partial(jobs.launch, dataset=dataset), _JOBS)


_LIST = "a-jobs:0"
_MOST_LISTED = 400
_SIGNS = {"succeeded": "✅", "failed": "❌", "cancelled": "⏹", "paused": "⏸", "running": "▶️"}


def list_jobs(kit: Kit, event: Event) -> Screen:
    """Show a page of the jobs, the newest first."""
    found = jobs.recent(kit.services.context, admin.actor(kit, event), limit=_MOST_LISTED)
    here, page, has_more = admin.page_of(found, number(event))
    entries = [(Button(_entry(event, job), f"a-job:{job.id}"),) for job in here]
    more = admin.turning("a-jobs", page, has_more=has_more)
    launches = admin.datasets(kit, event, Permission.LAUNCH)
    launch = (admin.button(event, "admin-launch", "a-launch:0"),) if launches else ()
    title = text(event.language, "admin-jobs")
    words = text(event.language, "admin-jobs-list" if here else "admin-jobs-none")
    return admin.panel_screen(title, words, rows=[*entries, more, launch, to_admin_home(event)])


def _entry(event: Event, job: JobView) -> str:
    sign = _SIGNS.get(job.state, "⏳")
    return f"{sign} {job.id} · {job.build} · {admin.word(event, 'job', job.state)}"


def _found(
    kit: Kit, event: Event, events: int = MOST_EVENTS, permission: Permission = Permission.WATCH
) -> JobDetails:
    """Return the job that a button names. Raises NotFound."""
    ctx, actor = kit.services.context, admin.actor(kit, event)
    return jobs.get(ctx, actor, number(event), events, permission)


def show_job(kit: Kit, event: Event) -> Screen:
    """Show one job: where it stands, how far it is, its losses."""
    job = _found(kit, event)
    title = text(event.language, "admin-job", job=job.id, build=job.build)
    rows = [
        () if job.is_over else (admin.button(event, "admin-refresh", f"a-job:{job.id}"),),
        (admin.button(event, "admin-events", f"a-events:{job.id}"), *_cancel(kit, event, job)),
        (*_losses(job, event), *_model(job, event)),
        admin.back(event, _LIST),
    ]
    words = job_words(job, event.language, partial(admin.when, kit, event))
    return admin.block(admin.panel_screen(title, words, rows=rows), losses(job, event.language))


def _cancel(kit: Kit, event: Event, job: JobDetails) -> tuple[Button, ...]:
    if not job.can_cancel or not admin.actor(kit, event).may(Permission.LAUNCH, job.dataset):
        return ()
    return (admin.button(event, "admin-cancel-job", f"a-cancel:{job.id}", "danger"),)


def _losses(job: JobDetails, event: Event) -> tuple[Button, ...]:
    button = admin.button(event, "admin-losses", f"a-losses:{job.id}")
    return (button,) if job.losses.are_known else ()


def _model(job: JobDetails, event: Event) -> tuple[Button, ...]:
    is_made = job.state is JobState.SUCCEEDED
    return (admin.button(event, "admin-model", f"a-model:{job.id}"),) if is_made else ()


async def watch_job(kit: Kit, event: Event) -> None:
    """Show one job, and keep it up to date for a while."""
    seen: list[Screen] = []

    def act(kit: Kit, event: Event) -> Screen:
        seen.append(show_job(kit, event))
        return seen[-1]

    await guarded(Permission.WATCH, act)(kit, event)
    page = seen[-1].page if seen else None
    if page is not None and event.args[-1:] != (admin.ANEW,) and _is_open(page, event):
        kit.watches.add(event.chat_id, event.message_id, partial(_look, kit, event), page)


def _look(kit: Kit, event: Event) -> tuple[FormattedMessage, bool] | None:
    """Return how the job stands now, None where the person may not see it any more."""
    try:
        page = show_job(kit, event).page
    except MerlinError:
        return None
    return None if page is None else (page, _is_open(page, event))


def _is_open(page: FormattedMessage, event: Event) -> bool:
    refresh = admin.button(event, "admin-refresh", f"a-job:{number(event)}")
    return any(refresh in row for row in page.buttons)


async def pictured(kit: Kit, event: Event) -> None:
    """Send a job's losses as a picture; it is drawn beside the database's work."""

    def look() -> JobDetails | None:
        try:
            return _found(kit, event)
        except MerlinError:
            return None

    seen = await kit.store.read(look)
    content = await asyncio.to_thread(picture, seen, event.language) if seen else b""

    def act(kit: Kit, event: Event) -> Screen:
        job = _found(kit, event)
        if not content:
            return alert(text(event.language, "admin-losses-none"))
        title = text(event.language, "admin-job", job=job.id, build=job.build)
        screen = admin.block(admin.panel_screen(title), losses(job, event.language))
        file = Attachment(f"losses-{job.id}.png", content, is_picture=True)
        page = screen.page or FormattedMessage("")
        return Screen(replace(page, file=file), is_new=True)

    await guarded(Permission.WATCH, act)(kit, event)


def events(kit: Kit, event: Event) -> Screen:
    """Show the newest lines of a job's diary."""
    job = _found(kit, event, events=15)
    title = text(event.language, "admin-job", job=job.id, build=job.build)
    words = events_words(job, event.language, partial(admin.when, kit, event))
    return admin.panel_screen(title, words, rows=[admin.back(event, f"a-job:{job.id}")])


def ask_cancel_job(kit: Kit, event: Event) -> Screen:
    """Ask whether the job is really to be stopped."""
    job = _found(kit, event, events=1, permission=Permission.LAUNCH)
    words = text(event.language, "admin-ask-cancel", job=job.id, build=job.build)
    yes = admin.button(event, "admin-cancel-job", f"a-cancel-yes:{job.id}")
    return admin.asks(event, words, yes, f"a-job:{job.id}")


def cancel_job(kit: Kit, event: Event) -> Screen:
    """Ask the daemon to stop the job."""
    job = number(event)
    return await_daemon(kit, event, partial(jobs.cancel, job_id=job), f"a-job:{job}")


def register(application: BotApplication) -> None:
    """Add the handlers of this file."""
    add_handlers(
        application,
        buttons={
            "a-launch": guarded(Permission.LAUNCH, choose_launch),
            "a-price": guarded(Permission.LAUNCH, launch_price),
            "a-launch-yes": guarded(Permission.LAUNCH, launch),
            "a-jobs": guarded(Permission.WATCH, list_jobs),
            "a-job": watch_job,
            "a-losses": pictured,
            "a-events": guarded(Permission.WATCH, events),
            "a-cancel": guarded(Permission.LAUNCH, ask_cancel_job),
            "a-cancel-yes": guarded(Permission.LAUNCH, cancel_job),
        },
    )
