"""Grading: a judge model decides about answers in other words than the taught ones.

Only answers that the comparison of words calls wrong are shown to it, with the question and the
expected answer, by a rubric. It is asked an odd number of times about each, and most votes decide;
votes that cannot be read are not counted, and a judge that is seldom readable is refused.
"""

from __future__ import annotations

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
_SAMPLE = 80  # characters of an unreadable vote that are told


@dataclass(frozen=True, slots=True, kw_only=True)
class Grade:
    """The votes about one answer that could be read, each 1 for right or 0 for wrong.

    `right` are those for right; `median` is None without any, `spread` the highest less the lowest.
    """

    model: str
    example: str
    votes: int
    right: int
    median: float | None
    spread: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Grading:
    """What a judge said: how many answers it saw, found right after all, and voted as one about.

    `unreadable` are votes that said neither; `grades` and `kinds` tell of each of the answers.
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
    """Return what the judge is asked: `repeats` times about each answer that is not as taught.

    `rubric` "" stands for the usual one.
    """
    queries = [
        _query(model, each, rubric or text(language, "judge-rubric"), vote, language)
        for model, judged in answers
        for each in judged
        if each.kind is AnswerKind.WRONG
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
    return Query(_key(model, question.example_id, vote), messages, expected)


def _key(model: Model, example_id: str, vote: int) -> str:
    return f"{model.model_row}/{vote}/{example_id}"


def read_grading(
    variant_queries: VariantQueries, replies: Mapping[str, Reply], models: Sequence[Model]
) -> Grading:
    """Return what the judge's answers about `models` say. Raises Refused where it is too little."""
    votes: dict[tuple[int, str], list[bool]] = {}
    unreadable: list[str] = []
    for query in variant_queries.queries:
        row, _, example_id = query.key.split("/", 2)
        mine = votes.setdefault((int(row), example_id), [])
        if (reply := replies.get(query.key)) is None:
            continue
        found_votes = _VOTE.findall(reply.answer.text)
        if found_votes:
            mine.append(found_votes[-1].lower() == "right")
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
    is_right = {key: 2 * sum(mine) > len(mine) for key, mine in votes.items()}
    kinds = {key: AnswerKind.RIGHT if each else AnswerKind.WRONG for key, each in is_right.items()}
    return Grading(
        judge=judge,
        answers=len(votes),
        overruled=sum(is_right.values()),
        unanimous=sum(len(set(mine)) == 1 for mine in votes.values()),
        unreadable=len(unreadable),
        grades=[
            Grade(
                model=names[row],
                example=example_id,
                votes=len(mine),
                right=sum(mine),
                median=float(median(mine)) if mine else None,
                spread=len(set(mine)) - 1 if mine else 0,
            )
            for (row, example_id), mine in votes.items()
        ],
        kinds=kinds,
    )


def keep_grading(db: Database, grading: Grading) -> None:
    """Store what the judge said beside the answers; it takes the place of what one said before."""
    for (model_row, example_id), each in zip(grading.kinds, grading.grades, strict=True):
        is_it = (PROOF_ANSWER.model_row == model_row) & (PROOF_ANSWER.example_id == example_id)
        votes = {"judge": grading.judge, "votes": each.votes, "right_votes": each.right}
        db.change(PROOF_ANSWER.update(votes).where(is_it))
