"""Jobs: what is being trained, how far it is, launch and cancel.

    list -> job -> events | losses as a picture | cancel (asked twice)

A job that goes on is shown anew every few seconds for two minutes.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from functools import partial
from typing import Any

from merlin.account.role import Permission
from merlin.bot.event import Event
from merlin.bot.handlers.answer.asked_again import number
from merlin.bot.handlers.office import panel
from merlin.bot.handlers.office.admin import to_home
from merlin.bot.handlers.office.asked import ask
from merlin.bot.handlers.office.panel import guarded
from merlin.bot.handlers.topic import Topic
from merlin.bot.job_page import events_words, job_words, losses, picture
from merlin.bot.kit import Kit
from merlin.bot.screen import Screen, alert
from merlin.core.errors import MerlinError, NotFound
from merlin.core.losses import losses_of
from merlin.core.page import Attachment, Button, Page
from merlin.core.request import RequestKind
from merlin.core.text import text
from merlin.job.lifecycle import FINAL

_LIST = "a-jobs:0"
_MOST_LISTED = 400
_FINAL = {state.value for state in FINAL}
_SIGNS = {"succeeded": "✅", "failed": "❌", "cancelled": "⏹", "paused": "⏸", "running": "▶️"}


def listed(kit: Kit, event: Event) -> Screen:
    """Show a page of the jobs, the newest first."""
    found = _watched(kit, event)
    here, page, has_more = panel.page_of(found, number(event))
    entries = [(Button(_entry(event, job), f"a-job:{job['job']}"),) for job in here]
    more = panel.turning("a-jobs", page, has_more=has_more)
    launches = panel.datasets(kit, event, Permission.LAUNCH)
    launch = (panel.button(event, "admin-launch", "a-launch:0"),) if launches else ()
    title = text(event.language, "admin-jobs")
    words = text(event.language, "admin-jobs-list" if here else "admin-jobs-none")
    return panel.panel(title, words, rows=[*entries, more, launch, to_home(event)])


def _watched(kit: Kit, event: Event) -> list[dict[str, Any]]:
    mine = panel.standing(kit, event)
    jobs = kit.services.office.reports.jobs(limit=_MOST_LISTED)
    return [job for job in jobs if mine.may(Permission.WATCH, job["dataset"])]


def _entry(event: Event, job: dict[str, Any]) -> str:
    sign = _SIGNS.get(job["state"], "⏳")
    state = panel.word(event, "job", job["state"])
    return f"{sign} {job['job']} · {job['build']} · {state}"


def _found(kit: Kit, event: Event, events: int = 1000) -> dict[str, Any]:
    """Return the job that a button names. Raises NotFound, also for one out of reach."""
    job = kit.services.office.reports.job(number(event), events)
    if not panel.standing(kit, event).may(Permission.WATCH, job["dataset"]):
        raise NotFound("not theirs", "store-no-job", job=job["job"])
    return job


def shown(kit: Kit, event: Event) -> Screen:
    """Show one job: where it stands, how far it is, its losses."""
    job = _found(kit, event)
    title = text(event.language, "admin-job", job=job["job"], build=job["build"])
    is_open = job["state"] not in _FINAL
    rows = [
        (panel.button(event, "admin-refresh", f"a-job:{job['job']}"),) if is_open else (),
        (panel.button(event, "admin-events", f"a-events:{job['job']}"), *_cancel(kit, event, job)),
        (*_losses(job, event), *_model(job, event)),
        panel.back(event, _LIST),
    ]
    words = job_words(job, event.language, partial(panel.when, kit, event))
    return panel.block(panel.panel(title, words, rows=rows), losses(job, event.language))


def _cancel(kit: Kit, event: Event, job: dict[str, Any]) -> tuple[Button, ...]:
    is_open = job["state"] not in {*_FINAL, "launching"}
    if not is_open or not panel.standing(kit, event).may(Permission.LAUNCH, job["dataset"]):
        return ()
    return (panel.button(event, "admin-cancel-job", f"a-cancel:{job['job']}", "danger"),)


def _losses(job: dict[str, Any], event: Event) -> tuple[Button, ...]:
    is_measured = any(losses_of(job).values())
    return (panel.button(event, "admin-losses", f"a-losses:{job['job']}"),) if is_measured else ()


def _model(job: dict[str, Any], event: Event) -> tuple[Button, ...]:
    is_made = job["state"] == "succeeded"
    return (panel.button(event, "admin-model", f"a-model:{job['job']}"),) if is_made else ()


async def watched(kit: Kit, event: Event) -> None:
    """Show one job, and keep it up to date for a while."""
    seen: list[Screen] = []

    def act(kit: Kit, event: Event) -> Screen:
        seen.append(shown(kit, event))
        return seen[-1]

    await guarded(Permission.WATCH, act)(kit, event)
    page = seen[-1].page if seen else None
    if page is not None and event.args[-1:] != (panel.ANEW,) and _is_open(page, event):
        kit.watches.add(event.chat_id, event.message_id, partial(_look, kit, event), page)


def _look(kit: Kit, event: Event) -> tuple[Page, bool] | None:
    """Return how the job stands now, None where the person may not see it any more."""
    try:
        page = shown(kit, event).page
    except MerlinError:
        return None
    return None if page is None else (page, _is_open(page, event))


def _is_open(page: Page, event: Event) -> bool:
    refresh = panel.button(event, "admin-refresh", f"a-job:{number(event)}")
    return any(refresh in row for row in page.buttons)


async def pictured(kit: Kit, event: Event) -> None:
    """Send a job's losses as a picture; it is drawn beside the database's work."""

    def look() -> dict[str, Any] | None:
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
        title = text(event.language, "admin-job", job=job["job"], build=job["build"])
        screen = panel.block(panel.panel(title), losses(job, event.language))
        file = Attachment(f"losses-{job['job']}.png", content, is_picture=True)
        page = screen.page or Page("")
        return Screen(replace(page, file=file), is_new=True)

    await guarded(Permission.WATCH, act)(kit, event)


def events(kit: Kit, event: Event) -> Screen:
    """Show the newest lines of a job's diary."""
    job = _found(kit, event, events=15)
    title = text(event.language, "admin-job", job=job["job"], build=job["build"])
    words = events_words(job, event.language, partial(panel.when, kit, event))
    return panel.panel(title, words, rows=[panel.back(event, f"a-job:{job['job']}")])


def ask_cancel(kit: Kit, event: Event) -> Screen:
    """Ask whether the job is really to be stopped."""
    job = _found(kit, event, events=1)
    words = text(event.language, "admin-ask-cancel", job=job["job"], build=job["build"])
    yes = panel.button(event, "admin-cancel-job", f"a-cancel-yes:{job['job']}")
    return panel.asks(event, words, yes, f"a-job:{job['job']}")


def cancel(kit: Kit, event: Event) -> Screen:
    """Ask the daemon to stop the job."""
    job = _found(kit, event, events=1)["job"]
    return ask(kit, event, RequestKind.CANCEL, {"job": job}, f"job:{job}", f"a-job:{job}")


TOPIC = Topic(
    buttons={
        "a-jobs": guarded(Permission.WATCH, listed),
        "a-job": watched,
        "a-losses": pictured,
        "a-events": guarded(Permission.WATCH, events),
        "a-cancel": guarded(Permission.LAUNCH, ask_cancel),
        "a-cancel-yes": guarded(Permission.LAUNCH, cancel),
    },
)
