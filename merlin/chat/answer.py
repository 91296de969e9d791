"""Ask the models of a route in order until one answers, and report how the reply ended.

If the model does not know the answer, another model can compose it from sources
(`merlin.chat.grounding`).

Provider errors are handled here: a busy provider is retried at most twice within 90 s, a broken
stream keeps the partial text, an unknown model falls back to the next one of the route, a provider
without quota and a model that failed three times in a row are skipped for a while. A person can
stop an answer while it is streamed; the partial text is kept.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import (
    AsyncIterator,
    Awaitable,
    Callable,
    Iterable,
    Mapping,
    Sequence,
)
from dataclasses import dataclass, field, replace
from enum import StrEnum
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, TypeVar

from merlin.chat.grounding import Source, are_citations_complete, read_citations
from merlin.chat.model_catalogue import Candidate, General, only_candidate
from merlin.chat.sessions import (
    count_window_tokens,
    estimate_tokens,
    limit_from_refusal,
)
from merlin.core.clock import Clock
from merlin.core.errors import ModelGone, ModelUnapplied, ProviderBusy, ProviderError
from merlin.core.formatted_text import is_blank, join_surrogates
from merlin.core.log import get_logger
from merlin.core.messages import (
    DEFAULT_SAMPLING,
    Message,
    ParameterRefused,
    SamplingParams,
    Usage,
)
from merlin.dataset.lint import is_refusal
from merlin.db.database import Database
from merlin.db.notices import Notices
from merlin.db.requests import RequestKind, Requests
from merlin.openai_protocol.errors import BAD_KEY, NO_CREDIT, TOO_LONG
from merlin.providers.base import NOT_COUNTED, Answer, check_answering_model

if TYPE_CHECKING:
    # The client needs aiohttp, which not every process loads.
    from merlin.providers.openai_chat import OpenAIChat

log = get_logger(__name__)
T = TypeVar("T")

COOLDOWN_S = 60.0
# A model that selects among taught answers has finished by then.
_MIN_STREAM_S = 0.3


# In characters, several times the longest answer of any model; bounds memory.
MAX_ANSWER_LENGTH = 300_000


class Ending(StrEnum):
    """How a reply ended."""

    WHOLE = "whole"
    STOPPED = "stopped"  # the person stopped it: the partial text is shown
    CUT = "cut"  # the stream broke: the partial text is shown with a note
    LENGTH = "length"  # the model's own limit
    FILTERED = "filtered"  # the provider's content filter
    EMPTY = "empty"  # an answer without text
    TOO_LONG = "too_long"  # the question alone does not fit the model's window
    BUSY = "busy"  # a model exists, but cannot answer now
    NOBODY = "nobody"  # no model of the route is available


@dataclass(frozen=True, slots=True)
class ProviderFault:
    """A provider error reported to admins; `kind` ends the key of its text `notice-answer-…`.

    It is gone, unapplied, spent, refused (the key or the address), declined (this question) or
    failing.
    """

    kind: str
    provider: str
    model_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class Reply:
    """The result of a question; `choice` and `model_id` name the model, None and "" for none.

    `first` is the first model of the route. `limit_tokens` is set if the provider refused the
    conversation as longer than a window of that many tokens; the reply then answers the question
    without its history. `sources` are those a composed answer cites, `first_ms` is the time from
    the request to the first token. `estimate` is the usage where the provider counted none: it
    counts at the end of an answer, and one that was stopped or cut off costs money too, even before
    its first word. `unused` is the reply of the other model where a composed answer was asked for;
    it costs money as well.
    """

    ending: Ending
    text: str = ""
    choice: Candidate | None = None
    model_id: str = ""
    usage: Usage = field(default_factory=Usage)
    known: bool | None = None
    nearest: tuple[str, ...] = ()
    if_meant: bool = False
    faults: tuple[ProviderFault, ...] = ()
    limit_tokens: int | None = None
    sources: Sequence[Source] = ()
    first_ms: int | None = None
    first: Candidate | None = None
    estimate: Usage = NOT_COUNTED
    unused: Reply | None = None

    @property
    def is_answer(self) -> bool:
        """Return whether the model answered; an answer cut by stop sequences can be empty."""
        return bool(self.text) or self.ending in (Ending.WHOLE, Ending.LENGTH)


class Stop:
    """One person's stop button; pressed at most once, before or during the answer."""

    def __init__(self, user_id: int = 0) -> None:
        self.user_id = user_id
        self.is_pressed = False
        self._task: asyncio.Future[Any] | None = None

    async def run(self, work: Awaitable[T]) -> T | None:
        """Return the result of `work`, None if pressing cancelled it.

        A cancelled caller stays cancelled.
        """
        task = asyncio.ensure_future(work)
        # Cancelling the outermost run cancels those within it.
        if self._task is None or self._task.done():
            self._task = task
        if self.is_pressed:
            task.cancel()
        try:
            return await task
        except asyncio.CancelledError:
            if not (self.is_pressed and task.cancelled()):
                raise
            return None

    def press(self) -> None:
        """End the answer."""
        self.is_pressed = True
        if self._task is not None:
            self._task.cancel()


def report_faults(
    db: Database, faults: Iterable[ProviderFault], clock: Clock, by: str
) -> None:
    """Notify admins of each fault, at most once an hour; call it within a transaction.

    `by` is the name of the calling process, as stored with requests.
    """
    for fault in faults:
        arguments = {
            "provider": fault.provider,
            "model": fault.model_id,
            "reason": fault.reason,
        }
        key = f"notice-answer-{fault.kind}"
        is_news = Notices(db, clock).notify_hourly(
            key, arguments, fault.provider, fault.model_id
        )
        if is_news and fault.kind in ("gone", "unapplied"):
            # The daemon looks at the models at once.
            Requests(db).ask(RequestKind.CENSUS, {"model": fault.model_id}, by)


class AnswerObserver:
    """Callbacks for an answer that is being streamed; neither method blocks."""

    def on_text(self, text: str) -> None:
        """Receive the full text so far."""

    def on_delay(self) -> None:
        """Handle a delay without any text."""


# The composing model and its sources; its `before` messages contain them.
Grounding = tuple[Candidate, Sequence[Source]]
# Finds the sources of a composed answer, None if there is no match.
Ground = Callable[[], Awaitable[Grounding | None]]


# Receives the full text of an answer so far.
Show = Callable[[str], None]


def _show_cited(show: Show, sources: Sequence[Source]) -> Show:
    """Return a `show` of a composed answer once it cites its sources, without their numbers."""

    def show_body(text: str) -> None:
        if are_citations_complete(text):
            cited, body = read_citations(text, sources)
            if cited and body:
                show(body)

    return show_body


def _show_late(show: Show) -> Show:
    """Return a `show` that begins after `_MIN_STREAM_S`: a faster answer may be a refusal."""
    started_at = 0.0

    def show_if_late(text: str) -> None:
        nonlocal started_at
        now = asyncio.get_running_loop().time()
        started_at = started_at or now
        if now - started_at > _MIN_STREAM_S:
            show(text)

    return show_if_late


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Attempts, timeouts and pauses; times in seconds."""

    tries: int = 3
    total_s: float = 90.0
    answer_s: float = 120.0
    busy_notice_s: float = 9.0
    first_pause_s: float = 1.0
    longest_pause_s: float = 60.0


DEFAULT_RETRIES = RetryPolicy()


@dataclass(frozen=True, slots=True)
class _Attempt:
    """A request to one model; `show` receives its answer as it grows."""

    choice: Candidate
    conversation: Sequence[Message]
    show: Show
    stop: Stop
    sampling: SamplingParams

    @property
    def messages(self) -> Sequence[Message]:
        """Return what is sent to the model."""
        return (*self.choice.before, *self.conversation)


FAILURES = 3


class SkippedModels:
    """Models that failed `FAILURES` times in a row and providers without credit, for a minute each.

    After that minute questions reach them again; the next failure skips them for another one. Each
    process has its own list: shared rows would cost a read for each answer.
    """

    def __init__(self) -> None:
        self._failures: Counter[General] = Counter()
        self._until: dict[General | str, float] = {}

    def has(self, key: General | str) -> bool:
        """Return whether a model, or the provider of this name, is skipped now."""
        return self._until.get(key, 0.0) > asyncio.get_running_loop().time()

    def add(self, key: General | str) -> None:
        """Skip a model or a provider from now on."""
        self._until[key] = asyncio.get_running_loop().time() + COOLDOWN_S

    def note_answer(self, model: General) -> None:
        """Clear a model's failures."""
        self._failures.pop(model, None)

    def note_failure(self, model: General) -> bool:
        """Count a failure; return whether the model is skipped for it."""
        self._failures[model] += 1
        is_failing = self._failures[model] >= FAILURES
        if is_failing:
            self.add(model)
        return is_failing


class AnswerService:
    """Sends questions to the providers under a retry policy."""

    def __init__(
        self,
        answerers: Mapping[str, OpenAIChat],
        retry_policy: RetryPolicy = DEFAULT_RETRIES,
    ) -> None:
        self.answerers = answerers
        self.retry_policy = retry_policy
        self._skipped = SkippedModels()
        # Responses with status 429 by provider, as in heartbeats: `<provider>_429`.
        self.refusals: Counter[str] = Counter()

    async def reply(
        self,
        route: AsyncIterator[Candidate],
        conversation: Sequence[Message],
        observer: AnswerObserver,
        stop: Stop | None = None,
        sampling: SamplingParams = DEFAULT_SAMPLING,
        ground: Ground | None = None,
    ) -> Reply:
        """Return the reply of the first model of `route` that gives one.

        If that model does not know the answer, an answer composed from the sources that `ground`
        finds replaces it, provided it cites them.
        A busy model ends the search with a busy reply; a skipped one is followed by the next.
        `conversation` is the history and the question, without a system text. When `stop` is
        pressed, the partial text is the reply. Raises only ParameterRefused: another model would
        not help, the parameter has to change.
        """
        stop = stop or Stop()
        answering = self._answer_or_compose(
            route, conversation, observer, stop, sampling, ground
        )
        # None: stopped before a model was asked.
        return await stop.run(answering) or Reply(Ending.STOPPED)

    async def _answer_or_compose(
        self,
        route: AsyncIterator[Candidate],
        conversation: Sequence[Message],
        observer: AnswerObserver,
        stop: Stop,
        sampling: SamplingParams,
        ground: Ground | None,
    ) -> Reply:
        show = _show_late(observer.on_text) if ground else observer.on_text
        delay_s = self.retry_policy.busy_notice_s
        timer = asyncio.get_running_loop().call_later(delay_s, observer.on_delay)
        try:
            reply = await self._first_reply(route, conversation, show, stop, sampling)
        finally:
            timer.cancel()
        if ground is None or reply.known is not False or reply.ending is Ending.STOPPED:
            return reply
        grounding = await ground()
        if grounding is None:
            return reply
        composer, sources = grounding
        show = _show_cited(observer.on_text, sources)
        # The sampling parameters of the tuned model do not apply to the composing one.
        default_sampling = SamplingParams(most_tokens=sampling.most_tokens)
        composed = await self._first_reply(
            only_candidate(composer), conversation, show, stop, default_sampling
        )
        cited, body = read_citations(composed.text, sources)
        faults = (*reply.faults, *composed.faults)
        is_shown = bool(cited and body)
        if not is_shown and composed.ending is not Ending.STOPPED:
            return replace(reply, faults=faults, unused=composed)
        composed = replace(composed, first=reply.first)
        shown = replace(
            composed,
            text=body if is_shown else "",
            known=is_shown or None,
            nearest=(),
            if_meant=False,
        )
        return replace(shown, sources=tuple(cited), faults=faults, unused=reply)

    async def _first_reply(
        self,
        route: AsyncIterator[Candidate],
        conversation: Sequence[Message],
        show: Show,
        stop: Stop,
        sampling: SamplingParams,
    ) -> Reply:
        faults: list[ProviderFault] = []
        last = Reply(Ending.NOBODY)
        first = None
        async for choice in route:
            first = first or choice
            if choice.provider not in self.answerers:
                continue
            reply: Reply | None = Reply(Ending.BUSY, choice=choice)
            if not self._skipped.has(choice.key):
                attempt = _Attempt(choice, conversation, show, stop, sampling)
                reply = await self._ask_choice(attempt, faults)
            if reply is None:
                continue
            is_failing = last.ending is Ending.BUSY or self._skipped.has(choice.key)
            last = reply
            if reply.ending is not Ending.BUSY or not is_failing:
                break
        return replace(last, faults=tuple(faults), first=first)

    async def _ask_choice(
        self, attempt: _Attempt, faults: list[ProviderFault]
    ) -> Reply | None:
        """Return the reply of one model, None to try the next one."""
        choice = attempt.choice
        try:
            reply = await self._ask_with_retries(attempt)
        except ProviderBusy as busy:
            log.warning("model stays busy", provider=choice.provider, reason=str(busy))
            self._note_failure(choice, busy, faults)
            return Reply(Ending.BUSY, choice=choice)
        except ParameterRefused:
            raise
        except ModelGone as gone:
            kind = "unapplied" if isinstance(gone, ModelUnapplied) else "gone"
            faults.append(_fault_of(kind, choice, gone))
        except ProviderError as refusal:
            if refusal.code == TOO_LONG:
                return await self._ask_alone(attempt, str(refusal), faults)
            kind = _kind_of_refusal(refusal)
            if kind == "spent" and not self._skipped.has(choice.provider):
                self._skipped.add(choice.provider)
            faults.append(_fault_of(kind, choice, refusal))
        else:
            if reply.ending is Ending.CUT:
                self._note_failure(
                    choice, ProviderBusy("its answer was cut off", reason="cut"), faults
                )
            elif reply.text or reply.ending is not Ending.STOPPED:
                self._skipped.note_answer(choice.key)
            return reply
        return None

    def _note_failure(
        self, choice: Candidate, busy: ProviderBusy, faults: list[ProviderFault]
    ) -> None:
        if self._skipped.note_failure(choice.key):
            faults.append(_fault_of("failing", choice, busy))

    async def _ask_alone(
        self, attempt: _Attempt, reason: str, faults: list[ProviderFault]
    ) -> Reply | None:
        """Retry with the question alone, because the conversation is too long."""
        limit = limit_from_refusal(reason, attempt.messages)
        if len(attempt.conversation) == 1:
            return Reply(Ending.TOO_LONG, choice=attempt.choice, limit_tokens=limit)
        reply = await self._ask_choice(
            replace(attempt, conversation=attempt.conversation[-1:]), faults
        )
        return replace(reply, limit_tokens=limit) if reply is not None else None

    async def _ask_with_retries(self, attempt: _Attempt) -> Reply:
        clock = asyncio.get_running_loop().time
        deadline = clock() + self.retry_policy.total_s
        tries = 0
        while True:
            tries += 1
            try:
                if self._skipped.has(attempt.choice.provider):
                    raise ProviderError(
                        "left alone: its quota is spent", code=NO_CREDIT
                    )
                return await self._ask_once(attempt)
            except ProviderBusy as busy:
                if busy.status == HTTPStatus.TOO_MANY_REQUESTS:
                    self.refusals[f"{attempt.choice.provider}_429"] += 1
                pause = busy.retry_after_s
                if pause is None:
                    # Jitter spreads the retries of concurrent requests.
                    jitter = 0.5 + random.random() / 2  # noqa: S311 - spreading load, not a secret
                    pause = self.retry_policy.first_pause_s * 2 ** (tries - 1) * jitter
                pause = min(pause, self.retry_policy.longest_pause_s)
                if tries >= self.retry_policy.tries or clock() + pause > deadline:
                    raise
                log.info(
                    "model is busy",
                    provider=attempt.choice.provider,
                    pause_s=round(pause, 2),
                )
            await asyncio.sleep(pause)

    async def _ask_once(self, attempt: _Attempt) -> Reply:
        answerer = self.answerers[attempt.choice.provider]
        answer = Answer()
        model_id = attempt.choice.model_id
        first_ms = None
        started_at = 0.0
        clock = asyncio.get_running_loop().time
        try:
            async with asyncio.timeout(self.retry_policy.answer_s):
                model_id = model_id or await answerer.find_first_model()
                started_at = clock()
                async for piece in answerer.stream(
                    model_id, attempt.messages, attempt.sampling
                ):
                    check_answering_model(piece, model_id, attempt.choice.base)
                    answer = Answer(
                        piece.text if piece.is_replacing else answer.text + piece.text,
                        answer.usage if piece.usage is NOT_COUNTED else piece.usage,
                        answer.known if piece.known is None else piece.known,
                        piece.finish_reason or answer.finish_reason,
                        piece.nearest or answer.nearest,
                        piece.if_meant or answer.if_meant,
                        composed_from=piece.composed_from or answer.composed_from,
                    )
                    if len(answer.text) > MAX_ANSWER_LENGTH:
                        raise ProviderError("the answer does not end")  # noqa: TRY301
                    if piece.text and not is_blank(answer.text):
                        if first_ms is None:
                            first_ms = round(1000 * (clock() - started_at))
                        attempt.show(answer.text)
        except asyncio.CancelledError:
            # The question costs money from here on, even if no word of the answer has arrived.
            if attempt.stop.is_pressed and started_at:
                return _reply(answer, attempt, model_id, first_ms, Ending.STOPPED)
            raise
        except (ProviderError, TimeoutError) as error:
            if not is_blank(answer.text):
                log.warning(
                    "answer was cut off",
                    provider=attempt.choice.provider,
                    reason=str(error),
                )
                return _reply(answer, attempt, model_id, first_ms, Ending.CUT)
            if isinstance(error, TimeoutError):
                raise ProviderBusy("no answer in time", reason="slow") from error
            raise
        return _reply(
            answer, attempt, model_id, first_ms, _ending(answer, attempt.sampling)
        )


def _ending(answer: Answer, sampling: SamplingParams) -> Ending:
    """Return the ending of an answer that the provider finished."""
    if answer.finish_reason == "content_filter":
        return Ending.FILTERED
    # Stop sequences and a token limit can make an empty answer legitimate.
    if is_blank(answer.text) and not (sampling.stops or sampling.most_tokens):
        return Ending.EMPTY
    return Ending.LENGTH if answer.finish_reason == "length" else Ending.WHOLE


def _reply(
    answer: Answer,
    attempt: _Attempt,
    model_id: str | None,
    first_ms: int | None,
    ending: Ending,
) -> Reply:
    # A character beyond U+FFFF can be split across two pieces.
    text = "" if is_blank(answer.text) else join_surrogates(answer.text.strip())
    known = answer.known
    if known is None and attempt.choice.version and is_refusal(text):
        known = False  # a language model says so in words alone
    estimate = NOT_COUNTED
    if answer.usage == NOT_COUNTED:
        output_tokens = estimate_tokens(Message("assistant", text)) if text else 0
        estimate = Usage(count_window_tokens(attempt.messages), output_tokens)
    return Reply(
        ending,
        text,
        attempt.choice,
        model_id or "",
        answer.usage,
        known,
        answer.nearest if known is False else (),
        if_meant=known is False and answer.if_meant,
        sources=[
            Source(1, "", taught)
            for taught in answer.composed_from
            if known is not False
        ],
        first_ms=first_ms,
        estimate=estimate,
    )


def _kind_of_refusal(refusal: ProviderError) -> str:
    """Return the kind of a fault: a server that names the request's own mistake knows the key."""
    if refusal.code == NO_CREDIT:
        return "spent"
    has_own_mistake = (
        refusal.status in (HTTPStatus.BAD_REQUEST, HTTPStatus.UNPROCESSABLE_ENTITY)
        and refusal.code != BAD_KEY
    )
    return "declined" if has_own_mistake else "refused"


def _fault_of(kind: str, choice: Candidate, error: ProviderError) -> ProviderFault:
    log.warning(
        "model cannot be asked", kind=kind, provider=choice.provider, reason=str(error)
    )
    return ProviderFault(kind, choice.provider, choice.model_id or "", str(error))
