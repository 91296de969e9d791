"""Desk: ask the models of a route until one answers, and say honestly how it ended.

What the providers do wrong is dealt with here: busy is tried again at most twice within 90 s, a
stream that breaks leaves what came, an unknown model leads to the next one of the route.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from merlin.chat.answerer import Answerer
from merlin.chat.breaker import Breaker, is_spent
from merlin.chat.reply import Draft, Ending, Reply, Trouble
from merlin.chat.route import Choice
from merlin.chat.steering import FREELY, Steering, WishRefused
from merlin.chat.stop import Stop
from merlin.chat.window import told_limit
from merlin.core.errors import ModelGone, ProviderBusy, ProviderError
from merlin.core.log import get_logger
from merlin.core.message import Message

log = get_logger(__name__)

# The protocol's word for a talk beyond the model's window. Source: openai/openai-openapi.
TOO_LONG = "context_length_exceeded"


class Onlooker(Protocol):
    """Who looks on while the answer is written; neither method waits for anything."""

    def wrote(self, text: str) -> None:
        """Take the text as it stands now."""

    def waits(self) -> None:
        """Take note that nothing has come for a while."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long what is waited for, in seconds."""

    tries: int = 3
    total_s: float = 90.0
    answer_s: float = 120.0
    busy_word_s: float = 9.0
    first_pause_s: float = 1.0
    longest_pause_s: float = 60.0


@dataclass(frozen=True, slots=True)
class _Seat:
    """One model that is being asked, and who looks on."""

    choice: Choice
    talk: Sequence[Message]
    onlooker: Onlooker
    stop: Stop | None
    steering: Steering


class Desk:
    """Where questions are answered: the providers, and how patient to be with them."""

    def __init__(self, answerers: Mapping[str, Answerer], patience: Patience | None = None) -> None:
        self._answerers = answerers
        self._patience = patience or Patience()
        self._breaker = Breaker()

    async def reply(
        self,
        route: AsyncIterator[Choice],
        talk: Sequence[Message],
        onlooker: Onlooker,
        stop: Stop | None = None,
        steering: Steering = FREELY,
    ) -> Reply:
        """Return the reply of the first model of `route` that gives one.

        `talk` is the history and the question, without a system text. When `stop` is pressed,
        what came until then is the reply. Raises nothing of its own but WishRefused: another model
        would be no help, the wish is to be another one.
        """
        first = self._first_of(route, talk, onlooker, stop, steering)
        asking = asyncio.ensure_future(first)
        if stop is not None:
            stop.ends(asking)
        try:
            return await asking
        except asyncio.CancelledError:
            # Pressed before a word of the answer came; a cancelled caller goes on being cancelled.
            if stop is not None and stop.is_pressed and asking.cancelled():
                return Reply(Ending.STOPPED)
            raise

    async def _first_of(
        self,
        route: AsyncIterator[Choice],
        talk: Sequence[Message],
        onlooker: Onlooker,
        stop: Stop | None,
        steering: Steering,
    ) -> Reply:
        timer = asyncio.get_running_loop().call_later(self._patience.busy_word_s, onlooker.waits)
        troubles: list[Trouble] = []
        try:
            async for choice in route:
                if choice.provider not in self._answerers:
                    continue
                seat = _Seat(choice, talk, onlooker, stop, steering)
                reply = await self._ask_choice(seat, troubles)
                if reply is not None:
                    return replace(reply, troubles=tuple(troubles))
        finally:
            timer.cancel()
        return Reply(Ending.NOBODY, troubles=tuple(troubles))

    async def _ask_choice(self, seat: _Seat, troubles: list[Trouble]) -> Reply | None:
        """Return the reply of one model, None when the next one is to be asked."""
        choice = seat.choice
        try:
            return await self._patiently(seat)
        except ProviderBusy as busy:
            log.warning("model stays busy", provider=choice.provider, reason=str(busy))
            return Reply(Ending.BUSY, choice=choice)
        except WishRefused:
            raise
        except ModelGone as gone:
            troubles.append(_trouble("gone", choice, gone))
        except ProviderError as refusal:
            if refusal.code == TOO_LONG:
                return await self._ask_alone(seat, str(refusal), troubles)
            self._breaker.note(choice.provider, refusal, asyncio.get_running_loop().time())
            kind = "spent" if is_spent(refusal) else "refused"
            troubles.append(_trouble(kind, choice, refusal))
        return None

    async def _ask_alone(self, seat: _Seat, reason: str, troubles: list[Trouble]) -> Reply | None:
        """Ask again without what was said before, because the whole talk is too long."""
        limit = told_limit(reason, (*seat.choice.before, *seat.talk))
        if len(seat.talk) == 1:
            return Reply(Ending.TOO_LONG, choice=seat.choice, limit_tokens=limit)
        reply = await self._ask_choice(replace(seat, talk=seat.talk[-1:]), troubles)
        return replace(reply, limit_tokens=limit) if reply is not None else None

    async def _patiently(self, seat: _Seat) -> Reply:
        clock = asyncio.get_running_loop().time
        deadline = clock() + self._patience.total_s
        attempt = 0
        while True:
            attempt += 1
            try:
                self._breaker.check(seat.choice.provider, clock())
                return await self._once(seat)
            except ProviderBusy as busy:
                pause = self._pause(busy, attempt)
                if attempt >= self._patience.tries or clock() + pause > deadline:
                    raise
                log.info("model is busy", provider=seat.choice.provider, pause_s=round(pause, 2))
            await asyncio.sleep(pause)

    def _pause(self, busy: ProviderBusy, attempt: int) -> float:
        wanted = busy.retry_after_s
        if wanted is None:
            wanted = self._patience.first_pause_s * 2 ** (attempt - 1) * _jitter()
        return min(wanted, self._patience.longest_pause_s)

    async def _once(self, seat: _Seat) -> Reply:
        answerer = self._answerers[seat.choice.provider]
        draft = Draft()
        model_id = seat.choice.model_id
        try:
            async with asyncio.timeout(self._patience.answer_s):
                model_id = model_id or await answerer.first_model()
                asked = (*seat.choice.before, *seat.talk)
                async for piece in answerer.stream(model_id, asked, seat.steering):
                    draft.take(piece)
                    if piece.text:
                        seat.onlooker.wrote(draft.text)
        except asyncio.CancelledError:
            if seat.stop is not None and seat.stop.is_pressed and draft.text.strip():
                return draft.reply(seat.choice, model_id or "", Ending.STOPPED)
            raise
        except (ProviderError, TimeoutError) as error:
            if draft.text.strip():
                log.warning("answer was cut off", provider=seat.choice.provider, reason=str(error))
                return draft.reply(seat.choice, model_id or "", Ending.CUT)
            if isinstance(error, TimeoutError):
                raise ProviderBusy("no answer in time") from error
            raise
        ending = draft.ending(may_be_empty=seat.steering.may_silence)
        return draft.reply(seat.choice, model_id, ending)


def _trouble(kind: str, choice: Choice, error: ProviderError) -> Trouble:
    log.warning("model cannot be asked", kind=kind, provider=choice.provider, reason=str(error))
    return Trouble(kind, choice.provider, choice.model_id or "", str(error))


def _jitter() -> float:
    # Many who wait do not come back at the same moment.
    return 0.5 + random.random() / 2  # noqa: S311 - spreading load, not a secret
