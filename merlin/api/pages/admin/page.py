"""Parts of the admin pages: menu, sums of days, requests to the daemon.

Tests are no money: they are counted apart.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, tzinfo
from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from merlin.api.pages.errors import PageRoute
from merlin.api.pages.page import Link, PageRequest, Watching, badge, nowhere, render_fragment
from merlin.api.rest.requests import RequestAct, failure
from merlin.api.schema import Id
from merlin.app import requests
from merlin.app.actor import Actor
from merlin.app.context import Context
from merlin.app.health import is_daemon_alive
from merlin.billing.ledger import Entry, EntryKind
from merlin.core.clock import in_zone
from merlin.core.errors import NotFound
from merlin.core.money import Currency
from merlin.core.permissions import Permission
from merlin.core.web.assets import seen_other
from merlin.core.web.templates import Badge
from merlin.db.requests import RequestState

router = APIRouter(route_class=PageRoute, include_in_schema=False)

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


def admin_links(visit: PageRequest) -> tuple[Link, ...]:
    """Return the rooms that the person may open; the one they stand in is marked."""
    path = visit.request.scope["path"]
    return tuple(
        Link(href, visit.say(f"room-{name}"), _stands_in(path, href))
        for href, name, right in ROOMS
        if visit.caller.may(right)
    )


def _stands_in(path: str, href: str) -> bool:
    return path == href or (href != "/admin" and path.startswith(f"{href}/"))


async def submit(visit: PageRequest, act: RequestAct, once: str, back: str) -> Response:
    """Let an act ask the daemon; lead back to `back`, which tells what came of it."""
    asked = await visit.context.write(act, visit.caller.actor, once=once)
    sign = "&" if "?" in back else "?"
    return seen_other(f"{back}{sign}asked={asked.request_id}")


async def asked_view(visit: PageRequest, number: int) -> AskedView | None:
    """Return what became of a request, None for none that the person may see."""

    def look(ctx: Context, actor: Actor) -> tuple[requests.Request, bool]:
        return requests.get(ctx, actor, number), is_daemon_alive(ctx)

    if not number:
        return None
    try:
        asked, is_served = await visit.context.read(look, visit.caller.actor)
    except NotFound:
        return None
    is_over = asked.state in _OVER
    target = next((str(value) for value in asked.arguments.values()), "")
    return AskedView(
        chip=badge(visit, "page-asked", asked.state),
        title=visit.say(f"asked-{asked.kind}", target=target),
        reason=failure(asked, visit.language),
        live_href="" if is_over else f"/admin/asked/{number}",
        is_late=not is_over and not is_served,
    )


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
