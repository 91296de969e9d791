"""Request bodies that are too long are refused, however they are sent."""

import pytest

from tests.api.running_api import ANNA, check_problem

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


@pytest.mark.parametrize(
    "address", ["/api/courses/1/materials", "/api/jobs", "/nowhere"]
)
def test_body_with_too_large_content_length_is_refused_unread(client, address):
    answer = client.post(address, content=b"a" * (64 * 1024 + 1))
    problem = check_problem(answer, 413, "too-large")
    assert "64" in problem["detail"]
    assert answer.headers["x-request-id"]


def test_body_that_does_not_declare_its_size_is_refused(client):
    answer = client.post("/api/jobs", content=send_in_pieces(1))
    check_problem(answer, 411, "no-length")


LARGE = b'{"title": "' + b"a" * 200 * 1024 + b'"}'
PLACE = "/api/jobs"


def test_anonymous_body_limit_is_64_kilobytes(site):
    refused = site.client.post(PLACE, content=LARGE)
    assert refused.status_code == 413
    assert "64" in refused.json()["detail"]
    site.add_user(ANNA)
    with site.key_client(ANNA) as program, site.browser_client(ANNA) as browser:
        for client in (program, browser):
            assert client.post(PLACE, content=LARGE).status_code not in (413, 401)


def test_large_body_with_an_invalid_key_is_refused_unread(site):
    nobody = {"Authorization": "Bearer nobody"}
    refused = site.client.post(PLACE, content=LARGE, headers=nobody)
    check_problem(refused, 401, "unauthorized")
