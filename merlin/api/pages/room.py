"""Room: pages that only some may open; for everybody else they are not there.

Nobody signed in: to the sign-in page. Signed in without the right: 404, as a wrong address.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Annotated

from fastapi import Depends

from merlin.account.role import Permission
from merlin.api.caller import Person
from merlin.api.pages.visit import Visit, Visiting
from merlin.api.problems import Problem
from merlin.api.teaching.right import led
from merlin.course.catalogue import Course


def nowhere() -> Problem:
    """Return what is raised for a page that is not there for this person."""
    return Problem(HTTPStatus.NOT_FOUND, "not-found")


def room(permission: Permission) -> Callable[[Visit, Person], Awaitable[Visit]]:
    """Return the dependency of pages that need a right, wherever it counts."""

    async def opened(visit: Visiting, caller: Person) -> Visit:
        if not caller.may(permission):
            raise nowhere()
        return visit

    return opened


Teaching = Annotated[Visit, Depends(room(Permission.EDIT_MATERIALS))]
Watching = Annotated[Visit, Depends(room(Permission.WATCH))]
Launching = Annotated[Visit, Depends(room(Permission.LAUNCH))]
Promoting = Annotated[Visit, Depends(room(Permission.PROMOTE))]
Selling = Annotated[Visit, Depends(room(Permission.REFUNDS))]
Keeping = Annotated[Visit, Depends(room(Permission.USERS))]


async def course_led(visit: Visit, course_id: int) -> Course:
    """Return a course that the person leads. Raises Problem 404 for every other."""
    try:
        return await led(visit.request, visit.caller, course_id)
    except Problem:
        raise nowhere() from None
