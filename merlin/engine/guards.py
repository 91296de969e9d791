"""Around every call: the key, a request id, a count."""

from __future__ import annotations

import hmac
import secrets
from collections import Counter

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from merlin.engine.refusal import Refusal

_GUARDED = "/v1"


class Guards:
    """Refuse /v1 calls without the key, in a time that tells nothing of it."""

    def __init__(self, app: ASGIApp, key: str, calls: Counter[tuple[str, int]]) -> None:
        self._app = app
        self._key = key.encode()
        self._calls = calls

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one call."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def counted(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._calls[scope["method"], message["status"]] += 1
                MutableHeaders(scope=message)["x-request-id"] = f"req_{secrets.token_hex(12)}"
            await send(message)

        if scope["path"].startswith(_GUARDED) and not self._is_let_in(Headers(scope=scope)):
            text = "Incorrect API key provided. Send it as 'Authorization: Bearer <key>'."
            await JSONResponse(Refusal(401, text).as_json(), 401)(scope, receive, counted)
            return
        await self._app(scope, receive, counted)

    def _is_let_in(self, headers: Headers) -> bool:
        scheme, _, told = headers.get("authorization", "").partition(" ")
        # latin-1: how header bytes came; any byte may be in a wrong key
        right = hmac.compare_digest(told.strip().encode("latin-1"), self._key)
        return not self._key or (scheme.lower() == "bearer" and right)
