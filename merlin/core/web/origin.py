"""Origin: a page of another site must not act in the name of who is signed in here.

Cookies are SameSite; this is the second wall. What browsers say of where a call comes from is
believed, because no page can make them lie; programs say nothing, and have no cookie.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from starlette.requests import Request

_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_NEAR = frozenset({"same-origin", "none"})


def is_foreign(request: Request, public_url: str = "") -> bool:
    """Return whether a call that changes something comes from another site's page.

    One that brings a cookie must say where it comes from, as every browser does. `public_url` is
    what the world calls this site, "" where that is what the call itself says.
    """
    if request.method in _SAFE:
        return False
    site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
    is_silent = site is None and origin is None and "cookie" in request.headers
    is_far = (site is not None and site not in _NEAR) or (
        origin is not None and not _is_own(request, origin, public_url)
    )
    return is_silent or is_far


def _is_own(request: Request, origin: str, public_url: str) -> bool:
    own = {request.headers.get("host", ""), urlsplit(public_url).netloc} - {""}
    try:
        return urlsplit(origin).netloc in own
    except ValueError:  # half an IPv6 address, which no browser says
        return False
