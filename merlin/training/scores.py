"""Scores of a model's answers to test questions.

An answer of `recall` is a text of the training file: it is right if it is the taught one. That of a
language model is right if it contains the taught one or is nearly equal to it, has the same facts
(`merlin.core.facts`), adds nothing and is not cut (docs/adr/0050). Beside the number of right
answers there is chrF (0..100, higher is better) of sacrebleu.
"""

import hashlib
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from itertools import takewhile

from merlin.core.facts import SHORT, find_changed, list_content, split_sentences
from merlin.core.messages import Message
from merlin.core.views import described
from merlin.core.vocabulary import fold, split_words
from merlin.dataset.example import normalise
from merlin.dataset.spec import SplitRule
from merlin.db.values import dump_json
from merlin.providers.base import Answer

ALIKE = 70.0  # chrF: the taught sentence with a word more or less
_MAX_EXTRA_WORDS = 12  # words allowed in addition to the reference
_TWO_WORDS = 2
_FEW_WORDS = 3  # that one text may have more than the other
_KNOWN_SHARE = 1 / 3  # of the words of a clause that is not in the other text
_CLAUSE_END = re.compile(r"(?<!\b[^\W\d_])[.!?…:;,]\s+|\s[–—-]\s|\n+")


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
    def key(self) -> str:
        """Return the name under which its answer is stored; no example's id has a colon."""
        is_test = self.kind is QuestionKind.TEST
        return self.example_id if is_test else f"{self.kind}:{self.example_id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """The results of a model's evaluation on the test questions."""

    questions: int
    right: int = described(
        "Answers that contain the expected one or are nearly equal to it."
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


def is_right(answer: Answer, reference: str) -> bool:
    """Return whether an answer says what the taught one says."""
    if answer.known is not None:
        return normalise(answer.text) == normalise(reference)
    return says_the_same(answer.text, reference)


@lru_cache(maxsize=4096)  # cached as `likeness` is
def says_the_same(answer: str, reference: str) -> bool:
    """Return whether a written answer has the facts of a taught one, whole and nothing else."""
    normalised = normalise(answer)
    expected = normalise(reference)
    if normalised == expected or (
        _list_words(answer) == _list_words(reference)
        and not find_changed(answer, reference)
    ):
        return True
    if (
        find_changed(answer, reference)
        or _is_cut(answer, reference)
        or _adds(answer, reference)
    ):
        return False
    is_brief = len(normalised.split()) <= len(expected.split()) + _MAX_EXTRA_WORDS
    if (
        expected
        and is_brief
        and re.search(rf"(?<!\w){re.escape(expected)}(?!\w)", normalised)
    ):
        return True
    return likeness(answer, reference) >= ALIKE


def _list_words(text: str) -> list[str]:
    """Return the words of a text, without marks of lists and signs."""
    return split_words(fold(" ".join(split_sentences(text))))


def _is_cut(answer: str, reference: str) -> bool:
    """Return whether an answer ends before the taught one does, or has left words of it out."""
    begun = normalise(answer)
    whole = normalise(reference)
    if whole.startswith(begun):
        return bool(list_content(whole[len(begun) :]))
    said = list_content(answer)
    taught = list_content(reference)
    if Counter(said) < Counter(taught) and len(taught) - len(said) >= _TWO_WORDS:
        return True  # one of a sentence's list is left out
    lost = _count_last(taught, said)
    own = _count_last(said, taught)
    is_fragment = own == 1 and lost > 0 and taught[-lost].startswith(said[-1])
    return (lost > 0 and (own == 0 or is_fragment)) or _count_more(
        taught, said
    ) >= _FEW_WORDS


def _count_more(words: Sequence[str], other: Sequence[str]) -> int:
    """Return how many more words a text has of its own than the other one."""
    own = Counter(words) - Counter(other)
    lost = Counter(other) - Counter(words)
    return own.total() - lost.total()


def _count_last(words: Sequence[str], other: Sequence[str]) -> int:
    """Return how many words at the end are none of the other text's."""
    known = set(other)
    return sum(1 for _ in takewhile(lambda word: word not in known, reversed(words)))


def _adds(answer: str, reference: str) -> bool:
    """Return whether an answer has more clauses of its own than the taught one has without it.

    Seen: "all this is untrue" and "send us the code from the SMS" after a whole taught answer.
    """
    said = list_content(answer)
    taught = list_content(reference)
    is_more = len(taught) > SHORT and _count_more(said, taught) >= _FEW_WORDS
    return is_more or _count_own(answer, reference) > _count_own(reference, answer)


def _count_own(text: str, other: str) -> int:
    """Return how many clauses of a text have few content words of the other text."""
    known = set(list_content(other))
    is_short = len(known) <= SHORT
    clauses = split_sentences(text) if is_short else _CLAUSE_END.split(text)
    most = 0.0 if is_short else _KNOWN_SHARE
    contents = (set(list_content(clause)) for clause in clauses)
    return sum(
        most * len(content) >= len(content & known) for content in contents if content
    )


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
    right = sum(map(is_right, answers, references))
    return Evaluation(questions=count, right=right, chrf=round(chrf, 2))
