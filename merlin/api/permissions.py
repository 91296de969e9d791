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
from merlin.core.permissions import Permission

Leading = Annotated[Caller, Depends(require_access(Scope.MATERIALS_WRITE))]


def services_of(request: Request) -> ApiServices:
    """Return the api's services."""
    services: ApiServices = request.app.state.services
    return services


def context_of(request: Request) -> Context:
    """Return what acts work with."""
    return services_of(request)


def need(caller: Caller, scope: Scope) -> None:
    """Raise Problem 403 where the caller's key was not made for this."""
    if not caller.has(scope):
        raise missing_scope(scope)


# Those who may watch anything; of what, the acts say.
Watching = Annotated[Caller, Depends(require_access(Scope.JOBS_READ, Permission.WATCH))]
Launching = Annotated[Caller, Depends(require_access(Scope.JOBS_ADMIN, Permission.LAUNCH))]
Promoting = Annotated[Caller, Depends(require_access(Scope.JOBS_ADMIN, Permission.PROMOTE))]
Caring = Annotated[Caller, Depends(require_access(Scope.JOBS_READ, Permission.USERS))]


async def _people_admin(caller: Person) -> Caller:
    """Return somebody who keeps the people. Raises Problem 403; no key opens this."""
    if not caller.may(Permission.USERS):
        raise Problem(HTTPStatus.FORBIDDEN, "forbidden")
    return caller


Keeping = Annotated[Caller, Depends(_people_admin)]
