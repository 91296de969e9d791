"""Weight: how much a call may bring, so that nobody fills the memory by sending for ever.

What the routes of hooks and of the door read, they weigh themselves.
"""

from __future__ import annotations

from http import HTTPStatus

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from merlin.api.problems import answer

_OWN_WAYS = ("/hooks/", "/v1/")
_WITHOUT_BODY = frozenset({"GET", "HEAD", "OPTIONS"})


class Weight:
    """A layer of the application; a body that is too long is answered with 413."""

    def __init__(self, app: ASGIApp, most_bytes: int) -> None:
        self._app = app
        self._most_bytes = most_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one call as long as its body is not too long."""
        is_light = scope["type"] != "http" or scope["method"] in _WITHOUT_BODY
        if is_light or scope["path"].startswith(_OWN_WAYS):
            await self._app(scope, receive, send)
            return
        told = Headers(scope=scope).get("content-length", "")
        scales = _Scales(receive, send, self._most_bytes)
        if told.isascii() and told.isdigit() and int(told) > self._most_bytes:
            scales.is_over = True
        else:
            await self._app(scope, scales.receive, scales.send)
        if scales.is_over and not scales.is_answered:
            limit = self._most_bytes // 1024
            refusal = answer(
                Request(scope), HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too-large", limit=limit
            )
            await refusal(scope, receive, send)


class _Scales:
    """One call's body on its way in; once it is too long the caller seems to have gone."""

    def __init__(self, receive: Receive, send: Send, most_bytes: int) -> None:
        self._receive = receive
        self._send = send
        self._most_bytes = most_bytes
        self._bytes = 0
        self.is_over = False
        self.is_answered = False

    async def receive(self) -> Message:
        """Return the next piece."""
        message = await self._receive()
        self._bytes += len(message.get("body", b""))
        if self._bytes > self._most_bytes:
            self.is_over = True
            return {"type": "http.disconnect"}
        return message

    async def send(self, message: Message) -> None:
        """Pass an answer on; to what was not read whole there is another one."""
        if self.is_over and not self.is_answered:
            return
        self.is_answered = True
        await self._send(message)
