"""Tuned models, and which one serves each dataset: list, compare, promote, pin, roll back."""

import math
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from peewee import JOIN, Expression, Select, fn

from merlin.app import builds, verdicts
from merlin.app.actor import Actor, missing_dataset, read_newest_rows
from merlin.app.context import Context
from merlin.app.requests import submit_request
from merlin.app.verdicts import VerdictView, list_removed_datasets
from merlin.chat.feedback import QuestionStatistics
from merlin.core.errors import NotFound, Refused
from merlin.core.permissions import Permission
from merlin.core.views import INTERNAL, described, named
from merlin.dataset.builds import build_version
from merlin.dataset.verdicts import (
    FIRST,
    HOLDS,
    MEANT,
    VerdictStatus,
    choose_newest,
)
from merlin.db.database import Row
from merlin.db.requests import Request, RequestKind
from merlin.db.tables import JOB, MODEL, PROMOTION, SERVING, VERDICT
from merlin.db.values import load_json, read_row
from merlin.training.models import (
    AppliedProof,
    ModelState,
    TrainedWhere,
    best_first,
    find_where_trained,
    select_models,
)
from merlin.training.promote import NEWEST, Promotions
from merlin.training.scores import Evaluation


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelView:
    """A fine-tuned model."""

    id: int
    model: str = described("Provider's name of the model.")
    dataset: str
    provider: str
    build: str | None
    job: int | None
    state: ModelState
    serves: bool
    since: datetime | None = described("Since when it is live; null if it is not.")
    pinned: bool = described("Whether newer models are kept from replacing it.")
    evaluation: Evaluation | None
    note: str
    created_at: datetime
    held: bool = described("Whether the gate keeps it from going live.")
    applied: AppliedProof = described(
        "How it is proved that its trained weights are applied."
    )
    trained: TrainedWhere = described(
        "Whether it was trained here, or elsewhere, on its build."
    )
    # The build's version, or the provider's name if the version names another model of the build.
    title: str = field(metadata=INTERNAL)
    # Why it does not serve, with the questions that the gate holds it for.
    reason: str = field(metadata=INTERNAL)
    arguments: Mapping[str, object] = field(metadata=INTERNAL)

    @property
    def display_state(self) -> str:
        """Return the state to show: serves or held for a good model, else its state."""
        if not self.state.may_serve:
            return self.state.value
        return "serves" if self.serves else "held" if self.held else self.state.value

    @property
    def lost(self) -> Sequence[Mapping[str, Any]]:
        """Return the questions that the gate holds it for, as texts."""
        questions = self.arguments.get("lost")
        return questions if isinstance(questions, list) else ()

    @property
    def is_bound(self) -> bool:
        """Return whether it is held for what commits may not change unasked."""
        return self.reason in MEANT and self.reason != FIRST

    @property
    def is_promotable(self) -> bool:
        """Return whether it passed its evaluation and does not serve yet."""
        return self.state.may_serve and not self.serves

    @property
    def scores(self) -> Evaluation | None:
        """Return the evaluation where it asked at least one question."""
        return (
            self.evaluation if self.evaluation and self.evaluation.questions else None
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class PromotionView:
    """A change of the live model; `why` is newest, returned, by_hand, rollback or revoked.

    "returned": the newest build is one that was live before.
    """

    id: int
    dataset: str
    before: str | None = named("from")
    to: str
    why: str
    by: str
    at: datetime


def list_recent(
    ctx: Context, actor: Actor, dataset: str = "", limit: int = 50, before: int = 0
) -> list[ModelView]:
    """Return models, newest first; `before`: only ids below it. Raises NotFound."""
    rows = read_newest_rows(ctx, actor, _models(), MODEL, dataset, limit, before)
    return [_model(row) for row in rows]


def list_promotions(
    ctx: Context, actor: Actor, dataset: str = "", limit: int = 50
) -> list[PromotionView]:
    """Return promotions, newest first. Raises NotFound."""
    first = PROMOTION.alias("first")
    is_same = (first.dataset == PROMOTION.dataset) & (
        first.to_model == PROMOTION.to_model
    )
    first_id = first.select(fn.MIN(first.id)).where(is_same).alias("first_id")
    query = PROMOTION.select(*PROMOTION.every(), first_id)
    rows = read_newest_rows(ctx, actor, query, PROMOTION, dataset, limit)
    return [
        read_row(
            PromotionView,
            row,
            before=row.from_model,
            to=row.to_model,
            by=row.by_whom,
            why="returned" if row.why == NEWEST and row.first_id < row.id else row.why,
        )
        for row in rows
    ]


def name_promotions(
    ctx: Context, promotions: Sequence[PromotionView]
) -> dict[str, str]:
    """Return the titles of the models of promotions, by the provider's names."""
    names = {name for each in promotions for name in (each.before, each.to) if name}
    return {
        view.model: view.title for view in _list_models(ctx, MODEL.model_id.in_(names))
    }


def name_commits(ctx: Context, views: Sequence[ModelView]) -> dict[int, VerdictView]:
    """Return the verdict of the commit that each model was trained from, by the model's id.

    Not of a later one with the same examples, as the undo of an edit is.
    """
    models = {view.job: view.id for view in views if view.job}
    found = verdicts.list_of_jobs(ctx, [*models])
    # The oldest stays; those that are not on the branch any more come first.
    found.sort(key=lambda verdict: verdict.position or math.inf, reverse=True)
    return {models[verdict.job_id or 0]: verdict for verdict in found}


def list_tested(ctx: Context, dataset: str, limit: int) -> list[ModelView]:
    """Return the newest models whose test asked something, oldest first.

    The caller checks the permission to see them.
    """
    is_tested = (MODEL.dataset == dataset) & (MODEL.questions > 0)
    newest = _models().where(is_tested).order_by(MODEL.id.desc()).limit(limit)
    return [_model(row) for row in ctx.db.rows(newest)][::-1]


def get(
    ctx: Context, actor: Actor, model_id: int, permission: Permission = Permission.WATCH
) -> ModelView:
    """Return a model by its row id. Raises NotFound, also without the permission."""
    missing = NotFound(f"no model {model_id}", "store-no-model", model=str(model_id))
    return _find_permitted(ctx, actor, MODEL.id == model_id, permission, missing)


def read_of_job(
    ctx: Context, actor: Actor, job_id: int, permission: Permission = Permission.WATCH
) -> ModelView:
    """Return the model of a job. Raises NotFound, also without the permission."""
    missing = NotFound(f"job {job_id} has no model", "admin-no-model", job=job_id)
    return _find_permitted(ctx, actor, MODEL.job_id == job_id, permission, missing)


def list_of_jobs(ctx: Context, job_ids: Collection[int]) -> dict[int, ModelView]:
    """Return models by job id; the caller checks the permission to see them."""
    return {
        view.job: view
        for view in _list_models(ctx, MODEL.job_id.in_(job_ids))
        if view.job
    }


def list_serving(ctx: Context, actor: Actor) -> dict[str, ModelView]:
    """Return dataset -> the serving model, of those that the actor may watch."""
    serving = _list_models(ctx, SERVING.since.is_null(is_null=False))
    return {
        view.dataset: view
        for view in serving
        if actor.may(Permission.WATCH, view.dataset)
    }


def _list_models(ctx: Context, where: Expression) -> list[ModelView]:
    return [_model(row) for row in ctx.db.rows(_models().where(where))]


def _find_permitted(
    ctx: Context,
    actor: Actor,
    where: Expression,
    permission: Permission,
    missing: NotFound,
) -> ModelView:
    view = next(iter(_list_models(ctx, where)), None)
    if view is None or not actor.may(permission, view.dataset):
        raise missing
    return view


def find(ctx: Context, actor: Actor, name: str) -> ModelView:
    """Return a model by the provider's name or the build's version. Raises NotFound."""
    return get(ctx, actor, Promotions(ctx.db).model(name).model_row)


def count_rated(
    ctx: Context, actor: Actor, datasets: Collection[str]
) -> dict[str, int]:
    """Return dataset -> the new rated answers, where they are enough to train on, if permitted."""
    statistics = QuestionStatistics(ctx.db, ctx.default_dataset)
    now = ctx.clock()
    visible = [name for name in datasets if actor.may(Permission.LAUNCH, name)]
    return {name: statistics.count_enough(name, now) for name in visible}


def find_rollback_targets(
    ctx: Context, actor: Actor, datasets: Collection[str]
) -> dict[str, ModelView]:
    """Return dataset -> the newest good model that served before the live one, where permitted."""
    permitted = [name for name in datasets if actor.may(Permission.PROMOTE, name)]
    order = {
        name: at for at, name in enumerate(Promotions(ctx.db).list_served(*permitted))
    }
    served = _list_models(
        ctx, MODEL.model_id.in_([*order]) & MODEL.dataset.in_(permitted)
    )
    served.sort(key=lambda view: order[view.model], reverse=True)
    return {view.dataset: view for view in served if view.is_promotable}


def add(
    ctx: Context,
    actor: Actor,
    dataset: str,
    digest: str,
    *,
    build: str = "",
    card_build: str = "",
    base: str = "",
) -> Request:
    """Ask the daemon to add an adapter that was trained elsewhere; its copy has this digest.

    `build` is what it was trained on, by version or digest, as a person says; "": as its card says,
    which may be of another installation. `base` is its base as PROVIDER/MODEL, "" for the recipe's.
    Raises NotFound.
    """
    actor.require(Permission.LAUNCH, dataset)
    require_dataset(ctx, actor, dataset)
    if build:
        build = builds.get(ctx, actor, build).version
    elif card_build:
        with suppress(NotFound):
            build = builds.get(ctx, actor, card_build).version
    provider, _, base_model = base.partition("/")
    arguments = {
        "dataset": dataset,
        "digest": digest,
        "build": build,
        "provider": provider,
        "base_model": base_model,
    }
    return submit_request(ctx, actor, RequestKind.ADD, arguments, f"dataset:{dataset}")


def promote(ctx: Context, actor: Actor, model_id: int, once: str = "") -> Request:
    """Ask the daemon to let a model serve; it refuses a model that failed its evaluation."""
    model = get(ctx, actor, model_id, Permission.PROMOTE)
    return submit(
        ctx, actor, RequestKind.PROMOTE, model.dataset, {"model": model.model}, once
    )


def accept(
    ctx: Context,
    actor: Actor,
    model_id: int,
    once: str = "",
    question: str = "",
    right: str = "",
) -> Request:
    """Ask the daemon to accept that a held model loses its questions, or the one with this digest.

    With `right`, "yes" or "no", to store that of its unsure answer to that question. The daemon
    refuses it for a model that is not held, or not for such a question, or not unsure.
    """
    model = get(ctx, actor, model_id, Permission.EDIT_EXAMPLES)
    chosen = {"model": model.model, "question": question, "right": right}
    arguments = {name: value for name, value in chosen.items() if value}
    return submit(ctx, actor, RequestKind.ACCEPT, model.dataset, arguments, once)


def pin(
    ctx: Context, actor: Actor, dataset: str, *, is_pinned: bool, once: str = ""
) -> Request:
    """Ask the daemon to keep the serving model, or to let newer ones serve again."""
    kind = RequestKind.PIN if is_pinned else RequestKind.UNPIN
    return submit(ctx, actor, kind, dataset, {"dataset": dataset}, once)


def pin_model(
    ctx: Context, actor: Actor, model_id: int, *, is_pinned: bool, once: str = ""
) -> Request:
    """Pin or unpin by model. Raises NotFound; Refused if the model does not serve."""
    model = get(ctx, actor, model_id, Permission.PROMOTE)
    if not model.serves:
        raise Refused("it does not serve", "model-not-serving", model=model.model)
    return pin(ctx, actor, model.dataset, is_pinned=is_pinned, once=once)


def roll_back(
    ctx: Context, actor: Actor, dataset: str, to: str = "", once: str = ""
) -> Request:
    """Ask the daemon to let an earlier model serve, pinned: `to`, or the previous one."""
    arguments = {"dataset": dataset} | ({"to": to} if to else {})
    return submit(ctx, actor, RequestKind.ROLLBACK, dataset, arguments, once)


def roll_back_to(ctx: Context, actor: Actor, model_id: int, once: str = "") -> Request:
    """Ask the daemon to let a model serve again, so that asking twice goes no further back."""
    model = get(ctx, actor, model_id, Permission.PROMOTE)
    return roll_back(ctx, actor, model.dataset, model.model, once)


def submit(
    ctx: Context,
    actor: Actor,
    kind: RequestKind,
    dataset: str,
    arguments: Mapping[str, str],
    once: str = "",
) -> Request:
    """Ask the daemon to change what serves a dataset. Raises NotFound."""
    is_accept = kind is RequestKind.ACCEPT
    actor.require(
        Permission.EDIT_EXAMPLES if is_accept else Permission.PROMOTE, dataset
    )
    require_dataset(ctx, actor, dataset)
    return submit_request(ctx, actor, kind, arguments, f"dataset:{dataset}", once)


_HOLDING_VERDICT = VERDICT.alias("held")
_OF_BUILD = MODEL.alias("of_build")


def _models() -> Select:
    """Return the query of models with their scores; `since` is NULL if they do not serve."""
    query = select_models().select_extend(
        SERVING.since,
        SERVING.is_pinned,
        _HOLDING_VERDICT.reason,
        _HOLDING_VERDICT.arguments,
    )
    query = query.join(SERVING, JOIN.LEFT_OUTER, on=(SERVING.model_row == MODEL.id))
    # If several commits wait for one model, any of them has the reason; take the newest.
    is_waiting = (VERDICT.status == VerdictStatus.TRAINING.value) & VERDICT.reason.in_(
        HOLDS
    )
    newest = VERDICT.select(fn.MAX(VERDICT.id)).where(
        (VERDICT.job_id == MODEL.job_id) & is_waiting
    )
    query = query.join(
        _HOLDING_VERDICT, JOIN.LEFT_OUTER, on=(_HOLDING_VERDICT.id == newest)
    )
    of_build = _OF_BUILD.select(_OF_BUILD.id).where(
        _OF_BUILD.build_id == MODEL.build_id
    )
    query = query.join(JOB, on=(JOB.id == MODEL.job_id)).select_extend(JOB.recipe)
    return query.select_extend(
        of_build.order_by(*best_first(_OF_BUILD)).limit(1).alias("best")
    )


def _model(row: Row) -> ModelView:
    reason = row.reason or ""
    arguments = load_json(row.arguments or "{}")
    build = build_version(row.dataset, row.build_number)
    return read_row(
        ModelView,
        row,
        model=row.model_id,
        build=build,
        title=build if build and row.best == row.id else row.model_id,
        job=row.job_id,
        trained=find_where_trained(load_json(row.recipe)),
        serves=row.since is not None,
        pinned=bool(row.is_pinned),
        held=reason in HOLDS,
        reason=reason,
        arguments=arguments,
        evaluation=(
            None
            if row.questions is None
            else read_row(Evaluation, row, right=row.right_count)
        ),
    )


def list_dataset_names(
    ctx: Context, actor: Actor, permission: Permission = Permission.WATCH
) -> list[str]:
    """Return the known datasets in which the actor has a permission, by name.

    Those to launch are without those removed from the repository.
    """
    either = choose_newest(VERDICT.select(VERDICT.dataset)) | SERVING.select(
        SERVING.dataset
    )
    names = {name for (name,) in ctx.db.rows(either)}
    names -= list_removed_datasets(ctx) if permission is Permission.LAUNCH else set()
    return sorted(name for name in names if actor.may(permission, name))


def require_dataset(ctx: Context, actor: Actor, dataset: str) -> None:
    """Raise NotFound for an unknown dataset.

    Does not apply to the operator: without a daemon, a command reads the repository first, and
    refuses by itself.
    """
    if not actor.is_operator and dataset not in list_dataset_names(ctx, actor):
        raise missing_dataset(dataset)
