"""Keys, health checks, metrics, invalid requests and settings."""

from pathlib import Path

import httpx2
import openai
import pytest
import yaml

from merlin.config.engine import EngineModelConfig, EngineSettings
from merlin.core.errors import LeadTaken
from merlin.core.server import free_ports
from merlin.engine.main import create_app, serve
from tests.engine.base_library import write_qwen35
from tests.engine.running_engine import KEY, serve_engine
from tests.support.forked_processes import run_processes
from tests.support.waiting import longest, wait_until

pytestmark = pytest.mark.functional


def get(engine, path, key=KEY, method="GET", **options):
    head = {b"Authorization": f"Bearer {key}".encode()} if key else {}
    url = f"http://127.0.0.1:{engine.port}{path}"
    return httpx2.request(method, url, headers=head, timeout=longest(), **options)


@pytest.mark.parametrize("key", ["wrong", "", KEY[:-1], "ключ"])
def test_wrong_key_returns_401(engine, key):
    for path in ("/v1/models", "/v1/files"):
        answer = get(engine, path, key)
        assert answer.status_code == 401
        assert answer.json()["error"]["code"] == "invalid_api_key"


def test_scheme_other_than_bearer_is_refused(engine):
    head = {"Authorization": f"Basic {KEY}"}
    assert (
        httpx2.get(
            f"http://127.0.0.1:{engine.port}/v1/models", headers=head
        ).status_code
        == 401
    )


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


@pytest.mark.parametrize(
    ("method", "path", "status", "is_base_wrong"),
    [
        ("GET", "/v1/nothing", 404, False),
        ("PUT", "/v1/files", 405, False),
        ("POST", "/chat/completions", 404, True),
        ("POST", "/v1/v1/responses", 404, True),
    ],
)
def test_unknown_route_is_refused_in_the_protocols_shape(
    engine, method, path, status, is_base_wrong
):
    answer = get(engine, path, method=method)
    assert answer.status_code == status
    assert answer.json()["error"]["type"] == "invalid_request_error"
    message = answer.json()["error"]["message"]
    assert path in message
    assert ("The base URL ends with /v1, once." in message) is is_base_wrong


def test_form_of_too_many_fields_is_refused(engine):
    fields = {f"field{number}": "x" for number in range(17)}
    file = {"file": ("train.jsonl", b"{}")}
    answer = get(engine, "/v1/files", method="POST", data=fields, files=file)
    assert answer.status_code == 400
    assert "The form cannot be read: Too many fields" in answer.text


def list_body_routes():
    """Return all routes that accept a body."""
    app = create_app(EngineSettings(Path("nowhere"), "127.0.0.1", 0, KEY))
    paths = app.openapi()["paths"].items()
    return sorted(
        path for path, calls in paths if path.startswith("/v1") and "post" in calls
    )


@pytest.mark.parametrize("path", list_body_routes())
def test_every_route_limits_its_body(engine, path):
    """JSON is limited to 4 MB; forms have their own limit, and some routes read no body."""
    path_of_route = path.format(job_id="none")
    answer = get(engine, path_of_route, method="POST", content=b" " * 4_000_001)
    status = 400 if path == "/v1/files" else 413
    is_bodiless = path.endswith("/cancel")
    assert answer.status_code == (404 if is_bodiless else status), answer.text


def test_base_without_files_is_refused_with_where_they_should_be(tmp_path):
    models = {"tiny": EngineModelConfig(path=str(tmp_path / "nowhere"))}
    with serve_engine(tmp_path / "engine", models=models) as engine:
        with pytest.raises(openai.BadRequestError, match="nowhere") as refused:
            engine.ask("tiny")
        assert (refused.value.param, refused.value.code) == ("model", "base_unusable")


def test_advice_on_a_base_is_logged_at_the_start(tmp_path):
    models = {"tiny": {"path": str(write_qwen35(tmp_path / "base"))}}
    engine = {"listen": f"127.0.0.1:{free_ports(1)[0]}", "models": models}
    config = tmp_path / "config.yaml"
    config.write_text(yaml.safe_dump({"state_dir": "state", "engine": engine}))
    with run_processes(config, "engine", MERLIN_ENGINE_KEY=KEY):
        log = tmp_path / "engine.log"
        wait_until(lambda: "tiny" in log.read_text() and "Qwen3.5" in log.read_text())


def test_two_engines_cannot_share_a_folder(tmp_path):
    with serve_engine(tmp_path), pytest.raises(LeadTaken, match="another engine"):
        serve(EngineSettings(Path(tmp_path), "127.0.0.1", 0, KEY))
