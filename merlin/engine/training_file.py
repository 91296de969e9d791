"""Training files, chat templates, and the engine's own token count.

A training file is JSON Lines; each line is validated, and errors name the line. A line is at most
4 MB and is read with that limit, so a file takes no more memory than its conversations. Source of
the rules: OpenAI's guide "Supervised fine-tuning", data format.

Conversations are rendered with the base's chat template, the same in training and serving: a
different prompt format makes answers worse without an error. The engine's own token is one word or
one punctuation character, the unit of `recall`; it is not the count of any language model, and is
smaller than theirs, most of all for Russian. The training and serving processes import this module,
so it imports nothing of the engine's server.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import groupby, islice, pairwise
from operator import itemgetter
from pathlib import Path
from typing import Any, TypeVar

from merlin.core.i18n import text
from merlin.core.json_fields import parse_json
from merlin.core.messages import ROLES as MESSAGE_ROLES
from merlin.core.messages import Message, join_texts, uses_tools

_TOKEN = re.compile(r"\w+|[^\w\s]")


def render_chat(tokenizer: Any, conversation: Sequence[Message], *, is_asked: bool) -> str:
    """Render a conversation with the chat template; `is_asked` adds the generation prompt.

    The text contains all special tokens and is for `encode_chat`: control tokens that people wrote
    are cut in it, so that a question cannot begin a system turn. Raises jinja2's TemplateError if
    the template rejects the conversation.
    """
    control = _match_control_tokens(tokenizer)
    messages = [
        {"role": message.role, "content": _cut_control_tokens(control, message.content)}
        for message in conversation
    ]
    # Examples have no reasoning, so it is disabled for reasoning bases (Qwen3, SmolLM3), which
    # would otherwise be trained on empty reasoning. Other templates ignore the variable.
    text = tokenizer.apply_chat_template(
        messages, tokenize=False, add_generation_prompt=is_asked, enable_thinking=False
    )
    return str(text)


def encode_chat(tokenizer: Any, rendered: str) -> list[int]:
    """Return the tokens of a rendered conversation."""
    ids: list[int] = []
    for piece in rendered.split(_CUT):
        ids += tokenizer(piece, add_special_tokens=False)["input_ids"]
    return ids


# Unicode keeps it for the inner use of programs. The halves of a control token are encoded apart.
_CUT = "\ufdd0"


@lru_cache(maxsize=1)
def _match_control_tokens(tokenizer: Any) -> re.Pattern[str]:
    """Return a pattern of the tokens that a tokenizer looks for before it splits the text.

    Those of turns are not marked as special in each tokenizer (DeepSeek). Blanks stay: they are
    there for code.
    """
    tokens = {*tokenizer.all_special_tokens, *tokenizer.get_added_vocab()}
    # One letter cannot be cut.
    cuttable = [token for token in tokens if token.strip() and token[1:]]
    return re.compile(_join_alternatives(cuttable) if cuttable else "(?!)")


def _join_alternatives(tokens: Sequence[str]) -> str:
    """Return a pattern that branches letter by letter, the longest first.

    Gemma has 6,400 tokens: tried one by one, 100,000 letters "<" took four seconds.
    """
    starts = groupby(sorted(filter(None, tokens)), key=itemgetter(0))
    branches = [
        re.escape(start) + _join_alternatives([token[1:] for token in group])
        for start, group in starts
    ]
    return f"(?:{'|'.join([*branches, ''] if '' in tokens else branches)})"


def _cut_control_tokens(control: re.Pattern[str], content: str) -> str:
    while control.search(content):  # again, as what is left of one may hold another
        content = control.sub(lambda found: f"{found[0][0]}{_CUT}{found[0][1:]}", content)
    return content


def count_tokens(text: str) -> int:
    """Return the number of words and punctuation characters of `text`."""
    return sum(1 for _ in _TOKEN.finditer(text))


def count_messages(messages: Iterable[Message]) -> int:
    """Return the token count of a conversation: texts only, without roles."""
    return sum(count_tokens(message.content) for message in messages)


def truncate(text: str, most: int) -> str:
    """Return `text` cut after its first `most` tokens."""
    end = 0
    for number, match in enumerate(_TOKEN.finditer(text)):
        if number == most:
            return text[:end]
        end = match.end()
    return text


T = TypeVar("T")

MIN_EXAMPLES = 10
MAX_EXAMPLES = 200_000
MAX_LINE_LENGTH = 4_000_000
ROLES = (*MESSAGE_ROLES, "developer")  # the protocol's newer word for system


class BadFile(Exception):
    """The file is invalid; `key` and `arguments` are the Fluent message that says where and why."""

    def __init__(self, key: str, **arguments: object) -> None:
        super().__init__(text("en", key, **arguments))
        self.key = key
        self.arguments: Mapping[str, object] = arguments

    def at_line(self, line: int) -> BadFile:
        """Return this error with a line number, counted from 1."""
        reason = {"key": self.key, "arguments": self.arguments}
        return BadFile("engine-file-line", line=str(line), reason=reason)


# A conversation with the preferred and the rejected answer (the protocol's dpo format).
Preference = tuple[Sequence[Message], Sequence[Message], Sequence[Message]]


def read_conversations(path: Path, least: int = MIN_EXAMPLES) -> Iterator[list[Message]]:
    """Yield each line's conversation. Raises BadFile for an invalid line or too few examples."""
    return _read_examples(path, least, _parse_conversation)


def read_preferences(path: Path, least: int = MIN_EXAMPLES) -> Iterator[Preference]:
    """Yield each line's pair of preferences. Raises BadFile as `read_conversations`.

    Source: OpenAI's guide "Direct preference optimization", data format.
    """
    return _read_examples(path, least, _parse_preference)


def _read_examples(path: Path, least: int, read: Callable[[bytes], T]) -> Iterator[T]:
    n = 0
    for number, line in _read_lines(path):
        try:
            yield read(line)
        except BadFile as error:
            raise error.at_line(number) from error
        n += 1
        if n > MAX_EXAMPLES:
            raise BadFile("engine-file-too-many", most=MAX_EXAMPLES)
    if n < least:
        raise BadFile("engine-file-too-few", n=n, least=least)


def _read_lines(path: Path) -> Iterator[tuple[int, bytes]]:
    with path.open("rb") as file:
        number = 0
        while line := file.readline(MAX_LINE_LENGTH + 1):
            number += 1
            if len(line) > MAX_LINE_LENGTH:
                raise BadFile("engine-file-long-line", most=MAX_LINE_LENGTH).at_line(number)
            if number == 1:
                line = line.removeprefix(codecs.BOM_UTF8)
            if line.strip():
                yield number, line


def find_line(path: Path, number: int) -> int:
    """Return the line of the example with this index from 0; empty lines are not examples."""
    return next(islice(_read_lines(path), number, None))[0]


def _parse_conversation(line: bytes) -> list[Message]:
    value = _parse_object(line)
    messages = _parse_messages(value.get("messages"), "messages")
    _refuse_tools(messages, value)
    if not any(message.role == "user" for message in messages):
        raise BadFile("engine-file-no-user")
    if messages[-1].role != "assistant":
        raise BadFile("engine-file-not-answered")
    return messages


def _parse_preference(line: bytes) -> Preference:
    value = _parse_object(line)
    prompt = value.get("input")
    if not isinstance(prompt, dict):
        raise BadFile("engine-file-no-preference")
    before = _parse_messages(prompt.get("messages"), "input.messages")
    if before[-1].role == "assistant":
        raise BadFile("engine-file-answered-before")
    better, worse = (
        _parse_output(value, name) for name in ("preferred_output", "non_preferred_output")
    )
    _refuse_tools([*before, *better, *worse], prompt)
    return before, better, worse


def _refuse_tools(messages: Sequence[Message], value: Mapping[str, object]) -> None:
    if uses_tools(messages, value.get("tools")):
        raise BadFile("engine-file-tools")


def _parse_output(value: Mapping[str, object], name: str) -> list[Message]:
    messages = _parse_messages(value.get(name), name)
    if any(message.role != "assistant" for message in messages):
        raise BadFile("engine-file-output-role", name=name)
    return messages


def _parse_object(line: bytes) -> dict[str, object]:
    try:
        value = parse_json(line.decode())
    except UnicodeDecodeError as error:
        raise BadFile("engine-file-not-utf8", at=str(error.start + 1)) from error
    except UnicodeEncodeError as error:
        raise BadFile("engine-file-half-character") from error
    except (ValueError, RecursionError) as error:
        raise BadFile("engine-file-not-json", reason=str(error)[:100]) from error
    return value if isinstance(value, dict) else {}


def _parse_messages(value: object, name: str) -> list[Message]:
    if not isinstance(value, list) or not value:
        raise BadFile("engine-file-no-list", name=name)
    messages = [_parse_message(number, message) for number, message in enumerate(value, start=1)]
    for number, (before, message) in enumerate(pairwise(messages), start=2):
        if message.role == "system" and before.role != "system":
            raise BadFile("engine-file-late-system", number=str(number))
    return messages


def _parse_message(number: int, value: object) -> Message:
    if not isinstance(value, dict):
        raise BadFile("engine-file-no-message", number=str(number))
    role = value.get("role")
    if role not in ROLES:
        arguments = {"role": f"{role!r:.40}", "known": ", ".join(ROLES)}
        raise BadFile("engine-file-role", number=str(number), **arguments)
    content = value.get("content")
    if not content and role == "assistant" and value.get("tool_calls"):
        content = ""
    elif isinstance(content, list):
        content = join_texts(content) if content else None
        if content is None:
            raise BadFile("engine-file-parts", number=str(number))
    elif not isinstance(content, str) or not content.strip():
        raise BadFile("engine-file-no-text", number=str(number), role=role)
    if value.get("weight") not in (None, 0, 1):
        raise BadFile("engine-file-weight", number=str(number))
    extra = {key: item for key, item in value.items() if key not in {"role", "content"}}
    return Message("system" if role == "developer" else role, content, extra)
