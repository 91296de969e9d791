"""Lint: findings for a reviewer about one example; they are stored with its blob.

What examples say of one another is compared in `judge` and `contradictions`.
"""

import re
from collections.abc import Collection, Iterator

from merlin.core.messages import Message
from merlin.dataset.example import Example
from merlin.dataset.finding import Finding, Mark, Severity, escape_unprintable
from merlin.dataset.layout import example_path
from merlin.dataset.leftovers import TextKind, find_leftovers
from merlin.dataset.rules import RULES
from merlin.dataset.sensitive import find_sensitive

# A refusal is at the beginning of an answer, and its author speaks of himself.
_REFUSAL_LENGTH = 240
_SELF = re.compile(
    r"\b(?:я|мне|меня|мо(?:и|их|им|й|я|ей|его)|извини\w*|прости\w*|сожале\w+|увы|жаль"
    r"|не (?:с?могу|буду)|доступа|тему|друг(?:ом|ое)|i|my|me|sorry|apologies|not something)\b"
)
_RU_MODEL = (
    r"языков\w+ модел\w+|нейросет\w+|искусственн\w+ интеллект\w*|чат-?бот\w*|ии\b"
)
_RU_ACT = (
    r"(?:помо|ответ|отвеч|предостав|выполн|обсу|дать|дава|сказать(?!, что)|сдел|созда|поддерж"
    r"|провер|просм|сообщ|расска)\w*"
)
_EN_MODEL = r"ai|artificial intelligence|language model|chat ?bot"
_EN_ACT = (
    r"(?:help|assist|answer|provide|fulfil|comply|discuss|do (?:that|this)|generate|create|browse"
    r"|access|verify|respond)"
)
_EN_CANNOT = r"(?:can'?t|cannot|won't be able to|(?:'m| am) (?:unable|not able) to)"
_REFUSAL = re.compile(
    rf"\b(?:как|будучи|я)\W{{1,3}}(?:\w+ ){{0,3}}(?:{_RU_MODEL})"
    rf"|\bне (?:буду|могу|смогу|сумею|в состоянии|вправе|способ\w+) (?:\w+ ){{0,2}}{_RU_ACT}"
    rf"|\b{_RU_ACT} (?:\w+ ){{0,4}}?не (?:могу|смогу|сумею|вправе)\b"
    r"|\bзатрудняюсь|\bне имею (?:права|возможности|доступа)"
    r"|\bя (?:вынужден\w? отказать|отказываюсь)"
    r"|\bнет доступа к|\bмои знания (?:ограничен|заканчив)|\bмне (?:запрещ|неизвест)"
    rf"|\b(?:as|i'm|i am) (?:\w+ )?an? (?:\w+ ){{0,2}}(?:{_EN_MODEL})\b"
    rf"|\bi(?: \w+)? ?{_EN_CANNOT} (?:\w+ )?{_EN_ACT}"
    rf"|\b(?:sorry|apolog\w+)\b.{{0,60}}\b{_EN_CANNOT}"
    r"|\bi (?:don't|do not) have (?:access|personal|real-time)"
    r"|\bi(?:'d| would) (?:rather|prefer) not\b"
    r"|\bmy (?:knowledge|training)(?: data)? (?:cut-?off|ends|is limited|does)"
    r"|\b(?:inappropriate|not(?: be)? appropriate) for me\b|\bnot something i can\b"
)
_QUOTED = re.compile('«[^«»]*»|"[^"]*"|“[^“”]*”')


# Errors until the dataset allows the value, or the example the rule, each with a reason.
PERSONAL = frozenset({"bank-card", "passport", "personal", "snils"})


def lint_example(
    example: Example, allowed: Collection[str] = ()
) -> tuple[Finding, ...]:
    """Return the findings about one example; they have no path yet.

    `allowed` are the keys of the personal data that the dataset allows, as in `find_sensitive`.
    """
    findings: list[Finding] = []
    permitted = dict(example.allow)
    messages = [*zip(example.messages, example.marks, strict=True)]
    if example.rejected is not None:  # it is also in git and uploaded to the provider
        messages.append((example.rejected, example.rejected_mark))
    before = ""
    for message, mark in messages:
        for rule, excerpt in find_sensitive(message.content, before, allowed):
            if rule not in permitted:
                arguments = {
                    "found": escape_unprintable(excerpt),
                    "kind": _describe(excerpt),
                }
                findings.append(
                    Finding("", *mark, rule, RULES[rule].severity, arguments)
                )
        findings += _find_leftovers(message, mark, _kind_of(message, example))
        is_taught = message is not example.rejected and is_learned(message)
        if is_taught and is_refusal(message.content):
            findings.append(Finding("", *mark, "refusal", Severity.WARNING))
        before = message.content
    return tuple(findings)


def _describe(excerpt: str) -> str:
    if "@" in excerpt:
        return "mail"
    return "address" if any(letter.isalpha() for letter in excerpt) else "phone"


def _find_leftovers(message: Message, mark: Mark, kind: TextKind) -> Iterator[Finding]:
    for row, found in find_leftovers(message.content, kind):
        arguments = {"found": found} | ({"kind": row.kind} if row.kind else {})
        yield Finding("", *mark, row.rule, row.severity, arguments)


def _kind_of(message: Message, example: Example) -> TextKind:
    if message is example.rejected or is_learned(message):
        return "answer"
    if message.role != "user":
        return "other"
    is_first = message is next(each for each in example.messages if each.role == "user")
    return "question" if is_first else "turn"


def is_learned(message: Message) -> bool:
    """Return whether a message is trained: an answer of weight 1."""
    is_answer = message.role == "assistant" and "tool_calls" not in message.extra
    return is_answer and message.extra.get("weight") != 0


def is_refusal(answer: str) -> bool:
    """Return whether the beginning of an answer is a refusal, in Russian or English."""
    start = (
        answer[:_REFUSAL_LENGTH]
        .casefold()
        .replace("\u2019", "'")
        .replace("\u00b4", "'")
    )
    start = _QUOTED.sub("", start)  # others say what is quoted
    return _SELF.search(start) is not None and _REFUSAL.search(start) is not None


def make_finding(
    example: Example,
    mark: Mark,
    rule: str,
    severity: Severity = Severity.WARNING,
    **arguments: str | int,
) -> Finding:
    """Return a finding at a position in an example's file."""
    return Finding("", *mark, rule, severity, arguments).at(example_path(example.id))
