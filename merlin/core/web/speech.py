"""Speech: in which language and light a page is shown.

?lang= · else the cookie · else what the process knows of the person

Cookies know hosts, not ports: pages of several processes on one machine share what was chosen.
"""

from __future__ import annotations

from datetime import timedelta

from starlette.requests import Request
from starlette.responses import Response

from merlin.core.text import LANGUAGES

LANGUAGE_COOKIE, THEME_COOKIE = "merlin_language", "merlin_theme"
THEMES = ("light", "dark")
_YEAR = timedelta(days=365)


def is_secure(request: Request) -> bool:
    """Return whether the call came over https, to us or to a proxy that we believe."""
    return bool(request.scope["scheme"] == "https")


def language_asked(request: Request) -> str:
    """Return the language that the address names, "" for none of ours."""
    wanted = request.query_params.get("lang", "")
    return wanted if wanted in LANGUAGES else ""


def language_chosen(request: Request) -> str:
    """Return the language that the address or the cookie names, "" for none of ours."""
    chosen = language_asked(request) or request.cookies.get(LANGUAGE_COOKIE, "")
    return chosen if chosen in LANGUAGES else ""


def theme_shown(request: Request) -> str:
    """Return the theme that somebody chose, "" while the system decides."""
    theme = request.cookies.get(THEME_COOKIE, "")
    return theme if theme in THEMES else ""


def remember(response: Response, request: Request, cookie: str, value: str) -> None:
    """Keep a choice in a cookie, which the page's scripts may read; "" forgets it."""
    is_safe = is_secure(request)
    if not value:
        response.delete_cookie(cookie, secure=is_safe, samesite="lax")
        return
    age = int(_YEAR.total_seconds())
    response.set_cookie(cookie, value, max_age=age, secure=is_safe, samesite="lax")
