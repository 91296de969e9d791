"""The chat of a course: its serving model answers, and every talk is kept for its person.

    a form -> a turn, asked -> streamed to a script · waited for without one -> the talk's page

What is done with an answer is a form too, and comes back to the talk: a script takes the one turn
out of that page, so that both ways show the same.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from http import HTTPStatus
from itertools import groupby
from typing import Annotated, Literal
from urllib.parse import quote

from fastapi import APIRouter, Form, Query
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse

from merlin.account.api_keys import Scope
from merlin.api.auth import Caller, Person
from merlin.api.openai_compat.chat import watch_question
from merlin.api.pages.catalogue import OneCourse
from merlin.api.pages.errors import PageRoute
from merlin.api.pages.formatting import when
from merlin.api.pages.markdown import render_markdown
from merlin.api.pages.page import (
    FROM_HERE,
    PageRequest,
    Visiting,
    bot_href,
    course_href,
    refusal_text,
    render_page,
    say_next,
)
from merlin.api.pages.teach.changes import base_of
from merlin.api.pages.turn_stream import TurnStream
from merlin.api.problems import Problem
from merlin.api.schema import MAX_ID, Id
from merlin.app import course_chat, sessions
from merlin.app.ask import ChatQuestion, show_quota
from merlin.app.plans import has_shop
from merlin.app.sessions import SessionView
from merlin.billing.quota import Format
from merlin.chat.grounding import source_name
from merlin.chat.turns import TurnState
from merlin.core.clock import in_zone
from merlin.core.errors import NotFound, Refused
from merlin.core.i18n import text
from merlin.core.permissions import Permission
from merlin.core.web.assets import NEVER_KEPT, local_address, seen_other
from merlin.course.catalogue import Course, Material
from merlin.dataset.proposals import mask_personal_data
from merlin.db.idempotency import NUMBER_BITS
from merlin.openai_protocol.errors import ApiError
from merlin.openai_protocol.responses import EVENT_STREAM

router = APIRouter(route_class=PageRoute, include_in_schema=False)

MAX_CHARACTERS = 4000
# So many words say where in a material a passage begins.
_PLACED_BY = 5
# What is open within a turn: a better answer, a question for the editors, what they were told.
Doing = Literal["", "correct", "tell", "told"]
Number = Annotated[int, Query(ge=0, le=MAX_ID)]


@router.get("/courses/{course_id}/chat")
async def begin_talk(visit: Visiting, course: OneCourse, before: Number = 0) -> Response:
    """Return the chat with questions to begin with; `before` leads to other ones."""
    return await _page(visit, course, before=before)


@router.get("/courses/{course_id}/chat/talks")
async def show_talks(visit: Visiting, course: OneCourse) -> Response:
    """Return the person's talks about the course as a page of their own."""
    talks = await visit.read(course_chat.list_talks, course) if visit.user else []
    view = {"course": course, "chat": _href(course), "days": _days(visit, talks)}
    return render_page(visit, "chat_talks.html", view, keep=NEVER_KEPT)


@router.get("/courses/{course_id}/chat/{session_id}")
async def show_talk(
    visit: Visiting, course: OneCourse, session_id: Id, turn: Number = 0, doing: Doing = ""
) -> Response:
    """Return a talk; `doing` is what is open within a turn."""
    if visit.user is None:
        return await _page(visit, course)
    return await _page(visit, course, session_id, turn=turn, doing=doing)


@router.post("/courses/{course_id}/chat/{session_id}/delete", dependencies=FROM_HERE)
async def delete_talk(
    visit: Visiting,
    course: OneCourse,
    session_id: Id,
    caller: Person,  # noqa: ARG001 - asks to sign in
    next: Annotated[str, Form()] = "/",  # noqa: A002 - the form's field
) -> Response:
    """Delete a talk, and offer to restore it; one that is deleted already is no trouble."""
    with suppress(NotFound):
        await visit.write(sessions.delete, session_id)
    return say_next(visit, seen_other(local_address(next)), "deleted", course.course_id, session_id)


@router.post("/courses/{course_id}/chat/{session_id}/restore", dependencies=FROM_HERE)
async def restore_talk(
    visit: Visiting,
    course: OneCourse,
    session_id: Id,
    caller: Person,  # noqa: ARG001 - asks to sign in
) -> Response:
    """Undo that a talk was deleted, and show it."""
    await visit.write(sessions.restore, session_id)
    return seen_other(f"{_href(course)}/{session_id}")


@router.post("/courses/{course_id}/chat", dependencies=FROM_HERE)
async def ask(
    request: Request,
    visit: Visiting,
    course: OneCourse,
    caller: Person,
    q: Annotated[str, Form()] = "",
    near: Annotated[str, Form()] = "",
    again: Annotated[int, Form(ge=0, le=MAX_ID)] = 0,
    talk: Annotated[int, Form(ge=0, le=MAX_ID)] = 0,
) -> Response:
    """Ask; `near` is an offered question, `again` the turn that is asked anew.

    A script gets the answer as a stream, everybody else the talk's page.
    """
    is_script = _wants_stream(request)
    if visit.user is None or not _may_ask(caller):
        raise Problem(HTTPStatus.FORBIDDEN, "forbidden")
    words, number = (near or q).strip(), 1 + secrets.randbits(NUMBER_BITS)
    message_id = number
    if again:
        old = await visit.read(course_chat.find_question, again)
        words, talk, message_id = old.text, old.session_id, old.message_id
    if not words or len(words) > MAX_CHARACTERS:
        wrong = visit.say("question-too-long", limit=MAX_CHARACTERS) if words else ""
        return await _refused(visit, course, talk, q, wrong)
    place = course_chat.place_of(visit.actor, course)
    question = ChatQuestion(visit.user, visit.language, number, place, words, message_id=message_id)
    asking = TurnStream(request, visit, question, talk)
    watch_question(request, asking)
    try:
        await asking.reserved()
        if is_script:
            return StreamingResponse(
                asking.events(), headers={"X-Accel-Buffering": "no"}, media_type=EVENT_STREAM
            )
        await asking.reply()
    except ApiError as error:
        return await _refused(visit, course, talk, words, str(error))
    return seen_other(_turn_href(course, asking.turn.question.session_id, asking.turn.turn_id))


@router.post("/courses/{course_id}/chat/turns/{turn_id}", dependencies=FROM_HERE)
async def judge(
    visit: Visiting,
    course: OneCourse,
    turn_id: Id,
    caller: Person,  # noqa: ARG001 - asks to sign in
    act: Annotated[course_chat.Judgement, Form()],
    answer: Annotated[str, Form()] = "",
    doing: Annotated[Doing, Form()] = "",
) -> Response:
    """Rate an answer, allow the editors to learn, send them a better one or the question.

    A better answer with personal words comes back masked before it is sent.
    """
    language = visit.language
    question = await visit.read(course_chat.find_question, turn_id)
    masked = mask_personal_data(answer, language)
    if act == "correct" and masked.found:
        kinds = ", ".join(text(language, f"mask-kind-{each}") for each in masked.found)
        draft, wrong = masked.words, text(language, "fix-masked", kinds=kinds)
    else:
        try:
            await visit.write(course_chat.judge, course, turn_id, act, answer, language)
        except Refused as error:
            draft, wrong = answer, refusal_text(visit, error)
        else:
            after: Doing = "told" if act == "tell" else doing
            return seen_other(_turn_href(course, question.session_id, turn_id, after))
    opened: Doing = "correct" if act == "correct" else "tell"
    return await _page(
        visit, course, question.session_id, turn=turn_id, doing=opened, draft=draft, wrong=wrong
    )


def _turn_href(course: Course, session_id: int, turn_id: int, doing: Doing = "") -> str:
    opened = f"?turn={turn_id}" + (f"&doing={doing}" if doing else "")
    return f"{_href(course)}/{session_id}{opened}#turn-{turn_id}"


def _href(course: Course) -> str:
    return f"{course_href(course)}/chat"


def _passage_href(course: Course, material: Material, passage: str) -> str:
    """Return the address of a passage: its material, at the first words that stand in a line.

    Source: wicg.github.io/scroll-to-text-fragment; elsewhere the material opens at its beginning.
    """
    line = next((one for one in passage.splitlines() if one[:1].isalpha()), "")
    words = re.match(r"[\w,.:;()«» -]*", line)
    place = " ".join(words[0].split()[:_PLACED_BY]) if words else ""
    href = f"{course_href(course)}/materials/{material.material_id}"
    return f"{href}#:~:text={quote(place, safe='')}" if place else href


def _wants_stream(request: Request) -> bool:
    return EVENT_STREAM in request.headers.get("accept", "")


async def _refused(
    visit: PageRequest, course: Course, session_id: int, draft: str, wrong: str
) -> Response:
    """Return why a question is not asked: to a script in words, else on the page."""
    if _wants_stream(visit.request):
        return PlainTextResponse(wrong, HTTPStatus.UNPROCESSABLE_ENTITY)
    return await _page(visit, course, session_id, draft=draft, wrong=wrong)


def _may_ask(caller: Caller) -> bool:
    return caller.has(Scope.CHAT_WRITE) and caller.may(Permission.ASK)


async def _page(
    visit: PageRequest,
    course: Course,
    session_id: int = 0,
    *,
    before: int = 0,
    turn: int = 0,
    doing: Doing = "",
    draft: str = "",
    wrong: str = "",
) -> Response:
    """Return the chat; `draft` is what was not sent, `wrong` why."""
    services = visit.services
    chat = await visit.read(
        course_chat.read_chat, course, session_id, source_of=turn, before=before
    )
    href = await visit.read(lambda _ctx, _actor: bot_href(services, course))
    left, is_over = await _left(visit, course)
    is_opened = doing in {"correct", "tell"}
    view = {
        "course": course,
        "chat": _href(course),
        "here": f"{_href(course)}/{session_id}" if chat.talk else _href(course),
        "examples_href": base_of(course.dataset),
        "markdown": lambda words: render_markdown(words, visit.language)[0],
        "passage_href": partial(_passage_href, course),
        "passage_name": partial(source_name, language=visit.language),
        "serving": chat.serving,
        "days": _days(visit, chat.talks),
        "talk": chat.talk,
        "starters": chat.starters,
        "opened": turn,
        "doing": doing,
        "consent": text(visit.language, "consent-asked"),
        "has_consent": is_opened and chat.has_consent,
        "is_waiting": lambda turn: (
            turn.state is TurnState.ASKED and turn.asked_at > chat.oldest_pending
        ),
        "left": left,
        "is_over": is_over,
        "has_shop": has_shop(services),
        "bot_href": href,
        "may_ask": _may_ask(visit),
        "draft": draft,
        "wrong_words": wrong,
        "most": MAX_CHARACTERS,
        "mask": partial(mask_personal_data, language=visit.language),
    }
    return render_page(visit, "chat.html", view, keep=NEVER_KEPT)


def _days(visit: PageRequest, talks: Sequence[SessionView]) -> list[tuple[str, list[SessionView]]]:
    """Return the talks under the words of when they were used last, in the person's zone."""
    today = in_zone(visit.services.clock(), visit.zone).date()

    def called(talk: SessionView) -> str:
        ago = (today - in_zone(talk.touched_at, visit.zone).date()).days
        if ago <= 1:
            return "today" if ago < 1 else "yesterday"
        return "week" if ago <= today.weekday() else "earlier"

    return [(visit.say(f"talks-{day}"), list(some)) for day, some in groupby(talks, called)]


async def _left(visit: PageRequest, course: Course) -> tuple[str, bool]:
    """Return "осталось 12 из 20, обновится …", and whether no question is left."""
    if visit.user is None:
        return "", False
    found = await visit.read(show_quota, course.dataset)
    of_text = found.left[Format.TEXT]
    if of_text.remaining is None:
        return "", False
    until = when(visit, of_text.resets_at)
    words = visit.say("left-questions", remaining=of_text.remaining, until=until)
    return words, of_text.remaining == 0
