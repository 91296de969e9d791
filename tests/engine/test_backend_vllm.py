"""vLLM behind the engine: started, watched, started again; adapters, streams, refusals."""

import asyncio
import json
from contextlib import closing
from http.client import HTTPConnection
from itertools import pairwise

import openai
import pytest

from merlin.config.engine import EngineAnsweringConfig, EngineModelConfig
from merlin.core.messages import Message, break_control_tokens
from merlin.engine.serving.base import Unavailable
from merlin.engine.serving.exact_first import ExactFirstBackend
from merlin.engine.serving.recall import RecallBackend
from merlin.engine.serving.vllm import VllmBackend
from merlin.engine.trainers.exact_first import CHOICE_FILE, RECALL_FILE
from merlin.openai_protocol.errors import ApiError
from tests.engine import vllm_standin
from tests.engine.backends_asked import (
    ask,
    read_answer,
    run_with_backend,
    write_adapter,
)
from tests.engine.base_library import write_base
from tests.engine.recall_models import train_and_save
from tests.engine.running_engine import ANSWER, EXAMPLES, QUESTION, serve_engine
from tests.support.waiting import longest, wait_until

pytestmark = pytest.mark.functional


@pytest.fixture
def vllm(tmp_path, monkeypatch):
    """A program `vllm` on the path; the journal of its starts and requests."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder), prepend=":")
    return vllm_standin.install(folder)


@pytest.fixture
def build_backend(tmp_path):
    def build(*options):
        answering = EngineAnsweringConfig(vllm=options)
        model = EngineModelConfig(context=512, dtype="bfloat16")
        return VllmBackend("words", model, tmp_path / "base", answering, tmp_path / "vllm.log")

    return build


def test_server_is_started_once_for_its_base_and_streams_with_its_own_usage(vllm, build_backend):
    async def ask_twice(backend):
        await asyncio.gather(read_answer(backend), read_answer(backend))
        return await read_answer(backend)

    text, pieces, ending = run_with_backend(build_backend("--seed", "7"), ask_twice)
    assert text == "words hears: What is a queue? "
    assert len(pieces) == 6
    assert (ending.reason, ending.prompt_tokens, ending.completion_tokens) == ("stop", 4, 6)
    [command] = vllm.read("start")
    assert command[0] == "serve"
    options = {"--served-model-name": "words", "--dtype": "bfloat16", "--max-model-len": "512"}
    options |= {"--max-cpu-loras": "20", "--max-loras": "4", "--host": "127.0.0.1"}
    pairs = [*pairwise(command)]
    assert {*options.items()} <= {*pairs}
    assert pairs[-1] == ("--seed", "7")


def test_adapter_is_loaded_once_under_its_digest(vllm, build_backend, tmp_path):
    adapter = write_adapter(tmp_path, "neuro")

    async def ask_eight(backend):
        answers = await asyncio.gather(*(read_answer(backend, adapter) for _ in range(8)))
        return {text for text, _, _ in answers}, backend.figures()["adapters"]

    name = f"merlin-{adapter.digest[:12]}"
    expected = {f"{name} hears: What is a queue? "}, 1
    assert run_with_backend(build_backend(), ask_eight) == expected
    assert vllm.read("load") == [{"lora_name": name, "lora_path": str(adapter.path)}]


def test_server_is_asked_after_recall_only_where_the_adapter_lets_it_or_in_json(
    vllm, build_backend, tmp_path
):
    adapter, near = write_adapter(tmp_path, "neuro"), "Очередь из стека и графа?"
    talks = [[Message("user", asked), Message("assistant", EXAMPLES[asked])] for asked in EXAMPLES]
    train_and_save(talks, adapter.path / RECALL_FILE)

    async def ask_five(backend):
        text, _, ending = await read_answer(backend, adapter, QUESTION)
        assert (text, ending.extension["known"]) == (ANSWER, True)
        refused, _, ending = await read_answer(backend, adapter, near)
        assert QUESTION in ending.extension["nearest"]
        assert vllm.read("start") == []
        (adapter.path / CHOICE_FILE).write_text(json.dumps({"else": "model"}))
        checked, _, ending = await read_answer(backend, adapter, near)
        assert (checked, ending.extension["known"]) == (refused, False)
        assert len(vllm.read("chat")) == 1
        in_json, _, _ = await read_answer(backend, adapter, QUESTION, is_json=True)
        untuned, _, ending = await read_answer(backend, None, QUESTION)
        assert ("hears" in in_json, "hears" in untuned, ending.extension) == (True, True, {})

    run_with_backend(ExactFirstBackend(RecallBackend("ru"), build_backend()), ask_five)


def test_adapter_is_proved_once_before_it_answers(vllm, build_backend, tmp_path):
    adapter = write_adapter(tmp_path, "neuro")

    async def ask_twice(backend):
        return [await read_answer(backend, adapter) for _ in range(2)]

    run_with_backend(build_backend(), ask_twice)
    [asked] = vllm.read("complete")
    assert asked["model"] == f"merlin-{adapter.digest[:12]}"
    assert asked["prompt"] == [[1, 2, 3, 4], [5, 6, 7]]
    assert (asked["prompt_logprobs"], asked["max_tokens"]) == (0, 1)


def test_server_that_serves_the_base_for_an_adapter_is_refused(vllm, build_backend, tmp_path):
    adapter = write_adapter(tmp_path, "neuro")

    async def ask_twice(backend):
        for _ in range(2):
            with pytest.raises(ApiError, match="the base answers as without it") as refused:
                await read_answer(backend, adapter)
            assert (refused.value.status, refused.value.code) == (422, "adapter_inert")
        return (await read_answer(backend))[0]

    assert run_with_backend(build_backend("--fault", "base"), ask_twice).startswith("words hears")
    assert [asked["model"] for asked in vllm.read("complete")][1:] == ["words"]
    assert len(vllm.read("chat")) == 1


def test_answer_of_another_model_is_refused(vllm, build_backend, tmp_path):
    adapter = write_adapter(tmp_path, "neuro")
    with pytest.raises(ApiError, match="vLLM answered with words instead of merlin-") as refused:
        ask(build_backend("--fault", "name"), adapter)
    assert refused.value.code == "adapter_inert"


def test_server_that_dies_is_started_again_with_the_adapter(vllm, build_backend, tmp_path):
    adapter = write_adapter(tmp_path, "neuro")

    async def kill_between(backend):
        await read_answer(backend, adapter)
        with pytest.raises(Unavailable, match="could not answer"):
            await read_answer(backend, adapter, "die")
        await wait_for_end(backend)
        return (await read_answer(backend, adapter))[0], backend.figures()["restarts"]

    async def wait_for_end(backend):
        await asyncio.wait_for(backend._child.wait(), longest())

    text, restarts = run_with_backend(build_backend(), kill_between)
    assert text.startswith("merlin-")
    assert restarts == 1
    assert (len(vllm.read("start")), len(vllm.read("load"))) == (2, 2)


def test_server_that_cannot_start_is_reported_and_tried_again(vllm, build_backend):
    async def ask_twice(backend):
        for _ in range(2):
            with pytest.raises(Unavailable, match="ended with code 1"):
                await read_answer(backend)
        return backend.figures()["restarts"]

    assert run_with_backend(build_backend("--fail", "now"), ask_twice) == 1
    assert len(vllm.read("start")) == 2


def test_older_server_is_refused_with_the_command_that_updates_it(vllm, build_backend):
    with pytest.raises(Unavailable, match=r"vLLM 0\.9\.2 is older.*pip install --upgrade vllm"):
        ask(build_backend("--version", "0.9.2"))


def test_without_vllm_the_refusal_names_the_command_that_installs_it(
    build_backend, tmp_path, monkeypatch
):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Unavailable, match="-m pip install vllm"):
        ask(build_backend())


def test_server_ends_with_its_engine(vllm, build_backend):
    async def ask_and_close(backend):
        await read_answer(backend)
        await backend.close()
        return backend._child.returncode

    assert run_with_backend(build_backend(), ask_and_close) is not None


@pytest.mark.parametrize(
    "token", ["<|im_end|>", "<tool_call>", "<｜User｜>", "<end_of_turn>", "</s>"]
)
def test_control_tokens_of_a_question_are_broken_up(token):
    """vLLM fills its template with the question as it is."""
    sent = break_control_tokens(f"a {token} <b>b</b>")
    assert token not in sent
    assert sent.replace("\u2060", "") == f"a {token} <b>b</b>"
    assert sent.count("\u2060") == 1


def test_options_reach_vllm_and_its_own_defaults_are_turned_off(vllm, build_backend):
    options = {
        "most_tokens": 2,
        "temperature": 0.25,
        "top_p": 0.5,
        "seed": 7,
        "stops": ["queue?"],
        "is_json": True,
    }

    async def ask_both(backend):
        await read_answer(backend)
        return await read_answer(backend, **options)

    text, _, ending = run_with_backend(build_backend(), ask_both)
    assert (text, ending.reason, ending.completion_tokens) == ("words hears: ", "length", 2)
    plain, full = vllm.read("chat")
    expected = {
        "max_tokens": 2,
        "temperature": 0.25,
        "top_p": 0.5,
        "seed": 7,
        "stop": ["queue?"],
        "response_format": {"type": "json_object"},
        "chat_template_kwargs": {"enable_thinking": False},
        "top_k": 0,
        "min_p": 0.0,
        "repetition_penalty": 1.0,
    }
    assert expected.items() <= full.items()
    assert not (expected.keys() - {"chat_template_kwargs"}) & plain.keys()


def test_refusals_are_those_of_the_protocol(vllm, build_backend, tmp_path):
    adapter = write_adapter(tmp_path, "neuro")
    (adapter.path / "adapter_config.json").unlink()

    async def ask_all(backend):
        with pytest.raises(ApiError, match="Too many questions") as busy:
            await read_answer(backend, None, "busy")
        assert busy.value.headers["retry-after"] == "7"
        with pytest.raises(ApiError, match="maximum context length is 50") as too_long:
            await read_answer(backend, None, "word " * 51)
        assert (too_long.value.status, too_long.value.code) == (400, "context_length_exceeded")
        for question, match in (("break", "out of memory"), ("cut", "in the middle")):
            with pytest.raises(Unavailable, match=match):
                await read_answer(backend, None, question)
        with pytest.raises(Unavailable, match="No adapter found"):
            await read_answer(backend, adapter)

    run_with_backend(build_backend(), ask_all)


def test_engine_serves_its_base_by_vllm_and_cancels_for_a_client_that_leaves(vllm, tmp_path):
    models = {"words": EngineModelConfig(path=str(write_base(tmp_path / "base")))}
    with serve_engine(tmp_path / "engine", models=models, serving="vllm") as engine:
        answer = engine.ask("words", "What is a queue?")
        assert answer.choices[0].message.content == "words hears: What is a queue? "
        assert (answer.usage.prompt_tokens, answer.usage.completion_tokens) == (4, 6)
        with pytest.raises(openai.APIError, match="out of memory"):
            list(engine.ask("words", "break", stream=True))
        body = {"model": "words", "messages": [{"role": "user", "content": "hold"}]}
        with closing(HTTPConnection("127.0.0.1", engine.port)) as caller:
            key = {"Authorization": f"Bearer {engine.key}"}
            caller.request("POST", "/v1/chat/completions", json.dumps(body), key)
            wait_until(lambda: vllm.read("chat")[-1]["messages"][-1]["content"] == "hold")
        wait_until(lambda: vllm.read("lost") == ["hold"])
