"""A body that is too long is refused, however it is sent; nothing of it is kept."""

from __future__ import annotations

import pytest

from merlin.api.bounds import Bounds

pytestmark = pytest.mark.functional


@pytest.fixture
def client(serve_with):
    with serve_with(bounds=Bounds(body_bytes=64 * 1024)) as client:
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
