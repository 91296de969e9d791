"""Common code of the engine's pages: sign-in, language, layout, errors.

A browser signs in once with the engine's key and then has a session cookie. Without a key the
engine only serves this machine, see `auth.RequestGuard`.
"""

import hashlib
import hmac
import secrets
import time
from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
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
from merlin.core.clock import in_zone, utc_now
from merlin.core.i18n import format_number, keys, page_text, text
from merlin.core.rate_limit import Throttle
from merlin.core.web.assets import NEVER_KEPT, STATIC, WEB, Assets, compressed_response, seen_other
from merlin.core.web.browser import (
    browser_zone,
    cookie_name,
    get_chosen_language,
    get_chosen_theme,
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
from merlin.engine.auth import make_wrong_key_error
from merlin.engine.context import Engine, get_engine
from merlin.engine.job_events import failure_message
from merlin.engine.jobs import Job
from merlin.engine.status import JobProgress
from merlin.engine.trainers.base import Untrainable
from merlin.openai_protocol.errors import ApiError

COOKIE = "merlin-engine"
SESSION_S = 7 * 24 * 3600
MAX_SESSIONS = 1000
PREFIX = "engine-page"
SIGN_IN = "/sign-in"
# The maximum size of a form of these pages.
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
_BYTE_UNITS = ((10**9, "gb", 1), (10**6, "mb", 0), (10**3, "kb", 0))
# The statuses with their own texts.
_STATUSES_WITH_TEXT = frozenset({403, 404, 409, 413, 422, 500, 507})


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
        until = self._sessions.get(_digest_token(read_cookie(request, COOKIE)), 0.0)
        return until > time.monotonic()

    def is_key(self, candidate: str) -> bool:
        """Return whether this is the key, compared in constant time."""
        return hmac.compare_digest(candidate.encode("utf-8", "replace"), self.key.encode())

    def sign_in(self, request: Request, response: Response) -> None:
        """Start a session in this browser."""
        token = secrets.token_urlsafe(32)
        self._sessions[_digest_token(token)] = time.monotonic() + SESSION_S
        while len(self._sessions) > MAX_SESSIONS:
            self._sessions.popitem(last=False)
        name, is_safe = cookie_name(request, COOKIE), is_secure(request)
        response.set_cookie(
            name, token, SESSION_S, httponly=True, samesite="strict", secure=is_safe
        )

    def sign_out(self, request: Request, response: Response) -> None:
        """End this browser's session."""
        self._sessions.pop(_digest_token(read_cookie(request, COOKIE)), None)
        name, is_safe = cookie_name(request, COOKIE), is_secure(request)
        response.delete_cookie(name, httponly=True, samesite="strict", secure=is_safe)


def _digest_token(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()


class PageRequest:
    """A request for a page, with its language and theme; formats values for the templates."""

    def __init__(self, request: Request) -> None:
        """Take the language of the URL or cookie, else of the browser, else the engine's."""
        default = request.app.state.settings.language
        header = request.headers.get("accept-language", "")
        self.request = request
        self.language = get_chosen_language(request) or language_of_header(header, default)
        self.theme = get_chosen_theme(request)

    @property
    def engine(self) -> Engine:
        """Return the engine."""
        return get_engine(self.request)

    @property
    def sign_ins(self) -> SignIns:
        """Return the sessions of the engine's pages."""
        return cast("SignIns", self.request.app.state.sign_ins)

    @property
    def may_sign_out(self) -> bool:
        """Return whether this browser is signed in, and the engine has a key."""
        return bool(self.sign_ins.key) and self.sign_ins.is_signed_in(self.request)

    @property
    def here(self) -> str:
        """Return the page's path and query without preferences; "/" for a form's action."""
        return page_address(self.request) if self.request.method == "GET" else "/"

    def build_preference_link(self, name: str, value: str) -> str:
        """Return the page's URL with another preference, "lang" or "theme"."""
        return with_preference(self.here, name, value)

    def say(self, key: str, **arguments: object) -> str:
        """Return a text of the pages in the page's language."""
        return page_text(self.language, PREFIX, key, **arguments)

    def format_number(self, value: float, digits: int = 0) -> str:
        """Format a number for the page's language."""
        return format_number(self.language, value, digits)

    def format_bytes(self, count: float) -> str:
        """Format a number of bytes: "1,2 ГБ"."""
        for unit, name, digits in _BYTE_UNITS:
            if count >= unit:
                return self.say(f"size-{name}", size=self.format_number(count / unit, digits))
        return self.say("size-b", size=self.format_number(count))

    def format_share(self, part: int, total: int) -> str:
        """Format a share of a number of bytes: "1,2 ГБ из 8 ГБ"."""
        return self.say("of", part=self.format_bytes(part), whole=self.format_bytes(total))

    def format_duration(self, seconds: float) -> str:
        """Format a duration in its largest unit: "4 мин"."""
        return i18n.format_duration(self.language, timedelta(seconds=seconds))

    def format_time(self, at: float) -> str:
        """Format a time in the browser's time zone, else in the machine's with its name."""
        zone = browser_zone(self.request)
        here = in_zone(datetime.fromtimestamp(at, UTC), zone)
        own, is_named = here.tzinfo or UTC, zone is None
        return i18n.format_moment(
            here, own, self.language, now=utc_now(), is_named=is_named, is_brief=True
        )

    def format_hyperparameter(self, value: object) -> str:
        """Format a hyper-parameter's value."""
        if isinstance(value, bool):
            return self.say("value-yes" if value else "value-no")
        if isinstance(value, int | float):
            return f"{value:g}".replace(".", ",") if self.language == "ru" else f"{value:g}"
        return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)

    def format_failure(self, job: Job) -> str:
        """Return the error message of a job, "" if it has not failed."""
        return failure_message(job.error, self.language)

    def format_problem(self, problem: Untrainable) -> str:
        """Return the message that says what to do about a base."""
        return text(self.language, problem.key, **problem.arguments)

    def plot_losses(self, progress: JobProgress) -> Curve | None:
        """Return the chart of a job's losses, None if it has none."""
        total = 0 if progress.job.is_over else progress.job.steps
        return plot_curve(progress.train_losses, progress.test_losses, total, self.language)

    def build_badge(self, state: str) -> Badge:
        """Return the badge of a job's state."""
        style, icon = JOB.get(state, PLAIN)
        key = f"job-{state}"
        label = text(self.language, key) if key in keys(self.language) else state
        return Badge(style, icon, label)


async def open_page(request: Request) -> PageRequest:
    """Return the page request. Raises HTTPException 403 for a cross-site request."""
    if is_foreign(request):
        raise HTTPException(403)
    return PageRequest(request)


async def require_sign_in(request: Request) -> PageRequest:
    """Return the page request of a signed-in browser.

    Raises ApiError 401 without a session or the key, HTTPException as `open_page`.
    """
    page = await open_page(request)
    if not page.sign_ins.is_signed_in(request):
        raise make_wrong_key_error()
    return page


OpenPage = Annotated[PageRequest, Depends(open_page)]
SignedInPage = Annotated[PageRequest, Depends(require_sign_in)]


@cache
def load_assets() -> Assets:
    """Load the stylesheets, scripts and images of these pages."""
    return Assets(STATIC, WEB / "engine" / "static")


@cache
def _load_templates() -> Templates:
    return Templates(WEB / "engine" / "templates", load_assets(), PREFIX)


def render_page(page: PageRequest, template: str, status: int = 200, **view: object) -> Response:
    """Return a page, or a redirect to it that sets the requested theme."""
    is_get = page.request.method == "GET"
    if is_get and (redirect := theme_redirect(page.request, page.here)):
        return redirect
    response = render_fragment(page, template, status, **view)
    note_language(response, page.request, page.language)
    return response


def render_fragment(
    page: PageRequest, template: str, status: int = 200, **view: object
) -> Response:
    """Return a part of a page, which a script inserts."""
    content = _load_templates().render(template, page.language, f=page, **view)
    response = compressed_response(page.request, content, HTTPStatus(status))
    response.headers.update(HEADERS)
    return response


def render_error(request: Request, status: int, back: str = "/") -> Response:
    """Return the error page of an HTTP status, with a link to `back`."""
    number = status if status in _STATUSES_WITH_TEXT else 422
    return render_page(PageRequest(request), "error.html", status, number=number, back=back)


def _handle_error(request: Request, error: Exception) -> Response:
    if not isinstance(error, ApiError):
        return render_error(request, getattr(error, "status_code", 422))
    if str(request.scope["path"]).endswith("/view"):
        return JSONResponse(error.as_json(), error.status)
    if error.status == HTTPStatus.UNAUTHORIZED:
        if "hx-request" in request.headers:
            # The session ended with a restart: reloading the open page leads to the sign-in form.
            return Response(status_code=204, headers={"HX-Refresh": "true"})
        here = PageRequest(request).here
        return seen_other(SIGN_IN if here == "/" else f"{SIGN_IN}?next={quote(here, safe='')}")
    if request.method == "POST" and error.status == HTTPStatus.BAD_REQUEST:  # it came too late
        return render_error(request, 409, f"/jobs/{request.path_params.get('job_id', '')}")
    return render_error(request, error.status)


_EXPECTED = (ApiError, HTTPException, RequestValidationError)
# The route class of all pages.
PageRoute = page_route(render_error, _handle_error, _EXPECTED, MAX_BYTES)
