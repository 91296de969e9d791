"""The backend that forwards requests to a vLLM server.

Sources: openai/openai-openapi, openapi.yaml, CreateChatCompletionRequest and
CreateChatCompletionStreamResponse; vllm-project/vllm 0.33.0,
entrypoints/serve/exception_handling/error_response.py.

vLLM runs separately, with `--enable-lora` and VLLM_ALLOW_RUNTIME_LORA_UPDATING=True, and must see
the engine's folder under the same path; adapters are loaded at runtime. An adapter's name contains
its digest, so a name never means two adapters: vLLM serves a stale cache if another adapter is
loaded under an old name (vllm-project/vllm#42125, #44939). Beyond --max-cpu-loras vLLM evicts the
least recently used adapter, and reloads it from its folder on the next request. Source:
vllm-project/vllm 0.33.0, entrypoints/serve/lora/api_router.py,
entrypoints/openai/models/serving.py, lora/worker_manager.py.
"""

import asyncio
from collections import Counter, defaultdict
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping
from contextlib import aclosing, asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp

from merlin.config.engine import EngineModelConfig
from merlin.core.log import get_logger
from merlin.core.messages import CONTROL_TOKEN
from merlin.engine.serving.base import (
    Adapter,
    Chunk,
    Finish,
    GenerationRequest,
    TokenLogprob,
    Unavailable,
    busy_error,
)
from merlin.openai_protocol.client import read_events, read_whole
from merlin.openai_protocol.errors import (
    ApiError,
    InvalidResponse,
    describe_error,
    error_in,
    retry_after_s,
)

log = get_logger(__name__)

Json = dict[str, object]
CONNECT_S = 5.0
# The longest time without data: a long prompt behind a full queue.
SILENCE_S = 300.0
_OK = 200
# Limits the memory that a faulty server can use.
MAX_RESPONSE_BYTES = 64_000_000
_CHAT = "/v1/chat/completions"
_USAGE_FIELDS = ("prompt_tokens", "completion_tokens")
_BUSY, _NO_KEY, _UNKNOWN = (429, 503), (401, 403), 404
_REFUSED = (400, 413, 422)
_MAX_RETRY_S = 3600.0
_TOO_LONG = "context length"
_MISSING = 404
_LOADED = "already been loaded"
_FULL = ("max_loras", "max_cpu_loras", "slot", "out of memory")
# Disables the defaults of generation_config.json: only the request's sampling parameters apply.
_NEUTRAL_SAMPLING = {"top_k": 0, "min_p": 0.0, "repetition_penalty": 1.0}
_LORA_HINT = "start it with --enable-lora and VLLM_ALLOW_RUNTIME_LORA_UPDATING=True"


@dataclass(frozen=True, slots=True)
class UpstreamResponse:
    """One complete response of a server at `url`."""

    url: str
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def text(self) -> str:
        """Return the body as text."""
        return self.body.decode(errors="replace")

    @property
    def error_text(self) -> str:
        """Return the error message of the body as one line, without secrets."""
        return describe_error(error_in(self.body) or self.text)

    @property
    def is_too_long(self) -> bool:
        """Return whether the messages exceed the context window."""
        return self.status in _REFUSED and _TOO_LONG in self.text

    def to_exception(self) -> ApiError:
        """Return the exception for this response."""
        if self.status in _BUSY:
            return busy_error(min(retry_after_s(self.headers) or 0.0, _MAX_RETRY_S))
        if self.is_too_long:
            return ApiError(400, self.error_text, code="context_length_exceeded", param="messages")
        if self.status in _REFUSED:
            return ApiError(400, f"vLLM refuses: {self.error_text}")
        if self.status in _NO_KEY:
            text = f"vLLM at {self.url} refuses the engine's key: set the credential."
            return Unavailable(text)
        return Unavailable(f"vLLM at {self.url} answered {self.status}: {self.error_text}")


class UpstreamClient:
    """HTTP client of one server, without a connection limit."""

    def __init__(self, key: str) -> None:
        """Take the server's API key ("" for none)."""
        self._headers = {"Authorization": f"Bearer {key}"} if key else {}
        self._session: aiohttp.ClientSession | None = None

    @asynccontextmanager
    async def send(self, url: str, body: Json | None) -> AsyncIterator[aiohttp.ClientResponse]:
        """Send a POST, or a GET if `body` is None; yield the response and close it on exit.

        Raises Unavailable if the server cannot be reached or the connection breaks.
        """
        method = "GET" if body is None else "POST"
        with self._convert_errors(url):
            async with self._open_session().request(method, url, json=body) as answer:
                yield answer

    async def fetch(self, url: str, body: Json | None) -> UpstreamResponse:
        """Return the complete response, whatever its status. Raises as `send`."""
        async with self.send(url, body) as response:
            return await self.read(url, response)

    async def read(self, url: str, response: aiohttp.ClientResponse) -> UpstreamResponse:
        """Read the complete response. Raises InvalidResponse if it is too long."""
        body = await read_whole(response, MAX_RESPONSE_BYTES)
        return UpstreamResponse(url, response.status, response.headers, body)

    @contextmanager
    def _convert_errors(self, url: str) -> Iterator[None]:
        try:
            yield
        except aiohttp.ClientConnectorError as error:
            text = f"vLLM at {url} cannot be reached ({error.os_error}): start it."
            raise Unavailable(text) from error
        except TimeoutError as error:
            raise Unavailable(f"vLLM at {url} is silent: look at its log.") from error
        except (aiohttp.ClientError, InvalidResponse, OSError, ValueError) as error:
            raise Unavailable(f"vLLM at {url} broke off: {error}") from error

    def _open_session(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0),
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(sock_connect=CONNECT_S, sock_read=SILENCE_S),
                headers=self._headers,
            )
        return self._session

    async def close(self) -> None:
        """Close all connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None


@contextmanager
def _count_during(counts: Counter[str], name: str) -> Iterator[None]:
    counts[name] += 1
    try:
        yield
    finally:
        counts[name] -= 1


class VllmBackend:
    """The Backend Protocol for one vLLM server."""

    def __init__(self, model: EngineModelConfig, key: str) -> None:
        """Take the model with its `url`, and its API key ("" for none)."""
        self._client = UpstreamClient(key)
        self._url = model.url.rstrip("/").removesuffix("/v1")
        self._figures: Counter[str] = Counter(running=0)
        # By name, the least recently used first.
        self._loaded: dict[str, None] = {}
        self._in_use: Counter[str] = Counter()
        self._loading: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def ask(
        self, adapter: Adapter | None, request: GenerationRequest
    ) -> AsyncGenerator[Chunk | Finish, None]:
        """Yield chunks and a Finish at the end; see Backend.ask."""
        error: ApiError = Unavailable("vLLM was not asked.")
        with _count_during(self._figures, "running"):
            async with aclosing(self._find_names(adapter)) as names:
                async for fields in names:
                    body = {**build_request_body(request), **fields}
                    async with self._client.send(f"{self._url}{_CHAT}", body) as response:
                        if response.status == _OK:
                            async with aclosing(parse_stream(response, self._figures)) as parts:
                                async for part in parts:
                                    yield part
                            return
                        answer = await self._client.read(self._url, response)
                    error = answer.to_exception()
                    if answer.status != _UNKNOWN:
                        raise error
        raise error

    def figures(self) -> Mapping[str, float]:
        """Return the figures for monitoring; the queue is in the other server.

        `adapters` are those that this engine has loaded.
        """
        return {**self._figures, "adapters": len(self._loaded)}

    async def close(self) -> None:
        """Close all connections."""
        await self._client.close()

    async def _find_names(self, adapter: Adapter | None) -> AsyncGenerator[Json, None]:
        """Yield the field with the adapter's name; a second time after reloading the adapter.

        Without the field `model` vLLM uses its base. The adapter counts as in use until the
        generator is closed.
        """
        if adapter is None:
            yield {}
            return
        name = build_adapter_name(adapter)
        with _count_during(self._in_use, name):
            for _ in range(2):
                await self._load(name, adapter)
                yield {"model": name}
                # vLLM was restarted since, so the adapter is no longer loaded.
                self._loaded.pop(name, None)

    async def _load(self, name: str, adapter: Adapter) -> None:
        body: Json = {"lora_name": name, "lora_path": str(adapter.path.resolve())}
        async with self._loading[name]:
            while name not in self._loaded:
                answer = await self._client.fetch(f"{self._url}/v1/load_lora_adapter", body)
                if answer.status == _OK or _LOADED in answer.error_text:
                    break
                if not await self._make_room(answer):
                    raise _loading_error(answer, adapter)
            # Move to the end: most recently used.
            self._loaded.pop(name, None)
            self._loaded[name] = None

    async def _make_room(self, answer: UpstreamResponse) -> bool:
        """Unload the least recently used idle adapter if the error says that the slots are full."""
        idle = [name for name in self._loaded if not self._in_use[name]]
        if not idle or not any(mark in answer.text.lower() for mark in _FULL):
            return False
        body: Json = {"lora_name": idle[0]}
        await self._client.fetch(f"{self._url}/v1/unload_lora_adapter", body)
        self._loaded.pop(idle[0], None)
        log.info("adapter unloaded from vLLM", adapter=idle[0])
        return True


def build_request_body(request: GenerationRequest) -> Json:
    """Return the body of a streamed chat request."""
    uses_defaults = request.temperature is None and request.top_p is None
    optional = {
        "temperature": request.temperature,
        "top_p": request.top_p,
        "max_tokens": request.most_tokens or None,
        "seed": request.seed,
        "stop": list(request.stops) or None,
        "logprobs": None if request.logprobs is None else True,
        "top_logprobs": request.logprobs,
        "response_format": {"type": "json_object"} if request.is_json else None,
    }
    return {
        "messages": [
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


def break_control_tokens(text: str) -> str:
    """Return a text with an invisible character in each control token of common models.

    The other server fills the template with the text as it is, so a question with control tokens
    could begin a system turn; our own worker encodes them as text.
    """
    return CONTROL_TOKEN.sub(lambda found: f"{found[0][0]}\u2060{found[0][1:]}", text)


async def parse_stream(
    response: aiohttp.ClientResponse, figures: Counter[str]
) -> AsyncGenerator[Chunk | Finish, None]:
    """Parse a streamed response; yield chunks and a Finish, and add its usage to `figures`.

    Raises Unavailable if the stream ends early or is invalid.
    """
    reason, usage = "", dict[str, int]()
    event: Any
    async for event in read_events(response):
        if "error" in event:
            raise Unavailable(f"vLLM broke off its answer: {describe_error(event['error'])}")
        try:
            if used := event.get("usage"):
                usage = {name: int(used[name]) for name in _USAGE_FIELDS}
            choice = event["choices"][0] if event["choices"] else {"delta": {}}
            reason = choice.get("finish_reason") or reason
            chunk = Chunk(
                choice["delta"].get("content") or "", parse_logprobs(choice.get("logprobs"))
            )
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise Unavailable(f"vLLM sent no answer: {describe_error(event)}") from error
        if chunk.text or chunk.logprobs:
            yield chunk
    if not reason or not usage:
        raise Unavailable("vLLM ended its answer in the middle: look at its log.")
    figures.update(usage)
    why = "length" if reason == "length" else "stop"
    yield Finish(why, usage["prompt_tokens"], usage["completion_tokens"])


def parse_logprobs(logprobs: Mapping[str, Any] | None) -> list[TokenLogprob]:
    """Parse ChatCompletionChoice.logprobs; [] if there are none."""
    return [_parse_token(token) for token in (logprobs or {}).get("content") or []]


def _parse_token(token: Mapping[str, Any]) -> TokenLogprob:
    top = [_parse_token(near) for near in token.get("top_logprobs") or []]
    return TokenLogprob(token["token"], token["logprob"], token.get("bytes"), top)


def build_adapter_name(adapter: Adapter) -> str:
    """Return the name of an adapter in the other server."""
    return f"merlin-{adapter.digest[:12]}"


def _loading_error(answer: UpstreamResponse, adapter: Adapter) -> Unavailable:
    if answer.status != _MISSING:
        return Unavailable(f"vLLM cannot load the adapter: {answer.error_text}")
    if b'"error"' not in answer.body:
        return Unavailable(f"vLLM at {answer.url} loads no adapters: {_LORA_HINT}.")
    reason = f"it must see the engine's folder under the same path: {adapter.path}"
    return Unavailable(f"vLLM finds no adapter: {reason}")
