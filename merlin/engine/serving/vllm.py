"""The backend for many people: a vLLM server per base, started and watched by the engine.

`vllm serve` starts with the first question on a port of its own and is started again when it has
ended. Adapters are loaded at runtime from the engine's folder. An adapter's name contains its
digest, so a name never means two adapters: vLLM serves a stale cache if another adapter is loaded
under an old name (vllm-project/vllm#42125, #44939). An adapter is proved after it is loaded
(merlin.engine.proof). Beyond --max-cpu-loras vLLM evicts the least recently used adapter, and
reloads it from its folder at the next request.

Sources: openai/openai-openapi, openapi.yaml, CreateChatCompletionStreamResponse;
vllm-project/vllm 0.33.0, entrypoints/serve/lora/api_router.py, lora/worker_manager.py,
entrypoints/openai/completion/protocol.py (prompt_logprobs).
"""

import asyncio
import os
import re
import secrets
import shutil
import signal
import sys
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from contextlib import aclosing, contextmanager, suppress
from operator import itemgetter
from pathlib import Path
from typing import Any

from merlin.config.engine import EngineAnsweringConfig, EngineModelConfig
from merlin.core.errors import ProviderBusy, ProviderError
from merlin.core.log import get_logger
from merlin.core.messages import break_control_tokens
from merlin.core.server import free_ports
from merlin.engine.chat_template import write_adapted
from merlin.engine.child_process import build_environment
from merlin.engine.proof import (
    INERT,
    Proof,
    ProofQuestion,
    Scores,
    compare,
    describe_fault,
    read_proof,
)
from merlin.engine.serving.base import (
    APPLIED,
    Adapter,
    Finish,
    GenerationRequest,
    Unavailable,
    busy_error,
    damaged_model_error,
    ended_error,
)
from merlin.openai_protocol.client import ProtocolClient, call_errors, read_events
from merlin.openai_protocol.errors import ApiError, InvalidResponse, describe_error

log = get_logger(__name__)

Json = dict[str, object]
# The oldest version whose adapters and sampling were tried.
_OLDEST = (0, 26)
_POLL_S, _HEALTH_S, _STOP_S = 0.5, 5.0, 20.0
# Loading a large base and compiling its kernels.
_START_S = 1800.0
# The longest time without data: a long prompt behind a full queue.
_SILENCE_S = 300.0
_BUSY, _REFUSED = (429, 503), (400, 413, 422)
_USAGE_FIELDS = ("prompt_tokens", "completion_tokens")
# Disables the defaults of generation_config.json: only the request's sampling parameters apply.
_NEUTRAL_SAMPLING = {"top_k": 0, "min_p": 0.0, "repetition_penalty": 1.0}


class VllmBackend:
    """Serves one base and all of its adapters; must be used from one event loop."""

    def __init__(
        self,
        name: str,
        model: EngineModelConfig,
        folder: Path,
        settings: EngineAnsweringConfig,
        log: Path,
    ) -> None:
        """Take a base's settings and its folder; the server's output goes to `log`."""
        self._name, self._model, self._folder, self._log = name, model, folder, log
        self._settings = settings
        self._running = self._restarts = 0
        self._starting, self._loading = asyncio.Lock(), asyncio.Lock()
        self._child: asyncio.subprocess.Process | None = None
        self._client: ProtocolClient | None = None
        self._is_ready = False
        self._loaded: set[str] = set()
        # By name; a fault that was found, or whether the proof decides that it is applied.
        self._proved: dict[str, ApiError | bool] = {}

    async def ask(
        self, adapter: Adapter | None, request: GenerationRequest
    ) -> AsyncGenerator[str | Finish, None]:
        """Yield chunks and a Finish at the end; see Backend.ask."""
        self._running += 1
        try:
            with _convert_errors():
                client = await self._get_client()
                model = await self._load(client, adapter) if adapter else self._name
                async with aclosing(self._stream(client, model, request)) as parts:
                    async for part in parts:
                        yield part
        finally:
            self._running -= 1

    def figures(self) -> Mapping[str, float]:
        """Return the figures for monitoring; the queue is in vLLM."""
        return {
            "running": self._running,
            "adapters": len(self._loaded),
            "restarts": self._restarts,
        }

    async def close(self) -> None:
        """Stop the server with its processes."""
        if self._client:
            await self._client.aclose()
        if child := self._child:
            with suppress(ProcessLookupError):
                child.terminate()
            with suppress(TimeoutError):
                await asyncio.wait_for(child.wait(), _STOP_S)
            with suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)
            await child.wait()

    async def _stream(
        self, client: ProtocolClient, model: str, request: GenerationRequest
    ) -> AsyncGenerator[str | Finish, None]:
        body = {"model": model, **build_request_body(request)}
        reason, usage = "", dict.fromkeys(_USAGE_FIELDS, 0)
        async with (
            client.send("/v1/chat/completions", body, _SILENCE_S, _SILENCE_S) as response,
            aclosing(read_events(response)) as events,
        ):
            async for event in events:
                _check_model(event, model)
                text, ended = _parse_event(event)
                reason = ended or reason
                if isinstance(used := event.get("usage"), dict):
                    usage = {name: int(used[name]) for name in _USAGE_FIELDS}
                if text:
                    yield text
        if not reason:
            raise Unavailable("vLLM ended its answer in the middle: look at its log.")
        why = "length" if reason == "length" else "stop"
        extension = APPLIED if self._proved.get(model) is True else {}
        yield Finish(why, usage["prompt_tokens"], usage["completion_tokens"], extension)

    async def _load(self, client: ProtocolClient, adapter: Adapter) -> str:
        """Load an adapter unless it is loaded; return its name."""
        name = f"merlin-{adapter.digest[:12]}"
        async with self._loading:
            if name not in self._loaded:
                body: Json = {"lora_name": name, "lora_path": str(adapter.path.resolve())}
                try:
                    async with client.send(
                        "/v1/load_lora_adapter", body, _SILENCE_S, _SILENCE_S
                    ) as response:
                        await response.read()
                except ProviderError as error:
                    raise Unavailable(f"vLLM cannot load the adapter: {error}") from error
                self._loaded.add(name)
            if name not in self._proved:
                self._proved[name] = await self._prove(client, name, adapter)
        if isinstance(fault := self._proved[name], ApiError):
            raise fault.with_traceback(None)
        return name

    async def _prove(self, client: ProtocolClient, name: str, adapter: Adapter) -> ApiError | bool:
        """Return the fault of a loaded adapter, or whether the proof decides that it works."""
        try:
            proof = read_proof(adapter.path)
        except (OSError, ValueError) as error:
            return damaged_model_error(f"its proof cannot be read: {error}")
        if fault := compare(proof, await self._score(client, name, proof)):
            base = await self._score(client, self._name, proof)
            return describe_fault(fault, adapter.path, proof, base)
        return proof.is_decidable

    async def _score(self, client: ProtocolClient, model: str, proof: Proof) -> Scores:
        """Return what the server measures; it cannot answer with no token at all."""
        prompts = [[*question.tokens] for question in proof.questions]
        body: Json = {"model": model, "prompt": prompts, "max_tokens": 1, "prompt_logprobs": 0}
        response: Any = await client.json("/v1/completions", body, _SILENCE_S)
        _check_model(response, model)
        try:
            choices = sorted(response["choices"], key=itemgetter("index"))
            return [
                _read_scores(choice["prompt_logprobs"], question)
                for choice, question in zip(choices, proof.questions, strict=True)
            ]
        except (KeyError, TypeError, ValueError) as error:
            raise InvalidResponse(f"no prompt_logprobs: {error!r}") from error

    async def _get_client(self) -> ProtocolClient:
        """Return the client of a server that is ready, starting it if needed."""
        async with self._starting:
            if self._child is None or self._child.returncode is not None:
                self._restarts += self._child is not None
                await self._start()
            if not self._is_ready:
                await self._wait_until_ready()
                self._is_ready = True
        return self._require_client()

    async def _start(self) -> None:
        (port,) = free_ports(1)
        key = secrets.token_hex(16)
        if self._client:
            await self._client.aclose()
        self._client = ProtocolClient(f"http://127.0.0.1:{port}", key)
        self._is_ready, self._loaded, self._proved = False, set(), {}
        self._log.parent.mkdir(parents=True, exist_ok=True)
        own = {"VLLM_API_KEY": key, "VLLM_ALLOW_RUNTIME_LORA_UPDATING": "True"}
        if number := self._settings.device.partition("cuda:")[2]:
            own["CUDA_VISIBLE_DEVICES"] = number
        template = self._log.with_suffix(".jinja")
        is_adapted = await asyncio.to_thread(write_adapted, self._folder, template)
        options = ["--chat-template", str(template)] if is_adapted else []
        with self._log.open("ab") as output:
            self._child = await asyncio.create_subprocess_exec(
                *self._build_command(port, options),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=build_environment(**own),
                start_new_session=True,
            )
        log.info("vLLM starts", base=self._name, pid=self._child.pid, port=port)

    def _build_command(self, port: int, options: Sequence[str]) -> list[str]:
        """Return the command line; the options of the configuration come last and win."""
        beside = Path(sys.executable).with_name("vllm")
        vllm = str(beside) if beside.exists() else shutil.which("vllm")
        if vllm is None:
            command = f"{sys.executable} -m pip install vllm"
            raise Unavailable(f"{self._name} needs vLLM (engine.serving): {command}")
        setpriv = shutil.which("setpriv")
        return [
            # The kernel ends it when the engine dies, however it does.
            *((setpriv, "--pdeathsig", "TERM") if setpriv else ()),
            *(vllm, "serve", str(self._folder), "--served-model-name", self._name),
            *("--host", "127.0.0.1", "--port", str(port), "--dtype", self._model.dtype),
            *("--enable-lora", "--max-lora-rank", "64"),
            *("--max-loras", "4", "--max-cpu-loras", "20"),
            *(("--max-model-len", str(self._model.context)) if self._model.context else ()),
            *options,
            *self._settings.vllm,
        ]

    async def _wait_until_ready(self) -> None:
        """Wait until the server is healthy. Raises Unavailable if it ends or is too old."""
        async with asyncio.timeout(_START_S):
            while not await self._is_healthy():
                child = self._child
                if child and child.returncode is not None:
                    raise ended_error(self._name, child.returncode)
                await asyncio.sleep(_POLL_S)
        found = str((await self._require_client().json("/version", None, _HEALTH_S))["version"])
        numbers = re.match(r"(\d+)\.(\d+)", found)
        if not numbers or tuple(map(int, numbers.groups())) < _OLDEST:
            oldest = ".".join(map(str, _OLDEST))
            command = f"{sys.executable} -m pip install --upgrade vllm"
            raise Unavailable(f"vLLM {found} is older than {oldest}: {command}")
        log.info("vLLM is ready", base=self._name, version=found)

    async def _is_healthy(self) -> bool:
        with suppress(ProviderError), call_errors():
            async with self._require_client().send("/health", None, _HEALTH_S, _HEALTH_S):
                return True
        return False

    def _require_client(self) -> ProtocolClient:
        assert self._client is not None  # noqa: S101 - set by `_start`
        return self._client


def build_request_body(request: GenerationRequest) -> Json:
    """Return the body of a streamed chat request."""
    uses_defaults = request.temperature is None and request.top_p is None
    optional = {
        "temperature": request.temperature,
        "top_p": request.top_p,
        "max_tokens": request.most_tokens or None,
        "seed": request.seed,
        "stop": list(request.stops) or None,
        "response_format": {"type": "json_object"} if request.is_json else None,
    }
    return {
        "messages": [
            # vLLM fills the template with the text as it is: a question could begin a system turn.
            {"role": message.role, "content": break_control_tokens(message.content)}
            for message in request.messages
        ],
        # As in training: see merlin.engine.training_file.
        "chat_template_kwargs": {"enable_thinking": False},
        "stream": True,
        "stream_options": {"include_usage": True},
        **{name: value for name, value in optional.items() if value is not None},
        **({} if uses_defaults else _NEUTRAL_SAMPLING),
    }


def _check_model(response: Mapping[str, object], model: str) -> None:
    """Raise ApiError if another model has answered than the one that was asked."""
    if (found := response.get("model")) not in (None, model):
        raise ApiError(422, f"vLLM answered with {found} instead of {model}", code=INERT)


def _read_scores(logprobs: Any, question: ProofQuestion) -> list[float]:
    """Return a question's scores; `logprobs` has an object by token for each of the prompt."""
    pairs = list(zip(logprobs, question.tokens, strict=True))[-question.count :]
    return [float(by_token[str(token)]["logprob"]) for by_token, token in pairs]


def _parse_event(event: Mapping[str, object]) -> tuple[str, str]:
    """Return the text and the finish reason of an event. Raises Unavailable for another."""
    if event.get("error"):
        raise Unavailable(f"vLLM broke off its answer: {describe_error(event['error'])}")
    match event.get("choices"):
        case []:
            return "", ""
        case [{"delta": {**delta}, **choice}]:
            return str(delta.get("content") or ""), str(choice.get("finish_reason") or "")
        case _:
            pass
    raise Unavailable(f"vLLM sent no answer: {describe_error(event)}")


@contextmanager
def _convert_errors() -> Iterator[None]:
    """Convert the errors of the calls into ApiError."""
    try:
        with call_errors():
            yield
    except ProviderBusy as error:
        if error.status in _BUSY:
            raise busy_error(error.retry_after_s or 0.0) from error
        raise Unavailable(f"vLLM could not answer: {error}") from error
    except ProviderError as error:
        if error.status not in _REFUSED:
            raise Unavailable(f"vLLM could not answer: {error}") from error
        if "context length" in str(error):
            code, param = "context_length_exceeded", "messages"
            raise ApiError(400, str(error), code=code, param=param) from error
        raise ApiError(400, f"vLLM refuses: {error}") from error
