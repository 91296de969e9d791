"""What a browser says of itself: language, theme, origin, size of a form.

A page of another site must not act in the name of who is signed in here. Cookies are SameSite;
the check of the origin is the second defence. What browsers say of where a call comes from is
believed, because no page can make them lie; programs say nothing, and have no cookie.

The time zone is the browser's; without scripts the person's or the configuration's, which is named.
The language is that of ?lang=, else of the cookie, else what the process knows of the person.
Cookies know hosts, not ports: pages of several processes on one machine share what was chosen.
"""

from __future__ import annotations

from datetime import timedelta, tzinfo
from urllib.parse import urlencode, urlsplit

from starlette.requests import Request
from starlette.responses import Response

from merlin.core.clock import is_zone, zone_of
from merlin.core.i18n import LANGUAGES, language_of
from merlin.core.web.assets import local_address, seen_other


def is_too_large(request: Request, most_bytes: int) -> bool:
    """Return whether a form brings too much, or does not say how much it brings."""
    if "transfer-encoding" in request.headers:
        return True
    length = request.headers.get("content-length", "0")
    return not (length.isascii() and length.isdigit() and int(length) <= most_bytes)


MAX_RANGES = 20


def language_of_header(header: str, default: str) -> str:
    """Return the language of ours that an Accept-Language header likes best, else `default`.

    Source: RFC 9110, 12.5.4: ranges by comma, weights `;q=` from 0 to 1, 0 = not wanted.
    """
    best, best_weight = default, 0.0
    for part in header.split(",")[:MAX_RANGES]:
        name, _, parameter = part.partition(";")
        language = language_of(name.strip(), "")
        weight = _weight(parameter)
        if language and weight > best_weight:
            best, best_weight = language, weight
    return best


def _weight(parameter: str) -> float:
    key, _, value = parameter.strip().partition("=")
    if key.strip().lower() != "q":
        return 1.0
    try:
        return min(max(float(value), 0.0), 1.0)
    except ValueError:
        return 0.0


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


LANGUAGE_COOKIE, THEME_COOKIE = "merlin_language", "merlin_theme"
# Written by theme.js.
ZONE_COOKIE = "merlin_zone"
THEMES = ("light", "dark")
_PREFERENCES = frozenset({"lang", "theme"})
_YEAR = timedelta(days=365)


def is_secure(request: Request) -> bool:
    """Return whether the call came over https, to us or to a proxy that we believe."""
    return bool(request.scope["scheme"] == "https")


def cookie_name(request: Request, name: str) -> str:
    """Return what the cookie is called in this call: over https no other site can set it."""
    return f"__Host-{name}" if is_secure(request) else name


def read_cookie(request: Request, name: str) -> str:
    """Return the value of a cookie, "" without one."""
    return request.cookies.get(cookie_name(request, name), "")


def requested_language(request: Request) -> str:
    """Return the language that the address names, "" for none of ours."""
    requested = request.query_params.get("lang", "")
    return requested if requested in LANGUAGES else ""


def chosen_language(request: Request) -> str:
    """Return the language that the address or the cookie names, "" for none of ours."""
    chosen = requested_language(request) or read_cookie(request, LANGUAGE_COOKIE)
    return chosen if chosen in LANGUAGES else ""


def chosen_theme(request: Request) -> str:
    """Return the theme that somebody chose, "" while the system decides."""
    theme = read_cookie(request, THEME_COOKIE)
    return theme if theme in THEMES else ""


def browser_zone(request: Request) -> tzinfo | None:
    """Return the time zone that the browser told, None for none that is known here."""
    name = read_cookie(request, ZONE_COOKIE)
    return zone_of(name) if is_zone(name) else None


def set_preference(response: Response, request: Request, cookie: str, value: str) -> None:
    """Keep a choice in a cookie, which the page's scripts may read; "" forgets it."""
    is_safe, cookie = is_secure(request), cookie_name(request, cookie)
    if not value:
        response.delete_cookie(cookie, secure=is_safe, samesite="lax")
        return
    age = int(_YEAR.total_seconds())
    response.set_cookie(cookie, value, max_age=age, secure=is_safe, samesite="lax")


def page_address(request: Request) -> str:
    """Return the address of a call, without what says only how a page is shown."""
    parameters = request.query_params.multi_items()
    rest = urlencode([(name, value) for name, value in parameters if name not in _PREFERENCES])
    return str(request.scope["path"]) + (f"?{rest}" if rest else "")


def with_preference(address: str, name: str, value: str) -> str:
    """Return the address of a page that is to be shown otherwise: "lang" or "theme"."""
    return f"{address}{'&' if '?' in address else '?'}{urlencode({name: value})}"


def theme_redirect(request: Request, address: str) -> Response | None:
    """Return the way to a page in the theme that the call asks for, None where it asks for none."""
    theme = request.query_params.get("theme")
    if theme is None:
        return None
    response = seen_other(local_address(address))
    if theme in THEMES:
        set_preference(response, request, THEME_COOKIE, theme)
    return response


def note_language(response: Response, request: Request, language: str) -> None:
    """Say a page's language; keep it where the call asked for it."""
    response.headers["Content-Language"] = language
    if requested_language(request):
        set_preference(response, request, LANGUAGE_COOKIE, language)
