"""Evaluation of a model: its answers to the test questions, compared with another model's."""

from dataclasses import dataclass

from merlin.app import models
from merlin.app.actor import Actor
from merlin.app.context import Context
from merlin.app.models import GateView, ModelView
from merlin.core.errors import NotFound, Refused
from merlin.core.i18n import format_number, format_signed, text
from merlin.core.permissions import Permission
from merlin.training import evaluation
from merlin.training import grading as grades
from merlin.training.evaluation import (
    ENOUGH_QUESTIONS,
    AnswerChange,
    AnswerKind,
    Comparison,
    JudgedAnswer,
    ProofReport,
)
from merlin.training.grading import Grading
from merlin.training.models import Model, Models, find_taught, read_questions
from merlin.training.promote import Promotions, find_before
from merlin.training.scores import likeness

_PERCENT, _MAX_EXPLAINED = 100, 20


def evaluate(
    ctx: Context, actor: Actor, name: str, against: str = "", grading: Grading | None = None
) -> ProofReport:
    """Return a report on the stored answers of a model, compared with those of `against`.

    Both are named by the provider's model name or the build's version; by default `against` is the
    model that served before. No model is called; `grading` is a judge's stored grading. Raises
    NotFound, also without the permission; Refused for a model without stored answers.
    """
    model, base = _find_both(ctx, actor, name, against)
    return evaluation.evaluate(ctx.db, model, base, grading.kinds if grading else {})


def list_answers_to_grade(
    ctx: Context, actor: Actor, name: str, against: str
) -> list[tuple[Model, list[JudgedAnswer]]]:
    """Return both models with their stored answers, for a judge. Raises as `evaluate`."""
    model, base = _find_both(ctx, actor, name, against)
    evaluation.evaluate(ctx.db, model, base)
    compared = [model, base] if base else [model]
    return [(version, evaluation.judge_answers(ctx.db, version)) for version in compared]


def store_grading(ctx: Context, actor: Actor, name: str, grading: Grading) -> None:
    """Store a judge's grading of a model's answers. Raises NotFound."""
    _find(ctx, actor, name)
    grades.store_grading(ctx.db, grading)


def _find_both(ctx: Context, actor: Actor, name: str, against: str) -> tuple[Model, Model | None]:
    model = _find(ctx, actor, name)
    return model, _find(ctx, actor, against) if against else find_before(ctx.db, model)


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationView:
    """A model's evaluation: its comparison with another model, and its gate.

    Without a `report`, `why` is the reason; `asked` of `questions` were answered by then.
    """

    model: ModelView
    against: ModelView | None
    serving: ModelView | None
    gate: GateView
    report: ProofReport | None
    why: Refused | None
    asked: int
    questions: int


def read_evaluation(ctx: Context, actor: Actor, name: str, against: str = "") -> EvaluationView:
    """Return a model's evaluation.

    Names as in `evaluate`. Raises NotFound, also without the permission.
    """
    model, base = _find_both(ctx, actor, name, against)
    view = models.get(ctx, actor, model.model_row)
    report, reason = None, None
    try:
        report = evaluation.evaluate(ctx.db, model, base)
    except Refused as error:
        reason = error
    return EvaluationView(
        model=view,
        against=models.get(ctx, actor, base.model_row) if base else None,
        serving=models.list_serving(ctx, actor, [model.dataset]).get(model.dataset),
        gate=models.read_gate(ctx, view),
        report=report,
        why=reason,
        asked=len(Models(ctx.db).answers(model.model_row)),
        questions=len(read_questions(ctx.db, model.build_id)),
    )


@dataclass(frozen=True, slots=True)
class WrongAnswer:
    """The likeness of a wrong answer to the expected one, 0 to 100.

    `said` is the id of the example that taught it, or "".
    """

    likeness: float
    said: str


def explain_wrong(ctx: Context, actor: Actor, view: EvaluationView) -> dict[str, WrongAnswer]:
    """Return explanations of the first wrong answers, by the id of the test example."""
    if not view.report or not actor.may(Permission.WATCH, view.model.dataset):
        return {}
    answers = view.report.list_answers(AnswerChange.LOST, AnswerChange.WRONG)
    wrong_answers = [answer for answer in answers if answer.kind is AnswerKind.WRONG]
    explanations = {}
    for answer in wrong_answers[:_MAX_EXPLAINED]:
        taught_ids, _ = find_taught(ctx.db, view.model.model, "", answer.now)
        score = likeness(answer.now, answer.expected)
        explanations[answer.example] = WrongAnswer(score, next(iter(taught_ids), ""))
    return explanations


def _find(ctx: Context, actor: Actor, name: str) -> Model:
    model = Promotions(ctx.db).model(name)
    if not actor.may(Permission.WATCH, model.dataset):
        raise NotFound(f"no model {name}", "store-no-model", model=name)
    return model


def describe_comparison(comparison: Comparison, language: str) -> str:
    """Return a sentence on which model answers better, or that this is unknown."""
    figures = {
        name: format_signed(language, getattr(comparison, name) or 0.0, 1)
        for name in ("difference", "low", "high")
    }
    points = format_number(language, abs(comparison.difference or 0.0), 1)
    arguments = {"model": comparison.now.model, "against": comparison.against, "points": points}
    counts = {"questions": comparison.now.questions, "enough": ENOUGH_QUESTIONS}
    return text(language, f"eval-verdict-{comparison.verdict}", **arguments, **counts, **figures)
