"""Signing in and out on a page: by Telegram, by user name and password; each leads back.

/sign-in            the ways there are
/sign-in/code       a number and a link: the person says yes in the bot
/sign-in/password   a user name and its password
/sign-out

Forms that need no script.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form
from starlette.requests import Request
from starlette.responses import Response

from merlin.account.accounts import MOST
from merlin.account.sign_ins import PAYLOAD, LoginState
from merlin.api import auth
from merlin.api.auth import POLL_S, SIGN_IN, delete_cookie
from merlin.api.pages.errors import PageRoute
from merlin.api.pages.page import FROM_HERE, PageRequest, Visiting, refusal_text, render_page
from merlin.api.problems import Problem, status_of
from merlin.app.sign_in import Blocked
from merlin.app.sign_in import sign_out as end_sign_in
from merlin.core.i18n import text
from merlin.core.web.assets import NEVER_KEPT, local_address, seen_other

router = APIRouter(route_class=PageRoute, include_in_schema=False)
Next = Annotated[str, Form()]
_LONGEST_NAME = 64


@router.get("/sign-in")
async def sign_in(
    visit: Visiting,
    next: str = "/",  # noqa: A002 - the address
    refused: str = "",
) -> Response:
    """Return the ways to sign in; who is signed in already goes on."""
    back = local_address(next)
    if visit.user is not None:
        return seen_other(back)
    words = text(visit.language, "api-problem-openid-detail") if refused == "openid" else ""
    return _ways(visit, back, refused=words)


@router.post("/sign-in/password", dependencies=FROM_HERE)
async def by_password(
    request: Request,
    visit: Visiting,
    name: Annotated[str, Form(max_length=200)] = "",
    password: Annotated[str, Form(max_length=1000)] = "",
    next: Next = "/",  # noqa: A002 - the form's field
) -> Response:
    """Sign in by user name and password, or say why not."""
    back = local_address(next)
    response = seen_other(back)
    who = name.strip()
    if not (0 < len(who) <= _LONGEST_NAME and 0 < len(password) <= MOST):
        return _ways(visit, back, name, visit.say("both-needed"), 422)
    try:
        await auth.sign_in_by_password(request, response, who, password)
    except (Problem, Blocked) as error:
        return _ways(visit, back, name, refusal_text(visit, error), status_of(error))
    return response


def _ways(
    visit: PageRequest,
    back: str,
    name: str = "",
    wrong: str = "",
    status: int = 200,
    *,
    refused: str = "",
) -> Response:
    view = {
        "next": back,
        "has_openid": visit.services.issuer is not None,
        "name": name,
        "wrong_words": wrong,
        "refused": refused,
    }
    return render_page(visit, "sign_in.html", view, status=status, keep=NEVER_KEPT)


@router.post("/sign-in/code", dependencies=FROM_HERE)
async def by_code(request: Request, visit: Visiting, next: Next = "/") -> Response:  # noqa: A002
    """Begin a login that is confirmed in the bot, and show its number and link."""
    kept = Response()
    login, key, url = await auth.start_login(request, kept)
    command = "" if url else f"/start {PAYLOAD}{key}"
    back, state = local_address(next), LoginState.PENDING
    response = _code_page(visit, back, state, login.number, url or "", command)
    for value in kept.headers.getlist("set-cookie"):
        response.headers.append("set-cookie", value)
    return response


def _code_page(
    visit: PageRequest, back: str, state: LoginState, number: int, url: str = "", command: str = ""
) -> Response:
    """Return a login that waits for a yes in the bot; its link is shown once.

    `url` opens the bot; where nobody knows its name, `command` is what to write to it.
    """
    view = {
        "next": back,
        "login_state": state.value,
        "number": number,
        "url": url,
        "command": command,
        "poll_s": POLL_S,
    }
    return render_page(visit, "sign_in_code.html", view, keep=NEVER_KEPT)


@router.post("/sign-in/code/finish", dependencies=FROM_HERE)
async def finish(request: Request, visit: Visiting, next: Next = "/") -> Response:  # noqa: A002
    """Go on where the person has said yes in the bot; else say how far it has come."""
    back = local_address(next)
    response = seen_other(back)
    if await auth.finish_login(request, response) is not None:
        return response
    login = await auth.look_at_login(request)
    state = login.state if login is not None else LoginState.EXPIRED
    number = login.number if login is not None else 0
    return _code_page(visit, back, state, number)


@router.post("/sign-out", dependencies=FROM_HERE)
async def sign_out(request: Request, visit: Visiting) -> Response:
    """End this sign-in; other browsers stay signed in."""
    response = seen_other("/")
    if visit.token:
        await visit.write(end_sign_in, visit.credential)
    delete_cookie(request, response, SIGN_IN)
    # Nothing of a person's pages is left for whoever goes back in this browser.
    response.headers["Clear-Site-Data"] = '"cache"'
    return response
