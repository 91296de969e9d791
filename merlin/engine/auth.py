"""Authentication of requests by the engine's one key."""

import hmac
import secrets
from collections import Counter

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from merlin.core.i18n import text
from merlin.core.log import get_logger
from merlin.openai_protocol.errors import ApiError

log = get_logger(__name__)


def make_wrong_key_error() -> ApiError:
    """Return the error for a missing or wrong API key."""
    message = "Incorrect API key provided. Send it as 'Authorization: Bearer <key>'."
    return ApiError(401, message)


class RequestGuard:
    """Middleware: checks the key of requests to /v1 in constant time.

    A bug is answered with 500 here, so that it is counted too.
    """

    def __init__(self, app: ASGIApp, key: str, calls: Counter[tuple[str, int]]) -> None:
        self._app = app
        self._key = key.encode()
        self._calls = calls

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = {"x-request-id": f"req_{secrets.token_hex(12)}"}
        is_started = False

        async def send_counted(message: Message) -> None:
            nonlocal is_started
            if message["type"] == "http.response.start":
                is_started = True
                self._calls[scope["method"], message["status"]] += 1
                MutableHeaders(scope=message).update(headers)
            await send(message)

        try:
            if scope["path"].startswith("/v1"):
                self._admit(scope)
            await self._app(scope, receive, send_counted)
        except ApiError as refused:
            refusal = refused
        except Exception as error:
            if is_started:  # partly sent: only closing the connection shows the error
                raise
            log.exception("a call failed", path=scope["path"])
            message = text("en", "engine-bug", kind=type(error).__name__)
            refusal = ApiError(500, message, code="server_error")
        else:
            return
        answer = JSONResponse(refusal.as_json(), refusal.status, refusal.headers)
        await answer(scope, receive, send_counted)

    def _admit(self, scope: Scope) -> None:
        """Raise ApiError 401 for a missing or wrong key."""
        scheme, _, credential = Headers(scope=scope).get("authorization", "").partition(" ")
        # latin-1 restores the header's bytes; a wrong key can contain any byte
        is_right = hmac.compare_digest(credential.strip().encode("latin-1"), self._key)
        if not is_right or scheme.lower() != "bearer":
            raise make_wrong_key_error()
