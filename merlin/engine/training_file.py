"""Reading a training file: JSON Lines of conversations, each line checked, the bad one named.

A line is at most 4 MB and is read with that bound, so no file takes more memory than its
conversations. Source of the rules: OpenAI's guide "Supervised fine-tuning", data format.
"""

from __future__ import annotations

import codecs
import json
from collections.abc import Iterator
from pathlib import Path

from merlin.core.message import ROLES as MESSAGE_ROLES
from merlin.core.message import Message
from merlin.engine.parts import text_of

LEAST_EXAMPLES = 10
MOST_EXAMPLES = 200_000
LONGEST_LINE = 4_000_000
ROLES = (*MESSAGE_ROLES, "developer")  # the protocol's newer word for system


class BadFile(Exception):
    """The file cannot be trained on; the text names the line and says what to do."""


def conversations(path: Path, least: int = LEAST_EXAMPLES) -> Iterator[list[Message]]:
    """Yield each line's conversation. Raises BadFile, also at the end for too few of them."""
    n = 0
    for number, line in _lines(path):
        try:
            yield _conversation(line)
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
    try:
        told = json.loads(line.decode())
    except UnicodeDecodeError as error:
        raise BadFile(f"not UTF-8 at byte {error.start + 1} of the line.") from error
    except (ValueError, RecursionError) as error:
        raise BadFile(f"not JSON: {str(error)[:100]}.") from error
    messages = told.get("messages") if isinstance(told, dict) else None
    if not isinstance(messages, list) or not messages:
        raise BadFile("an object with a list 'messages' is needed.")
    read = [_message(number, message) for number, message in enumerate(messages, start=1)]
    if not any(message.role == "user" for message in read):
        raise BadFile("no message has the role 'user'.")
    if read[-1].role != "assistant":
        raise BadFile("the last message must have the role 'assistant'.")
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
