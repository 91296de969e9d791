"""Middleware of every call: problem documents, languages, headers, the log."""

from contextlib import closing

import httpx
import pytest
from structlog.testing import capture_logs

from merlin.api.middleware import Traffic, request_guard
from merlin.core.errors import ConfigError
from merlin.core.web.browser import language_of_header
from merlin.db.writer import Store
from tests.support.http_servers import serve_app
from tests.support.process_settings import ProcessSettings, api_services
from tests.support.waiting import longest

pytestmark = pytest.mark.functional


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("", "ru"),
        ("de", "ru"),
        ("en", "en"),
        ("en-GB,en;q=0.9", "en"),
        ("de, en;q=0.5, ru;q=0.4", "en"),
        ("*", "ru"),
        ("EN", "en"),
    ],
)
def test_preferred_language_of_the_header_is_chosen(header, language):
    assert language_of_header(header, "ru") == language


@pytest.mark.parametrize(("language", "detail"), [("ru", "нет"), ("en", "Nothing")])
def test_problem_document_is_in_the_callers_language(client, language, detail):
    response = client.get("/nowhere", headers={"Accept-Language": language})
    assert response.status_code == 404
    assert response.headers["content-type"] == "application/problem+json"
    assert response.headers["content-language"] == language
    problem = response.json()
    assert detail in problem["detail"]
    assert problem["status"] == 404
    assert problem["request_id"] == response.headers["x-request-id"]


def test_internal_error_is_logged_without_details_in_the_response(site):
    site.app.state.answers = "inside information"
    with capture_logs() as logs:
        response = site.client.get("/metrics")
    assert response.status_code == 500
    assert "inside" not in response.text
    assert "Traceback" not in response.text
    assert response.json()["request_id"]
    assert [line["path"] for line in logs if line.get("exc_info")] == ["/metrics"]


def test_error_after_the_beginning_of_an_answer_is_logged_and_cuts_it_off():
    async def break_off(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise OSError("inside information")

    with (
        serve_app(request_guard(break_off, Traffic())) as address,
        capture_logs() as logs,
        pytest.raises(httpx.RemoteProtocolError),
    ):
        httpx.get(address, timeout=longest())
    assert [line["event"] for line in logs if line.get("exc_info")] == [
        "a route failed"
    ]


@pytest.mark.parametrize("path", ["/healthz", "/nowhere", "/static/none.css"])
def test_every_response_has_security_headers(client, path):
    headers = client.get(path).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert "default-src 'self'" in headers["content-security-policy"]
    assert "unsafe" not in headers["content-security-policy"]
    assert "server" not in headers


@pytest.mark.parametrize(
    "request_id", ["short", "x" * 65, "a b c d e f g h", "<script>alert"]
)
def test_unsafe_request_id_is_replaced(client, request_id):
    assert (
        client.get("/healthz", headers={"X-Request-Id": request_id}).headers[
            "x-request-id"
        ]
        != request_id
    )


def test_invalid_token_is_refused_without_being_shown(tmp_path, database):
    settings = ProcessSettings(
        database="sqlite:///x", state_dir=tmp_path, token="geheim"
    )
    with closing(Store(database)) as store, pytest.raises(ConfigError) as caught:
        api_services(settings, store)
    assert "geheim" not in str(caught.value)
