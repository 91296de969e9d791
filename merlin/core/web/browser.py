"""What a request says about the browser: language, theme, time zone, origin.

A page of another site must not act on behalf of the signed-in user. Cookies are SameSite; the check
of the origin is the second defence. The headers about a request's origin can be trusted, because no
page can forge them in a browser; other clients send none and have no cookie.

The time zone is the browser's; without scripts it is the user's or the configured one, and shown
with its name. The language is that of ?lang=, else of the cookie, else what the process knows about
the user. Cookies belong to hosts, not ports: pages of several processes on one machine share these
preferences.
"""

from datetime import tzinfo
from urllib.parse import urlencode, urlsplit

from starlette.requests import Request
from starlette.responses import Response

from merlin.core.clock import is_zone, zone_of
from merlin.core.i18n import LANGUAGES, language_of


def language_of_header(header: str, default: str) -> str:
    """Return the first supported language of an Accept-Language header, else `default`.

    Browsers name the preferred one first.
    """
    names = (part.partition(";")[0].strip() for part in header.split(","))
    return next(filter(None, (language_of(name, "") for name in names)), default)


_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_SAME_SITE = frozenset({"same-origin", "none"})


def is_foreign(request: Request, public_url: str = "") -> bool:
    """Return whether a state-changing request comes from a page of another site.

    A request with a cookie must declare its origin, as every browser does. `public_url` is the
    site's public URL, "" if the request's Host header is right.
    """
    if request.method in _SAFE_METHODS:
        return False
    fetch_site = request.headers.get("sec-fetch-site")
    origin = request.headers.get("origin")
    has_no_origin = (
        fetch_site is None and origin is None and "cookie" in request.headers
    )
    is_cross_site = (fetch_site is not None and fetch_site not in _SAME_SITE) or (
        origin is not None and not _is_own_origin(request, origin, public_url)
    )
    return has_no_origin or is_cross_site


def _is_own_origin(request: Request, origin: str, public_url: str) -> bool:
    own_hosts = {request.headers.get("host", ""), urlsplit(public_url).netloc} - {""}
    try:
        return urlsplit(origin).netloc in own_hosts
    except ValueError:  # an incomplete IPv6 address, which no browser sends
        return False


LANGUAGE_COOKIE = "merlin_language"
THEME_COOKIE = "merlin_theme"
# Set by cookies.js.
ZONE_COOKIE = "merlin_zone"
THEMES = ("light", "dark")
_PREFERENCES = frozenset({"lang", "theme"})
_YEAR_S = 365 * 86_400


def is_secure(request: Request) -> bool:
    """Return whether the request came over https, to us or to a trusted proxy."""
    return bool(request.scope["scheme"] == "https")


def cookie_name(request: Request, name: str) -> str:
    """Return the cookie's full name: over https its prefix keeps other hosts from setting it."""
    return f"__Host-{name}" if is_secure(request) else name


def read_cookie(request: Request, name: str) -> str:
    """Return the value of a cookie, "" if it is missing."""
    return request.cookies.get(cookie_name(request, name), "")


def requested_language(request: Request) -> str:
    """Return the language of the query parameter, "" if it is missing or not supported."""
    requested = request.query_params.get("lang", "")
    return requested if requested in LANGUAGES else ""


def get_chosen_language(request: Request) -> str:
    """Return the language of the query parameter or the cookie, "" if neither is supported."""
    chosen = requested_language(request) or read_cookie(request, LANGUAGE_COOKIE)
    return chosen if chosen in LANGUAGES else ""


def get_chosen_theme(request: Request) -> str:
    """Return the theme of the query parameter or the cookie, "" for that of the system."""
    theme = request.query_params.get("theme") or read_cookie(request, THEME_COOKIE)
    return theme if theme in THEMES else ""


def browser_zone(request: Request) -> tzinfo | None:
    """Return the time zone that the browser reported, None if it is unknown here."""
    name = read_cookie(request, ZONE_COOKIE)
    return zone_of(name) if is_zone(name) else None


def page_address(request: Request) -> str:
    """Return the path and query of a request without the parameters that set preferences."""
    parameters = request.query_params.multi_items()
    query = urlencode(
        [(name, value) for name, value in parameters if name not in _PREFERENCES]
    )
    return str(request.scope["path"]) + (f"?{query}" if query else "")


def with_preference(address: str, name: str, value: str) -> str:
    """Return the page's address with a parameter that sets a preference ("lang" or "theme")."""
    return f"{address}{'&' if '?' in address else '?'}{urlencode({name: value})}"


def note_preferences(response: Response, request: Request, language: str) -> None:
    """Set the Content-Language header; store what the request chose in cookies."""
    response.headers["Content-Language"] = language
    theme = get_chosen_theme(request) if "theme" in request.query_params else ""
    for cookie, value in (
        (LANGUAGE_COOKIE, requested_language(request)),
        (THEME_COOKIE, theme),
    ):
        if value:
            name = cookie_name(request, cookie)
            secure = is_secure(request)
            response.set_cookie(
                name, value, max_age=_YEAR_S, secure=secure, samesite="lax"
            )
