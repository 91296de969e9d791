"""Jobs: list, state, losses and events; launch and cancel.

    list -> job -> events | losses as a picture | cancel (with a confirmation)

A running job is refreshed every few seconds for two minutes. The message with the button shows the
result of a request to the daemon. A launch trains the newest build of a dataset, after its price
was shown.
"""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from merlin.app import jobs
from merlin.app.actor import Actor
from merlin.app.context import Context
from merlin.app.health import is_daemon_alive
from merlin.app.jobs import MAX_EVENTS, JobDetails, JobView
from merlin.app.models import list_dataset_names
from merlin.app.outbox import WaitingRequest, WaitingRequests
from merlin.bot import menu
from merlin.bot.context import BotContext
from merlin.bot.handlers import admin
from merlin.bot.handlers.admin import show_live
from merlin.bot.menu import View, short_hash
from merlin.bot.registry import Handlers, show_with_role
from merlin.bot.rendering import (
    cut_line,
    dataset_title,
    format_time,
    join_lines,
    sparkline,
    state_text,
)
from merlin.core import money
from merlin.core.charts import plot_png
from merlin.core.formatted_text import Attachment, Button, FormattedMessage
from merlin.core.i18n import format_number, text
from merlin.core.permissions import Permission
from merlin.core.training_events import describe_event, event_lines
from merlin.db.requests import Request
from merlin.training.jobs import JobState

handlers = Handlers(Permission.WATCH)


def await_daemon(context: BotContext, act: Callable[[Context, Actor], Request], back: str) -> View:
    """Send the daemon the request of `act`, and show its result in this message later."""
    requests = WaitingRequests(context.db, context.bot_id)
    if requests.has_request(context.chat_id, context.message_id):
        return menu.alert(context.translate("admin-queued-already"))
    request_id = act(*context.caller).request_id
    requests.add(
        WaitingRequest(request_id, context.chat_id, context.message_id, context.update_id, back)
    )
    message = "admin-queued-wait" if is_daemon_alive(context.services) else "admin-queued-late"
    title, rows = context.translate("admin-queued"), (menu.back(back),)
    return menu.card(context, title, context.translate(message), rows=rows)


_LIST = "a-jobs:0"
_MAX_LINES = 15
_SIGNS = {"succeeded": "✅", "failed": "❌", "cancelled": "⏹", "running": "▶️"}


def _job_text(context: BotContext, job: JobDetails) -> str:
    """Return the details of a job, one per line."""
    translate = context.translate
    newest = job.events[-1] if job.events else None
    last = describe_event(newest.message, newest.data, context.language) if newest else ""
    times = {"created": format_time(context, job.created_at)}
    cost = money.format_estimate(context.language, job.estimate_micro, job.currency)
    return join_lines(
        translate(
            "admin-job-state",
            state=state_text(context, "job", job.state),
            provider=job.provider,
            base=job.base_model or "–",
            attempt=job.attempt,
        ),
        translate("admin-job-cost", cost=cost, tokens=job.trained_tokens or 0),
        translate("admin-job-times", **times, updated=format_time(context, job.updated_at)),
        translate("admin-job-last", message=cut_line(last)) if last and not job.is_over else "",
        translate("admin-job-error", error=cut_line(job.error)) if job.error else "",
    )


def loss_chart(job: JobDetails, language: str) -> str:
    """Return the losses by step as rows of bars, "" if there are none."""
    series_by_name = job.losses.series()
    all_values = [value for series in series_by_name.values() for _, value in series]
    if not all_values:
        return ""
    low, high = min(all_values), max(all_values)
    labels = {name: text(language, f"chart-{name}") for name in series_by_name}
    width = max(map(len, labels.values()))
    return "\n".join(
        f"{labels[name].ljust(width)} {sparkline(values, low, high)}"
        f" {format_number(language, values[0], 3)} → {format_number(language, values[-1], 3)}"
        for name, series in series_by_name.items()
        if (values := [value for _, value in series])
    )


@handlers.button("a-launch", needs=Permission.LAUNCH)
def choose_launch(context: BotContext) -> View:
    """List the datasets that the user may train."""
    names = list_dataset_names(*context.caller, Permission.LAUNCH)
    title, keys = context.translate("admin-launch"), ("admin-launch-which", "admin-no-datasets")

    def entry(name: str) -> Button:
        return Button(dataset_title(context, name), f"a-price:{short_hash(name)}")

    return menu.list_card(context, title, keys, names, entry, "a-launch", menu.back(_LIST))


@handlers.button("a-price", needs=Permission.LAUNCH)
def launch_price(context: BotContext) -> View:
    """Show the price of a launch and ask for confirmation."""
    dataset = admin.dataset_of(context, Permission.LAUNCH)
    quote = jobs.quote(*context.caller, dataset, context.language)
    translate, cost = context.translate, partial(money.format_cost, context.language)
    price, cap = translate("admin-price-unknown"), quote.cap_micro
    if quote.cost_micro is not None:
        price = money.format_estimate(context.language, quote.cost_micro, quote.currency)
    remaining = max((cap or 0) - quote.spent_micro, 0)
    arguments = {
        "build": quote.build,
        "base": quote.base_model,
        "provider": quote.provider,
        "examples": quote.examples,
        "epochs": quote.epochs,
    }
    budget = {"left": cost(remaining, quote.currency), "cap": cost(cap or 0, quote.currency)}
    details = join_lines(
        translate("admin-launch-summary", **arguments),
        translate("admin-launch-price", cost=price),
        "" if cap is None else translate("admin-budget-left", **budget),
    )
    if quote.refusal:
        title, rows = translate("admin-launch-impossible"), (menu.back("a-launch:0"),)
        return menu.card(context, title, quote.refusal, details, rows=rows)
    sure = ("admin-launch", f"a-launch-yes:{short_hash(dataset)}")
    return menu.confirmation_card(context, details, sure, "a-launch:0")


@handlers.button("a-launch-yes", needs=Permission.LAUNCH)
def launch(context: BotContext) -> View:
    """Request the launch from the daemon."""
    dataset = admin.dataset_of(context, Permission.LAUNCH)
    return await_daemon(context, partial(jobs.launch, dataset=dataset), _LIST)


@handlers.button("a-jobs")
def list_jobs(context: BotContext) -> View:
    """Show a page of the jobs, newest first."""

    def entry(job: JobView) -> Button:
        state = state_text(context, "job", job.state)
        label = f"{_SIGNS.get(job.state, '⏳')} {job.id} · {job.build} · {state}"
        return Button(label, f"a-job:{job.id}")

    job_views = jobs.list_recent(*context.caller, limit=menu.items_to_read(context.number()))
    may_launch = bool(list_dataset_names(*context.caller, Permission.LAUNCH))
    more = (may_launch and ("admin-launch", "a-launch:0"), admin.HOME)
    title, keys = context.translate("admin-jobs"), ("admin-jobs-list", "admin-jobs-none")
    return menu.list_card(context, title, keys, job_views, entry, "a-jobs", *more)


def _job_of(
    context: BotContext, events: int = MAX_EVENTS, permission: Permission = Permission.WATCH
) -> JobDetails:
    """Return the job named by the callback data. Raises NotFound."""
    return jobs.get(*context.caller, context.number(), events, permission)


def show_job(context: BotContext) -> View:
    """Show a job: its state, progress and losses."""
    job = _job_of(context)
    may_launch = context.actor.may(Permission.LAUNCH, job.dataset)
    can_cancel = job.can_cancel and may_launch
    has_model = job.state is JobState.SUCCEEDED
    can_repeat = (
        job.is_over
        and not has_model
        and job.dataset in list_dataset_names(*context.caller, Permission.LAUNCH)
    )
    rows: menu.Rows = (
        not job.is_over and ("admin-refresh", f"a-job:{job.id}"),
        (
            ("admin-events", f"a-events:{job.id}"),
            can_cancel and ("admin-cancel-job", f"a-cancel:{job.id}", "danger"),
        ),
        (
            job.losses.are_known and ("admin-losses", f"a-losses:{job.id}"),
            has_model and ("admin-model", f"a-model:{job.id}"),
        ),
        can_repeat and ("admin-launch-again", f"a-price:{short_hash(job.dataset)}"),
        menu.back(_LIST),
    )
    chart = menu.code_block(loss_chart(job, context.language), "")
    return menu.card(context, _title(context, job), _job_text(context, job), chart, rows=rows)


# A running job is refreshed for a while.
handlers.button("a-job")(
    partial(show_live, permission=Permission.WATCH, build_first=show_job, rebuild=show_job)
)


def _title(context: BotContext, job: JobDetails) -> str:
    return context.translate("admin-job", job=job.id, build=job.build)


@handlers.button("a-losses")
async def send_losses(context: BotContext) -> None:
    """Send a picture of a job's losses."""

    def read() -> Picture | None:
        job = _job_of(context)
        if not job.losses.are_known:
            return None
        chart, series = menu.code_block(loss_chart(job, context.language), ""), job.losses.series()
        draw = partial(plot_png, series["train"], series["test"], context.language, job.title)
        return menu.card(context, _title(context, job), chart), f"losses-{job.id}.png", draw

    await show_picture(context, read, "chart-none")


# A card, and the name of a picture with the function that draws it.
Picture = tuple[View, str, Callable[[], bytes]]


async def show_picture(
    context: BotContext, read: Callable[[], Picture | None], otherwise: str
) -> None:
    """Send a card with its picture, drawn outside the database thread; for None say `otherwise`."""
    picture = await context.store.read(read)
    view = menu.alert(context.translate(otherwise))
    if picture is not None:
        card, name, draw = picture
        file = Attachment(name, await asyncio.to_thread(draw), is_picture=True)
        view = View(replace(card.page or FormattedMessage(""), file=file), is_new=True)
    await show_with_role(context, Permission.WATCH, lambda _context: view)


@handlers.button("a-events")
def show_events(context: BotContext) -> View:
    """Show the newest events of a job, oldest first."""
    job = _job_of(context)
    job_events = [
        (event.at, event.level, event.message, event.data) for event in reversed(job.events)
    ]
    lines = [
        f"{format_time(context, line.at)}  {cut_line(line.text)} {line.times}".rstrip()
        for line in reversed(event_lines(job_events, context.language)[:_MAX_LINES])
    ]
    message = "\n".join(lines) or context.translate("page-no-events")
    return menu.card(context, _title(context, job), message, rows=(menu.back(f"a-job:{job.id}"),))


@handlers.button("a-cancel", needs=Permission.LAUNCH, twice=True)
def cancel_job(context: BotContext) -> View:
    """Request cancellation of the job from the daemon."""
    job = _job_of(context, events=1, permission=Permission.LAUNCH)
    if not menu.is_confirmed(context):
        message = context.translate("admin-ask-cancel", job=job.id, build=job.build)
        return menu.confirm(context, message, "admin-cancel-job", f"a-job:{job.id}", job.id)
    return await_daemon(context, partial(jobs.cancel, job_id=job.id), f"a-job:{job.id}")
