"""Which model serves each dataset, what served before, how they compare; another one promoted.

    datasets -> dataset -> model -> promote | compare
                        -> history

To let another model serve, to keep one and to go back are each asked twice, and done by the daemon.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from merlin.app import models
from merlin.app.datasets import ServingView, serving
from merlin.app.models import ModelView, Scores
from merlin.bot.context import BotApplication, Event, Kit, add_handlers
from merlin.bot.handlers import admin
from merlin.bot.handlers.admin import AT_ONCE, guarded, to_admin_home
from merlin.bot.handlers.jobs import await_daemon
from merlin.bot.handlers.questions import number
from merlin.bot.menu import Screen
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


def datasets(kit: Kit, event: Event) -> Screen:
    """Show the datasets with what serves them."""
    serves = serving(kit.services.context, admin.actor(kit, event))
    rows: list[tuple[Button, ...]] = []
    found_ = admin.datasets(kit, event, Permission.WATCH)
    here, page, has_more = admin.page_of(found_, number(event))
    for name in here:
        label = f"{name} · {serves[name].build if name in serves else '–'}"
        rows.append((Button(label, f"a-set:{admin.short(name)}:0"),))
    title = text(event.language, "admin-models")
    words = text(event.language, "admin-models-which" if rows else "admin-no-datasets")
    more = admin.turning("a-models", page, has_more=has_more)
    return admin.panel_screen(title, words, rows=[*rows, more, to_admin_home(event)])


def dataset(kit: Kit, event: Event) -> Screen:
    """Show one dataset: what serves, its models, what can be done."""
    name = admin.dataset_of(kit, event, Permission.WATCH)
    ctx, actor, mark = kit.services.context, admin.actor(kit, event), admin.short(name)
    serves = serving(ctx, actor).get(name)
    found = models.recent(ctx, actor, name, _MOST_LISTED)
    here, page, has_more = admin.page_of(found, number(event, 1))
    entries = [(Button(_entry(event, each), f"a-model:{each.job}"),) for each in here]
    more = admin.turning(f"a-set:{mark}", page, has_more=has_more)
    history = admin.button(event, "admin-history", f"a-history:{mark}")
    words = text(event.language, "admin-serves-none", dataset=name)
    if serves:
        words = _serving_words(kit, event, serves)
    acts, back = _doings(kit, event, name, serves), admin.back(event, "a-models")
    return admin.panel_screen(name, words, rows=[*entries, more, acts, (history,), back])


def _serving_words(kit: Kit, event: Event, serves: ServingView) -> str:
    return text(
        event.language,
        "admin-serving-now",
        build=serves.build,
        model=serves.model,
        provider=serves.provider,
        since=admin.when(kit, event, serves.since),
        pinned="yes" if serves.pinned else "no",
    )


def _entry(event: Event, model: ModelView) -> str:
    sign = "▸ " if model.serves else ""
    score = f" · {model.scores.chrf:.1f}" if model.scores else ""
    state = text(event.language, f"model-{model.display_state}")
    return f"{sign}{model.build} · {state}{score}"


def _doings(kit: Kit, event: Event, name: str, serves: ServingView | None) -> tuple[Button, ...]:
    """Return what may be done with what serves."""
    if not serves or not admin.actor(kit, event).may(Permission.PROMOTE, name):
        return ()
    mark = admin.short(name)
    pin = ("admin-unpin", "a-unpin") if serves.pinned else ("admin-pin", "a-pin")
    return (
        admin.button(event, pin[0], f"{pin[1]}:{mark}"),
        admin.button(event, "admin-rollback", f"a-rollback:{mark}"),
    )


def history(kit: Kit, event: Event) -> Screen:
    """Show what served when, why, and by whom."""
    name = admin.dataset_of(kit, event, Permission.WATCH)
    ctx, actor = kit.services.context, admin.actor(kit, event)
    builds = {each.model: each.build for each in models.recent(ctx, actor, name, _MOST_LISTED)}
    said = [
        text(
            event.language,
            "admin-history-line",
            at=admin.when(kit, event, each.at),
            to=builds.get(each.to, each.to),
            why=admin.word(event, "why", each.why),
            by=named(kit.services, each.by, event.language),
        )
        for each in models.history(ctx, actor, name, _HISTORY)
    ]
    title = text(event.language, "admin-history-of", dataset=name)
    none = text(event.language, "admin-serves-none", dataset=name)
    rows = [admin.back(event, f"a-set:{admin.short(name)}:0")]
    return admin.panel_screen(title, "\n".join(said) or none, rows=rows)


def found(
    kit: Kit, event: Event, place: int = 0, permission: Permission = Permission.WATCH
) -> ModelView:
    """Return the model of the job that a button names. Raises NotFound, also out of reach."""
    ctx, actor = kit.services.context, admin.actor(kit, event)
    return models.of_job(ctx, actor, number(event, place), permission)


def model(kit: Kit, event: Event) -> Screen:
    """Show one model."""
    one = found(kit, event)
    job, mark = one.job, admin.short(one.dataset)
    words = text(
        event.language,
        "admin-model-what",
        model=one.model,
        provider=one.provider,
        state=text(event.language, f"model-{one.display_state}"),
        created=admin.when(kit, event, one.created_at),
    )
    may = admin.actor(kit, event).may(Permission.PROMOTE, one.dataset)
    promote = admin.button(event, "admin-promote", f"a-promote:{job}", "primary")
    return admin.panel_screen(
        one.title,
        words,
        evaluation_words(one.scores, event.language),
        rows=[
            (promote,) if may and one.is_promotable else (),
            (
                admin.button(event, "admin-compare", f"a-against:{job}"),
                admin.button(event, "admin-its-job", f"a-job:{job}"),
            ),
            admin.back(event, f"a-set:{mark}:0"),
        ],
    )


def against(kit: Kit, event: Event) -> Screen:
    """Ask which model to compare with."""
    one = found(kit, event)
    ctx, actor = kit.services.context, admin.actor(kit, event)
    rows: list[tuple[Button, ...]] = [
        (Button(_entry(event, each), f"a-compare:{one.job}:{each.job}"),)
        for each in models.recent(ctx, actor, one.dataset, AT_ONCE + 1)
        if each.job != one.job
    ]
    words = text(event.language, "admin-compare-which" if rows else "admin-compare-none")
    rows.append(admin.back(event, f"a-model:{one.job}"))
    return admin.panel_screen(one.title, words, rows=rows)


def compare(kit: Kit, event: Event) -> Screen:
    """Show two models side by side."""
    one, other = found(kit, event), found(kit, event, 1)
    title = text(event.language, "admin-compare")
    rows = [admin.back(event, f"a-model:{one.job}")]
    asked = models.compare(kit.services.context, one, other)
    words = text(event.language, "admin-compare-legend")
    if not asked.is_same:
        words = text(event.language, "admin-compare-differ", shared=asked.shared)
    table = compared(one, other, asked, event.language)
    return admin.block(admin.panel_screen(title, words, rows=rows), table)


def ask_promote(kit: Kit, event: Event) -> Screen:
    """Ask whether this model is to serve."""
    model = found(kit, event, permission=Permission.PROMOTE)
    words = text(event.language, "admin-ask-promote", build=model.title, dataset=model.dataset)
    proof = evaluation_words(model.scores, event.language)
    yes = admin.button(event, "admin-promote", f"a-promote-yes:{model.job}")
    return admin.asks(event, f"{words}\n\n{proof}", yes, f"a-model:{model.job}")


def promote(kit: Kit, event: Event) -> Screen:
    """Ask the daemon to let this model serve."""
    model = found(kit, event, permission=Permission.PROMOTE)
    act = partial(models.promote, model_id=model.id)
    return await_daemon(kit, event, act, f"a-model:{model.job}")


def ask_pin(kit: Kit, event: Event, verb: str) -> Screen:
    """Ask whether to keep what serves, or to let newer ones serve again."""
    name = admin.dataset_of(kit, event, Permission.PROMOTE)
    words = text(event.language, f"admin-ask-{verb}", dataset=name)
    yes = admin.button(event, f"admin-{verb}", f"a-{verb}-yes:{admin.short(name)}")
    return admin.asks(event, words, yes, f"a-set:{admin.short(name)}:0")


def pin(kit: Kit, event: Event, *, is_pinned: bool) -> Screen:
    """Ask the daemon to pin or unpin."""
    name = admin.dataset_of(kit, event, Permission.PROMOTE)
    act = partial(models.pin, dataset=name, is_pinned=is_pinned)
    return await_daemon(kit, event, act, f"a-set:{admin.short(name)}:0")


def ask_rollback(kit: Kit, event: Event) -> Screen:
    """Ask whether to go back, and to which model."""
    name = admin.dataset_of(kit, event, Permission.PROMOTE)
    target = models.rollback_target(kit.services.context, admin.actor(kit, event), name)
    words = text(event.language, "admin-ask-rollback", dataset=name, build=target.title)
    proof, mark = evaluation_words(target.scores, event.language), admin.short(name)
    # The model is named in the button: pressed twice it goes back once.
    yes = admin.button(event, "admin-rollback", f"a-rollback-yes:{mark}:{target.job}")
    return admin.asks(event, f"{words}\n\n{proof}", yes, f"a-set:{mark}:0")


def rollback(kit: Kit, event: Event) -> Screen:
    """Ask the daemon to go back to the model that was shown."""
    name = admin.dataset_of(kit, event, Permission.PROMOTE)
    act = partial(models.roll_back_to_job, dataset=name, job_id=number(event, 1))
    return await_daemon(kit, event, act, f"a-set:{admin.short(name)}:0")


def register(application: BotApplication) -> None:
    """Add the handlers of this file."""
    add_handlers(
        application,
        buttons={
            "a-models": guarded(Permission.WATCH, datasets),
            "a-set": guarded(Permission.WATCH, dataset),
            "a-history": guarded(Permission.WATCH, history),
            "a-model": guarded(Permission.WATCH, model),
            "a-against": guarded(Permission.WATCH, against),
            "a-compare": guarded(Permission.WATCH, compare),
            "a-promote": guarded(Permission.PROMOTE, ask_promote),
            "a-promote-yes": guarded(Permission.PROMOTE, promote),
            "a-pin": guarded(Permission.PROMOTE, partial(ask_pin, verb="pin")),
            "a-unpin": guarded(Permission.PROMOTE, partial(ask_pin, verb="unpin")),
            "a-pin-yes": guarded(Permission.PROMOTE, partial(pin, is_pinned=True)),
            "a-unpin-yes": guarded(Permission.PROMOTE, partial(pin, is_pinned=False)),
            "a-rollback": guarded(Permission.PROMOTE, ask_rollback),
            "a-rollback-yes": guarded(Permission.PROMOTE, rollback),
        },
    )
