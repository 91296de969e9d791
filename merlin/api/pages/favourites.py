"""Favourites without a script: «+» and «−» are buttons of one form; each leads back.

With a script the same buttons speak to /api/user/courses, and this is not called.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Form
from starlette.responses import Response

from merlin.api.pages.course import MOST_ID
from merlin.api.pages.frame import sign_in_href
from merlin.api.pages.trouble import PageRoute
from merlin.api.pages.visit import SAID_COOKIE, Visiting
from merlin.api.problems import Problem
from merlin.core.web.answering import own_address, seen_other

router = APIRouter(route_class=PageRoute, include_in_schema=False)

_SAID_S = 60
Chosen = Annotated[int | None, Form(ge=1, le=MOST_ID)]


@router.post("/favourites")
async def favourite(
    visit: Visiting,
    next: Annotated[str, Form()] = "/",  # noqa: A002 - the form's field
    add: Chosen = None,
    remove: Chosen = None,
) -> Response:
    """Keep a course or let it go, and return to the page that asked."""
    back = own_address(next)
    if visit.caller.user is None:
        return seen_other(sign_in_href(back))
    number = add or remove
    if number is None:
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "bad-request")
    rows, user_id = visit.services.rows.favourites, visit.caller.user_id
    change = rows.add if add else rows.remove
    await visit.services.store.do(lambda: change(user_id, number))
    response = seen_other(back)
    # Said once, on the page that comes next; it holds a word and a number, nothing secret.
    said = f"{'added' if add else 'removed'}.{number}"
    response.set_cookie(SAID_COOKIE, said, max_age=_SAID_S, httponly=True, samesite="lax")
    return response
