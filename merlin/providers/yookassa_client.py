"""The `yookassa` package as we use it: its requests and its way of asking, on watched connections.

Its global `Configuration` is not used (a later `configure` would turn every caller to another
shop or address), nor its logger, which would be handed the credentials. Its client reads a refused
connection's `response`, which is None: whatever comes out of it becomes one of our errors here.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, cast

import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection
from yookassa.client import ApiClient
from yookassa.domain.common import UserAgent
from yookassa.domain.exceptions import ApiError
from yookassa.domain.request import CapturePaymentRequest, PaymentRequest
from yookassa.domain.request.refund_request import RefundRequest

from merlin.core.errors import GatewayUnavailable, PaymentError, PaymentUnknown
from merlin.providers.yookassa import Body, Call

CONNECT_S, READ_S = 3.0, 7.0
GOOD, PROCESSING, TIMED_OUT, TOO_MANY, BROKEN = 200, 202, 408, 429, 500
# A full page of a hundred payments has some 300 kB.
MOST_BYTES = 8 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer as far as the `yookassa` package looks at one."""

    status_code: int
    content: bytes

    def json(self) -> Any:
        """Return what was answered. Raises ValueError."""
        return json.loads(self.content)


class _Watched(HTTPConnection):
    """A connection that its call knows of."""

    def __init__(self, *args: Any, call: Call, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self._call = call

    def _new_conn(self) -> socket.socket:
        connection = super()._new_conn()
        self._call.watch(connection)
        return connection

    def connect(self) -> None:
        super().connect()
        self._call.begin()


class _WatchedTls(_Watched, HTTPSConnection):
    """The same over TLS."""


class _WatchingAdapter(HTTPAdapter):
    """Gives every connection to its call; asks nothing twice."""

    def __init__(self, call: Call) -> None:
        super().__init__(pool_connections=1, pool_maxsize=1, max_retries=0)
        self._call = call

    def get_connection_with_tls_context(self, *args: Any, **told: Any) -> HTTPConnectionPool:
        pool = super().get_connection_with_tls_context(*args, **told)
        kind = _WatchedTls if pool.scheme == "https" else _Watched
        # The pool only ever calls it to make a connection.
        pool.ConnectionCls = cast("type[HTTPConnection]", partial(kind, call=self._call))
        return pool


def send(call: Call, method: str, url: str, **said: Any) -> Answer:
    """Send one call and return its whole answer; follows no redirect, tries nothing twice.

    Raises what `requests` and `urllib3` raise, ValueError for an answer without an end.
    """
    with requests.Session() as session:
        adapter = _WatchingAdapter(call)
        session.mount("https://", adapter)
        session.mount("http://", adapter)
        with session.request(
            method,
            url,
            timeout=(CONNECT_S, READ_S),
            allow_redirects=False,
            stream=True,
            auth=_as_it_is,
            **said,
        ) as answer:
            content = answer.raw.read(MOST_BYTES + 1, decode_content=True)
            if len(content) > MOST_BYTES:
                raise ValueError("the answer is too long")
            call.status = answer.status_code
            return Answer(answer.status_code, content)


def _as_it_is(asked: requests.PreparedRequest) -> requests.PreparedRequest:
    """Keep the caller's credentials: without this, those of a .netrc would take their place."""
    return asked


# What the package makes of a body before it is sent.
_KINDS = {"payment": PaymentRequest, "capture": CapturePaymentRequest, "refund": RefundRequest}


_LONGEST = 200


class ShopClient(ApiClient):  # type: ignore[misc]  # the package has no types
    """One call's client of one shop."""

    def __init__(self, address: str, credentials: tuple[str, str], call: Call) -> None:
        # Not super().__init__(): that reads the package's one global configuration.
        self.endpoint = address
        self.shop_id, self.shop_password = credentials
        self.auth_token = None
        self.user_agent = UserAgent()
        self._call = call

    def execute(
        self,
        body: object,
        method: str,
        path: str,
        query_params: Mapping[str, str] | None,
        request_headers: Mapping[str, str],
    ) -> Answer:
        """Send one call; the package's own has no timeout and tries again by itself."""
        said = {"params": query_params, "headers": request_headers, "json": body}
        return send(self._call, method, self.endpoint + path, **said)

    def post(self, path: str, key: str, kind: str = "", body: Body | None = None) -> Body:
        """Ask for something under a key; return the answer's object. Raises PaymentError."""
        asked = None if body is None else _built(kind, body)
        return self._request("post", path, headers={"Idempotence-Key": key}, body=asked)

    def get(self, path: str, query: Mapping[str, str] | None = None) -> Body:
        """Read something; return the answer's object. Raises PaymentError and kin."""
        return self._request("get", path, query_params=query)

    def _request(self, method: str, path: str, **said: Any) -> Body:
        trouble: Exception
        try:
            answer = self.request(method, path, **said)
            if isinstance(answer, Mapping):
                return answer
            trouble = ValueError("the answer is no object")
        except Exception as error:  # noqa: BLE001 - the package lets anything out; all is told on
            trouble = error
        finally:
            self._call.let_go()
        # Outside of the handler: the first error holds the request with its credentials.
        raise _ours(trouble, self._call)


def _built(kind: str, body: Body) -> object:
    """Return a body that the package finds right. Raises PaymentError: nothing was asked."""
    try:
        built = _KINDS[kind](dict(body))
        built.validate()
    except (ValueError, TypeError, AttributeError) as error:
        raise PaymentError(f"YooKassa's package refused: {error}", code="invalid_request") from None
    return built


def _ours(trouble: Exception, call: Call) -> PaymentError:
    """Return our error for what became of a call."""
    status = call.status
    if status == 0:
        # The package's own error is about what it did with the true one.
        words = type(trouble.__context__ or trouble).__name__
        if call.is_sent:
            return PaymentUnknown(f"YooKassa did not answer: {words}", code="no_answer")
        return GatewayUnavailable(f"YooKassa cannot be reached: {words}", code="unreachable")
    code, words = _fault_text(trouble, status)
    if status == TOO_MANY:
        return GatewayUnavailable(words, code=code)
    if status in {GOOD, PROCESSING, TIMED_OUT} or status >= BROKEN:
        return PaymentUnknown(words, code=code)
    return PaymentError(words, code=code)


def _fault_text(trouble: Exception, status: int) -> tuple[str, str]:
    """Return the vendor's code, and its words with the place they are about."""
    said = trouble.content if isinstance(trouble, ApiError) else None
    if not isinstance(said, Mapping):
        return f"http_{status}", f"YooKassa answered {status} and nothing that can be read"
    code = str(said.get("code") or f"http_{status}")
    place = f" ({said['parameter']})" if said.get("parameter") else ""
    return code[:64], f"YooKassa: {code}: {said.get('description', '')}{place}"[:_LONGEST]
