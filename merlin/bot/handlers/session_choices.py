"""/model, /course, /preset and /system: the settings of a session.

A preset is a named system prompt. /system sets the user's own.
"""

from dataclasses import replace
from itertools import groupby

from merlin.app.ask import dataset_of, request_of_session
from merlin.billing.quota import allows_model
from merlin.bot import menu
from merlin.bot.context import BotContext, Use
from merlin.bot.handlers.answering import (
    answering_model,
    fit_window,
    plan_for,
    provider_title,
    render_other_provider_note,
)
from merlin.bot.menu import PAGE_SIZE, View
from merlin.bot.registry import Handlers
from merlin.chat import model_catalogue, sessions
from merlin.core.errors import NotFound
from merlin.core.formatted_text import FormattedMessage, in_entity, join_pages
from merlin.core.i18n import cut, format_number, text
from merlin.core.money import MICRO, Price
from merlin.course.catalogue import Course

handlers = Handlers()
_TO_PRESETS = ("presets-button-list", "preset:list:0")
_OFF_BUTTON = ("presets-button-off", "preset:off")


def preset_title(context: BotContext, key: str) -> str:
    """Return the title of the preset with this key, "" for none."""
    return context.translate(f"preset-{key}") if key in sessions.BUILT_IN else ""


def preset_name(context: BotContext, session: sessions.Session) -> str:
    """Return the name of the session's system prompt, "" for none."""
    if not session.system:
        return ""
    title = preset_title(context, session.preset) if session.preset else ""
    return title or context.translate("presets-nameless")


def describe_settings(context: BotContext, session: sessions.Session) -> list[str]:
    """Return descriptions of the session's settings: course, model, system prompt."""
    settings: list[tuple[str, str]] = []
    if session.dataset:
        active = context.services.read_courses()
        settings.append(("course", active.title(session.dataset, context.language)))
    model = answering_model(context, session) if session.provider else None
    if model is not None:
        settings.append(("model", model.title))
    if session.system:
        title = preset_title(context, session.preset)
        settings.append(("preset" if title else "system", title))
    return [context.translate(f"chosen-{kind}", name=name) for kind, name in settings]


def apply_preset(
    context: BotContext, name: str, prompt: str
) -> sessions.Session | None:
    """Store a preset in the open session; None if no model could answer with it."""
    session = replace(context.open_session(), preset=name, system=prompt)
    if answering_model(context, session) is None:
        return None
    session = fit_window(context, session)
    context.sessions.change(session)
    return session


@handlers.button("preset:off", "system:clear")
def remove_prompt(context: BotContext) -> View:
    """Remove the session's system prompt; the default model answers again."""
    session = replace(context.open_session(), preset="", system="")
    context.sessions.change(fit_window(context, session))
    return menu.text_view(context, "presets-off", _TO_PRESETS)


PAIR_STEP = "preset-pair"
_RU_EN = "ru-en"


@handlers.command("preset", use=Use.BY_LINK)
@handlers.button("preset", "preset:list")
def list_presets(context: BotContext) -> View:
    """List all presets; the session's preset is marked."""
    session = context.open_session()
    buttons = [
        menu.choice_button(
            preset_title(context, key),
            f"preset:set:{key}",
            is_chosen=session.preset == key,
        )
        for key in _offered_presets(context)
    ]
    now = context.translate("presets-now", name=preset_name(context, session) or "none")
    rows = (*buttons, bool(session.system) and _OFF_BUTTON)
    return menu.paragraphs(context, now, context.translate("presets-hint"), rows=rows)


def _offered_presets(context: BotContext) -> list[str]:
    """Return the presets that work with this configuration."""
    return [
        name
        for name in sessions.BUILT_IN
        if name != sessions.VOICE or context.services.transcriber is not None
    ]


@handlers.button("preset:set")
def choose_preset(context: BotContext) -> View:
    """Set a preset in the session."""
    name = context.argument(1)
    if name == sessions.TRANSLATOR:
        pairs = [
            (f"presets-pair-{pair}", f"preset:pair:{pair}")
            for pair in (_RU_EN, "other")
        ]
        return menu.text_view(context, "presets-pair-ask", *pairs, _TO_PRESETS)
    if name not in _offered_presets(context):
        return menu.refusal(context, "presets-not-found")
    return _apply_and_confirm(
        context, name, sessions.built_in_prompt(context.language, name)
    )


def _apply_and_confirm(context: BotContext, name: str, prompt: str) -> View:
    """Set a preset in the session and show a confirmation."""
    session = apply_preset(context, name, prompt)
    if session is None:
        return menu.text_view(context, "presets-no-model")
    message = context.translate("presets-chosen", name=preset_title(context, name))
    rows = (_OFF_BUTTON, _TO_PRESETS)
    hint = context.translate(f"presets-how-{name}")
    return menu.paragraphs(
        context, message, hint, render_other_provider_note(context, session), rows=rows
    )


@handlers.button("preset:pair")
def choose_pair(context: BotContext) -> View:
    """Start the translator of Russian and English, or ask for another language pair."""
    if context.argument(1) == _RU_EN:
        return _start_translator(context, context.translate("presets-pair-ru-en"))
    return menu.form(context, "presets-pair-type", step=PAIR_STEP)


@handlers.step(PAIR_STEP)
def take_pair(context: BotContext) -> View:
    """Take the language pair for the translator."""
    pair = " ".join(context.text.split())
    if not pair or len(pair) > sessions.PAIR_LENGTH:
        return menu.form(context, "presets-pair-bad", most=sessions.PAIR_LENGTH)
    context.stop_waiting()
    return _start_translator(context, pair)


def _start_translator(context: BotContext, pair: str) -> View:
    prompt = sessions.built_in_prompt(context.language, sessions.TRANSLATOR, pair)
    return _apply_and_confirm(context, sessions.TRANSLATOR, prompt)


TEXT_STEP = "system-text"
handlers.step(TEXT_STEP)(lambda context: _set_prompt(context, context.text))
handlers.button("system:set")(
    lambda context: menu.form(
        context, "system-ask", step=TEXT_STEP, most=sessions.PROMPT_LENGTH
    )
)


@handlers.command("system", use=Use.BY_LINK)
def set_system_prompt(context: BotContext) -> View:
    """Set the text after the command; without one show the current system prompt."""
    # `command_text` lacks the parts that a client split off; they are joined only to `text`.
    rest = context.text.split(maxsplit=1)[1:]
    return _set_prompt(context, rest[0]) if rest else show_current_prompt(context)


@handlers.button("system", "system:show")
def show_current_prompt(context: BotContext) -> View:
    """Show the session's system prompt."""
    session = context.open_session()
    if not session.system:
        return menu.text_view(context, "system-none", _SET)
    headline = context.translate(
        "system-now", name=preset_title(context, session.preset) or "none"
    )
    quote = in_entity("expandable_blockquote", session.system)
    page = join_pages(FormattedMessage(headline), quote)
    return View(replace(page, buttons=menu.buttons_of(context, (_SET, _CLEAR))))


def _set_prompt(context: BotContext, text: str) -> View:
    prompt = text.strip()
    if not prompt or len(prompt) > sessions.PROMPT_LENGTH:
        length = len(prompt)
        most = sessions.PROMPT_LENGTH
        return menu.form(
            context, "system-long", step=TEXT_STEP, length=length, most=most
        )
    context.stop_waiting()
    session = apply_preset(context, "", prompt)
    if session is None:
        return menu.text_view(context, "presets-no-model")
    note = render_other_provider_note(context, session)
    return menu.paragraphs(
        context, context.translate("system-set"), note, rows=(_CLEAR,)
    )


_SET, _CLEAR = [
    (f"system-button-{verb}", f"system:{verb}") for verb in ("set", "clear")
]


_TO_COURSES = ("courses-button-list", "course:list:0")
_TO_MODELS = ("models-button-list", "model:list:0")


@handlers.button("course:open")
def open_chosen_course(context: BotContext) -> View:
    """Start a session about a course."""
    course = context.services.read_courses().by_id.get(context.number(1))
    if course is None:
        raise NotFound("no such course", "courses-not-available")
    return _start_course(context, course)


@handlers.button("course:all")
def leave_course(context: BotContext) -> View:
    """Start a session about the default topic."""
    if default_course := _find_default_course(context):
        return _start_course(context, default_course)
    _start_session(context, None)
    return menu.text_view(context, "courses-all-chosen", _TO_COURSES)


def _find_default_course(context: BotContext) -> Course | None:
    """Return the active course that answers where none is chosen, None for no course."""
    dataset = dataset_of(
        context.services, replace(context.open_session(), dataset=None)
    )
    return context.services.read_courses().by_slug.get(dataset or "")


def open_course(context: BotContext, slug: str) -> View:
    """Start a session about the course of a deep link; within the store's work."""
    course = context.services.read_courses().by_slug.get(slug)
    if course:
        return _start_course(context, course)
    return menu.text_view(context, "courses-not-available", _TO_COURSES)


@handlers.command("course", use=Use.BY_LINK | Use.IN_GROUPS)
@handlers.button("course", "course:list", use=Use.IN_GROUPS)
def list_courses(context: BotContext) -> View:
    """List the courses by semester; the session's course is marked."""
    active = context.services.read_courses()
    session = context.open_session()
    if not active.courses and session.dataset is None:
        return menu.text_view(context, "courses-none-yet")
    page_items, page = menu.paginate(active.courses, context.number(1))
    current = active.by_slug.get(dataset_of(context.services, session) or "")
    title = current.title(context.language) if current else "none"
    lines = [context.translate("courses-now", course=title)]
    for semester, group in groupby(page_items, lambda course: course.semester):
        lines.append("\n" + context.translate("courses-semester", semester=semester))
        lines += [f"• {course.title(context.language)}" for course in group]
    buttons = [
        menu.choice_button(
            course.title(context.language),
            f"course:open:{course.course_id}",
            is_chosen=course == current,
        )
        for course in page_items
    ]
    has_all = session.dataset is not None and _find_default_course(context) is None
    all_button = has_all and ("courses-button-all", "course:all")
    page_row = menu.page_buttons("course:list", page, len(active.courses))
    return menu.message(context, "\n".join(lines), *buttons, all_button, *page_row)


def _start_course(context: BotContext, course: Course) -> View:
    _start_session(context, course.dataset)
    is_taught = context.catalogue.find_serving(course.dataset) is not None
    return menu.paragraphs(
        context,
        context.translate("courses-chosen", course=course.title(context.language)),
        course.about(context.language),
        "" if is_taught else context.translate("courses-not-trained"),
        context.translate("courses-ask"),
        rows=(_TO_COURSES,),
    )


def _start_session(context: BotContext, dataset: str | None) -> None:
    """Start a session about a dataset, without other settings."""
    session = context.open_session()
    if session.last_used_at is not None:
        session = context.sessions.renew(context.place)
    bare = replace(
        session, dataset=dataset, provider=None, model_id=None, preset="", system=""
    )
    context.sessions.change(fit_window(context, bare))


_CENT = MICRO // 100
# The maximum length of a model's title on a button.
LABEL_LENGTH = 49


def allowed_models(
    context: BotContext, session: sessions.Session
) -> list[model_catalogue.Candidate]:
    """Return the models that the user's plan allows; within the store's work."""
    plan = plan_for(context)
    models = model_catalogue.list_models(
        context.catalogue,
        model_catalogue.Windows(context.db),
        request_of_session(context.services, session),
        context.services.config,
    )
    return [option for option in models if allows_model(plan, option.model_id or "")]


@handlers.command("model", use=Use.BY_LINK)
@handlers.button("model:list")
def list_choices(context: BotContext) -> View:
    """List the models that can be chosen, and show which one answers."""
    session = context.open_session()
    choices = allowed_models(context, session)
    current = answering_model(context, session)
    if current is None:
        return menu.text_view(context, "models-none")
    page_items, page = menu.paginate(choices, context.number(1))
    provider = provider_title(context, current.provider)
    # Before a model is live, the provider's first one answers, whose name is not known.
    model = current.version or current.model_id or "first"
    lines = [context.translate("models-now", model=model, provider=provider)]
    newest = context.translate("models-newest")
    buttons = [
        menu.choice_button(newest, "model:auto", is_chosen=session.provider is None)
    ]
    for count, option in enumerate(page_items, page * PAGE_SIZE + 1):
        lines.append(_model_line(context, count, option))
        is_current = (session.provider, session.model_id) == (
            option.provider,
            option.model_id,
        )
        label = menu.choice_button(
            f"{count}. {option.title}", f"model:use:{option.sign}", is_chosen=is_current
        )
        buttons.append(replace(label, label=cut(label.label, LABEL_LENGTH)))
    lines.append(context.translate("models-hint"))
    page_row = menu.page_buttons("model:list", page, len(choices))
    return menu.paragraphs(context, *lines, rows=(*buttons, *page_row))


# Under an answer, which must stay.
handlers.button("model")(lambda context: replace(list_choices(context), is_new=True))


def _model_line(
    context: BotContext, count: int, option: model_catalogue.Candidate
) -> str:
    return context.translate(
        "models-line",
        count=count,
        model=option.title,
        kind=option.kind.value,
        provider=provider_title(context, option.provider),
        price=_format_price(context.language, option.price),
        window=option.window or 0,
    )


def _format_price(language: str, price: Price | None) -> str:
    if price is None:
        return text(language, "models-price-unknown")
    if price.input_micro == price.output_micro == 0:
        return text(language, "price-free")
    input_price, output_price = (
        format_number(language, micro / MICRO, 4 if micro % _CENT else 2)
        for micro in (price.input_micro, price.output_micro)
    )
    return text(
        language,
        "models-price",
        asked=input_price,
        answered=output_price,
        currency=price.currency,
    )


@handlers.button("model:use")
def choose_model(context: BotContext) -> View:
    """Set a model in the session."""
    session = context.open_session()
    options = {each.sign: each for each in allowed_models(context, session)}
    option = options.get(context.argument(1))
    if option is None:
        raise NotFound("no such model", "models-not-available")
    chosen_session = replace(
        session, provider=option.provider, model_id=option.model_id
    )
    context.sessions.change(fit_window(context, chosen_session))
    if session.last_used_at is not None:
        # The new model is announced here, not under the next answer.
        context.sessions.touch(session.session_id, "")
    message = context.translate("models-chosen", model=option.title)
    version_note = context.translate("models-chosen-version") if option.version else ""
    rows = (("models-newest", "model:auto"), _TO_MODELS)
    return menu.paragraphs(
        context,
        message,
        version_note,
        render_other_provider_note(context, chosen_session),
        rows=rows,
    )


@handlers.button("model:auto")
def choose_newest(context: BotContext) -> View:
    """Reset the session's model to the newest one."""
    session = replace(context.open_session(), provider=None, model_id=None)
    context.sessions.change(fit_window(context, session))
    model = answering_model(context, session)
    return menu.text_view(
        context, "models-auto", _TO_MODELS, model=model.title if model else "none"
    )
