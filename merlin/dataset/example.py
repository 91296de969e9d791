"""An example: one conversation of a dataset, parsed from a file, and its token count.

    [system] user assistant [user assistant …]
    with tool calls: assistant tool [tool …] assistant

A system message is optional and comes first, roles alternate, each call has one result, the last
message is the assistant's, and no message is empty. Source: the chat format of fine-tuning (OpenAI
SFT guide). A preference pair (DPO) also has a worse last answer, under `rejected`.

Parsing does not depend on the file's path: the id and the path are set afterwards.

    messages:
      - user: A single line is written in place.
      - assistant: |
          Several lines are written as a block.
    tags: [one, two]

Each text is written in the simplest YAML style (`merlin.dataset.yaml_io`) that round-trips.

Tokens are counted offline. The vocabulary `o200k_base` (gpt-4o and 4.1 families) ships compressed
with the package and is checked against its hash after decompression. tiktoken receives the ranks
directly: its own loader would use the network and write a cache. The first count loads the
vocabulary in about 0.15 s. For other base models the count is an estimate.

The check and the split compare questions by their normal form (`normalise`). It keeps punctuation
inside the text: `//` and `%` are different questions about Python.

Source: openai-cookbook, "Data preparation and analysis for chat model fine-tuning".
"""

from __future__ import annotations

import ctypes
import hashlib
import json
import re
import threading
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, cached_property, lru_cache
from itertools import takewhile
from pathlib import Path
from textwrap import dedent
from typing import TYPE_CHECKING, Any, cast

from merlin.core.combining_marks import normalise_unicode
from merlin.core.errors import Refused
from merlin.core.formatted_text import is_blank, shorten_text
from merlin.core.json_fields import parse_object
from merlin.core.messages import Message
from merlin.dataset.finding import Finding, Mark, shorten
from merlin.dataset.layout import NameAllocator
from merlin.dataset.near_questions import near_key
from merlin.dataset.spec import DPO, KTO, read_file
from merlin.dataset.yaml_io import (
    Node,
    format_flow_text,
    format_json,
    format_key_text,
    read_yaml,
    split_lines,
    strip_line_ends,
)

if TYPE_CHECKING:
    from tiktoken import Encoding


def check_turns(
    messages: Sequence[Message], marks: Sequence[Mark]
) -> tuple[Finding, ...]:
    """Return the broken rules; `marks` are the line and column of each message.

    Only the first wrong turn is reported, because every turn after it would look wrong too.
    """
    found = [
        Finding("", *mark, "empty-content", arguments={"role": message.role})
        for message, mark in zip(messages, marks, strict=True)
        if is_blank(message.content) and "tool_calls" not in message.extra
    ]
    return (*found, *(_order(messages, marks) or _match_calls(messages, marks)))


def _order(messages: Sequence[Message], marks: Sequence[Mark]) -> list[Finding]:
    allowed: tuple[str, ...] = ("system", "user")
    for message, mark in zip(messages, marks, strict=True):
        if message.role == "system" and "system" not in allowed:
            return [Finding("", *mark, "system-not-first")]
        if message.role not in allowed:
            arguments = {"found": message.role, "expected": allowed[-1]}
            return [Finding("", *mark, "wrong-turn", arguments=arguments)]
        allowed = _list_next_roles(message)
    if messages[-1].role != "assistant":
        return [
            Finding(
                "",
                *marks[-1],
                "last-not-assistant",
                arguments={"found": messages[-1].role},
            )
        ]
    return []


def _match_calls(
    messages: Sequence[Message], marks: Sequence[Mark]
) -> Iterator[Finding]:
    """Yield the messages whose calls and results differ; calls in the last message need none."""
    for place, message in enumerate(messages[:-1]):
        if message.role == "assistant" and "tool_calls" in message.extra:
            calls = [
                call["id"] for call in cast("list[Any]", message.extra["tool_calls"])
            ]
            answers = takewhile(lambda each: each.role == "tool", messages[place + 1 :])
            results = [str(answer.extra.get("tool_call_id", "?")) for answer in answers]
            if len({*calls}) < len(calls) or sorted(calls) != sorted(results):
                ids = {
                    "calls": shorten(", ".join(calls)),
                    "results": shorten(", ".join(results)),
                }
                yield Finding("", *marks[place], "tool-results", arguments=ids)


def _list_next_roles(message: Message) -> tuple[str, ...]:
    if message.role == "assistant":
        return ("tool",) if "tool_calls" in message.extra else ("user",)
    if message.role == "tool":
        return ("tool", "assistant")
    return ("assistant",) if message.role == "user" else ("user",)


_AT_THE_END = " ?!.…"
FRAME_TOKENS = 20  # more than the framing of one message takes


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
class Example:
    """One conversation. `id` is its path under `examples/` without `.yaml`, in NFC.

    `path` is the file's path within the dataset's folder, `blob` git's id of its bytes. `messages`
    are as written, without the dataset's system text. `split` is "train", "test" or None for
    unmarked. `rejected` is a worse last answer. `marks` are the line and column of each message,
    from 1, `rejected_mark` those of the worse answer. `allow` has the rules that it may
    break, each with the reason.
    """

    id: str
    path: str
    blob: str
    messages: tuple[Message, ...]
    tags: tuple[str, ...] = ()
    split: str | None = None
    source: str = ""
    note: str = ""
    tools: tuple[Mapping[str, object], ...] = ()
    rejected: Message | None = None
    allow: tuple[tuple[str, str], ...] = ()
    marks: tuple[Mark, ...] = field(default=(), compare=False)
    rejected_mark: Mark = field(default=(1, 1), compare=False)

    @property
    def folder(self) -> str:
        """Return the part of the id up to the last slash, "" for none."""
        return self.id[: self.id.rfind("/") + 1]

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


def read_example(content: bytes) -> tuple[Example | None, tuple[Finding, ...]]:
    """Return the example parsed from `content`, without id, path and blob, and its findings.

    None when a finding is an error. Findings have no path yet.
    """
    value, node, found = read_file("example", content)
    if value is None:
        return None, found
    inside: Any = node.value
    marks = tuple((each.line, each.column) for each in inside["messages"].value)
    worse = inside.get("rejected", node)
    example = example_from_json(value, marks, (worse.line, worse.column))
    findings = check_conversation(example)
    return (None if findings else example), (*found, *findings)


_TAG_SEPARATORS = re.compile(r"[,;\n]")
_SHORT_ROLES = ("system", "user", "assistant")


def check_conversation(example: Example) -> tuple[Finding, ...]:
    """Return the rules that an example's messages or its worse answer break."""
    found = check_turns(example.messages, example.marks)
    worse = example.rejected
    found += tuple(_check_calls(example))
    if worse is None or not is_blank(worse.content) or "tool_calls" in worse.extra:
        return found
    values = {"role": worse.role}
    return (
        *found,
        Finding("", *example.rejected_mark, "empty-content", arguments=values),
    )


def _check_calls(example: Example) -> Iterator[Finding]:
    """Yield calls of functions that are not declared, and arguments that are no JSON object."""
    declared = [cast("Any", tool["function"])["name"] for tool in example.tools]
    marked = [*zip(example.messages, example.marks, strict=True)]
    if example.rejected is not None:
        marked.append((example.rejected, example.rejected_mark))
    for message, mark in marked:
        for call in cast("list[Any]", message.extra.get("tool_calls", ())):
            name = call["function"]["name"]
            arguments = call["function"]["arguments"]
            if name not in declared:
                yield Finding(
                    "", *mark, "undeclared-function", arguments={"name": name}
                )
            try:
                parse_object(arguments)
            except ValueError:
                shown = {"name": name, "found": shorten(arguments) or "–"}
                yield Finding("", *mark, "tool-arguments", arguments=shown)


def example_from_json(
    value: Mapping[str, Any], marks: tuple[Mark, ...], rejected_mark: Mark
) -> Example:
    """Return the example of JSON that is valid by the schema, without id, path and blob."""
    worse = value.get("rejected")
    return Example(
        id="",
        path="",
        blob="",
        messages=tuple(_message(each) for each in value["messages"]),
        tags=tuple(value.get("tags", ())),
        split=value.get("split"),
        source=value.get("source", ""),
        note=value.get("note", ""),
        tools=tuple(value.get("tools", ())),
        rejected=None
        if worse is None
        else _message({"assistant": worse} if isinstance(worse, str) else worse),
        allow=tuple(value.get("allow", {}).items()),
        marks=marks,
        rejected_mark=rejected_mark,
    )


def _message(value: Mapping[str, Any]) -> Message:
    if "role" not in value:
        ((role, content),) = value.items()
        return Message(role, strip_line_ends(content))
    extra = {key: each for key, each in value.items() if key not in ("role", "content")}
    return Message(value["role"], strip_line_ends(value.get("content", "")), extra)


def write_example(example: Example) -> str:
    """Return the example as a file's text; parsing it gives the same example.

    Line ends become LF: browsers and Windows send CRLF. Those after a message are dropped, as in
    parsing. Forbidden characters are written as they are: the check reports them.
    """
    lines = ["messages:"]
    for message in example.messages:
        lines += _message_yaml(message)
    if example.rejected is not None:
        lines += _rejected_yaml(example.rejected)
    if example.tags:
        lines.append(_tags_yaml(example.tags))
    if example.split:
        lines.append(f"split: {example.split}")
    if example.source:
        lines.append(f"source: {format_key_text(example.source, '|-', 2)}")
    if example.note:
        lines.append(f"note: {format_key_text(example.note, '|-', 2)}")
    if example.allow:
        lines += _allow_yaml(example)
    if example.tools:
        lines.append(f"tools: {format_json(list(example.tools))}")
    return "".join(f"{line}\n" for line in lines)


def _allow_yaml(example: Example) -> list[str]:
    rules = (
        f"  {rule}: {format_key_text(why, '|-', 4)}" for rule, why in example.allow
    )
    return ["allow:", *rules]


def _tags_yaml(tags: Iterable[str]) -> str:
    return f"tags: [{', '.join(map(format_flow_text, tags))}]"


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


def write_turns(
    turns: Iterable[tuple[str, str]], tags: Sequence[str], split: str | None = None
) -> str:
    """Return the file's text of a conversation; `turns` are pairs of role and content."""
    messages = tuple(Message(role, words) for role, words in turns)
    return write_example(Example("", "", "", messages, tuple(tags), split or None))


def _message_yaml(message: Message) -> Iterator[str]:
    content = strip_line_ends(message.content.replace("\r\n", "\n"))
    if message.role in _SHORT_ROLES and not message.extra:
        yield f"  - {message.role}: {format_key_text(content, '|', 6)}"
        return
    yield f"  - role: {message.role}"
    yield from _long_form_yaml(message, content, 4)


def _rejected_yaml(message: Message) -> Iterator[str]:
    content = strip_line_ends(message.content.replace("\r\n", "\n"))
    if message.extra:
        yield "rejected:"
        yield "  role: assistant"
        yield from _long_form_yaml(message, content, 2)
    else:
        yield f"rejected: {format_key_text(content, '|', 2)}"


def _long_form_yaml(message: Message, content: str, indent: int) -> Iterator[str]:
    before = " " * indent
    if content or "tool_calls" not in message.extra:
        yield f"{before}content: {format_key_text(content, '|', indent + 2)}"
    for key, value in message.extra.items():
        yield f"{before}{key}: {format_json(value)}"


def parse_example(text: str | None) -> Example | None:
    """Return the example parsed from a file's text, None for a broken one."""
    return read_example((text or "").encode("utf-8", "surrogatepass"))[0]


# The key of a message (not the system's) with the sign of a text in lines; a key outside them.
_OUTSIDE = "tags|split|source|note|allow|tools|rejected"
_TURN = re.compile(
    rf"^[ \t]*-[ \t]*(?!(?:system|{_OUTSIDE})\b)\w+[ \t]*:[ \t]*(?:[|>][-+]?(?=[ \t]*$))?",
    re.MULTILINE,
)
_NEXT_KEY = re.compile(rf"^(?:[ \t]*-[ \t]*(?:{_OUTSIDE})|\w+)[ \t]*:", re.MULTILINE)
_TAGS = re.compile(r"^[ \t]*(?:-[ \t]*)?tags[ \t]*:[ \t]*\[?([^\]\n#]*)", re.MULTILINE)


def recover_turn(text: str | None) -> tuple[str, str, list[str]]:
    """Return the first and the last text of the messages of a broken file, and its tags.

    "" for an unsure text.
    """
    tags = _TAGS.search(text or "")
    named = split_tags(re.sub("[\"']", "", tags[1])) if tags else []
    turns = _TURN.split(text or "")[1:]
    texts = [_recover_text(_NEXT_KEY.split(turn, 1)[0]) for turn in turns]
    return (texts[0], texts[-1], named) if len(texts) > 1 else ("", "", named)


def mend_keys(text: str | None) -> str:
    """Return a file's text with the keys that the check suggests instead of misspelt ones."""
    lines = split_lines(text or "")
    found = read_example((text or "").encode("utf-8", "surrogatepass"))[1]
    for each in sorted(found, key=lambda one: (one.line, one.column), reverse=True):
        if each.rule == "misspelt-key":
            line = lines[each.line - 1]
            start = each.column - 1
            name = str(each.arguments["name"])
            if line.startswith(name, start):
                rest = line[start + len(name) :]
                lines[each.line - 1] = f"{line[:start]}{each.arguments['near']}{rest}"
    return "\n".join(lines)


def _recover_text(written: str) -> str:
    """Return a text without the quotes around it, of which one may be missing."""
    quote = written[:1]
    if quote not in ("'", '"'):
        return dedent(written.strip("\n")).strip()
    said = written[1:].strip().removesuffix(quote)
    return "" if quote in said or "\\" in said else said


def reword_example(
    text: str | None,
    question: str | None = None,
    answer: str | None = None,
    tags: Sequence[str] | None = None,
    split: str | None = None,
) -> str:
    """Return the example's text with another first question, last answer, tags or split mark.

    None keeps a value. `split` is train or test, "" for no mark. The lines of unchanged messages
    stay as they are. Raises Refused if the example cannot be parsed: it can only be replaced
    completely.
    """
    example = parse_example(text)
    if example is None:
        raise Refused("the example is broken", "example-broken")
    messages = list(example.messages)
    first = next(place for place, each in enumerate(messages) if each.role == "user")
    if question is not None:
        messages[first] = replace(messages[first], content=question)
    if answer is not None:
        messages[-1] = replace(messages[-1], content=answer)
    kept = example.tags if tags is None else tuple(tags)
    mark = example.split if split is None else split or None
    reworded = replace(example, messages=tuple(messages), tags=kept, split=mark)
    if reworded.messages == example.messages:
        edited = text or ""
        if kept != example.tags:
            edited = _set_key(edited, "tags", _tags_yaml(kept) if kept else "")
        if mark != example.split:
            edited = _set_key(edited, "split", f"split: {mark}" if mark else "")
        if parse_example(edited) == reworded:
            return edited
    return write_example(reworded)


def _set_key(text: str, key: str, written: str) -> str:
    """Return a file's text with this line for a key of its root, "" for none."""
    node = read_yaml(text.encode("utf-8", "surrogatepass"))
    keys = node.value if isinstance(node, Node) and isinstance(node.value, dict) else {}
    lines = split_lines(text.rstrip("\r\n"))
    first = len(lines)
    last = len(lines)
    if key in keys:
        first = keys[key].key[0] - 1
        last = min(
            (at for each in keys.values() if (at := each.key[0] - 1) > first),
            default=last,
        )
        while lines[last - 1].lstrip()[:1] in ("", "#"):  # comments on the next key
            last -= 1
    return "\n".join([*lines[:first], *filter(None, [written]), *lines[last:], ""])


def allow_rules(text: str | None, rules: Iterable[str], reason: str) -> str:
    """Return the example's text that allows what breaks these rules, for a reason.

    Raises Refused as `reword_example`.
    """
    example = parse_example(text)
    if example is None:
        raise Refused("the example is broken", "example-broken")
    allow = dict(example.allow) | dict.fromkeys(sorted(rules), reason)
    allowing = replace(example, allow=tuple(allow.items()))
    # The other lines stay as they are.
    edited = _set_key(text or "", "allow", "\n".join(_allow_yaml(allowing)))
    return edited if parse_example(edited) == allowing else write_example(allowing)


def question_preview(text: str | None, length: int = 80) -> str:
    """Return an example's first question, shortened; "" for a broken one."""
    example = parse_example(text)
    return shorten_text(example.question, length) if example else ""


def free_example_id(text: str | None, taken: Iterable[str]) -> str:
    """Return an unused id derived from an example's question; from `new` for a broken one."""
    example = parse_example(text)
    return NameAllocator(taken).allocate(example.question if example else "new")


VOCABULARY_SHA256 = "75a984bf59dfb77b03d00f651cb144e88345efa853f75797f4fdb2eb674a1c7e"
VOCABULARY = Path(__file__).parent / "vocabulary" / "o200k_base.zlib"

PER_CONVERSATION = 3  # every reply is primed with <|start|>assistant<|message|>
PER_MESSAGE = 3  # <|start|>, <|message|>, <|end|>
PER_NAME = 1

# tiktoken's regular expression overflows its stack at a million blanks in a row and then ends
# the thread; pieces of this length are safe, and shorter texts are counted exactly.
_PIECE = 100_000
# The vocabulary is freed after a time without counting.
_UNUSED_S = 60.0
_LIBC = ctypes.CDLL(None)

# Source: tiktoken 0.14, tiktoken_ext/openai_public.py, o200k_base.
_PATTERN = (
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+"
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
    r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*"
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
    r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
_SPECIAL = {"<|endoftext|>": 199999, "<|endofprompt|>": 200018}


def count_messages(
    messages: Sequence[Message], tools: Sequence[Mapping[str, object]] = ()
) -> int:
    """Return the token count of a conversation, framing included.

    3 + for each message 3 + role + content (+ name + 1). Tool calls and tools are counted as JSON,
    an estimate: their real framing is not published.
    Source: openai-cookbook, "How to count tokens with tiktoken" and "Data preparation and
    analysis for chat model fine-tuning".
    """
    total = PER_CONVERSATION
    total += sum(count_tokens(json.dumps(tool, ensure_ascii=False)) for tool in tools)
    for message in messages:
        total += (
            PER_MESSAGE + count_tokens(message.role) + count_tokens(message.content)
        )
        for key, value in message.extra.items():
            if key == "name":
                total += PER_NAME + count_tokens(str(value))
            elif key != "weight":
                total += count_tokens(json.dumps(value, ensure_ascii=False))
    return total


def count_tokens(text: str) -> int:
    """Return the token count of `text`; special tokens in it count as plain text."""
    pieces = (text[at : at + _PIECE] for at in range(0, len(text), _PIECE))
    return sum(len(load_vocabulary().encode_ordinary(piece)) for piece in pieces)


def release_unused_vocabulary(counted: int = 0) -> None:
    """Free the vocabulary unless texts were counted since it had been used `counted` times.

    Repeated every minute until then. The next count loads it again.
    """
    used = load_vocabulary.cache_info().hits
    if used == counted:
        load_vocabulary.cache_clear()
        return_freed_memory()
    else:
        _release_later(used)


def return_freed_memory() -> None:
    """Return what was freed to the system.

    glibc would keep 25 MB of a vocabulary and 100 MB of a commit with 30,000 examples, which a
    server of 1 GB feels.
    """
    if hasattr(_LIBC, "malloc_trim"):
        _LIBC.malloc_trim(0)


def _release_later(counted: int) -> None:
    timer = threading.Timer(_UNUSED_S, release_unused_vocabulary, [counted])
    timer.daemon = True
    timer.start()


@cache
def load_vocabulary() -> Encoding:
    """Return the tokenizer; the first call takes 0.15 s and 75 MB, until it is unused."""
    from tiktoken import Encoding  # noqa: PLC0415 - loaded at the first count only

    content = zlib.decompress(VOCABULARY.read_bytes())
    if hashlib.sha256(content).hexdigest() != VOCABULARY_SHA256:
        raise RuntimeError(
            f"the vocabulary {VOCABULARY.name} is damaged: install Merlin again"
        )
    _release_later(0)
    # The words by rank; UTF-8 never has the byte between them, which is a word itself, left empty.
    ranks = {word or b"\xff": rank for rank, word in enumerate(content.split(b"\xff"))}
    return Encoding(
        "o200k_base", pat_str=_PATTERN, mergeable_ranks=ranks, special_tokens=_SPECIAL
    )
