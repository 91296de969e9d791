"""Request bodies that are too long are refused, however they are sent."""

import socket
from contextlib import ExitStack
from urllib.parse import urlsplit

import pytest

from tests.api.running_api import ANNA, run_api
from tests.support.waiting import longest, wait_until

pytestmark = pytest.mark.functional


@pytest.fixture
def client(run_client):
    with run_client(bounds={"body_bytes": 64 * 1024}) as client:
        yield client


def send_in_pieces(count):
    yield b'{"title": "'
    for _ in range(count):
        yield b"a" * 1024
    yield b'"}'


@pytest.mark.parametrize("address", ["/api/courses/1/materials", "/api/jobs", "/nowhere"])
def test_body_with_too_large_content_length_is_refused_unread(client, address):
    answer = client.post(address, content=b"a" * (64 * 1024 + 1))
    assert answer.status_code == 413
    assert answer.json()["type"] == "urn:merlin:problem:too-large"
    assert "64" in answer.json()["detail"]
    assert answer.headers["x-request-id"]


def test_chunked_body_is_refused_once_it_exceeds_the_limit(client):
    answer = client.post("/api/jobs", content=send_in_pieces(100))
    assert answer.status_code == 413


LARGE = b'{"title": "' + b"a" * 200 * 1024 + b'"}'
PLACE = "/api/jobs"


def test_anonymous_body_limit_is_64_kilobytes(site):
    refused = site.client.post(PLACE, content=LARGE)
    assert refused.status_code == 413
    assert "64" in refused.json()["detail"]
    assert site.client.post(PLACE, content=send_in_pieces(200)).status_code == 413
    site.add_user(ANNA)
    with site.key_client(ANNA) as program, site.browser_client(ANNA) as browser:
        for client in (program, browser):
            assert client.post(PLACE, content=LARGE).status_code not in (413, 401)
            assert client.post(PLACE, content=send_in_pieces(200)).status_code not in (413, 401)


def test_form_that_is_too_large_is_refused_by_a_page(site):
    site.add_user(ANNA)
    browser_sends = {"Accept": "text/html", "Origin": site.address.rstrip("/")}
    form = b"text=" + b"a" * 9 * 1024 * 1024
    refused = site.client.post("/courses/1/edit", content=form[:100_000], headers=browser_sends)
    assert (refused.status_code, "<h1" in refused.text) == (401, True)
    with site.browser_client(ANNA) as browser:
        refused = browser.post("/courses/1/edit", content=form, headers=browser_sends)
    assert (refused.status_code, "Слишком длинный текст" in refused.text) == (413, True)


def read_metric(client, name):
    lines = client.get("/metrics").text.splitlines()
    return next(float(line.split()[1]) for line in lines if line.startswith(f"{name} "))


def test_total_size_of_concurrent_bodies_is_bounded_and_small_bodies_still_pass(tmp_path):
    bounds = {"bodies_bytes": 900_000}
    with run_api(tmp_path, bounds=bounds) as site, ExitStack() as connections:
        site.add_user(ANNA)
        header_lines = "".join(
            f"{name}: {value}\r\n" for name, value in site.key_headers(ANNA).items()
        )
        head = f"POST {PLACE} HTTP/1.1\r\nHost: x\r\n{header_lines}Content-Length: 900000\r\n\r\n"
        for _ in range(2):
            address = (urlsplit(site.address).hostname, urlsplit(site.address).port)
            connection = connections.enter_context(socket.create_connection(address, longest()))
            connection.sendall(head.encode() + b"a" * 500_000)
        wait_until(lambda: read_metric(site.client, "merlin_http_bodies_bytes") > 800_000)
        with site.key_client(ANNA) as program:
            refused = program.post(PLACE, content=LARGE)
            assert refused.status_code == 503
            assert refused.headers["retry-after"]
            assert program.post(PLACE, content=LARGE[:100]).status_code != 503
        assert read_metric(site.client, "merlin_http_bodies_refused_total") == 1
        connections.close()
        wait_until(lambda: read_metric(site.client, "merlin_http_bodies_bytes") == 0)
