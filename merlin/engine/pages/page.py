"""What every page of the engine needs: sign-in, language, layout, errors.

Entrance: who may see the pages. The engine's key opens them, once a browser; then a cookie.

A session is a random word whose digest is kept in memory: a restart signs everybody out. Without
a key the engine listens on this machine alone, and its pages answer to this machine's names
alone, so that no other site can lead a browser here under a name of its own.

Visit: one call for a page: in which language and light, and how things are told in it.

Answering: a page of the engine as a response, and what people see where there can be none.
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
from typing import Annotated
from urllib.parse import quote, urlencode, urlsplit

from fastapi import Depends
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from merlin.core import i18n
from merlin.core.clock import in_zone
from merlin.core.i18n import LANGUAGES, format_number, keys, text
from merlin.core.log import get_logger
from merlin.core.loopback import is_loopback
from merlin.core.rate_limit import Throttle
from merlin.core.web.assets import (
    NEVER_KEPT,
    STATIC,
    WEB,
    Assets,
    compressed_response,
    local_address,
    seen_other,
)
from merlin.core.web.browser import (
    LANGUAGE_COOKIE,
    THEME_COOKIE,
    THEMES,
    chosen_language,
    chosen_theme,
    is_foreign,
    is_secure,
    language_of_header,
    requested_language,
    set_preference,
)
from merlin.core.web.templates import JOB, PLAIN, Badge, ErrorPages, Templates, page_route
from merlin.engine.context import Engine, engine_of
from merlin.engine.disk_quota import DiskQuota
from merlin.engine.pages.machine import Machine
from merlin.openai_protocol.errors import ApiError

COOKIE = "merlin-engine"
LASTS_S = 7 * 24 * 3600
MOST_SESSIONS = 1000


@dataclass
class Entrance:
    """The door of one engine's pages; used by the loop that serves, never by two threads."""

    key: str = field(repr=False)
    tries: Throttle = field(default_factory=Throttle)
    _sessions: OrderedDict[str, float] = field(default_factory=OrderedDict, repr=False)

    def lets_in(self, request: Request) -> bool:
        """Return whether this call may see the pages: by a session or by the key itself."""
        if not self.key:
            return True
        scheme, _, told = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and self.is_right(told.strip()):
            return True
        until = self._sessions.get(_digest(request.cookies.get(COOKIE, "")), 0.0)
        return until > time.monotonic()

    def is_ours(self, request: Request) -> bool:
        """Return whether the call names this engine as it may be named."""
        if self.key:
            return True
        try:
            return is_loopback(urlsplit(f"//{request.headers.get('host', '')}").hostname)
        except ValueError:  # half an IPv6 address
            return False

    def is_right(self, told: str) -> bool:
        """Return whether this is the key, in a time that tells nothing of it."""
        return hmac.compare_digest(told.encode("utf-8", "replace"), self.key.encode())

    def open(self, request: Request, response: Response) -> None:
        """Begin a session in this browser."""
        word = secrets.token_urlsafe(32)
        self._sessions[_digest(word)] = time.monotonic() + LASTS_S
        while len(self._sessions) > MOST_SESSIONS:
            self._sessions.popitem(last=False)
        response.set_cookie(
            COOKIE,
            word,
            max_age=LASTS_S,
            httponly=True,
            samesite="strict",
            secure=is_secure(request),
        )

    def shut(self, request: Request, response: Response) -> None:
        """End this browser's session."""
        self._sessions.pop(_digest(request.cookies.get(COOKIE, "")), None)
        response.delete_cookie(COOKIE, httponly=True, samesite="strict", secure=is_secure(request))


def entrance_of(request: Request) -> Entrance:
    """Return the door of the engine that a call is for."""
    state = request.app.state
    if not hasattr(state, "entrance"):
        state.entrance = Entrance(state.settings.key)
    entrance: Entrance = state.entrance
    return entrance


def _digest(word: str) -> str:
    return hashlib.sha256(word.encode("utf-8", "replace")).hexdigest()


PREFIX = "engine-page"
# What the address says of how a page is shown; links to the same page leave it out.
_HOW = frozenset({"lang", "theme"})
_NBSP = "\u00a0"
_UNITS = ((10**9, "gb", 1), (10**6, "mb", 0), (10**3, "kb", 0))
_SPANS = ((86_400, "days"), (3_600, "hours"), (60, "minutes"), (1, "seconds"))


class NotLetIn(Exception):
    """The call brings neither a session nor the engine's key."""


class Foreign(Exception):
    """The call comes from another site's page, or under a name that is not this engine's."""


@dataclass(frozen=True, slots=True)
class Visit:
    """What a page's route starts from."""

    request: Request
    language: str
    theme: str

    @property
    def engine(self) -> Engine:
        """Return the engine."""
        return engine_of(self.request)

    @property
    def machine(self) -> Machine:
        """Return what looks at the machine; one an engine, for it remembers its last look."""
        return machine_of(self.request)

    @property
    def here(self) -> str:
        """Return the page's own address, without what says only how it is shown."""
        asked = self.request.query_params.multi_items()
        rest = urlencode([(name, value) for name, value in asked if name not in _HOW])
        return str(self.request.scope["path"]) + (f"?{rest}" if rest else "")

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

    def span(self, seconds: float) -> str:
        """Return how long something lasts, in its largest unit: "4 мин"."""
        for unit, name in _SPANS:
            if seconds >= unit:
                return self.say(f"span-{name}", count=self.number(seconds // unit))
        return self.say("span-seconds", count="0")

    def when(self, at: float) -> str:
        """Return a moment in the machine's own time zone: "20 ноя, 13:12"."""
        here = in_zone(datetime.fromtimestamp(at, UTC))
        return i18n.format_moment_briefly(here, here.tzinfo or UTC, self.language)

    def chip(self, state: str) -> Badge:
        """Return a job's state as a chip."""
        style, icon = JOB.get(state, PLAIN)
        key = f"{PREFIX}-state-{state}"
        words = text(self.language, key) if key in keys(self.language) else state
        return Badge(style, icon, words)


def machine_of(request: Request) -> Machine:
    """Return what looks at the machine that a call's engine works on."""
    state = request.app.state
    if not hasattr(state, "machine"):
        repositories = engine_of(request).repositories
        room = DiskQuota(repositories, 0)
        state.machine = Machine(repositories.folder, lambda: room.used_bytes)
    machine: Machine = state.machine
    return machine


def language_shown(request: Request) -> str:
    """Return the language of a page: asked for, chosen before, the browser's, the engine's own."""
    default = request.app.state.settings.language
    said = request.headers.get("accept-language", "")
    return chosen_language(request) or language_of_header(said, default)


async def outside(request: Request) -> Visit:
    """Return the visit of anybody. Raises Foreign."""
    if is_foreign(request) or not entrance_of(request).is_ours(request):
        raise Foreign
    return Visit(request, language_shown(request), chosen_theme(request))


async def inside(request: Request) -> Visit:
    """Return the visit of who may see the engine's work. Raises NotLetIn, Foreign."""
    visit = await outside(request)
    if not entrance_of(request).lets_in(request):
        raise NotLetIn
    return visit


Anybody = Annotated[Visit, Depends(outside)]
Known = Annotated[Visit, Depends(inside)]


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
def _templates() -> Templates:
    return Templates(WEB / "engine" / "templates", assets(), PREFIX)


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
        response = seen_other(local_address(visit.here))
        if theme in THEMES:
            set_preference(response, visit.request, THEME_COOKIE, theme)
        return response
    page = _templates().render(template, visit.language, f=_frame(visit), **view)
    response = _careful(compressed_response(visit.request, page, HTTPStatus(status)))
    response.headers["Content-Language"] = visit.language
    if requested_language(visit.request):
        set_preference(response, visit.request, LANGUAGE_COOKIE, visit.language)
    return response


def part(visit: Visit, template: str, **view: object) -> Response:
    """Return a part of a page, for the script that puts it in its place."""
    page = _templates().render(template, visit.language, f=_frame(visit), **view)
    return _careful(compressed_response(visit.request, page))


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
    visit = Visit(request, language_shown(request), chosen_theme(request))
    known = status if status in _KNOWN else 422
    return shown(visit, "trouble.html", status, number=known, back=back)


_EXPECTED = (NotLetIn, Foreign, ApiError, HTTPException, RequestValidationError)


def _trouble_of(request: Request, error: Exception) -> Response:
    if isinstance(error, NotLetIn):
        return _to_sign_in(request)
    if isinstance(error, Foreign):
        return trouble(request, 403)
    if isinstance(error, ApiError):
        return _refused(request, error)
    return trouble(request, getattr(error, "status_code", 422))


def _to_sign_in(request: Request) -> Response:
    if _wants_json(request):
        words = "Incorrect API key provided. Send it as 'Authorization: Bearer <key>'."
        return JSONResponse(ApiError(401, words).as_json(), 401)
    if "hx-request" in request.headers:
        # A page that was open when the engine began anew goes where its reader can sign in.
        return Response(status_code=204, headers={"HX-Refresh": "true"})
    visit = Visit(request, language_shown(request), chosen_theme(request))
    here = visit.here if request.method == "GET" else "/"
    return seen_other(SIGN_IN if here == "/" else f"{SIGN_IN}?next={quote(here, safe='')}")


def _refused(request: Request, error: ApiError) -> Response:
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
PageRoute = page_route(ErrorPages(trouble, _trouble_of, _EXPECTED, MOST_BYTES))
