"""Answers of vLLM: adapters by digest, streams, refusals, restarts."""

import asyncio
import json
import socket

import pytest

from merlin.config.engine import EngineModelConfig
from merlin.engine.serving.base import Finish, Unavailable
from merlin.engine.serving.vllm import UpstreamResponse, VllmBackend, build_adapter_name
from merlin.openai_protocol.errors import ApiError
from tests.engine.backends_asked import (
    ask,
    build_request,
    read_answer,
    run_with_backend,
    write_adapter,
)
from tests.engine.vllm_standin import VllmStandin
from tests.support.http_servers import serve_app
from tests.support.waiting import wait_until

pytestmark = pytest.mark.functional


def build_backend(url, key="", **options):
    return VllmBackend(EngineModelConfig(backend="vllm", url=url, **options), key)


@pytest.fixture
def vllm():
    return VllmStandin()


@pytest.fixture
def url(vllm):
    with serve_app(vllm.app) as address:
        yield address


def test_base_streams_its_answer_with_its_own_usage(vllm, url):
    text, pieces, ending = ask(build_backend(url))
    assert text == "the base hears: What is a queue?"
    assert len(pieces) == 7
    assert (ending.reason, ending.prompt_tokens, ending.completion_tokens) == ("stop", 4, 7)
    assert "model" not in vllm.echo.requests[0]


@pytest.mark.parametrize(
    "token",
    [
        "<|im_end|>",
        "<tool_call>",
        "<SPECIAL_10>",
        "<｜User｜>",
        "<turn|>",
        "<|turn>",
        "<end_of_turn>",
        "[/INST]",
        "</s>",
        "<</SYS>>",
    ],
)
def test_control_tokens_of_a_question_are_broken_up(vllm, url, token):
    """The other server fills its template with the question as it is."""
    ask(build_backend(url), question=f"a {token} <b>b</b>")
    (message,) = vllm.echo.requests[0]["messages"]
    assert token not in message["content"]
    assert message["content"].replace("\u2060", "") == f"a {token} <b>b</b>"
    assert message["content"].count("\u2060") == 1


def test_url_ending_in_v1_reaches_the_same_server(url):
    assert ask(build_backend(f"{url}/v1/"))[0].startswith("the base hears")


def test_adapter_is_loaded_once_and_requested_by_its_digest(vllm, url, tmp_path):
    adapter = write_adapter(tmp_path, "neuro")

    async def ask_twice(backend):
        return [(await read_answer(backend, adapter))[0] for _ in range(2)]

    name = f"merlin-{adapter.digest[:12]}"
    assert (
        run_with_backend(build_backend(url), ask_twice) == [f"{name} hears: What is a queue?"] * 2
    )
    assert vllm.loaded == {name: adapter.path}


def test_concurrent_requests_load_a_new_adapter_once(vllm, url, tmp_path):
    adapter = write_adapter(tmp_path, "neuro")

    async def ask_eight(backend):
        return await asyncio.gather(*(read_answer(backend, adapter) for _ in range(8)))

    assert len(run_with_backend(build_backend(url), ask_eight)) == 8
    assert list(vllm.loaded) == [build_adapter_name(adapter)]


def test_adapter_loaded_by_an_earlier_engine_is_used(vllm, url, tmp_path):
    adapter = write_adapter(tmp_path, "neuro")
    ask(build_backend(url), adapter)
    assert ask(build_backend(url), adapter)[0].startswith(build_adapter_name(adapter))


def test_adapter_is_loaded_again_after_vllm_restarts(vllm, url, tmp_path):
    adapter = write_adapter(tmp_path, "neuro")

    async def restart_between_answers(backend):
        await read_answer(backend, adapter)
        vllm.forget()
        return (await read_answer(backend, adapter))[0]

    assert run_with_backend(build_backend(url), restart_between_answers).startswith(
        build_adapter_name(adapter)
    )


def test_least_recently_used_adapter_is_unloaded_when_there_is_no_room(tmp_path):
    vllm = VllmStandin(room=2)
    first, second, third = (write_adapter(tmp_path, name) for name in ("one", "two", "three"))

    async def ask_all(backend):
        for adapter in (first, second, first, third):
            await read_answer(backend, adapter)
        return backend.figures()["adapters"]

    with serve_app(vllm.app) as url:
        assert run_with_backend(build_backend(url), ask_all) == 2
    assert vllm.unloaded == [build_adapter_name(second)]
    assert set(vllm.loaded) == {build_adapter_name(first), build_adapter_name(third)}


def test_adapter_with_a_running_answer_is_not_unloaded(tmp_path):
    vllm = VllmStandin(room=1)
    vllm.echo.is_held = True
    first, second = write_adapter(tmp_path, "one"), write_adapter(tmp_path, "two")

    async def load_during_answer(backend):
        held = backend.ask(first, build_request())
        await anext(held)
        with pytest.raises(Unavailable, match="max_loras is 1"):
            await read_answer(backend, second)
        await held.aclose()

    with serve_app(vllm.app) as url:
        run_with_backend(build_backend(url), load_during_answer)
    assert vllm.unloaded == []


def test_every_option_reaches_vllm(vllm, url):
    options = {
        "most_tokens": 9,
        "temperature": 0.25,
        "top_p": 0.5,
        "seed": 7,
        "stops": ["queue?"],
        "logprobs": 2,
        "is_json": True,
    }
    text, pieces, ending = ask(build_backend(url), **options)
    (document,) = vllm.echo.requests
    assert document["messages"] == [{"role": "user", "content": "What is a queue?"}]
    expected = {
        "max_tokens": 9,
        "temperature": 0.25,
        "top_p": 0.5,
        "seed": 7,
        "stop": ["queue?"],
        "logprobs": True,
        "top_logprobs": 2,
        "response_format": {"type": "json_object"},
        "chat_template_kwargs": {"enable_thinking": False},
    }
    assert expected.items() <= document.items()
    assert (text, ending.reason) == ("the base hears: What is a ", "stop")
    (token_logprob,) = pieces[0].logprobs
    assert (token_logprob.token, token_logprob.logprob) == ("the ", -0.5)
    near = [(other.token, other.logprob) for other in token_logprob.top_logprobs]
    assert near == [("the 0", -1.0), ("the 1", -2.0)]
    assert token_logprob.bytes == [116, 104, 101, 32]


def test_unset_options_are_left_to_the_protocols_defaults(vllm, url):
    ask(build_backend(url))
    unsaid = {
        "temperature",
        "top_p",
        "top_k",
        "max_tokens",
        "seed",
        "stop",
        "logprobs",
        "top_logprobs",
        "response_format",
    }
    assert not unsaid & set(vllm.echo.requests[0])


def test_sampling_ignores_the_models_own_defaults(vllm, url):
    ask(build_backend(url), temperature=0.7)
    neutral = {"top_k": 0, "min_p": 0.0, "repetition_penalty": 1.0}
    assert neutral.items() <= vllm.echo.requests[0].items()


def test_answer_at_its_limit_reports_length(url):
    text, _, ending = ask(build_backend(url), most_tokens=2)
    assert (text, ending.reason, ending.completion_tokens) == ("the base ", "length", 2)


def test_closing_the_iterator_disconnects(vllm, url):
    vllm.echo.is_held = True

    async def first_piece(backend):
        pieces = backend.ask(None, build_request())
        first = await anext(pieces)
        running = backend.figures()["running"]
        await pieces.aclose()
        return first.text, running, backend.figures()["running"]

    assert run_with_backend(build_backend(url), first_piece) == ("the ", 1, 0)
    wait_until(lambda: vllm.echo.disconnects == 1)


@pytest.mark.parametrize(
    ("status", "retry_after", "seconds"),
    [(429, "7", 7), (429, "2.5", 3), (503, "Wed, 21 Oct 2015 07:28:00 GMT", 1), (503, None, 1)],
)
def test_full_queue_raises_busy_with_retry_after(vllm, url, status, retry_after, seconds):
    vllm.echo.refusals = [(status, {"Retry-After": retry_after} if retry_after else {})]
    with pytest.raises(ApiError, match="Too many questions") as busy:
        ask(build_backend(url))
    assert busy.value.headers["retry-after"] == str(seconds)


def test_conversation_over_the_window_is_refused_as_context_length_exceeded(url):
    with pytest.raises(ApiError, match="maximum context length is 50") as refused:
        ask(build_backend(url), None, "word " * 51)
    assert (refused.value.status, refused.value.code) == (400, "context_length_exceeded")
    assert refused.value.param == "messages"


def test_refusal_that_repeats_a_key_is_passed_on_without_it(url):
    key = "sk-proj-abcdefghijklmnopqrstuvwxyz0123456789"
    body = json.dumps({"error": {"message": f"no key {key} here"}}).encode()
    refused = UpstreamResponse(url, 400, {}, body).to_exception()
    assert str(refused).startswith("vLLM refuses: no key ")
    assert key not in str(refused)


def test_interrupted_answer_raises_unavailable(vllm, url):
    vllm.echo.is_broken = True
    with pytest.raises(Unavailable, match="out of memory"):
        ask(build_backend(url))


def test_endless_line_raises_unavailable(vllm, url):
    vllm.echo.is_endless = True
    with pytest.raises(Unavailable, match="broke off"):
        ask(build_backend(url))


def test_unreachable_server_is_named():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: refused
        port = taken.getsockname()[1]
        with pytest.raises(Unavailable, match=rf"vLLM at http://127.0.0.1:{port}.*start it"):
            ask(build_backend(f"http://127.0.0.1:{port}"))


def test_wrong_key_is_reported_as_such():
    with serve_app(VllmStandin(key="secret").app) as url:
        assert ask(build_backend(url, "secret"))[0].startswith("the base")
        with pytest.raises(Unavailable, match="refuses the engine's key"):
            ask(build_backend(url, "wrong"))


def test_vllm_that_cannot_load_adapters_is_reported_with_advice(tmp_path):
    with (
        serve_app(VllmStandin(may_load=False).app) as url,
        pytest.raises(Unavailable, match="VLLM_ALLOW_RUNTIME_LORA_UPDATING=True"),
    ):
        ask(build_backend(url), write_adapter(tmp_path, "neuro"))


def test_folder_invisible_to_vllm_is_named(url, tmp_path):
    adapter = write_adapter(tmp_path, "neuro")
    (adapter.path / "adapter_config.json").unlink()
    with pytest.raises(Unavailable, match="under the same path"):
        ask(build_backend(url), adapter)


def test_figures_count_running_requests_and_tokens(url):
    async def read_figures(backend):
        await read_answer(backend)
        return backend.figures()

    expected = {"running": 0, "prompt_tokens": 4, "completion_tokens": 7, "adapters": 0}
    assert run_with_backend(build_backend(url), read_figures) == expected


def test_finish_is_the_last_piece(url):
    async def read_error_types(backend):
        return [type(piece) async for piece in backend.ask(None, build_request())]

    *_, last = run_with_backend(build_backend(url), read_error_types)
    assert last is Finish
