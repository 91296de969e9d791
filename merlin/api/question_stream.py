"""One question of a program or a page: asked and settled, even if the client disconnects.

    reserved -> asked -> charged          an answer came
                      -> released         no answer: a failure, or the client disconnected

It runs as its own task; a disconnect only requests its stop. Reservations of a killed process are
released by `release_stale_reservations`.
"""

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime
from http import HTTPStatus
from math import ceil
from typing import Any

from starlette.requests import Request

from merlin.api.openai_compat.responses import answer_note, reply_error
from merlin.api.problems import field_error, refusal
from merlin.api.services import services_of
from merlin.app.ask import (
    AnyQuestion,
    ChatAnswer,
    Conversation,
    Observer,
    answer,
    find_asker,
)
from merlin.app.context import Context
from merlin.app.limits import Asker, ReachedCap
from merlin.billing.quota import Left, Quotas
from merlin.chat.answer import Ending, Reply, Stop
from merlin.chat.model_catalogue import Candidate
from merlin.chat.sessions import WindowCounter
from merlin.chat.turns import StoredAnswer, Turn
from merlin.core.formatted_text import join_surrogates
from merlin.core.i18n import format_moment, text
from merlin.core.log import get_logger, redact
from merlin.core.messages import ParameterRefused
from merlin.core.server import wait_for_disconnect
from merlin.db.processes import CALL_LIMIT
from merlin.openai_protocol.errors import NO_CREDIT, ApiError

log = get_logger(__name__)

# High surrogates: the first half of a character in JSON.
_HALF = ("\ud800", "\udbff")
# A turn's `offer`: the answer was stopped, and may be requested in full.
STOPPED = "stopped"


class QuestionStream(Observer):
    """One question and its streamed answer.

    At shutdown it is cancelled; one that `is_stoppable` ends when the client disconnects. `turn` is
    None until the question is reserved, `choice` is the model that answers, or was tried last.
    """

    def __init__(
        self, request: Request, question: AnyQuestion, *, is_stoppable: bool = True
    ) -> None:
        self._services = services_of(request)
        self._question = question
        self._text = ""
        self._sent = 0
        self._news = asyncio.Event()
        self.stop = Stop()
        self.turn: Turn | None = None
        self.choice: Candidate | None = None
        self.task = asyncio.create_task(self._run())
        question_tasks: set[asyncio.Task[Any]] = request.app.state.question_tasks
        question_tasks.add(self.task)
        watching = (
            asyncio.create_task(self._stop_without_client(request))
            if is_stoppable
            else None
        )

        def on_done(task: asyncio.Task[ChatAnswer]) -> None:
            question_tasks.discard(task)
            if watching is not None:
                watching.cancel()
            self._news.set()
            error = None if task.cancelled() else task.exception()
            if error is not None and not isinstance(error, ApiError):
                log.warning("a question was not answered", reason=redact(str(error)))

        self.task.add_done_callback(on_done)

    async def _stop_without_client(self, request: Request) -> None:
        await wait_for_disconnect(request)
        self.stop.press()

    async def _run(self) -> ChatAnswer:
        try:
            return await answer(self._services, self._question, self)
        except ParameterRefused as refused:
            arguments = {"field": refused.field, "why": str(refused)}
            raise field_error(
                self._question.language, refused.field, "not-accepted", **arguments
            ) from refused

    def on_begun(self, conversation: Conversation) -> None:
        """Let `wait_for_turn` end."""
        self.turn = conversation.turn
        self._news.set()

    def on_model(self, choice: Candidate) -> None:
        """Receive the model that is asked now."""
        self.choice = choice

    def on_text(self, text: str) -> None:
        """Receive the text of the answer so far."""
        if not text.startswith(self._text):
            # What was sent were thoughts, which no client takes back.
            self._sent = 0
        self._text = text
        self._news.set()

    def refuse(self, exceeded: ReachedCap | Left) -> StoredAnswer:
        """Refuse the question. Raises ApiError."""
        asker = find_asker(self._services, self._question)
        raise quota_error(asker, exceeded, self._services.clock())

    def describe(
        self, _conversation: Conversation, reply: Reply, _window: WindowCounter
    ) -> tuple[str, str]:
        """Return the note of a page's answer, or why there is none."""
        language = self._question.language
        if reply.ending is Ending.STOPPED:
            return text(language, "page-stopped"), STOPPED
        error = reply_error(reply, language)
        return str(error or answer_note(language, reply)), ""

    async def answer(self) -> ChatAnswer:
        """Return the answer once it is settled. Raises ApiError, MerlinError."""
        return await asyncio.shield(self.task)

    async def wait_for_turn(self) -> Turn:
        """Return the turn once the question is reserved; raises as `answer`."""
        while self.turn is None and not self.task.done():
            await self._wait()
        return self.turn or self.task.result().turn

    async def wait_for_text(self) -> None:
        """Wait for the first word or the end; raises as `answer` if there is none."""
        while not (self._text.strip() or self.task.done()):
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


def quota_error(asker: Asker, exceeded: ReachedCap | Left, now: datetime) -> ApiError:
    """Return the error for a reached spending limit or a used-up quota."""
    status = HTTPStatus.TOO_MANY_REQUESTS
    arguments = dict[str, Any]()
    if isinstance(exceeded, ReachedCap):
        key = "guard-day"
        until = exceeded.until
    elif exceeded.limit == 0:
        return refusal(
            asker.language, status, "closed", NO_CREDIT, kind=exceeded.kind.value
        )
    else:
        key = "spent"
        until = exceeded.resets_at
        arguments = {
            "kind": exceeded.kind.value,
            "limit": exceeded.limit or 0,
            "period": exceeded.period.value,
        }
    return refusal(
        asker.language,
        status,
        key,
        NO_CREDIT,
        retry_after_s=max(ceil((until - now).total_seconds()), 1),
        until=format_moment(until, asker.zone, asker.language, is_named=True),
        **arguments,
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
