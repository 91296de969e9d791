"""A question under /v1: reserved, asked, settled, whatever becomes of the one who asked.

    reserved -> asked -> charged          words came
                      -> given back       none came: a failure, or the caller went away

It is a task of its own: a caller who goes away only presses its stop. What a killed process left
reserved is given back by `release_stale_reservations`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

from starlette.requests import Request

from merlin.api.openai_compat.requests import (
    Asked,
    request_of_call,
    reserve_question,
    settle_question,
)
from merlin.api.problems import wrong
from merlin.api.services import ApiServices
from merlin.app.ask import Asker, ground, is_free, route
from merlin.billing.quota import UNLIMITED
from merlin.chat.answer import AnswerObserver, AnswerService, Ending, Reply, Stop
from merlin.chat.model_catalogue import Candidate
from merlin.core.errors import MerlinError
from merlin.core.formatted_text import join_surrogates
from merlin.core.killpoint import kill_point
from merlin.core.log import get_logger, redact
from merlin.core.messages import ParameterRefused
from merlin.core.server import wait_for_disconnect
from merlin.openai_protocol.errors import ApiError

log = get_logger(__name__)

# How a character begins that JSON carries in two halves.
_HALF = ("\ud800", "\udbff")


# What is done with a reply once it is settled; it is over only then.
Then = Callable[[Reply], Awaitable[None]]


class ChatStream(AnswerObserver):
    """One question; where it `is_kept`, more is written with it and its answer."""

    is_kept = False

    def __init__(
        self,
        services: ApiServices,
        desk: AnswerService,
        asked: Asked,
        asker: Asker,
        then: Then | None = None,
    ) -> None:
        self._services = services
        self._desk = desk
        self._asked = asked
        self._asker = asker
        self._then = then
        self._text = ""
        self._news = asyncio.Event()
        self._is_reserved = False
        self.stop = Stop()
        # The model that writes, or was asked last.
        self.choice: Candidate | None = None
        self.task = asyncio.create_task(self._run())
        self.task.add_done_callback(self._over)

    def wrote(self, text: str) -> None:
        """Take the text as it stands now."""
        self._text = text
        self._news.set()

    async def reply(self) -> Reply:
        """Return what came of it, once it is settled. Raises ApiError, MerlinError."""
        return await asyncio.shield(self.task)

    async def reserved(self) -> None:
        """Return once the question is reserved; raises as `reply` where it may not be asked."""
        while not (self._is_reserved or self.task.done()):
            await self._next()
        if not self._is_reserved:
            self.task.result()

    async def begins(self) -> None:
        """Return with the first word, or when all is over; raises as `reply` where none came."""
        while not (self._text.strip() or self.task.done()):
            await self._next()
        if self.task.done():
            self.task.result()

    async def pieces(self) -> AsyncIterator[str]:
        """Yield the answer as it is written; together the pieces are the reply's text."""
        sent = 0
        while True:
            is_over = self.task.done()
            piece, sent = next_piece(self._text, sent)
            if piece:
                yield piece
            elif is_over:
                return
            else:
                await self._next()

    async def _next(self) -> None:
        self._news.clear()
        if not self.task.done():
            await self._news.wait()

    def _over(self, task: asyncio.Task[Reply]) -> None:
        self._news.set()
        error = None if task.cancelled() else task.exception()
        if error is not None and not isinstance(error, ApiError):
            log.warning("a question was not answered", reason=redact(str(error)))

    async def _run(self) -> Reply:
        services = self._services
        # Where nothing is limited or kept, nothing is written.
        is_read = self._asker.plan is UNLIMITED and not self.is_kept
        first = await (services.store.read if is_read else services.store.do)(self._reserve)
        kill_point("door.reserved")
        self._is_reserved = True
        self._news.set()
        question, asker = self._asked, self._asker
        try:
            sources = ground(services, first, question.talk[-1].content, asker.language)
            is_plain = not question.has_images and question.steering.response_format is None
            reply = await self._desk.reply(
                self._route(first),
                question.talk,
                self,
                self.stop,
                question.steering,
                ground=sources if is_plain else None,
            )
            kill_point("door.asked")
            await self._settle(reply)
        except ParameterRefused as refused:
            await self._give_back()
            arguments = {"field": refused.field, "why": str(refused)}
            raise wrong(asker.language, refused.field, "unwished", **arguments) from refused
        except BaseException:
            await self._give_back()
            raise
        kill_point("door.answered")
        if self._then is not None:
            await self._then(reply)
        return reply

    def _reserve(self) -> Candidate | None:
        """Reserve the question, and return who is to answer; within the store's work."""
        return reserve_question(self._services, self._asked, self._asker)

    def _charge(self, reply: Reply) -> None:
        """Charge the answer or give the question back; within the store's work."""
        settle_question(self._services, self._asker, reply)

    async def _route(self, first: Candidate | None) -> AsyncIterator[Candidate]:
        """Yield who is asked, noting it."""
        services = self._services
        wish = request_of_call(services, self._asked, self._asker.user_id)
        async for choice in route(services, wish, first, has_images=self._asked.has_images):
            self.choice = choice
            yield choice

    async def _settle(self, reply: Reply) -> None:
        is_tried = reply.first is not None and reply.first.canary
        is_counted = self.is_kept or not is_free(self._services, self._asker)
        if is_counted or reply.troubles or is_tried:
            await self._services.store.do(lambda: self._charge(reply))

    async def _give_back(self) -> None:
        try:
            await self._settle(Reply(Ending.NOBODY))
        except MerlinError as error:
            # `release_stale_reservations` does it later.
            log.warning("a question was not given back", reason=redact(str(error)))


def next_piece(text: str, sent: int) -> tuple[str, int]:
    """Return what follows the first `sent` characters of a text that grows, and how far that is.

    Blanks wait for the word after them, half a character for its other half.
    """
    start = sent or len(text) - len(text.lstrip())
    piece = text[start:].rstrip()
    if piece and _HALF[0] <= piece[-1] <= _HALF[1]:
        piece = piece[:-1]
    return join_surrogates(piece), start + len(piece) if piece else sent


def start_question(
    request: Request,
    asked: Asked,
    asker: Asker,
    *,
    is_stoppable: bool = True,
    then: Then | None = None,
) -> ChatStream:
    """Return a question that is being asked; one that is stoppable ends with its caller's call."""
    state = request.app.state
    asking = ChatStream(state.services, state.desk, asked, asker, then)
    watch_question(request, asking, is_stoppable=is_stoppable)
    return asking


def watch_question(request: Request, asking: ChatStream, *, is_stoppable: bool = True) -> None:
    """Let a question end with the process, and one that is stoppable with its caller's call."""
    askings = request.app.state.askings
    askings.add(asking.task)
    asking.task.add_done_callback(askings.discard)

    async def stop_without_caller() -> None:
        await wait_for_disconnect(request)
        asking.stop.press()

    if is_stoppable:
        watching = asyncio.create_task(stop_without_caller())
        asking.task.add_done_callback(lambda _: watching.cancel())
