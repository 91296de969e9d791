"""System text: /system, by which a person tells the model how to answer, and saves that."""

from __future__ import annotations

from collections.abc import Mapping

from merlin.bot.event import Event
from merlin.bot.handlers.talk.answering import abroad
from merlin.bot.handlers.talk.under import cancelling, off, put, titled, to_presets
from merlin.bot.handlers.topic import Act, Topic, told
from merlin.bot.kit import Kit
from merlin.bot.screen import Screen, alert, said
from merlin.chat.dialog import Dialog
from merlin.chat.preset import MOST_OWN, NAME_LENGTH, PROMPT_LENGTH, Preset, room_for
from merlin.core.page import Button, Mark, Page
from merlin.core.text import text
from merlin.core.utf16 import units

TEXT_STEP = "system-text"
NAME_STEP = "system-name"


def system(kit: Kit, event: Event) -> Screen:
    """Set the text that stands behind the command; without one show what is set."""
    # Not the event's `words`: what a client split off is joined to the whole text alone.
    rest = event.text.split(maxsplit=1)[1:]
    return _take(kit, event, rest[0]) if rest else _shown(kit, event)


def pressed(kit: Kit, event: Event) -> Screen:
    """Do what a button below a system text says."""
    verb = event.args[0] if event.args else "show"
    if verb in _VERBS:
        return _VERBS[verb](kit, event)
    return alert(text(event.language, "bot-button-old"))


def _save(kit: Kit, event: Event) -> Screen:
    if not kit.rows.sessions.open(event.place).system:
        return alert(text(event.language, "system-none"))
    return _wait(kit, event, NAME_STEP, "system-name-ask")


def _shown(kit: Kit, event: Event) -> Screen:
    session = kit.rows.sessions.open(event.place)
    if not session.system:
        return said(text(event.language, "system-none"), (_button(event, "set"),))
    title = titled(kit, event, session.preset)
    head = text(event.language, "system-now", name=title or "none")
    quote = Mark("expandable_blockquote", units(head) + 2, units(session.system))
    rows = ((_button(event, "set"), _button(event, "save")), (_button(event, "clear"),))
    return Screen(Page(f"{head}\n\n{session.system}", (quote,), rows))


def _wait(kit: Kit, event: Event, step: str, key: str) -> Screen:
    kit.wait(event, Dialog(step))
    return said(text(event.language, key, most=PROMPT_LENGTH), cancelling(event))


def text_typed(kit: Kit, event: Event) -> Screen:
    """Take the system text that was asked for."""
    return _take(kit, event, event.text)


def _take(kit: Kit, event: Event, words: str) -> Screen:
    prompt = words.strip()
    if not prompt or len(prompt) > PROMPT_LENGTH:
        refusal = text(event.language, "system-long", length=len(prompt), most=PROMPT_LENGTH)
        return said(refusal, cancelling(event))
    kit.rows.dialogs.end(event.chat_id, event.user_id)
    session = put(kit, event, Preset("", prompt=prompt))
    if session is None:
        return said(text(event.language, "presets-nobody"))
    done = filter(None, [text(event.language, "system-set"), abroad(kit, event, session)])
    return said("\n\n".join(done), (_button(event, "save"), _button(event, "clear")))


def name_typed(kit: Kit, event: Event) -> Screen:
    """Save the session's system text under the name that was typed."""
    name = " ".join(event.text.split())
    if not name or len(name) > NAME_LENGTH:
        return said(text(event.language, "system-name-bad", most=NAME_LENGTH), cancelling(event))
    kit.rows.dialogs.end(event.chat_id, event.user_id)
    session = kit.rows.sessions.open(event.place)
    if not session.system:
        return said(text(event.language, "system-none"), (_button(event, "set"),))
    if not room_for(kit.rows.presets.of(event.user_id), name):
        return said(text(event.language, "system-full", most=MOST_OWN), to_presets(event))
    own = kit.rows.presets.put(event.user_id, name, session.system)
    put(kit, event, Preset(own.word, prompt=own.prompt))
    return said(text(event.language, "system-saved", name=name), to_presets(event))


def _button(event: Event, verb: str) -> Button:
    return Button(text(event.language, f"system-button-{verb}"), f"system:{verb}")


_VERBS: Mapping[str, Act] = {
    "show": _shown,
    "set": lambda kit, event: _wait(kit, event, TEXT_STEP, "system-ask"),
    "save": _save,
    "clear": off,
}

TOPIC = Topic(
    commands={"system": told(system)},
    buttons={"system": told(pressed)},
    steps={TEXT_STEP: told(text_typed), NAME_STEP: told(name_typed)},
    menu=("system",),
)
