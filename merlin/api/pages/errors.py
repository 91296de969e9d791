"""Error pages, and the router of all pages.

Programs get problems as JSON, people get an explanation, what they can do, and the request id. An
error page needs no database. Forms are accepted from our own pages only, and over HTTPS.
"""

from collections.abc import Callable
from functools import partial
from http import HTTPStatus
from typing import Any

from fastapi import APIRouter, Depends, FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Match

from merlin.api.auth import Caller, require_same_origin
from merlin.api.pages.page import (
    PageLayout,
    header_links,
    header_name,
    page_language,
    render_template,
    sign_in_href,
)
from merlin.api.problems import Problem, status_of
from merlin.core.errors import DatasetError, Forbidden, MerlinError, Refused
from merlin.core.i18n import text
from merlin.core.log import get_logger, redact
from merlin.core.server import content_length
from merlin.core.web.assets import accepts, local_address, page_response, seen_other
from merlin.core.web.browser import get_chosen_theme, note_preferences, page_address

log = get_logger(__name__)

_KNOWN = frozenset({401, 403, 404, 405, 409, 413, 422, 429, 500, 503})
# The longest form is the text of a lecture.
MAX_BYTES = 1024 * 1024
# Statuses that share the texts of another one.
_ALIKE = {502: 503, 504: 503}
# Paths of programs, which expect JSON.
_PROGRAMS = ("/api/", "/v1/", "/hooks/", "/static/")


_EXPECTED = (Problem, HTTPException, RequestValidationError, MerlinError)


def add_error_pages(app: FastAPI) -> None:
    """Show people a page for an unknown address or method; programs get the problem.

    A link on the answer to a form, such as to the other language, leads to the page of the form.
    """
    respond: Any = app.exception_handlers[HTTPException]

    @app.exception_handler(HTTPException)
    async def handle_http_error(request: Request, error: HTTPException) -> Response:
        response: Response = await respond(request, error)
        if not is_for_person(request):
            return response
        if (
            request.method == "GET"
            and response.status_code == HTTPStatus.METHOD_NOT_ALLOWED
        ):
            return seen_other(_find_form_page(request))
        page = error_page(request, response.status_code)
        if "allow" in response.headers:
            page.headers["Allow"] = response.headers["Allow"]
        return page


def _find_form_page(request: Request) -> str:
    """Return the nearest address, a form's or above it, that has a page, with the same query."""
    path = request.scope["path"]
    query = request.url.query
    while path:
        scope = {**request.scope, "path": path, "method": "GET"}
        if any(route.matches(scope)[0] is Match.FULL for route in request.app.routes):
            break
        path = path.rpartition("/")[0]
    return local_address(f"{path or '/'}{'?' if query else ''}{query}")


def is_for_person(request: Request) -> bool:
    """Return whether a browser shows the response to a person."""
    is_page = not request.scope["path"].startswith(_PROGRAMS)
    return is_page and accepts(request.headers.get("accept", ""), "text/html")


def _page_of(request: Request, error: Exception) -> Response:
    if isinstance(error, Problem) and error.code in ("sign-in", "no-key"):
        # A script that follows the state of a page would put the sign-in page into it.
        if request.method == "GET" and "hx-request" not in request.headers:
            return seen_other(sign_in_href(page_address(request)))
        # No redirect: after signing in elsewhere, reloading this page resubmits the form.
        return sign_in_page(request)
    status = _status(error)
    response = error_page(request, status, refusal=error)
    if isinstance(error, Problem):
        response.headers.update(error.headers)
    if isinstance(error, MerlinError) and status == HTTPStatus.SERVICE_UNAVAILABLE:
        log.warning("the database did not answer", reason=redact(str(error)))
        response.headers["Retry-After"] = "5"
    return response


def _status(error: Exception) -> int:
    if isinstance(error, Forbidden):
        return int(HTTPStatus.NOT_FOUND)
    if isinstance(error, Problem | MerlinError):
        return status_of(error)
    if isinstance(error, HTTPException):
        return error.status_code
    # An invalid id in the path, or an incomplete form.
    faults = error.errors() if isinstance(error, RequestValidationError) else ()
    return 404 if any(fault["loc"][:1] == ("path",) for fault in faults) else 422


def sign_in_page(request: Request) -> Response:
    """Return the page for a form of a person who is no longer signed in."""
    return error_page(request, 401)


def error_page(
    request: Request,
    status: int,
    refusal: Exception | None = None,
) -> Response:
    """Return the page that explains an error and what to do.

    The text of a `refusal` is more exact than that of its status, or of the most similar one.
    """
    text_status = _ALIKE.get(status, status if status in _KNOWN else 422)
    caller: Caller | None = getattr(request.state, "caller", None)
    user = caller.user if caller is not None else None
    language = page_language(request, user)
    may_pass = text_status in {429, 500, 503} and request.method == "GET"
    key = f"page-error-{text_status}"
    hint = text(language, f"{key}-hint")
    if isinstance(refusal, Problem) and status == HTTPStatus.FORBIDDEN:
        hint = text(language, f"api-problem-{refusal.code}", **refusal.arguments)
    elif isinstance(refusal, Refused | DatasetError) and refusal.key != "error-plain":
        hint = text(language, refusal.key, **refusal.arguments)
    view = {
        "title": text(language, key),
        "hint": hint,
        "status": text_status,
        "case": getattr(request.state, "request_id", ""),
        "again": page_address(request) if may_pass else "",
        "back": _find_form_page(request)
        if request.method == "POST" and refusal
        else "",
    }
    bare = PageLayout(
        theme=get_chosen_theme(request),
        here="/",
        language_href="/",
        links=header_links(request, language, caller),
        person=header_name(user),
        is_known=caller is not None,
    )
    page = render_template("error.html", language, f=bare, **view)
    response = page_response(page, HTTPStatus(status))
    note_preferences(response, request, language)
    return response


async def _require_own_form(request: Request) -> None:
    if request.method == "POST":
        require_same_origin(request)


class PageRoute(APIRoute):
    """A route that renders errors as pages, never as a traceback."""

    most_bytes = MAX_BYTES

    def get_route_handler(self) -> Callable[[Request], Any]:
        """Return the handler that renders errors as pages."""
        default_handler = super().get_route_handler()

        async def handler(request: Request) -> Response:
            if content_length(request.headers) > self.most_bytes:
                return error_page(request, 413)
            try:
                response: Response = await default_handler(request)
            except _EXPECTED as error:
                return _page_of(request, error)
            except ClientDisconnect:  # nobody waits for the page
                return error_page(request, 400)
            except Exception:
                log.exception("a page failed", path=request.scope["path"])
                return error_page(request, 500)
            return response

        return handler


class UploadRoute(PageRoute):
    """A route of a page that takes files."""

    most_bytes = 7 * 1024 * 1024


_DEPENDENCIES = [Depends(_require_own_form)]
# A router of pages.
page_router = partial(
    APIRouter,
    route_class=PageRoute,
    include_in_schema=False,
    dependencies=_DEPENDENCIES,
)
