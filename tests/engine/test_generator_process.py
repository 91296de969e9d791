"""The worker process of the engine's own backend: queue, end, adapters, memory."""

import json
import os
import shutil
import signal
import subprocess
import sys
from dataclasses import asdict, replace

import pytest

from merlin.engine.serving.base import RelayedRequest, Setup, Unavailable
from merlin.openai_protocol.errors import ApiError
from tests.engine.backends_asked import start_backend
from tests.engine.tiny_base import get_tiny_base, make_question
from tests.support.waiting import longest, wait_until

pytestmark = [
    pytest.mark.integration,
    pytest.mark.usefixtures("needs_torch"),
    pytest.mark.weekly("torch"),
]

GREEDY = {"temperature": 0, "most_tokens": 40}
# Nearly any token may be next: of these seeds the one whose answer fills the window.
ENDLESS = {"temperature": 1000.0, "seed": 2}


def test_answer_of_a_client_that_disconnects_is_cancelled_for_the_next(
    runner, reference
):
    stream = runner.stream("Tell me.", **ENDLESS)
    stream.next()
    runner.wait_for(running=1)
    stream.close()
    runner.wait_for(running=0)
    assert runner.text(make_question("Anna"), **GREEDY) == reference.text(
        make_question("Anna")
    )


def test_full_queue_raises_busy_and_its_waiting_requests_are_answered(runner):
    streams = [runner.stream("Tell me.", **ENDLESS) for _ in range(8)]
    first_chunks = [stream.begin() for stream in streams]
    runner.wait_for(running=1, waiting=7)
    with pytest.raises(ApiError, match="Too many questions") as busy:
        runner.ask("Tell me.")
    assert int(busy.value.headers["retry-after"]) >= 1
    for stream, chunk in zip(streams, first_chunks, strict=True):
        chunk.result(longest())
        stream.close()
    runner.wait_for(running=0, waiting=0)


def test_five_adapters_share_three_slots(runner, reference, adapters):
    for _ in range(2):
        for number, adapter in adapters.items():
            text = make_question("Anna") + "!" * number
            assert runner.text(text, adapter, **GREEDY) == reference.text(text, adapter)
    assert runner.get_figure("adapters") == 3


def test_error_in_one_answer_leaves_the_next_alone(runner):
    right = runner.text(make_question("Anna"), **GREEDY)
    with pytest.raises(Unavailable, match="could not answer"):
        runner.ask("Tell me.", temperature=1.0, seed=2**70)
    assert runner.text(make_question("Anna"), **GREEDY) == right


def test_call_for_what_transformers_cannot_do_is_refused(runner):
    refusal = ApiError(400, "not here")
    request = RelayedRequest("tiny", "/completions", {"prompt": "x"}, refusal)
    with pytest.raises(ApiError, match="not here"):
        runner.backend.relay(None, request)


def test_killed_process_is_reported_and_the_next_question_restarts_it(runner):
    right = runner.text(make_question("Anna"), **GREEDY)
    stream = runner.stream("Tell me.", **ENDLESS)
    stream.next()
    os.kill(runner.find_worker(), signal.SIGKILL)
    with pytest.raises(Unavailable, match="killed"):
        stream.read_rest()
    assert runner.text(make_question("Anna"), **GREEDY) == right
    assert runner.get_figure("restarts") == 1


def test_idle_base_is_unloaded_and_loaded_again_on_demand(tmp_path):
    with start_backend(get_tiny_base(), tmp_path / "child.log", idle_s=0.05) as idle:
        text = idle.text("x", **GREEDY)
        wait_until(lambda: idle.find_worker() is None)
        assert idle.text("x", **GREEDY) == text
        assert idle.get_figure("restarts") == 0


def test_damaged_base_is_reported_once_with_advice(tmp_path):
    folder = shutil.copytree(get_tiny_base(), tmp_path / "broken")
    (folder / "model.safetensors").write_bytes(b"no weights")
    with (
        start_backend(folder, tmp_path / "child.log") as broken,
        pytest.raises(Unavailable, match="pull or copy it again") as refused,
    ):
        broken.ask("x")
    assert str(refused.value).count("answer") == 1


def build_setup(**options):
    return replace(Setup(str(get_tiny_base()), 0, "auto", "none", "cpu", 1), **options)


def load(setup):
    """Load a base in this process as the worker does."""
    from merlin.engine.serving.worker import load

    return load(setup)


def test_missing_gpu_is_reported(monkeypatch):
    # Hides all GPUs from torch.
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    with pytest.raises(Exception, match="torch sees no GPU here; set it to cpu"):
        load(build_setup(device="cuda:0"))


@pytest.mark.parametrize(("context", "window"), [(0, 1024), (100, 100), (5000, 1024)])
def test_window_is_the_configured_one_up_to_the_bases_own(context, window):
    assert load(build_setup(context=context)).window == window


def test_process_exits_when_the_engine_is_gone():
    setup = json.dumps(asdict(build_setup(folder="nowhere")))
    command = [sys.executable, "-m", "merlin.engine.serving.worker", setup]
    assert (
        subprocess.run(command, stdin=subprocess.DEVNULL, timeout=longest()).returncode
        == 0
    )


def test_engine_process_never_imports_torch():
    code = (
        "import sys, merlin.engine.serving.transformers;"
        "sys.exit(any(name in sys.modules for name in ('torch', 'transformers', 'numpy')))"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
