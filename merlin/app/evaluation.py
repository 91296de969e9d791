"""Evaluation of a model: its answers to the test questions, compared with those before it."""

from dataclasses import dataclass

from merlin.app import models
from merlin.app.actor import Actor
from merlin.app.context import Context
from merlin.app.models import ModelView
from merlin.core.errors import Refused
from merlin.dataset.spec import GateRule, SplitRule
from merlin.dataset.verdicts import read_newest_settings
from merlin.training import evaluation
from merlin.training.evaluation import ProofReport
from merlin.training.models import Models, read_questions
from merlin.training.promote import Promotions, find_before


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationView:
    """A model's evaluation: its comparison with another one, and its kind of gate.

    The gate judges a model by at least `least` test questions. Without a `report`, `why` is the
    reason; `asked` of `questions` were answered by then.
    """

    model: ModelView
    against: ModelView | None
    serving: ModelView | None
    gate: str
    least: int
    report: ProofReport | None
    why: Refused | None
    asked: int
    questions: int


def read_evaluation(ctx: Context, actor: Actor, name: str) -> EvaluationView:
    """Return a model's evaluation, compared with that of the model that served before.

    It is named by the provider's model name or the build's version. Raises NotFound, also without
    the permission.
    """
    model = Promotions(ctx.db).model(name)
    view, base = models.get(ctx, actor, model.model_row), find_before(ctx.db, model)
    settings = read_newest_settings(ctx.db, model.dataset)
    report, reason = None, None
    try:
        report = evaluation.evaluate(ctx.db, model, base)
    except Refused as error:
        reason = error
    return EvaluationView(
        model=view,
        against=models.get(ctx, actor, base.model_row) if base else None,
        serving=models.list_serving(ctx, actor).get(model.dataset),
        gate=(settings.gate if settings else GateRule()).kind,
        least=(settings.split if settings else SplitRule()).least,
        report=report,
        why=reason,
        asked=len(Models(ctx.db).answers(model.model_row)),
        questions=len(read_questions(ctx.db, model.build_id)),
    )
