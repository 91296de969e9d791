"""People: who is known here; roles given and taken, somebody shut out, the audit.

For admins who are signed in; no key of a program opens any of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from merlin.api.permissions import Keeping, context_of
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
    part,
    read_cursor,
)
from merlin.app import users
from merlin.app.actor import Actor
from merlin.app.context import Context
from merlin.app.users import AuditEntry, UserList, UserView
from merlin.core.permissions import Role

router = APIRouter(prefix="/api", tags=["people"])


class RoleBody(Body):
    """A role; a teacher's has a scope, every other has none."""

    role: Role
    scope: Annotated[Line, Field(min_length=1, max_length=200)] | None = Field(
        default=None, description="a dataset or course"
    )


class AuditList(Shape):
    """What was done, newest first."""

    entries: Sequence[AuditEntry]


async def users_part(ctx: Context, actor: Actor, page: Page, words: str) -> tuple[UserList, str]:
    """Return one part of the people, and the cursor of the next one, "" after the last."""
    limit, after = page.limit or USUAL, read_cursor(page.cursor, int)
    start = max(0, min(int(after[0]), MOST_ID)) if after else 0
    found = await ctx.read(users.list_users, actor, words, start, limit)
    has_more = not words.strip() and start + limit < found.count
    return found, cursor(start + limit) if has_more else ""


@router.get("/users", summary="People", responses=problems(401, 403, 422))
async def list_users(
    request: Request,
    response: Response,
    caller: Keeping,
    page: Annotated[Page, Depends(page_of)],
    query: Sought = "",
) -> UserList:
    """Return one part of them, the newest first; with words whom they name, by id or name."""
    found, following = await users_part(context_of(request), caller.actor, page, query)
    response.headers.update(links(request, following or None))
    return found


@router.get("/users/{user_id}", summary="A person", responses=problems(401, 403, 404, 422))
async def show_user(request: Request, caller: Keeping, user_id: Id) -> UserView:
    """Return one."""
    return await context_of(request).read(users.get, caller.actor, user_id)


@router.post(
    "/users/{user_id}/roles",
    summary="Give a role",
    responses=problems(401, 403, 404, 409, 413, 422),
)
async def grant_role(request: Request, caller: Keeping, user_id: Id, body: RoleBody) -> UserView:
    """Give it, which ends the one before; a teacher's scopes add up. The person is told."""
    ctx = context_of(request)
    return await ctx.write(users.grant_role, caller.actor, user_id, body.role, body.scope)


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
) -> UserView:
    """Take it; what was not there is no error. The person is told."""
    ctx = context_of(request)
    return await ctx.write(users.revoke_role, caller.actor, user_id, scope or None)


@router.post(
    "/users/{user_id}/block",
    summary="Shut somebody out",
    responses=problems(401, 403, 404, 409, 422),
)
async def block_user(request: Request, caller: Keeping, user_id: Id) -> UserView:
    """Answer the person no more; 409 for oneself and for another admin."""
    return await context_of(request).write(users.block, caller.actor, user_id)


@router.post(
    "/users/{user_id}/unblock",
    summary="Let somebody in again",
    responses=problems(401, 403, 404, 409, 422),
)
async def unblock_user(request: Request, caller: Keeping, user_id: Id) -> UserView:
    """Answer the person again."""
    return await context_of(request).write(users.unblock, caller.actor, user_id)


@router.get("/audit", summary="What was done by whom", responses=problems(401, 403, 422))
async def list_audit(
    request: Request,
    response: Response,
    caller: Keeping,
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
    act = partial(users.audit_log, by=by)
    return AuditList(entries=await part(request, response, caller, (page, target), act))
