"""One call on the wire to YooKassa: watched, so that another thread can cut it off at any time."""

from __future__ import annotations

import json
import socket
from dataclasses import dataclass
from functools import partial
from typing import Any, cast

import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection

from merlin.adapters.yookassa_call import Call

CONNECT_S, READ_S = 3.0, 7.0
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
