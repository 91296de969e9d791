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
        If the iterator ends without an error, the answer is complete.
        """
        json: Json = {"model": model_id, "messages": build_messages(messages)}
        if not self._is_streaming:
            with call_errors():
                async with self._send(json, sampling) as response:
                    yield parse_answer(json_object(await read_whole(response)))
            return
        json = {**json, "stream": True, "stream_options": {"include_usage": True}}
        usage = NOT_COUNTED
        is_whole = False
        thoughts = ThoughtFilter(is_opened=model_id in self._opened)
        with call_errors():
            async with (
                self._send(json, sampling) as response,
                aclosing(read_events(response, self._total_s)) as chunks,
            ):
                async for chunk in chunks:
                    if chunk.get("error"):
                        raise _error_of(chunk["error"], sampling)
                    piece = parse_chunk(chunk)
                    usage = usage if piece.usage is NOT_COUNTED else piece.usage
                    is_whole = is_whole or piece.finish_reason is not None
                    text = thoughts.drop(piece.text, is_last=is_whole)
                    if (
                        text != piece.text
                        or piece.usage is not NOT_COUNTED
                        or thoughts.is_replaced
                    ):
                        replaced = thoughts.is_replaced
                        piece = replace(
                            piece, text=text, usage=NOT_COUNTED, is_replacing=replaced
                        )
                    is_news = piece.text or piece.is_replacing
                    if is_news or piece.known is not None or piece.finish_reason:
                        yield piece
        if not is_whole:
            raise ProviderBusy("the answer ends in the middle", reason="cut")
        (self._opened.add if thoughts.is_unopened else self._opened.discard)(model_id)
        if usage is not NOT_COUNTED:
            yield Answer(usage=usage)

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


def _error_of(refusal: object, sampling: SamplingParams) -> ProviderError:
    """Return the error of a stream's piece, which names the parameter if one is refused."""
    error = error_of_object(refusal, ProviderBusy)
    return find_refused_parameter(error, sampling.request_fields()) or error
