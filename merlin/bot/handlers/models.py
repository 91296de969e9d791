"""Models: which one serves each dataset, history, scores and comparison; promotion.

    datasets -> dataset -> model -> promote | accept | compare
                        -> history

Promotion, pinning and rollback ask for confirmation and are requested from the daemon.
"""

from functools import partial

from merlin.app import evaluation, models
from merlin.app.models import ModelView, list_dataset_names, read_serving_models
from merlin.bot import menu
from merlin.bot.context import BotContext
from merlin.bot.handlers import admin
from merlin.bot.handlers.jobs import Picture, await_daemon, show_picture
from merlin.bot.menu import PAGE_SIZE, View, short_hash
from merlin.bot.registry import Handlers
from merlin.bot.rendering import dataset_title, format_time, reference_name, state_text
from merlin.core.formatted_text import Button, FormattedMessage
from merlin.core.i18n import format_number, render_stored_text, text
from merlin.core.permissions import Permission
from merlin.core.score_charts import plot_scores_png
from merlin.training.evaluation import Comparison
from merlin.training.models import ModelState
from merlin.training.scores import Evaluation

handlers = Handlers(Permission.WATCH)


def evaluation_text(scores: Evaluation | None, language: str) -> str:
    """Return a model's scores as a sentence."""
    if scores is None or not scores.questions:
        return text(language, "bot-info-not-evaluated")
    return text(
        language,
        "bot-info-evaluation",
        questions=scores.questions,
        right=str(scores.right),
        chrf=format_number(language, scores.chrf, 1),
        equal=f"{scores.equal_share * 100:.0f}",
        unknown=f"{scores.unknown_share * 100:.0f}",
    )


def comparison_table(comparison: Comparison, language: str) -> str:
    """Return a table of the scores of two models on their common questions, in aligned columns."""
    heads = ["", *(text(language, f"eval-col-{name}") for name in (*_COUNTS, "chrf"))]
    columns = [
        [
            scores.model,
            *(str(getattr(scores, name)) for name in _COUNTS),
            format_number(language, scores.chrf, 1),
        ]
        for scores in (comparison.now, comparison.before)
    ]
    first_width, *widths = [max(map(len, column)) for column in (heads, *columns)]
    return "\n".join(
        "  ".join([head.ljust(first_width), *map(str.rjust, cells, widths)])
        for head, *cells in zip(heads, *columns, strict=True)
    )


_COUNTS = ("questions", "right", "wrong", "refused", "exact")
_MAX_HISTORY = 15


@handlers.button("a-models")
def list_datasets(context: BotContext) -> View:
    """List the datasets with their live models."""
    serving = read_serving_models(*context.caller)

    def entry(name: str) -> Button:
        title = dataset_title(context, name)
        label = f"{title} · {serving[name].build if name in serving else '–'}"
        return Button(label, f"a-set:{short_hash(name)}:0")

    names = list_dataset_names(*context.caller, Permission.WATCH)
    title, keys = context.translate("admin-models"), ("admin-models-which", "admin-no-datasets")
    return menu.list_card(context, title, keys, names, entry, "a-models", admin.HOME)


@handlers.button("a-set")
def show_dataset(context: BotContext) -> View:
    """Show a dataset: its live model, its models, and the actions."""
    name = admin.dataset_of(context, Permission.WATCH)
    dataset_hash, serving = short_hash(name), read_serving_models(*context.caller).get(name)
    limit = menu.items_to_read(context.number(1))
    found_models = models.list_recent(*context.caller, name, limit)
    may_promote = bool(serving) and context.actor.may(Permission.PROMOTE, name)
    pin = "unpin" if serving and serving.pinned else "pin"
    rows: menu.Rows = (
        *menu.list_rows(
            found_models, context.number(1), f"a-set:{dataset_hash}", partial(_entry, context)
        ),
        may_promote and (f"admin-{pin}", f"a-{pin}:{dataset_hash}"),
        may_promote and ("admin-rollback", f"a-rollback:{dataset_hash}"),
        ("admin-history", f"a-history:{dataset_hash}"),
        menu.back("a-models"),
    )
    title = dataset_title(context, name)
    message = context.translate("admin-live-model-none", dataset=title)
    if serving:
        message = context.translate(
            "admin-serving-now",
            build=serving.build,
            model=serving.model,
            provider=serving.provider,
            since=format_time(context, serving.since),
            pinned="yes" if serving.pinned else "no",
        )
        if serving.removed:
            message += "\n" + context.translate("page-board-removed")
    return menu.card(context, title, message, rows=rows)


def _entry(context: BotContext, model: ModelView, verb: str = "a-model") -> Button:
    sign = "▸ " if model.serves else ""
    scores, state = model.scores, context.translate(f"model-{model.display_state}")
    score = f" · {scores.right}/{scores.questions}" if scores else ""
    return Button(f"{sign}{model.title} · {state}{score}", f"{verb}:{model.job}")


@handlers.button("a-history")
def show_history(context: BotContext) -> View:
    """Show which models served, when, why, and who promoted them."""
    name = admin.dataset_of(context, Permission.WATCH)
    promotions = models.list_promotions(*context.caller, name, _MAX_HISTORY)
    titles = models.name_promotions(context.services, promotions)
    lines = [
        context.translate(
            "admin-history-line",
            at=format_time(context, entry.at),
            to=titles.get(entry.to, entry.to),
            why=state_text(context, "why", entry.why),
            by=reference_name(context.services, entry.by, context.language),
        )
        for entry in promotions
    ]
    dataset, back = dataset_title(context, name), f"a-set:{short_hash(name)}:0"
    message = "\n".join(lines) or context.translate("admin-live-model-none", dataset=dataset)
    title = context.translate("admin-history-of", dataset=dataset)
    return menu.card(context, title, message, rows=(menu.back(back),))


def model_of(
    context: BotContext, place: int = 0, permission: Permission = Permission.WATCH
) -> ModelView:
    """Return the model of the job in the callback data. Raises NotFound."""
    return models.read_of_job(*context.caller, context.number(place), permission)


@handlers.button("a-model")
def show_model(context: BotContext) -> View:
    """Show a model."""
    view = model_of(context)
    message = context.translate(
        "admin-model-summary",
        model=view.model,
        provider=view.provider,
        state=context.translate(f"model-{view.display_state}"),
        created=format_time(context, view.created_at),
    )
    may, is_held = context.actor.may, view.display_state == "held"
    may_promote = view.is_promotable and may(Permission.PROMOTE, view.dataset)
    may_accept = is_held and bool(view.lost) and may(Permission.EDIT_EXAMPLES, view.dataset)
    proof = evaluation_text(view.scores, context.language)
    gate = models.read_gate(context.services, view)
    held = _render_held_reason(context, view)
    hints = []
    if view.scores and view.scores.is_full:
        hints.append(context.translate("eval-full", questions=view.scores.questions))
    if gate.is_untested and view.state is ModelState.GOOD:
        hints.append(
            context.translate(
                "eval-few-tests", kind=gate.kind, questions=gate.questions, least=gate.least
            )
        )
    rows: menu.Rows = (
        may_accept and ("admin-accept", f"a-accept:{view.job}", "primary"),
        may_promote and ("admin-promote", f"a-promote:{view.job}", "" if may_accept else "primary"),
        bool(view.scores) and ("admin-scores", f"a-scores:{view.job}"),
        (("admin-compare", f"a-against:{view.job}"), ("admin-its-job", f"a-job:{view.job}")),
        menu.back(f"a-set:{short_hash(view.dataset)}:0"),
    )
    return menu.card(context, view.title, message, proof, *hints, held, rows=rows)


@handlers.button("a-scores")
async def send_scores(context: BotContext) -> None:
    """Send a picture of the scores of a dataset's versions."""

    def read() -> Picture | None:
        view = model_of(context)
        report = evaluation.read_evaluation(*context.caller, view.model)
        scores = evaluation.build_scores(report, context.language, context.zone)
        if not scores:
            return None
        title = context.translate("admin-scores-title", model=view.title)
        card = menu.card(context, view.title, evaluation_text(view.scores, context.language))
        draw = partial(plot_scores_png, scores, context.language, title)
        return card, f"test-{view.title}.png", draw

    await show_picture(context, read, "admin-scores-none")


def _render_held_reason(context: BotContext, view: ModelView) -> str:
    """Return why the gate holds a model, with the questions it lost, "" if it does not."""
    if view.display_state != "held":
        return ""
    reason = render_stored_text(context.language, view.reason, view.arguments)
    questions = {"list": view.lost[:PAGE_SIZE], "more": max(len(view.lost) - PAGE_SIZE, 0)}
    return context.translate("admin-held", reason=reason, **questions)


@handlers.button("a-accept", needs=Permission.EDIT_EXAMPLES, twice=True)
def accept(context: BotContext) -> View:
    """Request from the daemon that a held model is accepted despite its lost questions."""
    view = model_of(context, permission=Permission.EDIT_EXAMPLES)
    back = f"a-model:{view.job}"
    if not menu.is_confirmed(context):
        message = context.translate(
            "admin-ask-accept",
            build=view.title,
            dataset=dataset_title(context, view.dataset),
        )
        reason = _render_held_reason(context, view)
        return menu.confirm(context, f"{message}\n\n{reason}", "admin-accept", back, view.job)
    return await_daemon(context, partial(models.accept, model_id=view.id), back)


@handlers.button("a-against")
def ask_comparison(context: BotContext) -> View:
    """Ask which model to compare with."""
    view = model_of(context)
    others = [
        _entry(context, other, f"a-compare:{view.job}")
        for other in models.list_recent(*context.caller, view.dataset, PAGE_SIZE + 1)
        if other.job != view.job
    ]
    message = context.translate("admin-compare-which" if others else "admin-compare-none")
    rows: menu.Rows = (*others, menu.back(f"a-model:{view.job}"))
    return menu.card(context, view.title, message, rows=rows)


@handlers.button("a-compare")
def compare(context: BotContext) -> View:
    """Compare two models."""
    first, second = model_of(context), model_of(context, 1)
    comparison = evaluation.evaluate(*context.caller, first.model, second.model).comparison
    parts: list[str | FormattedMessage] = []
    if comparison:
        parts.append(evaluation.describe_comparison(comparison, context.language))
    if comparison and comparison.now.questions:
        parts.append(menu.code_block(comparison_table(comparison, context.language), ""))
    title, rows = context.translate("admin-compare"), (menu.back(f"a-model:{first.job}"),)
    return menu.card(context, title, *parts, rows=rows)


@handlers.button("a-promote", needs=Permission.PROMOTE, twice=True)
def promote(context: BotContext) -> View:
    """Request promotion of the model from the daemon."""
    model = model_of(context, permission=Permission.PROMOTE)
    back = f"a-model:{model.job}"
    if not menu.is_confirmed(context):
        message = context.translate(
            "admin-ask-promote",
            build=model.title,
            dataset=dataset_title(context, model.dataset),
        )
        proof = evaluation_text(model.scores, context.language)
        parts = filter(None, (message, proof, _render_held_reason(context, model)))
        return menu.confirm(context, "\n\n".join(parts), "admin-promote", back, model.job)
    return await_daemon(context, partial(models.promote, model_id=model.id), back)


@handlers.button("a-pin", "a-unpin", needs=Permission.PROMOTE, twice=True)
def pin(context: BotContext) -> View:
    """Request from the daemon that the live model is pinned or unpinned."""
    verb = context.verb.removeprefix("a-").removesuffix(menu.YES)
    name = admin.dataset_of(context, Permission.PROMOTE)
    dataset_hash, back = short_hash(name), f"a-set:{short_hash(name)}:0"
    if not menu.is_confirmed(context):
        message = context.translate(f"admin-ask-{verb}", dataset=dataset_title(context, name))
        return menu.confirm(context, message, f"admin-{verb}", back, dataset_hash)
    act = partial(models.pin, dataset=name, is_pinned=verb == "pin")
    return await_daemon(context, act, back)


@handlers.button("a-rollback", needs=Permission.PROMOTE, twice=True)
def roll_back(context: BotContext) -> View:
    """Request rollback to the model that was shown from the daemon."""
    name = admin.dataset_of(context, Permission.PROMOTE)
    dataset_hash, back = short_hash(name), f"a-set:{short_hash(name)}:0"
    if not menu.is_confirmed(context):
        target = models.find_rollback_target(*context.caller, name)
        message = context.translate(
            "admin-ask-rollback", dataset=dataset_title(context, name), build=target.title
        )
        message = f"{message}\n\n{evaluation_text(target.scores, context.language)}"
        # The button names the model, so that a second press does not roll back twice.
        return menu.confirm(context, message, "admin-rollback", back, dataset_hash, target.job)
    model = model_of(context, 1, Permission.PROMOTE)
    return await_daemon(context, partial(models.roll_back_to, model_id=model.id), back)
