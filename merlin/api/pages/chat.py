"""The chat of a course: its serving model answers, through the same door that programs use.

With a script the answer is streamed from /v1/chat/completions; without one the form brings the
whole talk, and the page comes back with the answer. Nothing of the talk is kept here.
"""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated, Literal

from fastapi import APIRouter, Form
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from merlin.account.api_keys import Scope
from merlin.api.auth import Caller, Person
from merlin.api.openai_compat.chat import start_question
from merlin.api.openai_compat.quota import asker_of
from merlin.api.openai_compat.requests import Asked, name_of
from merlin.api.openai_compat.responses import note, refusal_of
from merlin.api.openai_compat.routes import read_origin
from merlin.api.pages.course import course_of
from merlin.api.pages.errors import PageRoute
from merlin.api.pages.formatting import when
from merlin.api.pages.page import (
    FROM_HERE,
    PageRequest,
    Visiting,
    bot_href,
    refusal_text,
    render_page,
)
from merlin.api.problems import Problem
from merlin.api.schema import Id
from merlin.app import proposals, unanswered
from merlin.app.actor import Actor
from merlin.app.ask import show_quota
from merlin.app.context import Context
from merlin.app.plans import has_shop
from merlin.billing.plan import Format
from merlin.chat.model_catalogue import ModelCatalogue
from merlin.core.errors import MerlinError, Refused
from merlin.core.i18n import text
from merlin.core.messages import Message
from merlin.core.permissions import Permission
from merlin.core.web.assets import NEVER_KEPT, seen_other
from merlin.course.catalogue import Course
from merlin.dataset.proposals import mask_personal_data
from merlin.openai_protocol.errors import ApiError
from merlin.training.models import Serving

router = APIRouter(route_class=PageRoute, include_in_schema=False)

MOST_CHARACTERS = 4000
# What is said again with each question: enough for a talk, and bounded.
MOST_SAID, SAID_CHARACTERS = 20, 20_000
# Says to the script, beside the words, that the plan has no question left.
OVER = "Merlin-Over"


@dataclass(frozen=True, slots=True)
class Bubble:
    """One message; `foot` says who answered, `note` what a person should know of it.

    `nearest` are taught questions that may have been meant where it is a refusal, `refused` is the
    question that the editors may be told of, "" for none.
    """

    text: str
    is_mine: bool
    foot: str = ""
    note: str = ""
    nearest: tuple[str, ...] = ()
    refused: str = ""


@router.get("/courses/{course_id}/chat")
async def chat(visit: Visiting, course_id: Id) -> Response:
    """Return the empty chat."""
    course = await course_of(visit, course_id)
    return await _page(visit, course)


@router.post("/courses/{course_id}/chat")
async def ask(
    request: Request,
    visit: Visiting,
    course_id: Id,
    caller: Person,
    q: Annotated[str, Form()] = "",
    near: Annotated[str, Form()] = "",
    said: Annotated[list[str] | None, Form()] = None,
) -> Response:
    """Ask without a script, and return the chat with the answer; `near` is an offered question."""
    course = await course_of(visit, course_id)
    if not _may_ask(caller):
        raise Problem(HTTPStatus.FORBIDDEN, "forbidden")
    before = tuple(one[:SAID_CHARACTERS] for one in (said or [])[-MOST_SAID:])
    bubbles = tuple(Bubble(one, place % 2 == 0) for place, one in enumerate(before))
    question = (near or q).strip()
    if not question or len(question) > MOST_CHARACTERS or len(before) % 2:
        wrong = visit.say("question-too-long", limit=MOST_CHARACTERS) if question else ""
        return await _page(visit, course, bubbles, draft=q, wrong=wrong)
    try:
        answer = await _answer(request, visit, course, (*before, question))
    except (ApiError, MerlinError) as error:
        why = str(error) if isinstance(error, ApiError) else visit.say("no-answer")
        return await _page(visit, course, bubbles, draft=question, wrong=why)
    return await _page(visit, course, (*bubbles, Bubble(question, is_mine=True), answer))


@router.post("/courses/{course_id}/chat/tell", dependencies=FROM_HERE)
async def tell(
    visit: Visiting,
    course_id: Id,
    caller: Person,
    q: Annotated[str, Form()] = "",
    act: Annotated[Literal["look", "send", "allow"], Form()] = "look",
) -> Response:
    """Show what the editors would read of a question; let them read it, consent given first."""
    course, question = await course_of(visit, course_id), q.strip()
    if not _may_ask(caller):
        raise Problem(HTTPStatus.FORBIDDEN, "forbidden")
    if not question or len(question) > MOST_CHARACTERS:
        return seen_other(f"/courses/{course.course_id}/chat")

    def send(ctx: Context, actor: Actor) -> None:
        if act == "allow":
            proposals.give_consent(ctx, actor)
        unanswered.tell_editors(ctx, actor, course.dataset, question, visit.language)

    wrong = ""
    if act != "look":
        try:
            await visit.write(send)
            return seen_other(f"/courses/{course.course_id}/chat/told")
        except Refused as error:
            wrong = refusal_text(visit, error)
    view = {
        "course": course,
        "question": question,
        "shown": mask_personal_data(question, visit.language).words,
        "consent": text(visit.language, "consent-asked"),
        "has_consent": await visit.read(proposals.has_consent),
        "wrong_words": wrong,
    }
    return render_page(visit, "chat_tell.html", view, keep=NEVER_KEPT)


@router.get("/courses/{course_id}/chat/told")
async def show_told(visit: Visiting, course_id: Id) -> Response:
    """Say that the editors will read the question."""
    view = {"course": await course_of(visit, course_id), "question": ""}
    return render_page(visit, "chat_tell.html", view)


@router.get("/courses/{course_id}/chat/left")
async def left(visit: Visiting, course_id: Id) -> Response:
    """Return what is left of the plan, in words, for the script to say after an answer."""
    words, is_over = await _left(visit, await course_of(visit, course_id))
    headers = {"Cache-Control": NEVER_KEPT, OVER: "1" if is_over else "0"}
    return PlainTextResponse(words, headers=headers)


async def _answer(
    request: Request, visit: PageRequest, course: Course, talk: tuple[str, ...]
) -> Bubble:
    roles = ("user", "assistant")
    messages = tuple(Message(roles[place % 2], one) for place, one in enumerate(talk))
    asked = Asked(name_of(course.slug), course.dataset, messages)
    asker = asker_of(visit, dataset=asked.dataset)
    reply = await start_question(request, asked, asker).reply()
    refused = refusal_of(reply, visit.language)
    if refused is not None:
        raise refused
    origin = await read_origin(visit.services, reply.model_id)
    foot = (origin.build if origin else "") or reply.model_id
    return Bubble(
        reply.text,
        is_mine=False,
        foot=foot,
        note=note(visit.language, reply),
        nearest=reply.nearest,
        refused=talk[-1] if reply.known is False else "",
    )


def _may_ask(caller: Caller) -> bool:
    return caller.has(Scope.CHAT_WRITE) and caller.may(Permission.ASK)


async def _page(
    visit: PageRequest,
    course: Course,
    bubbles: tuple[Bubble, ...] = (),
    *,
    draft: str = "",
    wrong: str = "",
) -> Response:
    """Return the chat; `draft` is what was not sent, `is_over`: more questions are offered."""
    services = visit.services

    def read() -> tuple[str, Serving | None]:
        return bot_href(services, course), ModelCatalogue(services.db).serving(course.dataset)

    href, serving = await services.store.read(read)
    left, is_over = await _left(visit, course)
    view = {
        "course": course,
        "model": name_of(course.slug),
        "serving": serving,
        "left": left,
        "is_over": is_over,
        "has_shop": has_shop(services),
        "bot_href": href,
        "may_ask": _may_ask(visit),
        # Whose talk the browser keeps.
        "whose": visit.user_id or "",
        "bubbles": bubbles,
        "draft": draft,
        "wrong_words": wrong,
        "most": MOST_CHARACTERS,
    }
    return render_page(visit, "chat.html", view, keep=NEVER_KEPT)


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
