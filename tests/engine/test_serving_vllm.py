"""vLLM behind the engine: started, watched, started again; adapters, streams, refusals."""

import asyncio
import json
import os
import signal
import struct
from contextlib import aclosing, closing, suppress
from dataclasses import replace
from functools import partial
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
from merlin.core.messages import Message, break_control_tokens
from merlin.engine.proof import write_proof
from merlin.engine.relayed import RelayedChat, RelayedResponses
from merlin.engine.serving.base import RelayedRequest, Unavailable
from merlin.engine.serving.exact_first import ExactFirstBackend
from merlin.engine.serving.recall import RecallBackend
from merlin.engine.serving.vllm import Sides, VllmBackend, build_relayed_body
from merlin.engine.trainers.exact_first import CHOICE_FILE, RECALL_FILE
from merlin.openai_protocol.errors import ApiError
from tests.engine import vllm_standin
from tests.engine.backends_asked import (
    PROOF,
    ask,
    build_request,
    read_answer,
    run_with_backend,
    write_adapter,
    write_weights,
)
from tests.engine.base_library import write_base
from tests.engine.recall_models import train_and_load
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
    return vllm_standin.install(folder)


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

    def build(*options, device="cpu"):
        answering = EngineAnsweringConfig(vllm=options, device=device)
        model = EngineModelConfig(context=512, dtype="bfloat16")
        return VllmBackend(
            "words", model, tmp_path / "base", answering, tmp_path / "vllm.log"
        )

    return build


def test_server_is_started_once_for_its_base_and_streams_with_its_own_usage(
    vllm, build_backend
):
    async def ask_twice(backend):
        await asyncio.gather(read_answer(backend), read_answer(backend))
        return await read_answer(backend)

    text, pieces, ending = run_with_backend(build_backend("--seed", "7"), ask_twice)
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
    }
    options |= {"--max-cpu-loras": "20", "--max-loras": "4", "--host": "127.0.0.1"}
    pairs = [*pairwise(command)]
    assert {*options.items()} <= {*pairs}
    at = command.index("--lora-target-modules")
    assert command[at + 1 : at + 3] == ["q_proj", "k_proj"]
    assert pairs[-3] == ("--seed", "7")
    assert pairs[-1] == ("--logprobs-mode", "raw_logprobs")


def test_adapter_is_loaded_once_under_its_digest(vllm, build_backend, tmp_path):
    adapter = write_adapter(tmp_path, "neuro")

    async def ask_eight(backend):
        answers = await asyncio.gather(
            *(read_answer(backend, adapter) for _ in range(8))
        )
        return {text for text, _, _ in answers}, backend.figures()["adapters"]

    name = f"merlin-{adapter.digest[:12]}"
    expected = {f"{name} hears: What is a queue? "}, 1
    assert run_with_backend(build_backend(), ask_eight) == expected
    assert vllm.read("load") == [{"lora_name": name, "lora_path": str(adapter.path)}]


def test_server_is_asked_after_recall_only_where_the_adapter_lets_it_or_in_json(
    vllm, build_backend, tmp_path
):
    adapter = write_adapter(tmp_path, "neuro")
    near = "Очередь из стека и графа?"
    talks = [
        [Message("user", asked), Message("assistant", EXAMPLES[asked])]
        for asked in EXAMPLES
    ]
    train_and_load(talks, adapter.path / RECALL_FILE)

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
        [in_json] = await relay(backend, "schema", adapter)
        untuned, _, ending = await read_answer(backend, None, QUESTION)
        assert ("name" in find_content(in_json), "hears" in untuned) == (True, True)
        assert ending.extension == {}

    run_with_backend(ExactFirstBackend(RecallBackend("ru"), build_backend()), ask_five)


@pytest.mark.parametrize(
    ("fault", "said"), [("key", "could not answer: 401"), ("mute", "no logprobs")]
)
def test_server_that_cannot_prove_an_adapter_is_unavailable(
    vllm, build_backend, tmp_path, fault, said
):
    adapter = write_adapter(tmp_path, "neuro")
    with pytest.raises(Unavailable, match=said):
        ask(build_backend("--fault", fault), adapter)


def test_adapter_of_a_training_in_another_dtype_answers_and_the_log_tells(
    vllm, build_backend, tmp_path
):
    adapter = write_adapter(tmp_path, "neuro")
    write_proof(replace(PROOF, dtype="float32"), adapter.path)
    with capture_logs() as logged:
        text, _, _ = ask(build_backend(), adapter)
    assert text.startswith("merlin-")
    [warning] = [each for each in logged if each["log_level"] == "warning"]
    assert (warning["was"], warning["now"]) == ("float32", "bfloat16")


def test_adapter_that_changes_too_little_to_decide_is_not_called_applied(
    vllm, build_backend, tmp_path
):
    adapter = write_adapter(tmp_path, "neuro")
    write_proof(replace(PROOF, base=PROOF.tuned), adapter.path)
    text, _, ending = ask(build_backend(), adapter)
    assert text.startswith("merlin-")
    assert ending.extension == {}


def test_adapter_is_proved_once_before_it_answers(vllm, build_backend, tmp_path):
    adapter = write_adapter(tmp_path, "neuro")

    async def ask_twice(backend):
        return [await read_answer(backend, adapter) for _ in range(2)]

    run_with_backend(build_backend(), ask_twice)
    asked = sorted(vllm.read("complete"), key=itemgetter("allowed_token_ids"))
    calls = [(call["allowed_token_ids"], call["prompt"]) for call in asked]
    assert calls == [([3], [[1, 2]]), ([4], [[1, 2, 3]]), ([7], [[5, 6]])]
    for call in asked:
        assert call["model"] == f"merlin-{adapter.digest[:12]}"
        assert (call["logprobs"], call["max_tokens"]) == (0, 1)
        assert "prompt_logprobs" not in call


def test_server_that_serves_the_base_for_an_adapter_is_refused(
    vllm, build_backend, tmp_path
):
    adapter = write_adapter(tmp_path, "neuro")

    async def ask_twice(backend):
        for _ in range(2):
            with pytest.raises(
                ApiError, match="the base answers as without it"
            ) as refused:
                await read_answer(backend, adapter)
            assert (refused.value.status, refused.value.code) == (422, "adapter_inert")
        return (await read_answer(backend))[0]

    assert run_with_backend(build_backend("--fault", "base"), ask_twice).startswith(
        "words hears"
    )
    assert [asked["model"] for asked in vllm.read("complete")][3:] == ["words"] * 3
    assert len(vllm.read("chat")) == 1


@pytest.mark.parametrize(("fault", "chats"), [("name", 0), ("chat", 1)])
def test_answer_of_another_model_is_refused(
    vllm, build_backend, tmp_path, fault, chats
):
    adapter = write_adapter(tmp_path, "neuro")
    with pytest.raises(
        ApiError, match="vLLM answered with words instead of merlin-"
    ) as refused:
        ask(build_backend("--fault", fault), adapter)
    assert refused.value.code == "adapter_inert"
    assert len(vllm.read("chat")) == chats


def test_server_that_dies_is_started_again_with_the_adapter(
    vllm, build_backend, tmp_path
):
    adapter = write_adapter(tmp_path, "neuro")

    async def kill_between(backend):
        await read_answer(backend, adapter)
        with pytest.raises(Unavailable, match="could not answer"):
            await read_answer(backend, adapter, "die")
        await wait_for_end(backend)
        return (await read_answer(backend, adapter))[0], backend.figures()["restarts"]

    async def wait_for_end(backend):
        await asyncio.wait_for(backend.server._process.wait(), longest())

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
    with pytest.raises(
        Unavailable, match=r"vLLM 0\.9\.2 is older.*pip install --upgrade vllm"
    ):
        ask(build_backend("--version", "0.9.2"))


def test_adapter_whose_proof_ends_the_server_twice_is_refused_and_others_go_on(
    vllm, build_backend, tmp_path
):
    fatal = write_adapter(tmp_path, "fatal")
    sound = write_adapter(tmp_path, "sound")

    async def ask_all(backend):
        backend.server.pauses_s = (0.0,)
        for _ in range(2):
            with pytest.raises(Unavailable, match="vLLM could not answer"):
                await read_answer(backend, fatal)
        for _ in range(2):
            with pytest.raises(ApiError, match="vLLM ended 2 times") as refused:
                await read_answer(backend, fatal)
            assert (refused.value.status, refused.value.code) == (
                422,
                "adapter_refused",
            )
        assert str(tmp_path / "vllm.log") in str(refused.value)
        return await read_answer(backend, sound)

    text, _, ending = run_with_backend(build_backend("--fault", "fatal"), ask_all)
    assert text.startswith(f"merlin-{sound.digest[:12]}")
    assert ending.extension == {"applied": True}
    assert len(vllm.read("start")) == 3


def test_end_of_the_server_counts_against_the_adapter_alone_that_was_proved(
    vllm, build_backend, tmp_path
):
    fatal = write_adapter(tmp_path, "fatal")
    sound = write_adapter(tmp_path, "sound")

    async def ask_both_at_once(backend):
        backend.server.pauses_s = (0.0,)
        await read_answer(backend)
        for _ in range(3):
            asked = (read_answer(backend, each) for each in (fatal, sound))
            refused, answer = await asyncio.gather(*asked, return_exceptions=True)
            assert isinstance(refused, ApiError)
            assert answer[0].startswith(f"merlin-{sound.digest[:12]}")

    run_with_backend(build_backend("--fault", "fatal"), ask_both_at_once)


def test_proofs_under_way_end_with_the_backend_and_start_no_server(
    vllm, build_backend, tmp_path
):
    slow, sound = (write_adapter(tmp_path, name) for name in ("slow", "sound"))

    async def leave(backend):
        await read_answer(backend)
        backend.patience_s = 0.0
        for adapter in (slow, sound):
            with pytest.raises(Unavailable):
                await read_answer(backend, adapter)
        await asyncio.to_thread(wait_until, lambda: vllm.read("load"))
        (slow.path / "go").touch()  # for the server's end
        await backend.close()
        proofs = backend._proved.values()
        await asyncio.gather(*proofs, return_exceptions=True)
        return [proof.cancelled() for proof in proofs]

    assert run_with_backend(build_backend("--fault", "slow"), leave) == [True, True]
    assert len(vllm.read("start")) == 1


def test_end_during_a_proof_counts_where_another_question_has_started_the_server_since(
    vllm, build_backend, tmp_path
):
    adapter = write_adapter(tmp_path, "fatal")

    async def ask_all(backend):
        backend.server.pauses_s = (0.0,)

        async def end_and_start_again(*_):
            os.killpg(backend.server._process.pid, signal.SIGKILL)
            await asyncio.wait_for(backend.server._process.wait(), longest())
            await read_answer(backend)
            raise ProviderError("the connection broke off")

        backend._score = end_and_start_again
        for _ in range(2):
            with pytest.raises(Unavailable, match="the connection broke off"):
                await read_answer(backend, adapter)
        with pytest.raises(ApiError, match="vLLM ended 2 times"):
            await read_answer(backend, adapter)

    run_with_backend(build_backend(), ask_all)


def test_one_end_during_a_proof_is_forgiven_by_a_proof_that_ends_well(
    vllm, build_backend, tmp_path
):
    adapter = write_adapter(tmp_path, "fatal")

    async def ask_all(backend):
        backend.server.pauses_s = (0.0,)
        for _ in range(2):  # each fault is followed by a sound server
            backend.server._settings = EngineAnsweringConfig(vllm=("--fault", "fatal"))
            with pytest.raises(Unavailable):
                await read_answer(backend, adapter)
            backend.server._settings = EngineAnsweringConfig()
            await read_answer(backend, adapter)
            os.killpg(backend.server._process.pid, signal.SIGKILL)
            await asyncio.wait_for(backend.server._process.wait(), longest())
        return await read_answer(backend, adapter)

    assert run_with_backend(build_backend(), ask_all)[0].startswith("merlin-")


def test_restarts_pause_for_longer_each_time_and_say_for_how_long(vllm, build_backend):
    async def ask_often(backend):
        backend.server.pauses_s = (0.0, 100.0, 1000.0)
        waits = []
        for _ in range(5):
            with pytest.raises(Unavailable) as refused:
                await read_answer(backend)
            waits.append(int((refused.value.headers or {}).get("retry-after", 0)))
            if waits[-1]:
                assert "ended" in str(refused.value)
                backend.server._not_before = 0.0  # the pause is over
        return waits

    first, second, third, fourth, fifth = run_with_backend(
        build_backend("--fail", "now"), ask_often
    )
    assert (first, second, fourth) == (0, 0, 0)
    assert 0 < third <= 100 < fifth <= 1000
    assert len(vllm.read("start")) == 3


def test_server_that_has_lived_long_is_started_again_without_a_pause(
    vllm, build_backend
):
    async def kill_thrice(backend):
        backend.server.pauses_s = (0.0, 1000.0)
        backend.server.steady_s = 0.0
        for _ in range(3):
            await read_answer(backend)
            os.killpg(backend.server._process.pid, signal.SIGKILL)
            await asyncio.wait_for(backend.server._process.wait(), longest())
        return await read_answer(backend)

    assert run_with_backend(build_backend(), kill_thrice)[0].startswith("words hears")


def test_adapter_whose_first_caller_left_during_the_load_answers_the_next(
    vllm, build_backend, tmp_path
):
    adapter = write_adapter(tmp_path, "slow")

    async def leave_and_ask(backend):
        await read_answer(backend)
        caller = asyncio.create_task(read_answer(backend, adapter))
        await asyncio.to_thread(wait_until, lambda: vllm.read("load"))
        caller.cancel()
        with pytest.raises(asyncio.CancelledError):
            await caller
        (adapter.path / "go").touch()
        return await read_answer(backend, adapter)

    text, _, ending = run_with_backend(build_backend("--fault", "slow"), leave_and_ask)
    assert text.startswith("merlin-")
    assert ending.extension == {"applied": True}
    assert len(vllm.read("load")) == 1


def test_question_does_not_wait_for_a_long_start_or_proof_and_says_when_to_ask(
    vllm, build_backend, tmp_path
):
    adapter = write_adapter(tmp_path, "slow")

    async def ask_early(backend):
        for asked, said in ((None, "starts: ask again"), (adapter, "loads and proves")):
            backend.patience_s = 0.0
            with pytest.raises(Unavailable, match=said) as refused:
                await read_answer(backend, asked)
            assert refused.value.headers == {"retry-after": "10"}
            backend.patience_s = longest()
            (adapter.path / "go").touch()
            await read_answer(backend, asked)

    run_with_backend(build_backend("--fault", "slow"), ask_early)
    assert (len(vllm.read("start")), len(vllm.read("load"))) == (1, 1)


def test_adapter_whose_load_was_not_answered_answers_the_next_question(
    vllm, build_backend, tmp_path
):
    adapter = write_adapter(tmp_path, "neuro")

    async def ask_twice(backend):
        with pytest.raises(Unavailable):
            await read_answer(backend, adapter)
        return await read_answer(backend, adapter)

    text, _, _ = run_with_backend(build_backend("--fault", "lost"), ask_twice)
    assert text.startswith("merlin-")
    assert len(vllm.read("load")) == 2


def change_config(folder, **values):
    path = folder / "adapter_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def write_large_weights(folder):
    """Write weights that are finite alone, and not where they are multiplied."""
    tensors = {f"q_proj.lora_{side}.weight": [2e17, -3e17] for side in "AB"}
    write_weights(folder, "large", tensors)


@pytest.mark.parametrize(
    ("spoil", "code"),
    [
        (lambda path: change_config(path, lora_alpha=nan), "model_damaged"),
        (lambda path: change_config(path, lora_alpha=inf), "model_damaged"),
        (lambda path: change_config(path, lora_alpha="16"), "model_damaged"),
        (lambda path: change_config(path, lora_alpha=int("9" * 400)), "model_damaged"),
        (lambda path: change_config(path, r=0), "model_damaged"),
        (lambda path: (path / "adapter_config.json").unlink(), "model_damaged"),
        (write_large_weights, "adapter_differs"),
        (
            lambda path: write_weights(path, "neuro", {"w": (1.0, nan)}),
            "adapter_differs",
        ),
        (lambda path: write_weights(path, "neuro", {"w": (-inf,)}), "adapter_differs"),
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
    vllm, build_backend, tmp_path, spoil, code
):
    adapter = write_adapter(tmp_path, "neuro")
    spoil(adapter.path)
    with pytest.raises(ApiError) as refused:
        ask(build_backend(), adapter)
    assert refused.value.code == code
    assert vllm.read("load") == []


def test_adapter_that_computes_no_numbers_is_refused_for_ever_and_others_answer(
    vllm, build_backend, tmp_path
):
    sound = write_adapter(tmp_path, "sound")
    overflow = write_adapter(tmp_path, "overflow")

    async def ask_all(backend):
        await read_answer(backend, sound)
        for _ in range(2):
            with pytest.raises(ApiError, match="lower learning rate") as refused:
                await read_answer(backend, overflow)
            assert (refused.value.status, refused.value.code) == (
                422,
                "adapter_differs",
            )
            assert (await read_answer(backend, sound))[0].startswith("merlin-")

    run_with_backend(build_backend(), ask_all)
    assert len(vllm.read("start")) == 2
    loaded = [load["lora_path"] for load in vllm.read("load")]
    assert loaded == [str(each.path) for each in (sound, overflow, sound)]


def test_server_whose_cache_is_spoilt_is_started_again(vllm, build_backend, tmp_path):
    sound = write_adapter(tmp_path, "sound")

    async def ask_all(backend):
        await read_answer(backend, sound)
        asked = [read_answer(backend, each, "overflow") for each in (sound, sound)]
        spoilt = backend.server._client
        for refused in await asyncio.gather(*asked, return_exceptions=True):
            assert isinstance(refused, Unavailable)
        await read_answer(backend, sound)
        await backend.server.restart(spoilt)  # of a caller that comes late
        return await read_answer(backend, sound)

    assert run_with_backend(build_backend(), ask_all)[0].startswith("merlin-")
    assert len(vllm.read("start")) == 2


def test_base_waits_for_the_end_of_adapters_on_a_processor(
    vllm, build_backend, tmp_path
):
    adapter = write_adapter(tmp_path, "neuro")

    async def ask_beside(backend):
        await read_answer(backend, adapter)
        async with aclosing(backend.ask(adapter, build_request("hold"))) as held:
            await anext(held)
            base = asyncio.create_task(read_answer(backend))
            done, _ = await asyncio.wait([base], timeout=0.5)
            assert (done, len(vllm.read("chat"))) == (set(), 2)
        return await base

    assert run_with_backend(build_backend(), ask_beside)[0].startswith("words hears")


def test_base_and_adapters_are_first_come_first_served():
    came = []

    async def enter(sides, name, leave):
        async with sides.enter(is_base=name.isupper()):
            came.append(name)
            await leave.wait()

    async def enter_all(*, take_turns):
        came.clear()
        sides = Sides(take_turns=take_turns)
        leave = asyncio.Event()
        tasks = []
        for name in "aBcD":
            tasks.append(asyncio.create_task(enter(sides, name, leave)))
            await asyncio.sleep(0)
        at_once = "".join(came)
        leave.set()
        await asyncio.wait_for(asyncio.gather(*tasks), longest())
        return at_once, "".join(came)

    assert asyncio.run(enter_all(take_turns=False)) == ("aBcD", "aBcD")
    assert asyncio.run(enter_all(take_turns=True)) == ("a", "aBcD")


@pytest.mark.parametrize(("fault", "takes_turns"), [("none", False), ("beside", True)])
def test_base_is_measured_beside_an_adapter_on_a_gpu(
    vllm, tmp_path, build_backend, fault, takes_turns
):
    backend = build_backend("--fault", fault, device="cuda:0")
    with capture_logs() as logged:
        ask(backend, write_adapter(tmp_path, "neuro"))
    told = [each for each in logged if "take turns" in each["event"]]
    assert (bool(told), backend._sides.take_turns) == (takes_turns, takes_turns)
    models = [each["model"] for each in vllm.read("complete")]
    assert sorted(map(len, models)) == [5] * 3 + [19] * 6


@pytest.mark.parametrize(
    "field",
    [
        *("choices", "index", "model", "logprobs", "token_logprobs", "version"),
        *("delta", "content", "finish_reason"),
        *("usage", "prompt_tokens", "completion_tokens"),
    ],
)
def test_answers_of_a_server_with_another_field_are_noticed(
    vllm, tmp_path, build_backend, field
):
    adapter = write_adapter(tmp_path, "neuro")
    with pytest.raises((ApiError, KeyError)):
        ask(build_backend("--rename", field), adapter)


def test_processes_that_outlive_their_server_end_though_nobody_asks(
    vllm, build_backend
):
    async def kill_the_leader(backend):
        await read_answer(backend)
        pid = backend.server._process.pid
        [child] = [each.pid for each in psutil.Process(pid).children()]
        os.kill(pid, signal.SIGKILL)
        await asyncio.to_thread(wait_until, lambda: not is_alive(child))

    with capture_logs() as logged:
        run_with_backend(build_backend("--child", "yes"), kill_the_leader)
    [told] = [each for each in logged if each["event"] == "vLLM has ended"]
    assert told["code"] == -signal.SIGKILL


def is_alive(pid):
    with suppress(psutil.NoSuchProcess):
        return psutil.Process(pid).status() != "zombie"
    return False


def test_vllm_has_an_environment_of_its_own(vllm, build_backend, tmp_path, monkeypatch):
    other = tmp_path / "other"
    other.mkdir()
    journal = vllm_standin.install(other)
    backend = build_backend()
    backend.server._settings = EngineAnsweringConfig(vllm_command=str(other / "vllm"))
    monkeypatch.setenv("PYTHONPATH", "/of/the/engine")
    ask(backend)
    assert vllm.read("start") == []
    [environment] = journal.read("environment")
    assert not [name for name in environment if name.startswith("PYTHON")]


@pytest.mark.usefixtures("needs_torch")
@pytest.mark.parametrize(
    ("device", "dtype", "given"),
    [
        ("cpu", "auto", "float32"),
        ("cuda:1", "auto", "bfloat16"),
        ("cuda", "float32", "float32"),
        ("cpu", "bfloat16", "bfloat16"),
    ],
)
def test_dtype_is_that_of_the_training(
    vllm, build_backend, tmp_path, device, dtype, given
):
    import torch

    from merlin.engine.torch_loading import choose_dtype

    settings = EngineAnsweringConfig(device=device)
    model = EngineModelConfig(path=str(tmp_path), dtype=dtype)
    ask(VllmBackend("words", model, tmp_path / "base", settings, tmp_path / "vllm.log"))
    [command] = vllm.read("start")
    assert ("--dtype", given) in pairwise(command)
    assert choose_dtype(dtype, torch.device(device)) is getattr(torch, given)


def test_without_vllm_the_refusal_names_the_command_that_installs_it(
    build_backend, tmp_path, monkeypatch
):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Unavailable, match="vllm_command: /path/to/vllm/bin/vllm"):
        ask(build_backend())


def test_server_ends_with_its_engine(vllm, build_backend):
    async def ask_and_close(backend):
        await read_answer(backend)
        await backend.close()
        return backend.server._process.poll()

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
    }

    async def ask_both(backend):
        await read_answer(backend)
        return await read_answer(backend, **options)

    text, _, ending = run_with_backend(build_backend(), ask_both)
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


async def relay(backend, story, adapter=None):
    """Return what comes of one of the calls, to the model "mine"."""
    path, body = CALLS[story]
    body = {"model": "mine", **body}
    form = RelayedResponses if path == RelayedResponses.path else RelayedChat
    request = form.read(body, ApiError(400, "not here"))
    async with aclosing(backend.relay(adapter, request)) as parts:
        return [part async for part in parts]


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
    vllm, build_backend, tmp_path
):
    adapter = write_adapter(tmp_path, "neuro")

    async def ask_all(backend):
        [whole] = await relay(backend, "schema", adapter)
        assert (whole["model"], whole["merlin"]) == ("mine", {"applied": True})
        events = await relay(backend, "schema-stream", adapter)
        assert {event["model"] for event in events} == {"mine"}
        assert [bool(event.get("merlin")) for event in events][-3:] == [
            False,
            True,
            False,
        ]
        events = await relay(backend, "response-stream", adapter)
        assert {
            event["response"]["model"] for event in events if "response" in event
        } == {"mine"}

    run_with_backend(build_backend(), ask_all)
    asked = [*vllm.read("chat"), *vllm.read("respond")]
    assert {body["model"] for body in asked} == {f"merlin-{adapter.digest[:12]}"}


@pytest.mark.parametrize("story", ["schema", "response"])
def test_call_is_not_passed_on_to_the_base_in_place_of_an_adapter(
    vllm, build_backend, tmp_path, story
):
    adapter = write_adapter(tmp_path, "neuro")
    asked = partial(relay, story=story, adapter=adapter)
    with pytest.raises(ApiError, match="the base answers as without it") as refused:
        run_with_backend(build_backend("--fault", "base"), asked)
    assert refused.value.code == "adapter_inert"
    assert (vllm.read("chat"), vllm.read("respond")) == ([], [])


def test_relayed_answer_of_another_model_is_refused(vllm, build_backend, tmp_path):
    asked = partial(relay, story="schema", adapter=write_adapter(tmp_path, "neuro"))
    with pytest.raises(ApiError, match="vLLM answered with words instead of merlin-"):
        run_with_backend(build_backend("--fault", "chat"), asked)


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


def test_refusals_are_those_of_the_protocol(vllm, build_backend, tmp_path):
    adapter = write_adapter(tmp_path, "neuro")

    async def ask_all(backend):
        with pytest.raises(ApiError, match="Too many questions") as busy:
            await read_answer(backend, None, "busy")
        assert busy.value.headers["retry-after"] == "1"
        with pytest.raises(ApiError, match="maximum context length is") as too_long:
            await read_answer(backend, None, "word " * 51)
        assert (too_long.value.status, too_long.value.code) == (
            400,
            "context_length_exceeded",
        )
        broken = {
            "break": "Grammar error",
            "cut": "in the middle",
            "twice": "sent no answer",
            "other": "sent no answer",
        }
        for question, match in broken.items():
            with pytest.raises(Unavailable, match=match):
                await read_answer(backend, None, question)
        change_config(adapter.path, r=65)
        with pytest.raises(ApiError, match="greater than max_lora_rank") as refused:
            await read_answer(backend, adapter)
        assert (refused.value.status, refused.value.code) == (422, "adapter_refused")

    run_with_backend(build_backend(), ask_all)


def test_stream_without_an_end_is_left(vllm, build_backend):
    said = [{"role": "user", "content": "drip"}]
    body = {"messages": said, "stream": True}
    relayed = RelayedRequest("mine", "/chat/completions", body, ApiError(400, ""))

    async def ask_both(backend):
        await read_answer(backend)
        backend.answer_s = 0.2
        with pytest.raises(Unavailable, match="too long"):
            await read_answer(backend, None, "drip")
        with pytest.raises(Unavailable, match="too long"):
            async with aclosing(backend.relay(None, relayed)) as parts:
                [_ async for _ in parts]

    run_with_backend(build_backend(), ask_both)


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
