"""Scores of a model's answers to test questions.

An answer is right if it contains the taught one or is nearly equal to it. Beside the number of
right answers there is chrF (0..100, higher is better) of sacrebleu.
"""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from merlin.core.messages import Message
from merlin.core.views import described
from merlin.dataset.example import normalise
from merlin.dataset.spec import SplitRule
from merlin.db.values import dump_json
from merlin.providers.base import Answer

ALIKE = 70.0  # chrF: the taught sentence with a word more or less
_MAX_EXTRA_WORDS = 12  # words allowed in addition to the reference


@dataclass(frozen=True, slots=True)
class Question:
    """One test example: the question and the reference answer."""

    example_id: str
    messages: tuple[Message, ...]
    reference: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """The results of a model's evaluation on the test questions."""

    questions: int
    right: int = described("Answers that contain the expected one or are nearly equal to it.")
    chrf: float = described("Similarity to the expected answers (chrF), 0 to 100.")

    @property
    def is_full(self) -> bool:
        """Return whether every answer is right, so that the scores tell nothing."""
        return self.right == self.questions

    @property
    def is_few(self) -> bool:
        """Return whether the questions are too few to prove anything."""
        return self.questions < SplitRule().least


def question_key(question: Question) -> tuple[tuple[tuple[str, str], ...], str]:
    """Return the identity of a question across builds: all but the id and system text."""
    messages = (
        (message.role, message.content) for message in question.messages if message.role != "system"
    )
    return tuple(messages), question.reference


def question_digest(question: Question) -> str:
    """Return a digest of a question with its reference answer, independent of the example's id."""
    return hashlib.sha256(dump_json(question_key(question)).encode()).hexdigest()


def questions_of(conversations: Sequence[tuple[str, tuple[Message, ...]]]) -> list[Question]:
    """Return one question for each conversation: all messages before the last, the reference."""
    return [
        Question(example_id, messages[:-1], messages[-1].content)
        for example_id, messages in conversations
        if messages and messages[-1].role == "assistant"
    ]


@lru_cache(maxsize=4096)  # cached: pages compare the stored answers on every view
def likeness(answer: str, reference: str) -> float:
    """Return chrF of one answer, 0..100."""
    from sacrebleu import sentence_chrf  # noqa: PLC0415 - 0.2 s that only this needs

    return float(sentence_chrf(answer, [reference]).score)


def is_right(answer: str, reference: str) -> bool:
    """Return whether an answer contains the taught one with few other words, or is nearly equal."""
    normalised, expected = normalise(answer), normalise(reference)
    is_brief = len(normalised.split()) <= len(expected.split()) + _MAX_EXTRA_WORDS
    if expected and is_brief and re.search(rf"(?<!\w){re.escape(expected)}(?!\w)", normalised):
        return True
    return likeness(answer, reference) >= ALIKE


def score_answers(answers: Sequence[Answer], questions: Sequence[Question]) -> Evaluation:
    """Return the scores of `answers`, one for each question in the same order.

    Source of chrF: Popović 2015, as implemented by sacrebleu with its defaults.
    """
    import sacrebleu  # noqa: PLC0415 - 0.2 s that only the proof needs

    count = len(questions)
    if not count:
        return Evaluation(questions=0, right=0, chrf=0.0)
    texts = [answer.text for answer in answers]
    references = [question.reference for question in questions]
    chrf = float(sacrebleu.corpus_chrf(texts, [references]).score)
    right = sum(map(is_right, texts, references))
    return Evaluation(questions=count, right=right, chrf=round(chrf, 2))
