"""Reading a training file: JSON Lines of conversations, each line checked, the bad one named.

A line is at most 4 MB and is read with that bound, so no file takes more memory than its
conversations. Source of the rules: OpenAI's guide "Supervised fine-tuning", data format.
"""

from __future__ import annotations

import codecs
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TypeVar

from merlin.core.message import ROLES as MESSAGE_ROLES
from merlin.core.message import Message
from merlin.engine.parts import text_of

T = TypeVar("T")

LEAST_EXAMPLES = 10
MOST_EXAMPLES = 200_000
LONGEST_LINE = 4_000_000
ROLES = (*MESSAGE_ROLES, "developer")  # the protocol's newer word for system


class BadFile(Exception):
    """The file cannot be trained on; the text names the line and says what to do."""


@dataclass(frozen=True, slots=True)
class Preference:
    """A conversation with the better and the worse way to go on (the protocol's dpo format)."""

    asked: Sequence[Message]
    better: Sequence[Message]
    worse: Sequence[Message]


def conversations(path: Path, least: int = LEAST_EXAMPLES) -> Iterator[list[Message]]:
    """Yield each line's conversation. Raises BadFile, also at the end for too few of them."""
    return _examples(path, least, _conversation)


def preferences(path: Path, least: int = LEAST_EXAMPLES) -> Iterator[Preference]:
    """Yield each line's pair of preferences. Raises BadFile as `conversations`.

    Source: OpenAI's guide "Direct preference optimization", data format.
    """
    return _examples(path, least, _preference)


def _examples(path: Path, least: int, read: Callable[[bytes], T]) -> Iterator[T]:
    n = 0
    for number, line in _lines(path):
        try:
            yield read(line)
        except BadFile as error:
            raise BadFile(f"Line {number}: {error}") from error
        n += 1
        if n > MOST_EXAMPLES:
            raise BadFile(f"The file has more than {MOST_EXAMPLES} examples; split it.")
    if n < least:
        raise BadFile(f"The file has {n} example(s); at least {least} are needed.")


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    with path.open("rb") as file:
        number = 0
        while line := file.readline(LONGEST_LINE + 1):
            number += 1
            if len(line) > LONGEST_LINE:
                raise BadFile(f"Line {number}: it has more than {LONGEST_LINE} bytes.")
            if number == 1:
                line = line.removeprefix(codecs.BOM_UTF8)
            if line.strip():
                yield number, line


def _conversation(line: bytes) -> list[Message]:
    read = _messages(_object(line).get("messages"), "messages")
    if not any(message.role == "user" for message in read):
        raise BadFile("no message has the role 'user'.")
    if read[-1].role != "assistant":
        raise BadFile("the last message must have the role 'assistant'.")
    return read


def _preference(line: bytes) -> Preference:
    told = _object(line)
    asked = told.get("input")
    if not isinstance(asked, dict):
        words = "an object with 'input', 'preferred_output' and 'non_preferred_output' is needed."
        raise BadFile(words)
    before = _messages(asked.get("messages"), "input.messages")
    if before[-1].role == "assistant":
        raise BadFile("input.messages: the last message must not have the role 'assistant'.")
    better, worse = (_output(told, name) for name in ("preferred_output", "non_preferred_output"))
    return Preference(before, better, worse)


def _output(told: Mapping[str, object], name: str) -> list[Message]:
    read = _messages(told.get(name), name)
    if any(message.role != "assistant" for message in read):
        raise BadFile(f"{name}: every message must have the role 'assistant'.")
    return read


def _object(line: bytes) -> dict[str, object]:
    try:
        told = json.loads(line.decode())
    except UnicodeDecodeError as error:
        raise BadFile(f"not UTF-8 at byte {error.start + 1} of the line.") from error
    except (ValueError, RecursionError) as error:
        raise BadFile(f"not JSON: {str(error)[:100]}.") from error
    return told if isinstance(told, dict) else {}


def _messages(told: object, name: str) -> list[Message]:
    if not isinstance(told, list) or not told:
        raise BadFile(f"an object with a list '{name}' is needed.")
    read = [_message(number, message) for number, message in enumerate(told, start=1)]
    for number, (before, message) in enumerate(pairwise(read), start=2):
        if message.role == "system" and before.role != "system":
            raise BadFile(f"message {number}: system must stand before every other role.")
        if message.role == "tool" and before.role not in {"assistant", "tool"}:
            raise BadFile(f"message {number}: tool must follow an assistant that called it.")
    return read


def _message(number: int, told: object) -> Message:
    if not isinstance(told, dict):
        raise BadFile(f"message {number} is not an object.")
    role = told.get("role")
    if role not in ROLES:
        raise BadFile(f"message {number}: role is {role!r:.40}; known: {', '.join(ROLES)}.")
    content = told.get("content")
    if content is None and role == "assistant" and told.get("tool_calls"):
        content = ""
    elif isinstance(content, list):
        content = _joined(number, content)
    elif not isinstance(content, str) or not content.strip():
        raise BadFile(f"message {number} ({role}): content must be a text that is not empty.")
    if told.get("weight") not in (None, 0, 1):
        raise BadFile(f"message {number}: weight must be 0 or 1.")
    extra = {key: value for key, value in told.items() if key not in {"role", "content"}}
    return Message("system" if role == "developer" else role, content, extra)


def _joined(number: int, parts: list[object]) -> str:
    joined = text_of(parts) if parts else None
    if joined is None:
        raise BadFile(f"message {number}: only parts of type 'text' can be trained on.")
    return joined
