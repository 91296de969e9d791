"""/model: what may answer in this session; /course: what a new session is about."""

from __future__ import annotations

from dataclasses import replace

from merlin.bot.context import BotApplication, Event, Kit, add_handlers, told
from merlin.bot.handlers.asking import abroad, answering, company, refitted, wish_of
from merlin.bot.handlers.questions import number
from merlin.bot.handlers.quota import plan_for
from merlin.bot.menu import PAGE_SIZE, Screen, alert, page_buttons, paginate, said
from merlin.chat.model_catalogue import ModelOption, list_models
from merlin.chat.route import CandidateKind
from merlin.chat.sessions import Session
from merlin.core.formatted_text import Button
from merlin.core.i18n import text
from merlin.core.money import MICRO, Price
from merlin.course.catalogue import Course


def courses(kit: Kit, event: Event) -> Screen:
    """Show the courses by semester, and which one the session is about."""
    return _list_courses(kit, event, 0)


def course_pressed(kit: Kit, event: Event) -> Screen:
    """Do what a button of the list says."""
    match event.args:
        case () | ("list", _):
            return _list_courses(kit, event, number(event, 1))
        case ("open", _):
            wanted = number(event, 1)
            found = [each for each in kit.rows.courses.courses() if each.course_id == wanted]
            gone = alert(text(event.language, "courses-gone"), is_loud=True)
            return _opened(kit, event, found[0]) if found else gone
        case ("all",):
            _begin(kit, event, None)
            return said(text(event.language, "courses-all-chosen"), _to_courses(event))
        case _:
            return alert(text(event.language, "bot-button-old"))


def open_course(kit: Kit, event: Event, slug: str) -> Screen:
    """Begin a session about the course that a link names; within the store's work."""
    found = [each for each in kit.rows.courses.courses() if each.slug == slug]
    if found:
        return _opened(kit, event, found[0])
    return said(text(event.language, "courses-gone"), _to_courses(event))


def _list_courses(kit: Kit, event: Event, wanted: int) -> Screen:
    found = kit.rows.courses.courses()
    session = kit.rows.sessions.open(event.place)
    if not found and session.dataset is None:
        return said(text(event.language, "courses-none-yet"))
    shown, place = paginate(found, wanted)
    now = next((each for each in found if each.slug == session.dataset), None)
    title = now.title(event.language) if now else "none"
    lines = [text(event.language, "courses-now", course=title)]
    semester = 0
    for course in shown:
        if course.semester != semester:
            semester = course.semester
            lines.append("\n" + text(event.language, "courses-semester", semester=semester))
        lines.append(f"• {course.title(event.language)}")
    rows = [(_course_button(event, course, session),) for course in shown]
    everything = (Button(text(event.language, "courses-button-all"), "course:all"),)
    rows += [everything] if session.dataset is not None else []
    return said("\n".join(lines), *rows, *page_buttons("course:list", place, len(found)))


def _course_button(event: Event, course: Course, session: Session) -> Button:
    mark = "✓ " if session.dataset == course.dataset else ""
    return Button(f"{mark}{course.title(event.language)}", f"course:open:{course.course_id}")


def _opened(kit: Kit, event: Event, course: Course) -> Screen:
    _begin(kit, event, course.dataset)
    words = [text(event.language, "courses-chosen", course=course.title(event.language))]
    words.append(course.about(event.language))
    if kit.rows.shelf.serving(course.dataset) is None:
        words.append(text(event.language, "courses-untaught"))
    words.append(text(event.language, "courses-ask"))
    return said("\n\n".join(filter(None, words)), _to_courses(event))


def _begin(kit: Kit, event: Event, dataset: str | None) -> None:
    """Open a session about a dataset; of what was chosen before nothing is left."""
    session = kit.rows.sessions.open(event.place)
    if session.touched_at is not None:
        session = kit.rows.sessions.renew(event.place)
    bare = replace(session, dataset=dataset, provider=None, model_id=None, preset="", system="")
    kit.rows.sessions.change(refitted(kit, event, bare))


def _to_courses(event: Event) -> tuple[Button, ...]:
    return (Button(text(event.language, "courses-button-list"), "course:list:0"),)


_CENT = MICRO // 100
# What a button shows of a long id.
LABEL_LENGTH = 48


def options(kit: Kit, event: Event, session: Session) -> list[ModelOption]:
    """Return the models that the person's plan lets them choose; within the store's work."""
    plan = plan_for(kit, event)
    found = list_models(kit.rows.shelf, kit.rows.listed, wish_of(kit, session), kit.services.known)
    return [
        option
        for option in found
        # What serves answers anyway.
        if option.standing is CandidateKind.SERVING or plan.allows_model(option.model_id)
    ]


def models(kit: Kit, event: Event) -> Screen:
    """Show the models that may be chosen, and which one answers."""
    return _list_models(kit, event, 0)


def model_pressed(kit: Kit, event: Event) -> Screen:
    """Do what a button of the list says; the one under an answer shows the list below it."""
    match event.args:
        case ():
            return replace(_list_models(kit, event, 0), is_new=True)
        case ("list", _):
            return _list_models(kit, event, number(event, 1))
        case ("use", sign):
            return _use(kit, event, sign)
        case ("auto",):
            return _return(kit, event)
        case _:
            return alert(text(event.language, "bot-button-old"))


def _list_models(kit: Kit, event: Event, wanted: int) -> Screen:
    session = kit.rows.sessions.open(event.place)
    found = options(kit, event, session)
    now = answering(kit, event, session)
    if now is None or not found:
        return said(text(event.language, "models-nobody"))
    shown, place = paginate(found, wanted)
    provider = company(kit, event, now.provider)
    lines = [text(event.language, "models-now", model=now.title, provider=provider)]
    for count, option in enumerate(shown, place * PAGE_SIZE + 1):
        lines.append(_line(kit, event, count, option))
    lines.append(text(event.language, "models-hint"))
    buttons = [
        (_model_button(option, session, count),)
        for count, option in enumerate(shown, place * PAGE_SIZE + 1)
    ]
    back = _back(event) if session.provider else ()
    return said("\n\n".join(lines), *buttons, *page_buttons("model:list", place, len(found)), *back)


def _line(kit: Kit, event: Event, count: int, option: ModelOption) -> str:
    cap = plan_for(kit, event).window
    window = min(option.window, cap) if option.window and cap else option.window
    return text(
        event.language,
        "models-line",
        count=count,
        model=option.title,
        standing=option.standing.value,
        provider=company(kit, event, option.provider),
        price=_price(event.language, option.price),
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


def _back(event: Event) -> tuple[tuple[Button, ...], ...]:
    return ((Button(text(event.language, "models-button-auto"), "model:auto"),),)


def _use(kit: Kit, event: Event, sign: str) -> Screen:
    session = kit.rows.sessions.open(event.place)
    found = [option for option in options(kit, event, session) if option.sign == sign]
    if not found:
        return alert(text(event.language, "models-gone"), is_loud=True)
    option = found[0]
    if option.standing is CandidateKind.SERVING:
        return _return(kit, event)
    own = replace(session, provider=option.provider, model_id=option.model_id)
    kit.rows.sessions.change(refitted(kit, event, own))
    done = text(event.language, "models-chosen", model=option.title)
    words = "\n\n".join(filter(None, [done, abroad(kit, event, own)]))
    return said(words, *_back(event), _to_models(event))


def _return(kit: Kit, event: Event) -> Screen:
    """Let the session be answered by what serves again."""
    session = replace(kit.rows.sessions.open(event.place), provider=None, model_id=None)
    kit.rows.sessions.change(refitted(kit, event, session))
    now = answering(kit, event, session)
    title = now.title if now else "none"
    return said(text(event.language, "models-auto", model=title), _to_models(event))


def _to_models(event: Event) -> tuple[Button, ...]:
    return (Button(text(event.language, "models-button-list"), "model:list:0"),)


def register(application: BotApplication) -> None:
    """Add the handlers of this file."""
    add_handlers(
        application,
        commands={"course": told(courses), "model": told(models)},
        buttons={"course": told(course_pressed), "model": told(model_pressed)},
    )
