"""Common code of the engine's pages: sign-in, language, layout, errors.

A browser signs in once with the engine's key and then has a session cookie. Without a key the
engine only serves this machine, see `auth.RequestGuard`.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from http import HTTPStatus
from typing import Annotated, cast
from urllib.parse import quote

from fastapi import Depends
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from merlin.core import i18n
from merlin.core.charts import Curve, plot_curve
from merlin.core.clock import in_zone
from merlin.core.i18n import format_number, keys, text
from merlin.core.rate_limit import Throttle
from merlin.core.web.assets import NEVER_KEPT, STATIC, WEB, Assets, compressed_response, seen_other
from merlin.core.web.browser import (
    browser_zone,
    chosen_language,
    chosen_theme,
    cookie_name,
    is_foreign,
    is_secure,
    language_of_header,
    note_language,
    page_address,
    read_cookie,
    theme_redirect,
    with_preference,
)
from merlin.core.web.templates import JOB, PLAIN, Badge, Templates, page_route
from merlin.engine.auth import wrong_key
from merlin.engine.context import Engine, engine_of
from merlin.engine.job_events import failure_message
from merlin.engine.jobs import Job
from merlin.engine.status import JobFacts
from merlin.engine.trainers.base import Untrainable
from merlin.openai_protocol.errors import ApiError

COOKIE = "merlin-engine"
SESSION_S = 7 * 24 * 3600
MAX_SESSIONS = 1000
PREFIX = "engine-page"
SIGN_IN = "/sign-in"
# More than any form of these pages brings.
MAX_BYTES = 16 * 1024
# No content from other sites, no inline scripts or styles, no embedding in frames.
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; "
        "frame-ancestors 'none'"
    ),
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": NEVER_KEPT,
}
_UNITS = ((10**9, "gb", 1), (10**6, "mb", 0), (10**3, "kb", 0))
_SPANS = ((86_400, "days"), (3_600, "hours"), (60, "minutes"), (1, "seconds"))
# The statuses with their own texts.
_WITH_PAGE = frozenset({403, 404, 409, 413, 422, 500, 507})


@dataclass
class SignIns:
    """The sessions of one engine's pages; used only in the event loop.

    A session is a random token; its digest is kept in memory, so a restart ends all sessions.
    """

    key: str = field(repr=False)
    tries: Throttle = field(default_factory=Throttle)
    _sessions: OrderedDict[str, float] = field(default_factory=OrderedDict, repr=False)

    def is_signed_in(self, request: Request) -> bool:
        """Return whether the request has a session or the key."""
        if not self.key:
            return True
        scheme, _, credential = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and self.is_key(credential.strip()):
            return True
        until = self._sessions.get(_digest(read_cookie(request, COOKIE)), 0.0)
        return until > time.monotonic()

    def is_key(self, candidate: str) -> bool:
        """Return whether this is the key, compared in constant time."""
        return hmac.compare_digest(candidate.encode("utf-8", "replace"), self.key.encode())

    def sign_in(self, request: Request, response: Response) -> None:
        """Start a session in this browser."""
        token = secrets.token_urlsafe(32)
        self._sessions[_digest(token)] = time.monotonic() + SESSION_S
        while len(self._sessions) > MAX_SESSIONS:
            self._sessions.popitem(last=False)
        name, is_safe = cookie_name(request, COOKIE), is_secure(request)
        response.set_cookie(
            name, token, SESSION_S, httponly=True, samesite="strict", secure=is_safe
        )

    def sign_out(self, request: Request, response: Response) -> None:
        """End this browser's session."""
        self._sessions.pop(_digest(read_cookie(request, COOKIE)), None)
        name, is_safe = cookie_name(request, COOKIE), is_secure(request)
        response.delete_cookie(name, httponly=True, samesite="strict", secure=is_safe)


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()


class PageRequest:
    """One call for a page: its language and theme, and how values are written in it."""

    def __init__(self, request: Request) -> None:
        """Take the language asked for, chosen before, of the browser, or the engine's own."""
        default = request.app.state.settings.language
        header = request.headers.get("accept-language", "")
        self.request = request
        self.language = chosen_language(request) or language_of_header(header, default)
        self.theme = chosen_theme(request)

    @property
    def engine(self) -> Engine:
        """Return the engine."""
        return engine_of(self.request)

    @property
    def sign_ins(self) -> SignIns:
        """Return who is signed in to the engine's pages."""
        return cast("SignIns", self.request.app.state.sign_ins)

    @property
    def may_sign_out(self) -> bool:
        """Return whether there is a session, or a key, that lets this browser in."""
        return bool(self.sign_ins.key) and self.sign_ins.is_signed_in(self.request)

    @property
    def here(self) -> str:
        """Return the address to come back to, without what says only how the page is shown.

        A form's own address is no page: it is the front page's then.
        """
        return page_address(self.request) if self.request.method == "GET" else "/"

    def link(self, name: str, value: str) -> str:
        """Return the page's address with another preference: "lang" or "theme"."""
        return with_preference(self.here, name, value)

    def say(self, key: str, **arguments: object) -> str:
        """Return a text of the pages."""
        return text(self.language, f"{PREFIX}-{key}", **arguments)

    def number(self, value: float, digits: int = 0) -> str:
        """Return a number as the language writes it."""
        return format_number(self.language, value, digits)

    def size(self, count: float) -> str:
        """Return so many bytes in their unit: "1,2 ГБ"."""
        for unit, name, digits in _UNITS:
            if count >= unit:
                return self.say(f"size-{name}", size=self.number(count / unit, digits))
        return self.say("size-b", size=self.number(count))

    def share_of(self, part: int, total: int) -> str:
        """Return bytes of so many: "1,2 ГБ из 8 ГБ"."""
        return self.say("of", part=self.size(part), whole=self.size(total))

    def span(self, seconds: float) -> str:
        """Return how long something lasts, in its largest unit: "4 мин"."""
        for unit, name in _SPANS:
            if seconds >= unit:
                return self.say(f"span-{name}", count=self.number(seconds // unit))
        return self.say("span-seconds", count="0")

    def when(self, at: float) -> str:
        """Return a moment in the browser's time zone, else the machine's, which is named."""
        zone = browser_zone(self.request)
        here = in_zone(datetime.fromtimestamp(at, UTC), zone)
        own, is_named = here.tzinfo or UTC, zone is None
        return i18n.format_moment_briefly(here, own, self.language, is_named=is_named)

    def setting(self, value: object) -> str:
        """Return a hyper-parameter as people write it."""
        if isinstance(value, bool):
            return self.say("yes-word" if value else "no-word")
        if isinstance(value, int | float):
            return f"{value:g}".replace(".", ",") if self.language == "ru" else f"{value:g}"
        return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)

    def failure(self, job: Job) -> str:
        """Return why a job failed, "" where it did not."""
        return failure_message(job.error, self.language)

    def hint(self, problem: Untrainable) -> str:
        """Return what is to be done about a base."""
        return text(self.language, problem.key, **problem.arguments)

    def chart(self, facts: JobFacts) -> Curve | None:
        """Return a job's losses as a drawing, None without any."""
        total = 0 if facts.job.is_over else facts.job.steps
        return plot_curve(facts.train, facts.test, total, self.language)

    def badge(self, state: str) -> Badge:
        """Return a job's state as a badge."""
        style, icon = JOB.get(state, PLAIN)
        key = f"{PREFIX}-state-{state}"
        label = text(self.language, key) if key in keys(self.language) else state
        return Badge(style, icon, label)


async def open_page(request: Request) -> PageRequest:
    """Return the call of anybody. Raises HTTPException 403 for one from another site's page."""
    if is_foreign(request):
        raise HTTPException(403)
    return PageRequest(request)


async def signed_in_page(request: Request) -> PageRequest:
    """Return the call of who may see the engine's work.

    Raises ApiError 401 for one with neither a session nor the key, HTTPException as `open_page`.
    """
    page = await open_page(request)
    if not page.sign_ins.is_signed_in(request):
        raise wrong_key()
    return page


OpenPage = Annotated[PageRequest, Depends(open_page)]
SignedInPage = Annotated[PageRequest, Depends(signed_in_page)]


@cache
def assets() -> Assets:
    """Return the styles, scripts and drawings of these pages."""
    return Assets(STATIC, WEB / "engine" / "static")


@cache
def _templates() -> Templates:
    return Templates(WEB / "engine" / "templates", assets(), PREFIX)


def render_page(page: PageRequest, template: str, status: int = 200, **view: object) -> Response:
    """Return a page, or the way back to it in the theme that was asked for."""
    is_read = page.request.method == "GET"
    if is_read and (redirect := theme_redirect(page.request, page.here)):
        return redirect
    response = render_fragment(page, template, status, **view)
    note_language(response, page.request, page.language)
    return response


def render_fragment(
    page: PageRequest, template: str, status: int = 200, **view: object
) -> Response:
    """Return a part of a page, for the script that puts it in its place."""
    content = _templates().render(template, page.language, f=page, **view)
    response = compressed_response(page.request, content, HTTPStatus(status))
    response.headers.update(HEADERS)
    return response


def error_page(request: Request, status: int, back: str = "/") -> Response:
    """Return the page that says what happened and what to do."""
    number = status if status in _WITH_PAGE else 422
    return render_page(PageRequest(request), "trouble.html", status, number=number, back=back)


def _page_of_error(request: Request, error: Exception) -> Response:
    if not isinstance(error, ApiError):
        return error_page(request, getattr(error, "status_code", 422))
    if str(request.scope["path"]).endswith("/view"):
        return JSONResponse(error.as_json(), error.status)
    if error.status == HTTPStatus.UNAUTHORIZED:
        return _ask_to_sign_in(request)
    if request.method == "POST" and error.status == HTTPStatus.BAD_REQUEST:  # it came too late
        return error_page(request, 409, f"/jobs/{request.path_params.get('job_id', '')}")
    return error_page(request, error.status)


def _ask_to_sign_in(request: Request) -> Response:
    if "hx-request" in request.headers:
        # A page that was open when the engine began anew goes where its reader can sign in.
        return Response(status_code=204, headers={"HX-Refresh": "true"})
    here = PageRequest(request).here
    return seen_other(SIGN_IN if here == "/" else f"{SIGN_IN}?next={quote(here, safe='')}")


_EXPECTED = (ApiError, HTTPException, RequestValidationError)
# The class of every page's route.
PageRoute = page_route(error_page, _page_of_error, _EXPECTED, MAX_BYTES)
