"""Origin: a page of another site must not act in the name of who is signed in here.

Cookies are SameSite; this is the second wall. What browsers say of where a call comes from is
believed, because no page can make them lie; programs say nothing, and have no cookie.
"""

from __future__ import annotations

from http import HTTPStatus
from urllib.parse import urlsplit

from starlette.requests import Request

from merlin.api.problems import Problem
from merlin.api.services import ApiServices

_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_NEAR = frozenset({"same-origin", "none"})


def refuse_foreign(request: Request) -> None:
    """Raise Problem 403 for a call that changes something and comes from another site's page.

    One that brings a cookie must say where it comes from, as every browser does.
    """
    if request.method in _SAFE:
        return
    site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
    is_silent = site is None and origin is None and "cookie" in request.headers
    is_far = (site is not None and site not in _NEAR) or (
        origin is not None and not _is_own(request, origin)
    )
    if is_silent or is_far:
        raise Problem(HTTPStatus.FORBIDDEN, "foreign-origin")


def _is_own(request: Request, origin: str) -> bool:
    services: ApiServices = request.app.state.services
    public = urlsplit(services.public_url).netloc
    own = {request.headers.get("host", ""), public} - {""}
    try:
        return urlsplit(origin).netloc in own
    except ValueError:  # half an IPv6 address, which no browser says
        return False
