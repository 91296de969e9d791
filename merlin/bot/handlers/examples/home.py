"""Home: the datasets that a person may edit, and one of them."""

from __future__ import annotations

from collections.abc import Sequence

from merlin.bot.event import Event
from merlin.bot.handlers.answer.asked_again import number
from merlin.bot.handlers.examples import reach
from merlin.bot.handlers.examples.reach import to
from merlin.bot.handlers.examples.sheet import sheet
from merlin.bot.handlers.office import panel
from merlin.bot.handlers.office.admin import to_home
from merlin.bot.kit import Kit
from merlin.bot.leaves import leaf, turning
from merlin.bot.screen import Screen
from merlin.core.page import Button
from merlin.core.text import text
from merlin.dataset.editing import DatasetCard
from merlin.dataset.finding import Finding, Severity


def home(kit: Kit, event: Event) -> Screen:
    """Show the datasets that the person may edit."""
    reach.leave(kit, event)
    found = reach.datasets(kit, event)
    here, page = leaf(found, number(event, 1))
    doors = [(_door(event, each),) for each in here]
    rows = [*doors, *turning(reach.data("home"), page, len(found))]
    title = text(event.language, "admin-examples")
    words = text(event.language, "examples-which" if found else "admin-no-datasets")
    return sheet(title, words, rows=[*rows, _common(kit, event), to_home(event)])


def _door(event: Event, card: DatasetCard) -> Button:
    count = text(event.language, "examples-count", count=card.examples)
    return Button(f"{_titled(event, card)} · {count}", reach.data("ds", panel.short(card.name)))


def _titled(event: Event, card: DatasetCard) -> str:
    return card.title.get(event.language) or card.name


def _common(kit: Kit, event: Event) -> tuple[Button, ...]:
    """Return the doors that lead to no dataset alone."""
    names = [each.name for each in reach.datasets(kit, event)]
    waiting = kit.rows.reviews.count(names) if names else 0
    count = kit.rows.change_list.count_open(str(event.user_id))
    queue = text(event.language, "examples-queue", count=waiting)
    changes = text(event.language, "examples-changes-count", count=count)
    return (Button(queue, reach.data("queue", 0)), Button(changes, reach.data("changes", 0)))


def dataset(kit: Kit, event: Event) -> Screen:
    """Show one dataset and what can be done with its examples."""
    reach.leave(kit, event)
    name = reach.dataset(kit, event)
    card = next(each for each in reach.datasets(kit, event) if each.name == name)
    mark = panel.short(name)
    flaws = kit.rows.library.findings(name)
    rows = [
        (to(event, "examples-add", "add", mark), to(event, "examples-forward", "fwd", mark)),
        (to(event, "examples-find", "find", mark), to(event, "examples-list", "list", mark, 0)),
        (to(event, "examples-import", "import", mark),),
        (to(event, "examples-flaws", "flaws", mark, 0),) if flaws else (),
        _common(kit, event),
        (to(event, "button-back", "home"),),
    ]
    count = text(event.language, "examples-count", count=card.examples)
    return sheet(_titled(event, card), f"{name} · {count}", _health(event, flaws), rows=rows)


def _health(event: Event, found: Sequence[Finding]) -> str:
    """Return how many findings the dataset has."""
    errors = sum(each.severity is Severity.ERROR for each in found)
    warnings = sum(each.severity is Severity.WARNING for each in found)
    if not errors and not warnings:
        return text(event.language, "examples-no-findings")
    return text(event.language, "examples-findings", errors=errors, warnings=warnings)
