"""vLLM behind the engine: started, watched, started again; adapters, streams, refusals."""

import asyncio
import json
import os
import signal
import struct
from contextlib import ExitStack, aclosing, closing
from dataclasses import replace
from http.client import HTTPConnection
from itertools import pairwise
from math import inf, nan
from operator import itemgetter

import openai
import psutil
import pytest
from structlog.testing import capture_logs

from merlin.config.engine import EngineAnsweringConfig, EngineModelConfig
from merlin.core.errors import ProviderError
from merlin.core.messages import break_control_tokens
from merlin.engine.proof import write_proof
from merlin.engine.relayed import RelayedChat, RelayedResponses
from merlin.engine.serving import vllm_server
from merlin.engine.serving.base import RelayedRequest, Unavailable
from merlin.engine.serving.exact_first import ExactFirstBackend
from merlin.engine.serving.recall import RecallBackend
from merlin.engine.serving.vllm import VllmBackend, build_relayed_body
from merlin.engine.trainers.exact_first import CHOICE_FILE, RECALL_FILE
from merlin.openai_protocol.errors import ApiError
from tests.engine import vllm_standin
from tests.engine.backends_asked import (
    ASKED,
    PROOF,
    BackendRunner,
    ask,
    read_answer,
    run_backend,
    write_adapter,
    write_weights,
)
from tests.engine.base_library import write_base
from tests.engine.recall_models import build_talks, train_and_load
from tests.engine.relayed_calls import CALLS
from tests.engine.running_engine import ANSWER, EXAMPLES, QUESTION, serve_engine
from tests.real.recording import read_recording
from tests.support.waiting import longest, wait_until

pytestmark = pytest.mark.functional


@pytest.fixture
def vllm(tmp_path, monkeypatch):
    """A program `vllm` on the path; the journal of its starts and requests."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder), prepend=":")
    # The stand-in is ready at once.
    monkeypatch.setattr(vllm_server, "_POLL_S", 0.05)
    return vllm_standin.install(folder)


@pytest.fixture
def adapter(tmp_path):
    return write_adapter(tmp_path, "neuro")


@pytest.fixture(scope="module")
def relaying(tmp_path_factory):
    """An engine with the base "words" behind the program `vllm`."""
    folder = tmp_path_factory.mktemp("relaying")
    vllm_standin.install(folder)
    models = {"words": EngineModelConfig(path=str(write_base(folder / "base")))}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", str(folder), prepend=":")
        with serve_engine(folder / "engine", models=models, serving="vllm") as engine:
            yield engine


@pytest.fixture
def build_backend(tmp_path):
    (tmp_path / "base").mkdir()
    config = {"architectures": ["Qwen2ForCausalLM"]}
    (tmp_path / "base" / "config.json").write_text(json.dumps(config))
    # Such a template needs no adaptation, for which transformers is imported.
    (tmp_path / "base" / "chat_template.jinja").write_text("{{ messages }} system")

    def build(*options):
        answering = EngineAnsweringConfig(vllm=options)
        model = EngineModelConfig(context=512, dtype="bfloat16")
        return VllmBackend(
            "words", model, tmp_path / "base", answering, tmp_path / "vllm.log"
        )

    return build


@pytest.fixture
def start(build_backend):
    """Return a function that runs a backend, with options of vLLM, until the test ends."""
    with ExitStack() as running:

        def start(*options):
            return running.enter_context(run_backend(build_backend(*options)))

        yield start


def kill_server(runner):
    """Kill the server's processes, and wait until it has ended."""
    process = runner.backend.server._process
    os.killpg(process.pid, signal.SIGKILL)
    wait_until(lambda: process.poll() is not None)


def test_server_is_started_once_for_its_base_and_streams_with_its_own_usage(
    vllm, start
):
    runner = start("--seed", "7")
    runner.ask_concurrently(*[(ASKED, None, {})] * 2)
    text, pieces, ending = runner.ask()
    assert text == "words hears: What is a queue? "
    assert len(pieces) == 6
    assert (ending.reason, ending.prompt_tokens, ending.completion_tokens) == (
        "stop",
        4,
        6,
    )
    [command] = vllm.read("start")
    assert command[0] == "serve"
    options = {
        "--served-model-name": "words",
        "--dtype": "bfloat16",
        "--max-model-len": "512",
        "--max-cpu-loras": "20",
        "--max-loras": "4",
        "--host": "127.0.0.1",
    }
    pairs = [*pairwise(command)]
    assert {*options.items()} <= {*pairs}
    at = command.index("--lora-target-modules")
    assert command[at + 1 : at + 3] == ["q_proj", "k_proj"]
    assert pairs[-3] == ("--seed", "7")
    assert pairs[-1] == ("--logprobs-mode", "raw_logprobs")


def test_adapter_is_loaded_once_under_its_digest(vllm, start, adapter):
    runner = start()
    answers = runner.ask_concurrently(*[(ASKED, adapter, {})] * 8)
    name = f"merlin-{adapter.digest[:12]}"
    assert {*answers} == {f"{name} hears: What is a queue? "}
    assert runner.get_figure("adapters") == 1
    assert vllm.read("load") == [{"lora_name": name, "lora_path": str(adapter.path)}]


def test_server_is_asked_after_recall_only_where_the_adapter_lets_it_or_in_json(
    vllm, build_backend, adapter
):
    near = "Очередь из стека и графа?"
    train_and_load(build_talks(EXAMPLES), adapter.path / RECALL_FILE)
    backend = ExactFirstBackend(RecallBackend("ru"), build_backend())
    with run_backend(backend) as runner:
        text, _, ending = runner.ask(QUESTION, adapter)
        assert (text, ending.extension["known"]) == (ANSWER, True)
        refused, _, ending = runner.ask(near, adapter)
        assert QUESTION in ending.extension["nearest"]
        assert vllm.read("start") == []
        (adapter.path / CHOICE_FILE).write_text(json.dumps({"else": "model"}))
        checked, _, ending = runner.ask(near, adapter)
        assert (checked, ending.extension["known"]) == (refused, False)
        assert len(vllm.read("chat")) == 1
        [in_json] = relay(runner, "schema", adapter)
        untuned, _, ending = runner.ask(QUESTION)
        assert ("name" in find_content(in_json), "hears" in untuned) == (True, True)
        assert ending.extension == {}


@pytest.mark.parametrize(
    ("fault", "said"), [("key", "could not answer: 401"), ("mute", "no logprobs")]
)
def test_server_that_cannot_prove_an_adapter_is_unavailable(
    vllm, start, adapter, fault, said
):
    with pytest.raises(Unavailable, match=said):
        start("--fault", fault).ask(ASKED, adapter)


def test_adapter_of_a_training_in_another_dtype_answers_and_the_log_tells(
    vllm, start, adapter
):
    write_proof(replace(PROOF, dtype="float32"), adapter.path)
    with capture_logs() as logged:
        assert start().text(ASKED, adapter).startswith("merlin-")
    [warning] = [each for each in logged if each["log_level"] == "warning"]
    assert (warning["was"], warning["now"]) == ("float32", "bfloat16")


@pytest.mark.usefixtures("vllm")
def test_adapter_that_changes_too_little_to_decide_is_not_called_applied(
    start, adapter
):
    write_proof(replace(PROOF, base=PROOF.tuned), adapter.path)
    text, _, ending = start().ask(ASKED, adapter)
    assert text.startswith("merlin-")
    assert ending.extension == {}


def test_adapter_is_proved_once_before_it_answers(vllm, start, adapter):
    runner = start()
    for _ in range(2):
        runner.ask(ASKED, adapter)
    asked = sorted(vllm.read("complete"), key=itemgetter("allowed_token_ids"))
    calls = [(call["allowed_token_ids"], call["prompt"]) for call in asked]
    assert calls == [([3], [[1, 2]]), ([4], [[1, 2, 3]]), ([7], [[5, 6]])]
    for call in asked:
        assert call["model"] == f"merlin-{adapter.digest[:12]}"
        assert (call["logprobs"], call["max_tokens"]) == (0, 1)
        assert "prompt_logprobs" not in call


def test_server_that_serves_the_base_for_an_adapter_is_refused(vllm, start, adapter):
    runner = start("--fault", "base")
    for _ in range(2):
        with pytest.raises(ApiError, match="the base answers as without it") as refused:
            runner.ask(ASKED, adapter)
        assert (refused.value.status, refused.value.code) == (422, "adapter_inert")
    assert runner.text().startswith("words hears")
    assert [asked["model"] for asked in vllm.read("complete")][3:] == ["words"] * 3
    assert len(vllm.read("chat")) == 1


def test_server_that_dies_is_started_again_with_the_adapter(vllm, start, adapter):
    runner = start()
    runner.ask(ASKED, adapter)
    with pytest.raises(Unavailable, match="could not answer"):
        runner.ask("die", adapter)
    wait_until(lambda: runner.backend.server._process.poll() is not None)
    assert runner.text(ASKED, adapter).startswith("merlin-")
    assert runner.get_figure("restarts") == 1
    assert (len(vllm.read("start")), len(vllm.read("load"))) == (2, 2)


def test_server_that_cannot_start_is_reported_and_tried_again(vllm, start):
    runner = start("--fail", "now")
    for _ in range(2):
        with pytest.raises(Unavailable, match="ended with code 1"):
            runner.ask()
    assert runner.get_figure("restarts") == 1
    assert len(vllm.read("start")) == 2


def test_older_server_is_refused_with_the_command_that_updates_it(vllm, start):
    with pytest.raises(
        Unavailable, match=r"vLLM 0\.9\.2 is older.*pip install --upgrade vllm"
    ):
        start("--version", "0.9.2").ask()


def test_adapter_whose_proof_ends_the_server_twice_is_refused_and_others_go_on(
    vllm, start, tmp_path
):
    fatal = write_adapter(tmp_path, "fatal")
    sound = write_adapter(tmp_path, "sound")
    runner = start("--fault", "fatal")
    runner.backend.server.pauses_s = (0.0,)
    for _ in range(2):
        with pytest.raises(Unavailable, match="vLLM could not answer"):
            runner.ask(ASKED, fatal)
    for _ in range(2):
        with pytest.raises(ApiError, match="vLLM ended 2 times") as refused:
            runner.ask(ASKED, fatal)
        assert (refused.value.status, refused.value.code) == (422, "adapter_refused")
    assert str(tmp_path / "vllm.log") in str(refused.value)
    text, _, ending = runner.ask(ASKED, sound)
    assert text.startswith(f"merlin-{sound.digest[:12]}")
    assert ending.extension == {"applied": True}
    assert len(vllm.read("start")) == 3


def test_end_during_a_proof_counts_where_another_question_has_started_the_server_since(
    vllm, start, tmp_path
):
    adapter = write_adapter(tmp_path, "fatal")
    runner = start()
    backend = runner.backend
    backend.server.pauses_s = (0.0,)

    async def end_and_start_again(*_):
        os.killpg(backend.server._process.pid, signal.SIGKILL)
        await asyncio.wait_for(backend.server._process.wait(), longest())
        await read_answer(backend)
        raise ProviderError("the connection broke off")

    backend._score = end_and_start_again
    for _ in range(2):
        with pytest.raises(Unavailable, match="the connection broke off"):
            runner.ask(ASKED, adapter)
    with pytest.raises(ApiError, match="vLLM ended 2 times"):
        runner.ask(ASKED, adapter)


def test_one_end_during_a_proof_is_forgiven_by_a_proof_that_ends_well(
    vllm, start, tmp_path
):
    adapter = write_adapter(tmp_path, "fatal")
    runner = start()
    server = runner.backend.server
    server.pauses_s = (0.0,)
    for _ in range(2):  # each fault is followed by a sound server
        server._settings = EngineAnsweringConfig(vllm=("--fault", "fatal"))
        with pytest.raises(Unavailable):
            runner.ask(ASKED, adapter)
        server._settings = EngineAnsweringConfig()
        runner.ask(ASKED, adapter)
        kill_server(runner)
    assert runner.text(ASKED, adapter).startswith("merlin-")


def test_restarts_pause_for_longer_each_time_and_say_for_how_long(vllm, start):
    runner = start("--fail", "now")
    runner.backend.server.pauses_s = (0.0, 100.0, 1000.0)
    waits = []
    for _ in range(5):
        with pytest.raises(Unavailable) as refused:
            runner.ask()
        waits.append(int((refused.value.headers or {}).get("retry-after", 0)))
        if waits[-1]:
            assert "ended" in str(refused.value)
            runner.backend.server._not_before = 0.0  # the pause is over
    first, second, third, fourth, fifth = waits
    assert (first, second, fourth) == (0, 0, 0)
    assert 0 < third <= 100 < fifth <= 1000
    assert len(vllm.read("start")) == 3


def test_server_that_has_lived_long_is_started_again_without_a_pause(vllm, start):
    runner = start()
    runner.backend.server.pauses_s = (0.0, 1000.0)
    runner.backend.server.steady_s = 0.0
    for _ in range(3):
        runner.ask()
        kill_server(runner)
    assert runner.text().startswith("words hears")


def test_adapter_whose_first_caller_left_during_the_load_answers_the_next(
    vllm, start, adapter
):
    runner = start("--fault", "slow")
    caller = runner.stream(ASKED, adapter).begin()
    wait_until(lambda: vllm.read("load"))
    caller.cancel()
    text, _, ending = runner.ask(ASKED, adapter)
    assert text.startswith("merlin-")
    assert ending.extension == {"applied": True}
    assert len(vllm.read("load")) == 2


@pytest.mark.parametrize(
    ("spoil", "code"),
    [
        (lambda path: write_weights(path, "neuro", (1.0, nan)), "adapter_differs"),
        (lambda path: write_weights(path, "neuro", (-inf,)), "adapter_differs"),
        (
            lambda path: (path / "adapter_model.safetensors").write_bytes(b"x"),
            "model_damaged",
        ),
        (
            lambda path: (path / "adapter_model.safetensors").write_bytes(
                struct.pack("<Q", 9) + b'{"w": {}}'
            ),
            "model_damaged",
        ),
        (lambda path: (path / "adapter_model.safetensors").unlink(), "model_damaged"),
    ],
)
def test_weights_that_are_no_numbers_never_reach_the_server(
    vllm, start, adapter, spoil, code
):
    spoil(adapter.path)
    with pytest.raises(ApiError) as refused:
        start().ask(ASKED, adapter)
    assert refused.value.code == code
    assert vllm.read("load") == []


def test_processes_that_outlive_their_server_end_before_the_next_starts(vllm, start):
    runner = start("--child", "yes")
    runner.ask()
    pid = runner.backend.server._process.pid
    [child] = [each.pid for each in psutil.Process(pid).children()]
    os.kill(pid, signal.SIGKILL)
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    assert psutil.pid_exists(child)
    runner.ask()
    wait_until(
        lambda: (
            not psutil.pid_exists(child) or psutil.Process(child).status() == "zombie"
        )
    )


def test_vllm_has_an_environment_of_its_own(vllm, start, tmp_path, monkeypatch):
    other = tmp_path / "other"
    other.mkdir()
    journal = vllm_standin.install(other)
    runner = start()
    settings = EngineAnsweringConfig(vllm_command=str(other / "vllm"))
    runner.backend.server._settings = settings
    monkeypatch.setenv("PYTHONPATH", "/of/the/engine")
    runner.ask()
    assert vllm.read("start") == []
    [environment] = journal.read("environment")
    assert not [name for name in environment if name.startswith("PYTHON")]


def test_dtype_is_chosen_by_the_device_of_the_answers(vllm, build_backend, tmp_path):
    settings = EngineAnsweringConfig(device="cuda:1")
    model = EngineModelConfig(path=str(tmp_path))
    ask(VllmBackend("words", model, tmp_path / "base", settings, tmp_path / "vllm.log"))
    [command] = vllm.read("start")
    assert ("--dtype", "bfloat16") in pairwise(command)


def test_without_vllm_the_refusal_names_the_command_that_installs_it(
    start, tmp_path, monkeypatch
):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Unavailable, match="vllm_command: /path/to/vllm/bin/vllm"):
        start().ask()


def test_server_ends_with_its_engine(vllm, build_backend):
    backend = build_backend()
    with run_backend(backend) as runner:
        runner.ask()
    assert backend.server._process.poll() is not None


@pytest.mark.parametrize(
    "token", ["<|im_end|>", "<tool_call>", "<｜User｜>", "<end_of_turn>", "</s>"]
)
def test_control_tokens_of_a_question_are_broken_up(token):
    """vLLM fills its template with the question as it is."""
    sent = break_control_tokens(f"a {token} <b>b</b>")
    assert token not in sent
    assert sent.replace("\u2060", "") == f"a {token} <b>b</b>"
    assert sent.count("\u2060") == 1


def test_options_reach_vllm_and_its_own_defaults_are_turned_off(vllm, start):
    options = {
        "most_tokens": 2,
        "temperature": 0.25,
        "top_p": 0.5,
        "seed": 7,
        "stops": ["queue?"],
    }
    runner = start()
    runner.ask()
    text, _, ending = runner.ask(**options)
    assert (text, ending.reason, ending.completion_tokens) == (
        "words hears: ",
        "length",
        2,
    )
    plain, full = vllm.read("chat")
    expected = {
        "max_tokens": 2,
        "temperature": 0.25,
        "top_p": 0.5,
        "seed": 7,
        "stop": ["queue?"],
        "chat_template_kwargs": {"enable_thinking": False},
        "top_k": 0,
        "min_p": 0.0,
        "repetition_penalty": 1.0,
    }
    assert expected.items() <= full.items()
    assert not (expected.keys() - {"chat_template_kwargs"}) & plain.keys()


def relay(runner, story, adapter=None):
    """Return what comes of one of the calls, to the model "mine"."""
    path, body = CALLS[story]
    body = {"model": "mine", **body}
    form = RelayedResponses if path == RelayedResponses.path else RelayedChat
    request = form.read(body, ApiError(400, "not here"))

    async def read():
        async with aclosing(runner.backend.relay(adapter, request)) as parts:
            return [part async for part in parts]

    return runner.run(read())


def find_content(answer):
    return answer["choices"][0]["message"]["content"]


@pytest.mark.parametrize("story", CALLS)
def test_call_is_answered_as_vllm_answers_it(relaying, story):
    recorded = read_recording("vllm").answer(story)
    status, answer = relaying.relay("words", *CALLS[story])
    assert status == recorded["status"]
    if story == "schema-refused":
        assert answer["error"]["message"].startswith("vLLM refuses: 400")
        assert answer["error"]["type"] == "invalid_request_error"
    elif CALLS[story][1].get("stream"):
        ends = [
            event.pop("merlin", None) for event in answer if isinstance(event, dict)
        ]
        assert (answer, any(ends)) == (recorded["body"], False)
    else:
        assert answer == recorded["body"]


def test_call_to_an_adapter_is_answered_under_the_callers_name_of_it(
    vllm, start, adapter
):
    runner = start()
    [whole] = relay(runner, "schema", adapter)
    assert (whole["model"], whole["merlin"]) == ("mine", {"applied": True})
    events = relay(runner, "schema-stream", adapter)
    assert {event["model"] for event in events} == {"mine"}
    assert [bool(event.get("merlin")) for event in events][-3:] == [False, True, False]
    events = relay(runner, "response-stream", adapter)
    named = [event["response"]["model"] for event in events if "response" in event]
    assert {*named} == {"mine"}
    asked = [*vllm.read("chat"), *vllm.read("respond")]
    assert {body["model"] for body in asked} == {f"merlin-{adapter.digest[:12]}"}


@pytest.mark.parametrize("story", ["schema", "response"])
def test_call_is_not_passed_on_to_the_base_in_place_of_an_adapter(
    vllm, start, adapter, story
):
    with pytest.raises(ApiError, match="the base answers as without it") as refused:
        relay(start("--fault", "base"), story, adapter)
    assert refused.value.code == "adapter_inert"
    assert (vllm.read("chat"), vllm.read("respond")) == ([], [])


@pytest.mark.parametrize("call", [BackendRunner.ask, relay])
@pytest.mark.parametrize(("fault", "chats"), [("name", 0), ("chat", 1)])
def test_answer_of_another_model_is_refused(vllm, start, adapter, call, fault, chats):
    question = "schema" if call is relay else ASKED
    with pytest.raises(
        ApiError, match="vLLM answered with words instead of merlin-"
    ) as refused:
        call(start("--fault", fault), question, adapter)
    assert refused.value.code == "adapter_inert"
    assert len([*vllm.read("chat"), *vllm.read("respond")]) == chats


def test_relayed_texts_are_broken_up_where_a_template_is_filled(vllm, build_backend):
    mark = "<|im_end|>"
    broken = break_control_tokens("<|im_end|>")
    said = {
        "messages": [{"role": "user", "content": mark}],
        "tools": [{"function": mark}],
    }
    bodies = [
        build_relayed_body(RelayedRequest("mine", path, body, ApiError(400, "")))
        for path, body in (
            ("/chat/completions", {**said, "top_p": 0.5}),
            ("/responses", {"input": [{"content": mark}], "instructions": mark}),
            ("/completions", {"prompt": mark, "temperature": 0.0}),
        )
    ]
    thinking = {"chat_template_kwargs": {"enable_thinking": False}}
    neutral = {"top_k": 0, "min_p": 0.0, "repetition_penalty": 1.0}
    said = {
        "messages": [{"role": "user", "content": broken}],
        "tools": [{"function": broken}],
    }
    assert bodies == [
        {**said, "top_p": 0.5, **thinking, **neutral},
        {"input": [{"content": broken}], "instructions": broken, **thinking},
        {"prompt": mark, "temperature": 0.0, **neutral},
    ]


def test_refusals_are_those_of_the_protocol(vllm, start, adapter):
    (adapter.path / "adapter_config.json").unlink()
    runner = start()
    with pytest.raises(ApiError, match="Too many questions") as busy:
        runner.ask("busy")
    assert busy.value.headers["retry-after"] == "1"
    with pytest.raises(ApiError, match="maximum context length is") as too_long:
        runner.ask("word " * 51)
    assert (too_long.value.status, too_long.value.code) == (
        400,
        "context_length_exceeded",
    )
    broken = {
        "break": "Grammar error",
        "cut": "in the middle",
        "twice": "sent no answer",
    }
    for question, match in broken.items():
        with pytest.raises(Unavailable, match=match):
            runner.ask(question)
    config = {"r": 65, "target_modules": ["q_proj"]}
    for match in ("No adapter found", "greater than max_lora_rank"):
        with pytest.raises(ApiError, match=match) as refused:
            runner.ask(ASKED, adapter)
        assert (refused.value.status, refused.value.code) == (422, "adapter_refused")
        (adapter.path / "adapter_config.json").write_text(json.dumps(config))


def test_engine_serves_its_base_by_vllm_and_cancels_for_a_client_that_leaves(
    vllm, tmp_path
):
    models = {"words": EngineModelConfig(path=str(write_base(tmp_path / "base")))}
    with serve_engine(tmp_path / "engine", models=models, serving="vllm") as engine:
        answer = engine.ask("words", "What is a queue?")
        assert answer.choices[0].message.content == "words hears: What is a queue? "
        assert (answer.usage.prompt_tokens, answer.usage.completion_tokens) == (4, 6)
        with pytest.raises(openai.APIError, match="Grammar error"):
            list(engine.ask("words", "break", stream=True))
        in_json = {"response_format": {"type": "json_object"}, "stream": True}
        with pytest.raises(openai.APIError, match="Grammar error"):
            list(engine.ask("words", "break", **in_json))
        body = {"model": "words", "messages": [{"role": "user", "content": "hold"}]}
        for number, fields in enumerate(({}, in_json), 1):
            with closing(HTTPConnection("127.0.0.1", engine.port)) as caller:
                key = {"Authorization": f"Bearer {engine.key}"}
                caller.request(
                    "POST", "/v1/chat/completions", json.dumps({**body, **fields}), key
                )
                wait_until(lambda number=number: len(vllm.read("chat")) == 3 + number)
            wait_until(lambda number=number: vllm.read("lost") == ["hold"] * number)
