"""Check the backend for vLLM against a real vLLM, and compare it with our own worker.

BENCH_VLLM is the command that starts vLLM (default `vllm`), BENCH_VLLM_OPTIONS are further options
of `vllm serve`. Both sides use the same base in the same type of weights on BENCH_DEVICE.
"""

import asyncio
import json
import os
import shlex
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import aclosing, contextmanager
from pathlib import Path

import httpx2

from bench.engine_adapters import make_adapters
from bench.engine_asking import SYSTEM, ask, run_backend
from bench.engine_rig import DTYPE, build_english, run_engine, unpack_smollm
from bench.smollm import BASE
from merlin.config.engine import EngineModelConfig
from merlin.core.messages import Message
from merlin.core.server import free_ports
from merlin.engine.serving.base import (
    Adapter,
    Backend,
    Chunk,
    Finish,
    GenerationRequest,
    Unavailable,
)
from merlin.engine.serving.vllm import VllmBackend
from merlin.openai_protocol.errors import ApiError

KEY_VARIABLE, KEY = "VLLM_API_KEY", "the-key-of-vllm"
ADAPTERS, IN_MEMORY, SPREAD = 6, 4, 0.1
WINDOW, START_S, EPOCHS = 2048, 300, 6
ROUNDS, STREAMS, TOKENS, WARM = 3, 32, 64, 4
QUESTIONS = (
    "What is a stack?",
    "What is a queue?",
    "Who was Ada Lovelace?",
    "Why is the sky blue?",
    "How does a compiler work?",
    "What is a river?",
    "Name three colours.",
    "What do bees eat?",
)


class Vllm:
    """A vLLM server of one base on a free port."""

    def __init__(self, base: Path, log: Path) -> None:
        self._base, self._log = base, log
        (self._port,) = free_ports(1)
        self.url = f"http://127.0.0.1:{self._port}"

    @contextmanager
    def run(self) -> Iterator[None]:
        """Start the server, wait until it responds, and kill it at the end."""
        options = (
            f"--port {self._port} --dtype {DTYPE} --max-model-len {WINDOW} --enable-lora"
            f" --max-lora-rank 64 --max-loras {IN_MEMORY} --max-cpu-loras {IN_MEMORY}"
            f" {os.environ.get('BENCH_VLLM_OPTIONS', '')}"
        )
        command = shlex.split(os.environ.get("BENCH_VLLM", "vllm"))
        started_at = time.monotonic()
        process = subprocess.Popen(
            [*command, "serve", str(self._base), *shlex.split(options)],
            env={**os.environ, KEY_VARIABLE: KEY, "VLLM_ALLOW_RUNTIME_LORA_UPDATING": "True"},
            stdout=self._log.open("ab"),
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            self._wait_until_ready(process, started_at + START_S)
            print(f"started in {time.monotonic() - started_at:.0f} s", flush=True)
            yield
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def _wait_until_ready(self, process: subprocess.Popen[bytes], deadline: float) -> None:
        while process.poll() is None and time.monotonic() < deadline:
            try:
                if httpx2.get(f"{self.url}/health", timeout=5).status_code == httpx2.codes.OK:
                    return
            except httpx2.HTTPError:
                time.sleep(0.5)
        sys.exit(f"vLLM does not start:\n{self._log.read_text(errors='replace')[-4000:]}")

    def connect(self, key: str = KEY) -> VllmBackend:
        """Return a backend for this server."""
        return VllmBackend(EngineModelConfig(backend="vllm", url=self.url), key)


def run(_: Sequence[str] = ()) -> None:
    """Print a row for each check, then the speeds; exit with 1 if a check failed."""
    base = Path(str(unpack_smollm()[BASE]["path"]))
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        adapters = make_adapters(base, folder / "adapters", ADAPTERS, SPREAD)
        server = Vllm(base, folder / "vllm.log")
        failures = asyncio.run(_check(server, base, adapters, folder))
    if failures:
        sys.exit(f"failed: {', '.join(failures)}")


async def _check(
    server: Vllm, base: Path, adapters: Sequence[Adapter], folder: Path
) -> Sequence[str]:
    failures = list[str]()

    def report(what: str, result: object, detail: str = "") -> None:
        print(f"{what} | {'yes' if result else 'NO'} | {detail}", flush=True)
        if not result:
            failures.append(what)

    async with run_backend(base, folder / "worker.log") as own:
        theirs = server.connect()
        with server.run():
            for name, check in {
                "answers": _check_answers(report, theirs, own, adapters),
                "options": _check_options(report, theirs, own, adapters[0]),
                "errors": _check_errors(report, server, theirs, folder),
            }.items():
                try:
                    await check
                except (ApiError, Unavailable, RuntimeError, ValueError) as error:
                    report(name, None, repr(error))
        await _check_error(report, "vLLM that is gone is named", theirs, server.url)
        with server.run():
            text, _, _ = await _read(theirs, adapters[0], QUESTIONS[0])
            report("adapter is loaded again after a restart of vLLM", bool(text), text[:60])
            _check_engine(report, server, base, folder)
            await _measure_speed(theirs, own, adapters)
        await theirs.close()
    return failures


async def _read(
    backend: Backend, adapter: Adapter | None, question: str, **options: object
) -> tuple[str, Sequence[Chunk], Finish]:
    messages = (Message("system", SYSTEM), Message("user", question))
    fields = {"most_tokens": 40, "temperature": 0.0, **options}
    request = GenerationRequest(messages, **fields)  # type: ignore[arg-type]
    chunks = list[Chunk]()
    async with aclosing(backend.ask(adapter, request)) as parts:
        async for part in parts:
            if isinstance(part, Finish):
                return "".join(chunk.text for chunk in chunks), chunks, part
            chunks.append(part)
    raise AssertionError


async def _first_logprobs(backend: Backend, adapter: Adapter | None) -> Sequence[float]:
    """Return the logprob of the likeliest first token of each question."""
    answers = [
        await _read(backend, adapter, question, most_tokens=1, logprobs=1) for question in QUESTIONS
    ]
    return [
        next(token.logprob for chunk in chunks for token in chunk.logprobs)
        for _, chunks, _ in answers
    ]


def _differences(left: Sequence[float], right: Sequence[float]) -> Sequence[float]:
    return [abs(one - other) for one, other in zip(left, right, strict=True)]


async def _check_answers(
    report: Callable[..., None],
    theirs: VllmBackend,
    own: Backend,
    adapters: Sequence[Adapter],
) -> None:
    """Compare first tokens, between the servers and, as the control, between adapters."""
    texts = [(await _read(side, None, QUESTIONS[0]))[0] for side in (theirs, own)]
    report("base answers", all(texts), f"{texts[0][:60]!r}; own worker: {texts[1][:60]!r}")
    answers = await asyncio.gather(*(_read(theirs, adapters[0], text) for text in QUESTIONS))
    report("eight concurrent requests to a new adapter", len(answers) == len(QUESTIONS))
    first = [await _first_logprobs(theirs, adapter) for adapter in adapters]
    again = [await _first_logprobs(theirs, adapter) for adapter in adapters]
    reference = [await _first_logprobs(own, adapter) for adapter in adapters]
    pairs = list(zip(first, reference, strict=True))
    apart = [value for left, right in pairs for value in _differences(left, right)]
    control = [
        value
        for left, right in zip(reference, [*reference[1:], reference[0]], strict=True)
        for value in _differences(left, right)
    ]
    middle, between = statistics.median(apart), statistics.median(control)
    detail = (
        f"first-token logprobs apart: median {middle:.4f}, at most {max(apart):.4f};"
        f" of two adapters: median {between:.4f}"
    )
    report("each adapter answers as in the own worker", middle < between / 4, detail)
    moved = max(
        value for one, two in zip(first, again, strict=True) for value in _differences(one, two)
    )
    detail = f"{ADAPTERS} adapters, room for {IN_MEMORY}; at most {moved:.4f} apart"
    report("evicted adapters answer as before", moved < between / 4, detail)


async def _check_options(
    report: Callable[..., None], theirs: VllmBackend, own: Backend, adapter: Adapter
) -> None:
    question = QUESTIONS[2]
    ends = [(await _read(side, adapter, question, most_tokens=8))[2] for side in (theirs, own)]
    counts = [(end.reason, end.prompt_tokens, end.completion_tokens) for end in ends]
    report(
        "limit, reason and tokens are those of the own worker", counts[0] == counts[1], f"{counts}"
    )
    full = (await _read(theirs, None, question))[0]
    word = full.split()[3]
    cut, _, end = await _read(theirs, None, question, stops=[word])
    report("stop text ends the answer", word not in cut and end.reason == "stop", f"{cut!r}")
    sampled = [
        (await _read(theirs, None, question, temperature=1.0, top_p=0.9, seed=seed))[0]
        for seed in (7, 7, 8)
    ]
    is_seeded = sampled[0] == sampled[1] != sampled[2]
    report("seed repeats a sampled answer", is_seeded)
    _, chunks, end = await _read(theirs, adapter, question, most_tokens=5, logprobs=3)
    tops = [len(token.top_logprobs) for chunk in chunks for token in chunk.logprobs]
    report("logprobs of each token", tops == [3] * end.completion_tokens, f"{tops}")
    text, _, end = await _read(
        theirs, None, "Describe a cat as JSON.", most_tokens=200, is_json=True
    )
    report("JSON mode", text.lstrip().startswith("{"), f"{end.reason}: {text[:60]!r}")


async def _check_errors(
    report: Callable[..., None], server: Vllm, theirs: VllmBackend, folder: Path
) -> None:
    code = ""
    try:
        await _read(theirs, None, "word " * (WINDOW + 1))
    except ApiError as error:
        code = error.code or ""
    report("too long a conversation", code == "context_length_exceeded", code)
    missing = Adapter("0" * 64, folder / "missing")
    await _check_error(report, "missing folder is named", theirs, "under the same path", missing)
    stranger = server.connect("wrong")
    await _check_error(report, "wrong key is named", stranger, "refuses the engine's key")
    await stranger.close()


async def _check_error(
    report: Callable[..., None],
    what: str,
    backend: VllmBackend,
    part: str,
    adapter: Adapter | None = None,
) -> None:
    text = "no error"
    try:
        await _read(backend, adapter, QUESTIONS[0])
    except Unavailable as error:
        text = str(error)
    report(what, part in text, text)


async def _measure_speed(theirs: VllmBackend, own: Backend, adapters: Sequence[Adapter]) -> None:
    """Print generated tokens per second of concurrent answers, the sides in turn."""
    print(f"tokens/s, {STREAMS} streams on {IN_MEMORY} adapters: vLLM | own worker | ratio")
    ratios = []
    for _ in range(ROUNDS):
        vllm, worker = [await _measure_side(side, adapters) for side in (theirs, own)]
        ratios.append(vllm / worker)
        print(f"{vllm:.0f} | {worker:.0f} | {vllm / worker:.2f}", flush=True)
    print(f"median: {statistics.median(ratios):.2f}")


async def _measure_side(backend: Backend, adapters: Sequence[Adapter]) -> float:
    async def all_at_once(most_tokens: int) -> int:
        answers = await asyncio.gather(
            *(
                ask(backend, adapters[number % IN_MEMORY], QUESTIONS[number % 8], most_tokens)
                for number in range(STREAMS)
            )
        )
        return sum(answer.tokens for answer in answers)

    await all_at_once(WARM)
    started_at = time.perf_counter()
    tokens = await all_at_once(TOKENS)
    return tokens / (time.perf_counter() - started_at)


def _check_engine(report: Callable[..., None], server: Vllm, base: Path, folder: Path) -> None:
    """Train a model by the engine's API, and ask it all trained questions through vLLM."""
    os.environ[KEY_VARIABLE] = KEY
    model = {
        "path": str(base),
        "dtype": DTYPE,
        "backend": "vllm",
        "url": server.url,
        "credential": KEY_VARIABLE,
    }
    with run_engine({BASE: model}) as rig:
        train, _test = build_english(folder / "build")
        started_at = time.monotonic()
        job = rig.create_job(BASE, rig.upload(train), 42, {"n_epochs": EPOCHS, "batch_size": 4})
        trained = rig.wait_for_model(job)
        seconds = time.monotonic() - started_at
        lines = [json.loads(line)["messages"] for line in train.read_text().splitlines()]
        answers = rig.ask_all(trained, [messages[:-1] for messages in lines])
    exact = sum(
        answer.strip() == messages[-1]["content"]
        for answer, messages in zip(answers, lines, strict=True)
    )
    detail = f"{exact} of {len(lines)} word for word; trained in {seconds:.0f} s"
    report("engine trains a model and vLLM serves it", exact >= len(lines) * 0.9, detail)
