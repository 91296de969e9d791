"""What the proof of a model says, beside the model that served before or any other one."""

from __future__ import annotations

from merlin.app.actor import Actor
from merlin.app.context import Context
from merlin.app.models import ModelView
from merlin.core.errors import NotFound
from merlin.core.i18n import format_number, text
from merlin.core.permissions import Permission
from merlin.training import evaluation
from merlin.training.evaluation import ENOUGH_QUESTIONS, Comparison, JudgedAnswer, ProofReport
from merlin.training.grading import Grading
from merlin.training.models import Model
from merlin.training.promote import Promotions, find_before

__all__ = ["Comparison", "ProofReport"]


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


def _find_both(ctx: Context, actor: Actor, name: str, against: str) -> tuple[Model, Model | None]:
    model = _find(ctx, actor, name)
    return model, _find(ctx, actor, against) if against else find_before(ctx.db, model)


def evaluate_two(ctx: Context, actor: Actor, one: ModelView, other: ModelView) -> ProofReport:
    """Return what the kept answers of the newer of two models say beside the other's.

    Raises as `evaluate`.
    """
    before, newer = sorted((one, other), key=lambda each: each.id)
    return evaluate(ctx, actor, newer.model, before.model)


def _find(ctx: Context, actor: Actor, name: str) -> Model:
    model = Promotions(ctx.db).model(name)
    if not actor.may(Permission.WATCH, model.dataset):
        raise NotFound(f"no model {name}", "store-no-model", model=name)
    return model


def comparison_text(comparison: Comparison, language: str) -> str:
    """Return in plain words which of two models answers better, or that this cannot be told."""
    figures = {
        name: _signed(language, getattr(comparison, name) or 0.0)
        for name in ("difference", "low", "high")
    }
    points = format_number(language, abs(comparison.difference or 0.0), 1)
    told = {"model": comparison.now.model, "against": comparison.against, "points": points}
    counts = {"questions": comparison.now.questions, "enough": ENOUGH_QUESTIONS}
    return text(language, f"eval-verdict-{comparison.verdict}", **told, **counts, **figures)


def _signed(language: str, value: float) -> str:
    sign = "−" if value < 0 else "+" if value > 0 else ""
    return f"{sign}{format_number(language, abs(value), 1)}"
