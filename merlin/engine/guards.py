"""Around every call: the key, the caller's limits, a request id, a count."""

from __future__ import annotations

import hmac
import secrets
from collections import Counter
from collections.abc import Mapping
from typing import cast

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from merlin.engine.clients import PREFIX
from merlin.engine.refusal import Refusal
from merlin.engine.services import Engine

_GUARDED = "/v1"


class Guards:
    """Refuse /v1 calls without a key, in a time that tells nothing of it, and calls too many.

    The engine's own key has no limits. Who calls otherwise stands in the call's state as `client`.
    """

    def __init__(self, app: ASGIApp, key: str, calls: Counter[tuple[str, int]]) -> None:
        self._app = app
        self._key = key.encode()
        self._calls = calls

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one call."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        told: dict[str, str] = {"x-request-id": f"req_{secrets.token_hex(12)}"}

        async def counted(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._calls[scope["method"], message["status"]] += 1
                MutableHeaders(scope=message).update(told)
            await send(message)

        if scope["path"].startswith(_GUARDED):
            try:
                told |= await self._let_in(scope)
            except Refusal as refused:
                answer = JSONResponse(refused.as_json(), refused.status, refused.headers)
                await answer(scope, receive, counted)
                return
        await self._app(scope, receive, counted)

    async def _let_in(self, scope: Scope) -> Mapping[str, str]:
        """Return headers that tell what is left to the caller. Raises Refusal 401 or 429."""
        told = _bearer(Headers(scope=scope))
        # latin-1: how header bytes came; any byte may be in a wrong key
        is_owner = hmac.compare_digest((told or "").encode("latin-1"), self._key)
        if told is not None and told.startswith(PREFIX) and not is_owner:
            engine = cast("Engine", scope["app"].state.engine)
            entered = await run_in_threadpool(engine.clients.enter, told)
            scope.setdefault("state", {})["client"] = entered.client
            return entered.headers
        if self._key and not (is_owner and told is not None):
            text = "Incorrect API key provided. Send it as 'Authorization: Bearer <key>'."
            raise Refusal(401, text)
        return {}


def _bearer(headers: Headers) -> str | None:
    scheme, _, told = headers.get("authorization", "").partition(" ")
    return told.strip() if scheme.lower() == "bearer" else None
