"""Builds: versions of the training files, what each teaches, and how it differs from the last."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from merlin.api.office.shown import BuildDetails, BuildShown
from merlin.api.pages.admin.rooms import rooms
from merlin.api.pages.answering import shown
from merlin.api.pages.doing import call
from merlin.api.pages.frame import Link
from merlin.api.pages.listing import listed
from merlin.api.pages.room import Watching
from merlin.api.pages.telling import when, whole
from merlin.api.pages.trouble import PageRoute
from merlin.api.pages.visit import Visit
from merlin.api.paging import Page, page_of
from merlin.api.problems import Problem
from merlin.api.routes import builds as routes
from merlin.api.shape import DatasetName, Name

router = APIRouter(route_class=PageRoute, include_in_schema=False)

# More ids than these nobody reads on a page; the api tells them all.
MOST_IDS = 200
_DIGEST = 12


@dataclass(frozen=True, slots=True)
class BuildRow:
    """One build; counts of examples and tokens as they are shown."""

    href: str
    version: str
    train: str
    test: str
    tokens: str
    at: str
    digest: str


@dataclass(frozen=True, slots=True)
class BuildsView:
    """The list."""

    rooms: tuple[Link, ...]
    rows: tuple[BuildRow, ...]
    next_href: str


@dataclass(frozen=True, slots=True)
class Difference:
    """Examples that the build has otherwise than the one before."""

    title: str
    count: str
    ids: tuple[str, ...]
    more: int


@dataclass(frozen=True, slots=True)
class BuildView:
    """A build; `before` is the version it is compared with, "" for the first one."""

    rooms: tuple[Link, ...]
    version: str
    facts: tuple[tuple[str, str], ...]
    system: str
    before: str
    differences: tuple[Difference, ...]
    examples: tuple[tuple[str, str, str], ...]
    more: int
    jobs_href: str


@router.get("/admin/builds")
async def show_builds(
    visit: Watching, page: Annotated[Page, Depends(page_of)], dataset: DatasetName = ""
) -> Response:
    """Return one part of the builds."""

    async def read(request: Request, response: Response) -> list[BuildShown]:
        told = await routes.list_builds(request, response, visit.caller, page, dataset)
        return told.builds

    found = await listed(visit, read)
    rows = tuple(_row(visit, each) for each in found.rows)
    return shown(visit, "admin_builds.html", v=BuildsView(rooms(visit), rows, found.next_href))


@router.get("/admin/builds/{version}")
async def show_build(visit: Watching, version: Name) -> Response:
    """Return a build and what it brought."""
    build = await routes.show_build(await call(visit), visit.caller, version)
    before, differences = await _compared(visit, build)
    row = _row(visit, build)
    facts = (
        (visit.say("train-examples"), row.train),
        (visit.say("test-examples"), row.test),
        (visit.say("tokens"), row.tokens),
        (visit.say("made"), row.at),
        ("sha256", row.digest),
    )
    view = BuildView(
        rooms=rooms(visit),
        version=build.version,
        facts=facts,
        system=build.system,
        before=before,
        differences=differences,
        examples=tuple(
            (each.id, visit.say(f"split-{each.split}"), each.author)
            for each in build.examples[:MOST_IDS]
        ),
        more=max(len(build.examples) - MOST_IDS, 0),
        jobs_href=f"/admin/jobs?dataset={build.dataset}",
    )
    return shown(visit, "admin_build.html", v=view)


async def _compared(visit: Visit, build: BuildDetails) -> tuple[str, tuple[Difference, ...]]:
    before = f"{build.dataset}-{build.number - 1}"
    try:
        told = await routes.compare_builds(await call(visit), visit.caller, before, build.version)
    except Problem:
        return "", ()
    kinds = {
        "added": told.added,
        "changed": told.changed,
        "removed": told.removed,
        "moved": told.moved,
    }
    return before, tuple(
        Difference(
            visit.say(f"diff-{name}"),
            whole(visit, len(ids)),
            tuple(ids[:MOST_IDS]),
            max(len(ids) - MOST_IDS, 0),
        )
        for name, ids in kinds.items()
        if ids
    )


def _row(visit: Visit, build: BuildShown) -> BuildRow:
    return BuildRow(
        href=f"/admin/builds/{build.version}",
        version=build.version,
        train=whole(visit, build.train),
        test=whole(visit, build.test),
        tokens=whole(visit, build.train_tokens + build.test_tokens),
        at=when(visit, build.created_at),
        digest=f"{build.digest[:_DIGEST]}…",
    )
