"""Transcription by any server of the OpenAI protocol: a recording goes there, its words come back.

Fulfils Transcriber. How often to try again is the caller's to decide.
"""

from __future__ import annotations

from collections.abc import Mapping

import aiohttp

from merlin.chat.media import Heard
from merlin.core.utf16 import whole
from merlin.openai_protocol.client import ProtocolClient, call_errors
from merlin.openai_protocol.errors import InvalidResponse

# An hour of speech is written down in a minute or two.
TOTAL_S = 180.0


class OpenAIAudio:
    """One model that hears, at one account of one server."""

    def __init__(
        self, base_url: str, credential: str, model_id: str, total_s: float = TOTAL_S
    ) -> None:
        """Take one entry of `providers` and the model; `total_s` bounds one call as a whole."""
        self._client = ProtocolClient(base_url, credential)
        self._model_id = model_id
        self._total_s = total_s

    async def transcribe(self, sound: bytes, name: str, language: str | None = None) -> Heard:
        form = aiohttp.FormData()
        form.add_field("model", self._model_id)
        if language:
            form.add_field("language", language)
        form.add_field("response_format", "json")
        form.add_field("file", sound, filename=name)
        with call_errors():
            return _heard(await self._client.json("/audio/transcriptions", form, self._total_s))

    async def aclose(self) -> None:
        """Let all connections go; to be awaited in the loop that transcribed."""
        await self._client.aclose()


def _heard(told: Mapping[str, object]) -> Heard:
    """Read an answer. Source: openai/openai-openapi, CreateTranscriptionResponseJson."""
    text = told.get("text")
    if not isinstance(text, str):
        raise InvalidResponse(f"a transcription without text: {told!r:.60}")
    used = told.get("usage")
    seconds = used.get("seconds") if isinstance(used, Mapping) else told.get("duration")
    return Heard(
        whole(text.strip()), max(float(seconds), 0.0) if isinstance(seconds, int | float) else 0.0
    )
