"""Cookies: what browsers keep for us; none can be read by a script or be set from elsewhere.

On https their names begin with __Host-, so that no neighbouring site can set them; on plain http,
which is for this machine alone, they have plain names.
"""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import Response

from merlin.api.problems import Problem
from merlin.api.services import ApiServices
from merlin.core.loopback import is_loopback
from merlin.core.web.speech import is_secure

SIGN_IN = "merlin"
# The browser that waits for a yes in the bot; the browser that a password was right in before.
LOGIN = "merlin-login"
BROWSER = "merlin-browser"
_PREFIX = "__Host-"


@dataclass(frozen=True, slots=True)
class Kept:
    """One cookie; `is_framed`: also within Telegram's frame, which is another site."""

    name: str
    value: str
    seconds: int
    is_framed: bool = False


def name_of(request: Request, name: str) -> str:
    """Return what the cookie is called in this call."""
    return f"{_PREFIX}{name}" if is_secure(request) else name


def kept(request: Request, name: str) -> str:
    """Return the value of a cookie, "" without one."""
    return request.cookies.get(name_of(request, name), "")


def keep(request: Request, response: Response, cookie: Kept) -> None:
    """Let the browser keep a cookie; 0 seconds: let it forget it."""
    parts = [f"{name_of(request, cookie.name)}={cookie.value}", f"Max-Age={cookie.seconds}"]
    parts += ["Path=/", "HttpOnly"]
    is_foreign = cookie.is_framed and is_secure(request)
    parts.append("SameSite=None" if is_foreign else "SameSite=Lax")
    parts += ["Secure"] if is_secure(request) else []
    parts += ["Partitioned"] if is_foreign else []
    response.headers.append("Set-Cookie", "; ".join(parts))


def forget(request: Request, response: Response, name: str) -> None:
    """Let the browser forget a cookie, the one within Telegram's frame too."""
    keep(request, response, Kept(name, "", 0))
    if is_secure(request):
        keep(request, response, Kept(name, "", 0, is_framed=True))


def refuse_plain(request: Request) -> None:
    """Raise Problem 403 where a secret would go over the network unencrypted."""
    services: ApiServices = request.app.state.services
    host = request.client.host if request.client else None
    if not (is_secure(request) or is_loopback(host) or services.entrance.allows_plain):
        raise Problem(HTTPStatus.FORBIDDEN, "needs-https")
