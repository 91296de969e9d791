"""Scores of a model's answers to test questions.

An answer of `recall` is a text of the training file: it is right if it is the taught one. That of a
language model is right, wrong or unsure by its words (`merlin.core.wordings`, docs/adr/0068).
Beside the number of right answers there is chrF (0..100, higher is better) of sacrebleu.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

from merlin.core.messages import Message
from merlin.core.views import described
from merlin.core.wordings import Judgement, judge_wording
from merlin.dataset.example import normalise
from merlin.dataset.spec import SplitRule
from merlin.db.values import dump_json
from merlin.providers.base import Answer


class QuestionKind(StrEnum):
    """Where a question to a model comes from; see `merlin.training.evaluation_questions`."""

    TEST = "test"
    DISGUISED = "disguised"
    UNRELATED = "unrelated"
    REMOVED = "removed"
    ASKED = "asked"

    @property
    def is_scored(self) -> bool:
        """Return whether its answers count as right or not."""
        return self in (QuestionKind.TEST, QuestionKind.DISGUISED)


@dataclass(frozen=True, slots=True)
class EvaluationQuestion:
    """A question to a model and the reference answer, "" if it has none."""

    example_id: str
    messages: tuple[Message, ...]
    reference: str
    kind: QuestionKind = QuestionKind.TEST

    @property
    def text(self) -> str:
        """Return the last message, "" if there is none."""
        return self.messages[-1].content if self.messages else ""

    @property
    def key(self) -> str:
        """Return the name under which its answer is stored; no example's id has a colon."""
        is_test = self.kind is QuestionKind.TEST
        return self.example_id if is_test else f"{self.kind}:{self.example_id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """The results of a model's evaluation on the test questions."""

    questions: int
    right: int = described(
        "Answers that say what the expected one says; unsure ones do not count."
    )
    chrf: float = described("Similarity to the expected answers (chrF), 0 to 100.")

    @property
    def is_full(self) -> bool:
        """Return whether every answer is right, so that the scores tell nothing."""
        return self.right == self.questions

    @property
    def is_few(self) -> bool:
        """Return whether the questions are too few to prove anything."""
        return self.questions < SplitRule().least


def question_key(
    question: EvaluationQuestion,
) -> tuple[tuple[tuple[str, str], ...], str]:
    """Return the identity of a question across builds: all but the id and system text."""
    messages = (
        (message.role, message.content)
        for message in question.messages
        if message.role != "system"
    )
    return tuple(messages), question.reference


def question_digest(question: EvaluationQuestion) -> str:
    """Return a digest of a question with its reference answer, independent of the example's id."""
    return hashlib.sha256(dump_json(question_key(question)).encode()).hexdigest()


def digest_answer(answer: Answer) -> str:
    """Return a digest of an answer's words."""
    return hashlib.sha256(normalise(answer.text).encode()).hexdigest()


def questions_of(
    conversations: Sequence[tuple[str, tuple[Message, ...]]],
) -> list[EvaluationQuestion]:
    """Return one question for each conversation: all messages before the last, the reference."""
    return [
        EvaluationQuestion(example_id, messages[:-1], messages[-1].content)
        for example_id, messages in conversations
        if messages and messages[-1].role == "assistant"
    ]


@lru_cache(maxsize=4096)  # cached: pages compare the stored answers on every view
def likeness(answer: str, reference: str) -> float:
    """Return chrF of one answer, 0..100."""
    from sacrebleu import sentence_chrf  # noqa: PLC0415 - 0.2 s that only this needs

    return float(sentence_chrf(answer, [reference]).score)


def judge_answer(answer: Answer, reference: str, question: str = "") -> Judgement:
    """Return whether an answer to a question says what the taught one says."""
    if answer.known is None:
        return judge_wording(answer.text, reference, question)
    is_taught = normalise(answer.text) == normalise(reference)
    return Judgement.RIGHT if is_taught else Judgement.WRONG


def is_right(answer: Answer, reference: str, question: str = "") -> bool:
    """Return whether an answer is judged right, and not wrong or unsure."""
    return judge_answer(answer, reference, question) is Judgement.RIGHT


def score_answers(
    answers: Sequence[Answer], questions: Sequence[EvaluationQuestion]
) -> Evaluation:
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
    asked = [question.text for question in questions]
    right = sum(map(is_right, answers, references, asked))
    return Evaluation(questions=count, right=right, chrf=round(chrf, 2))
