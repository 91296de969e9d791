"""Once: a question of a page's form, answered whole, with words for every ending."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus

from starlette.requests import Request

from merlin.account.key import Scope
from merlin.account.role import Permission
from merlin.api.caller import Caller
from merlin.api.door.allowance import asker_of
from merlin.api.door.asking import begun
from merlin.api.door.shape import Refusal
from merlin.api.door.told import note, refusal_of
from merlin.api.language import language_of_request
from merlin.api.services import ApiServices
from merlin.chat.door import Asked, name_of
from merlin.core.message import Message
from merlin.core.text import text


@dataclass(frozen=True, slots=True)
class Told:
    """What came of a question.

    `words` is the answer, or what is said in its place where `is_answer` is False; `note` is what
    is said under it. `status` is the HTTP status of a page that shows it. `build` is the version
    that the model learnt ("neurotypology-7"), "" where it was not tuned here; `known` is what the
    model says of itself.
    """

    words: str
    is_answer: bool = False
    note: str = ""
    status: HTTPStatus = HTTPStatus.OK
    model: str = ""
    build: str = ""
    known: bool | None = None


async def ask_once(
    request: Request, caller: Caller, slug: str, messages: Sequence[Message]
) -> Told:
    """Return what the course's model answers; raises nothing but what a silent database does.

    `messages` is the talk so far, of user and assistant in turns, and ends with the question.
    """
    language = language_of_request(request)
    if not caller.has(Scope.CHAT_WRITE) or not caller.may(Permission.ASK):
        return Told(text(language, "door-sign-in"), status=HTTPStatus.UNAUTHORIZED)
    services: ApiServices = request.app.state.services
    asked = Asked(name_of(slug), slug, tuple(messages))
    asking = begun(request, asked, asker_of(services, caller, language, dataset=slug))
    try:
        reply = await asking.reply()
        refusal = refusal_of(reply)
        if refusal is not None:
            raise refusal
    except Refusal as refused:
        return Told(refused.words(language), status=refused.status)
    origin = await request.app.state.origins.of(reply.model_id)
    return Told(
        words=reply.text or text(language, "door-note-filtered"),
        is_answer=bool(reply.text),
        note=note(language, reply) if reply.text else "",
        model=reply.model_id,
        build=origin.build if origin else "",
        known=reply.known,
    )
