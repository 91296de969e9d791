"""Static files of pages under the digest of them all, and helpers for page responses.

    merlin.css  →  /static/3fa9c1d2/merlin.css

The address changes with the content, so that browsers can cache each file for a year without
revalidation. Everything is read once, at start.
"""

import hashlib
from http import HTTPStatus
from pathlib import Path

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, RedirectResponse, Response

WEB = Path(__file__).parents[2] / "web"
# Shared by the pages of all processes.
STATIC = WEB / "static"
TEMPLATES = WEB / "templates"
PREFIX = "/static/"
IMMUTABLE = "public, max-age=31536000, immutable"
_TYPES = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}


class Assets:
    """All static files of a process."""

    def __init__(self, *folders: Path) -> None:
        paths = sorted(path for folder in folders for path in folder.iterdir())
        self._contents = {
            path.name: path.read_bytes() for path in paths if path.suffix in _TYPES
        }
        digest = hashlib.sha256()
        for name, content in self._contents.items():
            digest.update(f"{name} {len(content)} ".encode() + content)
        self._digest = digest.hexdigest()[:8]

    def address(self, name: str) -> str:
        """Return the URL path of an asset. Raises KeyError."""
        if name not in self._contents:
            raise KeyError(name)
        return f"{PREFIX}{self._digest}/{name}"

    def respond(self, digest: str, name: str) -> Response:
        """Return the response for an asset. Raises HTTPException 404 for an outdated one."""
        content = self._contents.get(name) if digest == self._digest else None
        if content is None:
            raise HTTPException(404)
        media_type = _TYPES[Path(name).suffix]
        return Response(
            content, media_type=media_type, headers={"Cache-Control": IMMUTABLE}
        )


def accepts(header: str, name: str) -> bool:
    """Return whether an Accept header names a media type (RFC 9110, 12.5.1)."""
    return name in (
        part.partition(";")[0].strip() for part in header.lower().split(",")
    )


def sent_etags(headers: Headers) -> set[str]:
    """Return the tags of If-None-Match, strong and weak ones alike (RFC 9110, 13.1.2)."""
    header = ", ".join(headers.getlist("if-none-match"))
    return {tag.strip().removeprefix("W/") for tag in header.split(",")}


VARY = "Accept-Language, Cookie, HX-Request"
_MAX_URL_LENGTH = 1000


def page_response(text: str, status: HTTPStatus = HTTPStatus.OK) -> Response:
    """Return an HTML response."""
    # With "no-referrer", browsers would send no Origin with our own forms.
    headers = {"Vary": VARY, "Referrer-Policy": "same-origin"}
    return HTMLResponse(text.encode("utf-8", "replace"), status.value, headers)


def seen_other(url: str) -> Response:
    """Return the redirect to another page after a form (303 See Other)."""
    return RedirectResponse(
        url, HTTPStatus.SEE_OTHER.value, {"Cache-Control": "no-store"}
    )


def local_address(text: str) -> str:
    r"""Return `text` if it is a path on this site, else "/".

    "//host", "/\host" and everything else that browsers would take for another site is rejected.
    """
    is_plain = text.startswith("/") and text.isprintable() and "\\" not in text
    if not is_plain or text.startswith("//") or len(text) > _MAX_URL_LENGTH:
        return "/"
    return text
