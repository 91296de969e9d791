"""Speech: in which language a course page is shown, and where.

?lang= · else the cookie · else the account · else Accept-Language · else the config
"""

from __future__ import annotations

from starlette.requests import Request

from merlin.account.user import User
from merlin.api.language import language_of_request
from merlin.core.text import language_of
from merlin.core.web.speech import language_chosen

WITHIN_COOKIE = "merlin_within"


def language_shown(request: Request, user: User | None) -> str:
    """Return the language of a page for whoever opens it."""
    chosen = language_chosen(request)
    if chosen:
        return chosen
    default = language_of_request(request)
    if user is None:
        return default
    return language_of(user.language, default) if user.language else user.speaks(default)


def is_in_telegram(request: Request) -> bool:
    """Return whether the page's script has found itself within Telegram."""
    return request.cookies.get(WITHIN_COOKIE) == "telegram"
