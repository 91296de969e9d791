"""Ask the models of a route until one answers, and say honestly how it ended.

Where a model does not know the answer, another one may compose it from sources
(`merlin.chat.grounding`).

Providers' faults are handled here: a busy one is tried again at most twice within 90 s, a stream
that breaks leaves what came, an unknown model leads to the next one of the route, a provider whose
money is spent and a model that failed three times in a row are left alone for a while. A person may
stop an answer that is being written; what came until then stays.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from opentelemetry.trace import SpanKind, get_current_span

from merlin.chat.grounding import Source, is_begun, read_citations
from merlin.chat.model_catalogue import Candidate, only_candidate
from merlin.chat.sessions import limit_from_refusal
from merlin.core.errors import ModelGone, ProviderBusy, ProviderError
from merlin.core.formatted_text import join_surrogates
from merlin.core.log import get_logger
from merlin.core.messages import FREELY, Message, ParameterRefused, SamplingParams, Usage
from merlin.core.tracing import open_span
from merlin.db.database import Database
from merlin.db.notices import ADMINS, Notices
from merlin.db.requests import RequestKind, Requests
from merlin.providers.base import NOT_COUNTED, Answer

if TYPE_CHECKING:
    # The client needs aiohttp, which not every process loads.
    from merlin.providers.openai_chat import OpenAIChat

SPENT = "insufficient_quota"
LEFT_ALONE_S = 60.0
# What chooses among taught answers has said all by then.
AT_ONCE_S = 0.3


# Several times what any model says at once; nobody reads on, and memory is not endless.
MAX_ANSWER_LENGTH = 300_000


class Ending(StrEnum):
    """How a reply ended."""

    WHOLE = "whole"
    STOPPED = "stopped"  # the person stopped it: what came is shown
    CUT = "cut"  # the stream broke: what came is shown with a mark
    LENGTH = "length"  # the model's own limit
    FILTERED = "filtered"  # the provider's content filter
    EMPTY = "empty"  # an answer without a word
    TOO_LONG = "too_long"  # the question alone does not fit the model's window
    BUSY = "busy"  # a model is there, but cannot answer now
    NOBODY = "nobody"  # no model of the route could be asked


_FAILED = (Ending.BUSY, Ending.CUT, Ending.EMPTY, Ending.NOBODY)


@dataclass(frozen=True, slots=True)
class ProviderFault:
    """Something that admins should hear of; `kind` is gone, spent, refused or failing."""

    kind: str
    provider: str
    model_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class Reply:
    """What came of asking; `choice` and `model_id` name who answered, None and "" nobody.

    `first` is who was to answer, `first_answered`: it did, though another may have composed more.
    `limit_tokens`: the provider refused the talk as too long for a window of so many tokens; what
    is here then answers the question alone. `sources` are what a composed answer names,
    `first_ms` is how long the model took from being asked to its first word.
    """

    ending: Ending
    text: str = ""
    choice: Candidate | None = None
    model_id: str = ""
    usage: Usage = field(default_factory=Usage)
    known: bool | None = None
    nearest: tuple[str, ...] = ()
    troubles: tuple[ProviderFault, ...] = ()
    limit_tokens: int | None = None
    sources: Sequence[Source] = ()
    first_ms: int | None = None
    first: Candidate | None = None
    first_answered: bool = False

    @property
    def is_answer(self) -> bool:
        """Return whether this is what the model had to say, be it not a word as it was wished."""
        return bool(self.text) or self.ending in (Ending.WHOLE, Ending.LENGTH)


class Stop:
    """One person's stop button; pressed at most once, before or while the answer is written."""

    def __init__(self, user_id: int = 0) -> None:
        self.user_id = user_id
        self.is_pressed = False
        self._asking: asyncio.Future[Any] | None = None

    def ends(self, asking: asyncio.Future[Any]) -> None:
        """Name what pressing ends."""
        self._asking = asking
        if self.is_pressed:
            asking.cancel()

    def press(self) -> None:
        """End the answer."""
        self.is_pressed = True
        if self._asking is not None:
            self._asking.cancel()


def report_troubles(
    db: Database, troubles: Iterable[ProviderFault], now: datetime, by: str
) -> None:
    """Tell admins of each trouble once an hour; to be called within the store's work.

    `by` is the process that met it, as requests name it.
    """
    for trouble in troubles:
        arguments = {
            "provider": trouble.provider,
            "model": trouble.model_id,
            "reason": trouble.reason,
        }
        once = f"answer:{trouble.kind}:{trouble.provider}:{trouble.model_id}:{now:%Y-%m-%dT%H}"
        is_news = Notices(db).tell(ADMINS, f"notice-answer-{trouble.kind}", arguments, once)
        if is_news and trouble.kind == "gone":
            # The daemon looks at once which models there still are.
            Requests(db).ask(RequestKind.CENSUS, {"model": trouble.model_id}, by)


log = get_logger(__name__)

# The protocol's word for a talk beyond the model's window. Source: openai/openai-openapi.
TOO_LONG = "context_length_exceeded"


class AnswerObserver:
    """Who looks on while the answer is written; neither method waits for anything."""

    def wrote(self, text: str) -> None:
        """Take the text as it stands now."""

    def waits(self) -> None:
        """Take note that nothing has come for a while."""


@dataclass(frozen=True, slots=True)
class Grounding:
    """Who composes an answer, told from what: the sources stand in its `before`."""

    composer: Candidate
    sources: Sequence[Source]


# Finds what an answer is to be composed from, None where there is nothing near.
Ground = Callable[[], Awaitable[Grounding | None]]


class _ComposedObserver(AnswerObserver):
    """Shows a composed answer once it has named its sources, without their numbers at its head."""

    def __init__(self, onlooker: AnswerObserver, sources: Sequence[Source]) -> None:
        self._onlooker, self._sources = onlooker, sources

    def wrote(self, text: str) -> None:
        if is_begun(text):
            cited, body = read_citations(text, self._sources)
            if cited and body:
                self._onlooker.wrote(body)


class _LateObserver(AnswerObserver):
    """Shows an answer that takes its time: one that comes at once may be a refusal."""

    def __init__(self, onlooker: AnswerObserver) -> None:
        self._onlooker, self._begun = onlooker, 0.0

    def wrote(self, text: str) -> None:
        now = asyncio.get_running_loop().time()
        self._begun = self._begun or now
        if now - self._begun > AT_ONCE_S:
            self._onlooker.wrote(text)


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How long what is waited for, in seconds."""

    tries: int = 3
    total_s: float = 90.0
    answer_s: float = 120.0
    busy_word_s: float = 9.0
    first_pause_s: float = 1.0
    longest_pause_s: float = 60.0


@dataclass(frozen=True, slots=True)
class _Attempt:
    """One model that is being asked, and who looks on."""

    choice: Candidate
    talk: Sequence[Message]
    onlooker: AnswerObserver
    stop: Stop | None
    steering: SamplingParams


FAILURES, WITHIN_S = 3, 600.0


class CircuitBreaker:
    """Leaves a model alone for a minute that failed `FAILURES` times in a row within `WITHIN_S`.

    Then one question tries it, while the others still pass it by: an answer closes the circuit, a
    failure keeps it open as long again. Each process learns by itself: that takes it three
    questions, and a state in the database would cost every answer a read. Libraries were looked at:
    pybreaker is async by Tornado alone, aiobreaker had no release since 2021, and purgatory counts
    failures however far apart and lets every question through that comes after the pause.
    Source: Nygard, Release It!, "Circuit Breaker".
    """

    def __init__(self) -> None:
        self._failed_at: dict[tuple[str, str | None], list[float]] = {}
        self._open_until: dict[tuple[str, str | None], float] = {}

    def lets_ask(self, model: Candidate) -> bool:
        """Return whether a question may go to a model; where one may try it, that is this one."""
        key, now = (model.provider, model.model_id), asyncio.get_running_loop().time()
        if self._open_until.get(key, 0) > now:
            return False
        if self.is_open(model):
            self._open_until[key] = now + LEFT_ALONE_S
        return True

    def is_open(self, model: Candidate) -> bool:
        """Return whether a model is left alone, or being tried."""
        return (model.provider, model.model_id) in self._open_until

    def note_answer(self, model: Candidate) -> None:
        """Forget a model's failures."""
        self._failed_at.pop((model.provider, model.model_id), None)
        self._open_until.pop((model.provider, model.model_id), None)

    def note_failure(self, model: Candidate) -> None:
        """Count a failure, and leave the model alone where it was one too many."""
        key, now = (model.provider, model.model_id), asyncio.get_running_loop().time()
        recent = [at for at in self._failed_at.get(key, ()) if at > now - WITHIN_S]
        self._failed_at[key] = [*recent, now][-FAILURES:]
        if self.is_open(model) or len(self._failed_at[key]) == FAILURES:
            self._open_until[key] = now + LEFT_ALONE_S


class AnswerService:
    """Where questions are answered: the providers, and how patient to be with them."""

    def __init__(
        self, answerers: Mapping[str, OpenAIChat], patience: RetryPolicy | None = None
    ) -> None:
        self._answerers = answerers
        self._patience = patience or RetryPolicy()
        # Providers whose money is spent, until which moment each is left alone.
        self._left_alone: dict[str, float] = {}
        self._breaker = CircuitBreaker()
        # How often each provider said 429, as heartbeats tell it: `<provider>_429`.
        self.refusals: Counter[str] = Counter()

    async def reply(
        self,
        route: AsyncIterator[Candidate],
        talk: Sequence[Message],
        onlooker: AnswerObserver,
        stop: Stop | None = None,
        steering: SamplingParams = FREELY,
        ground: Ground | None = None,
    ) -> Reply:
        """Return the reply of the first model of `route` that gives one.

        Where that says that it does not know, an answer composed from what `ground` finds takes its
        place, if it names its sources.
        A busy model's reply is that it is busy, and so no other answers in its place; where a model
        is left alone because it failed too often, the next one is asked.
        `talk` is the history and the question, without a system text. When `stop` is pressed,
        what came until then is the reply. Raises nothing of its own but WishRefused: another model
        would be no help, the wish is to be another one.
        """
        with open_span("answer") as span:
            answering = self._answer_or_compose(route, talk, onlooker, stop, steering, ground)
            asking = asyncio.ensure_future(answering)
            if stop is not None:
                stop.ends(asking)
            try:
                reply = await asking
            except asyncio.CancelledError:
                # Pressed before a word of the answer came; a cancelled caller stays cancelled.
                if not (stop is not None and stop.is_pressed and asking.cancelled()):
                    raise
                reply = Reply(Ending.STOPPED)
            span.set_attribute("merlin.ending", reply.ending.value)
            return reply

    async def _answer_or_compose(
        self,
        route: AsyncIterator[Candidate],
        talk: Sequence[Message],
        onlooker: AnswerObserver,
        stop: Stop | None,
        steering: SamplingParams,
        ground: Ground | None,
    ) -> Reply:
        watching = _LateObserver(onlooker) if ground else onlooker
        reply = await self._first_of(route, talk, watching, stop, steering)
        if ground is None or reply.known is not False:
            return reply
        grounding = await ground()
        if grounding is None:
            return reply
        composer, sources = only_candidate(grounding.composer), grounding.sources
        showing = _ComposedObserver(onlooker, sources)
        # How the tuned model was to write says nothing of how sources are to be told.
        plain = SamplingParams(most_tokens=steering.most_tokens)
        composed = await self._first_of(composer, talk, showing, stop, plain)
        cited, body = read_citations(composed.text, sources)
        if not (cited and body):
            return replace(reply, troubles=(*reply.troubles, *composed.troubles))
        composed = replace(composed, first=reply.first, first_answered=reply.first_answered)
        return replace(composed, text=body, known=True, nearest=(), sources=tuple(cited))

    async def _first_of(
        self,
        route: AsyncIterator[Candidate],
        talk: Sequence[Message],
        onlooker: AnswerObserver,
        stop: Stop | None,
        steering: SamplingParams,
    ) -> Reply:
        timer = asyncio.get_running_loop().call_later(self._patience.busy_word_s, onlooker.waits)
        troubles: list[ProviderFault] = []
        last, first = Reply(Ending.NOBODY), None
        try:
            async for choice in route:
                first = first or choice
                if choice.provider not in self._answerers:
                    continue
                reply: Reply | None = Reply(Ending.BUSY, choice=choice)
                if self._breaker.lets_ask(choice):
                    seat = _Attempt(choice, talk, onlooker, stop, steering)
                    reply = await self._ask_choice(seat, troubles)
                if reply is None:
                    continue
                is_failing = last.ending is Ending.BUSY or self._breaker.is_open(choice)
                last = reply
                if reply.ending is not Ending.BUSY or not is_failing:
                    break
        finally:
            timer.cancel()
        is_its_own = last.choice is first and last.ending not in _FAILED
        return replace(last, troubles=tuple(troubles), first=first, first_answered=is_its_own)

    async def _ask_choice(self, seat: _Attempt, troubles: list[ProviderFault]) -> Reply | None:
        """Return the reply of one model, None when the next one is to be asked."""
        choice = seat.choice
        try:
            reply = await self._patiently(seat)
        except ProviderBusy as busy:
            log.warning("model stays busy", provider=choice.provider, reason=str(busy))
            self._note_failure(choice, busy, troubles)
            return Reply(Ending.BUSY, choice=choice)
        except ParameterRefused:
            raise
        except ModelGone as gone:
            troubles.append(_fault_of("gone", choice, gone))
        except ProviderError as refusal:
            if refusal.code == TOO_LONG:
                return await self._ask_alone(seat, str(refusal), troubles)
            kind = "spent" if refusal.code == SPENT else "refused"
            now = asyncio.get_running_loop().time()
            if kind == "spent" and self._left_alone.get(choice.provider, now) <= now:
                self._left_alone[choice.provider] = now + LEFT_ALONE_S
            troubles.append(_fault_of(kind, choice, refusal))
        else:
            if reply.ending is Ending.CUT:
                self._note_failure(choice, ProviderBusy("its answer was cut off"), troubles)
            else:
                self._breaker.note_answer(choice)
            return reply
        return None

    def _note_failure(
        self, choice: Candidate, busy: ProviderBusy, troubles: list[ProviderFault]
    ) -> None:
        self._breaker.note_failure(choice)
        if self._breaker.is_open(choice):
            troubles.append(_fault_of("failing", choice, busy))

    async def _ask_alone(
        self, seat: _Attempt, reason: str, troubles: list[ProviderFault]
    ) -> Reply | None:
        """Ask again without what was said before, because the whole talk is too long."""
        limit = limit_from_refusal(reason, (*seat.choice.before, *seat.talk))
        if len(seat.talk) == 1:
            return Reply(Ending.TOO_LONG, choice=seat.choice, limit_tokens=limit)
        reply = await self._ask_choice(replace(seat, talk=seat.talk[-1:]), troubles)
        return replace(reply, limit_tokens=limit) if reply is not None else None

    async def _patiently(self, seat: _Attempt) -> Reply:
        clock = asyncio.get_running_loop().time
        deadline = clock() + self._patience.total_s
        attempt = 0
        while True:
            attempt += 1
            try:
                if self._left_alone.get(seat.choice.provider, 0) > clock():
                    raise ProviderError("left alone: its quota is spent", code=SPENT)
                with open_span("chat", {"gen_ai.operation.name": "chat"}, kind=SpanKind.CLIENT):
                    return await self._once(seat)
            except ProviderBusy as busy:
                if busy.status == HTTPStatus.TOO_MANY_REQUESTS:
                    self.refusals[f"{seat.choice.provider}_429"] += 1
                pause = busy.retry_after_s
                if pause is None:
                    # Many who wait do not come back at the same moment.
                    jitter = 0.5 + random.random() / 2  # noqa: S311 - spreading load, not a secret
                    pause = self._patience.first_pause_s * 2 ** (attempt - 1) * jitter
                pause = min(pause, self._patience.longest_pause_s)
                if attempt >= self._patience.tries or clock() + pause > deadline:
                    raise
                log.info("model is busy", provider=seat.choice.provider, pause_s=round(pause, 2))
            await asyncio.sleep(pause)

    async def _once(self, seat: _Attempt) -> Reply:
        answerer = self._answerers[seat.choice.provider]
        answer = Answer()
        model_id, first_ms, span = seat.choice.model_id, None, get_current_span()
        span.set_attribute("gen_ai.provider.name", seat.choice.provider)
        clock = asyncio.get_running_loop().time
        try:
            async with asyncio.timeout(self._patience.answer_s):
                model_id = model_id or await answerer.first_model()
                span.set_attribute("gen_ai.request.model", model_id)
                messages, begun = (*seat.choice.before, *seat.talk), clock()
                async for piece in answerer.stream(model_id, messages, seat.steering):
                    answer = Answer(
                        answer.text + piece.text,
                        answer.usage if piece.usage is NOT_COUNTED else piece.usage,
                        answer.known if piece.known is None else piece.known,
                        piece.finish_reason or answer.finish_reason,
                        piece.nearest or answer.nearest,
                    )
                    if len(answer.text) > MAX_ANSWER_LENGTH:
                        raise ProviderError("the answer does not end")  # noqa: TRY301
                    if piece.text:
                        if first_ms is None:
                            first_ms = round(1000 * (clock() - begun))
                            span.add_event("first_token")
                        seat.onlooker.wrote(answer.text)
        except asyncio.CancelledError:
            if seat.stop is not None and seat.stop.is_pressed and answer.text.strip():
                return _reply(answer, seat.choice, model_id, first_ms, Ending.STOPPED)
            raise
        except (ProviderError, TimeoutError) as error:
            if answer.text.strip():
                log.warning("answer was cut off", provider=seat.choice.provider, reason=str(error))
                return _reply(answer, seat.choice, model_id, first_ms, Ending.CUT)
            if isinstance(error, TimeoutError):
                raise ProviderBusy("no answer in time") from error
            raise
        span.set_attribute("gen_ai.usage.input_tokens", answer.usage.input_tokens)
        span.set_attribute("gen_ai.usage.output_tokens", answer.usage.output_tokens)
        return _reply(answer, seat.choice, model_id, first_ms, _ending(answer, seat.steering))


def _ending(answer: Answer, steering: SamplingParams) -> Ending:
    """Return how an answer that the provider called finished has ended."""
    if answer.finish_reason == "content_filter":
        return Ending.FILTERED
    # Whoever asked may have had the model stop where not a word may have come.
    if not answer.text.strip() and not (steering.stops or steering.most_tokens):
        return Ending.EMPTY
    return Ending.LENGTH if answer.finish_reason == "length" else Ending.WHOLE


def _reply(
    answer: Answer, choice: Candidate, model_id: str | None, first_ms: int | None, ending: Ending
) -> Reply:
    # A character beyond the first 65,536 may have come in two pieces.
    text = join_surrogates(answer.text.strip())
    known, nearest = answer.known, answer.nearest
    return Reply(
        ending, text, choice, model_id or "", answer.usage, known, nearest, first_ms=first_ms
    )


def _fault_of(kind: str, choice: Candidate, error: ProviderError) -> ProviderFault:
    log.warning("model cannot be asked", kind=kind, provider=choice.provider, reason=str(error))
    return ProviderFault(kind, choice.provider, choice.model_id or "", str(error))
