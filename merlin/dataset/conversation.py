"""The rules of turns: who may speak when.

    [system] user assistant [user assistant …]
    an assistant that calls tools is followed by their answers: assistant tool [tool …] assistant

The system text stands first or nowhere, nobody speaks twice in a row, the assistant speaks
last, nobody says nothing. Source: the chat format that fine-tuning takes (OpenAI SFT guide).
"""

from __future__ import annotations

from collections.abc import Sequence

from merlin.core.message import Message
from merlin.dataset.finding import Finding, Mark


def turn_findings(messages: Sequence[Message], marks: Sequence[Mark]) -> tuple[Finding, ...]:
    """Return what breaks the rules; `marks` are line and column of each message.

    Of the order only the first break is told: it makes the rest look wrong too.
    """
    found = [
        Finding("", *mark, "empty-content", arguments={"role": message.role})
        for message, mark in zip(messages, marks, strict=True)
        if not message.content.strip() and "tool_calls" not in message.extra
    ]
    return (*found, *_order(messages, marks))


def _order(messages: Sequence[Message], marks: Sequence[Mark]) -> list[Finding]:
    allowed: tuple[str, ...] = ("system", "user")
    for message, mark in zip(messages, marks, strict=True):
        if message.role == "system" and "system" not in allowed:
            return [Finding("", *mark, "system-not-first")]
        if message.role not in allowed:
            arguments = {"found": message.role, "expected": allowed[-1]}
            return [Finding("", *mark, "wrong-turn", arguments=arguments)]
        allowed = _after(message)
    if messages[-1].role != "assistant":
        return [
            Finding("", *marks[-1], "last-not-assistant", arguments={"found": messages[-1].role})
        ]
    return []


def _after(message: Message) -> tuple[str, ...]:
    if message.role == "assistant":
        return ("tool",) if "tool_calls" in message.extra else ("user",)
    if message.role == "tool":
        return ("tool", "assistant")
    return ("assistant",) if message.role == "user" else ("user",)
