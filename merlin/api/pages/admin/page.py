"""What the admin pages ask of the daemon, and what became of it."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from merlin.api.pages.errors import PageRoute
from merlin.api.pages.page import PageRequest, Watching, nowhere, render_fragment
from merlin.api.rest.requests import RequestAct, failure
from merlin.api.schema import Id
from merlin.app import requests
from merlin.app.actor import Actor
from merlin.app.context import Context
from merlin.app.health import is_daemon_alive
from merlin.core.errors import NotFound
from merlin.core.web.assets import seen_other

router = APIRouter(route_class=PageRoute, include_in_schema=False)

# The number of what was asked of the daemon; the page that comes next tells of it.
Asked = Annotated[int, Query(ge=0, le=2**53 - 1)]


@router.get("/admin/asked/{number}")
async def show_asked(visit: Watching, number: Id) -> Response:
    """Return what became of a request, for a script that asks once a second until it ended."""
    asked = await asked_request(visit, number)
    if asked is None:
        raise nowhere()
    return render_fragment(visit, "admin_asked.html", {"asked": asked})


async def submit(visit: PageRequest, act: RequestAct, once: str, back: str) -> Response:
    """Let an act ask the daemon; lead back to `back`, which tells what came of it."""
    asked = await visit.write(act, once=once)
    sign = "&" if "?" in back else "?"
    return seen_other(f"{back}{sign}asked={asked.request_id}")


async def asked_request(visit: PageRequest, number: int) -> dict[str, object] | None:
    """Return a request, why it was refused, and whether somebody serves it.

    None for none that the person may see.
    """

    def look(ctx: Context, actor: Actor) -> dict[str, object]:
        asked = requests.get(ctx, actor, number)
        reason = failure(asked, visit.language)
        return {"request": asked, "reason": reason, "is_served": is_daemon_alive(ctx)}

    if not number:
        return None
    try:
        return await visit.read(look)
    except NotFound:
        return None
