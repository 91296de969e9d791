"""Grading: a judge model decides about answers worded differently from the taught ones.

It sees only answers that the text comparison calls wrong, with the question, the expected answer
and a rubric. It votes an odd number of times on each answer, and the majority decides. Unreadable
votes are not counted; a judge with too many of them is refused.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from merlin.core.errors import Refused
from merlin.core.i18n import text
from merlin.core.messages import Message, Usage
from merlin.core.money import Price
from merlin.dataset.example import count_messages
from merlin.db.database import Database
from merlin.db.tables import PROOF_ANSWER
from merlin.training.ask_many import Query, Reply
from merlin.training.evaluation import AnswerKind, Graded, JudgedAnswer
from merlin.training.models import Model
from merlin.training.prompt_check import Base, VariantQueries

_VOTE = re.compile(r"\[\[(right|wrong)\]\]", re.IGNORECASE)
_MAX_UNREADABLE = 0.1
_ANSWER_TOKENS = 200  # a reason and the vote
_SAMPLE = 80  # characters of an unreadable vote shown in the error


@dataclass(frozen=True, slots=True, kw_only=True)
class Grade:
    """The readable votes on one answer, each 1 for right or 0 for wrong.

    `right` is the number for right; `median` is None without votes, `spread` is maximum - minimum.
    """

    model: str
    example: str
    votes: int
    right: int
    median: float | None
    spread: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Grading:
    """The result of grading: numbers of answers, overruled ones and unanimous votes.

    `unreadable` is the number of votes for neither; `grades` and `kinds` cover each answer.
    """

    judge: str
    answers: int
    overruled: int
    unanimous: int
    unreadable: int
    grades: Sequence[Grade]
    kinds: Graded


def grading_queries(
    judge: Base,
    price: Price | None,
    answers: Sequence[tuple[Model, Sequence[JudgedAnswer]]],
    rubric: str,
    repeats: int,
    language: str,
) -> VariantQueries:
    """Return the judge's queries: `repeats` for each answer that counts as wrong.

    `rubric` "" is the default one.
    """
    queries = [
        _query(model, answer, rubric or text(language, "judge-rubric"), vote, language)
        for model, judged in answers
        for answer in judged
        if answer.kind is AnswerKind.WRONG
        for vote in range(1, repeats + 1)
    ]
    return VariantQueries("prompt", *judge, price, queries)


def _query(model: Model, judged: JudgedAnswer, rubric: str, vote: int, language: str) -> Query:
    question = judged.question
    arguments = {"expected": question.reference, "answer": judged.answer.text, "vote": vote}
    conversation = "\n".join(
        message.content for message in question.messages if message.role != "system"
    )
    messages = (
        Message("system", f"{rubric}\n\n{text(language, 'judge-form')}"),
        Message("user", text(language, "judge-question", question=conversation, **arguments)),
    )
    expected = Usage(count_messages(messages), _ANSWER_TOKENS)
    return Query(f"{model.model_row}/{vote}/{question.example_id}", messages, expected)


def read_grading(
    variant_queries: VariantQueries, replies: Mapping[str, Reply], models: Sequence[Model]
) -> Grading:
    """Return the grading by the judge's replies. Raises Refused if too many are unreadable."""
    votes: dict[tuple[int, str], list[bool]] = {}
    unreadable: list[str] = []
    for query in variant_queries.queries:
        row, _, example_id = query.key.split("/", 2)
        own_votes = votes.setdefault((int(row), example_id), [])
        if (reply := replies.get(query.key)) is None:
            continue
        matches = _VOTE.findall(reply.answer.text)
        if matches:
            own_votes.append(matches[-1].lower() == "right")
        else:
            unreadable.append(reply.answer.text)
    judge = f"{variant_queries.provider}/{variant_queries.model_id}"
    if len(unreadable) > _MAX_UNREADABLE * len(variant_queries.queries):
        arguments = {
            "judge": judge,
            "count": len(unreadable),
            "votes": len(variant_queries.queries),
        }
        sample = " ".join(unreadable[0].split())[:_SAMPLE]
        raise Refused("the judge cannot be read", "judge-unreadable", sample=sample, **arguments)
    names = {model.model_row: model.model_id for model in models}
    kinds = {
        key: AnswerKind.RIGHT if 2 * sum(own_votes) > len(own_votes) else AnswerKind.WRONG
        for key, own_votes in votes.items()
    }
    return Grading(
        judge=judge,
        answers=len(votes),
        overruled=sum(kind is AnswerKind.RIGHT for kind in kinds.values()),
        unanimous=sum(len(set(own_votes)) == 1 for own_votes in votes.values()),
        unreadable=len(unreadable),
        grades=[
            Grade(
                model=names[row],
                example=example_id,
                votes=len(own_votes),
                right=sum(own_votes),
                median=float(median(own_votes)) if own_votes else None,
                spread=len(set(own_votes)) - 1 if own_votes else 0,
            )
            for (row, example_id), own_votes in votes.items()
        ],
        kinds=kinds,
    )


def store_grading(db: Database, grading: Grading) -> None:
    """Store the votes with the answers, replacing those of an earlier grading."""
    for (model_row, example_id), grade in zip(grading.kinds, grading.grades, strict=True):
        is_answer = (PROOF_ANSWER.model_row == model_row) & (PROOF_ANSWER.example_id == example_id)
        votes = {"judge": grading.judge, "votes": grade.votes, "right_votes": grade.right}
        db.update(PROOF_ANSWER, is_answer, **votes)
