"""Right: who may change what; asked anew by every call, of the object that it is about."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated

from fastapi import Depends
from starlette.requests import Request

from merlin.account.key import Scope
from merlin.account.role import Permission
from merlin.api.caller import Caller, holding, missing_scope
from merlin.api.problems import Problem
from merlin.api.services import ApiServices
from merlin.core.errors import NotFound
from merlin.course.catalogue import Course
from merlin.course.leading import leads

Leading = Annotated[Caller, Depends(holding(Scope.MATERIALS_WRITE))]


def services_of(request: Request) -> ApiServices:
    """Return the api's services."""
    services: ApiServices = request.app.state.services
    return services


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
