"""A litellm proxy in front of the engine, as its documentation sets one up; its own clients ask."""

import json
from contextlib import contextmanager

import httpx
import pytest

from tests.engine.running_engine import ANSWER, KEY, QUESTION
from tests.real.servers import run_server
from tests.support.protocol_nulls import parse_events
from tests.support.waiting import longest

pytestmark = [pytest.mark.integration, pytest.mark.real("litellm")]

# A short one is refused at the start.
MASTER_KEY = "sk-litellm-0123456789abcdefghij"


@contextmanager
def run_proxy(program, folder, model, url):
    """Run the proxy for a model of the server at `url`; yield a client of it."""
    served = {"model": f"openai/{model}", "api_base": f"{url}/v1", "api_key": KEY}
    configuration = {
        "model_list": [{"model_name": "merlin", "litellm_params": served}],
        "general_settings": {"master_key": MASTER_KEY},
    }
    path = folder / "config.yaml"
    path.write_text(json.dumps(configuration))
    arguments = ["litellm", "--config", str(path)]
    headers = {"Authorization": f"Bearer {MASTER_KEY}"}
    # Else it asks the internet for a list of prices at its start.
    offline = {"LITELLM_LOCAL_MODEL_COST_MAP": "True"}
    with (
        run_server(
            program, folder, arguments, "/health/liveliness", **offline
        ) as address,
        httpx.Client(base_url=address, headers=headers, timeout=longest()) as client,
    ):
        yield client


ASKED = {
    "model": "merlin",
    "max_tokens": 100,
    "messages": [{"role": "user", "content": QUESTION}],
}
ASKED_RESPONSE = {"model": "merlin", "input": QUESTION}


@pytest.mark.shows("chat", "chat-stream", "responses", "anthropic", "models")
def test_proxy_answers_in_every_form_of_its_own_clients(
    program, recording, engine, tmp_path
):
    with (
        recording("proxy", engine.url) as url,
        run_proxy(program, tmp_path, engine.model, url) as client,
    ):
        chat = client.post("/v1/chat/completions", json=ASKED).json()
        assert chat["choices"][0]["message"]["content"] == ANSWER
        stream = client.post(
            "/v1/chat/completions", json={**ASKED, "stream": True}
        ).text
        chunks = parse_events(stream)
        assert (
            "".join(c["choices"][0]["delta"].get("content") or "" for c in chunks)
            == ANSWER
        )
        response = client.post("/v1/responses", json=ASKED_RESPONSE).json()
        assert response["output"][0]["content"][0]["text"] == ANSWER
        # Anthropic's clients: the proxy asks the engine for a response.
        message = client.post("/v1/messages", json=ASKED).json()
        assert message["content"][0]["text"] == ANSWER
        assert [model["id"] for model in client.get("/v1/models").json()["data"]] == [
            "merlin"
        ]
