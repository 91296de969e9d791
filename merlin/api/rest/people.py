"""People: who is known here; roles given and taken, somebody shut out, the audit.

For admins who are signed in; no key of a program opens any of it.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from merlin.account.accounts import Accounts, is_of_telegram
from merlin.account.users import User, Users
from merlin.api.auth import Caller
from merlin.api.permissions import Keeping, services_of
from merlin.api.problems import problems
from merlin.api.schema import (
    LINE,
    MOST_ID,
    USUAL,
    Body,
    Id,
    Line,
    Page,
    Shape,
    Sought,
    cursor,
    links,
    page_of,
    read_cursor,
)
from merlin.api.services import ApiServices
from merlin.app.views import finite
from merlin.core.errors import NotFound, Refused
from merlin.core.permissions import Permission, Role
from merlin.dataset.file_index import FileIndex
from merlin.db import audit
from merlin.db.audit import Audit
from merlin.db.notices import Notices

router = APIRouter(prefix="/api", tags=["people"])


class PersonShown(Shape):
    """One person."""

    id: int
    name: str | None = Field(description="the user name, null without one")
    shown_name: str = Field(description="what Telegram says they are called")
    role: Role
    scopes: list[str] = Field(description="the datasets that a teacher was given")
    plan: str | None = Field(description="null: the usual one")
    terms: list[str] = Field(description="the plans that they have for a time, and now")
    blocked: bool
    reachable: bool


class PersonList(Shape):
    """People, newest first."""

    users: list[PersonShown]
    count: int = Field(description="how many there are in all")


class RoleBody(Body):
    """A role; a teacher's has a scope, every other has none."""

    role: Role
    scope: Annotated[Line, Field(min_length=1, max_length=200)] | None = Field(
        default=None, description="a dataset or course"
    )


class AuditEntry(Shape):
    """One thing that was done."""

    id: int
    at: datetime
    by: str
    action: str
    target: str
    arguments: dict[str, Any]


class AuditList(Shape):
    """What was done, newest first."""

    entries: list[AuditEntry]


@router.get("/users", summary="People", responses=problems(401, 403, 422))
async def list_users(
    request: Request,
    response: Response,
    caller: Keeping,  # noqa: ARG001 - a right
    page: Annotated[Page, Depends(page_of)],
    query: Sought = "",
) -> PersonList:
    """Return one part of them, the newest first; with words whom they name, by id or name."""
    services, limit = services_of(request), page.limit or USUAL
    after = read_cursor(page.cursor, int)
    start = max(0, min(int(after[0]), MOST_ID)) if after else 0

    def found() -> tuple[list[PersonShown], int]:
        register = Users(services.db)
        people = register.find(query, limit) if query.strip() else register.listed(start, limit)
        return [_shown(services, each) for each in people], register.count()

    people, count = await services.store.read(found)
    has_more = not query.strip() and start + limit < count
    response.headers.update(links(request, cursor(start + limit) if has_more else None))
    return PersonList(users=people, count=count)


@router.get("/users/{user_id}", summary="A person", responses=problems(401, 403, 404, 422))
async def show_user(
    request: Request,
    caller: Keeping,  # noqa: ARG001 - a right
    user_id: Id,
) -> PersonShown:
    """Return one."""
    services = services_of(request)
    return await services.store.read(lambda: _shown(services, _known(services, user_id)))


@router.post(
    "/users/{user_id}/roles",
    summary="Give a role",
    responses=problems(401, 403, 404, 409, 413, 422),
)
async def grant_role(request: Request, caller: Keeping, user_id: Id, body: RoleBody) -> PersonShown:
    """Give it, which ends the one before; a teacher's scopes add up. The person is told."""
    services = services_of(request)

    def grant() -> PersonShown:
        person = _another(services, caller, user_id)
        if body.scope is not None:
            _prove_scope(services, body.scope)
        by = audit.person_reference(caller.user_id)
        if services.roles.grant(user_id, body.role, by, body.scope):
            _tell(services, user_id)
        return _shown(services, person)

    return await services.store.do(grant)


@router.delete(
    "/users/{user_id}/roles",
    summary="Take a role away",
    responses=problems(401, 403, 404, 409, 422),
)
async def revoke_role(
    request: Request,
    caller: Keeping,
    user_id: Id,
    scope: Annotated[
        str,
        Query(
            max_length=200,
            pattern=LINE,
            description="one scope of a teacher's; without it the role",
        ),
    ] = "",
) -> PersonShown:
    """Take it; what was not there is no error. The person is told."""
    services = services_of(request)

    def revoke() -> PersonShown:
        person = _another(services, caller, user_id)
        if services.roles.revoke(user_id, audit.person_reference(caller.user_id), scope or None):
            _tell(services, user_id)
        return _shown(services, person)

    return await services.store.do(revoke)


@router.post(
    "/users/{user_id}/block",
    summary="Shut somebody out",
    responses=problems(401, 403, 404, 409, 422),
)
async def block_user(request: Request, caller: Keeping, user_id: Id) -> PersonShown:
    """Answer the person no more; 409 for oneself and for another admin."""
    services = services_of(request)

    def block() -> PersonShown:
        _another(services, caller, user_id)
        if services.roles.standing(user_id).may(Permission.USERS):
            raise Refused("an admin", "people-not-admin")
        Users(services.db).block(user_id, audit.person_reference(caller.user_id))
        return _shown(services, _known(services, user_id))

    return await services.store.do(block)


@router.post(
    "/users/{user_id}/unblock",
    summary="Let somebody in again",
    responses=problems(401, 403, 404, 409, 422),
)
async def unblock_user(request: Request, caller: Keeping, user_id: Id) -> PersonShown:
    """Answer the person again."""
    services = services_of(request)

    def unblock() -> PersonShown:
        by = audit.person_reference(caller.user_id)
        Users(services.db).block(user_id, by, is_blocked=False)
        return _shown(services, _known(services, user_id))

    return await services.store.do(unblock)


@router.get("/audit", summary="What was done by whom", responses=problems(401, 403, 422))
async def list_audit(
    request: Request,
    response: Response,
    caller: Keeping,  # noqa: ARG001 - a right
    page: Annotated[Page, Depends(page_of)],
    target: Annotated[
        str,
        Query(
            max_length=200,
            pattern=LINE,
            description="what it was done to: user:1001, dataset:trial",
        ),
    ] = "",
    by: Annotated[
        str, Query(max_length=200, pattern=LINE, description="who did it: user:1001, cli:root")
    ] = "",
) -> AuditList:
    """Return one part of the entries, the newest first."""
    services, limit = services_of(request), page.limit or USUAL
    after = read_cursor(page.cursor, int)
    before = int(after[0]) if after else 0
    audited = Audit(services.db)
    found = await services.store.read(
        lambda: audited.newest(limit + 1, target or None, by or None, before)
    )
    has_more = len(found) > limit
    response.headers.update(links(request, cursor(found[limit - 1].number) if has_more else None))
    return AuditList(entries=[_entry(each) for each in found[:limit]])


def _entry(entry: audit.Entry) -> AuditEntry:
    return AuditEntry(
        id=entry.number,
        at=entry.at,
        by=entry.by,
        action=entry.action,
        target=entry.target,
        arguments=finite(dict(entry.arguments)),
    )


def _known(services: ApiServices, user_id: int) -> User:
    person = Users(services.db).get(user_id)
    if person is None:
        raise NotFound("nobody", "account-no-user", user=str(user_id))
    return person


def _another(services: ApiServices, caller: Caller, user_id: int) -> User:
    """Return the person. Raises NotFound, Refused for oneself."""
    person = _known(services, user_id)
    if user_id == caller.user_id:
        raise Refused("themselves", "people-not-self")
    return person


def _prove_scope(services: ApiServices, scope: str) -> None:
    """Raise NotFound for a scope that is no dataset."""
    datasets = {each.name for each in FileIndex(services.db).datasets()}
    if scope not in datasets:
        raise NotFound("no dataset", "change-no-dataset", dataset=scope)


def _tell(services: ApiServices, user_id: int) -> None:
    """Tell the person what they are now, where the bot can."""
    if not is_of_telegram(user_id):
        return
    standing = services.roles.standing(user_id)
    role = {"key": f"role-{standing.role.value}", "arguments": {}}
    scopes = ", ".join(sorted(standing.scopes)) or "–"
    key = "notice-role-scopes" if standing.scopes else "notice-role"
    Notices(services.db).tell(str(user_id), key, {"role": role, "scopes": scopes})


def _shown(services: ApiServices, person: User) -> PersonShown:
    standing = services.roles.standing(person.user_id)
    account = Accounts(services.db).of(person.user_id)
    return PersonShown(
        id=person.user_id,
        name=account.name if account else None,
        shown_name=person.shown_name,
        role=standing.role,
        scopes=sorted(standing.scopes),
        plan=person.plan,
        terms=list(person.terms),
        blocked=person.is_blocked,
        reachable=person.is_reachable,
    )
