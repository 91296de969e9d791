"""Registry: which model serves each dataset, what served before, and how they compare.

    datasets -> dataset -> model -> promote | compare
                        -> history

What changes anything is in `promoting`.
"""

from __future__ import annotations

from typing import Any

from merlin.account.role import Permission
from merlin.bot.deeds import named
from merlin.bot.event import Event
from merlin.bot.handlers.answer.asked_again import number
from merlin.bot.handlers.office import panel
from merlin.bot.handlers.office.admin import to_home
from merlin.bot.handlers.office.panel import AT_ONCE, guarded
from merlin.bot.handlers.topic import Topic
from merlin.bot.kit import Kit
from merlin.bot.model_page import compared, evaluation_words, is_promotable, state_word
from merlin.bot.screen import Screen
from merlin.core.errors import NotFound
from merlin.core.page import Button
from merlin.core.text import text

_MOST_LISTED = 400
_HISTORY = 15


def datasets(kit: Kit, event: Event) -> Screen:
    """Show the datasets with what serves them."""
    status = kit.services.office.reports.status()["datasets"]
    rows: list[tuple[Button, ...]] = []
    found_ = panel.datasets(kit, event, Permission.WATCH)
    here, page, has_more = panel.page_of(found_, number(event))
    for name in here:
        serving = status[name]["serving"]
        label = f"{name} · {serving['build']}" if serving else f"{name} · –"
        rows.append((Button(label, f"a-set:{panel.short(name)}:0"),))
    title = text(event.language, "admin-models")
    words = text(event.language, "admin-models-which" if rows else "admin-no-datasets")
    more = panel.turning("a-models", page, has_more=has_more)
    return panel.panel(title, words, rows=[*rows, more, to_home(event)])


def dataset(kit: Kit, event: Event) -> Screen:
    """Show one dataset: what serves, its models, what can be done."""
    name = panel.dataset_of(kit, event, Permission.WATCH)
    office, mark = kit.services.office, panel.short(name)
    serving = office.reports.status()["datasets"][name]["serving"]
    models = office.reports.models(name, _MOST_LISTED)
    here, page, has_more = panel.page_of(models, number(event, 1))
    entries = [(Button(_entry(event, each), f"a-model:{each['job']}"),) for each in here]
    more = panel.turning(f"a-set:{mark}", page, has_more=has_more)
    history = panel.button(event, "admin-history", f"a-history:{mark}")
    words = text(event.language, "admin-serves-none", dataset=name)
    if serving:
        words = _serving_words(kit, event, serving)
    return panel.panel(
        name,
        words,
        rows=[*entries, more, _doings(kit, event, name), (history,), panel.back(event, "a-models")],
    )


def _serving_words(kit: Kit, event: Event, serving: dict[str, Any]) -> str:
    return text(
        event.language,
        "admin-serving-now",
        build=serving["build"],
        model=serving["model"],
        provider=serving["provider"],
        since=panel.when(kit, event, serving["since"]),
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
    if not serving or not panel.standing(kit, event).may(Permission.PROMOTE, name):
        return ()
    mark = panel.short(name)
    pin = ("admin-unpin", "a-unpin") if serving["pinned"] else ("admin-pin", "a-pin")
    return (
        panel.button(event, pin[0], f"{pin[1]}:{mark}"),
        panel.button(event, "admin-rollback", f"a-rollback:{mark}"),
    )


def history(kit: Kit, event: Event) -> Screen:
    """Show what served when, why, and by whom."""
    name = panel.dataset_of(kit, event, Permission.WATCH)
    reports = kit.services.office.reports
    builds = {each["model"]: each["build"] for each in reports.models(name, _MOST_LISTED)}
    said = [
        text(
            event.language,
            "admin-history-line",
            at=panel.when(kit, event, each["at"]),
            to=builds.get(each["to"], each["to"]),
            why=panel.word(event, "why", each["why"]),
            by=named(kit.services, each["by"], event.language),
        )
        for each in reports.history(name, _HISTORY)
    ]
    title = text(event.language, "admin-history-of", dataset=name)
    none = text(event.language, "admin-serves-none", dataset=name)
    rows = [panel.back(event, f"a-set:{panel.short(name)}:0")]
    return panel.panel(title, "\n".join(said) or none, rows=rows)


def found(kit: Kit, event: Event, place: int = 0, wish: Permission = Permission.WATCH) -> Any:
    """Return the model of the job that a button names. Raises NotFound, also out of reach."""
    reports, job = kit.services.office.reports, number(event, place)
    dataset_ = reports.job(job, 1)["dataset"]
    if not panel.standing(kit, event).may(wish, dataset_):
        raise NotFound("not theirs", "store-no-job", job=job)
    for model in reports.models(dataset_, _MOST_LISTED):
        if model["job"] == job:
            return model
    raise NotFound(f"job {job} has no model", "admin-no-model", job=job)


def model(kit: Kit, event: Event) -> Screen:
    """Show one model."""
    one = found(kit, event)
    job, mark = one["job"], panel.short(one["dataset"])
    words = text(
        event.language,
        "admin-model-what",
        model=one["model"],
        provider=one["provider"],
        state=state_word(one, event.language),
        created=panel.when(kit, event, one["created_at"]),
    )
    may = panel.standing(kit, event).may(Permission.PROMOTE, one["dataset"])
    promote = panel.button(event, "admin-promote", f"a-promote:{job}", "primary")
    return panel.panel(
        one["build"],
        words,
        evaluation_words(one["evaluation"], event.language),
        rows=[
            (promote,) if may and is_promotable(one) else (),
            (
                panel.button(event, "admin-compare", f"a-against:{job}"),
                panel.button(event, "admin-its-job", f"a-job:{job}"),
            ),
            panel.back(event, f"a-set:{mark}:0"),
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
    rows.append(panel.back(event, f"a-model:{one['job']}"))
    return panel.panel(one["build"], words, rows=rows)


def compare(kit: Kit, event: Event) -> Screen:
    """Show two models side by side."""
    one, other = found(kit, event), found(kit, event, 1)
    title = text(event.language, "admin-compare")
    rows = [panel.back(event, f"a-model:{one['job']}")]
    asked = kit.services.office.reports.overlap(one["job"], other["job"])
    words = text(event.language, "admin-compare-legend")
    if not asked.is_same:
        words = text(event.language, "admin-compare-differ", shared=asked.shared)
    table = compared(one, other, asked, event.language)
    return panel.block(panel.panel(title, words, rows=rows), table)


TOPIC = Topic(
    buttons={
        "a-models": guarded(Permission.WATCH, datasets),
        "a-set": guarded(Permission.WATCH, dataset),
        "a-history": guarded(Permission.WATCH, history),
        "a-model": guarded(Permission.WATCH, model),
        "a-against": guarded(Permission.WATCH, against),
        "a-compare": guarded(Permission.WATCH, compare),
    },
)
