"""The chat of a course: its serving model answers, and each session is stored for its person.

    a form -> a turn, pending -> streamed to a script · awaited without one -> the session's page

Rating and correcting an answer are forms that return to the session: a script takes the one turn
out of that page, so that both ways show the same.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from http import HTTPStatus
from typing import Annotated, Literal
from urllib.parse import quote

from fastapi import Form, Query
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse

from merlin.account.api_keys import Scope
from merlin.api.pages.catalogue import OneCourse
from merlin.api.pages.errors import page_router
from merlin.api.pages.formatting import when
from merlin.api.pages.markdown import render_markdown
from merlin.api.pages.page import (
    PATTERN,
    PageContext,
    PublicContext,
    SignedInContext,
    course_href,
    refusal_text,
    render_page,
)
from merlin.api.pages.teach.edit_form import base_of
from merlin.api.problems import Problem
from merlin.api.question_stream import QuestionStream
from merlin.api.schema import MAX_ID, Id
from merlin.app import course_chat, sessions
from merlin.app.ask import AskedAlready, ChatQuestion, make_call_number
from merlin.app.limits import show_quota
from merlin.app.plans import has_shop
from merlin.app.sessions import TurnView
from merlin.app.unanswered import read_turn_before
from merlin.billing.quota import Format
from merlin.chat.grounding import source_name
from merlin.chat.turns import Turn, TurnState
from merlin.core.errors import MerlinError, NotFound, Refused
from merlin.core.formatted_text import is_blank
from merlin.core.i18n import text
from merlin.core.permissions import Permission
from merlin.core.web.assets import accepts, seen_other
from merlin.course.catalogue import Course, Material
from merlin.dataset.passages import Paragraph
from merlin.dataset.sensitive import mask_personal_data
from merlin.openai_protocol.errors import ApiError
from merlin.openai_protocol.responses import DONE, EVENT_STREAM, event

router = page_router()

MAX_CHARACTERS = 4000
# Number of words in the text fragment of a paragraph.
_PLACED_BY = 5
# The form open in a turn: a correction, a message to the editors, or its confirmation.
# "tell" shows a refused question to the editors, who see those of people who gave the consent.
Doing = Literal["", "correct", "tell"]
Number = Annotated[int, Query(ge=0, le=MAX_ID)]


@router.get("/courses/{course_id}/chat")
async def begin_talk(context: PublicContext, course: OneCourse) -> Response:
    """Return an empty chat with suggested questions."""
    return await _page(context, course)


@router.get("/courses/{course_id}/chat/{session_id:int}")
async def show_talk(
    context: PublicContext,
    course: OneCourse,
    session_id: Id,
    turn: Number = 0,
    doing: Doing = "",
) -> Response:
    """Return a session; `doing` is the form that is open within a turn."""
    if context.user is None:
        return await _page(context, course)
    return await _page(context, course, session_id, turn=turn, doing=doing)


@router.post("/courses/{course_id}/chat/{session_id}/delete")
async def delete_talk(
    context: SignedInContext, course_id: Id, session_id: Id
) -> Response:
    """Delete a session; does nothing if it is already deleted."""
    with suppress(NotFound):
        await context.write(sessions.delete, context.actor, session_id)
    return seen_other(f"/courses/{course_id}/chat")


@router.post("/courses/{course_id}/chat")
async def ask(
    course: OneCourse,
    context: SignedInContext,
    q: Annotated[str, Form()] = "",
    near: Annotated[str, Form()] = "",
    again: Annotated[int, Form(ge=0, le=MAX_ID)] = 0,
    session_id: Annotated[int, Form(alias="talk", ge=0, le=MAX_ID)] = 0,
    once: Annotated[str, Form(pattern=f"^$|{PATTERN}")] = "",
) -> Response:
    """Ask a question; `near` is a suggested one, `again` the turn to repeat.

    A script gets the answer as a stream, other clients the session's page. The same question with
    the same `once` is asked once: then both get the page of the first one.
    """
    if context.user is None or not _may_ask(context):
        raise Problem(HTTPStatus.FORBIDDEN, "forbidden")
    question_text = (near or q).strip()
    call = f"{context.user_id} {once} {again} {question_text}" if once else ""
    message_id = number = make_call_number(call)
    if again:
        old = await context.read(course_chat.find_question, context.actor, again)
        question_text = old.text
        session_id = old.session_id
        message_id = old.message_id
    if wrong := _find_question_fault(context, question_text):
        return await _render_refusal(context, course, session_id, q, wrong)
    place = course_chat.place_of(context.actor, course)
    question = ChatQuestion(
        context.user,
        context.language,
        number,
        place,
        question_text,
        message_id=message_id,
        session_id=session_id,
        by="api:page",
    )
    # Without a script, a browser ends the first request of a double submit.
    is_stoppable = _wants_stream(context.request) or not once
    asking = QuestionStream(context.request, question, is_stoppable=is_stoppable)
    try:
        return await _answer(context, course, asking)
    except (ApiError, Refused) as error:
        wrong = (
            str(error) if isinstance(error, ApiError) else refusal_text(context, error)
        )
        return await _render_refusal(context, course, session_id, question_text, wrong)


async def _answer(
    context: PageContext, course: Course, asking: QuestionStream
) -> Response:
    """Return the answer to a script as a stream, else its page. Raises ApiError, Refused."""
    try:
        turn = await asking.wait_for_turn()
        if _wants_stream(context.request):
            return StreamingResponse(
                _events(asking, turn),
                headers={"X-Accel-Buffering": "no"},
                media_type=EVENT_STREAM,
            )
        await asking.answer()
    except AskedAlready as error:
        turn = error.turn
    return seen_other(_turn_href(course, turn.question.session_id, turn.turn_id))


async def _events(asking: QuestionStream, turn: Turn) -> AsyncIterator[bytes]:
    """Yield the ids of turn and session, then the answer's pieces, as events."""
    try:
        yield event({"turn": turn.turn_id, "talk": turn.question.session_id})
        async for piece in asking.pieces():
            yield event({"text": piece})
        await asking.answer()
        yield DONE
    except (ApiError, MerlinError) as error:
        yield event({"error": str(error)})
    finally:
        asking.stop.press()


@router.post("/courses/{course_id}/chat/turns/{turn_id}")
async def judge(
    course: OneCourse,
    context: SignedInContext,
    turn_id: Id,
    act: Annotated[course_chat.Judgement, Form()],
    answer: Annotated[str, Form()] = "",
    doing: Annotated[Doing, Form()] = "",
) -> Response:
    """Rate an answer, consent to its use, or send the editors a better answer or a question.

    A better answer with personal data is returned masked before it is sent.
    """
    language = context.language
    question = await context.read(course_chat.find_question, context.actor, turn_id)
    masked = mask_personal_data(answer, language)
    if act == "correct" and masked.found:
        kinds = ", ".join(text(language, f"mask-kind-{kind}") for kind in masked.found)
        draft = masked.words
        wrong = text(language, "fix-masked", kinds=kinds)
    else:
        try:
            await context.write(
                course_chat.judge, context.actor, turn_id, act, answer, language
            )
        except Refused as error:
            draft = answer
            wrong = refusal_text(context, error)
        else:
            if act != "allow" or not answer:
                shown: Doing = "tell" if act == "neither" else doing
                return seen_other(
                    _turn_href(course, question.session_id, turn_id, shown)
                )
            # written before the consent was asked for
            draft = answer
            wrong = ""
    opened: Doing = "correct" if act == "correct" or answer else "tell"
    return await _page(
        context,
        course,
        question.session_id,
        turn=turn_id,
        doing=opened,
        draft=draft,
        wrong=wrong,
    )


def _turn_href(course: Course, session_id: int, turn_id: int, doing: Doing = "") -> str:
    opened = f"?turn={turn_id}" + (f"&doing={doing}" if doing else "")
    return f"{_href(course)}/{session_id}{opened}#turn-{turn_id}"


def _href(course: Course) -> str:
    return f"{course_href(course)}/chat"


def passage_href(course: Course, material: Material, paragraph: Paragraph) -> str:
    """Return the address of a paragraph: its material, with a text fragment of its first words.

    Source: wicg.github.io/scroll-to-text-fragment; other browsers show the page of the document, or
    the material from the top.
    """
    lines = paragraph.text.splitlines()
    first_line = next((line for line in lines if line[:1].isalpha()), "")
    match = re.match(r"[\w,.:;()«» -]*", first_line)
    place = " ".join(match[0].split()[:_PLACED_BY]) if match else ""
    href = f"{course_href(course)}/materials/{material.material_id}"
    fragment = f"page-{paragraph.page}" if paragraph.page else ""
    fragment += f":~:text={quote(place, safe='')}" if place else ""
    return f"{href}#{fragment}" if fragment else href


def _wants_stream(request: Request) -> bool:
    return accepts(request.headers.get("accept", ""), EVENT_STREAM)


def _find_question_fault(context: PageContext, question: str) -> str:
    """Return why a question asks nothing, "" for one that can be asked."""
    if is_blank(question):
        return context.say("question-empty")
    if len(question) > MAX_CHARACTERS:
        return context.say("question-too-long", limit=MAX_CHARACTERS)
    return ""


async def _render_refusal(
    context: PageContext, course: Course, session_id: int, draft: str, wrong: str
) -> Response:
    """Return why a question is refused: to a script as text, else on the page."""
    if _wants_stream(context.request):
        return PlainTextResponse(wrong, HTTPStatus.UNPROCESSABLE_ENTITY)
    return await _page(context, course, session_id, draft=draft, wrong=wrong)


def _may_ask(context: PageContext) -> bool:
    return context.has(Scope.CHAT_WRITE) and context.may(Permission.ASK)


async def _page(
    context: PageContext,
    course: Course,
    session_id: int = 0,
    *,
    turn: int = 0,
    doing: Doing = "",
    draft: str = "",
    wrong: str = "",
) -> Response:
    """Return the chat; `draft` is the text that was not sent, `wrong` the reason."""
    chat = await context.read(
        course_chat.read_chat, context.actor, course, session_id, source_of=turn
    )
    turns = chat.session.turns if chat.session else ()
    turn_before = None
    if doing == "correct" and chat.has_consent:
        turn_before = await _read_turn_before(context, course, turns, turn)
    html_by_answer = await asyncio.to_thread(
        _render_answers, {each.answer for each in turns}, context.language
    )
    view = {
        "course": course,
        "chat": _href(course),
        "here": f"{_href(course)}/{session_id}" if chat.session else _href(course),
        "examples_href": base_of(course.dataset),
        "markdown": html_by_answer.__getitem__,
        "passage_href": partial(passage_href, course),
        "passage_name": partial(source_name, language=context.language),
        "serving": chat.serving,
        "sessions": chat.sessions,
        "session": chat.session,
        "starters": chat.starters,
        "opened": turn,
        "doing": doing,
        "turn_before": turn_before,
        "consent": _consent_question(context),
        "has_consent": chat.has_consent,
        "is_waiting": lambda turn: (
            turn.state is TurnState.ASKED and turn.asked_at > chat.oldest_pending
        ),
        **await _describe_quota(context),
        "has_shop": has_shop(context.services),
        "may_ask": _may_ask(context),
        "draft": draft,
        "wrong_words": wrong,
        "most": MAX_CHARACTERS,
        "mask": partial(mask_personal_data, language=context.language),
    }
    return render_page(context, "chat.html", view)


async def _read_turn_before(
    context: PageContext, course: Course, turns: Sequence[TurnView], turn_id: int
) -> tuple[str, str] | None:
    """Return the turn that a question of the session continues, None if it continues none."""
    questions = [each.question for each in turns if each.id == turn_id]
    if not questions:
        return None
    return await context.services.read(
        read_turn_before, course.dataset, questions[0], turn_id, context.language
    )


def _consent_question(context: PageContext) -> str:
    """Return the bot's text, with the account's page as the place where a consent is revoked."""
    return text(context.language, "consent-ask").replace(
        "/privacy", context.say("consent-where")
    )


def _render_answers(answers: Iterable[str], language: str) -> dict[str, str]:
    """Return the HTML of each answer."""
    return {each: render_markdown(each, language=language)[0] for each in answers}


_UNCOUNTED: Mapping[str, object] = {"left": "", "is_over": False}


async def _describe_quota(context: PageContext) -> Mapping[str, object]:
    """Return `left`, "осталось 12 из 20, обновится …", and `is_over`: no question is left."""
    if context.user is None:
        return _UNCOUNTED
    quota = await context.read(show_quota, context.actor, context.user)
    of_text = quota.left[Format.TEXT]
    if of_text.remaining is None:
        return _UNCOUNTED
    until = when(context, of_text.resets_at)
    message = context.say("left-questions", remaining=of_text.remaining, until=until)
    return {"left": message, "is_over": of_text.remaining == 0}
