"""Duplicates, contradictions, oddities of good examples.

`lint_example` looks at one example (its findings are kept with the blob), `lint_dataset` at all
of a dataset; both only warn. `compare_examples` may reject:

- the same content twice: the later path is a duplicate (a taught one is kept before a test one);
- the same question with other answers: a warning, nobody can learn both;
- a test example whose question is also taught: an error, it would measure memory.

Questions are compared by their normal form, as in the split (`merlin.dataset.builds`). Signs are
kept: `//` and `%` are different questions about Python.
"""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from merlin.dataset.example import Example
from merlin.dataset.finding import Finding, Mark, Severity, escape_unprintable
from merlin.dataset.spec import DatasetSpec

_AT_THE_END = " ?!.…"


def normalise(words: str) -> str:
    """Return `words` composed (NFC), lower case, ё as е, blanks single, no signs at the end."""
    composed = unicodedata.normalize("NFC", words).casefold().replace("ё", "е")
    return " ".join(composed.split()).rstrip(_AT_THE_END)


def question_key(example: Example) -> str:
    """Return the normal form of the example's first question."""
    return normalise(example.question)


def content_key(example: Example) -> bytes:
    """Return a digest of the normal form of all that is trained: messages, extras, and tools."""
    said = [[each.role, normalise(each.content), _plain(each.extra)] for each in example.messages]
    told = json.dumps([said, [_plain(tool) for tool in example.tools]], ensure_ascii=False)
    return hashlib.sha256(told.encode("utf-8", "surrogatepass")).digest()


def _plain(value: Mapping[str, object]) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True) if value else ""


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


def lint_example(example: Example) -> tuple[Finding, ...]:
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
    return f"U+{ord(found):04X}" if len(found) == 1 else escape_unprintable(found)


def lint_dataset(examples: Sequence[Example], spec: DatasetSpec | None) -> list[Finding]:
    """Return what catches the eye when all good examples are seen together."""
    return [*_near_duplicates(examples), *_case_twins(examples), *_own_systems(examples, spec)]


def _near_duplicates(examples: Sequence[Example]) -> Iterator[Finding]:
    """Tell of questions made of the same words in another order or with other signs."""
    first: dict[tuple[str, ...], Example] = {}
    for example in examples:
        question = question_key(example)
        known = first.setdefault(tuple(sorted(_WORD.findall(question))), example)
        if known is not example and question_key(known) != question:
            yield _about(
                example, "near-duplicate", Severity.WARNING, other=escape_unprintable(known.path)
            )


def _case_twins(examples: Sequence[Example]) -> Iterator[Finding]:
    """Tell of names that one file system in three takes for the same."""
    first: dict[str, Example] = {}
    for example in examples:
        known = first.setdefault(example.id.casefold(), example)
        if known is not example:
            yield _about(
                example, "case-twin", Severity.WARNING, other=escape_unprintable(known.path)
            )


def _own_systems(examples: Sequence[Example], spec: DatasetSpec | None) -> Iterator[Finding]:
    for example in examples:
        first = example.messages[0]
        if spec and first.role == "system" and normalise(first.content) != normalise(spec.system):
            yield _about(example, "own-system", Severity.NOTE)


def _about(example: Example, rule: str, severity: Severity, **arguments: str) -> Finding:
    mark = example.marks[0] if rule == "own-system" else example.question_mark
    return Finding("", *mark, rule, severity, arguments).at(example.path)


@dataclass(frozen=True, slots=True)
class Comparison:
    """What became of examples once they were compared; `good` is ordered by id."""

    good: tuple[Example, ...]
    duplicates: tuple[Example, ...]
    leaks: tuple[Example, ...]
    findings: tuple[Finding, ...]


def compare_examples(examples: Sequence[Example]) -> Comparison:
    """Return the examples that stay, those that do not, and why."""
    findings: list[Finding] = []
    unique, duplicates = _without_duplicates(examples, findings)
    good, leaks = _without_leaks(unique, findings)
    _tell_contradictions(good, findings)
    return Comparison(
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
            findings.append(_about_duplicates(example, "duplicate", kept, Severity.WARNING))
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
            findings.append(_about_duplicates(example, "leak", twin, Severity.ERROR))
    return good, leaks


def _tell_contradictions(examples: Sequence[Example], findings: list[Finding]) -> None:
    first: dict[tuple[str, str], Example] = {}
    for example in sorted(examples, key=lambda each: each.path):
        known = first.setdefault((_own_system(example), question_key(example)), example)
        if normalise(_first_answer(known)) != normalise(_first_answer(example)):
            findings.append(_about_duplicates(example, "contradiction", known, Severity.WARNING))


def _own_system(example: Example) -> str:
    return example.messages[0].content if example.messages[0].role == "system" else ""


def _first_answer(example: Example) -> str:
    return next(each.content for each in example.messages if each.role == "assistant")


def _about_duplicates(example: Example, rule: str, other: Example, severity: Severity) -> Finding:
    arguments = {"other": escape_unprintable(other.path)}
    return Finding("", *example.question_mark, rule, severity, arguments).at(example.path)
