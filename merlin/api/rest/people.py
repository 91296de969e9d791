"""Users: list, roles, blocking, the audit log.

For signed-in admins; API keys have no access.
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from operator import attrgetter
from typing import Annotated

from fastapi import Query
from pydantic import Field
from typing_extensions import TypedDict

from merlin.api.auth import Caller, UserAdmin
from merlin.api.problems import problems
from merlin.api.schema import (
    LINE,
    Body,
    Id,
    Line,
    Page,
    Part,
    SearchQuery,
    operation_router,
    part,
    read_cursor,
)
from merlin.app import users
from merlin.app.users import AuditEntry, UserList, UserView
from merlin.core.permissions import Role

router = operation_router(prefix="/api", tags=["people"])


class RoleBody(Body):
    """A role; only `teacher` has a scope."""

    role: Role
    scope: Annotated[Line, Field(min_length=1, max_length=200)] | None = Field(
        default=None, description="Dataset or course, for the role `teacher`."
    )


AuditList = TypedDict("AuditList", {"entries": Sequence[AuditEntry]})


async def users_part(caller: Caller, page: Page, query: str) -> UserList:
    """Return one part of the users and set the Link header."""
    if query.strip():
        page.set_next_cursor("")
        return await caller.read(users.list_users, caller.actor, query, limit=page.size)
    after = read_cursor(page.cursor, str, int)
    found = await caller.read(users.list_users, caller.actor, limit=page.size + 1, after=after)
    part_views = page.take_part(found.users, attrgetter("first_seen_at"), attrgetter("id"))
    return replace(found, users=[*part_views])


@router.get("/users", summary="List users")
async def list_users(caller: UserAdmin, page: Part, query: SearchQuery = "") -> UserList:
    """Return the users, newest first; `query` matches ids and names."""
    return await users_part(caller, page, query)


@router.get("/users/{user_id}", summary="Get a user")
async def show_user(caller: UserAdmin, user_id: Id) -> UserView:
    """Return a user."""
    return await caller.read(users.get, caller.actor, user_id)


@router.post("/users/{user_id}/roles", summary="Grant a role", responses=problems(409))
async def grant_role(caller: UserAdmin, user_id: Id, body: RoleBody) -> UserView:
    """Grant a role, which replaces the previous one; scopes of a teacher are added up.

    The user is notified.
    """
    return await caller.write(users.grant_role, caller.actor, user_id, body.role, body.scope)


@router.delete("/users/{user_id}/roles", summary="Revoke a role", responses=problems(409))
async def revoke_role(
    caller: UserAdmin,
    user_id: Id,
    scope: Annotated[
        str,
        Query(
            max_length=200,
            pattern=LINE,
            description="Revoke only this scope of a teacher; by default, the whole role.",
        ),
    ] = "",
) -> UserView:
    """Revoke a role, and notify the user; no effect if the user does not have it."""
    return await caller.write(users.revoke_role, caller.actor, user_id, scope or None)


@router.post("/users/{user_id}/block", summary="Block a user", responses=problems(409))
async def block_user(caller: UserAdmin, user_id: Id) -> UserView:
    """Block a user; 409 for yourself and for another admin."""
    return await caller.write(users.block, caller.actor, user_id)


@router.post("/users/{user_id}/unblock", summary="Unblock a user", responses=problems(409))
async def unblock_user(caller: UserAdmin, user_id: Id) -> UserView:
    """Unblock a user."""
    return await caller.write(users.unblock, caller.actor, user_id)


@router.get("/audit", summary="List audit log entries")
async def list_audit(
    caller: UserAdmin,
    page: Part,
    target: Annotated[
        str,
        Query(
            max_length=200,
            pattern=LINE,
            description="Return only entries with this target, such as `dataset:trial`.",
        ),
    ] = "",
    by: Annotated[
        str,
        Query(
            max_length=200,
            pattern=LINE,
            description="Return only actions by this author, such as `user:1001` or `cli:root`.",
        ),
    ] = "",
) -> AuditList:
    """Return the entries of the audit log, newest first."""
    return {"entries": await part(caller, page, target, partial(users.list_audit, by=by))}
