"""The engine continues the caller's trace."""

import asyncio

import pytest

from merlin.config.engine import EngineSettings
from merlin.core.tracing import open_span
from merlin.openai_protocol.client import ProtocolClient
from tests.engine.running_engine import create_engine_app
from tests.support.http_servers import serve_app
from tests.support.otlp_receiver import collect_spans

pytestmark = pytest.mark.functional


def test_request_span_continues_the_callers_trace_and_needs_one(tmp_path):
    async def ask(url):
        client = ProtocolClient(f"{url}/v1", "the-key-of-the-engine")
        try:
            await client.json("/models", None, 5)
            with open_span("chat"):
                await client.json("/models", None, 5)
        finally:
            await client.aclose()

    settings = EngineSettings(tmp_path, "127.0.0.1", 0, "the-key-of-the-engine")
    with collect_spans("engine") as spans, serve_app(create_engine_app(settings)) as url:
        asyncio.run(ask(url))
    (call,) = spans.named("GET /v1/models")
    assert spans.path(call) == ("chat", "GET /v1/models")
    assert b"the-key-of-the-engine" not in spans.bodies
