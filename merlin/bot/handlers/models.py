"""Which model serves each dataset, what served before, how they compare; another one promoted.

    datasets -> dataset -> model -> promote | compare
                        -> history

To let another model serve, to keep one and to go back are each asked twice, and done by the daemon.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from merlin.bot.context import BotApplication, Event, Kit, add_handlers
from merlin.bot.handlers import admin
from merlin.bot.handlers.admin import AT_ONCE, guarded, to_admin_home
from merlin.bot.handlers.jobs import ask_daemon
from merlin.bot.handlers.questions import number
from merlin.bot.menu import Screen
from merlin.bot.rendering import named
from merlin.core.errors import NotFound
from merlin.core.formatted_text import Button
from merlin.core.i18n import text
from merlin.core.permissions import Permission
from merlin.db.requests import RequestKind
from merlin.training.evaluate import Overlap
from merlin.training.models import ModelState


def state_word(model: Mapping[str, Any], language: str) -> str:
    """Return in a word where a model stands."""
    serves = model["serves"] and model["state"] == ModelState.GOOD
    return text(language, f"model-{'serves' if serves else model['state']}")


def is_promotable(model: Mapping[str, Any]) -> bool:
    """Return whether a model may be let serve."""
    return model["state"] == ModelState.GOOD and not model["serves"]


def evaluation_words(scores: Mapping[str, Any] | None, language: str) -> str:
    """Return a model's scores as a sentence."""
    if not scores or not scores["questions"]:
        return text(language, "bot-info-not-evaluated")
    return text(language, "bot-info-evaluation", questions=scores["questions"], **_figures(scores))


def _figures(scores: Mapping[str, Any]) -> dict[str, str]:
    return {
        "chrf": f"{scores['chrf']:.1f}",
        "equal": f"{scores['equal_share'] * 100:.0f}",
        "unknown": f"{scores['unknown_share'] * 100:.0f}",
    }


def compared(
    one: Mapping[str, Any], other: Mapping[str, Any], asked: Overlap, language: str
) -> str:
    """Return two models side by side, in columns of even width.

    Scores on different questions are left out: side by side they say nothing.
    """
    both = [_column(each, is_comparable=asked.is_same) for each in (one, other)]
    names = ["", *(text(language, f"admin-score-{name}") for name in both[0] if name != "build")]
    cells = [[column[name] for column in both] for name in both[0]]
    return _columns([[name, *row] for name, row in zip(names, cells, strict=True)])


def _column(model: Mapping[str, Any], *, is_comparable: bool) -> dict[str, str]:
    scores = model["evaluation"]
    was_asked = bool(scores and scores["questions"])
    questions = str(scores["questions"]) if was_asked else "–"
    column = {"build": str(model["build"]), "questions": questions}
    if not is_comparable:
        return column
    figures = _figures(scores) if was_asked else dict.fromkeys(("chrf", "equal", "unknown"), "–")
    return column | figures


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
_HISTORY = 15


def datasets(kit: Kit, event: Event) -> Screen:
    """Show the datasets with what serves them."""
    status = kit.services.office.reports.status()["datasets"]
    rows: list[tuple[Button, ...]] = []
    found_ = admin.datasets(kit, event, Permission.WATCH)
    here, page, has_more = admin.page_of(found_, number(event))
    for name in here:
        serving = status[name]["serving"]
        label = f"{name} · {serving['build']}" if serving else f"{name} · –"
        rows.append((Button(label, f"a-set:{admin.short(name)}:0"),))
    title = text(event.language, "admin-models")
    words = text(event.language, "admin-models-which" if rows else "admin-no-datasets")
    more = admin.turning("a-models", page, has_more=has_more)
    return admin.panel_screen(title, words, rows=[*rows, more, to_admin_home(event)])


def dataset(kit: Kit, event: Event) -> Screen:
    """Show one dataset: what serves, its models, what can be done."""
    name = admin.dataset_of(kit, event, Permission.WATCH)
    office, mark = kit.services.office, admin.short(name)
    serving = office.reports.status()["datasets"][name]["serving"]
    models = office.reports.models(name, _MOST_LISTED)
    here, page, has_more = admin.page_of(models, number(event, 1))
    entries = [(Button(_entry(event, each), f"a-model:{each['job']}"),) for each in here]
    more = admin.turning(f"a-set:{mark}", page, has_more=has_more)
    history = admin.button(event, "admin-history", f"a-history:{mark}")
    words = text(event.language, "admin-serves-none", dataset=name)
    if serving:
        words = _serving_words(kit, event, serving)
    return admin.panel_screen(
        name,
        words,
        rows=[*entries, more, _doings(kit, event, name), (history,), admin.back(event, "a-models")],
    )


def _serving_words(kit: Kit, event: Event, serving: dict[str, Any]) -> str:
    return text(
        event.language,
        "admin-serving-now",
        build=serving["build"],
        model=serving["model"],
        provider=serving["provider"],
        since=admin.when(kit, event, serving["since"]),
        pinned="yes" if serving["pinned"] else "no",
    )


def _entry(event: Event, model: dict[str, Any]) -> str:
    serves = "▸ " if model["serves"] else ""
    scores = model["evaluation"]
    told = f" · {scores['chrf']:.1f}" if scores and scores["questions"] else ""
    return f"{serves}{model['build']} · {state_word(model, event.language)}{told}"


def _doings(kit: Kit, event: Event, name: str) -> tuple[Button, ...]:
    """Return what may be done with what serves."""
    serving = kit.services.office.reports.status()["datasets"][name]["serving"]
    if not serving or not admin.standing(kit, event).may(Permission.PROMOTE, name):
        return ()
    mark = admin.short(name)
    pin = ("admin-unpin", "a-unpin") if serving["pinned"] else ("admin-pin", "a-pin")
    return (
        admin.button(event, pin[0], f"{pin[1]}:{mark}"),
        admin.button(event, "admin-rollback", f"a-rollback:{mark}"),
    )


def history(kit: Kit, event: Event) -> Screen:
    """Show what served when, why, and by whom."""
    name = admin.dataset_of(kit, event, Permission.WATCH)
    reports = kit.services.office.reports
    builds = {each["model"]: each["build"] for each in reports.models(name, _MOST_LISTED)}
    said = [
        text(
            event.language,
            "admin-history-line",
            at=admin.when(kit, event, each["at"]),
            to=builds.get(each["to"], each["to"]),
            why=admin.word(event, "why", each["why"]),
            by=named(kit.services, each["by"], event.language),
        )
        for each in reports.history(name, _HISTORY)
    ]
    title = text(event.language, "admin-history-of", dataset=name)
    none = text(event.language, "admin-serves-none", dataset=name)
    rows = [admin.back(event, f"a-set:{admin.short(name)}:0")]
    return admin.panel_screen(title, "\n".join(said) or none, rows=rows)


def found(kit: Kit, event: Event, place: int = 0, wish: Permission = Permission.WATCH) -> Any:
    """Return the model of the job that a button names. Raises NotFound, also out of reach."""
    reports, job = kit.services.office.reports, number(event, place)
    dataset_ = reports.job(job, 1)["dataset"]
    if not admin.standing(kit, event).may(wish, dataset_):
        raise NotFound("not theirs", "store-no-job", job=job)
    for model in reports.models(dataset_, _MOST_LISTED):
        if model["job"] == job:
            return model
    raise NotFound(f"job {job} has no model", "admin-no-model", job=job)


def model(kit: Kit, event: Event) -> Screen:
    """Show one model."""
    one = found(kit, event)
    job, mark = one["job"], admin.short(one["dataset"])
    words = text(
        event.language,
        "admin-model-what",
        model=one["model"],
        provider=one["provider"],
        state=state_word(one, event.language),
        created=admin.when(kit, event, one["created_at"]),
    )
    may = admin.standing(kit, event).may(Permission.PROMOTE, one["dataset"])
    promote = admin.button(event, "admin-promote", f"a-promote:{job}", "primary")
    return admin.panel_screen(
        one["build"],
        words,
        evaluation_words(one["evaluation"], event.language),
        rows=[
            (promote,) if may and is_promotable(one) else (),
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
    others = kit.services.office.reports.models(one["dataset"], AT_ONCE + 1)
    rows: list[tuple[Button, ...]] = [
        (Button(_entry(event, each), f"a-compare:{one['job']}:{each['job']}"),)
        for each in others
        if each["job"] != one["job"]
    ]
    words = text(event.language, "admin-compare-which" if rows else "admin-compare-none")
    rows.append(admin.back(event, f"a-model:{one['job']}"))
    return admin.panel_screen(one["build"], words, rows=rows)


def compare(kit: Kit, event: Event) -> Screen:
    """Show two models side by side."""
    one, other = found(kit, event), found(kit, event, 1)
    title = text(event.language, "admin-compare")
    rows = [admin.back(event, f"a-model:{one['job']}")]
    asked = kit.services.office.reports.overlap(one["job"], other["job"])
    words = text(event.language, "admin-compare-legend")
    if not asked.is_same:
        words = text(event.language, "admin-compare-differ", shared=asked.shared)
    table = compared(one, other, asked, event.language)
    return admin.block(admin.panel_screen(title, words, rows=rows), table)


def ask_promote(kit: Kit, event: Event) -> Screen:
    """Ask whether this model is to serve."""
    model = found(kit, event, wish=Permission.PROMOTE)
    words = text(
        event.language, "admin-ask-promote", build=model["build"], dataset=model["dataset"]
    )
    proof = evaluation_words(model["evaluation"], event.language)
    yes = admin.button(event, "admin-promote", f"a-promote-yes:{model['job']}")
    return admin.asks(event, f"{words}\n\n{proof}", yes, f"a-model:{model['job']}")


def promote(kit: Kit, event: Event) -> Screen:
    """Ask the daemon to let this model serve."""
    model = found(kit, event, wish=Permission.PROMOTE)
    asked = {"model": model["model"]}
    target = f"dataset:{model['dataset']}"
    return ask_daemon(kit, event, RequestKind.PROMOTE, asked, target, f"a-model:{model['job']}")


def ask_pin(kit: Kit, event: Event, verb: str) -> Screen:
    """Ask whether to keep what serves, or to let newer ones serve again."""
    name = admin.dataset_of(kit, event, Permission.PROMOTE)
    words = text(event.language, f"admin-ask-{verb}", dataset=name)
    yes = admin.button(event, f"admin-{verb}", f"a-{verb}-yes:{admin.short(name)}")
    return admin.asks(event, words, yes, f"a-set:{admin.short(name)}:0")


def pin(kit: Kit, event: Event, kind: RequestKind) -> Screen:
    """Ask the daemon to pin or unpin."""
    name = admin.dataset_of(kit, event, Permission.PROMOTE)
    back = f"a-set:{admin.short(name)}:0"
    return ask_daemon(kit, event, kind, {"dataset": name}, f"dataset:{name}", back)


def ask_rollback(kit: Kit, event: Event) -> Screen:
    """Ask whether to go back, and to which model."""
    name = admin.dataset_of(kit, event, Permission.PROMOTE)
    reports = kit.services.office.reports
    models = {each["model"]: each for each in reports.models(name, _MOST_LISTED)}
    past = [models.get(each["to"]) for each in reports.history(name, _MOST_LISTED)]
    earlier = [
        each for each in past if each and not each["serves"] and each["state"] == ModelState.GOOD
    ]
    if not earlier:
        raise NotFound("nothing served before", "rollback-none", dataset=name)
    target = earlier[0]
    words = text(event.language, "admin-ask-rollback", dataset=name, build=target["build"])
    proof = evaluation_words(target["evaluation"], event.language)
    # The model is named in the button: pressed twice it goes back once.
    yes = admin.button(
        event, "admin-rollback", f"a-rollback-yes:{admin.short(name)}:{target['job']}"
    )
    return admin.asks(event, f"{words}\n\n{proof}", yes, f"a-set:{admin.short(name)}:0")


def rollback(kit: Kit, event: Event) -> Screen:
    """Ask the daemon to go back to the model that was shown."""
    name = admin.dataset_of(kit, event, Permission.PROMOTE)
    model = found(kit, event, 1, Permission.PROMOTE)
    if model["dataset"] != name:
        raise NotFound("another dataset's", "admin-no-model", job=number(event, 1))
    asked = {"dataset": name, "to": model["model"]}
    back = f"a-set:{admin.short(name)}:0"
    return ask_daemon(kit, event, RequestKind.ROLLBACK, asked, f"dataset:{name}", back)


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
            "a-pin-yes": guarded(Permission.PROMOTE, partial(pin, kind=RequestKind.PIN)),
            "a-unpin-yes": guarded(Permission.PROMOTE, partial(pin, kind=RequestKind.UNPIN)),
            "a-rollback": guarded(Permission.PROMOTE, ask_rollback),
            "a-rollback-yes": guarded(Permission.PROMOTE, rollback),
        },
    )
