"""Courses: /course, which lets a person choose the course that a new session is about."""

from __future__ import annotations

from dataclasses import replace

from merlin.bot.event import Event
from merlin.bot.handlers.answer.asked_again import number
from merlin.bot.handlers.talk.answering import refitted
from merlin.bot.handlers.topic import Topic, told
from merlin.bot.kit import Kit
from merlin.bot.leaves import leaf, turning
from merlin.bot.screen import Screen, alert, said
from merlin.chat.session import Session
from merlin.core.page import Button
from merlin.core.text import text
from merlin.course.catalogue import Course


def courses(kit: Kit, event: Event) -> Screen:
    """Show the courses by semester, and which one the session is about."""
    return _list(kit, event, 0)


def pressed(kit: Kit, event: Event) -> Screen:
    """Do what a button of the list says."""
    match event.args:
        case () | ("list", _):
            return _list(kit, event, number(event, 1))
        case ("open", _):
            wanted = number(event, 1)
            found = [each for each in kit.rows.courses.courses() if each.course_id == wanted]
            gone = alert(text(event.language, "courses-gone"), is_loud=True)
            return _opened(kit, event, found[0]) if found else gone
        case ("all",):
            _begin(kit, event, None)
            return said(text(event.language, "courses-all-chosen"), _to_list(event))
        case _:
            return alert(text(event.language, "bot-button-old"))


def open_course(kit: Kit, event: Event, slug: str) -> Screen:
    """Begin a session about the course that a link names; within the store's work."""
    found = [each for each in kit.rows.courses.courses() if each.slug == slug]
    if found:
        return _opened(kit, event, found[0])
    return said(text(event.language, "courses-gone"), _to_list(event))


def _list(kit: Kit, event: Event, wanted: int) -> Screen:
    found = kit.rows.courses.courses()
    session = kit.rows.sessions.open(event.place)
    if not found and session.dataset is None:
        return said(text(event.language, "courses-none-yet"))
    shown, place = leaf(found, wanted)
    now = next((each for each in found if each.slug == session.dataset), None)
    title = now.title(event.language) if now else "none"
    lines = [text(event.language, "courses-now", course=title)]
    semester = 0
    for course in shown:
        if course.semester != semester:
            semester = course.semester
            lines.append("\n" + text(event.language, "courses-semester", semester=semester))
        lines.append(f"• {course.title(event.language)}")
    rows = [(_button(event, course, session),) for course in shown]
    everything = (Button(text(event.language, "courses-button-all"), "course:all"),)
    rows += [everything] if session.dataset is not None else []
    return said("\n".join(lines), *rows, *turning("course:list", place, len(found)))


def _button(event: Event, course: Course, session: Session) -> Button:
    mark = "✓ " if session.dataset == course.dataset else ""
    return Button(f"{mark}{course.title(event.language)}", f"course:open:{course.course_id}")


def _opened(kit: Kit, event: Event, course: Course) -> Screen:
    _begin(kit, event, course.dataset)
    words = [text(event.language, "courses-chosen", course=course.title(event.language))]
    words.append(course.about(event.language))
    if kit.rows.shelf.serving(course.dataset) is None:
        words.append(text(event.language, "courses-untaught"))
    words.append(text(event.language, "courses-ask"))
    return said("\n\n".join(filter(None, words)), _to_list(event))


def _begin(kit: Kit, event: Event, dataset: str | None) -> None:
    """Open a session about a dataset; of what was chosen before nothing is left."""
    session = kit.rows.sessions.open(event.place)
    if session.touched_at is not None:
        session = kit.rows.sessions.renew(event.place)
    bare = replace(session, dataset=dataset, provider=None, model_id=None, preset="", system="")
    kit.rows.sessions.change(refitted(kit, event, bare))


def _to_list(event: Event) -> tuple[Button, ...]:
    return (Button(text(event.language, "courses-button-list"), "course:list:0"),)


TOPIC = Topic(
    commands={"course": told(courses)},
    buttons={"course": told(pressed)},
    menu=("course",),
)
