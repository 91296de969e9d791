"""Presets: /preset, which puts a named system text over the session: translator, summary, own."""

from __future__ import annotations

from collections.abc import Mapping

from merlin.bot.event import Event
from merlin.bot.handlers.answer.allowance import plan_for
from merlin.bot.handlers.answer.asked_again import number
from merlin.bot.handlers.talk.answering import abroad
from merlin.bot.handlers.talk.under import cancelling, named, off, put, titled, to_presets
from merlin.bot.handlers.topic import Act, Topic, told
from merlin.bot.kit import Kit
from merlin.bot.leaves import leaf, turning
from merlin.bot.screen import Screen, alert, said
from merlin.chat.dialog import Dialog
from merlin.chat.preset import BUILT_IN, PAIR_LENGTH, TRANSLATOR, VOICE, Preset, built_in_prompt
from merlin.chat.session import Session
from merlin.core.page import Button
from merlin.core.text import text

PAIR_STEP = "preset-pair"
_RU_EN = "ru-en"


def presets(kit: Kit, event: Event) -> Screen:
    """Show every preset that there is, and which one the session is under."""
    return _list(kit, event, 0)


def pressed(kit: Kit, event: Event) -> Screen:
    """Do what a button of the list says."""
    verb = event.args[0] if event.args else "list"
    return (
        _VERBS[verb](kit, event)
        if verb in _VERBS
        else alert(text(event.language, "bot-button-old"))
    )


def _word(event: Event) -> str:
    return event.args[1] if len(event.args) > 1 else ""


def _list(kit: Kit, event: Event, wanted: int) -> Screen:
    session = kit.rows.sessions.open(event.place)
    buttons = [_button(kit, event, session, word, f"set:{word}") for word in _built_in(kit)]
    buttons += [
        _button(kit, event, session, each.name, f"set:{each.name}") for each in kit.services.presets
    ]
    own = kit.rows.presets.of(event.user_id)
    buttons += [_button(kit, event, session, each.word, each.word) for each in own]
    shown, place = leaf(buttons, wanted)
    language = event.language
    now = text(language, "presets-now", name=named(kit, event, session) or "none")
    words = f"{now}\n\n{text(language, 'presets-hint')}"
    ending = _ending(event) if session.system else ()
    rows = [(button,) for button in shown]
    return said(words, *rows, *turning("preset:list", place, len(buttons)), *ending)


def _built_in(kit: Kit) -> list[str]:
    """Return the built-in presets that work here."""
    return [word for word in BUILT_IN if word != VOICE or kit.services.transcriber is not None]


def _button(kit: Kit, event: Event, session: Session, word: str, choice: str) -> Button:
    mark = "✓ " if session.preset == word else ""
    return Button(f"{mark}{titled(kit, event, word)}", f"preset:{choice}")


def _set(kit: Kit, event: Event) -> Screen:
    name = _word(event)
    if name == TRANSLATOR:
        return _ask_pair(event)
    if name in _built_in(kit):
        prompt = built_in_prompt(event.language, name)
        return _under(kit, event, Preset(name, prompt=prompt), f"presets-how-{name}")
    found = next((each for each in kit.services.presets if each.name == name), None)
    if found is None:
        return _gone(event)
    if found.model is not None and not plan_for(kit, event).allows_model(found.model[1]):
        return alert(text(event.language, "presets-not-in-plan"), is_loud=True)
    return _under(kit, event, found)


def _under(
    kit: Kit, event: Event, preset: Preset, how: str = "presets-how", *extra: Button
) -> Screen:
    """Put the session under a preset, and say so."""
    session = put(kit, event, preset)
    if session is None:
        return said(text(event.language, "presets-nobody"))
    title = titled(kit, event, preset.name)
    words = [
        text(event.language, "presets-chosen", name=title),
        text(event.language, how),
        abroad(kit, event, session),
    ]
    rows = [(button,) for button in extra]
    return said("\n\n".join(filter(None, words)), *rows, *_ending(event), to_presets(event))


def _ask_pair(event: Event) -> Screen:
    pairs = ((_RU_EN, "presets-pair-ru-en"), ("other", "presets-pair-other"))
    rows = [(Button(text(event.language, key), f"preset:pair:{word}"),) for word, key in pairs]
    return said(text(event.language, "presets-pair-ask"), *rows, to_presets(event))


def _pair(kit: Kit, event: Event) -> Screen:
    if _word(event) == _RU_EN:
        return _translate(kit, event, text(event.language, "presets-pair-ru-en"))
    kit.wait(event, Dialog(PAIR_STEP))
    return said(text(event.language, "presets-pair-type"), cancelling(event))


def pair_typed(kit: Kit, event: Event) -> Screen:
    """Take the languages that a person typed for the translator."""
    pair = " ".join(event.text.split())
    if not pair or len(pair) > PAIR_LENGTH:
        return said(text(event.language, "presets-pair-bad", most=PAIR_LENGTH), cancelling(event))
    kit.rows.dialogs.end(event.chat_id, event.user_id)
    return _translate(kit, event, pair)


def _translate(kit: Kit, event: Event, pair: str) -> Screen:
    prompt = built_in_prompt(event.language, TRANSLATOR, pair)
    return _under(kit, event, Preset(TRANSLATOR, prompt=prompt), "presets-how-translator")


def _own(kit: Kit, event: Event) -> Screen:
    found = kit.rows.presets.find(event.user_id, number(event, 1))
    if found is None:
        return _gone(event)
    drop = Button(text(event.language, "presets-drop"), f"preset:drop:{found.preset_id}")
    return _under(kit, event, Preset(found.word, prompt=found.prompt), "presets-how", drop)


def _drop(kit: Kit, event: Event) -> Screen:
    found = kit.rows.presets.find(event.user_id, number(event, 1))
    if found is None:
        return _gone(event)
    words = text(event.language, "presets-drop-ask", name=found.name)
    yes = f"preset:dropped:{found.preset_id}"
    sure = Button(text(event.language, "presets-drop-sure"), yes, style="danger")
    return said(words, (sure,), to_presets(event))


def _dropped(kit: Kit, event: Event) -> Screen:
    found = kit.rows.presets.find(event.user_id, number(event, 1))
    if found is None or not kit.rows.presets.delete(event.user_id, found.preset_id):
        return _gone(event)
    return said(text(event.language, "presets-dropped", name=found.name), to_presets(event))


def _gone(event: Event) -> Screen:
    return alert(text(event.language, "presets-gone"), is_loud=True)


def _ending(event: Event) -> tuple[tuple[Button, ...], ...]:
    return ((Button(text(event.language, "presets-button-off"), "preset:off"),),)


_VERBS: Mapping[str, Act] = {
    "list": lambda kit, event: _list(kit, event, number(event, 1)),
    "set": _set,
    "pair": _pair,
    "own": _own,
    "drop": _drop,
    "dropped": _dropped,
    "off": off,
}

TOPIC = Topic(
    commands={"preset": told(presets)},
    buttons={"preset": told(pressed)},
    steps={PAIR_STEP: told(pair_typed)},
    menu=("preset",),
)
