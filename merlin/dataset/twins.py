"""Examples that know of each other: duplicates, contradictions, test questions that are taught.

An error here rejects the example it stands at, as everywhere:
- the same content twice: the later path is a duplicate (a taught one is kept before a test one);
- the same question with other answers: a warning, nobody can learn both;
- a test example whose question is also taught: an error, it would measure memory. So train and
  test share no question, whatever the marks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from merlin.dataset.example import Example
from merlin.dataset.finding import Finding, Severity, printable
from merlin.dataset.sameness import content_key, normal, question_key


@dataclass(frozen=True, slots=True)
class Twins:
    """What became of examples once they were compared; `good` is ordered by id."""

    good: tuple[Example, ...]
    duplicates: tuple[Example, ...]
    leaks: tuple[Example, ...]
    findings: tuple[Finding, ...]


def compare(examples: Sequence[Example]) -> Twins:
    """Return the examples that stay, those that do not, and why."""
    findings: list[Finding] = []
    unique, duplicates = _without_duplicates(examples, findings)
    good, leaks = _without_leaks(unique, findings)
    _tell_contradictions(good, findings)
    return Twins(
        good=tuple(sorted(good, key=lambda each: each.id)),
        duplicates=tuple(duplicates),
        leaks=tuple(leaks),
        findings=tuple(findings),
    )


def _without_duplicates(
    examples: Sequence[Example], findings: list[Finding]
) -> tuple[list[Example], list[Example]]:
    first: dict[bytes, Example] = {}
    duplicates = []
    for example in sorted(examples, key=lambda each: (each.split == "test", each.path)):
        kept = first.setdefault(content_key(example), example)
        if kept is not example:
            duplicates.append(example)
            findings.append(_about(example, "duplicate", kept, Severity.WARNING))
    return list(first.values()), duplicates


def _without_leaks(
    examples: Sequence[Example], findings: list[Finding]
) -> tuple[list[Example], list[Example]]:
    taught = {question_key(each): each for each in examples if each.split != "test"}
    good, leaks = [], []
    for example in examples:
        twin = taught.get(question_key(example)) if example.split == "test" else None
        if twin is None:
            good.append(example)
        else:
            leaks.append(example)
            findings.append(_about(example, "leak", twin, Severity.ERROR))
    return good, leaks


def _tell_contradictions(examples: Sequence[Example], findings: list[Finding]) -> None:
    first: dict[tuple[str, str], Example] = {}
    for example in sorted(examples, key=lambda each: each.path):
        known = first.setdefault((_own_system(example), question_key(example)), example)
        if normal(_first_answer(known)) != normal(_first_answer(example)):
            findings.append(_about(example, "contradiction", known, Severity.WARNING))


def _own_system(example: Example) -> str:
    return example.messages[0].content if example.messages[0].role == "system" else ""


def _first_answer(example: Example) -> str:
    return next(each.content for each in example.messages if each.role == "assistant")


def _about(example: Example, rule: str, other: Example, severity: Severity) -> Finding:
    arguments = {"other": printable(other.path)}
    return Finding("", *example.question_mark, rule, severity, arguments).at(example.path)
