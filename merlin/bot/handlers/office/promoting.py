"""Promoting: let another model serve, keep one, go back; each asked twice, done by the daemon."""

from __future__ import annotations

from functools import partial

from merlin.account.role import Permission
from merlin.bot.event import Event
from merlin.bot.handlers.answer.asked_again import number
from merlin.bot.handlers.office import panel
from merlin.bot.handlers.office.asked import ask
from merlin.bot.handlers.office.panel import guarded
from merlin.bot.handlers.office.registry import found
from merlin.bot.handlers.topic import Topic
from merlin.bot.kit import Kit
from merlin.bot.model_page import evaluation_words
from merlin.bot.screen import Screen
from merlin.core.errors import NotFound
from merlin.core.request import RequestKind
from merlin.core.text import text
from merlin.model.registry import ModelState

_MOST_LISTED = 400


def ask_promote(kit: Kit, event: Event) -> Screen:
    """Ask whether this model is to serve."""
    model = found(kit, event, wish=Permission.PROMOTE)
    words = text(
        event.language, "admin-ask-promote", build=model["build"], dataset=model["dataset"]
    )
    proof = evaluation_words(model["evaluation"], event.language)
    yes = panel.button(event, "admin-promote", f"a-promote-yes:{model['job']}")
    return panel.asks(event, f"{words}\n\n{proof}", yes, f"a-model:{model['job']}")


def promote(kit: Kit, event: Event) -> Screen:
    """Ask the daemon to let this model serve."""
    model = found(kit, event, wish=Permission.PROMOTE)
    asked = {"model": model["model"]}
    target = f"dataset:{model['dataset']}"
    return ask(kit, event, RequestKind.PROMOTE, asked, target, f"a-model:{model['job']}")


def ask_pin(kit: Kit, event: Event, verb: str) -> Screen:
    """Ask whether to keep what serves, or to let newer ones serve again."""
    name = panel.dataset_of(kit, event, Permission.PROMOTE)
    words = text(event.language, f"admin-ask-{verb}", dataset=name)
    yes = panel.button(event, f"admin-{verb}", f"a-{verb}-yes:{panel.short(name)}")
    return panel.asks(event, words, yes, f"a-set:{panel.short(name)}:0")


def pin(kit: Kit, event: Event, kind: RequestKind) -> Screen:
    """Ask the daemon to pin or unpin."""
    name = panel.dataset_of(kit, event, Permission.PROMOTE)
    back = f"a-set:{panel.short(name)}:0"
    return ask(kit, event, kind, {"dataset": name}, f"dataset:{name}", back)


def ask_rollback(kit: Kit, event: Event) -> Screen:
    """Ask whether to go back, and to which model."""
    name = panel.dataset_of(kit, event, Permission.PROMOTE)
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
    yes = panel.button(
        event, "admin-rollback", f"a-rollback-yes:{panel.short(name)}:{target['job']}"
    )
    return panel.asks(event, f"{words}\n\n{proof}", yes, f"a-set:{panel.short(name)}:0")


def rollback(kit: Kit, event: Event) -> Screen:
    """Ask the daemon to go back to the model that was shown."""
    name = panel.dataset_of(kit, event, Permission.PROMOTE)
    model = found(kit, event, 1, Permission.PROMOTE)
    if model["dataset"] != name:
        raise NotFound("another dataset's", "admin-no-model", job=number(event, 1))
    asked = {"dataset": name, "to": model["model"]}
    back = f"a-set:{panel.short(name)}:0"
    return ask(kit, event, RequestKind.ROLLBACK, asked, f"dataset:{name}", back)


TOPIC = Topic(
    buttons={
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
