"""What a caller may see and do: of the pipeline, and as a teacher of a course.

It is asked anew by every call, of the object that the call is about.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated

from fastapi import Depends
from starlette.requests import Request

from merlin.account.api_keys import Scope
from merlin.api.auth import Caller, Person, missing_scope, require_access
from merlin.api.problems import Problem
from merlin.api.services import ApiServices
from merlin.app.context import Context
from merlin.app.permissions import leads
from merlin.core.errors import NotFound
from merlin.core.permissions import Permission
from merlin.course.catalogue import Course

Leading = Annotated[Caller, Depends(require_access(Scope.MATERIALS_WRITE))]


def services_of(request: Request) -> ApiServices:
    """Return the api's services."""
    services: ApiServices = request.app.state.services
    return services


def context_of(request: Request) -> Context:
    """Return what acts work with."""
    return services_of(request).context


async def led(request: Request, caller: Caller, course_id: int) -> Course:
    """Return a course that the caller leads.

    Raises Problem 404 for one that is not there for them, 403 for one that others lead.
    """
    services = services_of(request)
    need(caller, Scope.MATERIALS_WRITE)

    def found() -> tuple[Course, bool]:
        try:
            course = services.rows.courses.numbered(course_id)
        except NotFound:
            raise Problem(HTTPStatus.NOT_FOUND, "not-found") from None
        return course, leads(caller.standing, account_name(services, caller), course)

    course, is_theirs = await services.store.read(found)
    if not is_theirs:
        known = "forbidden" if course.is_active else "not-found"
        status = HTTPStatus.FORBIDDEN if course.is_active else HTTPStatus.NOT_FOUND
        raise Problem(status, known)
    return course


def account_name(services: ApiServices, caller: Caller) -> str:
    """Return the caller's account name, "" without one; to be called within the store's work."""
    account = services.rows.accounts.of(caller.user_id)
    return account.name if account else ""


def need(caller: Caller, scope: Scope) -> None:
    """Raise Problem 403 where the caller's key was not made for this."""
    if not caller.has(scope):
        raise missing_scope(scope)


def may_edit(services: ApiServices, caller: Caller, dataset: str) -> bool:
    """Return whether the caller may change the examples of a dataset, within the store's work.

    Those who lead its course may, too.
    """
    if caller.may(Permission.EDIT_EXAMPLES, dataset):
        return True
    try:
        course = services.rows.courses.course(dataset)
    except NotFound:
        return False
    return leads(caller.standing, account_name(services, caller), course)


# Those who may watch anything; of what, the acts say.
Watching = Annotated[Caller, Depends(require_access(Scope.JOBS_READ, Permission.WATCH))]
Launching = Annotated[Caller, Depends(require_access(Scope.JOBS_ADMIN, Permission.LAUNCH))]
Promoting = Annotated[Caller, Depends(require_access(Scope.JOBS_ADMIN, Permission.PROMOTE))]
Caring = Annotated[Caller, Depends(require_access(Scope.JOBS_READ, Permission.USERS))]


async def _keeping(caller: Person) -> Caller:
    """Return somebody who keeps the people. Raises Problem 403; no key opens this."""
    if not caller.may(Permission.USERS):
        raise Problem(HTTPStatus.FORBIDDEN, "forbidden")
    return caller


Keeping = Annotated[Caller, Depends(_keeping)]
