"""Cheap looks at good examples: nothing here rejects anything, it only tells.

`lint_words` looks at one example (so its findings are kept with the blob); `lint_together` at
all of a dataset.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from merlin.dataset.example import Example
from merlin.dataset.finding import Finding, Mark, Severity, printable
from merlin.dataset.sameness import normal, question_key
from merlin.dataset.spec import DatasetSpec

SECRET = re.compile(
    r"\d{6,12}:[A-Za-z0-9_-]{30,64}|\bsk-[A-Za-z0-9_-]{16,}|\bmrl_[A-Za-z0-9_-]{12,}"
    r"|-----BEGIN [A-Z ]{0,20}PRIVATE KEY-----"
)
# Addresses under the names that RFC 2606 keeps for examples are nobody's.
MAIL = re.compile(r"[\w.+-]{1,64}@(?!example\.|test\b|localhost\b)[\w-]{1,63}\.[\w.-]{2,63}")
PHONE = re.compile(r"\+\d{1,3}[ (-]{0,2}\d{3}[ )-]{0,2}\d{3}[ -]?\d{2}[ -]?\d{2}\b")
# Direction marks can make a reviewer read other words than a model learns (CVE-2021-42574).
_DIRECTION = re.compile("[\u202a-\u202e\u2066-\u2069]")
_INVISIBLE = re.compile("[\u00ad\u200b\u2060\ufeff]")

_LOOKS = (
    ("secret", SECRET, Severity.WARNING),
    ("personal", MAIL, Severity.WARNING),
    ("personal", PHONE, Severity.WARNING),
    ("direction-mark", _DIRECTION, Severity.WARNING),
    ("invisible-letter", _INVISIBLE, Severity.NOTE),
)
# Words, and the signs that make a difference in code.
_WORD = re.compile(r"\w+|[^\w\s?!.,:;«»\"'„“”()…—–-]")


def lint_words(example: Example) -> tuple[Finding, ...]:
    """Return what a reviewer should look at in one example; findings have no path yet."""
    return tuple(
        finding
        for message, mark in zip(example.messages, example.marks, strict=True)
        for finding in _looks(message.content, mark)
    )


def _looks(content: str, mark: Mark) -> Iterator[Finding]:
    for rule, pattern, severity in _LOOKS:
        found = pattern.search(content)
        if found:
            # A secret is never repeated in a finding; the others are needed to find the place.
            shown = "" if rule == "secret" else _code_or_words(found.group())
            yield Finding("", *mark, rule, severity, {"found": shown})


def _code_or_words(found: str) -> str:
    return f"U+{ord(found):04X}" if len(found) == 1 else printable(found)


def lint_together(examples: Sequence[Example], spec: DatasetSpec | None) -> list[Finding]:
    """Return what catches the eye when all good examples are seen together."""
    return [*_near_duplicates(examples), *_case_twins(examples), *_own_systems(examples, spec)]


def _near_duplicates(examples: Sequence[Example]) -> Iterator[Finding]:
    """Tell of questions made of the same words in another order or with other signs."""
    first: dict[tuple[str, ...], Example] = {}
    for example in examples:
        question = question_key(example)
        known = first.setdefault(tuple(sorted(_WORD.findall(question))), example)
        if known is not example and question_key(known) != question:
            yield _about(example, "near-duplicate", Severity.WARNING, other=printable(known.path))


def _case_twins(examples: Sequence[Example]) -> Iterator[Finding]:
    """Tell of names that one file system in three takes for the same."""
    first: dict[str, Example] = {}
    for example in examples:
        known = first.setdefault(example.id.casefold(), example)
        if known is not example:
            yield _about(example, "case-twin", Severity.WARNING, other=printable(known.path))


def _own_systems(examples: Sequence[Example], spec: DatasetSpec | None) -> Iterator[Finding]:
    for example in examples:
        first = example.messages[0]
        if spec and first.role == "system" and normal(first.content) != normal(spec.system):
            yield _about(example, "own-system", Severity.NOTE)


def _about(example: Example, rule: str, severity: Severity, **arguments: str) -> Finding:
    mark = example.marks[0] if rule == "own-system" else example.question_mark
    return Finding("", *mark, rule, severity, arguments).at(example.path)
