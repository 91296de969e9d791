"""The backend for many people: a vLLM server per base, started and watched by the engine.

Adapters are loaded at runtime from the engine's folder. An adapter's name contains its digest, so a
name never means two adapters: vLLM serves a stale cache if another adapter is loaded under an old
name (vllm-project/vllm#42125, #44939). An adapter is proved after it is loaded
(merlin.engine.proof), on the path that answers: with an adapter loaded, the probabilities of a
prompt's tokens (`prompt_logprobs`) end the server (vllm-project/vllm#29955, #51594). Beyond
--max-cpu-loras vLLM evicts the least recently used adapter, and reloads it from its folder at the
next request.

Sources: openai/openai-openapi, openapi.yaml, CreateChatCompletionStreamResponse;
vllm-project/vllm 0.32.0, entrypoints/openai/models/serving.py (load_lora_adapter),
entrypoints/openai/completion/protocol.py (allowed_token_ids), v1/sample/sampler.py (logprobs).
"""

import asyncio
import re
from collections import Counter, defaultdict
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager, contextmanager
from operator import itemgetter
from pathlib import Path
from typing import Any

from merlin.config.engine import EngineAnsweringConfig, EngineModelConfig, select_dtype
from merlin.core.errors import ProviderBusy, ProviderError
from merlin.core.log import get_logger
from merlin.core.messages import break_control_tokens
from merlin.engine.adapter_weights import are_sound
from merlin.engine.proof import (
    DIFFERS,
    INERT,
    REFUSED,
    Proof,
    Scores,
    compare,
    compute_distance,
    describe_fault,
    read_proof,
)
from merlin.engine.serving.base import (
    APPLIED,
    Adapter,
    Finish,
    GenerationRequest,
    RelayedRequest,
    Unavailable,
    busy_error,
    damaged_model_error,
)
from merlin.engine.serving.vllm_server import VllmServer
from merlin.openai_protocol.client import ProtocolClient, call_errors, read_events
from merlin.openai_protocol.errors import ApiError, InvalidResponse, describe_error

log = get_logger(__name__)

Json = dict[str, object]
# The longest time without data: a long prompt behind a full queue.
_SILENCE_S = 300.0
_BUSY = (429, 503)
_REFUSED = (400, 413, 422)
# A rank above --max-lora-rank and unknown modules are a 500.
_NOT_LOADED = (400, 404, 500)
_USAGE_FIELDS = ("prompt_tokens", "completion_tokens")
# Disables the defaults of generation_config.json: only the request's sampling parameters apply.
_NEUTRAL_SAMPLING: Json = {"top_k": 0, "min_p": 0.0, "repetition_penalty": 1.0}
# As in training: see merlin.engine.training_file.
_NO_THINKING: Json = {"chat_template_kwargs": {"enable_thinking": False}}
# The fields with which a chat template is filled.
_RENDERED = ("messages", "tools", "input", "instructions")
# Ends of the server while one adapter is loaded and proved, after which it is not tried again.
_MOST_ENDS = 2
# Calls of one proof at once, beside the questions of people.
_AT_ONCE = 8
# How vLLM refuses a name that is loaded: the answer to that call was lost.
_IS_LOADED = "already been loaded"
# How it refuses to write NaN as JSON. Its cache keeps them, for every model.
_NOT_A_NUMBER = re.compile("out of range float", re.IGNORECASE)
_ASK_AGAIN_S = 10.0


class Sides:
    """Lets the base and its adapters answer in turns where they cannot answer at once.

    On a processor, with all slots of adapters in use, a question to the base beside one to an
    adapter is answered with the last adapter's weights (vllm-project/vllm#48421, #49656).
    """

    def __init__(self, *, take_turns: bool) -> None:
        self.take_turns = take_turns
        self._running: Counter[bool] = Counter()
        self._door = asyncio.Lock()
        self._is_free = asyncio.Event()

    @asynccontextmanager
    async def enter(self, *, is_base: bool) -> AsyncIterator[None]:
        """Wait until nobody of the other side is there, or came earlier."""
        async with self._door:
            while self.take_turns and self._running[not is_base]:
                self._is_free.clear()
                await self._is_free.wait()
            self._running[is_base] += 1
        try:
            yield
        finally:
            self._running[is_base] -= 1
            self._is_free.set()


class VllmBackend:
    """Serves one base and all of its adapters; must be used from one event loop."""

    # The longest that a question waits for a start, a load and a proof, which go on without it:
    # clients give up after 30 or 60 seconds, and a proof takes a minute on a processor.
    patience_s = 20.0
    # The longest time to a whole answer: of a long one, behind a full queue.
    answer_s = 1800.0

    def __init__(
        self,
        name: str,
        model: EngineModelConfig,
        folder: Path,
        settings: EngineAnsweringConfig,
        log: Path,
    ) -> None:
        """Take a base's settings and its folder; the server's output goes to `log`."""
        self._name = name
        self._log = log
        self._dtype = select_dtype(model.dtype, settings.device)
        self.server = VllmServer(name, model, folder, settings, log)
        self._sides = Sides(take_turns=settings.device.startswith("cpu"))
        self._running = 0
        self._loading = asyncio.Lock()
        # By the server's number and the name: a fault, or whether the proof decides that it is
        # applied.
        self._proved: dict[tuple[int, str], asyncio.Task[ApiError | bool]] = {}
        self._ends: Counter[str] = Counter()
        # Refusals of adapters that no server computes with.
        self._refused: dict[str, ApiError] = {}

    async def ask(
        self, adapter: Adapter | None, request: GenerationRequest
    ) -> AsyncGenerator[str | Finish, None]:
        """Yield chunks and a Finish at the end; see Backend.ask."""
        async with (
            self._reach(adapter) as (client, model, extension),
            aclosing(self._stream(client, model, request, extension)) as parts,
        ):
            async for part in parts:
                yield part

    async def relay(
        self, adapter: Adapter | None, request: RelayedRequest
    ) -> AsyncGenerator[Mapping[str, object], None]:
        """Yield vLLM's events or its whole answer, with the caller's name of the model."""
        async with self._reach(adapter) as (client, model, extension):
            path = f"/v1{request.path}"
            body = {"model": model, **build_relayed_body(request)}
            if not body.get("stream"):
                answer = await client.json(path, body, self.answer_s)
                yield _rename(answer, model, request.model, extension)
                return
            async with (
                client.send(path, body, _SILENCE_S, _SILENCE_S) as response,
                aclosing(read_events(response, self.answer_s)) as events,
            ):
                async for event in events:
                    yield _rename(event, model, request.model, extension)

    @asynccontextmanager
    async def _reach(
        self, adapter: Adapter | None
    ) -> AsyncIterator[tuple[ProtocolClient, str, Mapping[str, object]]]:
        """Yield the client of a ready server, its name of the model, and the extension."""
        self._running += 1
        try:
            client, model, is_decided = await self._prepare(adapter)
            try:
                with _convert_errors():
                    async with self._sides.enter(is_base=adapter is None):
                        yield client, model, APPLIED if is_decided else {}
            except Unavailable as error:
                if _NOT_A_NUMBER.search(str(error)):
                    await self.server.restart(client)
                raise
        finally:
            self._running -= 1

    async def _prepare(
        self, adapter: Adapter | None
    ) -> tuple[ProtocolClient, str, bool]:
        """Return the client of a ready server, the model's name, and whether it is proved.

        Raises Unavailable if that takes longer than a question waits; it goes on meanwhile.
        """
        waiting = asyncio.timeout(self.patience_s)
        try:
            with _convert_errors():
                async with waiting:
                    client = await self.server.get_client()
                    if adapter is None:
                        return client, self._name, False
                    name, is_decided = await self._load(adapter)
                    # Another adapter may have ended the server meanwhile.
                    return await self.server.get_client(), name, is_decided
        except Unavailable as error:
            if not waiting.expired():
                raise
            does = "loads and proves a model" if self.server.is_ready else "starts"
            message = f"vLLM of {self._name} {does}: ask again in a while"
            raise Unavailable(message, _ASK_AGAIN_S) from error

    def figures(self) -> Mapping[str, float]:
        """Return the figures for monitoring; the queue is in vLLM."""
        number = self.server.starts
        return {
            "running": self._running,
            "adapters": sum(start == number for start, _ in self._proved),
            "restarts": max(0, number - 1),
        }

    async def close(self) -> None:
        """Stop the server with its processes."""
        for task in self._proved.values():
            task.cancel()
        await self.server.close()

    async def _stream(
        self,
        client: ProtocolClient,
        model: str,
        request: GenerationRequest,
        extension: Mapping[str, object],
    ) -> AsyncGenerator[str | Finish, None]:
        body = {"model": model, **build_request_body(request)}
        reason = ""
        usage = dict.fromkeys(_USAGE_FIELDS, 0)
        async with (
            client.send(
                "/v1/chat/completions", body, _SILENCE_S, _SILENCE_S
            ) as response,
            aclosing(read_events(response, self.answer_s)) as events,
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
        yield Finish(why, usage["prompt_tokens"], usage["completion_tokens"], extension)

    async def _load(self, adapter: Adapter) -> tuple[str, bool]:
        """Load and prove an adapter unless that was done, also if the caller leaves.

        Return the adapter's name, and whether the proof decides that it is applied.
        Raises ApiError for an adapter that is faulty, ProviderError.
        """
        name = f"merlin-{adapter.digest[:12]}"
        key = self.server.starts, name
        task = self._proved.get(key)
        if task is None or (task.done() and task.exception()):
            task = asyncio.create_task(self._try(name, adapter))
            self._proved[key] = task
        proved = await asyncio.shield(task)
        if isinstance(proved, ApiError):
            raise proved.with_traceback(None)
        return name, proved

    async def _try(self, name: str, adapter: Adapter) -> ApiError | bool:
        """Return what `_prove` does, or the refusal of an adapter that ends the server."""
        if name in self._refused:
            return self._refused[name]
        async with self._loading:  # else an end would count against each of them
            client = await self.server.get_client()
            start = self.server.starts
            try:
                with call_errors():
                    proved = await self._prove(client, name, adapter)
            except ProviderError as error:
                if _NOT_A_NUMBER.search(str(error)):
                    self._refused[name] = _overflow_error(error)
                    await self.server.restart(client)
                    return self._refused[name]
                if self.server.starts != start or await self.server.has_died():
                    self._ends[name] += 1
                    if self._ends[name] == _MOST_ENDS:
                        self._refused[name] = self._refusal()
                    log.warning(
                        "vLLM ended while it proved an adapter",
                        model=name,
                        log=str(self._log),
                    )
                raise
        del self._ends[name]
        return proved

    def _refusal(self) -> ApiError:
        message = (
            f"this model is refused: vLLM ended {_MOST_ENDS} times while it was loaded and proved,"
            f" and its log says why ({self._log}); train it again, or restart the engine after a"
            " change of vLLM"
        )
        # Not a 5xx: asking again is useless.
        return ApiError(422, message, code=REFUSED, param="model")

    async def _prove(
        self, client: ProtocolClient, name: str, adapter: Adapter
    ) -> ApiError | bool:
        """Load an adapter; return its fault, or whether the proof decides that it works."""
        try:
            proof = read_proof(adapter.path)
            is_sound = await asyncio.to_thread(are_sound, adapter.path)
        except (OSError, ValueError) as error:
            return damaged_model_error(f"its files cannot be read: {error}")
        if not is_sound:
            message = (
                "the weights of this model are no finite numbers, or far too large;"
                " train it again or restore it"
            )
            return ApiError(422, message, code=DIFFERS, param="model")
        if proof.dtype not in ("", self._dtype):
            log.warning(
                "served in another dtype", model=name, was=proof.dtype, now=self._dtype
            )
        await self._send_load(client, name, adapter)
        if fault := compare(proof, await self._score(client, name, proof)):
            base = await self._score(client, self._name, proof)
            return describe_fault(fault, adapter.path, proof, base)
        if not self._sides.take_turns:
            await self._check_base(client, name, proof)
        return proof.is_decidable

    async def _check_base(
        self, client: ProtocolClient, name: str, proof: Proof
    ) -> None:
        """Measure the base beside an adapter; let them take turns if that changes the base."""
        beside, _ = await asyncio.gather(
            self._score(client, self._name, proof), self._score(client, name, proof)
        )
        if not compute_distance(beside, proof.base) <= proof.tolerance:
            self._sides.take_turns = True
            log.warning(
                "vLLM answers for the base with an adapter beside it: they take turns now",
                base=self._name,
                log=str(self._log),
            )

    async def _send_load(
        self, client: ProtocolClient, name: str, adapter: Adapter
    ) -> None:
        body: Json = {"lora_name": name, "lora_path": str(adapter.path.resolve())}
        try:
            async with client.send(
                "/v1/load_lora_adapter", body, _SILENCE_S, _SILENCE_S
            ) as response:
                await response.read()
        except ProviderError as error:
            if _IS_LOADED in str(error):
                return
            if error.status not in _NOT_LOADED or await self.server.has_died():
                raise
            message = f"vLLM cannot load this model: {error}"
            raise ApiError(422, message, code=REFUSED, param="model") from error

    async def _score(self, client: ProtocolClient, model: str, proof: Proof) -> Scores:
        """Return what the server measures.

        A call forces one token after all prompts that it follows, and reads its probability, which
        vLLM takes before it masks the other tokens.
        """
        prompts: dict[int, list[Sequence[int]]] = defaultdict(list)
        for question in proof.questions:
            for place in range(
                len(question.tokens) - question.count, len(question.tokens)
            ):
                prompts[question.tokens[place]].append(question.tokens[:place])
        gate = asyncio.Semaphore(_AT_ONCE)
        is_base = model == self._name

        async def measure(token: int) -> list[float]:
            async with gate, self._sides.enter(is_base=is_base):
                return await self._measure(client, model, token, prompts[token])

        measured = await asyncio.gather(*map(measure, prompts))
        # Each token's scores in the order in which its prompts were collected.
        scores = {
            token: iter(found) for token, found in zip(prompts, measured, strict=True)
        }
        return [
            [next(scores[token]) for token in question.tokens[-question.count :]]
            for question in proof.questions
        ]

    async def _measure(
        self,
        client: ProtocolClient,
        model: str,
        token: int,
        prompts: Sequence[Sequence[int]],
    ) -> list[float]:
        """Return how probable a token is after each prompt."""
        body: Json = {
            "model": model,
            "prompt": [[*prompt] for prompt in prompts],
            "max_tokens": 1,
            "logprobs": 0,
            "allowed_token_ids": [token],
        }
        response: Any = await client.json("/v1/completions", body, _SILENCE_S)
        _check_model(response, model)
        try:
            choices = sorted(response["choices"], key=itemgetter("index"))
            return [
                float(choice["logprobs"]["token_logprobs"][0])
                for choice, _ in zip(choices, prompts, strict=True)
            ]
        except (KeyError, TypeError, ValueError, IndexError) as error:
            raise InvalidResponse(f"no logprobs: {error!r}") from error


def build_request_body(request: GenerationRequest) -> Json:
    """Return the body of a streamed chat request."""
    optional = {
        "temperature": request.temperature,
        "top_p": request.top_p,
        "max_tokens": request.most_tokens or None,
        "seed": request.seed,
        "stop": list(request.stops) or None,
    }
    return {
        "messages": [
            # vLLM fills the template with the text as it is: a question could begin a system turn.
            {"role": message.role, "content": break_control_tokens(message.content)}
            for message in request.messages
        ],
        **_NO_THINKING,
        "stream": True,
        "stream_options": {"include_usage": True},
        **{name: value for name, value in optional.items() if value is not None},
        **_choose_sampling(optional),
    }


def build_relayed_body(request: RelayedRequest) -> Json:
    """Return the body of a request that is passed on; a completion has no chat template."""
    body = {
        name: _break_texts(value) if name in _RENDERED else value
        for name, value in request.body.items()
    }
    thinking = {} if "prompt" in body else _NO_THINKING
    return {**body, **thinking, **_choose_sampling(body)}


def _break_texts(value: Any) -> Any:
    """Return a JSON value with `break_control_tokens` of all its texts."""
    match value:
        case str():
            return break_control_tokens(value)
        case list():
            return [_break_texts(each) for each in value]
        case dict():
            return {name: _break_texts(each) for name, each in value.items()}
        case _:
            return value


def _choose_sampling(body: Mapping[str, object]) -> Json:
    uses_defaults = body.get("temperature") is None and body.get("top_p") is None
    return {} if uses_defaults else _NEUTRAL_SAMPLING


def _rename(
    event: Mapping[str, Any], model: str, name: str, extension: Mapping[str, object]
) -> Mapping[str, object]:
    """Return an event of `model` under another name, its end with the extension `merlin`.

    Raises Unavailable for an error, ApiError for another model's event.
    """
    _check_error(event)
    if isinstance(response := event.get("response"), dict):
        return {**event, "response": _rename(response, model, name, extension)}
    _check_model(event, model)
    is_end = any(choice.get("finish_reason") for choice in event.get("choices") or ())
    named = {"model": name} if "model" in event else {}
    return {**event, **named, **({"merlin": extension} if is_end and extension else {})}


def _check_model(response: Mapping[str, object], model: str) -> None:
    """Raise ApiError if another model has answered than the one that was asked."""
    if (found := response.get("model")) not in (None, model):
        raise ApiError(
            422, f"vLLM answered with {found} instead of {model}", code=INERT
        )


def _check_error(event: Mapping[str, object]) -> None:
    if error := event.get("error"):
        raise Unavailable(f"vLLM broke off its answer: {describe_error(error)}")


def _parse_event(event: Mapping[str, object]) -> tuple[str, str]:
    """Return the text and the finish reason of an event. Raises Unavailable for another."""
    _check_error(event)
    match event.get("choices"):
        case []:
            return "", ""
        case [{"index": 0, "delta": {**delta}, **choice}]:
            return str(delta.get("content") or ""), str(
                choice.get("finish_reason") or ""
            )
        case _:
            pass
    raise Unavailable(f"vLLM sent no answer: {describe_error(event)}")


def _overflow_error(error: ProviderError) -> ApiError:
    message = (
        f"this model is refused: vLLM computes no numbers with it ({error}); train it again with a"
        " lower learning rate, or, if every model of this base is refused, set another dtype"
    )
    return ApiError(422, message, code=DIFFERS, param="model")


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
        if error.status not in _REFUSED or _NOT_A_NUMBER.search(str(error)):
            raise Unavailable(f"vLLM could not answer: {error}") from error
        if "context length" in str(error):
            code = "context_length_exceeded"
            param = "messages"
            raise ApiError(400, str(error), code=code, param=param) from error
        param = error.param.removeprefix("body.")
        raise ApiError(400, f"vLLM refuses: {error}", param=param) from error
