"""Prove a model: ask it one question, then the test split, and score what it says.

The score is chrF (0..100, higher is better) of the kept library sacrebleu; beside it stand
the share of answers equal to the reference and the share of "I do not know".
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from merlin.core.messages import Message, Usage


@dataclass(frozen=True, slots=True)
class Answer:
    """What a model said; `known` is None where the provider does not tell."""

    text: str
    usage: Usage = field(default_factory=Usage)
    known: bool | None = None
    finish_reason: str = "stop"


class Asker(Protocol):
    """Something that asks one provider's models, and waits for the whole answer."""

    def ask(self, model_id: str, messages: Sequence[Message], timeout_s: float = 60.0) -> Answer:
        """Return the answer. Raises ProviderError, ModelGone, ProviderBusy."""


@dataclass(frozen=True, slots=True)
class Question:
    """One test example: what is asked and the answer that was taught."""

    example_id: str
    messages: tuple[Message, ...]
    reference: str


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Scores of one model on a test split; shares are 0..1."""

    model_row: int
    questions: int
    chrf: float
    equal_share: float
    unknown_share: float
    at: datetime


@dataclass(frozen=True, slots=True)
class Overlap:
    """How many test questions two builds have, and how many of them both have."""

    one: int
    other: int
    shared: int

    @property
    def is_same(self) -> bool:
        """Return whether both were asked the same, so that their scores can be compared."""
        return bool(self.shared) and self.shared == self.one == self.other


def overlap(one: Sequence[Question], other: Sequence[Question]) -> Overlap:
    """Return what two test splits share: questions with their references, whatever their ids.

    A system text is left out: each model hears the one that it was trained with.
    """
    mine, theirs = Counter(map(_question_key, one)), Counter(map(_question_key, other))
    return Overlap(mine.total(), theirs.total(), (mine & theirs).total())


def _question_key(question: Question) -> tuple[tuple[tuple[str, str], ...], str]:
    said = ((each.role, each.content) for each in question.messages if each.role != "system")
    return tuple(said), question.reference


def questions_of(conversations: Sequence[tuple[str, tuple[Message, ...]]]) -> list[Question]:
    """Return one question per conversation: all before its last message, which is the reference."""
    return [
        Question(example_id, messages[:-1], messages[-1].content)
        for example_id, messages in conversations
        if messages and messages[-1].role == "assistant"
    ]


def score(
    model_row: int, answers: Sequence[Answer], questions: Sequence[Question], at: datetime
) -> Evaluation:
    """Return the scores of `answers`, one per question in the same order.

    Source of chrF: Popović 2015, as implemented by sacrebleu with its defaults.
    """
    import sacrebleu  # noqa: PLC0415 - 0.2 s that only the proof needs

    count = len(questions)
    if not count:
        return Evaluation(model_row, 0, 0.0, 0.0, 0.0, at)
    texts = [answer.text for answer in answers]
    references = [question.reference for question in questions]
    chrf = float(sacrebleu.corpus_chrf(texts, [references]).score)
    equal = sum(a.strip() == b.strip() for a, b in zip(texts, references, strict=True))
    unknown = sum(answer.known is False for answer in answers)
    return Evaluation(model_row, count, round(chrf, 2), equal / count, unknown / count, at)
