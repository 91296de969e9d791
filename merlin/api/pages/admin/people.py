"""People: who is known here, their role, what is left to them; and the audit, the newest first.

Each change of a person is asked twice.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any, Literal
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Form, Query
from starlette.requests import Request
from starlette.responses import Response

from merlin.account.users import ERASED, Users
from merlin.api.pages.actions import (
    REFUSALS,
    Mark,
    as_api_request,
    as_response,
    call_route,
    refusal_text,
)
from merlin.api.pages.admin.page import rooms
from merlin.api.pages.components import listed
from merlin.api.pages.errors import PageRoute
from merlin.api.pages.page import Keeping, Link, PageRequest, nowhere, render_page, when, word
from merlin.api.rest import people as routes
from merlin.api.rest.people import AuditEntry, PersonShown, list_audit
from merlin.api.schema import LINE, Id, Page, Sought, page_of
from merlin.billing.plan import Format, plan_of
from merlin.billing.quota import MOST, Gift, Quotas
from merlin.core.clock import zone_of
from merlin.core.errors import NotFound
from merlin.core.permissions import Permission, Role
from merlin.core.web.assets import NEVER_KEPT, seen_other
from merlin.core.web.templates import Badge
from merlin.dataset.file_index import FileIndex
from merlin.db import audit
from merlin.db.notices import Notices

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
    return render_page(visit, "admin_deeds.html", v=view, keep=NEVER_KEPT)


async def deeds_of(visit: PageRequest, entries: Sequence[AuditEntry]) -> tuple[Deed, ...]:
    """Return entries of the audit as they are shown, everybody by name."""
    names = await _names(visit, {each for entry in entries for each in (entry.by, entry.target)})
    return tuple(_deed(visit, each, names) for each in entries)


async def _names(visit: PageRequest, said: Collection[str]) -> Mapping[str, str]:
    """Return what those people are called whom the log names, "user:1001" -> "Анна"."""
    numbers = [int(each.partition(":")[2]) for each in said if _is_person(each)]
    users = Users(visit.services.db)

    def read() -> dict[str, str]:
        found = {number: users.get(number) for number in numbers}
        return {
            audit.person_reference(number): user.shown_name or str(number)
            for number, user in found.items()
            if user is not None
        }

    return await visit.services.store.read(read)


def _is_person(said: str) -> bool:
    kind, _, number = said.partition(":")
    return kind == "user" and number.isdecimal()


def _deed(visit: PageRequest, entry: AuditEntry, names: Mapping[str, str]) -> Deed:
    return Deed(
        at=when(visit, entry.at),
        by=Link(_only("by", entry.by), _called(visit, entry.by, names)),
        what=_words(visit, entry.action),
        more=_more(entry.arguments),
        target=Link(_place(entry.target), _called(visit, entry.target, names)),
    )


def _words(visit: PageRequest, action: str) -> str:
    """Return what was done in words; the action itself where it has none."""
    said = word(visit, "audit", action.replace(".", "-"))
    return said if said != action.replace(".", "-") else action


def _called(visit: PageRequest, said: str, names: Mapping[str, str]) -> str:
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


_ENTRIES = 20
_DAYS = (7, 30, 90, 365, 0)


@dataclass(frozen=True, slots=True)
class PersonRow:
    """One person in the list."""

    href: str
    title: str
    about: str
    role: str
    is_plain: bool
    is_blocked: bool


@dataclass(frozen=True, slots=True)
class PeopleView:
    """The list; `count` says how many there are in all."""

    rooms: tuple[Link, ...]
    query: str
    count: str
    rows: tuple[PersonRow, ...]
    next_href: str


@dataclass(frozen=True, slots=True)
class PersonView:
    """A person; `wrong` says why one did nothing."""

    rooms: tuple[Link, ...]
    user_id: int
    title: str
    role: str
    chips: tuple[Badge, ...]
    facts: tuple[tuple[str, str], ...]
    left: tuple[tuple[str, str], ...]
    scopes: tuple[str, ...]
    roles: tuple[tuple[str, str, bool], ...]
    datasets: tuple[str, ...]
    formats: tuple[tuple[str, str], ...]
    days: tuple[tuple[int, str], ...]
    is_self: bool
    is_blocked: bool
    may_block: bool
    may_gift: bool
    most: int
    entries: tuple[Deed, ...]
    wrong: str


@router.get("/admin/users")
async def show_people(
    visit: Keeping, page: Annotated[Page, Depends(page_of)], query: Sought = ""
) -> Response:
    """Return one part of the people, or those whom some words name."""
    count = 0

    async def read(request: Request, response: Response) -> list[PersonShown]:
        nonlocal count
        told = await routes.list_users(request, response, visit.caller, page, query)
        count = told.count
        return told.users

    found = await listed(visit, read)
    view = PeopleView(
        rooms=rooms(visit),
        query=query,
        count=visit.say("people-count", count=count),
        rows=tuple(_row(visit, each) for each in found.rows),
        next_href=found.next_href,
    )
    return render_page(visit, "admin_users.html", v=view, keep=NEVER_KEPT)


@router.get("/admin/users/{user_id}")
async def show_person(
    visit: Keeping, user_id: Id, said: Annotated[str, Query(pattern="^[a-z]{0,10}$")] = ""
) -> Response:
    """Return a person; `said` is what was done a moment ago."""
    return await _page(visit, user_id, said=said)


@router.post("/admin/users/{user_id}/role")
async def set_role(
    visit: Keeping,
    user_id: Id,
    once: Mark,
    role: Annotated[Role, Form()],
    scope: Annotated[str, Form(max_length=200)] = "",
) -> Response:
    """Give a role; a teacher's is for a course."""
    where = scope if role is Role.TEACHER and scope else None

    async def deed(request: Request) -> PersonShown:
        body = routes.RoleBody(role=role, scope=where)
        return await routes.grant_role(request, visit.caller, user_id, body)

    return await _act(visit, user_id, once, deed)


@router.post("/admin/users/{user_id}/scope")
async def take_scope(
    visit: Keeping, user_id: Id, once: Mark, scope: Annotated[str, Form(max_length=200)]
) -> Response:
    """Take one course from a teacher."""

    async def deed(request: Request) -> PersonShown:
        return await routes.revoke_role(request, visit.caller, user_id, scope)

    return await _act(visit, user_id, once, deed)


@router.post("/admin/users/{user_id}/gifts")
async def give(
    visit: Keeping,
    user_id: Id,
    once: Mark,
    kind: Annotated[Format, Form()],
    amount: Annotated[int, Form(ge=1, le=MOST)],
    days: Annotated[int, Form(ge=0, le=36_500)] = 30,
) -> Response:
    """Give questions beyond the plan; pressed twice, they are given once."""
    services = visit.services
    if not visit.caller.may(Permission.GIFTS):
        raise nowhere()
    until = services.clock() + timedelta(days=days) if days else None
    gift = Gift(
        user_id,
        kind,
        amount,
        audit.person_reference(visit.caller.user_id),
        "",
        until,
        f"page:{once}",
    )
    told = {"amount": amount, "format": {"key": f"format-{kind.value}", "arguments": {}}}

    def put() -> None:
        if Users(services.db).get(user_id) is None:
            raise nowhere()
        Quotas(services.db, services.bot_id).give(gift)
        Notices(services.db).tell(str(user_id), "notice-gift", told, once=f"gift:{gift.key}")

    await services.store.do(put)
    return seen_other(f"/admin/users/{user_id}?said=given")


@router.post("/admin/users/{user_id}/{act}")
async def block(
    visit: Keeping, user_id: Id, act: Literal["block", "unblock"], once: Mark
) -> Response:
    """Shut somebody out, or let them in again."""
    route = routes.block_user if act == "block" else routes.unblock_user

    async def deed(request: Request) -> PersonShown:
        return await route(request, visit.caller, user_id)

    return await _act(visit, user_id, once, deed)


async def _act(
    visit: PageRequest, user_id: int, once: str, deed: Callable[[Request], Awaitable[PersonShown]]
) -> Response:
    async def answered(request: Request) -> Response:
        return as_response(await deed(request))

    try:
        await call_route(visit, once, answered)
    except REFUSALS as error:
        return await _page(visit, user_id, refusal_text(visit, error))
    return seen_other(f"/admin/users/{user_id}?said=done")


async def _page(visit: PageRequest, user_id: int, wrong: str = "", said: str = "") -> Response:
    try:
        person = await routes.show_user(await as_api_request(visit), visit.caller, user_id)
    except NotFound:
        raise nowhere() from None
    whose, part = audit.person_reference(user_id), Page(_ENTRIES)
    audited = await routes.list_audit(
        await as_api_request(visit), Response(), visit.caller, part, whose
    )
    is_self, caller = user_id == visit.caller.user_id, visit.caller
    view = PersonView(
        rooms=rooms(visit),
        user_id=user_id,
        title=_title(visit, person),
        role=visit.say(f"role-{person.role.value}"),
        chips=tuple(_chips(visit, person)),
        facts=tuple(_facts(visit, person)),
        left=await _left(visit, person),
        scopes=tuple(person.scopes),
        roles=tuple((e.value, visit.say(f"role-{e.value}"), e is person.role) for e in Role),
        datasets=await _datasets(visit),
        formats=tuple((each.value, visit.say(f"format-{each.value}")) for each in Format),
        days=tuple((each, _days(visit, each)) for each in _DAYS),
        is_self=is_self,
        is_blocked=person.blocked,
        may_block=not is_self and (person.blocked or person.role is not Role.ADMIN),
        may_gift=caller.may(Permission.GIFTS),
        most=MOST,
        entries=await deeds_of(visit, audited.entries),
        wrong=wrong,
    )
    words = visit.say(f"said-{said}") if said in {"done", "given"} else ""
    status = 409 if wrong else 200
    return render_page(visit, "admin_user.html", v=view, told=words, status=status, keep=NEVER_KEPT)


def _title(visit: PageRequest, person: PersonShown) -> str:
    return person.shown_name or person.name or visit.say("nameless")


def _row(visit: PageRequest, person: PersonShown) -> PersonRow:
    said = [str(person.id), *([person.name] if person.name and person.shown_name else [])]
    said.extend(person.scopes)
    return PersonRow(
        href=f"/admin/users/{person.id}",
        title=_title(visit, person),
        about=" · ".join(said),
        role=visit.say(f"role-{person.role.value}"),
        is_plain=person.role is Role.STUDENT,
        is_blocked=person.blocked,
    )


def _chips(visit: PageRequest, person: PersonShown) -> list[Badge]:
    chips = []
    if person.blocked:
        chips.append(Badge("bad", "close", visit.say("blocked")))
    if not person.reachable:
        chips.append(Badge("warn", "warn", visit.say("unreachable")))
    return chips


def _facts(visit: PageRequest, person: PersonShown) -> list[tuple[str, str]]:
    services = visit.services
    plan = (
        plan_of(services.plans, [person.plan or "", *person.terms]).titled(visit.language)
        if services.plans
        else "–"
    )
    return [
        (visit.say("telegram-id"), str(person.id)),
        (visit.say("user-name"), person.name or "–"),
        (visit.say("plan"), plan),
    ]


async def _left(visit: PageRequest, person: PersonShown) -> tuple[tuple[str, str], ...]:
    services = visit.services
    if not services.plans:
        return ()
    user = await services.store.read(lambda: Users(services.db).get(person.id))
    zone = zone_of((user.zone if user else None) or services.timezone)
    plan = plan_of(services.plans, [person.plan or "", *person.terms])
    left = await services.store.read(
        lambda: Quotas(services.db, services.bot_id).left(person.id, plan, zone)
    )
    told = []
    for each in left.values():
        said = visit.say("left-any")
        if each.remaining is not None:
            said = visit.say("some-of", here=each.remaining, total=each.limit or 0)
        told.append((visit.say(f"format-{each.kind.value}"), said))
    return tuple(told)


async def _datasets(visit: PageRequest) -> tuple[str, ...]:
    library = FileIndex(visit.services.db)
    found = await visit.services.store.read(library.datasets)
    return tuple(each.name for each in found)


def _days(visit: PageRequest, days: int) -> str:
    return visit.say("days", count=days) if days else visit.say("for-ever")
