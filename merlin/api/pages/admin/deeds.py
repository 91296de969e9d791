"""Deeds: the whole audit, who did what that cannot be taken back unseen, the newest first."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Query
from starlette.requests import Request
from starlette.responses import Response

from merlin.account import audit
from merlin.account.people import ERASED
from merlin.api.pages.admin.rooms import rooms
from merlin.api.pages.answering import shown
from merlin.api.pages.frame import Link
from merlin.api.pages.listing import listed
from merlin.api.pages.room import Keeping
from merlin.api.pages.telling import when, word
from merlin.api.pages.trouble import PageRoute
from merlin.api.pages.visit import Visit
from merlin.api.paging import Page, page_of
from merlin.api.routes.people import AuditEntry, list_audit
from merlin.api.shape import LINE
from merlin.core.web.answering import NEVER_KEPT

router = APIRouter(route_class=PageRoute, include_in_schema=False)

Named = Annotated[str, Query(max_length=200, pattern=LINE)]
# Where things that were done to something have a page of their own.
_PAGES = {"user": "/admin/users", "job": "/admin/jobs"}
_LONGEST = 200


@dataclass(frozen=True, slots=True)
class Deed:
    """One thing that was done."""

    at: str
    by: Link
    what: str
    more: str
    target: Link


@dataclass(frozen=True, slots=True)
class DeedsView:
    """One part of the log; `only` says whose or of what these are, "" where they are all."""

    rooms: tuple[Link, ...]
    only: str
    rows: tuple[Deed, ...]
    next_href: str


@router.get("/admin/audit")
async def show_deeds(
    visit: Keeping,
    page: Annotated[Page, Depends(page_of)],
    target: Named = "",
    by: Named = "",
) -> Response:
    """Return one part of the log, of one target or of one person's doing where that is named."""

    async def read(request: Request, response: Response) -> list[AuditEntry]:
        told = await list_audit(request, response, visit.caller, page, target, by)
        return told.entries

    found = await listed(visit, read)
    whose = by or target
    view = DeedsView(
        rooms=rooms(visit),
        only=_called(visit, whose, await _names(visit, {whose})) if whose else "",
        rows=await deeds_of(visit, found.rows),
        next_href=found.next_href,
    )
    return shown(visit, "admin_deeds.html", v=view, keep=NEVER_KEPT)


async def deeds_of(visit: Visit, entries: Sequence[AuditEntry]) -> tuple[Deed, ...]:
    """Return entries of the audit as they are shown, everybody by name."""
    names = await _names(visit, {each for entry in entries for each in (entry.by, entry.target)})
    return tuple(_deed(visit, each, names) for each in entries)


async def _names(visit: Visit, said: Collection[str]) -> Mapping[str, str]:
    """Return what those people are called whom the log names, "user:1001" -> "Анна"."""
    numbers = [int(each.partition(":")[2]) for each in said if _is_person(each)]
    users = visit.services.rows.users

    def read() -> dict[str, str]:
        found = {number: users.get(number) for number in numbers}
        return {
            audit.user(number): user.shown_name or str(number)
            for number, user in found.items()
            if user is not None
        }

    return await visit.services.store.read(read)


def _is_person(said: str) -> bool:
    kind, _, number = said.partition(":")
    return kind == "user" and number.isdecimal()


def _deed(visit: Visit, entry: AuditEntry, names: Mapping[str, str]) -> Deed:
    return Deed(
        at=when(visit, entry.at),
        by=Link(_only("by", entry.by), _called(visit, entry.by, names)),
        what=_words(visit, entry.action),
        more=_more(entry.arguments),
        target=Link(_place(entry.target), _called(visit, entry.target, names)),
    )


def _words(visit: Visit, action: str) -> str:
    """Return what was done in words; the action itself where it has none."""
    said = word(visit, "audit", action.replace(".", "-"))
    return said if said != action.replace(".", "-") else action


def _called(visit: Visit, said: str, names: Mapping[str, str]) -> str:
    """Return what somebody or something is called: "Анна", "работа 3"."""
    if said in names:
        return names[said]
    kind, _, name = said.partition(":")
    if said == ERASED:
        return visit.say("erased")
    return visit.say(f"deed-{kind}", name=name) if kind in _KINDS else said


_KINDS = {"user", "cli", "job", "dataset", "promo", "key", "setting", "broadcast"}


def _more(arguments: Mapping[str, Any]) -> str:
    told = ", ".join(f"{key}: {value}" for key, value in arguments.items() if value is not None)
    return told if len(told) <= _LONGEST else f"{told[:_LONGEST]}…"


def _place(target: str) -> str:
    kind, _, name = target.partition(":")
    if kind in _PAGES and name.isdecimal():
        return f"{_PAGES[kind]}/{name}"
    return _only("target", target)


def _only(what: str, said: str) -> str:
    return f"/admin/audit?{urlencode({what: said})}"
