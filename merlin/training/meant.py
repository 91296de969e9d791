"""What commits meant to change: an answer that the new model gives otherwise because of them.

A test example may expect an answer that a commit has since changed or removed in the examples that
teach it. What the model answers then is read by an editor, and is no loss.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from merlin.dataset.example import normalise
from merlin.db.database import Database
from merlin.providers.base import Answer
from merlin.training.models import Model
from merlin.training.scores import EvaluationQuestion, is_right
from merlin.training.test_questions import read_taught

# The answers that are taught no more, in normal form, and those in their place.
MeantChanges = Mapping[str, Sequence[str]]


def is_meant(
    meant: MeantChanges,
    question: EvaluationQuestion,
    answer: Answer,
    *,
    is_refused: bool,
) -> bool:
    """Return whether an answer is what the commits put in the place of the expected one.

    Where they removed it without another, that is to decline.
    """
    others = meant.get(normalise(question.reference))
    if others is None:
        return False
    if not others:
        return is_refused
    return any(is_right(answer, other) for other in others)


def read_meant(db: Database, live: Model, new: Model) -> MeantChanges:
    """Return what the commits between two models' builds changed in the taught answers."""
    return find_meant(read_taught(db, live.build_id), read_taught(db, new.build_id))


def find_meant(
    before: Iterable[EvaluationQuestion], now: Sequence[EvaluationQuestion]
) -> MeantChanges:
    """Return what changed between taught questions; an example keeps its file or its question."""
    taught = {normalise(question.reference) for question in now}
    in_file = {question.example_id: question.reference for question in now}
    of_question = {_ask(question): question.reference for question in now}
    replaced = defaultdict[str, list[str]](list)
    for question in before:
        old = normalise(question.reference)
        if old in taught:
            continue
        others = replaced[old]
        for new in (in_file.get(question.example_id), of_question.get(_ask(question))):
            if new is not None:
                others.append(new)
    return replaced


def _ask(question: EvaluationQuestion) -> str:
    return normalise(question.messages[-1].content)
