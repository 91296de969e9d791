"""Speech: in which language and light a page is shown.

?lang= · else the cookie · else the account · else Accept-Language · else the config
"""

from __future__ import annotations

from datetime import timedelta

from starlette.requests import Request
from starlette.responses import Response

from merlin.account.user import User
from merlin.api.cookies import is_secure
from merlin.api.language import language_of_request
from merlin.core.text import LANGUAGES, language_of

LANGUAGE_COOKIE, THEME_COOKIE, WITHIN_COOKIE = "merlin_language", "merlin_theme", "merlin_within"
THEMES = ("light", "dark")
_YEAR = timedelta(days=365)


def language_asked(request: Request) -> str:
    """Return the language that the address names, "" for none of ours."""
    wanted = request.query_params.get("lang", "")
    return wanted if wanted in LANGUAGES else ""


def language_shown(request: Request, user: User | None) -> str:
    """Return the language of a page for whoever opens it."""
    chosen = language_asked(request) or request.cookies.get(LANGUAGE_COOKIE)
    if chosen in LANGUAGES:
        return str(chosen)
    default = language_of_request(request)
    if user is None:
        return default
    return language_of(user.language, default) if user.language else user.speaks(default)


def theme_shown(request: Request) -> str:
    """Return the theme that somebody chose, "" while the system decides."""
    theme = request.cookies.get(THEME_COOKIE, "")
    return theme if theme in THEMES else ""


def is_in_telegram(request: Request) -> bool:
    """Return whether the page's script has found itself within Telegram."""
    return request.cookies.get(WITHIN_COOKIE) == "telegram"


def remember(response: Response, request: Request, cookie: str, value: str) -> None:
    """Keep a choice in a cookie, which the page's scripts may read; "" forgets it."""
    is_safe = is_secure(request)
    if not value:
        response.delete_cookie(cookie, secure=is_safe, samesite="lax")
        return
    age = int(_YEAR.total_seconds())
    response.set_cookie(cookie, value, max_age=age, secure=is_safe, samesite="lax")
