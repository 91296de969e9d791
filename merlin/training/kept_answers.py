"""Answers that were paid for once, kept in a file of the state folder: none is asked for twice.

A line of JSON an answer, found by a digest of provider, model, wishes and the whole conversation:
what is asked in other words, or under another system text, is asked anew. A line that a crash cut
short is passed over.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

from merlin.core.messages import FREELY, Message, SamplingParams, Usage
from merlin.providers.base import Answer
from merlin.providers.openai_chat import fields_of
from merlin.training.ask_many import Reply

FILE = "answers.jsonl"


class KeptAnswers:
    """The answers of one model of a provider; the file holds those of all."""

    def __init__(
        self, state_dir: Path, provider: str, model_id: str, wishes: SamplingParams = FREELY
    ) -> None:
        """Read what is kept. Raises OSError where the file cannot be read."""
        self._path, self._model, self._wishes = state_dir / FILE, (provider, model_id), wishes
        self._replies: dict[str, Reply] = {}
        if self._path.exists():
            with self._path.open(encoding="utf-8", errors="replace") as lines:
                for line in lines:
                    self._read(line)

    def _read(self, line: str) -> None:
        try:
            said = json.loads(line)
            if [said["provider"], said["model"]] != list(self._model):
                return
            usage = Usage(int(said["input_tokens"]), int(said["output_tokens"]))
            answer = Answer(str(said["answer"]), usage, said["known"], said["finish_reason"])
            self._replies[str(said["digest"])] = Reply(answer, float(said["seconds"]))
        except (ValueError, KeyError, TypeError):
            return

    def get(self, messages: Sequence[Message]) -> Reply | None:
        """Return what the model answered to this very conversation, None where it was not asked."""
        return self._replies.get(self._digest(messages))

    def keep(self, messages: Sequence[Message], reply: Reply) -> None:
        """Write an answer down. Raises OSError where the disk does not take it."""
        answer, digest = reply.answer, self._digest(messages)
        self._replies[digest] = reply
        said = {
            "digest": digest,
            "provider": self._model[0],
            "model": self._model[1],
            "answer": answer.text,
            "known": answer.known,
            "finish_reason": answer.finish_reason,
            "input_tokens": answer.usage.input_tokens,
            "output_tokens": answer.usage.output_tokens,
            "seconds": reply.seconds,
        }
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("a", encoding="utf-8") as file:
            # The line end first: a line that was cut short stays alone.
            file.write("\n" + json.dumps(said, ensure_ascii=False))

    def _digest(self, messages: Sequence[Message]) -> str:
        wishes = fields_of(self._wishes)
        said = [*self._model, wishes, *(message.as_json() for message in messages)]
        return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()
