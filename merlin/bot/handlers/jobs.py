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
from merlin.app.jobs import MOST_EVENTS, JobDetails, JobView, QuoteView
from merlin.app.outbox import WaitingRequest, WaitingRequests
from merlin.bot import menu
from merlin.bot.context import BotApplication, BotContext, add_handlers
from merlin.bot.handlers import admin
from merlin.bot.handlers.admin import add_admin_handlers, require_role, to_admin_home
from merlin.bot.menu import View
from merlin.bot.rendering import sparkline
from merlin.core import money
from merlin.core.charts import ChartLabels, plot_png
from merlin.core.errors import MerlinError
from merlin.core.formatted_text import Attachment, Button, FormattedMessage
from merlin.core.i18n import keys, text
from merlin.core.permissions import Permission
from merlin.db.requests import Request
from merlin.training.jobs import JobState


def await_daemon(context: BotContext, act: Callable[[Context, Actor], Request], back: str) -> View:
    """Let an act ask the daemon, and this message wait for what comes of it.

    To be called within the store's work.
    """
    if WaitingRequests(context.db, context.bot_id).waits(context.chat_id, context.message_id):
        return menu.alert(context.translate("admin-asked-already"))
    ctx = context.services
    asked = act(ctx, admin.actor(context)).request_id
    errand = WaitingRequest(asked, context.chat_id, context.message_id, context.update_id, back)
    WaitingRequests(context.db, context.bot_id).note(errand)
    title = context.translate("admin-asked")
    words = "admin-asked-wait" if is_daemon_alive(ctx) else "admin-asked-late"
    return menu.card(title, context.translate(words), rows=[menu.back(context, back)])


_LONGEST = 200

When = Callable[[datetime | None], str]


def job_words(job: JobDetails, language: str, when: When) -> str:
    """Return what there is to say of a job, a line each."""
    told = {
        "state": _state_text(language, "job", job.state),
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


def loss_chart(job: JobDetails, language: str) -> bytes:
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


def _state_text(language: str, family: str, name: str) -> str:
    key = f"{family}-{name}"
    return text(language, key) if key in keys(language) else name


_JOBS = "a-jobs:0"


def choose_launch(context: BotContext) -> View:
    """Show the datasets that may be trained."""
    found = admin.datasets(context, Permission.LAUNCH)
    rows = menu.list_rows(found, context.number(), "a-launch", _launch_button)
    title = context.translate("admin-launch")
    words = context.translate("admin-launch-which" if found else "admin-no-datasets")
    return menu.card(title, words, rows=[*rows, menu.back(context, _JOBS)])


def _launch_button(dataset: str) -> Button:
    return Button(dataset, f"a-price:{admin.short(dataset)}")


def launch_price(context: BotContext) -> View:
    """Tell what the launch would cost, and ask whether it is meant."""
    dataset = admin.dataset_of(context, Permission.LAUNCH)
    ctx, actor = context.services, admin.actor(context)
    quoted = jobs.quote(ctx, actor, dataset, context.language)
    words = admin.lines(*_quote_lines(context, quoted))
    if quoted.refusal:
        title, rows = context.translate("admin-launch-not"), [menu.back(context, "a-launch:0")]
        return menu.card(title, quoted.refusal, words, rows=rows)
    yes = menu.button(context, "admin-launch-yes", f"a-launch-yes:{admin.short(dataset)}")
    return menu.confirm(context, words, yes, "a-launch:0")


def _quote_lines(context: BotContext, quoted: QuoteView) -> list[str]:
    language, cost = context.language, context.translate("admin-price-unknown")
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


def launch(context: BotContext) -> View:
    """Ask the daemon to launch."""
    dataset = admin.dataset_of(context, Permission.LAUNCH)
    return await_daemon(context, partial(jobs.launch, dataset=dataset), _JOBS)


_LIST = "a-jobs:0"
_MOST_LISTED = 400
_SIGNS = {"succeeded": "✅", "failed": "❌", "cancelled": "⏹", "paused": "⏸", "running": "▶️"}


def list_jobs(context: BotContext) -> View:
    """Show a page of the jobs, the newest first."""
    found = jobs.recent(context.services, admin.actor(context), limit=_MOST_LISTED)
    entries = menu.list_rows(found, context.number(), "a-jobs", partial(_entry, context))
    launches = admin.datasets(context, Permission.LAUNCH)
    launch = (menu.button(context, "admin-launch", "a-launch:0"),) if launches else ()
    title = context.translate("admin-jobs")
    words = context.translate("admin-jobs-list" if found else "admin-jobs-none")
    return menu.card(title, words, rows=[*entries, launch, to_admin_home(context)])


def _entry(context: BotContext, job: JobView) -> Button:
    sign = _SIGNS.get(job.state, "⏳")
    label = f"{sign} {job.id} · {job.build} · {admin.state_text(context, 'job', job.state)}"
    return Button(label, f"a-job:{job.id}")


def _found(
    context: BotContext, events: int = MOST_EVENTS, permission: Permission = Permission.WATCH
) -> JobDetails:
    """Return the job that a button names. Raises NotFound."""
    ctx, actor = context.services, admin.actor(context)
    return jobs.get(ctx, actor, context.number(), events, permission)


def show_job(context: BotContext) -> View:
    """Show one job: where it stands, how far it is, its losses."""
    job = _found(context)
    title = context.translate("admin-job", job=job.id, build=job.build)
    rows = [
        () if job.is_over else (menu.button(context, "admin-refresh", f"a-job:{job.id}"),),
        (menu.button(context, "admin-events", f"a-events:{job.id}"), *_cancel(context, job)),
        (*_losses(job, context), *_model(job, context)),
        menu.back(context, _LIST),
    ]
    words = job_words(job, context.language, partial(admin.when, context))
    return menu.card(title, words, _losses_block(context, job), rows=rows)


def _losses_block(context: BotContext, job: JobDetails) -> menu.CodeBlock:
    return menu.CodeBlock(losses(job, context.language), "")


def _cancel(context: BotContext, job: JobDetails) -> tuple[Button, ...]:
    if not job.can_cancel or not admin.actor(context).may(Permission.LAUNCH, job.dataset):
        return ()
    return (menu.button(context, "admin-cancel-job", f"a-cancel:{job.id}", "danger"),)


def _losses(job: JobDetails, context: BotContext) -> tuple[Button, ...]:
    button = menu.button(context, "admin-losses", f"a-losses:{job.id}")
    return (button,) if job.losses.are_known else ()


def _model(job: JobDetails, context: BotContext) -> tuple[Button, ...]:
    is_made = job.state is JobState.SUCCEEDED
    return (menu.button(context, "admin-model", f"a-model:{job.id}"),) if is_made else ()


async def watch_job(context: BotContext) -> None:
    """Show one job, and keep it up to date for a while."""
    seen: list[View] = []

    def act(context: BotContext) -> View:
        seen.append(show_job(context))
        return seen[-1]

    await context.show(lambda: require_role(Permission.WATCH, act)(context))
    page = seen[-1].page if seen else None
    if page is not None and context.arguments[-1:] != (admin.ANEW,) and _is_open(page, context):
        context.bot_data.watches.add(
            context.chat_id, context.message_id, partial(_look, context), page
        )


def _look(context: BotContext) -> tuple[FormattedMessage, bool] | None:
    """Return how the job stands now, None where the person may not see it any more."""
    try:
        page = show_job(context).page
    except MerlinError:
        return None
    return None if page is None else (page, _is_open(page, context))


def _is_open(page: FormattedMessage, context: BotContext) -> bool:
    refresh = menu.button(context, "admin-refresh", f"a-job:{context.number()}")
    return any(refresh in row for row in page.buttons)


async def pictured(context: BotContext) -> None:
    """Send a job's losses as a picture; it is drawn beside the database's work."""

    def look() -> JobDetails | None:
        try:
            return _found(context)
        except MerlinError:
            return None

    seen = await context.store.read(look)
    content = await asyncio.to_thread(loss_chart, seen, context.language) if seen else b""

    def act(context: BotContext) -> View:
        job = _found(context)
        if not content:
            return menu.alert(context.translate("admin-losses-none"))
        title = context.translate("admin-job", job=job.id, build=job.build)
        screen = menu.card(title, _losses_block(context, job))
        file = Attachment(f"losses-{job.id}.png", content, is_picture=True)
        page = screen.page or FormattedMessage("")
        return View(replace(page, file=file), is_new=True)

    await context.show(lambda: require_role(Permission.WATCH, act)(context))


def events(context: BotContext) -> View:
    """Show the newest lines of a job's diary."""
    job = _found(context, events=15)
    title = context.translate("admin-job", job=job.id, build=job.build)
    words = events_words(job, context.language, partial(admin.when, context))
    return menu.card(title, words, rows=[menu.back(context, f"a-job:{job.id}")])


def ask_cancel_job(context: BotContext) -> View:
    """Ask whether the job is really to be stopped."""
    job = _found(context, events=1, permission=Permission.LAUNCH)
    words = context.translate("admin-ask-cancel", job=job.id, build=job.build)
    yes = menu.button(context, "admin-cancel-job", f"a-cancel-yes:{job.id}")
    return menu.confirm(context, words, yes, f"a-job:{job.id}")


def cancel_job(context: BotContext) -> View:
    """Ask the daemon to stop the job."""
    job = context.number()
    return await_daemon(context, partial(jobs.cancel, job_id=job), f"a-job:{job}")


def register(application: BotApplication) -> None:
    """Add the handlers of this file."""
    watching = {"a-jobs": list_jobs, "a-events": events}
    launching = {
        "a-launch": choose_launch,
        "a-price": launch_price,
        "a-launch-yes": launch,
        "a-cancel": ask_cancel_job,
        "a-cancel-yes": cancel_job,
    }
    add_admin_handlers(application, Permission.WATCH, watching)
    add_admin_handlers(application, Permission.LAUNCH, launching)
    add_handlers(application, buttons={"a-job": watch_job, "a-losses": pictured})
