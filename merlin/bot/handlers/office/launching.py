"""Launching: train the newest build of a dataset now, its price told before."""

from __future__ import annotations

from merlin.account.role import Permission
from merlin.bot.event import Event
from merlin.bot.handlers.answer.asked_again import number
from merlin.bot.handlers.office import panel
from merlin.bot.handlers.office.asked import ask
from merlin.bot.handlers.office.panel import guarded
from merlin.bot.handlers.topic import Topic
from merlin.bot.kit import Kit
from merlin.bot.screen import Screen
from merlin.build.estimate import epochs
from merlin.core import money
from merlin.core.errors import Refused
from merlin.core.page import Button
from merlin.core.request import RequestKind
from merlin.core.text import text
from merlin.job.launching import Quote, quote

_JOBS = "a-jobs:0"


def choose(kit: Kit, event: Event) -> Screen:
    """Show the datasets that may be trained."""
    found = panel.datasets(kit, event, Permission.LAUNCH)
    here, page, has_more = panel.page_of(found, number(event))
    rows = [(Button(name, f"a-price:{panel.short(name)}"),) for name in here]
    more = panel.turning("a-launch", page, has_more=has_more)
    title = text(event.language, "admin-launch")
    words = text(event.language, "admin-launch-which" if found else "admin-no-datasets")
    return panel.panel(title, words, rows=[*rows, more, panel.back(event, _JOBS)])


def price(kit: Kit, event: Event) -> Screen:
    """Tell what the launch would cost, and ask whether it is meant."""
    dataset = panel.dataset_of(kit, event, Permission.LAUNCH)
    office = kit.services.office
    verdict = office.verdicts.newest(dataset)
    if verdict.build_id is None:
        raise Refused(f"{dataset} is {verdict.word}", "build-none", dataset=dataset)
    quoted = quote(office.launching, verdict)
    words = panel.lines(*_told(kit, event, quoted))
    if quoted.refusal is not None:
        why = text(event.language, quoted.refusal.reason, **quoted.refusal.arguments)
        title = text(event.language, "admin-launch-not")
        return panel.panel(title, why, words, rows=[panel.back(event, "a-launch:0")])
    yes = panel.button(event, "admin-launch-yes", f"a-launch-yes:{panel.short(dataset)}")
    return panel.asks(event, words, yes, "a-launch:0")


def _told(kit: Kit, event: Event, quoted: Quote) -> list[str]:
    language, build, order = event.language, quoted.build, quoted.order
    shown_epochs = epochs(build.train, order.recipe.hyperparameters.get("n_epochs", "auto"))
    cost = text(language, "admin-price-unknown")
    if quoted.cost_micro is not None:
        cost = money.told(language, quoted.cost_micro, order.currency)
    said = [
        text(
            language,
            "admin-launch-what",
            build=build.version,
            base=order.recipe.base_model,
            provider=order.provider,
            examples=build.train,
            epochs=shown_epochs,
        ),
        text(language, "admin-launch-price", cost=cost),
    ]
    cap = kit.services.office.caps.per_month_micro
    if cap is not None:
        left = max(cap - quoted.spent_micro, 0)
        told = {
            "left": money.told(language, left, order.currency),
            "cap": money.told(language, cap, order.currency),
        }
        said.append(text(language, "admin-budget-left", **told))
    return said


def launch(kit: Kit, event: Event) -> Screen:
    """Ask the daemon to launch."""
    dataset = panel.dataset_of(kit, event, Permission.LAUNCH)
    asked = {"dataset": dataset}
    return ask(kit, event, RequestKind.LAUNCH, asked, f"dataset:{dataset}", _JOBS)


TOPIC = Topic(
    buttons={
        "a-launch": guarded(Permission.LAUNCH, choose),
        "a-price": guarded(Permission.LAUNCH, price),
        "a-launch-yes": guarded(Permission.LAUNCH, launch),
    },
)
