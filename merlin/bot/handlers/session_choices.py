"""/model, /course, /preset and /system: what answers in a session, what about and under which text.

A preset is a named text: translator, summary, own. By /system a person tells the model how to
answer, and saves that as an own preset.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import groupby

from merlin.app import courses
from merlin.app.ask import request_of_session
from merlin.billing.quota import allows_model
from merlin.bot import menu
from merlin.bot.context import Act, BotContext
from merlin.bot.handlers.answering import (
    answering_model,
    fit_window,
    other_provider_note,
    plan_for,
    provider_title,
)
from merlin.bot.menu import PAGE_SIZE, View
from merlin.bot.registry import Handlers
from merlin.chat import model_catalogue, sessions
from merlin.core.formatted_text import Entity, FormattedMessage, utf16_length
from merlin.core.i18n import format_number, text
from merlin.core.money import MICRO, Price
from merlin.course.catalogue import Course

handlers = Handlers()
_TO_PRESETS = ("presets-button-list", "preset:list:0")
_OFF = ("presets-button-off", "preset:off")


def preset_title(context: BotContext, word: str) -> str:
    """Return what people call the preset that a session keeps as `word`, "" for none."""
    if word in sessions.BUILT_IN:
        return context.translate(f"preset-{word}")
    if preset := context.services.config.chat.presets.get(word):
        return preset.titled(context.language)
    own = sessions.OwnPresets(context.db).of(context.user_id)
    return next((each.name for each in own if each.key == word), "")


def preset_name(context: BotContext, session: sessions.Session) -> str:
    """Return what the session's system text is called, "" where it has none."""
    if not session.system:
        return ""
    title = preset_title(context, session.preset) if session.preset else ""
    return title or context.translate("presets-nameless")


def chosen(context: BotContext, session: sessions.Session) -> list[str]:
    """Return what the person chose for a session: its course, its model, its system text."""
    found: list[tuple[str, str]] = []
    if session.dataset:
        titles = courses.titles(context.services, context.language)
        found.append(("course", titles.get(session.dataset, session.dataset)))
    now = answering_model(context, session) if bared(context, session).provider else None
    if now is not None:
        found.append(("model", now.title))
    if session.system:
        title = preset_title(context, session.preset)
        found.append(("preset" if title else "system", title))
    return [context.translate(f"chosen-{what}", name=name) for what, name in found]


def put_under(
    context: BotContext, name: str, prompt: str, model: model_catalogue.General | None = None
) -> sessions.Session | None:
    """Put the open session under a preset and store it; None where no model could answer so."""
    bare = bared(context, context.open_session())
    session = sessions.told_by(bare, name, prompt, model)
    if answering_model(context, session) is None:
        return None
    session = fit_window(context, session)
    context.sessions.change(session)
    return session


def bared(context: BotContext, session: sessions.Session) -> sessions.Session:
    """Return the session without its system text, and without the model that came with it."""
    preset = context.services.config.chat.presets.get(session.preset)
    return sessions.untold(session, preset.model.pair if preset and preset.model else None)


def system_off(context: BotContext) -> View:
    """Take the session's system text away: the usual model answers again."""
    context.sessions.change(fit_window(context, bared(context, context.open_session())))
    return menu.say(context, "presets-off", _TO_PRESETS)


PAIR_STEP = "preset-pair"
_RU_EN = "ru-en"


@handlers.command("preset")
def list_presets(context: BotContext) -> View:
    """Show every preset that there is, and which one the session is under."""
    session = context.open_session()
    own = [(each.key, each.key) for each in sessions.OwnPresets(context.db).of(context.user_id)]
    named = [*_built_in(context), *context.services.config.chat.presets]
    buttons = [
        menu.choice(preset_title(context, word), f"preset:{verb}", is_chosen=session.preset == word)
        for word, verb in [*((name, f"set:{name}") for name in named), *own]
    ]
    now = context.translate("presets-now", name=preset_name(context, session) or "none")
    message = f"{now}\n\n{context.translate('presets-hint')}"
    rows = menu.list_rows(buttons, context.number(1), "preset:list", lambda each: each)
    return menu.message(context, message, *rows, bool(session.system) and _OFF)


def _built_in(context: BotContext) -> list[str]:
    """Return the built-in presets that work here."""
    return [
        word
        for word in sessions.BUILT_IN
        if word != sessions.VOICE or context.services.transcriber is not None
    ]


def _set(context: BotContext) -> View:
    name = context.argument(1)
    if name == sessions.TRANSLATOR:
        pairs = [(f"presets-pair-{word}", f"preset:pair:{word}") for word in (_RU_EN, "other")]
        return menu.say(context, "presets-pair-ask", *pairs, _TO_PRESETS)
    if name in _built_in(context):
        prompt = sessions.built_in_prompt(context.language, name)
        return _under(context, name, prompt, f"presets-how-{name}")
    found = context.services.config.chat.presets.get(name)
    if found is None:
        return menu.refuse(context, "presets-gone")
    if found.model is not None and not allows_model(plan_for(context), found.model.model):
        return menu.refuse(context, "presets-not-in-plan")
    model = None if found.model is None else found.model.pair
    return _under(context, name, found.prompt, model=model)


def _under(
    context: BotContext,
    name: str,
    prompt: str,
    how: str = "presets-how",
    drop: menu.Entry = None,
    model: model_catalogue.General | None = None,
) -> View:
    """Put the session under a preset, and say so."""
    session = put_under(context, name, prompt, model)
    if session is None:
        return menu.say(context, "presets-nobody")
    title = preset_title(context, name)
    done, rows = context.translate("presets-chosen", name=title), (drop, _OFF, _TO_PRESETS)
    parts = (done, context.translate(how), other_provider_note(context, session))
    return menu.paragraphs(context, *parts, rows=rows)


@handlers.step(PAIR_STEP)
def pair_typed(context: BotContext) -> View:
    """Take the languages that a person typed for the translator."""
    pair = " ".join(context.text.split())
    if not pair or len(pair) > sessions.PAIR_LENGTH:
        return menu.form(context, "presets-pair-bad", most=sessions.PAIR_LENGTH)
    context.stop_waiting()
    return _translate(context, pair)


def _translate(context: BotContext, pair: str) -> View:
    prompt = sessions.built_in_prompt(context.language, sessions.TRANSLATOR, pair)
    return _under(context, sessions.TRANSLATOR, prompt, "presets-how-translator")


def _own(context: BotContext) -> View:
    """Do with an own preset what a button says: use it, ask whether it is to go, delete it."""
    found = sessions.OwnPresets(context.db).find(context.user_id, context.number(1))
    if found is None:
        return menu.refuse(context, "presets-gone")
    number, verb = found.preset_id, context.argument(0)
    if verb == "own":
        drop = ("presets-drop", f"preset:drop:{number}")
        return _under(context, found.key, found.prompt, drop=drop)
    if verb == "drop":
        sure = ("presets-drop-sure", f"preset:dropped:{number}", "danger")
        return menu.say(context, "presets-drop-ask", sure, _TO_PRESETS, name=found.name)
    if not sessions.OwnPresets(context.db).delete(context.user_id, number):
        return menu.refuse(context, "presets-gone")
    return menu.say(context, "presets-dropped", _TO_PRESETS, name=found.name)


_PRESET_VERBS: Mapping[str, Act] = {
    "list": list_presets,
    "set": _set,
    "pair": lambda context: (
        _translate(context, context.translate("presets-pair-ru-en"))
        if context.argument(1) == _RU_EN
        else menu.form(context, "presets-pair-type", step=PAIR_STEP)
    ),
    "own": _own,
    "drop": _own,
    "dropped": _own,
    "off": system_off,
}
handlers.button("preset")(menu.by_argument(_PRESET_VERBS, "list"))


TEXT_STEP = "system-text"
NAME_STEP = "system-name"
handlers.step(TEXT_STEP)(lambda context: _take(context, context.text))


@handlers.command("system")
def system(context: BotContext) -> View:
    """Set the text that stands behind the command; without one show what is set."""
    # Not the context's `words`: what a client split off is joined to the whole text alone.
    rest = context.text.split(maxsplit=1)[1:]
    return _take(context, rest[0]) if rest else _current_prompt(context)


def _save(context: BotContext) -> View:
    if not context.open_session().system:
        return menu.alert(context.translate("system-none"))
    return menu.form(context, "system-name-ask", step=NAME_STEP, most=sessions.PROMPT_LENGTH)


def _current_prompt(context: BotContext) -> View:
    session = context.open_session()
    if not session.system:
        return menu.say(context, "system-none", _SET)
    head = context.translate("system-now", name=preset_title(context, session.preset) or "none")
    quote = Entity("expandable_blockquote", utf16_length(head) + 2, utf16_length(session.system))
    rows = menu.buttons_of(context, (_SET, _SAVE), _CLEAR)
    return View(FormattedMessage(f"{head}\n\n{session.system}", (quote,), rows))


def _take(context: BotContext, message: str) -> View:
    prompt = message.strip()
    if not prompt or len(prompt) > sessions.PROMPT_LENGTH:
        return menu.form(context, "system-long", length=len(prompt), most=sessions.PROMPT_LENGTH)
    context.stop_waiting()
    session = put_under(context, "", prompt)
    if session is None:
        return menu.say(context, "presets-nobody")
    done = (context.translate("system-set"), other_provider_note(context, session))
    return menu.paragraphs(context, *done, rows=((_SAVE, _CLEAR),))


@handlers.step(NAME_STEP)
def name_typed(context: BotContext) -> View:
    """Save the session's system text under the name that was typed."""
    name = " ".join(context.text.split())
    if not name or len(name) > sessions.NAME_LENGTH:
        return menu.form(context, "system-name-bad", most=sessions.NAME_LENGTH)
    context.stop_waiting()
    session, presets = context.open_session(), sessions.OwnPresets(context.db)
    if not session.system:
        return menu.say(context, "system-none", _SET)
    if not sessions.room_for(presets.of(context.user_id), name):
        return menu.say(context, "system-full", _TO_PRESETS, most=sessions.MAX_OWN)
    own = presets.put(context.user_id, name, session.system)
    put_under(context, own.key, own.prompt)
    return menu.say(context, "system-saved", _TO_PRESETS, name=name)


_SET, _SAVE, _CLEAR = [
    (f"system-button-{verb}", f"system:{verb}") for verb in ("set", "save", "clear")
]
_SYSTEM_VERBS: Mapping[str, Act] = {
    "show": _current_prompt,
    "set": lambda context: menu.form(
        context, "system-ask", step=TEXT_STEP, most=sessions.PROMPT_LENGTH
    ),
    "save": _save,
    "clear": system_off,
}
handlers.button("system")(menu.by_argument(_SYSTEM_VERBS, "show"))


_TO_COURSES = ("courses-button-list", "course:list:0")
_TO_MODELS = ("models-button-list", "model:list:0")


@handlers.button("course")
def course_pressed(context: BotContext) -> View:
    """Do what a button of the list says."""
    match context.arguments:
        case () | ("list", _):
            return list_courses(context)
        case ("open", _):
            found = courses.active(context.services).by_id.get(context.number(1))
            return _opened(context, found) if found else menu.refuse(context, "courses-gone")
        case ("all",):
            _begin(context, None)
            return menu.say(context, "courses-all-chosen", _TO_COURSES)
        case _:
            return menu.outdated(context)


def open_course(context: BotContext, slug: str) -> View:
    """Begin a session about the course that a link names; within the store's work."""
    found = courses.active(context.services).by_slug.get(slug)
    return _opened(context, found) if found else menu.say(context, "courses-gone", _TO_COURSES)


@handlers.command("course")
def list_courses(context: BotContext) -> View:
    """Show the courses by semester, and which one the session is about."""
    found = courses.active(context.services).courses
    session = context.open_session()
    if not found and session.dataset is None:
        return menu.say(context, "courses-none-yet")
    shown, place = menu.paginate(found, context.number(1))
    titles = {each.course_id: each.title(context.language) for each in found}
    now = next((each.course_id for each in found if each.slug == session.dataset), None)
    lines = [context.translate("courses-now", course="none" if now is None else titles[now])]
    for semester, those in groupby(shown, lambda each: each.semester):
        lines.append("\n" + context.translate("courses-semester", semester=semester))
        lines += [f"• {titles[each.course_id]}" for each in those]
    buttons = [
        menu.choice(
            titles[each.course_id],
            f"course:open:{each.course_id}",
            is_chosen=session.dataset == each.dataset,
        )
        for each in shown
    ]
    everything = session.dataset is not None and ("courses-button-all", "course:all")
    turn = menu.page_buttons("course:list", place, len(found))
    return menu.message(context, "\n".join(lines), *buttons, everything, *turn)


def _opened(context: BotContext, course: Course) -> View:
    _begin(context, course.dataset)
    is_taught = context.catalogue.serving(course.dataset) is not None
    return menu.paragraphs(
        context,
        context.translate("courses-chosen", course=course.title(context.language)),
        course.about(context.language),
        "" if is_taught else context.translate("courses-untaught"),
        context.translate("courses-ask"),
        rows=(_TO_COURSES,),
    )


def _begin(context: BotContext, dataset: str | None) -> None:
    """Open a session about a dataset; of what was chosen before nothing is left."""
    session = context.open_session()
    if session.touched_at is not None:
        session = context.sessions.renew(context.place)
    bare = replace(session, dataset=dataset, provider=None, model_id=None, preset="", system="")
    context.sessions.change(fit_window(context, bare))


_CENT = MICRO // 100
# What a button shows of a long id.
LABEL_LENGTH = 49


def options(context: BotContext, session: sessions.Session) -> list[model_catalogue.ModelOption]:
    """Return the models that the person's plan lets them choose; within the store's work."""
    plan = plan_for(context)
    models = model_catalogue.list_models(
        context.catalogue,
        model_catalogue.Windows(context.db),
        request_of_session(context.services, session),
        context.services.config,
    )
    return [option for option in models if allows_model(plan, option.model_id)]


@handlers.button("model")
def model_pressed(context: BotContext) -> View:
    """Do what a button of the list says; what those under an answer show stands below it."""
    match context.arguments:
        case ():
            return replace(list_choices(context), is_new=True)
        case ("list", _):
            return list_choices(context)
        case ("use", sign):
            return _use(context, sign)
        case ("auto",):
            return _return(context)
        case ("newest",):
            return replace(_return(context), is_new=True)
        case _:
            return menu.outdated(context)


@handlers.command("model")
def list_choices(context: BotContext) -> View:
    """Show the models that may be chosen, and which one answers."""
    session = context.open_session()
    found = options(context, session)
    now = answering_model(context, session)
    if now is None:
        return menu.say(context, "models-nobody")
    shown, place = menu.paginate(found, context.number(1))
    provider = provider_title(context, now.provider)
    lines = [context.translate("models-now", model=now.title, provider=provider)]
    newest = context.translate("models-newest")
    buttons = [menu.choice(newest, "model:auto", is_chosen=session.provider is None)]
    for count, option in enumerate(shown, place * PAGE_SIZE + 1):
        lines.append(_line(context, count, option))
        is_now = (session.provider, session.model_id) == (option.provider, option.model_id)
        label = menu.choice(
            f"{count}. {option.title}", f"model:use:{option.sign}", is_chosen=is_now
        )
        buttons.append(replace(label, label=menu.cut(label.label, LABEL_LENGTH)))
    lines.append(context.translate("models-hint"))
    turn = menu.page_buttons("model:list", place, len(found))
    return menu.message(context, "\n\n".join(lines), *buttons, *turn)


def _line(context: BotContext, count: int, option: model_catalogue.ModelOption) -> str:
    cap = plan_for(context).window
    window = min(option.window, cap) if option.window and cap else option.window
    return context.translate(
        "models-line",
        count=count,
        model=option.title,
        standing=option.standing.value,
        provider=provider_title(context, option.provider),
        price=_price(context.language, option.price),
        window=window or 0,
    )


def _price(language: str, price: Price | None) -> str:
    if price is None:
        return text(language, "models-price-unknown")
    if price.input_micro == price.output_micro == 0:
        return text(language, "price-free")
    input_price, answered = (
        format_number(language, micro / MICRO, 4 if micro % _CENT else 2)
        for micro in (price.input_micro, price.output_micro)
    )
    return text(
        language, "models-price", asked=input_price, answered=answered, currency=price.currency
    )


def _use(context: BotContext, sign: str) -> View:
    session = context.open_session()
    option = next((each for each in options(context, session) if each.sign == sign), None)
    if option is None:
        return menu.refuse(context, "models-gone")
    own = replace(session, provider=option.provider, model_id=option.model_id)
    context.sessions.change(fit_window(context, own))
    if session.touched_at is not None:
        # What serves already is told of here, and not under the next answer.
        context.sessions.touch(session.session_id, "")
    message = context.translate("models-chosen", model=option.title)
    newer = model_catalogue.newer_serving(
        context.catalogue, request_of_session(context.services, own)
    )
    arguments = {"newest": newer.model.build_version if newer else "none"}
    kept = context.translate("models-chosen-version", **arguments) if option.version else ""
    rows = (("models-button-newest" if newer else "models-newest", "model:auto"), _TO_MODELS)
    return menu.paragraphs(context, message, kept, other_provider_note(context, own), rows=rows)


def _return(context: BotContext) -> View:
    """Let the session be answered by the newest model, whichever that is."""
    session = replace(context.open_session(), provider=None, model_id=None)
    context.sessions.change(fit_window(context, session))
    now = answering_model(context, session)
    return menu.say(context, "models-auto", _TO_MODELS, model=now.title if now else "none")
