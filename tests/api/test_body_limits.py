"""A body that is too long is refused, however it is sent; nothing of it is kept."""

from __future__ import annotations

import socket
from contextlib import ExitStack
from urllib.parse import urlsplit

import pytest

from tests.api.running_api import ANNA, running
from tests.support.waiting import longest, wait_until

pytestmark = pytest.mark.functional


@pytest.fixture
def client(serve_with):
    with serve_with(bounds={"body_bytes": 64 * 1024}) as client:
        yield client


def pieces(count):
    yield b'{"title": "'
    for _ in range(count):
        yield b"a" * 1024
    yield b'"}'


@pytest.mark.parametrize("address", ["/api/courses/1/materials", "/api/jobs", "/nowhere"])
def test_a_body_that_says_its_length_is_refused_unread(client, address):
    answer = client.post(address, content=b"a" * (64 * 1024 + 1))
    assert answer.status_code == 413
    assert answer.json()["type"] == "urn:merlin:problem:too-large"
    assert "64" in answer.json()["detail"]
    assert answer.headers["x-request-id"]


def test_a_body_in_pieces_is_refused_as_soon_as_it_is_too_long(client):
    answer = client.post("/api/jobs", content=pieces(100))
    assert answer.status_code == 413


def test_a_body_that_fits_is_read(client):
    answer = client.post("/api/jobs", content=pieces(20))
    assert answer.status_code != 413


LARGE = b'{"title": "' + b"a" * 200 * 1024 + b'"}'
PLACE = "/api/jobs"


def test_who_is_not_signed_in_may_bring_64_kilobytes(site):
    refused = site.client.post(PLACE, content=LARGE)
    assert refused.status_code == 413
    assert "64" in refused.json()["detail"]
    assert site.client.post(PLACE, content=pieces(200)).status_code == 413
    site.person(ANNA)
    with site.program(ANNA) as program, site.browser(ANNA) as browser:
        for client in (program, browser):
            assert client.post(PLACE, content=LARGE).status_code not in (413, 401)
            assert client.post(PLACE, content=pieces(200)).status_code not in (413, 401)


def test_a_key_that_nobody_has_brings_no_large_body(site):
    made_up = {"Authorization": "Bearer mrl_made-up"}
    assert site.client.post(PLACE, content=LARGE, headers=made_up).status_code == 401


def metric(client, name):
    lines = client.get("/metrics").text.splitlines()
    return next(float(line.split()[1]) for line in lines if line.startswith(f"{name} "))


def test_bodies_under_way_together_are_bounded_and_small_ones_still_come(tmp_path):
    bounds = {"bodies_bytes": 900_000}
    with running(tmp_path, bounds=bounds) as site, ExitStack() as held:
        site.person(ANNA)
        said = "".join(f"{name}: {value}\r\n" for name, value in site.key(ANNA).items())
        head = f"POST {PLACE} HTTP/1.1\r\nHost: x\r\n{said}Content-Length: 900000\r\n\r\n"
        for _ in range(2):
            address = (urlsplit(site.address).hostname, urlsplit(site.address).port)
            connection = held.enter_context(socket.create_connection(address, longest()))
            connection.sendall(head.encode() + b"a" * 500_000)
        wait_until(lambda: metric(site.client, "merlin_http_bodies_bytes") > 800_000)
        with site.program(ANNA) as program:
            refused = program.post(PLACE, content=LARGE)
            assert refused.status_code == 503
            assert refused.headers["retry-after"]
            assert program.post(PLACE, content=LARGE[:100]).status_code != 503
        assert metric(site.client, "merlin_http_bodies_refused_total") == 1
        held.close()
        wait_until(lambda: metric(site.client, "merlin_http_bodies_bytes") == 0)
