"""Parts of the admin pages: menu, progress of a job, sums of days, requests to the daemon.

Tests are no money: they are counted apart.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, tzinfo
from typing import Annotated, Any

from fastapi import APIRouter, Query
from starlette.responses import Response

from merlin.api.pages.actions import Deed, as_api_request, call_route_once
from merlin.api.pages.errors import PageRoute
from merlin.api.pages.page import Link, PageRequest, Watching, badge, nowhere, render_fragment
from merlin.api.permissions import pipeline_of
from merlin.api.problems import Problem
from merlin.api.rest.datasets import RequestShown, show_request
from merlin.api.rest.views import JobDetails
from merlin.api.schema import Id
from merlin.billing.ledger import Entry, EntryKind
from merlin.core.clock import in_zone
from merlin.core.money import Currency
from merlin.core.permissions import Permission
from merlin.core.web.assets import seen_other
from merlin.core.web.templates import Badge
from merlin.db.requests import RequestState
from merlin.training.jobs import JobState

_FULL = 100


@dataclass(frozen=True, slots=True)
class Progress:
    """`share` in per cent, None where nobody knows; `epoch` of `epochs`, 0 where not told.

    `steps` is how many there will be, 0 where not told.
    """

    share: int | None
    epoch: float
    epochs: float
    steps: float


def progress_of(job: JobDetails) -> Progress:
    """Return how far a job is."""
    told = list(_metrics(job))
    epochs = _number(_hyperparameters(job).get("n_epochs"))
    epoch = max((_number(each.get("epoch")) for each in told), default=0.0)
    step = max((_number(each.get("step")) for each in told), default=0.0)
    steps = max((_number(each.get("total_steps")) for each in told), default=0.0)
    if not steps and epoch and epochs and step:
        steps = step / epoch * epochs
    share = None
    if job.state is JobState.SUCCEEDED:
        share = _FULL
    elif steps and step:
        share = min(round(_FULL * step / steps), _FULL)
    return Progress(share, epoch, epochs, steps)


def _metrics(job: JobDetails) -> Iterator[Mapping[str, Any]]:
    for event in job.events:
        if isinstance(event.data, Mapping):
            yield event.data


def _hyperparameters(job: JobDetails) -> Mapping[str, Any]:
    told = job.recipe.get("hyperparameters")
    return told if isinstance(told, Mapping) else {}


def _number(value: object) -> float:
    """Return a number above 0, else 0: a diary may say anything."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return 0.0
    return max(float(value), 0.0)


router = APIRouter(route_class=PageRoute, include_in_schema=False)

DAEMON = "daemon"
# The number of what was asked of the daemon; the page that comes next tells of it.
Asked = Annotated[int, Query(ge=0, le=2**53 - 1)]
ROOMS: tuple[tuple[str, str, Permission], ...] = (
    ("/admin", "home", Permission.WATCH),
    ("/admin/jobs", "jobs", Permission.WATCH),
    ("/admin/models", "models", Permission.WATCH),
    ("/admin/builds", "builds", Permission.WATCH),
    ("/admin/verdicts", "verdicts", Permission.WATCH),
    ("/admin/users", "users", Permission.USERS),
    ("/admin/billing", "billing", Permission.REFUNDS),
    ("/admin/audit", "audit", Permission.USERS),
    ("/admin/health", "health", Permission.USERS),
)
_OVER = frozenset({RequestState.DONE, RequestState.FAILED})


@dataclass(frozen=True, slots=True)
class AskedView:
    """What became of something that was asked of the daemon; `live_href` "" once it ended."""

    chip: Badge
    title: str
    reason: str
    live_href: str
    is_late: bool


@router.get("/admin/asked/{number}")
async def show_asked(visit: Watching, number: Id) -> Response:
    """Return what became of a request, for a script that asks once a second until it ended."""
    view = await asked_view(visit, number)
    if view is None:
        raise nowhere()
    return render_fragment(visit, "admin_asked.html", v=view)


def rooms(visit: PageRequest) -> tuple[Link, ...]:
    """Return the rooms that the person may open; the one they stand in is marked."""
    path = visit.request.scope["path"]
    return tuple(
        Link(href, visit.say(f"room-{name}"), _stands_in(path, href))
        for href, name, right in ROOMS
        if visit.caller.may(right)
    )


def _stands_in(path: str, href: str) -> bool:
    return path == href or (href != "/admin" and path.startswith(f"{href}/"))


async def ask(visit: PageRequest, key: str, deed: Deed, back: str) -> Response:
    """Ask the daemon by a route of the api; lead back to `back`, which tells what came of it."""
    answer = await call_route_once(visit, key, deed)
    sign = "&" if "?" in back else "?"
    return seen_other(f"{back}{sign}asked={answer.said.get('id', 0)}")


async def asked_view(visit: PageRequest, number: int) -> AskedView | None:
    """Return what became of a request, None for none that the person may see."""
    if not number:
        return None
    try:
        shown = await show_request(await as_api_request(visit), visit.caller, number)
    except Problem:
        return None
    is_over = shown.state in _OVER
    return AskedView(
        chip=badge(visit, "page-asked", shown.state),
        title=_title(visit, shown),
        reason=shown.reason,
        live_href="" if is_over else f"/admin/asked/{number}",
        is_late=not is_over and not await _is_daemon_alive(visit),
    )


def _title(visit: PageRequest, shown: RequestShown) -> str:
    target = next((str(value) for value in shown.arguments.values()), "")
    return visit.say(f"asked-{shown.kind.value}", target=target)


async def _is_daemon_alive(visit: PageRequest) -> bool:
    pipeline, now = pipeline_of(visit.request), visit.services.clock()
    found = await visit.services.store.read(pipeline.heartbeats.all)
    return any(each.process == DAEMON and each.is_alive(now) for each in found)


_MONEY = (EntryKind.PAYMENT, EntryKind.REFUND)


@dataclass(frozen=True, slots=True)
class Day:
    """One day of one currency, in minor units."""

    day: date
    paid: int = 0
    returned: int = 0


def months(now: datetime, zone: tzinfo) -> tuple[datetime, datetime]:
    """Return when the last month and this one began."""
    this = now.astimezone(zone).date().replace(day=1)
    last = (this - timedelta(days=1)).replace(day=1)
    return datetime.combine(last, time(), zone), datetime.combine(this, time(), zone)


def how_many_tests(entries: Iterable[Entry]) -> int:
    """Return how many payments were tests."""
    return sum(each.kind is EntryKind.PAYMENT and each.is_test for each in entries)


def days_of(
    entries: Iterable[Entry], currency: Currency, since: date, until: date, zone: tzinfo
) -> list[Day]:
    """Return every day of a time in a currency, those without money too; `until` is the last."""
    length = (until - since).days + 1
    sums = {since + timedelta(days=place): [0, 0] for place in range(length)}
    for each in entries:
        day = in_zone(each.at, zone).date()
        is_money = each.kind in _MONEY and each.amount.currency is currency and not each.is_test
        if is_money and day in sums:
            sums[day][each.kind is EntryKind.REFUND] += each.amount.minor
    return [Day(day, paid, returned) for day, (paid, returned) in sums.items()]
