"""The HTTP client of providers and forges: what ends a call."""

from concurrent.futures import ThreadPoolExecutor

import httpx2
import pytest

from merlin.providers.http import build_http_client
from tests.support.waiting import longest, wait_until

pytestmark = pytest.mark.functional


def test_call_ends_when_its_client_is_closed(server, reply):
    server.will(reply(hang=True))
    client = build_http_client(server.base_url, longest(), keep=1)
    with ThreadPoolExecutor(1) as pool:
        call = pool.submit(client.get, server.base_url)
        wait_until(lambda: server.calls)
        client.close()
        with pytest.raises(httpx2.ReadError, match="the client was closed"):
            call.result(longest())


def test_answer_that_is_packed_unasked_is_refused(server, reply):
    server.will(reply(b"{}", headers=(("Content-Encoding", "gzip"),)))
    with (
        build_http_client(server.base_url, longest(), keep=1) as client,
        pytest.raises(httpx2.ReadError, match="packed"),
    ):
        client.get(server.base_url)
