"""Answers, streamed or whole, and transcription of any server of the OpenAI protocol.

Nothing here retries: retries are up to the caller.

Source: openai/openai-openapi, `openapi.yaml`, 2026-08-21; CreateChatCompletionRequest.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from dataclasses import replace

import aiohttp

from merlin.core.errors import ProviderBusy, ProviderError
from merlin.core.formatted_text import join_surrogates
from merlin.core.messages import (
    DEFAULT_SAMPLING,
    NEW_LIMIT,
    OLD_LIMIT,
    Message,
    SamplingParams,
)
from merlin.core.thoughts import ThoughtFilter
from merlin.openai_protocol.client import (
    ProtocolClient,
    call_errors,
    read_events,
    read_whole,
)
from merlin.openai_protocol.errors import (
    InvalidResponse,
    Json,
    error_of_object,
    json_object,
)
from merlin.providers.base import ANSWER_TOTAL_S, NOT_COUNTED, Answer, ModelCard
from merlin.providers.openai_objects import (
    STOP,
    build_messages,
    find_refused_parameter,
    parse_answer,
    parse_chunk,
    parse_models,
    read_rows,
)

# An hour of speech takes a minute or two to transcribe.
TRANSCRIPTION_TOTAL_S = 180.0


class OpenAIAudio:
    """A client for one transcription model of one account at one server."""

    def __init__(
        self,
        base_url: str,
        credential: str,
        model_id: str,
        total_s: float = TRANSCRIPTION_TOTAL_S,
    ) -> None:
        """Take one entry of `providers` and the model; `total_s` limits one call."""
        self._client = ProtocolClient(base_url, credential)
        self._model_id = model_id
        self._total_s = total_s

    async def transcribe(self, sound: bytes, name: str) -> str:
        """Return the transcript of a recording, "" for silence.

        `name` has the extension of the audio format (`voice.oga`, `note.mp4`). Raises as
        OpenAIChat does.
        Source: openai/openai-openapi, CreateTranscriptionResponseJson.
        """
        form = aiohttp.FormData()
        form.add_field("model", self._model_id)
        form.add_field("response_format", "json")
        form.add_field("file", sound, filename=name)
        with call_errors():
            body = await self._client.json("/audio/transcriptions", form, self._total_s)
            text = body.get("text")
            if not isinstance(text, str):
                raise InvalidResponse(f"a transcription without text: {body!r:.60}")
            return join_surrogates(text.strip())

    async def aclose(self) -> None:
        """Close all connections; await it in the event loop that made the calls."""
        await self._client.aclose()


BETWEEN_BYTES_S = 30.0
COMPLETIONS_PATH = "/chat/completions"


class OpenAIChat:
    """A chat client for one account at one server, for use in one event loop.

    Each method raises ModelGone if the provider does not know the model (any more),
    ProviderBusy if a retry may succeed (server down or overloaded, timeout, response unreadable
    or truncated), ProviderError if a retry is useless.
    """

    def __init__(
        self,
        base_url: str,
        credential: str,
        total_s: float = ANSWER_TOTAL_S,
        api_version: str = "",
        *,
        is_streaming: bool = True,
    ) -> None:
        """Take one entry of `providers`; `total_s` limits the total wait for one answer.

        Without `is_streaming` an answer comes as one piece: where nobody watches it grow, its
        twenty pieces cost the bot a third of its processor time.
        """
        self._client = ProtocolClient(base_url, credential, api_version)
        self._total_s = total_s
        self._is_streaming = is_streaming
        # An answer that is not streamed comes at its end, all at once.
        self._between_s = BETWEEN_BYTES_S if is_streaming else total_s
        self._limit = OLD_LIMIT
        # Models whose prompt opens their thoughts: only their first answer is shown from its start.
        self._opened: set[str] = set()

    async def stream(
        self,
        model_id: str,
        messages: Sequence[Message],
        sampling: SamplingParams = DEFAULT_SAMPLING,
    ) -> AsyncIterator[Answer]:
        """Yield pieces of the answer. Raises ParameterRefused too, before the first piece.

        An error after the first piece means that the answer is truncated and cannot be resumed.
        If the iterator ends without an error, the answer is complete: a piece had a finish reason,
        or the stream its last line. What a server took for thoughts is the answer if it is all.
        """
        json: Json = {"model": model_id, "messages": build_messages(messages)}
        if not self._is_streaming:
            with call_errors():
                async with self._send(json, sampling) as response:
                    yield parse_answer(json_object(await read_whole(response)))
            return
        json = {**json, "stream": True, "stream_options": {"include_usage": True}}
        answer = _StreamedAnswer(is_opened=model_id in self._opened)
        with call_errors():
            async with (
                self._send(json, sampling) as response,
                aclosing(read_events(response, self._total_s, answer.end)) as chunks,
            ):
                async for chunk in chunks:
                    if chunk.get("error"):
                        raise _error_of(chunk["error"], sampling)
                    piece = answer.read(chunk)
                    is_news = piece.text or piece.is_replacing
                    if is_news or piece.known is not None or piece.finish_reason:
                        yield piece
        if not answer.is_whole:
            raise ProviderBusy("the answer ends in the middle", reason="cut")
        is_unopened = answer.thoughts.is_unopened
        (self._opened.add if is_unopened else self._opened.discard)(model_id)
        rest = answer.read_rest()
        if rest.text or rest.usage is not NOT_COUNTED:
            yield rest

    @asynccontextmanager
    async def _send(
        self, json: Json, sampling: SamplingParams
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """Yield the response; retry with the limit's new field name if the server requires it."""
        # A concurrent request may change it.
        limit = self._limit
        async with AsyncExitStack() as stack:
            while True:
                parameters = sampling.request_fields(limit)
                body = {**json, **parameters}
                request = self._client.send(
                    COMPLETIONS_PATH,
                    body,
                    self._total_s,
                    self._between_s,
                    sampling.language,
                )
                try:
                    answer = await stack.enter_async_context(request)
                except ProviderError as error:
                    refused = find_refused_parameter(error, parameters)
                    if refused is None:
                        raise
                    # OpenAI's newer models accept only the new name, and the error says so.
                    if (
                        limit == NEW_LIMIT
                        or refused.field != OLD_LIMIT
                        or NEW_LIMIT not in str(refused)
                    ):
                        raise refused from error
                    self._limit = limit = NEW_LIMIT
                else:
                    yield answer
                    return

    async def find_first_model(self) -> str:
        """Return the first model that the provider lists."""
        cards = await self.models(limit=1)
        if not cards:
            raise ProviderError("the provider lists no model")
        return cards[0].model_id

    async def models(self, limit: int | None = None) -> list[ModelCard]:
        """Return the models that the provider lists, or the first few, in its own order."""
        with call_errors():
            body = await self._client.json("/models", None, self._total_s)
            return parse_models(read_rows(body)[:limit])

    async def aclose(self) -> None:
        """Close all connections; await it in the event loop that made the calls."""
        await self._client.aclose()


class _StreamedAnswer:
    """Reads the chunks of one answer; `thoughts` filters their text.

    `is_whole`: a chunk had a finish reason, or the stream its last line.
    """

    def __init__(self, *, is_opened: bool) -> None:
        self.thoughts = ThoughtFilter(is_opened=is_opened)
        self.is_whole = False
        self._usage = NOT_COUNTED
        self._reason = ""
        self._has_text = False
        self._reasoning: list[str] = []

    def end(self) -> None:
        """Take the stream's last line, which ends an answer without a finish reason."""
        self.is_whole = self.is_whole or self._has_text or bool(self._reasoning)

    def read(self, chunk: Json) -> Answer:
        """Return the piece of a chunk, without usage and reasoning. Raises InvalidResponse."""
        piece = parse_chunk(chunk)
        self._usage = self._usage if piece.usage is NOT_COUNTED else piece.usage
        self._reason = piece.finish_reason or self._reason
        self.is_whole = self.is_whole or piece.finish_reason is not None
        if piece.reasoning:
            self._reasoning.append(piece.reasoning)
        text = self.thoughts.drop(piece.text, is_last=self.is_whole)
        is_replacing = self.thoughts.is_replaced
        self._has_text = bool(text) or (self._has_text and not is_replacing)
        if text == piece.text and piece.usage is NOT_COUNTED and not piece.reasoning:
            return replace(piece, is_replacing=True) if is_replacing else piece
        return replace(
            piece,
            text=text,
            usage=NOT_COUNTED,
            reasoning="",
            is_replacing=is_replacing,
        )

    def read_rest(self) -> Answer:
        """Return what was held back of a whole answer, and its usage.

        What the server took for thoughts is the answer if a model that has ended wrote nothing
        else.
        """
        text = self.thoughts.drop("", is_last=True)
        if not (text or self._has_text) and self._reason in ("", STOP):
            reasoning = "".join(self._reasoning)
            text = ThoughtFilter().drop(reasoning, is_last=True)
        return Answer(text=text, usage=self._usage)


def _error_of(refusal: object, sampling: SamplingParams) -> ProviderError:
    """Return the error of a stream's piece, which names the parameter if one is refused."""
    error = error_of_object(refusal, ProviderBusy)
    return find_refused_parameter(error, sampling.request_fields()) or error
