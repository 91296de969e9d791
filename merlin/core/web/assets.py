"""Static files of pages under names with a content hash, and helpers for page responses.

    merlin.css  →  /static/merlin.3fa9c1d2.css

The name changes with the content, so that browsers can cache each file for a year without
revalidation. A script imports other scripts by name; those names are replaced first, so that its
own hash changes with theirs. Everything is read once, at start.
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, RedirectResponse, Response

WEB = Path(__file__).parents[2] / "web"
# Shared by the pages of all processes.
STATIC, TEMPLATES = WEB / "static", WEB / "templates"
PREFIX = "/static/"
IMMUTABLE = "public, max-age=31536000, immutable"
_IMPORT = re.compile(r"""(?<=["'])\./([a-z_]+\.js)(?=["'])""")
_NO_WEIGHT = re.compile(r"q=0(\.0{0,3})?")
_TYPES = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}


@dataclass(frozen=True, slots=True)
class Asset:
    """A static file."""

    name: str
    media_type: str
    content: bytes


class Assets:
    """All static files, by the name used in templates and by the hashed name in URLs."""

    def __init__(self, *folders: Path) -> None:
        files = (path for folder in folders for path in sorted(folder.iterdir()))
        self._sources = {path.name: path for path in files if path.suffix in _TYPES}
        self._assets: dict[str, Asset] = {}
        for name in self._sources:
            self._load(name)
        self.by_address: Mapping[str, Asset] = {
            asset.name: asset for asset in self._assets.values()
        }

    def address(self, name: str) -> str:
        """Return the URL path of an asset. Raises KeyError."""
        return PREFIX + self._assets[name].name

    def text(self, name: str) -> str:
        """Return the text of an asset. Raises KeyError."""
        return self._assets[name].content.decode()

    def _load(self, name: str) -> Asset:
        asset = self._assets.get(name)
        if asset is None:
            path = self._sources[name]
            content = self._read(path)
            hashed = f"{path.stem}.{_digest(content)}{path.suffix}"
            asset = self._assets[name] = Asset(hashed, _TYPES[path.suffix], content)
        return asset

    def _read(self, path: Path) -> bytes:
        if path.suffix != ".js":
            return path.read_bytes()
        text = path.read_text(encoding="utf-8")
        return _IMPORT.sub(lambda match: f"./{self._load(match[1]).name}", text).encode()


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:8]


def asset_response(assets: Assets, name: str) -> Response:
    """Return the response for an asset. Raises HTTPException 404 for unknown or outdated names."""
    asset = assets.by_address.get(name)
    if asset is None:
        raise HTTPException(404)
    return Response(
        asset.content, media_type=asset.media_type, headers={"Cache-Control": IMMUTABLE}
    )


def accepts(header: str, *names: str) -> bool:
    """Return whether an Accept header takes the first of `names` that it has (RFC 9110, 12.4.2)."""
    found = {}
    for part in header.lower().split(","):
        name, *parameters = (each.strip() for each in part.split(";"))
        found[name] = not any(_NO_WEIGHT.fullmatch(each) for each in parameters)
    return next((found[name] for name in names if name in found), False)


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
    return RedirectResponse(url, HTTPStatus.SEE_OTHER.value, {"Cache-Control": "no-store"})


def local_address(text: str) -> str:
    r"""Return `text` if it is a path on this site, else "/".

    "//host", "/\host" and everything else that browsers would take for another site is rejected.
    """
    is_plain = text.startswith("/") and text.isprintable() and "\\" not in text
    if not is_plain or text.startswith("//") or len(text) > _MAX_URL_LENGTH:
        return "/"
    try:
        parts = urlsplit(text)
    except ValueError:
        return "/"
    return "/" if parts.scheme or parts.netloc else text
