"""HEAD on every route: the response of GET without the body."""

import http.client

import pytest

from docs.build.openapi import described
from tests.support.waiting import longest

pytestmark = pytest.mark.functional

TOLD = described()
PAGES = ["/", "/courses/1", "/sign-in", "/nowhere", "/api/nowhere", "/openapi.json"]
PAGES += ["/healthz", "/readyz", "/metrics"]
READ = sorted(
    path for path, calls in TOLD["paths"].items() if "get" in calls and "{" not in path
)
VOLATILE = {"date", "x-request-id", "set-cookie"}
SIZED = "content-length"


def call(connection, method, path, **headers):
    """Return status, headers and body of one call on a persistent connection."""
    connection.request(method, path, headers=headers)
    answer = connection.getresponse()
    names = {name.lower(): value for name, value in answer.getheaders()}
    headers_ = {name: value for name, value in names.items() if name not in VOLATILE}
    return answer.status, headers_, answer.read()


@pytest.fixture
def connection(still_site):
    connection = http.client.HTTPConnection(
        still_site.address.removeprefix("http://"), timeout=longest()
    )
    yield connection
    connection.close()


@pytest.mark.parametrize("path", sorted({*READ, *PAGES}))
def test_head_returns_the_headers_of_get_without_the_body(connection, path):
    status, headers, body = call(connection, "GET", path)
    # The second call is answered from the cache. The connection stays usable afterwards.
    for _ in range(2):
        head = call(connection, "HEAD", path)
        assert (head[0], head[2]) == (status, b"")
        # The bodies of metrics and health grow a little with each call.
        compared = [
            {name: response_headers[name] for name in response_headers if name != SIZED}
            for response_headers in (head[1], headers)
        ]
        assert compared[0] == compared[1]
    again = call(connection, "GET", path)
    assert again[0] == status
    assert bool(again[2]) == bool(body)
