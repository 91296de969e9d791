"""Whole answers from any server of the OpenAI protocol, for threads.

Fulfils Asker. How often to try again is the caller's to decide.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from merlin.adapters import openai_shapes as shapes
from merlin.adapters.openai_chat import TOTAL_S, wire
from merlin.adapters.openai_errors import provider_errors
from merlin.adapters.openai_wire import json_object, patience, sync_client
from merlin.core.message import Message
from merlin.model.evaluate import Answer

_KEEP = 4


class OpenAIAsker:
    """One account at one server, asked for whole answers."""

    def __init__(self, base_url: str, credential: str) -> None:
        """Take one entry of `providers`."""
        self._client = sync_client(base_url, credential, TOTAL_S, keep=_KEEP)

    def ask(self, model_id: str, messages: Sequence[Message], timeout_s: float = 60.0) -> Answer:
        """Return the whole answer, at most `timeout_s` from now."""
        completions = self._client.chat.completions.with_raw_response
        with provider_errors():
            raw = completions.create(
                model=model_id,
                messages=cast("Any", wire(messages)),
                # The first byte comes when the last word is found: silence is no sign here.
                timeout=patience(timeout_s, between_s=timeout_s),
            )
            return shapes.answer(json_object(raw))

    def close(self) -> None:
        """Let all connections go."""
        self._client.close()
