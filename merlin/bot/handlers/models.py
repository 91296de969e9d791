"""Which model serves each dataset, what served before, how they compare; another one promoted.

    datasets -> dataset -> model -> promote | compare
                        -> history

To let another model serve, to keep one and to go back are each asked twice, and done by the daemon.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from merlin.app import models
from merlin.app.datasets import ServingView, serving
from merlin.app.models import ModelView, Scores
from merlin.bot import menu
from merlin.bot.context import Act, BotApplication, BotContext
from merlin.bot.handlers import admin
from merlin.bot.handlers.admin import add_admin_handlers, to_admin_home
from merlin.bot.handlers.jobs import await_daemon
from merlin.bot.menu import PAGE_SIZE, View
from merlin.bot.rendering import named
from merlin.core.formatted_text import Button
from merlin.core.i18n import text
from merlin.core.permissions import Permission
from merlin.training.evaluate import Overlap


def evaluation_words(scores: Scores | None, language: str) -> str:
    """Return a model's scores as a sentence."""
    if scores is None:
        return text(language, "bot-info-not-evaluated")
    return text(language, "bot-info-evaluation", questions=scores.questions, **_figures(scores))


def _figures(scores: Scores) -> dict[str, str]:
    return {
        "chrf": f"{scores.chrf or 0:.1f}",
        "equal": f"{(scores.equal_share or 0) * 100:.0f}",
        "unknown": f"{(scores.unknown_share or 0) * 100:.0f}",
    }


def compared(one: ModelView, other: ModelView, asked: Overlap, language: str) -> str:
    """Return two models side by side, in columns of even width.

    Scores on different questions are left out: side by side they say nothing.
    """
    both = [_column(each, is_comparable=asked.is_same) for each in (one, other)]
    names = ["", *(text(language, f"admin-score-{name}") for name in both[0] if name != "build")]
    cells = [[column[name] for column in both] for name in both[0]]
    return _columns([[name, *row] for name, row in zip(names, cells, strict=True)])


def _column(model: ModelView, *, is_comparable: bool) -> dict[str, str]:
    scores = model.scores
    column = {"build": model.title, "questions": str(scores.questions) if scores else "–"}
    if not is_comparable:
        return column
    return column | (_figures(scores) if scores else dict.fromkeys(_SCORES, "–"))


def _columns(rows: Sequence[Sequence[str]]) -> str:
    widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if place == 0 else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    )


_MOST_LISTED = 400
_SCORES = ("chrf", "equal", "unknown")
_HISTORY = 15


def datasets(context: BotContext) -> View:
    """Show the datasets with what serves them."""
    serves = serving(context.services, admin.actor(context))

    def entry(name: str) -> Button:
        label = f"{name} · {serves[name].build if name in serves else '–'}"
        return Button(label, f"a-set:{admin.short(name)}:0")

    found = admin.datasets(context, Permission.WATCH)
    rows = menu.list_rows(found, context.number(), "a-models", entry)
    words = context.translate("admin-models-which" if found else "admin-no-datasets")
    title = context.translate("admin-models")
    return menu.card(title, words, rows=[*rows, to_admin_home(context)])


def dataset(context: BotContext) -> View:
    """Show one dataset: what serves, its models, what can be done."""
    name = admin.dataset_of(context, Permission.WATCH)
    ctx, actor, mark = context.services, admin.actor(context), admin.short(name)
    serves = serving(ctx, actor).get(name)
    found = models.recent(ctx, actor, name, _MOST_LISTED)
    entries = menu.list_rows(found, context.number(1), f"a-set:{mark}", partial(_entry, context))
    history = menu.button(context, "admin-history", f"a-history:{mark}")
    words = context.translate("admin-serves-none", dataset=name)
    if serves:
        words = _serving_words(context, serves)
    acts, back = _doings(context, name, serves), menu.back(context, "a-models")
    return menu.card(name, words, rows=[*entries, acts, (history,), back])


def _serving_words(context: BotContext, serves: ServingView) -> str:
    return context.translate(
        "admin-serving-now",
        build=serves.build,
        model=serves.model,
        provider=serves.provider,
        since=admin.when(context, serves.since),
        pinned="yes" if serves.pinned else "no",
    )


def _entry(context: BotContext, model: ModelView) -> Button:
    sign = "▸ " if model.serves else ""
    score = f" · {model.scores.chrf:.1f}" if model.scores else ""
    state = context.translate(f"model-{model.display_state}")
    return Button(f"{sign}{model.build} · {state}{score}", f"a-model:{model.job}")


def _doings(context: BotContext, name: str, serves: ServingView | None) -> tuple[Button, ...]:
    """Return what may be done with what serves."""
    if not serves or not admin.actor(context).may(Permission.PROMOTE, name):
        return ()
    mark = admin.short(name)
    pin = ("admin-unpin", "a-unpin") if serves.pinned else ("admin-pin", "a-pin")
    return (
        menu.button(context, pin[0], f"{pin[1]}:{mark}"),
        menu.button(context, "admin-rollback", f"a-rollback:{mark}"),
    )


def history(context: BotContext) -> View:
    """Show what served when, why, and by whom."""
    name = admin.dataset_of(context, Permission.WATCH)
    ctx, actor = context.services, admin.actor(context)
    builds = {each.model: each.build for each in models.recent(ctx, actor, name, _MOST_LISTED)}
    said = [
        context.translate(
            "admin-history-line",
            at=admin.when(context, each.at),
            to=builds.get(each.to, each.to),
            why=admin.state_text(context, "why", each.why),
            by=named(context.services, each.by, context.language),
        )
        for each in models.history(ctx, actor, name, _HISTORY)
    ]
    title = context.translate("admin-history-of", dataset=name)
    none = context.translate("admin-serves-none", dataset=name)
    rows = [menu.back(context, f"a-set:{admin.short(name)}:0")]
    return menu.card(title, "\n".join(said) or none, rows=rows)


def found(
    context: BotContext, place: int = 0, permission: Permission = Permission.WATCH
) -> ModelView:
    """Return the model of the job that a button names. Raises NotFound, also out of reach."""
    ctx, actor = context.services, admin.actor(context)
    return models.of_job(ctx, actor, context.number(place), permission)


def model(context: BotContext) -> View:
    """Show one model."""
    one = found(context)
    job, mark = one.job, admin.short(one.dataset)
    words = context.translate(
        "admin-model-what",
        model=one.model,
        provider=one.provider,
        state=context.translate(f"model-{one.display_state}"),
        created=admin.when(context, one.created_at),
    )
    may = admin.actor(context).may(Permission.PROMOTE, one.dataset)
    promote = menu.button(context, "admin-promote", f"a-promote:{job}", "primary")
    return menu.card(
        one.title,
        words,
        evaluation_words(one.scores, context.language),
        rows=[
            (promote,) if may and one.is_promotable else (),
            (
                menu.button(context, "admin-compare", f"a-against:{job}"),
                menu.button(context, "admin-its-job", f"a-job:{job}"),
            ),
            menu.back(context, f"a-set:{mark}:0"),
        ],
    )


def against(context: BotContext) -> View:
    """Ask which model to compare with."""
    one = found(context)
    ctx, actor = context.services, admin.actor(context)
    rows: list[tuple[Button, ...]] = [
        (replace(_entry(context, each), data=f"a-compare:{one.job}:{each.job}"),)
        for each in models.recent(ctx, actor, one.dataset, PAGE_SIZE + 1)
        if each.job != one.job
    ]
    words = context.translate("admin-compare-which" if rows else "admin-compare-none")
    rows.append(menu.back(context, f"a-model:{one.job}"))
    return menu.card(one.title, words, rows=rows)


def compare(context: BotContext) -> View:
    """Show two models side by side."""
    one, other = found(context), found(context, 1)
    title = context.translate("admin-compare")
    rows = [menu.back(context, f"a-model:{one.job}")]
    asked = models.compare(context.services, one, other)
    words = context.translate("admin-compare-legend")
    if not asked.is_same:
        words = context.translate("admin-compare-differ", shared=asked.shared)
    table = compared(one, other, asked, context.language)
    return menu.card(title, words, menu.CodeBlock(table, ""), rows=rows)


def ask_promote(context: BotContext) -> View:
    """Ask whether this model is to serve."""
    model = found(context, permission=Permission.PROMOTE)
    words = context.translate("admin-ask-promote", build=model.title, dataset=model.dataset)
    proof = evaluation_words(model.scores, context.language)
    yes = menu.button(context, "admin-promote", f"a-promote-yes:{model.job}")
    return menu.confirm(context, f"{words}\n\n{proof}", yes, f"a-model:{model.job}")


def promote(context: BotContext) -> View:
    """Ask the daemon to let this model serve."""
    model = found(context, permission=Permission.PROMOTE)
    act = partial(models.promote, model_id=model.id)
    return await_daemon(context, act, f"a-model:{model.job}")


def ask_pin(context: BotContext, verb: str) -> View:
    """Ask whether to keep what serves, or to let newer ones serve again."""
    name = admin.dataset_of(context, Permission.PROMOTE)
    words = context.translate(f"admin-ask-{verb}", dataset=name)
    yes = menu.button(context, f"admin-{verb}", f"a-{verb}-yes:{admin.short(name)}")
    return menu.confirm(context, words, yes, f"a-set:{admin.short(name)}:0")


def pin(context: BotContext, *, is_pinned: bool) -> View:
    """Ask the daemon to pin or unpin."""
    name = admin.dataset_of(context, Permission.PROMOTE)
    act = partial(models.pin, dataset=name, is_pinned=is_pinned)
    return await_daemon(context, act, f"a-set:{admin.short(name)}:0")


def ask_rollback(context: BotContext) -> View:
    """Ask whether to go back, and to which model."""
    name = admin.dataset_of(context, Permission.PROMOTE)
    target = models.rollback_target(context.services, admin.actor(context), name)
    words = context.translate("admin-ask-rollback", dataset=name, build=target.title)
    proof, mark = evaluation_words(target.scores, context.language), admin.short(name)
    # The model is named in the button: pressed twice it goes back once.
    yes = menu.button(context, "admin-rollback", f"a-rollback-yes:{mark}:{target.job}")
    return menu.confirm(context, f"{words}\n\n{proof}", yes, f"a-set:{mark}:0")


def rollback(context: BotContext) -> View:
    """Ask the daemon to go back to the model that was shown."""
    name = admin.dataset_of(context, Permission.PROMOTE)
    act = partial(models.roll_back_to_job, dataset=name, job_id=context.number(1))
    return await_daemon(context, act, f"a-set:{admin.short(name)}:0")


def register(application: BotApplication) -> None:
    """Add the handlers of this file."""
    watching = {
        "a-models": datasets,
        "a-set": dataset,
        "a-history": history,
        "a-model": model,
        "a-against": against,
        "a-compare": compare,
    }
    promoting: dict[str, Act] = {
        "a-promote": ask_promote,
        "a-promote-yes": promote,
        "a-pin": partial(ask_pin, verb="pin"),
        "a-unpin": partial(ask_pin, verb="unpin"),
        "a-pin-yes": partial(pin, is_pinned=True),
        "a-unpin-yes": partial(pin, is_pinned=False),
        "a-rollback": ask_rollback,
        "a-rollback-yes": rollback,
    }
    add_admin_handlers(application, Permission.WATCH, watching)
    add_admin_handlers(application, Permission.PROMOTE, promoting)
