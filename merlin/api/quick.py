"""Quick: the layer that answers about the catalogue from kept bytes, before any route is asked.

    GET of the catalogue ── kept? ── its bytes, or 304 for who has them already
                         └─ else ─── the route, whose answer is kept (`api.catalogue_answers`)

It stands within `Guards` and the limits, so a quick answer has the headers, the log line and the
count of any other; the description of the api names the routes, which answer alike.
"""

from __future__ import annotations

import asyncio
import gzip
from functools import lru_cache
from http import HTTPStatus

from starlette.types import ASGIApp, Receive, Scope, Send

from merlin.api.kept import Answer, Key, headers_of_tag, quoted
from merlin.api.state import state_of
from merlin.core.web.language import language_of_header

PLACES = ("/api/courses", "/api/search", "/api/semesters", "/api/teachers")
# Below this, packing gains nothing.
SMALL = 700
# Longer headers of this kind are nobody's; what was read of them is remembered.
LONGEST = 500
_language = lru_cache(1024)(language_of_header)


class Quick:
    """A layer of the application."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one call, or hand it on."""
        if scope["type"] != "http" or scope["method"] != "GET" or not _is_ours(scope["path"]):
            await self._app(scope, receive, send)
            return
        asked = scope["state"]["asked"] = Asked(scope)
        version = asked.state.freshness.version
        answer = None if version is None else asked.state.kept.find(asked.key, version)
        if answer is None:
            await self._app(scope, receive, send)
            return
        scope["route"] = answer.route  # for the counters
        await asked.answer(answer, send)


def _is_ours(path: str) -> bool:
    return path.startswith(PLACES)


class Asked:
    """What a call says of the form in which it wants its answer."""

    __slots__ = ("_known", "_packs", "key", "state")

    def __init__(self, scope: Scope) -> None:
        self.state = state_of(scope["app"])
        said = {b"accept-language": b"", b"if-none-match": b"", b"accept-encoding": b""}
        for name, value in scope["headers"]:
            if name in said:
                said[name] = said[name] + b", " + value if said[name] else value
        wanted = said[b"accept-language"][:LONGEST].decode("latin-1")
        language = _language(wanted, self.state.services.language)
        self.key = Key(scope["path"], scope["query_string"], language)
        self._known = said[b"if-none-match"].decode("latin-1")
        self._packs = takes_gzip(said[b"accept-encoding"][:LONGEST].decode("latin-1"))

    @property
    def is_conditional(self) -> bool:
        """Return whether the caller has some answer already."""
        return bool(self._known)

    def form_of(self, tag: str) -> bool | None:
        """Return whether the caller has the answer with this tag packed, None for not at all."""
        if not self._known:
            return None
        known = {one.strip().removeprefix("W/") for one in self._known.split(",")}
        forms = (is_packed for is_packed in (True, False) if quoted(tag, is_packed) in known)
        return next(forms, None)

    async def answer(self, answer: Answer, send: Send) -> None:
        """Send the answer, or word that it is the one that the caller has."""
        form = self.form_of(answer.tag)
        if form is not None:
            await self.not_modified(answer.tag, send, is_packed=form)
            return
        is_packed = self._packs and len(answer.body) > SMALL
        if is_packed and answer.packed is None:
            answer.packed = await asyncio.to_thread(gzip.compress, answer.body, 6, mtime=0)
        body = answer.packed if is_packed and answer.packed is not None else answer.body
        headers = answer.headers(is_packed=is_packed)
        headers.append((b"content-type", b"application/json"))
        headers.append((b"content-length", b"%d" % len(body)))
        if is_packed:
            headers.append((b"content-encoding", b"gzip"))
        await _send(send, HTTPStatus.OK, headers, body)

    async def not_modified(self, tag: str, send: Send, *, is_packed: bool) -> None:
        """Say that the caller has the answer already."""
        headers = headers_of_tag(tag, self.key.language, is_packed=is_packed)
        await _send(send, HTTPStatus.NOT_MODIFIED, headers, b"")


async def _send(
    send: Send, status: HTTPStatus, headers: list[tuple[bytes, bytes]], body: bytes
) -> None:
    await send({"type": "http.response.start", "status": status.value, "headers": headers})
    await send({"type": "http.response.body", "body": body})


@lru_cache(256)
def takes_gzip(header: str) -> bool:
    """Return whether an Accept-Encoding header takes gzip (RFC 9110, 12.5.3)."""
    for part in header.lower().split(","):
        name, _, parameter = part.partition(";")
        if name.strip() in ("gzip", "*"):
            return parameter.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
    return False
