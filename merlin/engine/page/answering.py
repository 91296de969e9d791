"""Answering: a page of the engine as a response, and what people see where there can be none."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from http import HTTPStatus
from urllib.parse import quote, urlencode

from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from merlin.core.log import get_logger
from merlin.core.text import LANGUAGES
from merlin.core.web.answering import NEVER_KEPT, own_address, packed, seen_other
from merlin.core.web.assets import STATIC, WEB, Assets
from merlin.core.web.drawing import Drawing
from merlin.core.web.page_route import Troubles, page_route
from merlin.core.web.speech import (
    LANGUAGE_COOKIE,
    THEME_COOKIE,
    THEMES,
    language_asked,
    remember,
    theme_shown,
)
from merlin.engine.page.entrance import entrance_of
from merlin.engine.page.visit import PREFIX, Foreign, NotLetIn, Visit, language_shown
from merlin.engine.refusal import Refusal

log = get_logger(__name__)

# Nothing from elsewhere, nothing written into the page itself, in nobody's frame.
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; "
        "frame-ancestors 'none'"
    ),
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": NEVER_KEPT,
}
SIGN_IN = "/sign-in"
# More than any form of these pages brings.
MOST_BYTES = 16 * 1024
# The statuses that have words of their own.
_KNOWN = frozenset({403, 404, 409, 413, 422, 500, 507})


@cache
def assets() -> Assets:
    """Return the styles, scripts and drawings of these pages."""
    return Assets(STATIC, WEB / "engine" / "static")


@cache
def _drawing() -> Drawing:
    return Drawing(WEB / "engine" / "templates", assets(), PREFIX)


@dataclass(frozen=True, slots=True)
class Frame:
    """What stands around every page; addresses change how the page is shown."""

    theme: str
    here: str
    language_href: str
    light_href: str
    dark_href: str
    may_sign_out: bool


def shown(visit: Visit, template: str, status: int = 200, **view: object) -> Response:
    """Return a page with its frame, or the way back to it in the light that was asked for."""
    theme = visit.request.query_params.get("theme")
    if theme is not None and visit.request.method == "GET":
        response = seen_other(own_address(visit.here))
        if theme in THEMES:
            remember(response, visit.request, THEME_COOKIE, theme)
        return response
    page = _drawing().drawn(template, visit.language, f=_frame(visit), **view)
    response = _careful(packed(visit.request, page, HTTPStatus(status)))
    response.headers["Content-Language"] = visit.language
    if language_asked(visit.request):
        remember(response, visit.request, LANGUAGE_COOKIE, visit.language)
    return response


def part(visit: Visit, template: str, **view: object) -> Response:
    """Return a part of a page, for the script that puts it in its place."""
    page = _drawing().drawn(template, visit.language, f=_frame(visit), **view)
    return _careful(packed(visit.request, page))


def _frame(visit: Visit) -> Frame:
    here = visit.here if visit.request.method == "GET" else "/"
    other = next(one for one in LANGUAGES if one != visit.language)

    def to(name: str, value: str) -> str:
        return f"{here}{'&' if '?' in here else '?'}{urlencode({name: value})}"

    entrance = entrance_of(visit.request)
    return Frame(
        theme=visit.theme,
        here=here,
        language_href=to("lang", other),
        light_href=to("theme", "light"),
        dark_href=to("theme", "dark"),
        may_sign_out=bool(entrance.key) and entrance.lets_in(visit.request),
    )


def _careful(response: Response) -> Response:
    response.headers.update(HEADERS)
    return response


def trouble(request: Request, status: int, back: str = "/") -> Response:
    """Return the page that says what happened and what to do."""
    visit = Visit(request, language_shown(request), theme_shown(request))
    known = status if status in _KNOWN else 422
    return shown(visit, "trouble.html", status, number=known, back=back)


_EXPECTED = (NotLetIn, Foreign, Refusal, HTTPException, RequestValidationError)


def _trouble_of(request: Request, error: Exception) -> Response:
    if isinstance(error, NotLetIn):
        return _to_sign_in(request)
    if isinstance(error, Foreign):
        return trouble(request, 403)
    if isinstance(error, Refusal):
        return _refused(request, error)
    return trouble(request, getattr(error, "status_code", 422))


def _to_sign_in(request: Request) -> Response:
    if _wants_json(request):
        words = "Incorrect API key provided. Send it as 'Authorization: Bearer <key>'."
        return JSONResponse(Refusal(401, words).as_json(), 401)
    if "hx-request" in request.headers:
        # A page that was open when the engine began anew goes where its reader can sign in.
        return Response(status_code=204, headers={"HX-Refresh": "true"})
    visit = Visit(request, language_shown(request), theme_shown(request))
    here = visit.here if request.method == "GET" else "/"
    return seen_other(SIGN_IN if here == "/" else f"{SIGN_IN}?next={quote(here, safe='')}")


def _refused(request: Request, error: Refusal) -> Response:
    if _wants_json(request):
        return JSONResponse(error.as_json(), error.status)
    job_id = request.path_params.get("job_id", "")
    is_late = request.method == "POST" and error.status == HTTPStatus.BAD_REQUEST
    if is_late:
        return trouble(request, HTTPStatus.CONFLICT, f"/jobs/{job_id}")
    return trouble(request, error.status)


def _wants_json(request: Request) -> bool:
    path: str = request.scope["path"]
    return path.endswith("/view")


# The class of every page's route.
PageRoute = page_route(Troubles(trouble, _trouble_of, _EXPECTED, MOST_BYTES))
