"""/preset and /system: a session is put under a system text, and taken from under it.

A preset is a named text: translator, summary, own. By /system a person tells the model how to
answer, and saves that as an own preset.
"""

from __future__ import annotations

from collections.abc import Mapping

from merlin.app.dialogs import Dialog
from merlin.bot.context import Act, BotApplication, Event, Kit, add_handlers, told
from merlin.bot.handlers.asking import abroad, answering, refitted
from merlin.bot.handlers.questions import number
from merlin.bot.handlers.quota import plan_for
from merlin.bot.menu import Screen, alert, page_buttons, paginate, said
from merlin.chat.preset import (
    BUILT_IN,
    MOST_OWN,
    NAME_LENGTH,
    PAIR_LENGTH,
    PROMPT_LENGTH,
    TRANSLATOR,
    VOICE,
    Preset,
    built_in_prompt,
    room_for,
    told_by,
    untold,
)
from merlin.chat.sessions import Session
from merlin.core.formatted_text import Button, Entity, FormattedMessage, utf16_length
from merlin.core.i18n import text


def preset_title(kit: Kit, event: Event, word: str) -> str:
    """Return what people call the preset that a session keeps as `word`, "" for one that is gone.

    To be called within the store's work.
    """
    if word in BUILT_IN:
        return text(event.language, f"preset-{word}")
    for preset in kit.services.presets:
        if preset.name == word:
            return preset.titled(event.language)
    return next((each.name for each in kit.rows.presets.of(event.user_id) if each.word == word), "")


def preset_name(kit: Kit, event: Event, session: Session) -> str:
    """Return what the session's system text is called, "" where it has none."""
    if not session.system:
        return ""
    title = preset_title(kit, event, session.preset) if session.preset else ""
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
        title = preset_title(kit, event, session.preset)
        found.append(("preset" if title else "system", title))
    return [text(event.language, f"chosen-{what}", name=name) for what, name in found]


def put_under(kit: Kit, event: Event, preset: Preset) -> Session | None:
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


def system_off(kit: Kit, event: Event) -> Screen:
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


PAIR_STEP = "preset-pair"
_RU_EN = "ru-en"


def presets(kit: Kit, event: Event) -> Screen:
    """Show every preset that there is, and which one the session is under."""
    return _list(kit, event, 0)


def preset_pressed(kit: Kit, event: Event) -> Screen:
    """Do what a button of the list says."""
    verb = event.args[0] if event.args else "list"
    return (
        _PRESET_VERBS[verb](kit, event)
        if verb in _PRESET_VERBS
        else alert(text(event.language, "bot-button-old"))
    )


def _word(event: Event) -> str:
    return event.args[1] if len(event.args) > 1 else ""


def _list(kit: Kit, event: Event, wanted: int) -> Screen:
    session = kit.rows.sessions.open(event.place)
    buttons = [_preset_button(kit, event, session, word, f"set:{word}") for word in _built_in(kit)]
    buttons += [
        _preset_button(kit, event, session, each.name, f"set:{each.name}")
        for each in kit.services.presets
    ]
    own = kit.rows.presets.of(event.user_id)
    buttons += [_preset_button(kit, event, session, each.word, each.word) for each in own]
    shown, place = paginate(buttons, wanted)
    language = event.language
    now = text(language, "presets-now", name=preset_name(kit, event, session) or "none")
    words = f"{now}\n\n{text(language, 'presets-hint')}"
    ending = _ending(event) if session.system else ()
    rows = [(button,) for button in shown]
    return said(words, *rows, *page_buttons("preset:list", place, len(buttons)), *ending)


def _built_in(kit: Kit) -> list[str]:
    """Return the built-in presets that work here."""
    return [word for word in BUILT_IN if word != VOICE or kit.services.transcriber is not None]


def _preset_button(kit: Kit, event: Event, session: Session, word: str, choice: str) -> Button:
    mark = "✓ " if session.preset == word else ""
    return Button(f"{mark}{preset_title(kit, event, word)}", f"preset:{choice}")


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
    session = put_under(kit, event, preset)
    if session is None:
        return said(text(event.language, "presets-nobody"))
    title = preset_title(kit, event, preset.name)
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


_PRESET_VERBS: Mapping[str, Act] = {
    "list": lambda kit, event: _list(kit, event, number(event, 1)),
    "set": _set,
    "pair": _pair,
    "own": _own,
    "drop": _drop,
    "dropped": _dropped,
    "off": system_off,
}


TEXT_STEP = "system-text"
NAME_STEP = "system-name"


def system(kit: Kit, event: Event) -> Screen:
    """Set the text that stands behind the command; without one show what is set."""
    # Not the event's `words`: what a client split off is joined to the whole text alone.
    rest = event.text.split(maxsplit=1)[1:]
    return _take(kit, event, rest[0]) if rest else _shown(kit, event)


def system_pressed(kit: Kit, event: Event) -> Screen:
    """Do what a button below a system text says."""
    verb = event.args[0] if event.args else "show"
    if verb in _SYSTEM_VERBS:
        return _SYSTEM_VERBS[verb](kit, event)
    return alert(text(event.language, "bot-button-old"))


def _save(kit: Kit, event: Event) -> Screen:
    if not kit.rows.sessions.open(event.place).system:
        return alert(text(event.language, "system-none"))
    return _wait(kit, event, NAME_STEP, "system-name-ask")


def _shown(kit: Kit, event: Event) -> Screen:
    session = kit.rows.sessions.open(event.place)
    if not session.system:
        return said(text(event.language, "system-none"), (_system_button(event, "set"),))
    title = preset_title(kit, event, session.preset)
    head = text(event.language, "system-now", name=title or "none")
    quote = Entity("expandable_blockquote", utf16_length(head) + 2, utf16_length(session.system))
    rows = (
        (_system_button(event, "set"), _system_button(event, "save")),
        (_system_button(event, "clear"),),
    )
    return Screen(FormattedMessage(f"{head}\n\n{session.system}", (quote,), rows))


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
    session = put_under(kit, event, Preset("", prompt=prompt))
    if session is None:
        return said(text(event.language, "presets-nobody"))
    done = filter(None, [text(event.language, "system-set"), abroad(kit, event, session)])
    return said("\n\n".join(done), (_system_button(event, "save"), _system_button(event, "clear")))


def name_typed(kit: Kit, event: Event) -> Screen:
    """Save the session's system text under the name that was typed."""
    name = " ".join(event.text.split())
    if not name or len(name) > NAME_LENGTH:
        return said(text(event.language, "system-name-bad", most=NAME_LENGTH), cancelling(event))
    kit.rows.dialogs.end(event.chat_id, event.user_id)
    session = kit.rows.sessions.open(event.place)
    if not session.system:
        return said(text(event.language, "system-none"), (_system_button(event, "set"),))
    if not room_for(kit.rows.presets.of(event.user_id), name):
        return said(text(event.language, "system-full", most=MOST_OWN), to_presets(event))
    own = kit.rows.presets.put(event.user_id, name, session.system)
    put_under(kit, event, Preset(own.word, prompt=own.prompt))
    return said(text(event.language, "system-saved", name=name), to_presets(event))


def _system_button(event: Event, verb: str) -> Button:
    return Button(text(event.language, f"system-button-{verb}"), f"system:{verb}")


_SYSTEM_VERBS: Mapping[str, Act] = {
    "show": _shown,
    "set": lambda kit, event: _wait(kit, event, TEXT_STEP, "system-ask"),
    "save": _save,
    "clear": system_off,
}


def register(application: BotApplication) -> None:
    """Add the handlers of this file."""
    add_handlers(
        application,
        commands={"preset": told(presets), "system": told(system)},
        buttons={"preset": told(preset_pressed), "system": told(system_pressed)},
        steps={
            PAIR_STEP: told(pair_typed),
            TEXT_STEP: told(text_typed),
            NAME_STEP: told(name_typed),
        },
    )
