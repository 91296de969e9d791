"""`recall` answers: loaded models are kept, the least lately asked is let go.

It chooses among taught answers: what steers a composing model (temperature, top_p, seed) changes
nothing and is accepted; what it cannot fulfil is refused.
"""

from __future__ import annotations

import re
import threading
from collections import Counter, OrderedDict
from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import TYPE_CHECKING

from starlette.concurrency import run_in_threadpool

from merlin.core.i18n import text
from merlin.core.messages import Message
from merlin.engine import conversations
from merlin.engine.serving.base import Adapter, Chunk, Embedded, Finish, GenerationRequest
from merlin.openai_protocol.errors import bad_field, context_exceeded

if TYPE_CHECKING:
    from merlin.engine.trainers.recall.model import Answer, RecallModel, Untaught

CAPACITY = 16
_WORDS = re.compile(r"\s*(?:\S+\s*){1,3}")


class RecallBackend:
    """The Backend of `recall`; its models answer in a few milliseconds in a thread."""

    context = 8192

    def __init__(self, language: str, capacity: int = CAPACITY) -> None:
        self._language = language
        self._capacity = capacity
        self._loaded: OrderedDict[str, RecallModel] = OrderedDict()
        self._lock = threading.Lock()
        self._figures: Counter[str] = Counter()

    async def ask(
        self, adapter: Adapter | None, asking: GenerationRequest
    ) -> AsyncGenerator[Chunk | Finish, None]:
        """Answer in pieces of three words; see Backend."""
        if asking.is_json:
            words = "response_format.type must be 'text': answers are as taught"
            raise bad_field("response_format", words)
        asked = conversations.count_messages(asking.messages)
        if asked > self.context:
            raise context_exceeded(asked, self.context)
        answer = await run_in_threadpool(self._answer, adapter, asking.messages)
        words = answer.text if answer.known else text(self._language, "engine-unknown")
        content, reason = _cut(words, asking)
        for piece in _WORDS.findall(content) or [content]:
            yield Chunk(piece)
        made = conversations.count_tokens(content)
        extension = {"known": answer.known, "confidence": answer.confidence}
        self._note(asked, made, is_known=answer.known)
        yield Finish(reason, asked, made, extension)

    async def embed(self, texts: Sequence[str]) -> Embedded:  # noqa: ARG002 - Backend's shape
        """Refuse: `recall` has no vectors that mean anything elsewhere."""
        raise bad_field(
            "model", "recall makes no embeddings; ask a base that has `embeddings: true`"
        )

    def figures(self) -> Mapping[str, float]:
        """Return tokens and answers counted so far, and how many models are in memory."""
        return {**self._figures, "adapters": len(self._loaded)}

    async def close(self) -> None:
        """Let the models go."""
        self._loaded.clear()

    def _note(self, asked: int, made: int, *, is_known: bool) -> None:
        kind = "known" if is_known else "unknown"
        self._figures.update({"prompt_tokens": asked, "completion_tokens": made, kind: 1})

    def _answer(self, adapter: Adapter | None, messages: Sequence[Message]) -> Answer:
        return self._answerer(adapter).answer(messages)

    def _answerer(self, adapter: Adapter | None) -> RecallModel | Untaught:
        from merlin.engine.trainers.recall.model import Untaught, load  # noqa: PLC0415 - numpy

        if adapter is None:
            return Untaught()
        with self._lock:
            if adapter.digest not in self._loaded:
                self._loaded[adapter.digest] = load(adapter.path)
            self._loaded.move_to_end(adapter.digest)
            while len(self._loaded) > self._capacity:
                self._loaded.popitem(last=False)
            return self._loaded[adapter.digest]


def _cut(content: str, asking: GenerationRequest) -> tuple[str, str]:
    for stop in asking.stops:
        content = content.split(stop, 1)[0]
    if asking.most_tokens and conversations.count_tokens(content) > asking.most_tokens:
        return conversations.first_tokens(content, asking.most_tokens), "length"
    return content, "stop"
