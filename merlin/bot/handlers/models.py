"""Which model serves each dataset, what served before, how they compare; another one promoted.

    datasets -> dataset -> model -> promote | accept | compare
                        -> history

To let another model serve, to keep one and to go back are each asked twice, and done by the daemon.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from merlin.app import evaluation, models
from merlin.app.models import ModelState, ModelView, Scores, serving_models
from merlin.bot import menu
from merlin.bot.context import BotContext
from merlin.bot.handlers import admin
from merlin.bot.handlers.admin import performer, short_hash
from merlin.bot.handlers.jobs import await_daemon, picture_view, show_picture
from merlin.bot.menu import PAGE_SIZE, View
from merlin.bot.registry import Handlers
from merlin.bot.rendering import reference_name
from merlin.core.formatted_text import Button
from merlin.core.i18n import format_number, stored_text, text
from merlin.core.permissions import Permission
from merlin.core.score_charts import plot_scores_png
from merlin.training.models import Evaluation, Overlap

handlers = Handlers()


def evaluation_words(scores: Scores | Evaluation | None, language: str) -> str:
    """Return a model's scores as a sentence."""
    if scores is None or not scores.questions:
        return text(language, "bot-info-not-evaluated")
    figures = _figures(scores, language)
    return text(language, "bot-info-evaluation", questions=scores.questions, **figures)


def _figures(scores: Scores | Evaluation, language: str) -> dict[str, str]:
    return {
        "chrf": format_number(language, scores.chrf or 0, 1),
        "equal": f"{(scores.equal_share or 0) * 100:.0f}",
        "unknown": f"{(scores.unknown_share or 0) * 100:.0f}",
    }


def compared(one: ModelView, other: ModelView, overlap: Overlap, language: str) -> str:
    """Return two models side by side, in columns of even width.

    Scores on different questions are left out: side by side they say nothing.
    """
    both, rows = (one.scores, other.scores), [["", one.title, other.title]]
    asked_each = [str(each.questions) if each else "–" for each in both]
    rows.append([text(language, "admin-score-questions"), *asked_each])
    figures = [_figures(each, language) if each else {} for each in both]
    for name in _SCORES if overlap.is_same else ():
        cells = [figure.get(name, "–") for figure in figures]
        rows.append([text(language, f"admin-score-{name}"), *cells])
    wide, *widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join([head.ljust(wide), *map(str.rjust, cells, widths)]) for head, *cells in rows
    )


_MAX_LISTED = 400
_SCORES = ("chrf", "equal", "unknown")
_HISTORY = 15


@handlers.button("a-models", needs=Permission.WATCH)
def datasets(context: BotContext) -> View:
    """Show the datasets with what serves them."""
    serves = serving_models(*performer(context))

    def entry(name: str) -> Button:
        label = f"{name} · {serves[name].build if name in serves else '–'}"
        return Button(label, f"a-set:{short_hash(name)}:0")

    found = admin.datasets(context, Permission.WATCH)
    title, keys = context.translate("admin-models"), ("admin-models-which", "admin-no-datasets")
    return menu.list_card(context, title, keys, found, entry, "a-models", admin.HOME)


@handlers.button("a-set", needs=Permission.WATCH)
def dataset(context: BotContext) -> View:
    """Show one dataset: what serves, its models, what can be done."""
    name = admin.dataset_of(context, Permission.WATCH)
    mark, serves = short_hash(name), serving_models(*performer(context)).get(name)
    found = models.recent(*performer(context), name, _MAX_LISTED)
    may_promote = serves and admin.actor(context).may(Permission.PROMOTE, name)
    pin = "unpin" if serves and serves.pinned else "pin"
    acts = ((f"admin-{pin}", f"a-{pin}:{mark}"), ("admin-rollback", f"a-rollback:{mark}"))
    rows: menu.Rows = (
        *menu.list_rows(found, context.number(1), f"a-set:{mark}", partial(_entry, context)),
        acts if may_promote else (),
        ("admin-history", f"a-history:{mark}"),
        menu.back("a-models"),
    )
    message = context.translate("admin-serves-none", dataset=name)
    if serves:
        message = context.translate(
            "admin-serving-now",
            build=serves.build,
            model=serves.model,
            provider=serves.provider,
            since=admin.when(context, serves.since),
            pinned="yes" if serves.pinned else "no",
        )
    return menu.card(context, name, message, rows=rows)


def _entry(context: BotContext, model: ModelView, verb: str = "a-model") -> Button:
    sign = "▸ " if model.serves else ""
    scores, state = model.scores, context.translate(f"model-{model.display_state}")
    score = f" · {format_number(context.language, scores.chrf or 0, 1)}" if scores else ""
    return Button(f"{sign}{model.build} · {state}{score}", f"{verb}:{model.job}")


@handlers.button("a-history", needs=Permission.WATCH)
def history(context: BotContext) -> View:
    """Show what served when, why, and by whom."""
    name = admin.dataset_of(context, Permission.WATCH)
    found = models.recent(*performer(context), name, _MAX_LISTED)
    builds = {each.model: each.build for each in found}
    lines = [
        context.translate(
            "admin-history-line",
            at=admin.when(context, each.at),
            to=builds.get(each.to, each.to),
            why=admin.state_text(context, "why", each.why),
            by=reference_name(context.services, each.by, context.language),
        )
        for each in models.history(*performer(context), name, _HISTORY)
    ]
    message = "\n".join(lines) or context.translate("admin-serves-none", dataset=name)
    title, back = context.translate("admin-history-of", dataset=name), f"a-set:{short_hash(name)}:0"
    return menu.card(context, title, message, rows=(menu.back(back),))


def found(
    context: BotContext, place: int = 0, permission: Permission = Permission.WATCH
) -> ModelView:
    """Return the model of the job that a button names. Raises NotFound, also out of reach."""
    return models.of_job(*performer(context), context.number(place), permission)


@handlers.button("a-model", needs=Permission.WATCH)
def model(context: BotContext) -> View:
    """Show one model."""
    one = found(context)
    message = context.translate(
        "admin-model-what",
        model=one.model,
        provider=one.provider,
        state=context.translate(f"model-{one.display_state}"),
        created=admin.when(context, one.created_at),
    )
    may, is_held = admin.actor(context).may, one.display_state == "held"
    may_promote = one.is_promotable and may(Permission.PROMOTE, one.dataset)
    may_accept = is_held and bool(one.lost) and may(Permission.EDIT_EXAMPLES, one.dataset)
    proof = evaluation_words(one.scores, context.language)
    gate, held = models.gate_of(context.services, one), _held(context, one) if is_held else ""
    if one.display_state == "canary":
        held = f"{stored_text(context.language, one.reason, one.arguments)}."
    hints = []
    if one.scores and one.scores.is_full:
        hints.append(context.translate("eval-full", questions=one.scores.questions))
    if gate.is_untested and one.state is ModelState.GOOD:
        hints.append(
            context.translate(
                "eval-few-tests", kind=gate.kind, questions=gate.questions, least=gate.least
            )
        )
    rows: menu.Rows = (
        may_accept and ("admin-accept", f"a-accept:{one.job}", "primary"),
        may_promote and ("admin-promote", f"a-promote:{one.job}", "" if may_accept else "primary"),
        bool(one.scores) and ("admin-scores", f"a-scores:{one.job}"),
        (("admin-compare", f"a-against:{one.job}"), ("admin-its-job", f"a-job:{one.job}")),
        menu.back(f"a-set:{short_hash(one.dataset)}:0"),
    )
    return menu.card(context, one.title, message, proof, *hints, held, rows=rows)


@handlers.button("a-scores")
async def pictured(context: BotContext) -> None:
    """Send the scores of a dataset's versions as a picture."""

    def read() -> Callable[[], bytes] | None:
        one = found(context)
        report = evaluation.read_evaluation(*performer(context), one.title)
        scores = evaluation.scores_of(report, context.language, context.zone)
        title = context.translate("admin-scores-title", model=one.title)
        return partial(plot_scores_png, scores, context.language, title) if scores else None

    def act(context: BotContext, content: bytes) -> View:
        one = found(context)
        if not content:
            return menu.alert(context.translate("admin-scores-none"))
        shown = menu.card(context, one.title, evaluation_words(one.scores, context.language))
        return picture_view(shown, f"test-{one.title}.png", content)

    await show_picture(context, read, act)


def _held(context: BotContext, one: ModelView) -> str:
    """Return why the gate holds a model, and the questions that it is held for."""
    reason = stored_text(context.language, one.reason, one.arguments)
    listed = {"list": one.lost[:PAGE_SIZE], "more": max(len(one.lost) - PAGE_SIZE, 0)}
    return context.translate("admin-held", reason=reason, **listed)


@handlers.button("a-accept", needs=Permission.EDIT_EXAMPLES, twice=True)
def accept(context: BotContext) -> View:
    """Ask the daemon to let this model serve although it answers some questions otherwise."""
    one = found(context, permission=Permission.EDIT_EXAMPLES)
    back = f"a-model:{one.job}"
    if not menu.is_sure(context):
        message = context.translate("admin-ask-accept", build=one.title, dataset=one.dataset)
        held = _held(context, one)
        return menu.confirm(context, f"{message}\n\n{held}", "admin-accept", back, one.job)
    return await_daemon(context, partial(models.accept, model_id=one.id), back)


@handlers.button("a-against", needs=Permission.WATCH)
def against(context: BotContext) -> View:
    """Ask which model to compare with."""
    one = found(context)
    others = [
        _entry(context, each, f"a-compare:{one.job}")
        for each in models.recent(*performer(context), one.dataset, PAGE_SIZE + 1)
        if each.job != one.job
    ]
    message = context.translate("admin-compare-which" if others else "admin-compare-none")
    rows: menu.Rows = (*others, menu.back(f"a-model:{one.job}"))
    return menu.card(context, one.title, message, rows=rows)


@handlers.button("a-compare", needs=Permission.WATCH)
def compare(context: BotContext) -> View:
    """Show two models side by side."""
    one, other = found(context), found(context, 1)
    comparison = models.compare(context.services, one, other)
    message = context.translate("admin-compare-legend")
    if not comparison.is_same:
        message = context.translate("admin-compare-differ", shared=comparison.shared)
    table = menu.CodeBlock(compared(one, other, comparison, context.language), "")
    title, rows = context.translate("admin-compare"), (menu.back(f"a-model:{one.job}"),)
    return menu.card(context, title, message, table, rows=rows)


@handlers.button("a-promote", needs=Permission.PROMOTE, twice=True)
def promote(context: BotContext) -> View:
    """Ask the daemon to let this model serve."""
    model = found(context, permission=Permission.PROMOTE)
    back = f"a-model:{model.job}"
    if not menu.is_sure(context):
        message = context.translate("admin-ask-promote", build=model.title, dataset=model.dataset)
        proof = evaluation_words(model.scores, context.language)
        return menu.confirm(context, f"{message}\n\n{proof}", "admin-promote", back, model.job)
    return await_daemon(context, partial(models.promote, model_id=model.id), back)


@handlers.button("a-pin", "a-unpin", needs=Permission.PROMOTE, twice=True)
def pin(context: BotContext) -> View:
    """Ask the daemon to keep what serves, or to let newer ones serve again."""
    verb = context.verb.removeprefix("a-").removesuffix(menu.YES)
    name = admin.dataset_of(context, Permission.PROMOTE)
    mark = short_hash(name)
    if not menu.is_sure(context):
        message = context.translate(f"admin-ask-{verb}", dataset=name)
        return menu.confirm(context, message, f"admin-{verb}", f"a-set:{mark}:0", mark)
    act = partial(models.pin, dataset=name, is_pinned=verb == "pin")
    return await_daemon(context, act, f"a-set:{mark}:0")


@handlers.button("a-rollback", needs=Permission.PROMOTE, twice=True)
def roll_back(context: BotContext) -> View:
    """Ask the daemon to go back to the model that was shown."""
    name = admin.dataset_of(context, Permission.PROMOTE)
    mark, back = short_hash(name), f"a-set:{short_hash(name)}:0"
    if not menu.is_sure(context):
        target = models.rollback_target(*performer(context), name)
        message = context.translate("admin-ask-rollback", dataset=name, build=target.title)
        message = f"{message}\n\n{evaluation_words(target.scores, context.language)}"
        # The model is named in the button: pressed twice it goes back once.
        return menu.confirm(context, message, "admin-rollback", back, mark, target.job)
    act = partial(models.roll_back_to_job, dataset=name, job_id=context.number(1))
    return await_daemon(context, act, back)
