"""Signing in by OpenID Connect: out to the issuer, and back with a code."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Query
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from merlin.account.openid import LIFE, Issuer, OpenIdRefused, new_journey, read_journey
from merlin.account.sign_in import How
from merlin.account.user import User
from merlin.api.cookies import Kept, forget, keep, kept
from merlin.api.described import problems
from merlin.api.entering import Entered, Known, enter, let_keep
from merlin.api.own_page import own_page
from merlin.api.problems import Problem
from merlin.api.services import ApiServices
from merlin.core.log import get_logger
from merlin.core.web.answering import own_address

log = get_logger(__name__)

COOKIE = "merlin-openid"
BACK = "/api/auth/openid/callback"
_MOST = 2048
_FOUND: dict[int | str, dict[str, Any]] = {303: {"description": "the browser goes on"}}
router = APIRouter(prefix="/api/auth", tags=["sign-in"], dependencies=[Depends(own_page)])


@router.get(
    "/openid",
    summary="Sign in by OpenID Connect",
    status_code=HTTPStatus.SEE_OTHER,
    response_class=Response,
    responses=_FOUND | problems(401, 403, 404, 429),
)
async def begin_openid(
    request: Request,
    next: Annotated[  # noqa: A002 - as the pages call it
        str, Query(max_length=_MOST, description="the page of this site to come back to")
    ] = "/",
) -> Response:
    """Send the browser to the issuer; 404 where the config names none."""
    services, issuer = _issuer(request)
    journey = new_journey(own_address(next))
    try:
        address = await issuer.address(journey, _redirect_uri(services))
    except OpenIdRefused as error:
        return _refused(request, error, journey.back)
    response = RedirectResponse(address, HTTPStatus.SEE_OTHER)
    keep(request, response, Kept(COOKIE, journey.written(), int(LIFE.total_seconds())))
    return response


@router.get(
    "/openid/callback",
    summary="Come back from the issuer",
    status_code=HTTPStatus.SEE_OTHER,
    response_class=Response,
    responses=_FOUND | problems(401, 403, 404, 422, 429),
)
async def finish_openid(
    request: Request,
    state: Annotated[str, Query(max_length=_MOST)] = "",
    code: Annotated[str, Query(max_length=_MOST)] = "",
) -> Response:
    """Sign in who came back with a code to the browser that set out; then show the page it left."""
    services, issuer = _issuer(request)
    journey = read_journey(kept(request, COOKIE), state)
    # Whoever can set cookies here must not be able to lead people elsewhere by one.
    back = own_address(journey.back) if journey is not None else "/"
    if journey is None or not code:
        return _refused(request, OpenIdRefused("another browser, or no code"), back)
    try:
        person = await issuer.arrived(code, journey, _redirect_uri(services))
    except OpenIdRefused as error:
        return _refused(request, error, back)
    rows = services.rows

    def work() -> Entered:
        known = rows.users.get(person.user_id)
        rows.users.met(User(person.user_id, known.language_code if known else ""))
        if person.name:
            rows.users.set_name(person.user_id, person.name)
        return enter(request, rows, Known(person.user_id, How.OPENID))

    entered = await services.store.do(work)
    response = RedirectResponse(back, HTTPStatus.SEE_OTHER)
    let_keep(request, response, entered)
    forget(request, response, COOKIE)
    return response


def _issuer(request: Request) -> tuple[ApiServices, Issuer]:
    services: ApiServices = request.app.state.services
    issuer = services.entrance.issuer
    if issuer is None:
        raise Problem(HTTPStatus.NOT_FOUND, "not-found")
    return services, issuer


def _redirect_uri(services: ApiServices) -> str:
    return services.public_url.rstrip("/") + BACK


def _refused(request: Request, error: OpenIdRefused, back: str) -> Response:
    """Lead a person back to the ways to sign in, where it is said; tell a program the problem."""
    log.warning("nobody came by openid", reason=str(error))
    if "text/html" not in request.headers.get("accept", ""):
        raise Problem(HTTPStatus.UNAUTHORIZED, "openid") from error
    asked = urlencode({"next": back, "refused": "openid"})
    return RedirectResponse(f"/sign-in?{asked}", HTTPStatus.SEE_OTHER)
