"""The first page of those who watch the pipeline: what needs somebody, and the board."""

from __future__ import annotations

from dataclasses import dataclass

from fastapi import APIRouter
from starlette.responses import Response

from merlin.api.pages import board
from merlin.api.pages.errors import PageRoute
from merlin.api.pages.formatting import day_of_year
from merlin.api.pages.page import PageRequest, Watching
from merlin.app.health import health
from merlin.core.permissions import Permission
from merlin.core.web.assets import seen_other

router = APIRouter(route_class=PageRoute, include_in_schema=False)

# That many days before a base model goes dark it is time to choose another one.
_SOON_DAYS = 60


@dataclass(frozen=True, slots=True)
class Care:
    """One thing that needs somebody; `style` is bad or warn."""

    style: str
    icon: str
    title: str
    about: str
    href: str


@router.get("/admin")
async def show_home(visit: Watching) -> Response:  # noqa: ARG001 - asks to sign in
    """Lead to the board."""
    return seen_other("/admin/board")


@router.get("/admin/board")
async def show_board(visit: Watching, asked: board.Asked) -> Response:
    """Return how the commits of all datasets stand."""
    cares = await _cares(visit)
    return await board.show_board(visit, "admin_board.html", asked, cares=cares)


async def _cares(visit: PageRequest) -> list[Care]:
    """Return processes that are silent and bases that go dark, for those who may look there."""
    if not visit.may(Permission.USERS):
        return []
    told = await visit.read(health, 0)
    cares = [
        Care("bad", "warn", visit.say("silent", process=each.process), each.host, "/admin/health")
        for each in told.processes
        if not each.alive
    ]
    for each in told.sunsets:
        if each.days_left <= _SOON_DAYS:
            title = visit.say("sunset-soon", model=each.model, count=each.days_left)
            about = f"{each.used_for} · {day_of_year(visit, each.ends)}"
            cares.append(Care("warn", "clock", title, about, "/admin/health"))
    return cares
