"""A real vLLM behind the engine: schemas, tools, completions and responses are passed on to it."""

import json
import subprocess

import pytest

from merlin.config.engine import EngineAnsweringConfig, EngineModelConfig
from tests.engine.relayed_calls import CALLS, OPTIONS
from tests.engine.running_engine import DEADLINE_S, KEY, serve_engine
from tests.engine.tiny_base import get_tiny_base
from tests.real.programs import require_program
from tests.support.waiting import longest

pytestmark = [pytest.mark.integration, pytest.mark.real("vllm")]


@pytest.fixture(scope="module")
def engine(program, tmp_path_factory):
    """An engine with a tiny base behind vLLM, which has answered once."""
    models = {
        "words": EngineModelConfig(
            path=str(get_tiny_base()), context=512, dtype="float32"
        )
    }
    options = ("--enforce-eager", *OPTIONS)
    answering = EngineAnsweringConfig(
        vllm=options, vllm_command=program.command("vllm")
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VLLM_CPU_KVCACHE_SPACE", "1")
        folder = tmp_path_factory.mktemp("engine")
        with serve_engine(
            folder, models=models, serving="vllm", answering=answering
        ) as client:
            backends = client.app.state.engine.backends
            backends.get_backend("words")._model.patience_s = longest(DEADLINE_S)
            client.ask("words", "Where is Anna?")
            yield client


@pytest.fixture
def ask(engine, recording):
    """Return a function that makes one of the calls, which is recorded on its way to vLLM."""
    to_vllm = engine.app.state.engine.backends.get_backend(
        "words"
    )._model.server._client
    address = to_vllm._root

    def ask_recorded(story):
        with recording(story, address) as to_vllm._root:
            status, answer = engine.relay("words", *CALLS[story])
        to_vllm._root = address
        return answer if status == 200 else (status, answer)

    return ask_recorded


def is_place(content):
    place = json.loads(content)
    return place.keys() == {"name", "room"} and 0 <= place["room"] <= 99


def find_text(response):
    [item] = response["output"]
    return "".join(part["text"] for part in item["content"])


@pytest.mark.shows("schema")
def test_answer_is_held_to_a_schema(ask):
    answer = ask("schema")
    content = answer["choices"][0]["message"]["content"]
    assert (answer["model"], is_place(content)) == ("words", True)
    assert (
        answer["usage"]["completion_tokens"] == len(content) + 1
    )  # the bytes, and the end
    *chunks, last, done = ask("schema-stream")
    pieces = [chunk["choices"][0]["delta"].get("content") or "" for chunk in chunks]
    assert ("".join(pieces), last["usage"]["completion_tokens"], done) == (
        content,
        len(content) + 1,
        "[DONE]",
    )
    assert ask("json")["choices"][0]["message"]["content"].startswith("{")
    status, refused = ask("schema-refused")
    assert (status, "vLLM refuses" in refused["error"]["message"]) == (400, True)


@pytest.mark.shows("tools")
def test_tool_is_called_and_its_result_read(ask):
    answer = ask("tool")["choices"][0]
    [call] = answer["message"]["tool_calls"]
    arguments = json.loads(call["function"]["arguments"])
    assert (answer["finish_reason"], call["function"]["name"]) == ("tool_calls", "find")
    assert 0 <= arguments["room"] <= 99
    deltas = [
        choice["delta"]
        for event in ask("tool-stream")[:-1]
        for choice in event["choices"]
    ]
    pieces = [
        call["function"] for delta in deltas for call in delta.get("tool_calls") or ()
    ]
    assert (
        json.loads("".join(piece.get("arguments", "") for piece in pieces)) == arguments
    )
    told = ask("tool-result")["choices"][0]["message"]["content"]
    assert told.startswith("In room")


@pytest.mark.shows("completions")
def test_text_is_continued(ask):
    assert ask("text")["usage"]["completion_tokens"] == 4
    *chunks, last, _ = ask("text-stream")
    texts = [choice["text"] for chunk in chunks for choice in chunk["choices"]]
    assert len("".join(texts)) == last["usage"]["completion_tokens"] == 4
    [first, _] = ask("logprobs")["choices"][0]["logprobs"]["content"]
    assert len(first["top_logprobs"]) == 2


@pytest.mark.shows("responses")
def test_response_is_whole_streamed_and_held_to_a_schema(ask):
    response = ask("response")
    assert (response["model"], response["status"]) == ("words", "completed")
    assert is_place(find_text(response))
    assert response["usage"]["output_tokens"] == len(find_text(response)) + 1
    *deltas, last = ask("response-stream")
    assert (last["type"], last["response"]["model"]) == ("response.completed", "words")
    pieces = [
        each["delta"] for each in deltas if each["type"] == "response.output_text.delta"
    ]
    assert "".join(pieces) == find_text(last["response"])
    assert is_place(find_text(last["response"]))
    assert find_text(ask("response-tool-result")).startswith("In room")


# The openai package's guide to structured outputs: a class is the schema.
PARSE = """
import json
from typing import Annotated
from openai import OpenAI
from pydantic import BaseModel, Field

class Place(BaseModel):
    name: Annotated[str, Field(max_length=8)]
    room: Annotated[int, Field(ge=0, le=99)]

client = OpenAI()
asked = [{"role": "user", "content": "Where is Anna?"}]
completion = client.chat.completions.parse(model="words", messages=asked, response_format=Place)
response = client.responses.parse(model="words", input=asked, text_format=Place)
print(completion.choices[0].message.parsed.model_dump_json())
print(response.output_parsed.model_dump_json())
"""


@pytest.mark.shows("structured-outputs")
def test_openai_package_parses_structured_outputs(program, engine):
    command = [require_program("openai").command("python"), "-c", PARSE]
    own = {
        "OPENAI_BASE_URL": f"http://127.0.0.1:{engine.port}/v1",
        "OPENAI_API_KEY": KEY,
    }
    done = subprocess.run(
        command, env=own, capture_output=True, text=True, timeout=longest(DEADLINE_S)
    )
    assert done.returncode == 0, done.stderr
    assert [is_place(line) for line in done.stdout.splitlines()] == [True, True]
