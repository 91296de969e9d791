"""/preset and /system: a session is put under a system text, and taken from under it.

A preset is a named text: translator, summary, own. By /system a person tells the model how to
answer, and saves that as an own preset.
"""

from __future__ import annotations

from collections.abc import Mapping

from merlin.app import courses
from merlin.app.inbox import Dialog
from merlin.bot import menu
from merlin.bot.context import Act, BotApplication, BotContext, add_handlers
from merlin.bot.handlers.answering import abroad, answering, refitted
from merlin.bot.handlers.quota import plan_for
from merlin.bot.menu import View
from merlin.chat.presets import (
    BUILT_IN,
    MOST_OWN,
    NAME_LENGTH,
    PAIR_LENGTH,
    PROMPT_LENGTH,
    TRANSLATOR,
    VOICE,
    OwnPresets,
    Preset,
    built_in_prompt,
    room_for,
    told_by,
    untold,
)
from merlin.chat.sessions import Session, Sessions
from merlin.core.formatted_text import Entity, FormattedMessage, utf16_length

_TO_PRESETS = ("presets-button-list", "preset:list:0")
_OFF = ("presets-button-off", "preset:off")


def preset_title(context: BotContext, word: str) -> str:
    """Return what people call the preset that a session keeps as `word`, "" for one that is gone.

    To be called within the store's work.
    """
    if word in BUILT_IN:
        return context.translate(f"preset-{word}")
    for preset in context.services.presets:
        if preset.name == word:
            return preset.titled(context.language)
    own = OwnPresets(context.db).of(context.user_id)
    return next((each.name for each in own if each.key == word), "")


def preset_name(context: BotContext, session: Session) -> str:
    """Return what the session's system text is called, "" where it has none."""
    if not session.system:
        return ""
    title = preset_title(context, session.preset) if session.preset else ""
    return title or context.translate("presets-nameless")


def chosen(context: BotContext, session: Session) -> list[str]:
    """Return what the person chose for a session: its course, its model, its system text.

    To be called within the store's work.
    """
    found: list[tuple[str, str]] = []
    if session.dataset:
        titles = courses.titles(context.services, context.language)
        found.append(("course", titles.get(session.dataset, session.dataset)))
    now = answering(context, session) if bared(context, session).provider else None
    if now is not None:
        found.append(("model", now.title))
    if session.system:
        title = preset_title(context, session.preset)
        found.append(("preset" if title else "system", title))
    return [context.translate(f"chosen-{what}", name=name) for what, name in found]


def put_under(context: BotContext, preset: Preset) -> Session | None:
    """Put the open session under a preset and store it; None where no model could answer so.

    To be called within the store's work.
    """
    bare = bared(context, _open(context))
    session = told_by(bare, preset.name, preset.prompt, preset.model)
    if answering(context, session) is None:
        return None
    session = refitted(context, session)
    Sessions(context.db, context.bot_id).change(session)
    return session


def _open(context: BotContext) -> Session:
    return Sessions(context.db, context.bot_id).open(context.place)


def bared(context: BotContext, session: Session) -> Session:
    """Return the session without its system text, and without the model that came with it."""
    brought = [each.model for each in context.services.presets if each.name == session.preset]
    return untold(session, next(iter(brought), None))


def system_off(context: BotContext) -> View:
    """Take the session's system text away: the usual model answers again."""
    session = refitted(context, bared(context, _open(context)))
    Sessions(context.db, context.bot_id).change(session)
    return menu.say(context, "presets-off", _TO_PRESETS)


PAIR_STEP = "preset-pair"
_RU_EN = "ru-en"


def preset_pressed(context: BotContext) -> View:
    """Do what a button of the list says."""
    return _PRESET_VERBS.get(context.argument(0) or "list", menu.outdated)(context)


def list_presets(context: BotContext) -> View:
    """Show every preset that there is, and which one the session is under."""
    session = _open(context)
    own = [(each.key, each.key) for each in OwnPresets(context.db).of(context.user_id)]
    named = [*_built_in(context), *(each.name for each in context.services.presets)]
    buttons = [
        menu.choice(preset_title(context, word), f"preset:{verb}", is_chosen=session.preset == word)
        for word, verb in [*((name, f"set:{name}") for name in named), *own]
    ]
    now = context.translate("presets-now", name=preset_name(context, session) or "none")
    words = f"{now}\n\n{context.translate('presets-hint')}"
    rows = menu.list_rows(buttons, context.number(1), "preset:list", lambda button: button)
    return menu.message(context, words, *rows, bool(session.system) and _OFF)


def _built_in(context: BotContext) -> list[str]:
    """Return the built-in presets that work here."""
    return [word for word in BUILT_IN if word != VOICE or context.services.transcriber is not None]


def _set(context: BotContext) -> View:
    name = context.argument(1)
    if name == TRANSLATOR:
        pairs = [(f"presets-pair-{word}", f"preset:pair:{word}") for word in (_RU_EN, "other")]
        return menu.say(context, "presets-pair-ask", *pairs, _TO_PRESETS)
    if name in _built_in(context):
        prompt = built_in_prompt(context.language, name)
        return _under(context, Preset(name, prompt=prompt), f"presets-how-{name}")
    found = next((each for each in context.services.presets if each.name == name), None)
    if found is None:
        return menu.refuse(context, "presets-gone")
    if found.model is not None and not plan_for(context).allows_model(found.model[1]):
        return menu.refuse(context, "presets-not-in-plan")
    return _under(context, found)


def _under(
    context: BotContext, preset: Preset, how: str = "presets-how", drop: menu.Entry = None
) -> View:
    """Put the session under a preset, and say so."""
    session = put_under(context, preset)
    if session is None:
        return menu.say(context, "presets-nobody")
    title = preset_title(context, preset.name)
    words = [
        context.translate("presets-chosen", name=title),
        context.translate(how),
        abroad(context, session),
    ]
    return menu.message(context, "\n\n".join(filter(None, words)), drop, _OFF, _TO_PRESETS)


def _pair(context: BotContext) -> View:
    if context.argument(1) == _RU_EN:
        return _translate(context, context.translate("presets-pair-ru-en"))
    context.wait(Dialog(PAIR_STEP))
    return menu.say(context, "presets-pair-type", menu.CANCEL)


def pair_typed(context: BotContext) -> View:
    """Take the languages that a person typed for the translator."""
    pair = " ".join(context.text.split())
    if not pair or len(pair) > PAIR_LENGTH:
        return menu.say(context, "presets-pair-bad", menu.CANCEL, most=PAIR_LENGTH)
    context.stop_waiting()
    return _translate(context, pair)


def _translate(context: BotContext, pair: str) -> View:
    prompt = built_in_prompt(context.language, TRANSLATOR, pair)
    return _under(context, Preset(TRANSLATOR, prompt=prompt), "presets-how-translator")


def _own(context: BotContext) -> View:
    """Do with an own preset what a button says: use it, ask whether it is to go, delete it."""
    found = OwnPresets(context.db).find(context.user_id, context.number(1))
    if found is None:
        return menu.refuse(context, "presets-gone")
    number, verb = found.preset_id, context.argument(0)
    if verb == "own":
        drop = ("presets-drop", f"preset:drop:{number}")
        return _under(context, Preset(found.key, prompt=found.prompt), drop=drop)
    if verb == "drop":
        sure = ("presets-drop-sure", f"preset:dropped:{number}", "danger")
        return menu.say(context, "presets-drop-ask", sure, _TO_PRESETS, name=found.name)
    if not OwnPresets(context.db).delete(context.user_id, number):
        return menu.refuse(context, "presets-gone")
    return menu.say(context, "presets-dropped", _TO_PRESETS, name=found.name)


_PRESET_VERBS: Mapping[str, Act] = {
    "list": list_presets,
    "set": _set,
    "pair": _pair,
    "own": _own,
    "drop": _own,
    "dropped": _own,
    "off": system_off,
}


TEXT_STEP = "system-text"
NAME_STEP = "system-name"


def system(context: BotContext) -> View:
    """Set the text that stands behind the command; without one show what is set."""
    # Not the context's `words`: what a client split off is joined to the whole text alone.
    rest = context.text.split(maxsplit=1)[1:]
    return _take(context, rest[0]) if rest else _current_prompt(context)


def system_pressed(context: BotContext) -> View:
    """Do what a button below a system text says."""
    return _SYSTEM_VERBS.get(context.argument(0) or "show", menu.outdated)(context)


def _save(context: BotContext) -> View:
    if not _open(context).system:
        return menu.alert(context.translate("system-none"))
    return _wait(context, NAME_STEP, "system-name-ask")


def _current_prompt(context: BotContext) -> View:
    session = _open(context)
    if not session.system:
        return menu.say(context, "system-none", _SET)
    head = context.translate("system-now", name=preset_title(context, session.preset) or "none")
    quote = Entity("expandable_blockquote", utf16_length(head) + 2, utf16_length(session.system))
    rows = menu.rows(context, (_SET, _SAVE), _CLEAR)
    return View(FormattedMessage(f"{head}\n\n{session.system}", (quote,), rows))


def _wait(context: BotContext, step: str, key: str) -> View:
    context.wait(Dialog(step))
    return menu.say(context, key, menu.CANCEL, most=PROMPT_LENGTH)


def text_typed(context: BotContext) -> View:
    """Take the system text that was asked for."""
    return _take(context, context.text)


def _take(context: BotContext, words: str) -> View:
    prompt = words.strip()
    if not prompt or len(prompt) > PROMPT_LENGTH:
        length = {"length": len(prompt), "most": PROMPT_LENGTH}
        return menu.say(context, "system-long", menu.CANCEL, **length)
    context.stop_waiting()
    session = put_under(context, Preset("", prompt=prompt))
    if session is None:
        return menu.say(context, "presets-nobody")
    done = filter(None, [context.translate("system-set"), abroad(context, session)])
    return menu.message(context, "\n\n".join(done), (_SAVE, _CLEAR))


def name_typed(context: BotContext) -> View:
    """Save the session's system text under the name that was typed."""
    name = " ".join(context.text.split())
    if not name or len(name) > NAME_LENGTH:
        return menu.say(context, "system-name-bad", menu.CANCEL, most=NAME_LENGTH)
    context.stop_waiting()
    session, presets = _open(context), OwnPresets(context.db)
    if not session.system:
        return menu.say(context, "system-none", _SET)
    if not room_for(presets.of(context.user_id), name):
        return menu.say(context, "system-full", _TO_PRESETS, most=MOST_OWN)
    own = presets.put(context.user_id, name, session.system)
    put_under(context, Preset(own.key, prompt=own.prompt))
    return menu.say(context, "system-saved", _TO_PRESETS, name=name)


_SET, _SAVE, _CLEAR = [
    (f"system-button-{verb}", f"system:{verb}") for verb in ("set", "save", "clear")
]
_SYSTEM_VERBS: Mapping[str, Act] = {
    "show": _current_prompt,
    "set": lambda context: _wait(context, TEXT_STEP, "system-ask"),
    "save": _save,
    "clear": system_off,
}


def register(application: BotApplication) -> None:
    """Add the handlers of this file."""
    add_handlers(
        application,
        commands={"preset": list_presets, "system": system},
        buttons={"preset": preset_pressed, "system": system_pressed},
        steps={PAIR_STEP: pair_typed, TEXT_STEP: text_typed, NAME_STEP: name_typed},
    )
