"""/model: what may answer in this session; /course: what a new session is about."""

from __future__ import annotations

from dataclasses import replace
from itertools import groupby

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
from merlin.core.i18n import text
from merlin.core.money import MICRO, Price
from merlin.course.catalogue import Course

_TO_COURSES = ("courses-button-list", "course:list:0")
_TO_MODELS = ("models-button-list", "model:list:0")
_TO_USUAL_MODEL = ("models-button-auto", "model:auto")


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


def list_courses(context: BotContext) -> View:
    """Show the courses by semester, and which one the session is about."""
    found = courses.active(context.services).courses
    session = Sessions(context.db, context.bot_id).open(context.place)
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
    is_taught = ModelCatalogue(context.db).serving(course.dataset) is not None
    words = [
        context.translate("courses-chosen", course=course.title(context.language)),
        course.about(context.language),
        "" if is_taught else context.translate("courses-untaught"),
        context.translate("courses-ask"),
    ]
    return menu.message(context, "\n\n".join(filter(None, words)), _TO_COURSES)


def _begin(context: BotContext, dataset: str | None) -> None:
    """Open a session about a dataset; of what was chosen before nothing is left."""
    sessions = Sessions(context.db, context.bot_id)
    session = sessions.open(context.place)
    if session.touched_at is not None:
        session = sessions.renew(context.place)
    bare = replace(session, dataset=dataset, provider=None, model_id=None, preset="", system="")
    sessions.change(refitted(context, bare))


_CENT = MICRO // 100
# What a button shows of a long id.
LABEL_LENGTH = 49


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


def model_pressed(context: BotContext) -> View:
    """Do what a button of the list says; the one under an answer shows the list below it."""
    match context.arguments:
        case ():
            return replace(list_choices(context), is_new=True)
        case ("list", _):
            return list_choices(context)
        case ("use", sign):
            return _use(context, sign)
        case ("auto",):
            return _return(context)
        case _:
            return menu.outdated(context)


def list_choices(context: BotContext) -> View:
    """Show the models that may be chosen, and which one answers."""
    session = Sessions(context.db, context.bot_id).open(context.place)
    found = options(context, session)
    now = answering(context, session)
    if now is None or not found:
        return menu.say(context, "models-nobody")
    shown, place = menu.paginate(found, context.number(1))
    provider = company(context, now.provider)
    lines = [context.translate("models-now", model=now.title, provider=provider)]
    buttons = []
    for count, option in enumerate(shown, place * PAGE_SIZE + 1):
        lines.append(_line(context, count, option))
        chosen = (option.provider, option.model_id)
        is_usual = session.provider is None and option.standing is CandidateKind.SERVING
        is_now = is_usual or (session.provider, session.model_id) == chosen
        label = menu.choice(
            f"{count}. {option.title}", f"model:use:{option.sign}", is_chosen=is_now
        )
        buttons.append(replace(label, label=menu.cut(label.label, LABEL_LENGTH)))
    lines.append(context.translate("models-hint"))
    turn = menu.page_buttons("model:list", place, len(found))
    usual = session.provider is not None and _TO_USUAL_MODEL
    return menu.message(context, "\n\n".join(lines), *buttons, *turn, usual)


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


def _use(context: BotContext, sign: str) -> View:
    sessions = Sessions(context.db, context.bot_id)
    session = sessions.open(context.place)
    option = next((each for each in options(context, session) if each.sign == sign), None)
    if option is None:
        return menu.refuse(context, "models-gone")
    if option.standing is CandidateKind.SERVING:
        return _return(context)
    own = replace(session, provider=option.provider, model_id=option.model_id)
    sessions.change(refitted(context, own))
    done = context.translate("models-chosen", model=option.title)
    words = "\n\n".join(filter(None, [done, abroad(context, own)]))
    return menu.message(context, words, _TO_USUAL_MODEL, _TO_MODELS)


def _return(context: BotContext) -> View:
    """Let the session be answered by what serves again."""
    sessions = Sessions(context.db, context.bot_id)
    session = replace(sessions.open(context.place), provider=None, model_id=None)
    sessions.change(refitted(context, session))
    now = answering(context, session)
    return menu.say(context, "models-auto", _TO_MODELS, model=now.title if now else "none")


def register(application: BotApplication) -> None:
    """Add the handlers of this file."""
    add_handlers(
        application,
        commands={"course": list_courses, "model": list_choices},
        buttons={"course": course_pressed, "model": model_pressed},
    )
