"""A base served by another server, called through the engine by the openai package."""

import json
from contextlib import closing
from http.client import HTTPConnection

import openai
import pytest

from merlin.config.engine import EngineModelConfig
from tests.engine.running_engine import serve_engine
from tests.engine.vllm_standin import VllmStandin
from tests.support.http_servers import serve_app
from tests.support.waiting import wait_until

pytestmark = pytest.mark.functional


@pytest.fixture
def vllm():
    return VllmStandin()


@pytest.fixture
def engine(vllm, tmp_path):
    """An engine whose base `words` is served by a stand-in of vLLM."""
    with serve_app(vllm.app) as url:
        models = {"words": EngineModelConfig(backend="vllm", url=url)}
        with serve_engine(tmp_path, models=models) as engine:
            yield engine


def test_base_on_an_external_server_answers_like_any_other(engine):
    completion = engine.ask("words", "What is a queue?")
    assert completion.choices[0].message.content == "the base hears: What is a queue?"
    assert (completion.usage.prompt_tokens, completion.usage.completion_tokens) == (4, 7)
    chunks = list(engine.ask("words", "What is a queue?", stream=True))
    pieces = [chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices]
    assert "".join(pieces) == completion.choices[0].message.content
    assert len([piece for piece in pieces if piece]) == 7


def test_client_that_leaves_before_the_first_token_cancels_the_upstream_request(engine, vllm):
    vllm.echo.is_silent = True
    body = json.dumps(
        {"model": "words", "stream": True, "messages": [{"role": "user", "content": "?"}]}
    )
    with closing(HTTPConnection("127.0.0.1", engine.port)) as caller:
        key = {"Authorization": f"Bearer {engine.key}"}
        caller.request("POST", "/v1/chat/completions", body, key)
        wait_until(lambda: vllm.echo.requests)
    wait_until(lambda: vllm.echo.disconnects == 1)


def test_full_queue_of_the_server_is_passed_on_with_retry_after(engine, vllm):
    vllm.echo.refusals = [(429, {"Retry-After": "7"})]
    with pytest.raises(openai.RateLimitError) as refused:
        engine.ask("words")
    assert refused.value.response.headers["retry-after"] == "7"


def test_server_that_refuses_the_engines_key_returns_503(engine, vllm):
    vllm.echo.refusals = [(401, {})]
    with pytest.raises(openai.InternalServerError, match="refuses the engine's key") as refused:
        engine.ask("words")
    assert refused.value.status_code == 503


def test_answer_that_breaks_off_ends_with_an_error_event(engine, vllm):
    vllm.echo.is_broken = True
    with pytest.raises(openai.APIError, match="out of memory"):
        list(engine.ask("words", stream=True))
