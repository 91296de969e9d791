"""litellm's proxy as a provider: in front of an engine, and of servers that refuse."""

import json
import secrets
from contextlib import suppress

import pytest

from merlin.cli.provider_checks import CHAT_CHECKS, CHECKS
from merlin.config.engine import EngineSettings
from merlin.core.errors import ModelGone
from merlin.openai_protocol.errors import NO_CREDIT, context_length_error, error_object
from tests.engine.running_engine import create_engine_app
from tests.real.refusals import (
    UNKNOWN,
    ask,
    ask_whole,
    check_refusal,
    create_job,
    upload,
)
from tests.real.servers import run_provider_test, run_server
from tests.support.http_servers import serve_app, serve_http
from tests.support.scripted_server import Reply, ScriptedServer

pytestmark = [pytest.mark.integration, pytest.mark.real("litellm")]
MASTER_KEY = f"sk-{secrets.token_hex(32)}"
ENGINE_KEY = "key-of-the-engine"
# OpenAI's words. Source: openapi.yaml, and its guide "Error codes".
QUOTA = "You exceeded your current quota, please check your plan and billing details."


@pytest.fixture(scope="module")
def engine(tmp_path_factory):
    """The URL of an engine."""
    settings = EngineSettings(
        tmp_path_factory.mktemp("engine"), "127.0.0.1", 0, ENGINE_KEY
    )
    with serve_app(create_engine_app(settings)) as url:
        yield url


@pytest.fixture(scope="module")
def upstream():
    """A server that refuses every call."""
    with serve_http(ScriptedServer()) as server:
        yield server


@pytest.fixture(scope="module")
def proxy(program, engine, upstream, tmp_path_factory):
    """The URL of a proxy without a database, and without files and jobs, as it comes."""
    folder = tmp_path_factory.mktemp("litellm")
    routes = {
        "recall": engine,
        "gone": engine,
        "cooling": engine,
        "refused": upstream.url,
    }
    config = {
        "model_list": [_build_route(name, url) for name, url in routes.items()],
        "general_settings": {"master_key": MASTER_KEY},
        # No model comes back while a test waits.
        "router_settings": {"cooldown_time": 3600},
    }
    (folder / "config.json").write_text(json.dumps(config))
    arguments = ["litellm", "--config", str(folder / "config.json")]
    offline = {"LITELLM_LOCAL_MODEL_COST_MAP": "True"}
    with run_server(program, folder, arguments, "/health/liveliness", **offline) as url:
        yield url


def _build_route(name, url):
    call = {"model": f"openai/{name}", "api_base": f"{url}/v1", "api_key": ENGINE_KEY}
    return {"model_name": name, "litellm_params": call}


@pytest.mark.shows("provider-test")
def test_all_that_it_has_passes(proxy, capsys, monkeypatch):
    code, results = run_provider_test(capsys, monkeypatch, proxy, MASTER_KEY, "recall")
    expected = dict.fromkeys(CHECKS, "missing") | dict.fromkeys(CHAT_CHECKS, "passed")
    assert (code, results) == (0, expected)


CALLS = {
    "unknown-model": lambda url, _: ask(url, MASTER_KEY, UNKNOWN),
    "unknown-model-whole": lambda url, _: ask_whole(url, MASTER_KEY, UNKNOWN),
    "model-gone-behind": lambda url, _: ask(url, MASTER_KEY, "gone"),
    "wrong-key": lambda url, _: ask(url, "sk-another", "recall"),
    "no-files": lambda url, path: upload(url, MASTER_KEY, path),
    "no-jobs": lambda url, _: create_job(url, MASTER_KEY),
}


@pytest.mark.parametrize("story", CALLS)
def test_refusal_is_understood(recording, proxy, tmp_path, story):
    path = tmp_path / "train.jsonl"
    path.write_text("{}\n")
    with recording(story, proxy) as url:
        check_refusal("litellm", story, lambda: CALLS[story](url, path))


def test_model_that_it_rests_is_busy(recording, proxy):
    with suppress(ModelGone):
        ask(proxy, MASTER_KEY, "cooling")
    with recording("model-cools-down", proxy) as url:
        check_refusal(
            "litellm", "model-cools-down", lambda: ask(url, MASTER_KEY, "cooling")
        )


@pytest.mark.parametrize(
    ("story", "refusal"),
    [
        ("no-credit", Reply(error_object(429, QUOTA, NO_CREDIT), 429)),
        ("too-long", Reply(context_length_error(9000, 8192).as_json(), 400)),
    ],
)
def test_refusal_of_the_provider_behind_it_is_understood(
    recording, proxy, upstream, story, refusal
):
    upstream.will(refusal)
    with recording(story, proxy) as url:
        check_refusal("litellm", story, lambda: ask(url, MASTER_KEY, "refused"))
