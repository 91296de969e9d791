"""An example: one conversation of a dataset.

A preference pair (DPO) also has a worse last answer, under `rejected`.

The check and the split compare questions by their normal form (`normalise`). It keeps punctuation
inside the text: `//` and `%` are different questions about Python.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache

from merlin.core.combining_marks import normalise_unicode
from merlin.core.example_keys import ExampleParts
from merlin.core.messages import Message
from merlin.dataset.finding import Mark
from merlin.dataset.near_questions import near_key
from merlin.dataset.spec import DPO, KTO
from merlin.dataset.tokens import FRAME_TOKENS, count_messages

_AT_THE_END = " ?!.…"


@lru_cache(
    maxsize=16
)  # what examples are compared by normalises the same texts in a row
def normalise(text: str) -> str:
    """Return `text` in NFC, case-folded, ё as е, single spaces, no final punctuation."""
    composed = normalise_unicode("NFC", text).casefold().replace("ё", "е")
    return " ".join(composed.split()).rstrip(_AT_THE_END)


def digest_text(text: str) -> bytes:
    """Return a 16-byte digest of the text, short because one is stored per example."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()[:16]


def find_first(messages: Sequence[Message], role: str) -> str:
    """Return the first text of a role in an example's messages."""
    return next(message.content for message in messages if message.role == role)


def dump_compact(value: object) -> str:
    """Return a value as JSON without blanks, every letter as it is."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _plain(value: Mapping[str, object]) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True) if value else ""


@dataclass(frozen=True)
class Example(ExampleParts):
    """One conversation. `messages` are as written, without the dataset's system text.

    `split` is "train", "test" or None for unmarked. `marks` are the line and column of each
    message, from 1, `rejected_mark` those of the worse answer.
    """

    marks: tuple[Mark, ...] = field(default=(), compare=False)
    rejected_mark: Mark = field(default=(1, 1), compare=False)

    @property
    def question(self) -> str:
        """Return the first message of the user."""
        return find_first(self.messages, "user")

    @property
    def answer(self) -> str:
        """Return the last message of the assistant, which a test expects."""
        return self.messages[-1].content

    @cached_property
    def normal_question(self) -> str:
        """Return the normal form of the first question."""
        return normalise(self.question)

    @cached_property
    def near_key(self) -> str:
        """Return a key that is equal for examples whose questions are near."""
        return near_key(self.normal_question)

    @cached_property
    def answer_digest(self) -> bytes:
        """Return a digest of the normal form of the first answer."""
        return digest_text(normalise(find_first(self.messages, "assistant")))

    @cached_property
    def last_answer_digest(self) -> bytes:
        """Return a digest of the normal form of the answer that a test expects."""
        is_first = self.answer == find_first(self.messages, "assistant")
        return self.answer_digest if is_first else digest_text(normalise(self.answer))

    @cached_property
    def content_digest(self) -> bytes:
        """Return a digest of the normal form of all training content, tools included."""
        messages = [
            [each.role, normalise(each.content), _plain(each.extra)]
            for each in self._spoken
        ]
        tools = [_plain(tool) for tool in self.tools]
        return digest_text(json.dumps([messages, tools], ensure_ascii=False))

    @cached_property
    def system_digest(self) -> bytes:
        """Return a digest of the normal form of the example's own system text, b"" for none."""
        first = self.messages[0]
        return digest_text(normalise(first.content)) if first.role == "system" else b""

    @cached_property
    def tokens(self) -> int:
        """Return the token count of the example as written, without the dataset's system text."""
        return count_messages(self._spoken, self.tools)

    @cached_property
    def most_tokens(self) -> int | None:
        """Return a number that `tokens` is not above; None for one with functions or other keys.

        A token is at least one byte, so the texts need no counting (and no vocabulary).
        """
        if self.tools or any(message.extra for message in self._spoken):
            return None
        return sum(
            len(message.content.encode()) + FRAME_TOKENS for message in self._spoken
        )

    @cached_property
    def messages_json(self) -> str:
        """Return the messages as compact JSON."""
        return dump_compact([message.as_json() for message in self.messages])

    @property
    def _spoken(self) -> tuple[Message, ...]:
        return (
            self.messages if self.rejected is None else (*self.messages, self.rejected)
        )

    @property
    def question_mark(self) -> Mark:
        """Return the line and column of the first question."""
        places = zip(self.messages, self.marks, strict=False)
        return next((mark for each, mark in places if each.role == "user"), (1, 1))

    def at(self, example_id: str, path: str, blob: str) -> Example:
        """Return a copy with id, path and blob."""
        return replace(self, id=example_id, path=path, blob=blob)

    def adapt_to_method(self, method: str) -> Example:
        """Return the example as a method trains it: not all use the worse answer."""
        is_whole = method in (DPO, KTO) or self.rejected is None
        return self if is_whole else replace(self, rejected=None)

    def with_system(self, system: str) -> tuple[Message, ...]:
        """Return the training messages: `system` first, unless the example has its own."""
        if self.messages[0].role == "system":
            return self.messages
        return (Message("system", system), *self.messages)


_TAG_SEPARATORS = re.compile(r"[,;\n]")


def split_tags(text: str) -> list[str]:
    """Return the tags in a text, without "#" before them, each once.

    They are separated by commas, semicolons or line ends; without these by white space.
    """
    parts = (
        _TAG_SEPARATORS.split(text) if _TAG_SEPARATORS.search(text) else text.split()
    )
    tags = (" ".join(part.split()).removeprefix("#") for part in parts)
    return list(dict.fromkeys(filter(None, tags)))


def join_tags(tags: Sequence[str]) -> str:
    """Return the text of a field that `split_tags` reads as these tags."""
    return ", ".join(tags) + ("," if len(tags) == 1 and " " in tags[0] else "")
