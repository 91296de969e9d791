"""Answers of llama.cpp's server: an external one, and the engine's own."""

import asyncio
import os
import signal
import sys
from pathlib import Path
from threading import Event

import pytest

from merlin.config.engine import EngineModelConfig
from merlin.engine.serving import llama_cpp
from merlin.engine.serving.base import Unavailable
from merlin.engine.serving.gguf_adapter import build_file_name
from merlin.engine.serving.llama_cpp import MAX_ADAPTERS, LlamaCppBackend, quote_path
from merlin.engine.trainers.base import BaseFiles
from merlin.openai_protocol.errors import ApiError
from tests.engine.backends_asked import (
    ask,
    build_request,
    read_answer,
    run_with_backend,
    write_adapter,
)
from tests.engine.llama_standin import LlamaStandin
from tests.engine.peft_folder import write_base_config, write_tuned_adapter
from tests.support.http_servers import serve_app
from tests.support.waiting import DEADLINE_S, longest, wait_until

pytestmark = pytest.mark.functional
trains = pytest.mark.usefixtures("needs_torch")


def build_backend(source, url="", key="", folder=Path(), **options):
    where = {"path": str(source), "url": url}
    model = EngineModelConfig.model_construct(backend="llama.cpp", **where, **options)
    return LlamaCppBackend("base", model, key, lambda: BaseFiles(folder))


@pytest.fixture
def base_file(tmp_path, monkeypatch):
    """Put the stand-in on the PATH as llama-server; return a base file."""
    program = tmp_path / "bin" / "llama-server"
    program.parent.mkdir()
    standin = Path(__file__).with_name("llama_standin.py")
    # The stand-in imports from its own folder, which PYTHONSAFEPATH prevents.
    program.write_text(f'#!/bin/sh\nPYTHONSAFEPATH= exec {sys.executable} {standin} "$@"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    monkeypatch.setenv("PYTHONPATH", str(standin.parents[2]))
    base = tmp_path / "base.gguf"
    base.write_bytes(b"GGUF of no meaning")
    return base


def test_external_server_answers_with_the_requested_adapter(tmp_path):
    first, second = write_adapter(tmp_path, "one"), write_adapter(tmp_path, "two")
    llama = LlamaStandin(
        [f"/far/away/{build_file_name(adapter.digest)}" for adapter in (first, second)]
    )

    async def ask_with_each(backend):
        return [(await read_answer(backend, adapter))[0] for adapter in (None, first, second)]

    with serve_app(llama.app) as url:
        answers = run_with_backend(build_backend("x", url), ask_with_each)
    names = ["the base", *(f"merlin-{adapter.digest[:12]}" for adapter in (first, second))]
    assert answers == [f"{name} hears: What is a queue?" for name in names]


def test_request_sets_the_scale_of_every_loaded_adapter(tmp_path):
    adapter = write_adapter(tmp_path, "one")
    llama = LlamaStandin(["/other.gguf", f"/{build_file_name(adapter.digest)}"])
    with serve_app(llama.app) as url:
        ask(build_backend("x", url), adapter, temperature=1.0)
    (document,) = llama.echo.requests
    assert document["lora"] == [{"id": 0, "scale": 0.0}, {"id": 1, "scale": 1.0}]
    assert {"top_k": 0, "min_p": 0.0, "repeat_penalty": 1.0}.items() <= document.items()


def test_adapter_missing_on_an_external_server_is_named(tmp_path):
    adapter = write_adapter(tmp_path, "one")
    with (
        serve_app(LlamaStandin().app) as url,
        pytest.raises(Unavailable, match=f"has no {build_file_name(adapter.digest)}"),
    ):
        ask(build_backend("x", url), adapter, temperature=1.0)


def test_conversation_over_the_window_is_refused_as_context_length_exceeded():
    with serve_app(LlamaStandin().app) as url, pytest.raises(ApiError) as refused:
        ask(build_backend("x", url), None, "word " * 51)
    assert refused.value.code == "context_length_exceeded"


def test_embeddings_come_from_a_server_started_for_them():
    with serve_app(LlamaStandin(can_embed=True).app) as url:
        backend = build_backend("x", url, embeddings=True)
        assert run_with_backend(backend, lambda there: there.embed(["three"])) == ([[5.0, 1.5]], 1)


def test_server_not_started_for_embeddings_is_reported():
    with serve_app(LlamaStandin().app) as url:
        backend = build_backend("x", url, embeddings=True)
        with pytest.raises(ApiError, match="--embeddings"):
            run_with_backend(backend, lambda there: there.embed(["three"]))


def test_engines_own_server_starts_at_the_first_question(base_file):
    assert ask(build_backend(base_file))[0].startswith("the base hears")


@trains
def test_new_adapter_is_converted_and_the_server_restarts_with_it(base_file, tmp_path):
    base = write_base_config(tmp_path / "hf")
    first, second, *others = (
        write_tuned_adapter(tmp_path / str(seed), seed)[0] for seed in range(MAX_ADAPTERS + 1)
    )

    async def ask_with_each(backend):
        order = (None, first, second, first, None)
        names_in_answers = [
            (await read_answer(backend, adapter))[0].split()[0] for adapter in order
        ]
        count = backend.figures()["adapters"]
        for adapter in others:
            await read_answer(backend, first)
            await read_answer(backend, adapter)
        child = backend._process._child
        await read_answer(backend, first)
        assert backend._process._child is child, "the one used before is still loaded"
        return names_in_answers, count

    names_in_answers, count = run_with_backend(build_backend(base_file, folder=base), ask_with_each)
    names = [f"merlin-{adapter.digest[:12]}" for adapter in (first, second)]
    assert names_in_answers == ["the", *names, names[0], "the"]
    assert count == 2
    assert (first.path / build_file_name(first.digest)).read_bytes().startswith(b"GGUF")


@trains
def test_adapter_whose_first_caller_has_left_is_converted_once(base_file, tmp_path):
    base, is_asked, may_read = write_base_config(tmp_path / "hf"), Event(), Event()
    adapter, _ = write_tuned_adapter(tmp_path / "a")
    conversions = []

    def find_files():
        conversions.append(base)
        is_asked.set()
        assert may_read.wait(longest())
        return BaseFiles(base)

    async def leave_during_conversion(backend):
        leaving = asyncio.create_task(read_answer(backend, adapter))
        await asyncio.to_thread(is_asked.wait, longest())
        leaving.cancel()
        await asyncio.gather(leaving, return_exceptions=True)
        asked = asyncio.create_task(read_answer(backend, adapter))
        for _ in range(10):  # it has begun
            await asyncio.sleep(0)
        may_read.set()
        return (await asked)[0]

    model = EngineModelConfig.model_construct(backend="llama.cpp", path=str(base_file), url="")
    backend = LlamaCppBackend("base", model, "", find_files)
    assert run_with_backend(backend, leave_during_conversion).startswith("merlin-")
    assert len(conversions) == 1


@trains
def test_restart_for_a_new_adapter_cuts_no_running_answer(base_file, tmp_path):
    base = write_base_config(tmp_path / "hf")
    adapter, _ = write_tuned_adapter(tmp_path / "a")

    async def start_during_answer(backend):
        under_way = backend.ask(None, build_request("a b c d e f g h"))
        first = await anext(under_way)
        new = asyncio.create_task(read_answer(backend, adapter))
        rest = [piece async for piece in under_way]
        return first.text, rest[-1].completion_tokens, (await new)[0]

    first, tokens, text = run_with_backend(
        build_backend(base_file, folder=base), start_during_answer
    )
    assert (first, tokens) == ("the ", 11)
    assert text.startswith(f"merlin-{adapter.digest[:12]}")


def test_dead_server_is_started_again(base_file):
    async def kill_between_answers(backend):
        await read_answer(backend)
        child = backend._process._child
        child.kill()
        await child.wait()
        return (await read_answer(backend))[0]

    assert run_with_backend(build_backend(base_file), kill_between_answers).startswith("the base")


def test_start_goes_on_after_its_caller_has_left(base_file, tmp_path):
    program, may_start = tmp_path / "bin" / "llama-server", tmp_path / "may-start"
    head, command = program.read_text().split("\n", 1)
    program.write_text(f"{head}\nuntil [ -e {may_start} ]; do sleep 0.05; done\n{command}")

    async def leave_during_start(backend):
        leaving = asyncio.create_task(read_answer(backend))
        await asyncio.to_thread(wait_until, lambda: backend._process._child)
        first = backend._process._child.pid
        leaving.cancel()
        await asyncio.gather(leaving, return_exceptions=True)
        may_start.touch()
        text, _, _ = await read_answer(backend)
        return text, backend._process._child.pid == first

    text, is_same = run_with_backend(build_backend(base_file), leave_during_start)
    assert text.startswith("the base")
    assert is_same


def test_adapter_that_prevents_the_start_does_not_end_the_base(base_file, tmp_path):
    adapter = write_adapter(tmp_path, "one")
    (adapter.path / build_file_name(adapter.digest)).write_bytes(b"no adapter")

    async def ask_the_base_next(backend):
        with pytest.raises(Unavailable, match="failed to load"):
            await read_answer(backend, adapter)
        return (await read_answer(backend))[0]

    assert run_with_backend(build_backend(base_file), ask_the_base_next).startswith("the base")


def test_server_ends_with_the_backend(base_file):
    async def pid(backend):
        await read_answer(backend)
        return backend._process._child.pid

    proc_folder = Path("/proc") / str(run_with_backend(build_backend(base_file), pid))
    wait_until(lambda: not proc_folder.exists())


def test_server_is_stopped_even_when_the_stopping_task_is_cancelled(
    base_file, tmp_path, monkeypatch
):
    # The first wait must last until it is cancelled; the next one is short.
    monkeypatch.setattr(llama_cpp, "STOP_S", longest(DEADLINE_S))
    adapter = write_adapter(tmp_path, "one")
    (adapter.path / build_file_name(adapter.digest)).write_bytes(b"GGUF of no meaning")

    async def cancel_start(backend):
        await read_answer(backend)
        first = backend._process._child.pid
        os.kill(first, signal.SIGSTOP)
        # A process that is not stopped yet would handle the SIGTERM instead of leaving it pending.
        await asyncio.to_thread(os.waitid, os.P_PID, first, os.WSTOPPED | os.WNOWAIT)
        leaving = asyncio.create_task(read_answer(backend, adapter))
        await asyncio.to_thread(wait_until, lambda: is_asked_to_end(first))
        leaving.cancel()
        await asyncio.gather(leaving, return_exceptions=True)
        monkeypatch.setattr(llama_cpp, "STOP_S", 0.1)
        return first, (await read_answer(backend))[0]

    first, text = run_with_backend(build_backend(base_file), cancel_start)
    assert text.startswith("the base")
    assert not (Path("/proc") / str(first)).exists()


def is_asked_to_end(pid):
    """Return whether a SIGTERM is pending for a stopped process."""
    status = (Path("/proc") / str(pid) / "status").read_text()
    waiting = next(line for line in status.splitlines() if line.startswith("ShdPnd"))
    return bool(int(waiting.split()[1], 16) >> (signal.SIGTERM - 1) & 1)


def test_server_that_fails_to_start_reports_the_reason(base_file):
    base_file.write_bytes(b"no model at all")
    with pytest.raises(Unavailable, match=r"at its start:.*failed to load"):
        ask(build_backend(base_file))


def test_missing_llama_cpp_is_reported_with_install_advice(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Unavailable, match=r"install llama\.cpp"):
        ask(build_backend(tmp_path / "base.gguf"))


def test_source_other_than_gguf_is_named(base_file):
    with pytest.raises(Unavailable, match=r"the source of base is owner/name"):
        ask(build_backend("owner/name"))


@pytest.mark.parametrize(
    ("path", "field"),
    [("/a/b.gguf", "/a/b.gguf"), ("/a,b/c", '"/a,b/c"'), ('/a"b', '"/a""b"')],
)
def test_path_with_a_comma_or_a_quote_stays_one_field(path, field):
    assert quote_path(path) == field
