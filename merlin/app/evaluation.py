"""Evaluation of a model: its answers to the test questions, compared with those before it."""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import mean, median

from merlin.app import models
from merlin.app.actor import Actor
from merlin.app.baseline import OldAnswer, list_old_answers
from merlin.app.context import Context
from merlin.app.lineage import AnswerPart, find_part
from merlin.app.models import ModelView
from merlin.chat.feedback import QuestionStatistics
from merlin.core.errors import NotFound, Refused
from merlin.core.money import Cost
from merlin.dataset.example import normalise
from merlin.dataset.spec import GateRule, SplitRule
from merlin.dataset.verdicts import read_newest_settings
from merlin.db.tables import TURN
from merlin.training import evaluation
from merlin.training.evaluation import (
    AnswerChange,
    AnswerKind,
    ComparedAnswer,
    ProofReport,
    classify_answer,
    sort_answers,
)
from merlin.training.evaluation_questions import choose_test, make_asked
from merlin.training.gate import Gates
from merlin.training.models import Model, Models
from merlin.training.promote import Promotions, find_before
from merlin.training.scores import QuestionKind, question_digest

_NEWEST = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class PartFigures:
    """What one part of a model gave people lately: answers, their delay and mean cost.

    `first_s` is the median time to the first token in seconds; `cost` is None if it is not known.
    """

    part: AnswerPart
    answers: int
    first_s: float
    cost: Cost | None


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationView:
    """A model's evaluation: its comparison with another one, and its kind of gate.

    `others` are the titles of the models that it can be compared with. The gate judges a model by
    at least `least` test questions. Without a `report`, `why` is the
    reason; `asked` of `questions` were answered by then. `parts` have answered people. `accepted`
    are the digests of the questions whose loss an editor accepted. `old` has what models that are
    shut down answered, by the digest of the question.
    """

    model: ModelView
    against: ModelView | None
    others: Sequence[str]
    serving: ModelView | None
    gate: str
    least: int
    report: ProofReport | None
    why: Refused | None
    asked: int
    questions: int
    parts: list[PartFigures]
    accepted: Collection[str]
    old: Mapping[str, Sequence[OldAnswer]]

    @property
    def old_counts(self) -> list[tuple[str, int, int]]:
        """Return each old model with how many of its answers are alike now, and of how many."""
        answers = [answer for each in self.old.values() for answer in each]
        same = Counter(each.model for each in answers if each.is_same)
        return [
            (model, same[model], count)
            for model, count in sorted(Counter(each.model for each in answers).items())
        ]


def read_evaluation(
    ctx: Context, actor: Actor, name: str, against: str = ""
) -> EvaluationView:
    """Return a model's evaluation, compared with that of another one of its dataset.

    Both are named by the provider's model name or the build's version; "": the one that served
    before. Raises NotFound, also without the permission.
    """
    model = Promotions(ctx.db).model(name)
    view = models.get(ctx, actor, model.model_row)
    base = Promotions(ctx.db).model(against) if against else find_before(ctx.db, model)
    if base is not None and base.dataset != model.dataset:
        raise NotFound(f"no model {against}", "store-no-model", model=against)
    settings = read_newest_settings(ctx.db, model.dataset)
    report = None
    reason = None
    try:
        report = evaluation.evaluate(ctx.db, model, base)
    except Refused as error:
        reason = error
    if report is not None:
        report = replace(
            report, answers=sort_answers([*report.answers, *_list_asked(ctx, model)])
        )
    return EvaluationView(
        model=view,
        against=models.get(ctx, actor, base.model_row) if base else None,
        others=[
            other.title
            for other in models.list_recent(ctx, actor, model.dataset)
            if other.id != model.model_row and other.scores
        ],
        serving=models.list_serving(ctx, actor).get(model.dataset),
        gate=(settings.gate if settings else GateRule()).kind,
        least=(settings.split if settings else SplitRule()).least,
        report=report,
        why=reason,
        asked=len(Models(ctx.db).answers(model.model_row)),
        questions=len(choose_test(ctx.db, model, settings)) if settings else 0,
        parts=list(_measure_parts(ctx, model)),
        accepted=Gates(ctx.db).list_accepted(model.dataset),
        old=list_old_answers(
            ctx, model.dataset, model.build_id, report.answers if report else ()
        ),
    )


def _list_asked(ctx: Context, model: Model) -> Iterator[ComparedAnswer]:
    """Yield what a model answers to questions of people, beside the answers that they got."""
    asked = f"{QuestionKind.ASKED}:"
    answers = {
        int(key.removeprefix(asked)): answer
        for key, answer in Models(ctx.db).answers(model.model_row).items()
        if key.startswith(asked)
    }
    statistics = QuestionStatistics(ctx.db, ctx.default_dataset)
    for each in statistics.find_asked([*answers]):
        question = make_asked(each.turn_id, each.question, each.answer, "")
        answer = answers[each.turn_id]
        is_same = normalise(answer.text) == normalise(each.answer)
        yield ComparedAnswer(
            example=question.key,
            source=QuestionKind.ASKED,
            digest=question_digest(question),
            question=each.question,
            expected="",
            change=AnswerChange.RIGHT if is_same else AnswerChange.OTHERWISE,
            now=answer.text,
            kind=classify_answer(answer, question),
            before=each.answer,
            kind_before=AnswerKind.RIGHT,
            is_kept=False,
        )


def _measure_parts(ctx: Context, model: Model) -> Iterator[PartFigures]:
    is_its_answer = (TURN.provider == model.provider) & (
        TURN.model_id == model.model_id
    )
    is_its_answer &= TURN.first_ms.is_null(is_null=False)
    newest = (
        TURN.select(
            TURN.known, TURN.model_role, TURN.first_ms, TURN.cost_micro, TURN.currency
        )
        .where(is_its_answer)
        .order_by(TURN.id.desc())
        .limit(_NEWEST)
    )
    rows = ctx.db.rows(newest)
    for part in (AnswerPart.EXACT, AnswerPart.MODEL):
        if own := [row for row in rows if find_part(row) is part]:
            costs = [row.cost_micro for row in own if row.currency]
            currency = own[0].currency
            yield PartFigures(
                part=part,
                answers=len(own),
                first_s=median(row.first_ms for row in own) / 1000,
                cost=Cost(round(mean(costs)), currency) if currency else None,
            )
