"""Styles, scripts and drawings of pages, under names that carry a hash; pages as responses.

    merlin.css  →  /static/merlin.3fa9c1d2.css

A name changes with its content, so browsers keep each file for a year and never ask again. A
script names the scripts that it imports; those names are replaced first, so that its own name
changes when any of them does. All of it is read and packed once, at the start.
"""

from __future__ import annotations

import gzip
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from urllib.parse import urlsplit

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

WEB = Path(__file__).parents[2] / "web"
# What pages of every process share.
STATIC, TEMPLATES = WEB / "static", WEB / "templates"
PREFIX = "/static/"
FOREVER = "public, max-age=31536000, immutable"
_IMPORT = re.compile(r"""(?<=["'])\./([a-z_]+\.js)(?=["'])""")
_TYPES = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}


@dataclass(frozen=True, slots=True)
class Asset:
    """One file as it is sent; `packed` is the same by gzip."""

    name: str
    media_type: str
    plain: bytes
    packed: bytes


class Assets:
    """All assets: by the name that templates say, and by the one that browsers ask for."""

    def __init__(self, *folders: Path) -> None:
        files = (path for folder in folders for path in sorted(folder.iterdir()))
        self._sources = {path.name: path for path in files if path.suffix in _TYPES}
        self._made: dict[str, Asset] = {}
        for name in self._sources:
            self._make(name)
        self.by_address: Mapping[str, Asset] = {one.name: one for one in self._made.values()}
        self.version = _digest("".join(sorted(self.by_address)).encode())

    def address(self, name: str) -> str:
        """Return the path under which browsers ask for the asset. Raises KeyError for none."""
        return PREFIX + self._made[name].name

    def text(self, name: str) -> str:
        """Return what an asset says. Raises KeyError for none."""
        return self._made[name].plain.decode()

    def _make(self, name: str) -> Asset:
        asset = self._made.get(name)
        if asset is None:
            path = self._sources[name]
            content = self._content(path)
            hashed = f"{path.stem}.{_digest(content)}{path.suffix}"
            # Without the time of packing the bytes follow from the content alone.
            packed = gzip.compress(content, 9, mtime=0)
            asset = self._made[name] = Asset(hashed, _TYPES[path.suffix], content, packed)
        return asset

    def _content(self, path: Path) -> bytes:
        if path.suffix != ".js":
            return path.read_bytes()
        text = path.read_text(encoding="utf-8")
        return _IMPORT.sub(lambda found: f"./{self._make(found[1]).name}", text).encode()


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:8]


def asset_response(assets: Assets, request: Request, name: str) -> Response:
    """Return one asset. Raises HTTPException 404 for a name that is not, or no longer, known."""
    found = assets.by_address.get(name)
    if found is None:
        raise HTTPException(404)
    headers = {"Cache-Control": FOREVER, "Vary": "Accept-Encoding"}
    if not accepts_gzip(request):
        return Response(found.plain, media_type=found.media_type, headers=headers)
    headers["Content-Encoding"] = "gzip"
    return Response(found.packed, media_type=found.media_type, headers=headers)


def accepts_gzip(request: Request) -> bool:
    """Return whether the browser unpacks gzip; every one that is in use does."""
    accepted = request.headers.get("accept-encoding", "")
    return any(part.strip().partition(";")[0] == "gzip" for part in accepted.split(","))


VARY = "Accept-Language, Accept-Encoding, Cookie, HX-Request"
# A browser may keep a page, and asks each time whether it is still the same.
ASKED_AGAIN, NEVER_KEPT = "private, no-cache", "no-store"
# Below this, packing gains nothing.
_SMALL = 700
_MAX_URL_LENGTH = 1000


def compressed_response(
    request: Request, page: str, status: HTTPStatus = HTTPStatus.OK
) -> Response:
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


def local_address(text: str) -> str:
    r"""Return an address to come back to if it is one of this site, else the front page's.

    "//host", "/\host" and all that browsers read as one of another site are none of ours.
    """
    is_plain = text.startswith("/") and text.isprintable() and "\\" not in text
    if not is_plain or text.startswith("//") or len(text) > _MAX_URL_LENGTH:
        return "/"
    try:
        parts = urlsplit(text)
    except ValueError:
        return "/"
    return "/" if parts.scheme or parts.netloc else text
