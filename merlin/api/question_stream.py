"""One question of a program or a page: reserved, asked and settled, even if the client disconnects.

    reserved -> asked -> charged          an answer came
                      -> released         no answer: a failure, or the client disconnected

It runs as its own task; a disconnect only requests its stop. Reservations of a killed process are
released by `release_stale_reservations`.
"""

import asyncio
from abc import abstractmethod
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from starlette.requests import Request

from merlin.api.problems import field_error
from merlin.api.services import services_of
from merlin.app.ask import Asker, ground, is_free, route
from merlin.app.context import Context
from merlin.billing.quota import UNLIMITED, Quotas
from merlin.chat.answer import AnswerObserver, AnswerService, Ending, Reply, Stop
from merlin.chat.model_catalogue import Candidate, ModelRequest
from merlin.core.errors import MerlinError
from merlin.core.formatted_text import join_surrogates
from merlin.core.killpoint import kill_point
from merlin.core.log import get_logger, redact
from merlin.core.messages import (
    DEFAULT_SAMPLING,
    Message,
    ParameterRefused,
    SamplingParams,
)
from merlin.core.server import wait_for_disconnect
from merlin.db.processes import CALL_LIMIT
from merlin.openai_protocol.errors import ApiError

log = get_logger(__name__)

# High surrogates: the first half of a character in JSON.
_HALF = ("\ud800", "\udbff")


@dataclass(frozen=True, slots=True)
class Reserved:
    """A reserved question: the models requested, the first of them, messages with the question.

    With `small_talk`, its answer, nothing is reserved, and no model is asked.
    """

    request: ModelRequest
    first: Candidate | None
    messages: Sequence[Message]
    small_talk: str = ""


class QuestionStream(AnswerObserver):
    """One question and its streamed answer; `is_kept`: both are stored with the reservation.

    At shutdown it is cancelled; one that `is_stoppable` ends when the client disconnects.
    """

    is_kept = False

    def __init__(
        self,
        request: Request,
        asker: Asker,
        sampling: SamplingParams = DEFAULT_SAMPLING,
        *,
        is_stoppable: bool = True,
    ) -> None:
        self.services = services_of(request)
        self.asker = asker
        self._answer_service: AnswerService = request.app.state.answer_service
        self._sampling = replace(sampling, language=asker.language)
        self._text = ""
        self._sent = 0
        self._news = asyncio.Event()
        self._is_reserved = False
        self.stop = Stop()
        # The model that answers, or was tried last.
        self.choice: Candidate | None = None
        self.task = asyncio.create_task(self._run())
        question_tasks: set[asyncio.Task[Any]] = request.app.state.question_tasks
        question_tasks.add(self.task)
        watching = (
            asyncio.create_task(self._stop_without_client(request))
            if is_stoppable
            else None
        )

        def on_done(task: asyncio.Task[Reply]) -> None:
            question_tasks.discard(task)
            if watching is not None:
                watching.cancel()
            self._news.set()
            error = None if task.cancelled() else task.exception()
            if error is not None and not isinstance(error, ApiError):
                log.warning("a question was not answered", reason=redact(str(error)))

        self.task.add_done_callback(on_done)

    @abstractmethod
    def reserve(self) -> Reserved:
        """Reserve the question in the asker's plan; runs in a transaction."""

    @abstractmethod
    def charge(self, reply: Reply) -> None:
        """Charge the answer or release the question; runs in a transaction."""

    async def _stop_without_client(self, request: Request) -> None:
        await wait_for_disconnect(request)
        self.stop.press()

    def on_text(self, text: str) -> None:
        """Receive the text of the answer so far."""
        if not text.startswith(self._text):
            # What was sent were thoughts, which no client takes back.
            self._sent = 0
        self._text = text
        self._news.set()

    async def reply(self) -> Reply:
        """Return the reply once it is settled. Raises ApiError, MerlinError."""
        return await asyncio.shield(self.task)

    async def wait_for_reservation(self) -> None:
        """Wait until the question is reserved; raises as `reply` if it is refused."""
        await self._wait_for(lambda: self._is_reserved)

    async def wait_for_text(self) -> None:
        """Wait for the first word or the end; raises as `reply` if there is none."""
        await self._wait_for(lambda: bool(self._text.strip()))

    async def _wait_for(self, is_there: Callable[[], bool]) -> None:
        while not (is_there() or self.task.done()):
            await self._wait()
        if self.task.done():
            self.task.result()

    async def pieces(self) -> AsyncIterator[str]:
        """Yield the answer as it is generated; the pieces add up to the reply's text."""
        while True:
            is_over = self.task.done()
            piece, self._sent = next_piece(self._text, self._sent)
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

    async def _run(self) -> Reply:
        services = self.services
        asker = self.asker
        # Without limits or storage a read is enough.
        is_read = asker.plan is UNLIMITED and not self.is_kept
        reserved = await (services.store.read if is_read else services.store.do)(
            self.reserve
        )
        kill_point("completion.reserved")
        self._is_reserved = True
        self._news.set()
        try:
            if reserved.small_talk:
                self.on_text(reserved.small_talk)
                reply = Reply(Ending.WHOLE, reserved.small_talk)
                await self._settle(reply)
                return reply
            sources = ground(
                services, reserved.first, reserved.messages, asker.language
            )
            is_plain = self._sampling.response_format is None
            reply = await self._answer_service.reply(
                self._route(reserved),
                reserved.messages,
                self,
                self.stop,
                self._sampling,
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

    async def _route(self, reserved: Reserved) -> AsyncIterator[Candidate]:
        """Yield the candidates, recording the current one."""
        async for choice in route(
            self.services, reserved.request, reserved.first, has_images=False
        ):
            self.choice = choice
            yield choice

    async def _settle(self, reply: Reply) -> None:
        is_counted = self.is_kept or not is_free(self.services, self.asker)
        if is_counted or reply.faults:
            await self.services.store.do(lambda: self.charge(reply))

    async def _give_back(self) -> None:
        try:
            await self._settle(Reply(Ending.NOBODY))
        except MerlinError as error:
            # `release_stale_reservations` releases it later.
            log.warning(
                "the quota of a question was not returned", reason=redact(str(error))
            )


def next_piece(text: str, sent: int) -> tuple[str, int]:
    """Return what follows the first `sent` characters of a growing text, and the new position.

    Trailing whitespace waits for the next word, half a surrogate pair for its other half.
    """
    start = sent or len(text) - len(text.lstrip())
    piece = text[start:].rstrip()
    if piece and _HALF[0] <= piece[-1] <= _HALF[1]:
        piece = piece[:-1]
    return join_surrogates(piece), start + len(piece) if piece else sent


def release_stale_reservations(ctx: Context) -> None:
    """Release what killed processes of any replica left reserved."""
    count = Quotas(ctx.db, ctx.bot_id).give_back_before(ctx.clock() - CALL_LIMIT)
    if count:
        log.warning("the quota of abandoned questions was returned", questions=count)
