"""A question under /v1: reserved, asked and settled, even if the client disconnects.

    reserved -> asked -> charged          an answer came
                      -> released         no answer: a failure, or the client disconnected

It runs as its own task; a disconnect only requests its stop. Reservations of a killed process are
released by `release_stale_reservations`.
"""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

from starlette.requests import Request

from merlin.api.auth import Caller
from merlin.api.openai_compat.requests import (
    Question,
    request_of_call,
    reserve_question,
    settle_question,
)
from merlin.api.problems import field_error
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

# High surrogates: the first half of a character in JSON.
_HALF = ("\ud800", "\udbff")


class ChatStream(AnswerObserver):
    """One question and its streamed answer; `is_kept`: both are stored with the reservation.

    At shutdown it is cancelled; one that `is_stoppable` ends when the client disconnects.
    """

    is_kept = False

    def __init__(
        self,
        request: Request,
        caller: Caller,
        question: Question,
        asker: Asker,
        *,
        is_stoppable: bool,
    ) -> None:
        self._caller = caller
        self._services = caller.services
        self._answer_service: AnswerService = request.app.state.answer_service
        self._question = question
        self._asker = asker
        self._text = ""
        self._news = asyncio.Event()
        self._is_reserved = False
        self.is_stoppable = is_stoppable
        self.stop = Stop()
        # The model that answers, or was tried last.
        self.choice: Candidate | None = None
        self.task = asyncio.create_task(self._run())
        self.task.add_done_callback(self._on_done)
        question_tasks: set[asyncio.Task[Any]] = request.app.state.question_tasks
        question_tasks.add(self.task)
        self.task.add_done_callback(question_tasks.discard)
        if is_stoppable:
            watching = asyncio.create_task(self._stop_without_client(request))
            self.task.add_done_callback(lambda _: watching.cancel())

    async def _stop_without_client(self, request: Request) -> None:
        await wait_for_disconnect(request)
        self.stop.press()

    def on_text(self, text: str) -> None:
        """Receive the text of the answer so far."""
        self._text = text
        self._news.set()

    async def reply(self) -> Reply:
        """Return the reply once it is settled. Raises ApiError, MerlinError."""
        return await asyncio.shield(self.task)

    async def wait_for_reservation(self) -> None:
        """Wait until the question is reserved; raises as `reply` if it is refused."""
        while not (self._is_reserved or self.task.done()):
            await self._wait()
        if not self._is_reserved:
            self.task.result()

    async def wait_for_text(self) -> None:
        """Wait for the first word or the end; raises as `reply` if there is none."""
        while not (self._text.strip() or self.task.done()):
            await self._wait()
        if self.task.done():
            self.task.result()

    async def pieces(self) -> AsyncIterator[str]:
        """Yield the answer as it is generated; the pieces add up to the reply's text."""
        sent = 0
        while True:
            is_over = self.task.done()
            piece, sent = next_piece(self._text, sent)
            if piece:
                yield piece
            elif is_over:
                return
            else:
                await self._wait()

    async def _wait(self) -> None:
        self._news.clear()
        if not self.task.done():
            await self._news.wait()

    def _on_done(self, task: asyncio.Task[Reply]) -> None:
        self._news.set()
        error = None if task.cancelled() else task.exception()
        if error is not None and not isinstance(error, ApiError):
            log.warning("a question was not answered", reason=redact(str(error)))

    async def _run(self) -> Reply:
        services = self._services
        # Without limits or storage a read is enough.
        is_read = self._asker.plan is UNLIMITED and not self.is_kept
        first = await (services.store.read if is_read else services.store.do)(self._reserve)
        kill_point("completion.reserved")
        self._is_reserved = True
        self._news.set()
        question, asker = self._question, self._asker
        try:
            sources = ground(services, first, question.conversation, asker.language)
            is_plain = question.sampling.response_format is None
            reply = await self._answer_service.reply(
                self._route(first),
                question.conversation,
                self,
                self.stop,
                replace(question.sampling, language=asker.language),
                ground=sources if is_plain else None,
            )
            kill_point("completion.requested")
            await self._settle(reply)
        except ParameterRefused as refused:
            await self._give_back()
            arguments = {"field": refused.field, "why": str(refused)}
            raise field_error(
                asker.language, refused.field, "not-accepted", **arguments
            ) from refused
        except BaseException:
            await self._give_back()
            raise
        kill_point("completion.answered")
        return reply

    def _reserve(self) -> Candidate | None:
        """Reserve the question and return the first candidate; runs in a transaction.

        A page's stream reserves and charges in its own way.
        """
        return reserve_question(self._caller, self._question, self._asker)

    def _charge(self, reply: Reply) -> None:
        """Charge the answer or release the question; runs in a transaction."""
        settle_question(self._services, self._asker, reply)

    async def _route(self, first: Candidate | None) -> AsyncIterator[Candidate]:
        """Yield the candidates, recording the current one."""
        services = self._services
        model_request = request_of_call(services, self._question)
        async for choice in route(services, model_request, first, has_images=False):
            self.choice = choice
            yield choice

    async def _settle(self, reply: Reply) -> None:
        is_counted = self.is_kept or not is_free(self._services, self._asker)
        if is_counted or reply.faults:
            await self._services.store.do(lambda: self._charge(reply))

    async def _give_back(self) -> None:
        try:
            await self._settle(Reply(Ending.NOBODY))
        except MerlinError as error:
            # `release_stale_reservations` releases it later.
            log.warning("the quota of a question was not returned", reason=redact(str(error)))


def next_piece(text: str, sent: int) -> tuple[str, int]:
    """Return what follows the first `sent` characters of a growing text, and the new position.

    Trailing whitespace waits for the next word, half a surrogate pair for its other half.
    """
    start = sent or len(text) - len(text.lstrip())
    piece = text[start:].rstrip()
    if piece and _HALF[0] <= piece[-1] <= _HALF[1]:
        piece = piece[:-1]
    return join_surrogates(piece), start + len(piece) if piece else sent
