"""People: who is known here, their role, what is left to them; and the audit, the newest first.

Each change of a person is asked twice.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any, Concatenate, Literal, ParamSpec
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Form, Query
from starlette.responses import Response

from merlin.account.users import ERASED
from merlin.api.pages.admin.page import admin_links
from merlin.api.pages.components import next_href
from merlin.api.pages.errors import PageRoute
from merlin.api.pages.forms import Mark, refusal_text
from merlin.api.pages.page import Keeping, Link, PageRequest, render_page, state_text, when
from merlin.api.rest.people import users_part
from merlin.api.schema import LINE, Id, Page, Sought, page_of, page_part
from merlin.app import users
from merlin.app.actor import Actor
from merlin.app.context import Context
from merlin.app.idempotency import perform_once
from merlin.app.users import AuditEntry, UserDetails, UserView
from merlin.billing.plan import Format, plan_named
from merlin.billing.quota import MOST
from merlin.core.errors import Refused
from merlin.core.permissions import Permission, Role
from merlin.core.web.assets import NEVER_KEPT, seen_other
from merlin.core.web.templates import Badge

router = APIRouter(route_class=PageRoute, include_in_schema=False)

Named = Annotated[str, Query(max_length=200, pattern=LINE)]
# Where things that were done to something have a page of their own.
_PAGES = {"user": "/admin/users", "job": "/admin/jobs"}
_LONGEST = 200
P = ParamSpec("P")


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
    ctx, actor, whose = visit.context, visit.caller.actor, by or target
    act = partial(users.audit_log, by=by)
    found, cursor = await page_part(ctx, actor, page, target, act)
    names = await ctx.read(users.display_names, [whose]) if whose else {}
    view = DeedsView(
        rooms=admin_links(visit),
        only=_called(visit, whose, names.get(whose)) if whose else "",
        rows=deeds_of(visit, found),
        next_href=next_href(visit, cursor),
    )
    return render_page(visit, "admin_deeds.html", v=view, keep=NEVER_KEPT)


def deeds_of(visit: PageRequest, entries: Sequence[AuditEntry]) -> tuple[Deed, ...]:
    """Return entries of the audit as they are shown, everybody by name."""
    return tuple(_deed(visit, each) for each in entries)


def _deed(visit: PageRequest, entry: AuditEntry) -> Deed:
    return Deed(
        at=when(visit, entry.at),
        by=Link(_only("by", entry.by), _called(visit, entry.by, entry.by_name)),
        what=_words(visit, entry.action),
        more=_more(entry.arguments),
        target=Link(_place(entry.target), _called(visit, entry.target, entry.target_name)),
    )


def _words(visit: PageRequest, action: str) -> str:
    """Return what was done in words; the action itself where it has none."""
    said = state_text(visit, "audit", action.replace(".", "-"))
    return said if said != action.replace(".", "-") else action


def _called(visit: PageRequest, said: str, person: str | None) -> str:
    """Return what somebody or something is called: "Анна", "работа 3"."""
    kind, _, name = said.partition(":")
    if person is not None:
        return person or name
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
    found, cursor = await users_part(visit.context, visit.caller.actor, page, query)
    view = PeopleView(
        rooms=admin_links(visit),
        query=query,
        count=visit.say("people-count", count=found.count),
        rows=tuple(_row(visit, each) for each in found.users),
        next_href=next_href(visit, cursor),
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
    return await _act(visit, once, users.grant_role, user_id, role, where)


@router.post("/admin/users/{user_id}/scope")
async def take_scope(
    visit: Keeping, user_id: Id, once: Mark, scope: Annotated[str, Form(max_length=200)]
) -> Response:
    """Take one course from a teacher."""
    return await _act(visit, once, users.revoke_role, user_id, scope)


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
    gift = partial(users.give_questions, kind=kind, amount=amount, days=days, once=f"page:{once}")
    await visit.context.write(gift, visit.caller.actor, user_id)
    return seen_other(f"/admin/users/{user_id}?said=given")


@router.post("/admin/users/{user_id}/{act}")
async def block(
    visit: Keeping, user_id: Id, act: Literal["block", "unblock"], once: Mark
) -> Response:
    """Shut somebody out, or let them in again."""
    return await _act(visit, once, users.block if act == "block" else users.unblock, user_id)


async def _act(
    visit: PageRequest,
    once: str,
    act: Callable[Concatenate[Context, Actor, int, P], object],
    user_id: int,
    *args: P.args,
    **named: P.kwargs,
) -> Response:
    actor = visit.caller.actor
    try:
        await visit.context.write(perform_once, actor, once, act, user_id, *args, **named)
    except Refused as error:
        return await _page(visit, user_id, refusal_text(visit, error))
    return seen_other(f"/admin/users/{user_id}?said=done")


async def _page(visit: PageRequest, user_id: int, wrong: str = "", said: str = "") -> Response:
    def read(ctx: Context, actor: Actor) -> tuple[UserDetails, list[str]]:
        return users.details(ctx, actor, user_id), users.grantable_scopes(ctx, actor)

    caller = visit.caller
    person, datasets = await visit.context.read(read, caller.actor)
    is_self = user_id == caller.user_id
    view = PersonView(
        rooms=admin_links(visit),
        user_id=user_id,
        title=_title(visit, person),
        role=visit.say(f"role-{person.role.value}"),
        chips=tuple(_chips(visit, person)),
        facts=tuple(_facts(visit, person)),
        left=_left(visit, person),
        scopes=tuple(person.scopes),
        roles=tuple((e.value, visit.say(f"role-{e.value}"), e is person.role) for e in Role),
        datasets=tuple(datasets),
        formats=tuple((each.value, visit.say(f"format-{each.value}")) for each in Format),
        days=tuple((each, _days(visit, each)) for each in _DAYS),
        is_self=is_self,
        is_blocked=person.blocked,
        may_block=not is_self and (person.blocked or person.role is not Role.ADMIN),
        may_gift=caller.may(Permission.GIFTS),
        most=MOST,
        entries=deeds_of(visit, person.entries),
        wrong=wrong,
    )
    words = visit.say(f"said-{said}") if said in {"done", "given"} else ""
    status = 409 if wrong else 200
    return render_page(visit, "admin_user.html", v=view, told=words, status=status, keep=NEVER_KEPT)


def _title(visit: PageRequest, person: UserView) -> str:
    return person.shown_name or person.name or visit.say("nameless")


def _row(visit: PageRequest, person: UserView) -> PersonRow:
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


def _chips(visit: PageRequest, person: UserView) -> list[Badge]:
    chips = []
    if person.blocked:
        chips.append(Badge("bad", "close", visit.say("blocked")))
    if not person.reachable:
        chips.append(Badge("warn", "warn", visit.say("unreachable")))
    return chips


def _facts(visit: PageRequest, person: UserView) -> list[tuple[str, str]]:
    plan = plan_named(visit.services.plans, person.current_plan)
    return [
        (visit.say("telegram-id"), str(person.id)),
        (visit.say("user-name"), person.name or "–"),
        (visit.say("plan"), plan.titled(visit.language) if plan else "–"),
    ]


def _left(visit: PageRequest, person: UserDetails) -> tuple[tuple[str, str], ...]:
    if not person.current_plan:
        return ()
    told = []
    for each in person.left.values():
        said = visit.say("left-any")
        if each.remaining is not None:
            said = visit.say("some-of", here=each.remaining, total=each.limit or 0)
        told.append((visit.say(f"format-{each.kind.value}"), said))
    return tuple(told)


def _days(visit: PageRequest, days: int) -> str:
    return visit.say("days", count=days) if days else visit.say("for-ever")
