"""Later: the providers' clients, made in a thread when the first of them is wanted.

The `openai` package takes as long to import as everything else together. A bot takes updates in
and shows placeholders without it; who asks a model before its client is made waits for it.
"""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator, Callable, Sequence
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from merlin.chat.answerer import Piece
from merlin.chat.media import Heard
from merlin.core.message import Message
from merlin.job.provider import ModelCard

if TYPE_CHECKING:
    from merlin.adapters.openai_audio import OpenAIAudio
    from merlin.adapters.openai_chat import OpenAIChat


class _Client(Protocol):
    async def aclose(self) -> None: ...


C = TypeVar("C", bound=_Client)


class _Made(Generic[C]):
    """One client of one event loop; one that could not be made is tried again."""

    def __init__(self, make: Callable[[], C]) -> None:
        self._make = make
        self._making: asyncio.Task[C] | None = None

    async def get(self) -> C:
        """Return the client, made now if it never was."""
        if self._making is None or (self._making.done() and self._making.exception()):
            self._making = asyncio.create_task(asyncio.to_thread(self._kept))
        # One who gives up waiting leaves the others theirs.
        return await asyncio.shield(self._making)

    def _kept(self) -> C:
        made = self._make()
        if gc.get_freeze_count():  # as the process wants it: what was imported stays for ever
            gc.freeze()
        return made

    async def aclose(self) -> None:
        """Close the client, if there is one."""
        if self._making is not None:
            made = (await asyncio.gather(self._making, return_exceptions=True))[0]
            if not isinstance(made, BaseException):
                await made.aclose()


class LaterChat:
    """Fulfils Answerer by an `OpenAIChat` made later."""

    def __init__(self, base_url: str, credential: str, *, in_pieces: bool = True) -> None:
        """Take one entry of `providers`; the arguments are those of `OpenAIChat`."""

        def make() -> OpenAIChat:
            from merlin.adapters.openai_chat import OpenAIChat  # noqa: PLC0415 - takes a second

            return OpenAIChat(base_url, credential, in_pieces=in_pieces)

        self._made = _Made(make)

    async def stream(self, model_id: str, messages: Sequence[Message]) -> AsyncIterator[Piece]:
        async for piece in (await self._made.get()).stream(model_id, messages):
            yield piece

    async def first_model(self) -> str:
        return await (await self._made.get()).first_model()

    async def models(self) -> list[ModelCard]:
        return await (await self._made.get()).models()

    async def aclose(self) -> None:
        """Let all connections go; to be awaited in the loop that asked."""
        await self._made.aclose()


class LaterAudio:
    """Fulfils Transcriber by an `OpenAIAudio` made later."""

    def __init__(self, base_url: str, credential: str, model_id: str) -> None:
        """Take one entry of `providers` and the model."""

        def make() -> OpenAIAudio:
            from merlin.adapters.openai_audio import OpenAIAudio  # noqa: PLC0415 - takes a second

            return OpenAIAudio(base_url, credential, model_id)

        self._made = _Made(make)

    async def transcribe(self, sound: bytes, name: str, language: str | None = None) -> Heard:
        return await (await self._made.get()).transcribe(sound, name, language)

    async def aclose(self) -> None:
        """Let all connections go; to be awaited in the loop that transcribed."""
        await self._made.aclose()
