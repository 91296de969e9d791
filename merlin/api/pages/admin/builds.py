"""Builds: what each teaches and how it differs from the last; verdicts: what each commit led to."""

from __future__ import annotations

from contextlib import suppress
from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from merlin.api.pages.components import next_href
from merlin.api.pages.errors import PageRoute
from merlin.api.pages.page import Watching, render_page
from merlin.api.schema import DatasetName, Name, Part, part
from merlin.app import builds, verdicts
from merlin.app.board import read_commit
from merlin.core.errors import NotFound

router = APIRouter(route_class=PageRoute, include_in_schema=False)

# More ids than these nobody reads on a page; the api tells them all.
MOST_IDS = 200


@router.get("/admin/builds")
async def show_builds(visit: Watching, page: Part, dataset: DatasetName = "") -> Response:
    """Return one part of the builds."""
    found = await part(visit, page, dataset, builds.recent)
    return render_page(visit, "admin_builds.html", {"builds": found, "next_href": next_href(page)})


@router.get("/admin/builds/{version}")
async def show_build(visit: Watching, version: Name) -> Response:
    """Return a build and what it brought."""
    build = await visit.read(builds.get, version)
    diff = None
    with suppress(NotFound):  # the first one has none before it
        before = f"{build.dataset}-{build.number - 1}"
        diff = await visit.read(builds.compare, before, build.version)
    return render_page(visit, "admin_build.html", {"build": build, "diff": diff, "most": MOST_IDS})


Commit = Annotated[str, Query(pattern="^([0-9a-f]{4,64})?$")]


@router.get("/admin/verdicts")
async def show_verdicts(
    visit: Watching, page: Part, dataset: DatasetName = "", commit: Commit = ""
) -> Response:
    """Return the verdicts; of one commit with every step to the model that answers."""
    found = [] if commit else await part(visit, page, dataset, verdicts.recent)
    view = {
        "commit": commit,
        "verdicts": found,
        "opened": await visit.read(read_commit, commit, dataset) if commit else [],
        "next_href": next_href(page),
    }
    return render_page(visit, "admin_verdicts.html", view)
