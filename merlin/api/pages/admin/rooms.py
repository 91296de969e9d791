"""Rooms: what lies within /admin, and what was asked of the daemon a moment ago."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from merlin.account.role import Permission
from merlin.api.office.asked import RequestShown
from merlin.api.office.right import pipeline_of
from merlin.api.pages.answering import part
from merlin.api.pages.chip import chip
from merlin.api.pages.doing import Deed, asked, call
from merlin.api.pages.frame import Link
from merlin.api.pages.room import Watching, nowhere
from merlin.api.pages.trouble import PageRoute
from merlin.api.pages.visit import Visit
from merlin.api.problems import Problem
from merlin.api.routes.verdicts import show_request
from merlin.api.shape import Id
from merlin.core.request import RequestState
from merlin.core.web.answering import seen_other
from merlin.core.web.chip import Chip

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

    chip: Chip
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
    return part(visit, "admin_asked.html", v=view)


def rooms(visit: Visit) -> tuple[Link, ...]:
    """Return the rooms that the person may open; the one they stand in is marked."""
    path = visit.request.scope["path"]
    return tuple(
        Link(href, visit.say(f"room-{name}"), _stands_in(path, href))
        for href, name, right in ROOMS
        if visit.caller.may(right)
    )


def _stands_in(path: str, href: str) -> bool:
    return path == href or (href != "/admin" and path.startswith(f"{href}/"))


async def ask(visit: Visit, key: str, deed: Deed, back: str) -> Response:
    """Ask the daemon by a route of the api; lead back to `back`, which tells what came of it."""
    answer = await asked(visit, key, deed)
    sign = "&" if "?" in back else "?"
    return seen_other(f"{back}{sign}asked={answer.said.get('id', 0)}")


async def asked_view(visit: Visit, number: int) -> AskedView | None:
    """Return what became of a request, None for none that the person may see."""
    if not number:
        return None
    try:
        shown = await show_request(await call(visit), visit.caller, number)
    except Problem:
        return None
    is_over = shown.state in _OVER
    return AskedView(
        chip=chip(visit, "page-asked", shown.state),
        title=_title(visit, shown),
        reason=shown.reason,
        live_href="" if is_over else f"/admin/asked/{number}",
        is_late=not is_over and not await _is_daemon_alive(visit),
    )


def _title(visit: Visit, shown: RequestShown) -> str:
    target = next((str(value) for value in shown.arguments.values()), "")
    return visit.say(f"asked-{shown.kind.value}", target=target)


async def _is_daemon_alive(visit: Visit) -> bool:
    pipeline, now = pipeline_of(visit.request), visit.services.clock()
    found = await visit.services.store.read(pipeline.heartbeats.all)
    return any(each.process == DAEMON and each.is_alive(now) for each in found)
