"""The rules of an example's turns and of its calls of functions.

    [system] user assistant [user assistant …]
    with tool calls: assistant tool [tool …] assistant

A system message is optional and comes first, roles alternate, each call has one result, the last
message is the assistant's, and no message is empty. Source: the chat format of fine-tuning (OpenAI
SFT guide).
"""

from collections.abc import Iterator, Sequence
from itertools import takewhile
from typing import Any, cast

from merlin.core.formatted_text import is_blank
from merlin.core.json_fields import parse_object
from merlin.core.messages import Message
from merlin.dataset.example import Example
from merlin.dataset.finding import Finding, Mark, shorten


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
