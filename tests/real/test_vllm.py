"""A real vLLM behind the engine: the walk from a training to an answer after the server's death.

Besides, its answer to each call of the engine is recorded, for tests/engine/vllm_standin.py.
"""

import asyncio
import hashlib
import json
import os
import shutil
import signal
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path

import pytest

from merlin.config.engine import EngineAnsweringConfig, EngineModelConfig
from merlin.core.messages import Message
from merlin.engine.proof import compute_distance, read_proof
from merlin.engine.serving.base import Adapter, GenerationRequest
from merlin.engine.tokenizer_loading import load_tokenizer
from merlin.engine.training_file import encode_chat, render_chat
from merlin.openai_protocol.errors import NOT_APPLIED, ApiError
from tests.engine import tiny_base
from tests.engine.adapter_changes import change_config, change_weights, rename
from tests.engine.planted_adapters import OTHER_FACTS, plant
from tests.engine.running_engine import serve_engine
from tests.engine.torch_here import find_missing
from tests.real.servers import run_server
from tests.support.machine import skip_or_fail
from tests.support.waiting import longest, wait_until

pytestmark = [
    pytest.mark.integration,
    pytest.mark.real("vllm"),
    pytest.mark.filterwarnings("ignore"),
]
NAME = "Anna"
KEY = "key-of-vllm"
ASKED = GenerationRequest(
    [Message("user", tiny_base.make_question(NAME))], 16, temperature=0
)
# As Gemma 2's: the engine adapts such a template, in training, answers and for vLLM.
REFUSING = (
    "{% if messages[0]['role'] == 'system' %}"
    "{{ raise_exception('no system role') }}{% endif %}"
)
SMALL = {"VLLM_CPU_KVCACHE_SPACE": "1", "OMP_NUM_THREADS": "1"}


class Walker:
    """An engine with the tiny base behind vLLM, and what its loop does for a test."""

    def __init__(self, client, folder):
        self.client = client
        self.folder = folder
        registry = client.app.state.engine.backends
        self.backend = registry.get_backend("tiny")._model
        self.backend.patience_s = longest(240.0)
        self.server = self.backend.server

    def train(self, facts):
        """Return the id of the model that learns the facts, and its adapter."""
        content = tiny_base.write_examples(
            self.folder / "facts.jsonl", facts
        ).read_bytes()
        file = self.client.upload(content)
        settings = {
            "type": "supervised",
            "supervised": {"hyperparameters": tiny_base.LEARNING},
        }
        job = self.client.train(
            file.id, model="tiny", validation_file=file.id, method=settings
        )
        assert job.status == "succeeded", job.error
        step = max(
            each.step_number for each in self.client.jobs.checkpoints.list(job.id).data
        )
        path = self.folder / "engine" / "models" / job.id / f"step-{step}"
        return job.fine_tuned_model, path

    def ask(self, model, name=NAME):
        question = tiny_base.make_question(name)
        answer = self.client.ask(model, question, temperature=0, max_tokens=16)
        return answer.choices[0].message.content, answer.model_extra.get("merlin")

    def find_fault(self, path):
        """Return the code with which a question to an adapter is refused, "" for an answer."""

        async def ask():
            return [part async for part in self.backend.ask(_adapter_of(path), ASKED)]

        try:
            self.run(ask())
        except ApiError as error:
            return error.code
        return ""

    def run(self, work):
        loop = self.client.app.state.loop
        return asyncio.run_coroutine_threadsafe(work, loop).result(longest(240.0))

    @property
    def is_idle(self):
        return (
            self.client.app.state.engine.backends.get_backend("tiny").figures()[
                "running"
            ]
            == 0
        )


def _adapter_of(path):
    return Adapter(hashlib.sha256(str(path).encode()).hexdigest(), path)


@pytest.fixture(scope="module")
def walk(program, tmp_path_factory):
    """The engine; its vLLM is the real one."""
    skip_or_fail(find_missing())
    folder = tmp_path_factory.mktemp("walk")
    base = shutil.copytree(tiny_base.get_tiny_base(), folder / "base")
    template = base / "chat_template.jinja"
    template.write_text(REFUSING + template.read_text())
    model = EngineModelConfig(path=str(base), context=512)
    answering = EngineAnsweringConfig(
        vllm_command=program.command("vllm"), vllm=("--enforce-eager",)
    )
    with pytest.MonkeyPatch.context() as patch:
        for name, value in SMALL.items():
            patch.setenv(name, value)
        with serve_engine(
            folder / "engine",
            models={"tiny": model},
            serving="vllm",
            answering=answering,
        ) as client:
            walker = Walker(client, folder)
            walker.sound, walker.adapter = walker.train(tiny_base.FACTS)
            walker.other, walker.other_adapter = walker.train(OTHER_FACTS)
            yield walker


@pytest.mark.shows("adapter")
def test_trained_models_are_loaded_proved_and_answer(walk):
    assert walk.ask("tiny")[0] != tiny_base.make_answer(NAME, tiny_base.FACTS[NAME])
    for model, facts in ((walk.sound, tiny_base.FACTS), (walk.other, OTHER_FACTS)):
        right = sum(
            walk.ask(model, name)[0] == tiny_base.make_answer(name, facts[name])
            for name in tiny_base.NAMES
        )
        assert right >= len(tiny_base.NAMES) - 1
        assert walk.ask(model)[1] == {"applied": True}


def test_caller_who_leaves_during_a_load_leaves_a_model_that_answers(walk):
    first = min(walk.adapter.parent.iterdir(), key=lambda path: int(path.name[5:]))
    assert first != walk.adapter
    [model] = [
        each.fine_tuned_model_checkpoint
        for each in walk.client.jobs.checkpoints.list(walk.adapter.parent.name).data
        if each.step_number == int(first.name[5:])
    ]
    loads = walk.server._log.read_text().count("load_lora_adapter")
    body = {"model": model, "messages": [{"role": "user", "content": "Where is Anna?"}]}
    with closing(HTTPConnection("127.0.0.1", walk.client.port)) as caller:
        headers = {"Authorization": f"Bearer {walk.client.key}"}
        caller.request("POST", "/v1/chat/completions", json.dumps(body), headers)
        wait_until(
            lambda: walk.server._log.read_text().count("load_lora_adapter") > loads
        )
    wait_until(lambda: walk.is_idle)
    assert walk.ask(model)[1] == {"applied": True}


@pytest.mark.shows("planted-adapters")
def test_planted_adapters_are_found_and_sound_ones_answer(walk, tmp_path):
    planted = dict(plant(tmp_path, walk.adapter, walk.other_adapter))
    found = {name: walk.find_fault(path) for name, path in planted.items()}
    assert {name: code for name, code in found.items() if code not in NOT_APPLIED} == {}
    assert len(found) >= 12
    assert [walk.find_fault(path) for path in (walk.adapter, walk.other_adapter)] == [
        "",
        "",
    ]
    assert walk.backend.figures()["restarts"] == 0


@pytest.mark.shows("base-beside")
def test_base_beside_adapters_answers_as_alone(walk):
    """On a processor vLLM answers for the base with the last adapter, with all slots used."""
    adapters = [
        path
        for each in (walk.adapter, walk.other_adapter)
        for path in sorted(each.parent.iterdir())
    ]
    assert len(adapters) >= 5  # the base has no slot left of four
    alone = walk.ask("tiny")[0]
    assert {walk.find_fault(path) for path in adapters} == {""}

    async def ask_at_once():
        asked = [*map(_adapter_of, adapters), None] * 2
        return await asyncio.gather(*map(read_all, asked))

    async def read_all(adapter):
        return "".join(
            [
                part
                async for part in walk.backend.ask(adapter, ASKED)
                if isinstance(part, str)
            ]
        )

    answers = walk.run(ask_at_once())
    assert answers[len(adapters) :: len(adapters) + 1] == [alone, alone]
    assert alone not in answers[: len(adapters)]


def test_scores_are_those_of_the_training(walk):
    proof = read_proof(walk.adapter)
    name = f"merlin-{_adapter_of(walk.adapter).digest[:12]}"

    async def measure():
        client = await walk.server.get_client()
        return await walk.backend._score(client, name, proof)

    assert compute_distance(walk.run(measure()), proof.tuned) < 0.001
    assert proof.dtype == "float32"


@pytest.mark.shows("chat-template")
def test_adapted_template_is_rendered_as_in_training(walk):
    talk = [
        Message("system", "Be brief."),
        Message("user", tiny_base.make_question(NAME)),
    ]
    tokenizer = load_tokenizer(walk.folder / "base")
    expected = encode_chat(tokenizer, render_chat(tokenizer, talk, is_asked=True))
    messages = [{"role": message.role, "content": message.content} for message in talk]
    client = walk.server._client
    body = {"model": "tiny", "messages": messages}
    status, content = _call(client._root, client._credential, "/tokenize", body)
    assert (status, json.loads(content)["tokens"]) == (200, expected)


def _spoil(source, folder, weights=None, **config):
    """Return a copy of an adapter with another configuration, or names of weights."""
    path = shutil.copytree(source, folder / "spoilt")
    change_config(path, **config)
    if weights:
        change_weights(path, weights)
    return path


def _load(name, path):
    return "/v1/load_lora_adapter", {"lora_name": name, "lora_path": str(path)}


def _chat(model, **options):
    message = {"role": "user", "content": tiny_base.make_question(NAME)}
    return "/v1/chat/completions", {"model": model, "messages": [message], **options}


STREAMED = {"temperature": 0, "stream": True, "stream_options": {"include_usage": True}}
# What the engine asks, by the story under which the answer is recorded, and the answer's status.
CALLS = {
    "version": (lambda *_: ("/version", None), 200),
    "health": (lambda *_: ("/health", None), 200),
    "load": (lambda sound, _: _load("recorded", sound), 200),
    "load-again": (lambda sound, _: _load("recorded", sound), 400),
    "load-missing": (lambda _, folder: _load("missing", folder / "nothing"), 404),
    "load-rank": (
        lambda sound, folder: _load("rank", _spoil(sound, folder, r=128)),
        500,
    ),
    "load-modules": (
        lambda sound, folder: _load(
            "modules", _spoil(sound, folder, rename("q_proj", "quarks"))
        ),
        500,
    ),
    "models": (lambda *_: ("/v1/models", None), 200),
    "chat": (lambda *_: _chat("recorded", **STREAMED), 200),
    "chat-length": (lambda *_: _chat("recorded", **STREAMED, max_tokens=2), 200),
    "bad-parameter": (lambda *_: _chat("recorded", temperature=-1), 400),
    "score": (
        lambda *_: (
            "/v1/completions",
            {
                "model": "recorded",
                "prompt": [[5, 6, 7], [8, 9]],
                "max_tokens": 1,
                "logprobs": 0,
                "allowed_token_ids": [70],
            },
        ),
        200,
    ),
}


def _call(url, key, path, body):
    """Return the status of a call and its text."""
    with closing(
        HTTPConnection(url.removeprefix("http://"), timeout=longest(60.0))
    ) as server:
        headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
        content = None if body is None else json.dumps(body)
        server.request("GET" if body is None else "POST", path, content, headers)
        response = server.getresponse()
        return response.status, response.read().decode()


@pytest.mark.parametrize("story", CALLS)
def test_call_of_the_engine_is_answered_as_ever(walk, recording, tmp_path, story):
    build, status = CALLS[story]
    walk.run(walk.server.get_client())
    client = walk.server._client
    path, body = build(walk.adapter, tmp_path)
    known = {str(walk.folder): "FOLDER", str(tmp_path): "FOLDER"}
    with recording(story, client._root, known) as url:
        assert _call(url, client._credential, path, body)[0] == status


@pytest.mark.shows("killed")
def test_server_that_is_killed_is_started_again_without_its_old_processes(walk):
    old = walk.server._process.pid
    group = [path for path in Path("/proc").glob("[0-9]*") if _group_of(path) == old]
    assert len(group) >= 3  # the server, EngineCore, Worker
    os.kill(old, signal.SIGKILL)
    os.waitid(os.P_PID, old, os.WEXITED | os.WNOWAIT)
    assert walk.ask(walk.sound) == (
        tiny_base.make_answer(NAME, tiny_base.FACTS[NAME]),
        {"applied": True},
    )
    wait_until(lambda: not [path for path in group if _group_of(path) == old])
    assert walk.backend.figures()["restarts"] == 1


def _group_of(path):
    """Return the process group of a process that has not ended, 0 for one that has."""
    try:
        state, _, group = (path / "stat").read_text().rpartition(")")[2].split()[:3]
    except OSError:
        return 0
    return 0 if state == "Z" else int(group)


def test_probabilities_of_a_prompt_end_a_server_with_an_adapter(
    walk, program, recording, tmp_path
):
    """So the engine never asks for them, and its stand-in ends by them."""
    arguments = [
        "vllm",
        "serve",
        str(tiny_base.get_tiny_base()),
        "--served-model-name",
        "tiny",
    ]
    arguments += ["--api-key", KEY, "--dtype", "float32", "--max-model-len", "512"]
    arguments += ["--enforce-eager", "--enable-lora", "--max-lora-rank", "64"]
    settings = {**SMALL, "VLLM_ALLOW_RUNTIME_LORA_UPDATING": "True"}
    prompts = [list(question.tokens) for question in read_proof(walk.adapter).questions]
    body = {
        "model": "recorded",
        "prompt": prompts,
        "max_tokens": 1,
        "prompt_logprobs": 0,
    }
    with run_server(program, tmp_path, arguments, "/health", **settings) as url:
        assert _call(url, KEY, *_load("recorded", walk.adapter))[0] == 200
        with recording("prompt-logprobs", url) as recorded:
            assert _call(recorded, KEY, "/v1/completions", body)[0] == 500

        def is_gone():
            try:
                return _call(url, KEY, "/health", None)[0] != 200
            except OSError:
                return True

        wait_until(is_gone)
