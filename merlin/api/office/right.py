"""Right: whose pipeline a caller may watch, and change."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from typing import Annotated

from fastapi import Depends
from starlette.requests import Request

from merlin.account.key import Scope
from merlin.account.role import Permission, Role
from merlin.api.caller import Caller, Person, holding
from merlin.api.office.pipeline import Pipeline, Shown
from merlin.api.problems import Problem
from merlin.api.teaching.right import services_of
from merlin.core.errors import NotFound

# Those who may watch anything; of what, `watched` says.
Watching = Annotated[Caller, Depends(holding(Scope.JOBS_READ, Permission.WATCH))]
Launching = Annotated[Caller, Depends(holding(Scope.JOBS_ADMIN, Permission.LAUNCH))]
Promoting = Annotated[Caller, Depends(holding(Scope.JOBS_ADMIN, Permission.PROMOTE))]
Caring = Annotated[Caller, Depends(holding(Scope.JOBS_READ, Permission.USERS))]


async def _keeping(caller: Person) -> Caller:
    """Return somebody who keeps the people. Raises Problem 403; no key opens this."""
    if not caller.may(Permission.USERS):
        raise Problem(HTTPStatus.FORBIDDEN, "forbidden")
    return caller


Keeping = Annotated[Caller, Depends(_keeping)]


def pipeline_of(request: Request) -> Pipeline:
    """Return what is read of the pipeline."""
    pipeline = services_of(request).pipeline
    if pipeline is None:
        raise Problem(HTTPStatus.NOT_FOUND, "not-found")
    return pipeline


async def found(
    request: Request,
    caller: Caller,
    read: Callable[[], Shown],
    permission: Permission = Permission.WATCH,
) -> Shown:
    """Return what `read` finds of a dataset in which the caller may do this.

    Raises Problem 404, alike for what is not there and for what is none of their business.
    """
    try:
        told = await services_of(request).store.read(read)
    except NotFound:
        raise Problem(HTTPStatus.NOT_FOUND, "not-found") from None
    seen(caller, told["dataset"], permission)
    return told


def watched(caller: Caller, dataset: str = "") -> list[str] | None:
    """Return the datasets that the caller sees; None: all. `dataset` narrows it to one.

    Raises Problem 404 for a dataset that they do not see.
    """
    if dataset:
        seen(caller, dataset)
        return [dataset]
    return sorted(caller.standing.scopes) if caller.standing.role is Role.TEACHER else None


def seen(caller: Caller, dataset: object, permission: Permission = Permission.WATCH) -> None:
    """Raise Problem 404 for something of a dataset that the caller has no business with."""
    if not caller.may(permission, str(dataset)):
        raise Problem(HTTPStatus.NOT_FOUND, "not-found")
