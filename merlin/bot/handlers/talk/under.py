"""Under: a session that is put under a system text, and taken from under it."""

from __future__ import annotations

from merlin.bot.event import Event
from merlin.bot.handlers.talk.answering import answering, refitted
from merlin.bot.kit import Kit
from merlin.bot.screen import Screen, said
from merlin.chat.preset import BUILT_IN, Preset, told_by, untold
from merlin.chat.session import Session
from merlin.core.page import Button
from merlin.core.text import text


def titled(kit: Kit, event: Event, word: str) -> str:
    """Return what people call the preset that a session keeps as `word`, "" for one that is gone.

    To be called within the store's work.
    """
    if word in BUILT_IN:
        return text(event.language, f"preset-{word}")
    for preset in kit.services.presets:
        if preset.name == word:
            return preset.titled(event.language)
    return next((each.name for each in kit.rows.presets.of(event.user_id) if each.word == word), "")


def named(kit: Kit, event: Event, session: Session) -> str:
    """Return what the session's system text is called, "" where it has none."""
    if not session.system:
        return ""
    title = titled(kit, event, session.preset) if session.preset else ""
    return title or text(event.language, "presets-nameless")


def chosen(kit: Kit, event: Event, session: Session) -> list[str]:
    """Return what the person chose for a session: its course, its model, its system text.

    To be called within the store's work.
    """
    found: list[tuple[str, str]] = []
    if session.dataset:
        courses = kit.rows.courses.courses()
        titles = {each.dataset: each.title(event.language) for each in courses}
        found.append(("course", titles.get(session.dataset, session.dataset)))
    now = answering(kit, event, session) if bared(kit, session).provider else None
    if now is not None:
        found.append(("model", now.title))
    if session.system:
        title = titled(kit, event, session.preset)
        found.append(("preset" if title else "system", title))
    return [text(event.language, f"chosen-{what}", name=name) for what, name in found]


def put(kit: Kit, event: Event, preset: Preset) -> Session | None:
    """Put the open session under a preset and store it; None where no model could answer so.

    To be called within the store's work.
    """
    bare = bared(kit, kit.rows.sessions.open(event.place))
    session = told_by(bare, preset.name, preset.prompt, preset.model)
    if answering(kit, event, session) is None:
        return None
    session = refitted(kit, event, session)
    kit.rows.sessions.change(session)
    return session


def bared(kit: Kit, session: Session) -> Session:
    """Return the session without its system text, and without the model that came with it."""
    brought = [each.model for each in kit.services.presets if each.name == session.preset]
    return untold(session, next(iter(brought), None))


def off(kit: Kit, event: Event) -> Screen:
    """Take the session's system text away: the usual model answers again."""
    session = refitted(kit, event, bared(kit, kit.rows.sessions.open(event.place)))
    kit.rows.sessions.change(session)
    return said(text(event.language, "presets-off"), to_presets(event))


def to_presets(event: Event) -> tuple[Button, ...]:
    """Return the row that leads to the list of presets."""
    return (Button(text(event.language, "presets-button-list"), "preset:list:0"),)


def cancelling(event: Event) -> tuple[Button, ...]:
    """Return the row that ends the waiting for a message."""
    return (Button(text(event.language, "button-cancel"), "cancel"),)
