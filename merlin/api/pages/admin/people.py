"""Users: roles, quotas, blocking; the audit log.

Each change needs confirmation.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Annotated, Concatenate, Literal, ParamSpec

from fastapi import Form, Query
from starlette.responses import Response

from merlin.account.users import ERASED
from merlin.api.pages.errors import page_router
from merlin.api.pages.formatting import next_href
from merlin.api.pages.page import (
    PageContext,
    UserAdminContext,
    render_page,
)
from merlin.api.schema import LINE, Id, Pagination, Part, SearchQuery, part
from merlin.app import users
from merlin.app.actor import Actor
from merlin.app.context import Context
from merlin.app.users import UserList
from merlin.core.permissions import Role
from merlin.core.web.assets import seen_other

router = page_router()

Named = Annotated[str, Query(max_length=200, pattern=LINE)]
P = ParamSpec("P")


@router.get("/admin/audit")
async def show_audit(
    context: UserAdminContext, page: Part, target: Named = "", by: Named = ""
) -> Response:
    """Return one part of the audit log, of one target or one person's actions if given."""
    reference = by or target
    entries = await part(context, page, target, partial(users.list_audit, by=by))
    names = (
        await context.services.read(users.find_display_names, [reference])
        if reference
        else {}
    )
    view = {
        "whose": reference,
        "name": names.get(reference),
        "entries": entries,
        "erased": ERASED,
        "next_href": next_href(page),
    }
    return render_page(context, "admin_audit.html", view)


async def _users_part(context: PageContext, page: Pagination, query: str) -> UserList:
    """Return one part of the users and set the Link header."""
    offset = page.after(0)
    limit = page.size + 1
    found = await context.read(users.list_users, context.actor, query, offset, limit)
    part_views = page.take_part(found.users, lambda _: offset + page.size)
    return replace(found, users=[*part_views])


@router.get("/admin/users")
async def show_people(
    context: UserAdminContext, page: Part, query: SearchQuery = ""
) -> Response:
    """Return one part of the users, or those that match a query."""
    page_view = await _users_part(context, page, query)
    view = {"query": query, "people": page_view, "next_href": next_href(page)}
    return render_page(context, "admin_users.html", view)


@router.get("/admin/users/{user_id}")
async def show_person(
    context: UserAdminContext,
    user_id: Id,
    said: Annotated[str, Query(pattern="^[a-z]{0,10}$")] = "",
) -> Response:
    """Return a user; `said` names the action just done."""
    person = await context.read(users.read_details, context.actor, user_id)
    is_self = user_id == context.user_id
    view = {
        "person": person,
        "roles": list(Role),
        "datasets": await context.read(users.list_grantable_scopes, context.actor),
        "is_self": is_self,
        "may_block": not is_self and (person.blocked or person.role is not Role.ADMIN),
        "erased": ERASED,
        "result": context.say("result-done") if said == "done" else "",
    }
    return render_page(context, "admin_user.html", view)


@router.post("/admin/users/{user_id}/role")
async def set_role(
    context: UserAdminContext,
    user_id: Id,
    role: Annotated[Role, Form()],
    scope: Annotated[str, Form(max_length=200)] = "",
) -> Response:
    """Grant a role; a teacher's is for a course."""
    granted_scope = scope if role is Role.TEACHER and scope else None
    return await _act(context, users.grant_role, user_id, role, granted_scope)


@router.post("/admin/users/{user_id}/scope")
async def revoke_scope(
    context: UserAdminContext,
    user_id: Id,
    scope: Annotated[str, Form(max_length=200)],
) -> Response:
    """Revoke a teacher's role for one course."""
    return await _act(context, users.revoke_role, user_id, scope)


@router.post("/admin/users/{user_id}/{act}")
async def block(
    context: UserAdminContext, user_id: Id, act: Literal["block", "unblock"]
) -> Response:
    """Block or unblock a user."""
    return await _act(
        context, users.block if act == "block" else users.unblock, user_id
    )


async def _act(
    context: PageContext,
    act: Callable[Concatenate[Context, Actor, int, P], object],
    user_id: int,
    *args: P.args,
    **named: P.kwargs,
) -> Response:
    await context.write(act, context.actor, user_id, *args, **named)
    return seen_other(f"/admin/users/{user_id}?said=done")
