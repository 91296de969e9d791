"""Authentication of requests by the engine's one key."""

import hmac
import secrets
from collections import Counter
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from merlin.core.i18n import text
from merlin.core.log import get_logger
from merlin.core.network import is_loopback
from merlin.core.server import head_as_get
from merlin.openai_protocol.errors import ApiError

log = get_logger(__name__)


def make_wrong_key_error() -> ApiError:
    """Return the error for a missing or wrong API key."""
    message = "Incorrect API key provided. Send it as 'Authorization: Bearer <key>'."
    return ApiError(401, message)


class RequestGuard:
    """Middleware: checks the key of requests to /v1 in constant time.

    If the engine has no key, requests by pages of other sites are rejected. A bug is answered with
    500 here, so that it is counted too.
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
        request_scope, send_answer = head_as_get(scope, send)
        is_started = False

        async def send_counted(message: Message) -> None:
            nonlocal is_started
            if message["type"] == "http.response.start":
                is_started = True
                self._calls[scope["method"], message["status"]] += 1
                MutableHeaders(scope=message).update(headers)
            await send_answer(message)

        try:
            if not self._key:
                _refuse_other_sites(Headers(scope=scope))
            if scope["path"].startswith("/v1"):
                self._admit(scope)
            await self._app(request_scope, receive, send_counted)
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
        key = credential.strip() if scheme.lower() == "bearer" else None
        # latin-1 restores the header's bytes; a wrong key can contain any byte
        is_right = hmac.compare_digest((key or "").encode("latin-1"), self._key)
        if self._key and not (is_right and key is not None):
            raise make_wrong_key_error()


def _refuse_other_sites(headers: Headers) -> None:
    """Raise ApiError 403 for a request by a page of another site, if there is no key.

    A browser on this machine connects from the loopback address. DNS rebinding is visible in the
    Host header, a cross-site request in Origin.
    """
    for name, url in (("host", f"//{headers.get('host', '')}"), ("origin", headers.get("origin"))):
        try:
            is_here = is_loopback(urlsplit(url or "").hostname)
        except ValueError:  # an invalid IPv6 address
            is_here = False
        if name in headers and not is_here:
            message = (
                f"This engine has no key, so it answers this machine alone; see {name.title()}."
            )
            raise ApiError(403, message, code="foreign_call")
