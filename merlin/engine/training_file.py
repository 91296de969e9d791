"""Training files, chat templates, and the engine's own token count.

A training file is JSON Lines; each line is validated, and errors name the line. Source of the
rules: OpenAI's guide "Supervised fine-tuning", data format.

Conversations are rendered with the base's chat template, the same in training and serving: a
different prompt format makes answers worse without an error. The engine's own token is one word or
one punctuation character, the unit of `recall`; it is not the count of any language model, and is
smaller than theirs, most of all for Russian. The training and serving processes import this module,
so it imports nothing of the engine's server.
"""

import codecs
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import groupby, islice
from operator import itemgetter
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from merlin.core.i18n import text
from merlin.core.messages import Message
from merlin.engine.chat_template import render
from merlin.openai_protocol.errors import format_path

_TOKEN = re.compile(r"\w+|[^\w\s]")


def render_chat(
    tokenizer: Any, conversation: Sequence[Message], *, is_asked: bool
) -> str:
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
    return render(tokenizer, messages, is_asked=is_asked)


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
        content = control.sub(
            lambda found: f"{found[0][0]}{_CUT}{found[0][1:]}", content
        )
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


MIN_EXAMPLES = 10


class BadFile(Exception):
    """The file is invalid; `key` and `arguments` are the Fluent message that says where and why."""

    def __init__(self, key: str, **arguments: object) -> None:
        super().__init__(text("en", key, **arguments))
        self.key = key
        self.arguments: Mapping[str, object] = arguments


class _Fields(BaseModel):
    """An object of a training file; fields that training does not read are ignored."""

    model_config = ConfigDict(strict=True, frozen=True)


F = TypeVar("F", bound=_Fields)
# Functions are refused, because no question to the trained model would declare them.
_Nothing = Annotated[list[Any], Field(max_length=0)] | None


class _Turn(_Fields):
    role: Literal["system", "developer", "user", "assistant"]
    content: str = Field(pattern=r"\S")
    weight: Literal[0, 1] | None = None
    tool_calls: _Nothing = None

    @property
    def message(self) -> Message:
        role = (
            "system" if self.role == "developer" else self.role
        )  # the protocol's newer word
        return Message(
            role, self.content, {} if self.weight is None else {"weight": self.weight}
        )


class _Answer(_Turn):
    role: Literal["assistant"]


class _Conversation(_Fields):
    messages: list[_Turn] = Field(min_length=1)
    tools: _Nothing = None


class _Rated(_Conversation):
    label: bool | None = None


class _Pair(_Fields):
    input: _Conversation
    preferred_output: list[_Answer] = Field(min_length=1)
    non_preferred_output: list[_Answer] = Field(min_length=1)


# A conversation with the preferred and the rejected answer (the protocol's dpo format).
Preference = tuple[Sequence[Message], Sequence[Message], Sequence[Message]]
# A conversation and whether its answer was good; None for an example.
Rating = tuple[Sequence[Message], bool | None]


def read_conversations(
    path: Path, least: int = MIN_EXAMPLES
) -> Iterator[list[Message]]:
    """Yield each line's conversation. Raises BadFile for an invalid line or too few examples."""
    for example in _read_examples(path, least, _Conversation):
        yield _list_messages(example.messages)


def read_preferences(path: Path, least: int = MIN_EXAMPLES) -> Iterator[Preference]:
    """Yield each line's pair of preferences. Raises BadFile as `read_conversations`.

    Source: OpenAI's guide "Direct preference optimization", data format.
    """
    for pair in _read_examples(path, least, _Pair):
        better = pair.preferred_output
        worse = pair.non_preferred_output
        yield (
            _list_messages(pair.input.messages),
            _list_messages(better),
            _list_messages(worse),
        )


def read_ratings(path: Path, least: int = MIN_EXAMPLES) -> Iterator[Rating]:
    """Yield each line's conversation and its `label`, if it has one. Raises BadFile.

    Source of the label: TRL's guide "Dataset formats and types", unpaired preference.
    """
    for example in _read_examples(path, least, _Rated):
        yield _list_messages(example.messages), example.label


def _list_messages(turns: Sequence[_Turn]) -> list[Message]:
    return [turn.message for turn in turns]


def _read_examples(path: Path, least: int, kind: type[F]) -> Iterator[F]:
    n = 0
    for number, line in _read_lines(path):
        try:
            example = kind.model_validate_json(line)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            reason = f"{format_path(first['loc'])}: {first['msg']}".removeprefix(": ")
            raise BadFile(
                "engine-file-line", line=str(number), reason=reason
            ) from error
        if (
            isinstance(example, _Conversation)
            and example.messages[-1].role != "assistant"
        ):
            raise BadFile("engine-file-not-answered", line=str(number))
        yield example
        n += 1
    if n < least:
        raise BadFile("engine-file-too-few", n=n, least=least)


def _read_lines(path: Path) -> Iterator[tuple[int, bytes]]:
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            content = line.removeprefix(codecs.BOM_UTF8) if number == 1 else line
            if content.strip():
                yield number, content


def find_line(path: Path, number: int) -> int:
    """Return the line of the example with this index from 0; empty lines are not examples."""
    return next(islice(_read_lines(path), number, None))[0]
