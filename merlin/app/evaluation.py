"""What the proof of a model says, beside the model that served before or any other one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import tzinfo

from merlin.app import models
from merlin.app.actor import Actor
from merlin.app.context import Context
from merlin.app.models import GateView, ModelView
from merlin.core.clock import in_zone
from merlin.core.errors import NotFound, Refused
from merlin.core.i18n import format_day_briefly, format_number, format_signed, text
from merlin.core.permissions import Permission
from merlin.core.score_charts import Score
from merlin.dataset.split import TEST
from merlin.training import evaluation
from merlin.training import grading as grades
from merlin.training.evaluation import (
    ENOUGH_QUESTIONS,
    AnswerKind,
    Change,
    ComparedAnswer,
    Comparison,
    JudgedAnswer,
    ProofReport,
    TagScores,
    VersionScore,
)
from merlin.training.grading import Grading
from merlin.training.models import (
    Model,
    Models,
    find_taught,
    questions_of,
    read_conversations,
)
from merlin.training.promote import Promotions, find_before
from merlin.training.prompt_check import likeness

__all__ = ["ENOUGH_QUESTIONS", "Change", "ComparedAnswer", "ProofReport", "TagScores"]
_PERCENT, _MAX_EXPLAINED = 100, 20


def evaluate(
    ctx: Context, actor: Actor, name: str, against: str = "", grading: Grading | None = None
) -> ProofReport:
    """Return what the kept answers of a model say, beside those of `against`.

    Both are named by the provider's model name or the build's version; by default `against` is the
    model that served before. Nobody is asked; `grading` is what a judge was asked before. Raises
    NotFound, also without the permission; Refused for a model without kept answers.
    """
    model, other = _find_both(ctx, actor, name, against)
    return evaluation.evaluate(ctx.db, model, other, grading.kinds if grading else {})


def answers_to_grade(
    ctx: Context, actor: Actor, name: str, against: str = ""
) -> list[tuple[Model, list[JudgedAnswer]]]:
    """Return both models with their kept answers, for a judge. Raises as `evaluate`."""
    model, other = _find_both(ctx, actor, name, against)
    evaluation.evaluate(ctx.db, model, other)
    both = [model, *([other] if other else [])]
    return [(each, evaluation.judge_answers(ctx.db, each)) for each in both]


def keep_grading(ctx: Context, actor: Actor, name: str, grading: Grading) -> None:
    """Store what a judge said of a model's answers, for the page of its test. Raises NotFound."""
    _find(ctx, actor, name)
    grades.keep_grading(ctx.db, grading)


def _find_both(ctx: Context, actor: Actor, name: str, against: str) -> tuple[Model, Model | None]:
    model = _find(ctx, actor, name)
    return model, _find(ctx, actor, against) if against else find_before(ctx.db, model)


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationView:
    """How a model did at its test questions: beside which one, by which rule, before which others.

    Without a `report` `why` says why there is none; `asked` is how many of `questions` were
    answered by then.
    """

    model: ModelView
    against: ModelView | None
    serving: str
    gate: GateView
    report: ProofReport | None
    why: Refused | None
    asked: int
    questions: int
    versions: list[VersionScore]


def read_evaluation(ctx: Context, actor: Actor, name: str, against: str = "") -> EvaluationView:
    """Return all that is known of how a model did at its test questions.

    Names as in `evaluate`. Raises NotFound, also without the permission.
    """
    model, other = _find_both(ctx, actor, name, against)
    shown = models.get(ctx, actor, model.model_row)
    report, why = None, None
    try:
        report = evaluation.evaluate(ctx.db, model, other)
    except Refused as refusal:
        why = refusal
    serving = models.serving_models(ctx, actor).get(model.dataset)
    return EvaluationView(
        model=shown,
        against=models.get(ctx, actor, other.model_row) if other else None,
        serving=(serving.build or serving.model) if serving else "",
        gate=models.gate_of(ctx, shown),
        report=report,
        why=why,
        asked=len(Models(ctx.db).answers(model.model_row)),
        questions=len(questions_of(read_conversations(ctx.db, model.build_id, TEST))),
        versions=evaluation.score_versions(ctx.db, model),
    )


@dataclass(frozen=True, slots=True)
class WrongAnswer:
    """How like a wrong answer is to the expected one, of 100; `said` is the example that taught it.

    `said` is "" where none did.
    """

    likeness: float
    said: str


def explain_wrong(ctx: Context, actor: Actor, found: EvaluationView) -> dict[str, WrongAnswer]:
    """Return what there is to say of the first wrong answers, by the example asked about."""
    if not found.report or not actor.may(Permission.WATCH, found.model.dataset):
        return {}
    wrong = found.report.of(Change.LOST, Change.WRONG)
    explained = {}
    for each in [each for each in wrong if each.kind is AnswerKind.WRONG][:_MAX_EXPLAINED]:
        taught_ids, _ = find_taught(ctx.db, found.model.model, "", each.now)
        like = likeness(each.now, each.expected)
        explained[each.example] = WrongAnswer(like, next(iter(taught_ids), ""))
    return explained


def scores_of(found: EvaluationView, language: str, zone: tzinfo) -> list[Score]:
    """Return the scores of the versions; the one that serves and the one looked at have names."""
    scores = []
    for version in found.versions:
        style = "this" if version.model_row == found.model.id else ""
        style = "serves" if version.model == found.serving else style
        arguments = {"right": version.right, "questions": version.questions}
        score = Score(
            share=_PERCENT * version.right / version.questions,
            low=_PERCENT * version.low,
            high=_PERCENT * version.high,
            name=version.model.removeprefix(f"{found.model.dataset}-"),
            day=format_day_briefly(in_zone(version.at, zone), language),
            style=style,
            words=text(language, f"eval-score-{style}", **arguments) if style else "",
        )
        scores.append(score)
    return scores


def _find(ctx: Context, actor: Actor, name: str) -> Model:
    model = Promotions(ctx.db).model(name)
    if not actor.may(Permission.WATCH, model.dataset):
        raise NotFound(f"no model {name}", "store-no-model", model=name)
    return model


def comparison_text(comparison: Comparison, language: str) -> str:
    """Return in plain words which of two models answers better, or that this cannot be told."""
    figures = {
        name: format_signed(language, getattr(comparison, name) or 0.0, 1)
        for name in ("difference", "low", "high")
    }
    points = format_number(language, abs(comparison.difference or 0.0), 1)
    arguments = {"model": comparison.now.model, "against": comparison.against, "points": points}
    counts = {"questions": comparison.now.questions, "enough": ENOUGH_QUESTIONS}
    return text(language, f"eval-verdict-{comparison.verdict}", **arguments, **counts, **figures)
