"""What commits may change unasked: beyond it a model is held until an editor says that it is meant.

Between the build of the live model and the new one: a fifth and ten of the answers changed or gone;
one answer in the place of many; answers that moved to other questions, as when a column of a table
slips. And a model that no longer knows the questions that it was taught (docs/adr/0068).
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from merlin.core.formatted_text import shorten_text
from merlin.dataset.example import normalise
from merlin.db.database import Columns
from merlin.training.evaluation import AnswerKind, JudgedAnswer
from merlin.training.scores import (
    EvaluationQuestion,
    QuestionKind,
    question_digest,
    question_key,
)

MANY = 10  # answers
_SHARE = 5  # of the answers: a fifth
FEW = 5  # answers that one replaced, or that moved
# The share of the taught questions, in a disguise, that a model has to know, and a first one.
_KNOWN = 0.9
_KNOWN_FIRST = 0.5


@dataclass(frozen=True, slots=True)
class HoldReason:
    """Why a model may not serve: a Fluent key with its arguments; `lost` are questions as texts."""

    reason: str
    values: Columns
    lost: Sequence[Columns] = ()


def find_bound(
    before: Sequence[EvaluationQuestion], now: Sequence[EvaluationQuestion]
) -> HoldReason | None:
    """Return why commits changed more taught answers than they may unasked, None if they did not.

    Answers count, not their wordings.
    """
    changed = _list_changed(before, now)
    old = {normalise(question.reference) for question in before}
    replaced = {(normalise(question.reference), new) for question, new in changed}
    gone = {answer for answer, _ in replaced}
    ((one, count),) = Counter(new for _, new in replaced if new).most_common(1) or [
        ("", 0)
    ]
    moved = {new for _, new in replaced if new in old}
    values: Columns = {"count": len(gone), "answers": len(old)}
    written = {normalise(question.reference): question.reference for question in now}
    lost = [_describe(question, written.get(new, "")) for question, new in changed]
    if count >= FEW:
        values |= {"count": count, "answer": shorten_text(written[one])}
        return HoldReason("gate-one-answer", values, lost)
    if len(moved) >= FEW:
        return HoldReason("gate-moved", values | {"count": len(moved)}, lost)
    if len(gone) >= MANY and _SHARE * len(gone) >= len(old):
        return HoldReason("gate-many", values, lost)
    return None


def _list_changed(
    before: Sequence[EvaluationQuestion], now: Sequence[EvaluationQuestion]
) -> list[tuple[EvaluationQuestion, str]]:
    """Return the questions that are answered otherwise, each with the new answer, "" if none."""
    of_question = {
        question_key(question)[0]: normalise(question.reference) for question in now
    }
    in_file = {question.example_id: normalise(question.reference) for question in now}
    kept = set(in_file.values())
    changed = []
    for question in before:
        old = normalise(question.reference)
        new = of_question.get(question_key(question)[0])
        if new is None and old not in kept:
            new = in_file.get(question.example_id, "")
        if new is not None and new != old:
            changed.append((question, new))
    return changed


def _describe(question: EvaluationQuestion, new: str) -> Columns:
    return {
        "key": "gate-wrong" if new else "gate-refused",
        "arguments": {
            "question": shorten_text(question.text),
            "answer": shorten_text(new),
            "example": question.example_id,
            "digest": question_digest(question),
        },
    }


def find_forgotten(
    own: Sequence[JudgedAnswer], others: Sequence[JudgedAnswer], *, is_first: bool
) -> tuple[Columns, list[JudgedAnswer]] | None:
    """Return how few of its taught questions a model knows, and those that it does not.

    None if it knows enough, or if the other model knew as few.
    """
    taught = _list_taught(own)
    missed = [each for each in taught if each.kind is not AnswerKind.RIGHT]
    right = len(taught) - len(missed)
    before = [each.kind is AnswerKind.RIGHT for each in _list_taught(others)]
    least = _KNOWN_FIRST if is_first else _KNOWN
    if right >= least * len(taught):
        return None
    if not is_first and (not before or sum(before) < least * len(before)):
        return None
    return {"right": right, "questions": len(taught)}, missed


def _list_taught(answers: Sequence[JudgedAnswer]) -> list[JudgedAnswer]:
    """Return the answers to taught questions of which it is known if they are right."""
    return [
        each
        for each in answers
        if each.question.kind is QuestionKind.DISGUISED
        and each.kind is not AnswerKind.UNSURE
    ]
