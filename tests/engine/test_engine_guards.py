"""Keys, health checks, metrics, invalid requests and settings."""

from pathlib import Path

import httpx2
import pytest

from merlin.config.engine import EngineSettings
from merlin.core.errors import ConfigError, LeadTaken
from merlin.engine.main import create_app, serve
from tests.engine.running_engine import KEY, serve_engine
from tests.support.metrics_page import metric_value
from tests.support.waiting import longest

pytestmark = pytest.mark.functional


def get(engine, path, key=KEY, method="GET", **options):
    head = {b"Authorization": f"Bearer {key}".encode()} if key else {}
    url = f"http://127.0.0.1:{engine.port}{path}"
    return httpx2.request(method, url, headers=head, timeout=longest(), **options)


@pytest.mark.parametrize("key", ["wrong", "", KEY[:-1], "ключ"])
def test_wrong_key_returns_401(engine, key):
    for path in ("/v1/models", "/v1/files", "/v1/nothing"):
        answer = get(engine, path, key)
        assert answer.status_code == 401
        assert answer.json()["error"]["code"] == "invalid_api_key"


def test_scheme_other_than_bearer_is_refused(engine):
    head = {"Authorization": f"Basic {KEY}"}
    assert httpx2.get(f"http://127.0.0.1:{engine.port}/v1/models", headers=head).status_code == 401


def test_engine_without_a_key_may_listen_only_on_loopback(tmp_path):
    with pytest.raises(ConfigError, match="MERLIN_ENGINE_KEY"):
        create_app(EngineSettings(tmp_path, "0.0.0.0", 0, ""))  # noqa: S104 - refused
    for host in ("127.0.0.1", "::1", "localhost"):
        create_app(EngineSettings(tmp_path, host, 0, ""))


@pytest.fixture(scope="module")
def open_engine(tmp_path_factory):
    with serve_engine(tmp_path_factory.mktemp("open"), key="") as engine:
        yield engine


OWN = ["127.0.0.1", "127.0.0.1:8702", "localhost:8702", "[::1]:8702", "LOCALHOST"]
FOREIGN = [
    *("rebound.example.com", "rebound.example.com:8702", "127.0.0.1.example.com", "localhost.x"),
    *("192.0.2.7:8702", "[::1", "0.0.0.0:8702", "127.0.0.1@example.com"),
]


@pytest.mark.parametrize("host", OWN)
def test_engine_without_a_key_accepts_the_names_of_its_machine(open_engine, host):
    for headers in ({"Host": host}, {"Host": host, "Origin": "http://localhost:8702"}):
        url = f"http://127.0.0.1:{open_engine.port}/v1/models"
        assert httpx2.get(url, headers=headers, timeout=longest()).status_code == 200


@pytest.mark.parametrize("path", ["/v1/models", "/", "/metrics"])
@pytest.mark.parametrize("host", FOREIGN)
def test_engine_without_a_key_refuses_a_rebound_host_name(open_engine, host, path):
    url = f"http://127.0.0.1:{open_engine.port}{path}"
    answer = httpx2.get(url, headers={"Host": host}, timeout=longest())
    assert answer.status_code == 403
    assert answer.json()["error"]["code"] == "foreign_call"


@pytest.mark.parametrize("origin", ["https://example.com", "null", ""])
def test_engine_without_a_key_refuses_another_sites_page(open_engine, origin):
    url = f"http://127.0.0.1:{open_engine.port}/v1/fine_tuning/jobs"
    headers = {"Origin": origin, "Content-Type": "text/plain"}
    assert httpx2.post(url, headers=headers, content=b"{}", timeout=longest()).status_code == 403


def test_valid_key_is_accepted_with_any_host(engine):
    url = f"http://127.0.0.1:{engine.port}/v1/models"
    headers = {"Host": "engine:8702", "Authorization": f"Bearer {KEY}"}
    assert httpx2.get(url, headers=headers, timeout=longest()).status_code == 200


def test_health_and_metrics_need_no_key(engine, tuned):
    engine.ask(tuned.fine_tuned_model)
    assert get(engine, "/healthz", "").json() == {"status": "ok"}
    assert get(engine, "/readyz", "").status_code == 200
    figures = get(engine, "/metrics", "")
    assert figures.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert metric_value(figures.text, "merlin_engine_jobs", base="recall", status="succeeded") > 0
    assert metric_value(figures.text, "merlin_engine_calls_total", method="POST", code="200") > 0
    assert metric_value(figures.text, "merlin_engine_answers_total", known="true") is not None


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/v1/nothing", 404), ("PUT", "/v1/files", 405), ("GET", "/nothing", 404)],
)
def test_unknown_route_is_refused_in_the_protocols_shape(engine, method, path, status):
    answer = get(engine, path, method=method)
    assert answer.status_code == status
    assert answer.json()["error"]["type"] == "invalid_request_error"
    assert path in answer.json()["error"]["message"]


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"[" * 100_000, b'"\xff"'])
def test_body_that_is_not_a_json_object_is_refused(engine, body):
    for path in ("/v1/chat/completions", "/v1/fine_tuning/jobs"):
        answer = get(engine, path, method="POST", content=body)
        assert answer.status_code == 400
        assert "JSON" in answer.json()["error"]["message"]


def list_body_routes():
    """Return all routes that accept a body."""
    app = create_app(EngineSettings(Path("nowhere"), "127.0.0.1", 0, KEY))
    paths = app.openapi()["paths"].items()
    return sorted(path for path, calls in paths if path.startswith("/v1") and "post" in calls)


@pytest.mark.parametrize("path", list_body_routes())
def test_every_route_limits_its_body(engine, path):
    """JSON is limited to 4 MB; forms have their own limit, and some routes read no body."""
    path_of_route = path.format(job_id="none")
    answer = get(engine, path_of_route, method="POST", content=b" " * 4_000_001)
    status = {"/v1/files": 400}.get(path, 413)
    is_bodiless = path.endswith("/cancel")
    assert answer.status_code == (404 if is_bodiless else status), answer.text


def test_every_response_has_a_request_id(engine):
    ids = {get(engine, "/v1/models").headers["x-request-id"] for _ in range(2)}
    assert len(ids) == 2


def test_two_engines_cannot_share_a_folder(tmp_path):
    with serve_engine(tmp_path), pytest.raises(LeadTaken, match="another engine"):
        serve(EngineSettings(Path(tmp_path), "127.0.0.1", 0, KEY))
