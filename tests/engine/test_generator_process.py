"""The worker process of our own backend: queue, end, adapters, memory."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from dataclasses import asdict

import pytest

from merlin.config.engine import EngineAnsweringConfig
from merlin.engine.serving.base import Busy, Setup, Unavailable
from merlin.engine.serving.process import WorkerProcess
from merlin.openai_protocol.errors import ApiError
from tests.engine.backends_asked import start_backend
from tests.engine.running_engine import build_training_file, serve_engine
from tests.engine.tiny_base import get_tiny_base, make_question
from tests.engine.tiny_encoder import NAME, SYNONYMS, build_config, transformers_encoder
from tests.support.waiting import longest

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("needs_torch")]

NARROW = EngineAnsweringConfig(at_once=2, waiting=1, adapters=3)
GREEDY = {"temperature": 0, "most_tokens": 40}
ENDLESS = {"temperature": 2.0, "seed": 3}


@pytest.fixture(scope="module")
def narrow(tmp_path_factory, needs_torch):
    log = tmp_path_factory.mktemp("narrow") / "child.log"
    with start_backend(get_tiny_base(), log, settings=NARROW) as runner:
        yield runner


def test_client_that_disconnects_frees_its_row(narrow):
    stream = narrow.stream("Tell me.", **ENDLESS)
    stream.next()
    narrow.wait_for(rows=1, running=1)
    before = narrow.get_figure("completion_tokens")
    stream.close()
    narrow.wait_for(rows=0, running=0)
    assert narrow.get_figure("completion_tokens") == before


def test_full_queue_raises_busy_and_its_waiting_requests_are_answered(narrow):
    first, second, third = (narrow.stream("Tell me.", **ENDLESS) for _ in range(3))
    first.next()
    second.next()
    waiting = third.begin()
    narrow.wait_for(running=2, waiting=1)
    with pytest.raises(Busy) as busy:
        narrow.ask("Tell me.")
    assert busy.value.retry_after_s >= 1
    first.close()
    waiting.result(longest())
    for stream in (second, third):
        stream.close()
    narrow.wait_for(rows=0, running=0, waiting=0)


def test_five_adapters_share_three_slots(narrow, reference, adapters):
    for _ in range(2):
        for number, adapter in adapters.items():
            text = make_question("Anna") + "!" * number
            assert narrow.text(text, adapter, **GREEDY) == reference.text(text, adapter)
    assert narrow.get_figure("adapters") == 3


def test_loaded_adapter_is_not_read_again(narrow, adapters):
    narrow.text("x", adapters[1], **GREEDY)
    before = narrow.get_figure("adapters_read")
    narrow.ask_concurrently(*[("x", adapters[1], GREEDY)] * 3)
    assert narrow.get_figure("adapters_read") == before


def test_killed_process_is_reported_and_the_next_question_restarts_it(narrow):
    right = narrow.text(make_question("Anna"), **GREEDY)
    # Crashes with an answer between them do not cause a restart delay.
    for deaths in (1, 2):
        stream = narrow.stream("Tell me.", **ENDLESS)
        stream.next()
        os.kill(narrow.backend.pid, signal.SIGKILL)
        with pytest.raises(Unavailable, match="killed"):
            stream.read_rest()
        assert narrow.text(make_question("Anna"), **GREEDY) == right
        assert narrow.get_figure("restarts") == deaths
    assert narrow.get_figure("resident_bytes") > 50_000_000


def test_process_killed_within_a_line_ends_the_wait():
    async def read_line():
        child = await asyncio.create_subprocess_exec(
            "sh",
            "-c",
            'printf \'{"piece": 1, "text": "half\'; kill -9 $$',
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        process = WorkerProcess(child, lambda code, _broken: f"it ended with {code}")
        with process.ask({"ask": 0}) as answer:
            return await answer.get()

    assert asyncio.run(read_line()) == {"failed": 1, "why": "it ended with -9"}


def test_idle_base_is_unloaded_and_loaded_again_on_demand(tmp_path):
    settings = EngineAnsweringConfig(idle_s=0.05)
    with start_backend(get_tiny_base(), tmp_path / "child.log", settings=settings) as idle:
        first = idle.text(make_question("Anna"), **GREEDY)
        idle.wait_for(resident_bytes=0)
        assert idle.backend.pid is None
        assert idle.text(make_question("Anna"), **GREEDY) == first
        assert idle.get_figure("restarts") == 0


def test_embeddings_base_gives_unit_vectors_and_no_answers(tmp_path):
    with start_backend(get_tiny_base(), tmp_path / "child.log", embeddings=True) as runner:
        texts = ["queue", "a queue of people who wait", "ы"]
        vectors, tokens = runner.run(runner.backend.embed(texts))
        assert tokens == sum(len(text.encode()) for text in texts)
        assert [sum(one * one for one in vector) for vector in vectors] == pytest.approx([1.0] * 3)
        alone, _ = runner.run(runner.backend.embed(texts[:1]))
        assert alone[0] == pytest.approx(vectors[0], abs=1e-5)
        with pytest.raises(ApiError, match="only makes embeddings"):
            runner.ask("x")
        with pytest.raises(ApiError, match="at most 1024 tokens"):
            runner.run(runner.backend.embed(["a" * 1025]))


def test_safetensors_encoder_answers_paraphrases(tmp_path):
    models = {
        NAME: build_config(transformers_encoder(tmp_path / "encoder"), backend="transformers")
    }
    taught = {question: answer for question, answer, _ in SYNONYMS}
    with serve_engine(tmp_path / "engine", models=models) as engine:
        job = engine.train(engine.upload(build_training_file(taught)).id, model=NAME)
        assert job.status == "succeeded", job
        for _, answer, paraphrase in SYNONYMS:
            completion = engine.ask(job.fine_tuned_model, paraphrase)
            assert completion.choices[0].message.content == answer


def test_base_that_cannot_be_loaded_is_unavailable_with_the_reason(tmp_path):
    folder = tmp_path / "broken"
    folder.mkdir()
    for path in get_tiny_base().iterdir():
        content = b"no weights" if path.suffix == ".safetensors" else path.read_bytes()
        (folder / path.name).write_bytes(content)
    with (
        start_backend(folder, tmp_path / "child.log") as broken,
        pytest.raises(Unavailable, match=r"tiny cannot answer: \w*Error"),
    ):
        broken.ask("x")


def test_base_without_files_is_reported_with_advice(tmp_path):
    with (
        start_backend(tmp_path / "nowhere", tmp_path / "child.log") as nowhere,
        pytest.raises(Unavailable, match="merlin engine models pull tiny"),
    ):
        nowhere.ask("x")


def load_base(**text):
    """Load the base in this process as the worker does."""
    from merlin.engine.serving.worker.base import load

    usual = {"context": 0, "dtype": "auto", "quantised": "none", "is_embedding": False}
    return load(Setup(str(get_tiny_base()), **{**usual, "device": "cpu", "adapters": 1, **text}))


def test_missing_gpu_is_reported(monkeypatch):
    # Hides all GPUs from torch.
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    with pytest.raises(Exception, match="torch sees no GPU here; set it to cpu"):
        load_base(device="cuda:0")


@pytest.mark.parametrize(("context", "window"), [(0, 1024), (100, 100), (5000, 1024)])
def test_window_is_the_configured_one_up_to_the_bases_own(context, window):
    assert load_base(context=context).window == window


def test_process_exits_when_the_engine_is_gone():
    setup = json.dumps(asdict(Setup("nowhere", 0, "auto", "none", False, "cpu", 1)))
    command = [sys.executable, "-m", "merlin.engine.serving.worker", setup]
    assert subprocess.run(command, stdin=subprocess.DEVNULL, timeout=longest()).returncode == 0


def test_engine_process_never_imports_torch():
    code = (
        "import sys, merlin.engine.serving.transformers;"
        "sys.exit(any(name in sys.modules for name in ('torch', 'transformers', 'numpy')))"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
