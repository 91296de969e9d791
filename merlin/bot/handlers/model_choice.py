"""/model: what may answer in this session; /course: what a new session is about."""

from __future__ import annotations

from dataclasses import replace

from merlin.app import courses
from merlin.bot import menu
from merlin.bot.context import BotApplication, BotContext, add_handlers
from merlin.bot.handlers.answering import abroad, answering, company, refitted, wish_of
from merlin.bot.handlers.quota import plan_for
from merlin.bot.menu import PAGE_SIZE, View
from merlin.chat.model_catalogue import (
    CandidateKind,
    ModelCatalogue,
    ModelOption,
    Windows,
    list_models,
)
from merlin.chat.sessions import Session, Sessions
from merlin.core.formatted_text import Button
from merlin.core.i18n import text
from merlin.core.money import MICRO, Price
from merlin.course.catalogue import Course


def list_courses(context: BotContext) -> View:
    """Show the courses by semester, and which one the session is about."""
    return _list_courses(context, 0)


def course_pressed(context: BotContext) -> View:
    """Do what a button of the list says."""
    match context.arguments:
        case () | ("list", _):
            return _list_courses(context, context.number(1))
        case ("open", _):
            found = courses.active(context.services).by_id.get(context.number(1))
            gone = menu.alert(context.translate("courses-gone"), is_loud=True)
            return _opened(context, found) if found else gone
        case ("all",):
            _begin(context, None)
            return menu.message(context.translate("courses-all-chosen"), _to_courses(context))
        case _:
            return menu.alert(context.translate("bot-button-old"))


def open_course(context: BotContext, slug: str) -> View:
    """Begin a session about the course that a link names; within the store's work."""
    found = courses.active(context.services).by_slug.get(slug)
    if found:
        return _opened(context, found)
    return menu.message(context.translate("courses-gone"), _to_courses(context))


def _list_courses(context: BotContext, wanted: int) -> View:
    found = courses.active(context.services).courses
    session = Sessions(context.db, context.bot_id).open(context.place)
    if not found and session.dataset is None:
        return menu.message(context.translate("courses-none-yet"))
    shown, place = menu.paginate(found, wanted)
    now = next((each for each in found if each.slug == session.dataset), None)
    title = now.title(context.language) if now else "none"
    lines = [context.translate("courses-now", course=title)]
    semester = 0
    for course in shown:
        if course.semester != semester:
            semester = course.semester
            lines.append("\n" + context.translate("courses-semester", semester=semester))
        lines.append(f"• {course.title(context.language)}")
    rows = [(_course_button(context, course, session),) for course in shown]
    everything = (menu.button(context, "courses-button-all", "course:all"),)
    rows += [everything] if session.dataset is not None else []
    return menu.message(
        "\n".join(lines), *rows, *menu.page_buttons("course:list", place, len(found))
    )


def _course_button(context: BotContext, course: Course, session: Session) -> Button:
    mark = "✓ " if session.dataset == course.dataset else ""
    return Button(f"{mark}{course.title(context.language)}", f"course:open:{course.course_id}")


def _opened(context: BotContext, course: Course) -> View:
    _begin(context, course.dataset)
    words = [context.translate("courses-chosen", course=course.title(context.language))]
    words.append(course.about(context.language))
    if ModelCatalogue(context.db).serving(course.dataset) is None:
        words.append(context.translate("courses-untaught"))
    words.append(context.translate("courses-ask"))
    return menu.message("\n\n".join(filter(None, words)), _to_courses(context))


def _begin(context: BotContext, dataset: str | None) -> None:
    """Open a session about a dataset; of what was chosen before nothing is left."""
    session = Sessions(context.db, context.bot_id).open(context.place)
    if session.touched_at is not None:
        session = Sessions(context.db, context.bot_id).renew(context.place)
    bare = replace(session, dataset=dataset, provider=None, model_id=None, preset="", system="")
    Sessions(context.db, context.bot_id).change(refitted(context, bare))


def _to_courses(context: BotContext) -> tuple[Button, ...]:
    return (menu.button(context, "courses-button-list", "course:list:0"),)


_CENT = MICRO // 100
# What a button shows of a long id.
LABEL_LENGTH = 48


def options(context: BotContext, session: Session) -> list[ModelOption]:
    """Return the models that the person's plan lets them choose; within the store's work."""
    plan = plan_for(context)
    found = list_models(
        ModelCatalogue(context.db),
        Windows(context.db),
        wish_of(context, session),
        context.services.known,
    )
    return [
        option
        for option in found
        # What serves answers anyway.
        if option.standing is CandidateKind.SERVING or plan.allows_model(option.model_id)
    ]


def models(context: BotContext) -> View:
    """Show the models that may be chosen, and which one answers."""
    return _list_models(context, 0)


def model_pressed(context: BotContext) -> View:
    """Do what a button of the list says; the one under an answer shows the list below it."""
    match context.arguments:
        case ():
            return replace(_list_models(context, 0), is_new=True)
        case ("list", _):
            return _list_models(context, context.number(1))
        case ("use", sign):
            return _use(context, sign)
        case ("auto",):
            return _return(context)
        case _:
            return menu.alert(context.translate("bot-button-old"))


def _list_models(context: BotContext, wanted: int) -> View:
    session = Sessions(context.db, context.bot_id).open(context.place)
    found = options(context, session)
    now = answering(context, session)
    if now is None or not found:
        return menu.message(context.translate("models-nobody"))
    shown, place = menu.paginate(found, wanted)
    provider = company(context, now.provider)
    lines = [context.translate("models-now", model=now.title, provider=provider)]
    for count, option in enumerate(shown, place * PAGE_SIZE + 1):
        lines.append(_line(context, count, option))
    lines.append(context.translate("models-hint"))
    buttons = [
        (_model_button(option, session, count),)
        for count, option in enumerate(shown, place * PAGE_SIZE + 1)
    ]
    back = _back(context) if session.provider else ()
    return menu.message(
        "\n\n".join(lines), *buttons, *menu.page_buttons("model:list", place, len(found)), *back
    )


def _line(context: BotContext, count: int, option: ModelOption) -> str:
    cap = plan_for(context).window
    window = min(option.window, cap) if option.window and cap else option.window
    return context.translate(
        "models-line",
        count=count,
        model=option.title,
        standing=option.standing.value,
        provider=company(context, option.provider),
        price=_price(context.language, option.price),
        window=window or 0,
    )


def _price(language: str, price: Price | None) -> str:
    if price is None:
        return text(language, "models-price-unknown")
    if price.input_micro == price.output_micro == 0:
        return text(language, "models-price-free")
    asked, answered = _amount(price.input_micro), _amount(price.output_micro)
    return text(language, "models-price", asked=asked, answered=answered, currency=price.currency)


def _amount(micro: int) -> str:
    whole, rest = divmod(micro, MICRO)
    return f"{whole}.{rest // 100:04d}" if rest % _CENT else f"{whole}.{rest // _CENT:02d}"


def _model_button(option: ModelOption, session: Session, count: int) -> Button:
    own = (session.provider, session.model_id)
    is_now = own == (option.provider, option.model_id)
    is_now = is_now or (session.provider is None and option.standing is CandidateKind.SERVING)
    mark = "✓ " if is_now else ""
    label = f"{mark}{count}. {option.title}"
    cut = label if len(label) <= LABEL_LENGTH else f"{label[:LABEL_LENGTH]}…"
    return Button(cut, f"model:use:{option.sign}")


def _back(context: BotContext) -> tuple[tuple[Button, ...], ...]:
    return ((menu.button(context, "models-button-auto", "model:auto"),),)


def _use(context: BotContext, sign: str) -> View:
    session = Sessions(context.db, context.bot_id).open(context.place)
    found = [option for option in options(context, session) if option.sign == sign]
    if not found:
        return menu.alert(context.translate("models-gone"), is_loud=True)
    option = found[0]
    if option.standing is CandidateKind.SERVING:
        return _return(context)
    own = replace(session, provider=option.provider, model_id=option.model_id)
    Sessions(context.db, context.bot_id).change(refitted(context, own))
    done = context.translate("models-chosen", model=option.title)
    words = "\n\n".join(filter(None, [done, abroad(context, own)]))
    return menu.message(words, *_back(context), _to_models(context))


def _return(context: BotContext) -> View:
    """Let the session be answered by what serves again."""
    session = replace(
        Sessions(context.db, context.bot_id).open(context.place), provider=None, model_id=None
    )
    Sessions(context.db, context.bot_id).change(refitted(context, session))
    now = answering(context, session)
    title = now.title if now else "none"
    return menu.message(context.translate("models-auto", model=title), _to_models(context))


def _to_models(context: BotContext) -> tuple[Button, ...]:
    return (menu.button(context, "models-button-list", "model:list:0"),)


def register(application: BotApplication) -> None:
    """Add the handlers of this file."""
    add_handlers(
        application,
        commands={"course": list_courses, "model": models},
        buttons={"course": course_pressed, "model": model_pressed},
    )
