"""Answering: a page or a part of one as a response: packed, known by its tag, or redirected."""

from __future__ import annotations

import hashlib
from http import HTTPStatus

from starlette.responses import Response

from merlin.api.pages.drawing import drawn, edition
from merlin.api.pages.frame import frame_of
from merlin.api.pages.speech import is_in_telegram
from merlin.api.pages.visit import SAID_COOKIE, Visit
from merlin.core.web.answering import ASKED_AGAIN, VARY, own_address, packed, seen_other
from merlin.core.web.speech import (
    LANGUAGE_COOKIE,
    THEME_COOKIE,
    THEMES,
    language_asked,
    remember,
)


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


def _with_theme(visit: Visit, theme: str) -> Response:
    response = seen_other(own_address(visit.here))
    if theme in THEMES:
        remember(response, visit.request, THEME_COOKIE, theme)
    return response
