"""Answering: a page as a response: packed, or the way to another one."""

from __future__ import annotations

import gzip
from http import HTTPStatus
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from merlin.core.web.assets import accepts_gzip

VARY = "Accept-Language, Accept-Encoding, Cookie, HX-Request"
# A browser may keep a page, and asks each time whether it is still the same.
ASKED_AGAIN, NEVER_KEPT = "private, no-cache", "no-store"
# Below this, packing gains nothing.
_SMALL = 700
_LONGEST_ADDRESS = 1000


def packed(request: Request, page: str, status: HTTPStatus = HTTPStatus.OK) -> Response:
    """Return text as an answer, by gzip where the browser takes it."""
    content = page.encode("utf-8", "replace")
    # By "no-referrer" browsers would not say where our own forms come from.
    headers = {"Vary": VARY, "Referrer-Policy": "same-origin"}
    if len(content) > _SMALL and accepts_gzip(request):
        content = gzip.compress(content, 5, mtime=0)
        headers["Content-Encoding"] = "gzip"
    return HTMLResponse(content, status.value, headers)


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
