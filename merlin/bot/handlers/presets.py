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
from merlin.core.formatted_text import Button, Entity, FormattedMessage, utf16_length
from merlin.core.i18n import text


def preset_title(context: BotContext, word: str) -> str:
    """Return what people call the preset that a session keeps as `word`, "" for one that is gone.

    To be called within the store's work.
    """
    if word in BUILT_IN:
        return context.translate(f"preset-{word}")
    for preset in context.services.presets:
        if preset.name == word:
            return preset.titled(context.language)
    return next(
        (each.name for each in OwnPresets(context.db).of(context.user_id) if each.key == word), ""
    )


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
    bare = bared(context, Sessions(context.db, context.bot_id).open(context.place))
    session = told_by(bare, preset.name, preset.prompt, preset.model)
    if answering(context, session) is None:
        return None
    session = refitted(context, session)
    Sessions(context.db, context.bot_id).change(session)
    return session


def bared(context: BotContext, session: Session) -> Session:
    """Return the session without its system text, and without the model that came with it."""
    brought = [each.model for each in context.services.presets if each.name == session.preset]
    return untold(session, next(iter(brought), None))


def system_off(context: BotContext) -> View:
    """Take the session's system text away: the usual model answers again."""
    session = refitted(
        context, bared(context, Sessions(context.db, context.bot_id).open(context.place))
    )
    Sessions(context.db, context.bot_id).change(session)
    return menu.message(context.translate("presets-off"), to_presets(context))


def to_presets(context: BotContext) -> tuple[Button, ...]:
    """Return the row that leads to the list of presets."""
    return (menu.button(context, "presets-button-list", "preset:list:0"),)


def cancelling(context: BotContext) -> tuple[Button, ...]:
    """Return the row that ends the waiting for a message."""
    return (menu.button(context, "button-cancel", "cancel"),)


PAIR_STEP = "preset-pair"
_RU_EN = "ru-en"


def presets(context: BotContext) -> View:
    """Show every preset that there is, and which one the session is under."""
    return _list(context, 0)


def preset_pressed(context: BotContext) -> View:
    """Do what a button of the list says."""
    verb = context.argument(0) or "list"
    return (
        _PRESET_VERBS[verb](context)
        if verb in _PRESET_VERBS
        else menu.alert(context.translate("bot-button-old"))
    )


def _list(context: BotContext, wanted: int) -> View:
    session = Sessions(context.db, context.bot_id).open(context.place)
    buttons = [_preset_button(context, session, word, f"set:{word}") for word in _built_in(context)]
    buttons += [
        _preset_button(context, session, each.name, f"set:{each.name}")
        for each in context.services.presets
    ]
    own = OwnPresets(context.db).of(context.user_id)
    buttons += [_preset_button(context, session, each.key, each.key) for each in own]
    language = context.language
    now = text(language, "presets-now", name=preset_name(context, session) or "none")
    words = f"{now}\n\n{text(language, 'presets-hint')}"
    ending = _ending(context) if session.system else ()
    rows = menu.list_rows(buttons, wanted, "preset:list", lambda button: button)
    return menu.message(words, *rows, *ending)


def _built_in(context: BotContext) -> list[str]:
    """Return the built-in presets that work here."""
    return [word for word in BUILT_IN if word != VOICE or context.services.transcriber is not None]


def _preset_button(context: BotContext, session: Session, word: str, choice: str) -> Button:
    mark = "✓ " if session.preset == word else ""
    return Button(f"{mark}{preset_title(context, word)}", f"preset:{choice}")


def _set(context: BotContext) -> View:
    name = context.argument(1)
    if name == TRANSLATOR:
        return _ask_pair(context)
    if name in _built_in(context):
        prompt = built_in_prompt(context.language, name)
        return _under(context, Preset(name, prompt=prompt), f"presets-how-{name}")
    found = next((each for each in context.services.presets if each.name == name), None)
    if found is None:
        return _gone(context)
    if found.model is not None and not plan_for(context).allows_model(found.model[1]):
        return menu.alert(context.translate("presets-not-in-plan"), is_loud=True)
    return _under(context, found)


def _under(context: BotContext, preset: Preset, how: str = "presets-how", *extra: Button) -> View:
    """Put the session under a preset, and say so."""
    session = put_under(context, preset)
    if session is None:
        return menu.message(context.translate("presets-nobody"))
    title = preset_title(context, preset.name)
    words = [
        context.translate("presets-chosen", name=title),
        context.translate(how),
        abroad(context, session),
    ]
    rows = [(button,) for button in extra]
    return menu.message(
        "\n\n".join(filter(None, words)), *rows, *_ending(context), to_presets(context)
    )


def _ask_pair(context: BotContext) -> View:
    pairs = ((_RU_EN, "presets-pair-ru-en"), ("other", "presets-pair-other"))
    rows = [(Button(context.translate(key), f"preset:pair:{word}"),) for word, key in pairs]
    return menu.message(context.translate("presets-pair-ask"), *rows, to_presets(context))


def _pair(context: BotContext) -> View:
    if context.argument(1) == _RU_EN:
        return _translate(context, context.translate("presets-pair-ru-en"))
    context.wait(Dialog(PAIR_STEP))
    return menu.message(context.translate("presets-pair-type"), cancelling(context))


def pair_typed(context: BotContext) -> View:
    """Take the languages that a person typed for the translator."""
    pair = " ".join(context.text.split())
    if not pair or len(pair) > PAIR_LENGTH:
        return menu.message(
            context.translate("presets-pair-bad", most=PAIR_LENGTH), cancelling(context)
        )
    context.stop_waiting()
    return _translate(context, pair)


def _translate(context: BotContext, pair: str) -> View:
    prompt = built_in_prompt(context.language, TRANSLATOR, pair)
    return _under(context, Preset(TRANSLATOR, prompt=prompt), "presets-how-translator")


def _own(context: BotContext) -> View:
    found = OwnPresets(context.db).find(context.user_id, context.number(1))
    if found is None:
        return _gone(context)
    drop = menu.button(context, "presets-drop", f"preset:drop:{found.preset_id}")
    return _under(context, Preset(found.key, prompt=found.prompt), "presets-how", drop)


def _drop(context: BotContext) -> View:
    found = OwnPresets(context.db).find(context.user_id, context.number(1))
    if found is None:
        return _gone(context)
    words = context.translate("presets-drop-ask", name=found.name)
    yes = f"preset:dropped:{found.preset_id}"
    sure = menu.button(context, "presets-drop-sure", yes, "danger")
    return menu.message(words, (sure,), to_presets(context))


def _dropped(context: BotContext) -> View:
    found = OwnPresets(context.db).find(context.user_id, context.number(1))
    if found is None or not OwnPresets(context.db).delete(context.user_id, found.preset_id):
        return _gone(context)
    return menu.message(context.translate("presets-dropped", name=found.name), to_presets(context))


def _gone(context: BotContext) -> View:
    return menu.alert(context.translate("presets-gone"), is_loud=True)


def _ending(context: BotContext) -> tuple[tuple[Button, ...], ...]:
    return ((menu.button(context, "presets-button-off", "preset:off"),),)


_PRESET_VERBS: Mapping[str, Act] = {
    "list": lambda context: _list(context, context.number(1)),
    "set": _set,
    "pair": _pair,
    "own": _own,
    "drop": _drop,
    "dropped": _dropped,
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
    verb = context.argument(0) or "show"
    if verb in _SYSTEM_VERBS:
        return _SYSTEM_VERBS[verb](context)
    return menu.alert(context.translate("bot-button-old"))


def _save(context: BotContext) -> View:
    if not Sessions(context.db, context.bot_id).open(context.place).system:
        return menu.alert(context.translate("system-none"))
    return _wait(context, NAME_STEP, "system-name-ask")


def _current_prompt(context: BotContext) -> View:
    session = Sessions(context.db, context.bot_id).open(context.place)
    if not session.system:
        return menu.message(context.translate("system-none"), (_system_button(context, "set"),))
    title = preset_title(context, session.preset)
    head = context.translate("system-now", name=title or "none")
    quote = Entity("expandable_blockquote", utf16_length(head) + 2, utf16_length(session.system))
    rows = (
        (_system_button(context, "set"), _system_button(context, "save")),
        (_system_button(context, "clear"),),
    )
    return View(FormattedMessage(f"{head}\n\n{session.system}", (quote,), rows))


def _wait(context: BotContext, step: str, key: str) -> View:
    context.wait(Dialog(step))
    return menu.message(context.translate(key, most=PROMPT_LENGTH), cancelling(context))


def text_typed(context: BotContext) -> View:
    """Take the system text that was asked for."""
    return _take(context, context.text)


def _take(context: BotContext, words: str) -> View:
    prompt = words.strip()
    if not prompt or len(prompt) > PROMPT_LENGTH:
        refusal = context.translate("system-long", length=len(prompt), most=PROMPT_LENGTH)
        return menu.message(refusal, cancelling(context))
    context.stop_waiting()
    session = put_under(context, Preset("", prompt=prompt))
    if session is None:
        return menu.message(context.translate("presets-nobody"))
    done = filter(None, [context.translate("system-set"), abroad(context, session)])
    return menu.message(
        "\n\n".join(done), (_system_button(context, "save"), _system_button(context, "clear"))
    )


def name_typed(context: BotContext) -> View:
    """Save the session's system text under the name that was typed."""
    name = " ".join(context.text.split())
    if not name or len(name) > NAME_LENGTH:
        return menu.message(
            context.translate("system-name-bad", most=NAME_LENGTH), cancelling(context)
        )
    context.stop_waiting()
    session = Sessions(context.db, context.bot_id).open(context.place)
    if not session.system:
        return menu.message(context.translate("system-none"), (_system_button(context, "set"),))
    if not room_for(OwnPresets(context.db).of(context.user_id), name):
        return menu.message(context.translate("system-full", most=MOST_OWN), to_presets(context))
    own = OwnPresets(context.db).put(context.user_id, name, session.system)
    put_under(context, Preset(own.key, prompt=own.prompt))
    return menu.message(context.translate("system-saved", name=name), to_presets(context))


def _system_button(context: BotContext, verb: str) -> Button:
    return menu.button(context, f"system-button-{verb}", f"system:{verb}")


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
        commands={"preset": presets, "system": system},
        buttons={"preset": preset_pressed, "system": system_pressed},
        steps={PAIR_STEP: pair_typed, TEXT_STEP: text_typed, NAME_STEP: name_typed},
    )
