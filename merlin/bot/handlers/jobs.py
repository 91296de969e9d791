"""Jobs: list, state, cancel.

    list -> job -> cancel (with a confirmation)

The message with the button shows the result of a request to the daemon. Events, losses and
launching are on the page.
"""

from collections.abc import Callable
from functools import partial

from merlin.app import jobs
from merlin.app.actor import Actor
from merlin.app.context import Context
from merlin.app.health import is_daemon_alive
from merlin.app.jobs import JobDetails, JobView
from merlin.app.outbox import WaitingRequest, WaitingRequests
from merlin.bot import menu
from merlin.bot.context import BotContext
from merlin.bot.handlers import admin
from merlin.bot.menu import View
from merlin.bot.registry import Handlers
from merlin.bot.rendering import cut_line, format_time, join_lines, state_text
from merlin.core import money
from merlin.core.formatted_text import Button
from merlin.core.i18n import format_duration
from merlin.core.permissions import Permission
from merlin.core.training_events import describe_event
from merlin.db.requests import Request

handlers = Handlers(Permission.WATCH)


def await_daemon(
    context: BotContext, act: Callable[[Context, Actor], Request], back: str
) -> View:
    """Send the daemon the request of `act`, and show its result in this message later."""
    requests = WaitingRequests(context.db, context.bot_id)
    if requests.has_request(context.chat_id, context.message_id):
        return menu.alert(context.translate("admin-queued-already"))
    request_id = act(*context.caller).request_id
    requests.add(
        WaitingRequest(
            request_id, context.chat_id, context.message_id, context.update_id, back
        )
    )
    message = (
        "admin-queued-wait"
        if is_daemon_alive(context.services)
        else "admin-queued-late"
    )
    title = context.translate("admin-queued")
    rows = (menu.back(back),)
    return menu.card(context, title, context.translate(message), rows=rows)


_LIST = "a-jobs:0"
_SIGNS = {"succeeded": "✅", "failed": "❌", "cancelled": "⏹", "running": "▶️"}


def _job_text(context: BotContext, job: JobDetails) -> str:
    """Return the details of a job, one per line."""
    translate = context.translate
    newest = job.events[-1] if job.events else None
    last = (
        describe_event(newest.message, newest.data, context.language) if newest else ""
    )
    created = format_time(context, job.created_at)
    took = format_duration(context.language, job.took(context.services.clock()))
    cost = money.format_estimate(context.language, job.estimate_micro, job.currency)
    return join_lines(
        translate(
            "admin-job-state",
            state=state_text(context, "job", job.state),
            provider=job.provider,
            base=job.base_model or "–",
            attempt=job.attempt,
        ),
        translate("admin-job-cost", cost=cost),
        translate("admin-job-tokens", tokens=job.trained_tokens)
        if job.trained_tokens
        else "",
        translate("admin-job-times", created=created, took=took),
        translate("admin-job-last", message=cut_line(last))
        if last and not job.is_over
        else "",
        translate("admin-job-error", error=cut_line(job.error)) if job.error else "",
    )


@handlers.button("a-jobs")
def list_jobs(context: BotContext) -> View:
    """Show a page of the jobs, newest first."""

    def entry(job: JobView) -> Button:
        state = state_text(context, "job", job.state)
        label = f"{_SIGNS.get(job.state, '⏳')} {job.id} · {job.build} · {state}"
        return Button(label, f"a-job:{job.id}")

    job_views = jobs.list_recent(
        *context.caller, limit=menu.items_to_read(context.number())
    )
    title = context.translate("admin-jobs")
    keys = ("admin-jobs-list", "admin-jobs-none")
    return menu.list_card(context, title, keys, job_views, entry, "a-jobs", admin.HOME)


@handlers.button("a-job")
def show_job(context: BotContext) -> View:
    """Show a job: its state, estimated cost and newest event."""
    job = jobs.get(*context.caller, context.number(), events=1)
    can_cancel = job.can_cancel and context.actor.may(Permission.LAUNCH, job.dataset)
    label = context.translate("admin-job-page")
    rows: menu.Rows = (
        not job.is_over and ("admin-refresh", f"a-job:{job.id}"),
        can_cancel and ("admin-cancel-job", f"a-cancel:{job.id}", "danger"),
        admin.page_button(context.services, label, f"/admin/jobs/{job.id}"),
        menu.back(_LIST),
    )
    title = context.translate("admin-job", job=job.id, build=job.build)
    return menu.card(context, title, _job_text(context, job), rows=rows)


@handlers.button("a-cancel", needs=Permission.LAUNCH, twice=True)
def cancel_job(context: BotContext) -> View:
    """Request cancellation of the job from the daemon."""
    job = jobs.get(*context.caller, context.number(), 1, Permission.LAUNCH)
    if not menu.is_confirmed(context):
        message = context.translate("admin-ask-cancel", job=job.id, build=job.build)
        return menu.confirm(
            context, message, "admin-cancel-job", f"a-job:{job.id}", job.id
        )
    return await_daemon(context, partial(jobs.cancel, job_id=job.id), f"a-job:{job.id}")
