"""Answering: a page or a part of one as a response: packed, known by its tag, or redirected."""

from __future__ import annotations

import gzip
import hashlib
from http import HTTPStatus
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from merlin.api.pages.assets import accepts_gzip
from merlin.api.pages.drawing import drawn, edition
from merlin.api.pages.frame import frame_of
from merlin.api.pages.speech import (
    LANGUAGE_COOKIE,
    THEME_COOKIE,
    THEMES,
    is_in_telegram,
    language_asked,
    remember,
)
from merlin.api.pages.visit import SAID_COOKIE, Visit

VARY = "Accept-Language, Accept-Encoding, Cookie, HX-Request"
# A browser may keep a page, and asks each time whether it is still the same.
ASKED_AGAIN, NEVER_KEPT = "private, no-cache", "no-store"
# Below this, packing gains nothing.
_SMALL = 700
_LONGEST_ADDRESS = 1000


def shown(visit: Visit, template: str, **view: object) -> Response:
    """Return a page with its frame.

    `status` and `keep` (a Cache-Control) may be among the view.
    """
    status = HTTPStatus(int(str(view.pop("status", 200))))
    keep = str(view.pop("keep", ASKED_AGAIN))
    theme = visit.request.query_params.get("theme")
    if theme is not None:
        return _with_theme(visit, theme)
    page = drawn(template, visit.language, f=frame_of(visit), **view)
    response = packed(visit.request, page, status)
    response.headers["Cache-Control"] = keep
    response.headers["Content-Language"] = visit.language
    if visit.request.cookies.get(SAID_COOKIE):
        remember(response, visit.request, SAID_COOKIE, "")
    if language_asked(visit.request):
        remember(response, visit.request, LANGUAGE_COOKIE, visit.language)
    return response


def part(visit: Visit, template: str, **view: object) -> Response:
    """Return a part of a page, for a script that puts it in its place."""
    response = packed(visit.request, drawn(template, visit.language, **view))
    response.headers["Cache-Control"] = ASKED_AGAIN
    return response


def packed(request: Request, page: str, status: HTTPStatus = HTTPStatus.OK) -> Response:
    """Return text as an answer, by gzip where the browser takes it."""
    content = page.encode("utf-8", "replace")
    # By "no-referrer" browsers would not say where our own forms come from.
    headers = {"Vary": VARY, "Referrer-Policy": "same-origin"}
    if len(content) > _SMALL and accepts_gzip(request):
        content = gzip.compress(content, 5, mtime=0)
        headers["Content-Encoding"] = "gzip"
    return HTMLResponse(content, status.value, headers)


def same(visit: Visit, *said: object) -> tuple[str, Response | None]:
    """Return the tag of an anonymous page, and the answer "as before" if the browser has it.

    `said` is all that the page depends on beside the catalogue, the address and how it is shown.
    The tag is "" for who is signed in: their pages are drawn anew.
    """
    request = visit.request
    if visit.is_personal or language_asked(request) or "theme" in request.query_params:
        return "", None
    within = is_in_telegram(request)
    parts = (edition(), visit.shelf.version, visit.here, visit.language, visit.theme, within, *said)
    part_of_page = request.headers.get("hx-request", "")
    digest = hashlib.sha256(repr((*parts, part_of_page)).encode("utf-8", "replace")).hexdigest()
    # Weak: the same page, whether packed or not.
    tag = f'W/"{digest[:20]}"'
    known = {one.strip() for one in request.headers.get("if-none-match", "").split(",")}
    if tag not in known:
        return tag, None
    headers = {"ETag": tag, "Cache-Control": ASKED_AGAIN, "Vary": VARY}
    return tag, Response(status_code=HTTPStatus.NOT_MODIFIED.value, headers=headers)


def tagged(response: Response, tag: str) -> Response:
    """Return the response with its tag, where it has one."""
    if tag:
        response.headers["ETag"] = tag
    return response


def seen_other(to: str) -> Response:
    """Return the way to another page after a form."""
    return RedirectResponse(to, HTTPStatus.SEE_OTHER.value, {"Cache-Control": NEVER_KEPT})


def own_address(text: str) -> str:
    r"""Return an address to come back to if it is one of this site, else the front page's.

    "//host", "/\host" and all that browsers read as one of another site are none of ours.
    """
    is_plain = text.startswith("/") and text.isprintable() and "\\" not in text
    if not is_plain or text.startswith("//") or len(text) > _LONGEST_ADDRESS:
        return "/"
    try:
        parts = urlsplit(text)
    except ValueError:
        return "/"
    return "/" if parts.scheme or parts.netloc else text


def _with_theme(visit: Visit, theme: str) -> Response:
    response = seen_other(own_address(visit.here))
    if theme in THEMES:
        remember(response, visit.request, THEME_COOKIE, theme)
    return response
