"""Transcription by any server of the OpenAI protocol: a recording goes there, its words come back.

Fulfils Transcriber. How often to try again is the caller's to decide.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from openai import omit

from merlin.adapters.openai_errors import Garbage, provider_errors
from merlin.adapters.openai_wire import async_client, json_object, patience
from merlin.chat.media import Heard
from merlin.core.utf16 import whole

# An hour of speech is written down in a minute or two.
TOTAL_S = 180.0


class OpenAIAudio:
    """One model that hears, at one account of one server."""

    def __init__(
        self, base_url: str, credential: str, model_id: str, total_s: float = TOTAL_S
    ) -> None:
        """Take one entry of `providers` and the model; `total_s` bounds one call as a whole."""
        self._client = async_client(base_url, credential, total_s)
        self._model_id = model_id
        self._total_s = total_s

    async def transcribe(self, sound: bytes, name: str, language: str | None = None) -> Heard:
        transcriptions = self._client.audio.transcriptions.with_raw_response
        with provider_errors():
            async with asyncio.timeout(self._total_s):
                raw = await transcriptions.create(
                    model=self._model_id,
                    file=(name, sound),
                    language=language or omit,
                    response_format="json",
                    # Nothing comes before all was heard: silence is no sign here.
                    timeout=patience(self._total_s, between_s=self._total_s),
                )
            return _heard(json_object(raw))

    async def aclose(self) -> None:
        """Let all connections go; to be awaited in the loop that transcribed."""
        await self._client.close()


def _heard(told: Mapping[str, object]) -> Heard:
    """Read an answer. Source: openai/openai-openapi, CreateTranscriptionResponseJson."""
    text = told.get("text")
    if not isinstance(text, str):
        raise Garbage(f"a transcription without text: {told!r:.60}")
    used = told.get("usage")
    seconds = used.get("seconds") if isinstance(used, Mapping) else told.get("duration")
    return Heard(
        whole(text.strip()), max(float(seconds), 0.0) if isinstance(seconds, int | float) else 0.0
    )
