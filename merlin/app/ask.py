"""Asking: one act answers a question, whatever shows the answer.

    begin     the session with its history, the model to answer, the reserved question
    ask       the models of the route, best first, while the question is stored
    finish    the answer with its cost and window; charge or release; report faults to admins

The turns of a chat's session are stored. A question of a program comes with its whole conversation
and is not stored. A question with its own system text, of a session or a caller, is answered by a
general model, because the tuned model was trained with another text.
"""

from __future__ import annotations

import asyncio
import secrets
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, TypeVar

from merlin.account.users import User
from merlin.app.context import Context
from merlin.app.limits import (
    Asker,
    ReachedCap,
    find_low_quota,
    is_free,
    reserve,
    settle,
)
from merlin.billing import quota
from merlin.chat.answer import (
    AnswerObserver,
    Ending,
    Ground,
    Grounding,
    Reply,
    Stop,
    report_faults,
)
from merlin.chat.grounding import find_sources, grounding_prompt
from merlin.chat.model_catalogue import (
    Candidate,
    CandidateKind,
    ModelCatalogue,
    ModelRequest,
    Windows,
    candidates,
    find_first_candidate,
    is_unavailable,
    only_candidate,
)
from merlin.chat.prompt import Prompt, text_outside_documents
from merlin.chat.sessions import (
    CAUTIOUS_TOKENS,
    MAX_TURNS,
    ChatPlace,
    Session,
    Sessions,
    WindowCounter,
    build_session_title,
    count_window_tokens,
    fits_window,
)
from merlin.chat.small_talk import answer_small_talk
from merlin.chat.turns import (
    NO_BUTTONS,
    Question,
    StoredAnswer,
    Turn,
    Turns,
    UpdateState,
    with_author,
)
from merlin.chat.wordings import Labels
from merlin.core.errors import MerlinError, NotFound
from merlin.core.i18n import text
from merlin.core.killpoint import kill_point
from merlin.core.log import get_logger, redact
from merlin.core.messages import DEFAULT_SAMPLING, Message, SamplingParams, Usage
from merlin.core.money import Cost, sum_costs
from merlin.dataset.example import normalise
from merlin.dataset.near_questions import needs_turn_before
from merlin.db.database import lock_user
from merlin.db.encryption import digest
from merlin.training.models import is_taught

log = get_logger(__name__)
T = TypeVar("T")
S = TypeVar("S")

_NUMBER_BITS = 62


def request_of_session(
    ctx: Context, session: Session, plan: quota.Plan = quota.UNLIMITED
) -> ModelRequest:
    """Return what a session requests; a chosen model outside the plan is ignored."""
    is_allowed = quota.allows_model(plan, session.model_id or "")
    chosen = (
        (session.provider, session.model_id)
        if session.provider and is_allowed
        else None
    )
    dataset = dataset_of(ctx, session)
    return ModelRequest(
        dataset, chosen, ctx.general, session.system, ctx.config.assistant
    )


def dataset_of(ctx: Context, session: Session) -> str | None:
    """Return the dataset of a session: its own or the default one."""
    return session.dataset or ctx.default_dataset


def window_of(ctx: Context, choice: Candidate | None) -> int:
    """Return a model's context window in tokens: the provider's, else the configured one."""
    window = None
    if choice is not None:
        lengths = ctx.config.context_lengths
        model_id = choice.model_id or ""
        window = Windows(ctx.db).get(choice.provider, model_id)
        window = window or lengths.get(model_id) or lengths.get(choice.base)
    return window or CAUTIOUS_TOKENS


@dataclass(frozen=True, slots=True)
class ChatQuestion:
    """A question from a chat; `number` is its update id, `name` the author in a group.

    `session_id` is the session of a page's question, 0 for a new one. None: the open session of a
    Telegram chat, whose update is handled again after a failure. `read` returns the question as the
    model gets it, with its files; None: its text is all. `by` is the process that asks, as stored
    with requests. `warning` says what of it was not read, in the person's language.
    """

    user: User
    language: str
    number: int
    place: ChatPlace
    text: str
    kind: quota.Format = quota.Format.TEXT
    message_id: int = 0
    name: str = ""
    session_id: int | None = None
    read: Callable[[Conversation], Awaitable[Prompt]] | None = None
    by: str = "bot"
    warning: str = ""
    sampling: ClassVar[SamplingParams] = DEFAULT_SAMPLING

    def for_session(self, session: Session) -> Question:
        """Return the question as it is stored in a session."""
        return Question(
            session.session_id,
            self.number,
            self.place.user_id,
            self.text,
            self.message_id,
            self.kind.value,
            self.name,
        )


@dataclass(frozen=True, slots=True)
class ProgramQuestion:
    """The last of a program's `messages`, with the models that it requests; it is not stored."""

    user: User
    language: str
    number: int
    messages: Sequence[Message]
    request: ModelRequest
    sampling: SamplingParams = DEFAULT_SAMPLING
    by: str = "api:openai"
    kind: ClassVar[quota.Format] = quota.Format.TEXT
    warning: ClassVar[str] = ""

    @property
    def text(self) -> str:
        """Return the question itself."""
        return self.messages[-1].content


AnyQuestion = ChatQuestion | ProgramQuestion


@dataclass(frozen=True, slots=True)
class Conversation:
    """A question with its history and the model to answer, its turn, and its prompt.

    `first` is the model that is to answer, `limit` its window in tokens. `session` is None for a
    program's question, whose turn is not stored. `is_renewed` is true if the question opened this
    session because the previous one was full. `left` is the remaining quota if it is low. `name` is
    the author, in a group. With `instead` no model is asked: small talk, or why the question is
    refused.
    """

    question: AnyQuestion
    asker: Asker
    request: ModelRequest
    first: Candidate | None
    history: Sequence[Message]
    turn: Turn
    prompt: Prompt
    session: Session | None = None
    limit: int = 0
    is_renewed: bool = False
    left: quota.Left | None = None
    name: str = ""
    instead: StoredAnswer | None = None

    @property
    def before(self) -> tuple[Message, ...]:
        """Return the messages that precede the question."""
        system = self.first.before if self.first is not None else ()
        return (*system, *self.history)


class Observer(AnswerObserver, ABC):
    """What shows an answer while it is made: a message of the bot, or a stream of the API.

    Pressing `stop` ends the answer.
    """

    stop: Stop

    def on_begun(self, conversation: Conversation) -> None:
        """Receive the conversation: the question is reserved."""

    def on_model(self, choice: Candidate) -> None:
        """Receive the model that is asked now."""

    async def place(self) -> int | None:
        """Return the id of the message that shows the answer, None if there is none yet."""
        return None

    @abstractmethod
    def refuse(self, exceeded: ReachedCap | quota.Left) -> StoredAnswer:
        """Return what is said instead of an answer that limits or the plan do not allow.

        If it raises, nothing is stored.
        """

    @abstractmethod
    def describe(
        self, conversation: Conversation, reply: Reply, window: WindowCounter
    ) -> tuple[str, str]:
        """Return the note under a reply or in its place, and the `offer` of its turn."""


@dataclass(frozen=True, slots=True)
class ChatAnswer:
    """The answer to a question: its turn, what is shown and stored, the reply of the models."""

    turn: Turn
    written: StoredAnswer
    reply: Reply


class AskedAlready(MerlinError):
    """The question is stored as `turn`."""

    def __init__(self, turn: Turn) -> None:
        super().__init__(f"turn {turn.turn_id} is the same question")
        self.turn = turn


async def answer(ctx: Context, question: AnyQuestion, observer: Observer) -> ChatAnswer:
    """Return the answer to a question once it is stored and charged, or released.

    Raises ParameterRefused, what the observer raises, and for a page's question AskedAlready and
    NotFound. A failure releases the question, unless its update is handled again; so does
    `release_stale_reservations` after a kill.
    """
    asker = find_asker(ctx, question)
    is_chat = isinstance(question, ChatQuestion)
    # Without limits and storage a read is enough.
    is_written = is_chat or asker.plan is not quota.UNLIMITED
    conversation = await (ctx.write if is_written else ctx.read)(
        begin, asker, question, observer
    )
    kill_point("completion.reserved")
    observer.on_begun(conversation)
    try:
        conversation, reply = await _ask(ctx, conversation, observer)
        kill_point("completion.requested")
        written = await _finish(ctx, conversation, observer, reply)
    except BaseException:
        if not _is_of_telegram(question):
            await _release(ctx, conversation, observer)
        raise
    kill_point("completion.answered")
    return ChatAnswer(conversation.turn, written, reply)


def _is_of_telegram(question: AnyQuestion) -> bool:
    return isinstance(question, ChatQuestion) and question.session_id is None


def begin(
    ctx: Context, asker: Asker, question: AnyQuestion, observer: Observer
) -> Conversation:
    """Return the conversation that a question belongs to, and reserve the question in the plan.

    That of a chat is the open session with its turns; a full session is replaced by a new one.
    """
    if isinstance(question, ProgramQuestion):
        return _admit(ctx, _take_conversation(ctx, asker, question), observer)
    sessions = Sessions(ctx.db, ctx.bot_id)
    place = question.place
    if question.session_id is not None:
        _open_session(ctx, question, question.session_id)
    session = sessions.open(place)
    conversation = _read_conversation(ctx, asker, question, session)
    conversation = _admit(ctx, conversation, observer)
    is_full = session.is_full or not _has_room(conversation)
    if conversation.instead is None and is_full:
        fresh = _read_conversation(ctx, asker, question, sessions.renew(place))
        conversation = replace(fresh, is_renewed=True, left=conversation.left)
    if question.session_id is None:
        return conversation
    stored = conversation.turn.question
    # Used from now on: another page that starts a session does not get this one.
    sessions.touch(stored.session_id, build_session_title(question.text))
    turn = Turns(ctx.db, ctx.bot_id).ask(stored, None)
    return replace(conversation, turn=turn)


def _open_session(ctx: Context, question: ChatQuestion, session_id: int) -> None:
    """Open the session of a page's question, 0: a new one. Raises AskedAlready, NotFound."""
    sessions = Sessions(ctx.db, ctx.bot_id)
    place = question.place
    # Of two APIs, one waits: a place has one open session.
    lock_user(ctx.db, place.user_id, ctx.clock)
    earlier_turn = Turns(ctx.db, ctx.bot_id).find(question.number)
    if earlier_turn is not None:
        raise AskedAlready(earlier_turn)
    if not session_id:
        if sessions.open(place).last_used_at:
            sessions.renew(place)
    elif sessions.switch(place, session_id) is None:
        raise NotFound("no such session", "session-unknown")


def _admit(
    ctx: Context, conversation: Conversation, observer: Observer
) -> Conversation:
    """Reserve the question, unless it is small talk or is to be refused."""
    asker = conversation.asker
    question = conversation.question
    if question.kind is quota.Format.TEXT:
        words = answer_small_talk(
            ctx.db, conversation.first, question.text, asker.language
        )
        if words:
            said = StoredAnswer("", words, offer=NO_BUTTONS)
            return replace(conversation, instead=said)
    exceeded = reserve(ctx, asker, question.kind)
    if exceeded is not None:
        return replace(conversation, instead=observer.refuse(exceeded))
    if not _is_of_telegram(question):
        return conversation
    return replace(conversation, left=find_low_quota(ctx, asker, question.kind))


def _take_conversation(
    ctx: Context, asker: Asker, question: ProgramQuestion
) -> Conversation:
    """Return the conversation that a program sends."""
    return Conversation(
        question,
        asker,
        question.request,
        find_first_candidate(ModelCatalogue(ctx.db), question.request),
        question.messages[:-1],
        Turn(0, Question(0, question.number, question.user.user_id, question.text)),
        Prompt(question.text),
    )


def _read_conversation(
    ctx: Context, asker: Asker, question: ChatQuestion, session: Session
) -> Conversation:
    request = request_of_session(ctx, session, asker.plan)
    first = find_first_candidate(ModelCatalogue(ctx.db), request)
    turns = Turns(ctx.db, ctx.bot_id)
    history = turns.read_history(
        session.session_id, MAX_TURNS, question.message_id, question.user.user_id
    )
    is_alone = not question.name or turns.askers(session.session_id) <= {
        question.user.user_id
    }
    return Conversation(
        question,
        asker,
        request,
        first,
        history,
        Turn(0, question.for_session(session)),
        Prompt(question.text, question.kind.value),
        session,
        window_of(ctx, first),
        name="" if is_alone else question.name,
    )


def _has_room(conversation: Conversation) -> bool:
    messages = (*conversation.before, Message("user", conversation.question.text))
    return not conversation.history or fits_window(messages, conversation.limit)


async def _ask(
    ctx: Context, conversation: Conversation, observer: Observer
) -> tuple[Conversation, Reply]:
    """Return the conversation with its stored question, and the reply of the models."""
    question = conversation.question
    if isinstance(question, ChatQuestion) and question.read:
        if question.kind is not quota.Format.TEXT:
            # Downloading, transcribing and reading take time.
            await _store_question(ctx, conversation, observer)
        if conversation.instead is None:
            conversation = await _read_prompt(conversation, observer, question.read)
    turn, reply = await run_both(
        _store_question(ctx, conversation, observer),
        _ask_models(ctx, conversation, observer),
    )
    return replace(conversation, turn=turn), reply


async def _read_prompt(
    conversation: Conversation,
    observer: Observer,
    read: Callable[[Conversation], Awaitable[Prompt]],
) -> Conversation:
    """Return the conversation with its prompt, or with the reason why that cannot be read."""
    try:
        prompt = await observer.stop.run(read(conversation))
    except MerlinError as error:
        reason = text(conversation.asker.language, error.key, **error.arguments)
        refused = StoredAnswer("", reason, UpdateState.REFUSED, offer=NO_BUTTONS)
        return replace(conversation, instead=refused)
    # None: stopped, and no model will be asked.
    return replace(conversation, prompt=prompt or conversation.prompt)


async def run_both(first: Awaitable[T], second: Awaitable[S]) -> tuple[T, S]:
    """Run both concurrently and return both results; if the first raises, cancel the second."""
    second_task = asyncio.ensure_future(second)
    try:
        return await first, await second_task
    finally:
        if not second_task.done():
            second_task.cancel()
            await asyncio.wait({second_task})


async def _store_question(
    ctx: Context, conversation: Conversation, observer: Observer
) -> Turn:
    """Store the question of a Telegram chat with the message that shows its answer."""
    if not _is_of_telegram(conversation.question):
        return conversation.turn
    prompt = conversation.prompt
    stored = replace(conversation.turn.question, text=prompt.text, format=prompt.format)
    message_id = await observer.place()
    turns = Turns(ctx.db, ctx.bot_id)
    turn = await ctx.store.do(lambda: turns.ask(stored, message_id))
    kill_point("placeholder.recorded")
    return turn


async def _ask_models(
    ctx: Context, conversation: Conversation, observer: Observer
) -> Reply:
    """Return the reply of the models of the route."""
    if conversation.instead is not None:
        observer.on_text(conversation.instead.note)
        return Reply(Ending.WHOLE, conversation.instead.note)
    language = conversation.asker.language
    prompt = conversation.prompt
    request = conversation.request
    first = conversation.first
    if prompt.model is not None:
        request = replace(request, chosen=prompt.model)
        first = await ctx.store.read(
            lambda: find_first_candidate(ModelCatalogue(ctx.db), request)
        )
    history = conversation.history
    words = with_author(prompt.text, conversation.name)
    sampling = replace(conversation.question.sampling, language=language)
    sources = None
    if not prompt.images and sampling.response_format is None:
        asked = (*history, Message("user", prompt.text))
        sources = ground(ctx, first, asked, language)
    return await ctx.answer_service.reply(
        _route(ctx, request, first, observer, has_images=bool(prompt.images)),
        (*history, Message("user", words, images=prompt.images)),
        observer,
        observer.stop,
        sampling,
        ground=sources,
    )


async def _route(
    ctx: Context,
    request: ModelRequest,
    first: Candidate | None,
    observer: Observer,
    *,
    has_images: bool,
) -> AsyncIterator[Candidate]:
    """Yield the models that may answer; images are sent only to the vision model."""
    models = candidates(ModelCatalogue(ctx.db), ctx.store, request, first)
    if has_images and first is not None:
        models = only_candidate(first)
    async for choice in models:
        observer.on_model(choice)
        yield choice


def ground(
    ctx: Context,
    first: Candidate | None,
    conversation: Sequence[Message],
    language: str,
) -> Ground | None:
    """Return the function that finds sources for a composed answer, if `first` does not know.

    None if no model composes answers, or if `first` was not tuned on a dataset.
    """
    if ctx.config.chat.grounding is None or first is None or not first.version:
        return None
    dataset = first.version.rpartition("-")[0]
    question = conversation[-1].content
    if needs_turn_before(normalise(question)):
        earlier = [
            message.content for message in conversation[:-1] if message.role == "user"
        ]
        question = "\n".join([question, *earlier[-1:]])
    return lambda: ctx.store.read(
        lambda: find_grounding(ctx, dataset, question, language)
    )


def find_grounding(
    ctx: Context, dataset: str, question: str, language: str
) -> Grounding | None:
    """Return the composing model with its sources; None if there is neither."""
    choice = ctx.config.chat.grounding
    if choice is None or is_unavailable(ModelCatalogue(ctx.db), choice):
        return None
    sources = find_sources(ctx.db, dataset, question)
    composer = Candidate(
        CandidateKind.COMPOSED, *choice, (grounding_prompt(sources, language),)
    )
    return (composer, sources) if sources else None


def cost_of(ctx: Context, reply: Reply) -> Cost | None:
    """Return the cost of a reply with its unused one in the same currency; None if unknown.

    It is estimated if the tokens were not counted.
    """
    unused = cost_of(ctx, reply.unused) if reply.unused is not None else None
    if reply.choice is None:
        return unused
    price = ctx.config.price(reply.choice.provider, reply.model_id, reply.choice.base)
    if price is None:
        return unused
    used = reply.estimate if reply.usage == Usage() else reply.usage
    if reply.known and reply.choice.kind is not CandidateKind.COMPOSED:
        used = Usage()  # `recall` knew it: the language model behind it wrote nothing
    return sum_costs((Cost(price.answer(used), price.currency), unused))


def measure_window(conversation: Conversation, reply: Reply) -> WindowCounter:
    """Return the window after a reply, as the provider counted it, else estimated."""
    if reply.limit_tokens:
        # The messages before this question did not fit.
        return WindowCounter(reply.limit_tokens, reply.limit_tokens)
    counted = reply.usage.input_tokens + reply.usage.output_tokens
    question = Message("user", conversation.prompt.text)
    exchange = (question, Message("", reply.text))
    used = counted or count_window_tokens((*conversation.before, *exchange))
    return WindowCounter(used, conversation.limit)


def make_stored_answer(
    reply: Reply, note: str, offer: str, cost: Cost | None
) -> StoredAnswer:
    """Return what is shown and stored of a reply; `note` follows it or replaces it."""
    is_answer = bool(reply.text) or reply.ending is Ending.STOPPED
    return StoredAnswer(
        answer=reply.text,
        note=note,
        ending=UpdateState.ANSWERED if is_answer else UpdateState.FAILED,
        provider=reply.choice.provider if reply.choice else "",
        model_id=reply.model_id,
        usage=reply.usage,
        model_role=reply.choice.kind.value if reply.choice else "",
        cost_micro=cost.micro if cost else 0,
        currency=cost.currency if cost else "",
        offer=offer,
        known=reply.known,
        nearest="\n".join(reply.nearest),
        if_meant=reply.if_meant,
        first_ms=reply.first_ms,
    )


async def _finish(
    ctx: Context, conversation: Conversation, observer: Observer, reply: Reply
) -> StoredAnswer:
    is_free_call = conversation.session is None and is_free(ctx, conversation.asker)
    if is_free_call and not reply.faults:
        return make_stored_answer(reply, "", "", None)
    return await ctx.write(finish, conversation, observer, reply)


async def _release(
    ctx: Context, conversation: Conversation, observer: Observer
) -> None:
    """End a question that failed, without an answer."""
    try:
        await _finish(ctx, conversation, observer, Reply(Ending.NOBODY))
    except MerlinError as error:
        # `release_stale_reservations` releases it later.
        log.warning(
            "the quota of a question was not returned", reason=redact(str(error))
        )


def finish(
    ctx: Context, conversation: Conversation, observer: Observer, reply: Reply
) -> StoredAnswer:
    """Store the answer to a chat's question; charge or release the question."""
    cost = cost_of(ctx, reply)
    written = conversation.instead
    window = measure_window(conversation, reply)
    if written is None:
        reply = _offer_meant(ctx, conversation, reply)
        note, offer = observer.describe(conversation, reply, window)
        written = make_stored_answer(reply, note, offer, cost)
    notes = (conversation.question.warning, written.note)
    written = replace(written, note="\n".join(filter(None, notes)))
    if conversation.session is not None:
        _store_answer(ctx, conversation, conversation.session, written, window)
        if reply.limit_tokens and reply.model_id:
            limits = {reply.model_id: reply.limit_tokens}
            Windows(ctx.db).put(written.provider, limits)
    # "I don't know" is no answer, though it is shown and stored as one.
    is_answered = conversation.instead is None and reply.is_answer
    is_answered = is_answered and reply.known is not False
    settle(ctx, conversation.asker, cost, is_answered=is_answered)
    report_faults(ctx.db, reply.faults, ctx.clock, conversation.question.by)
    return written


def _offer_meant(ctx: Context, conversation: Conversation, reply: Reply) -> Reply:
    """Return a chat's refusal; first it offers the taught question that people meant by this.

    One with the answer to its first offer stays: "yes, that" is about what it names.
    """
    is_bare = reply.known is False and not reply.if_meant
    model = ModelCatalogue(ctx.db).model(reply.model_id) if is_bare else None
    if model is None or conversation.session is None:
        return reply
    meant = Labels(ctx.db).find_meant(model.dataset, conversation.prompt.text)
    if not (meant and is_taught(ctx.db, model.model_id, meant)):
        return reply
    others = [each for each in reply.nearest if normalise(each) != normalise(meant)]
    return replace(reply, nearest=(meant, *others)[: max(len(reply.nearest), 1)])


def _learn_wording(
    ctx: Context, conversation: Conversation, written: StoredAnswer
) -> None:
    """Store what an earlier question of a private chat meant, now that `recall` knew this one."""
    session = conversation.session
    # A model that composes answers is none of those tuned here.
    model = ModelCatalogue(ctx.db).model(written.model_id) if written.known else None
    if model and session and session.chat_id == session.user_id:
        language = conversation.asker.language
        labels = Labels(ctx.db, ctx.clock)
        labels.learn(conversation.turn, model.dataset, written.answer, language)


def _store_answer(
    ctx: Context,
    conversation: Conversation,
    session: Session,
    written: StoredAnswer,
    window: WindowCounter,
) -> None:
    question = conversation.question
    turns = Turns(ctx.db, ctx.bot_id)
    turns.write(question.number, written)
    _learn_wording(ctx, conversation, written)
    if written.answer:
        words = question.text or text_outside_documents(conversation.prompt.text)
        used = replace(
            session,
            title=session.title or build_session_title(words),
            used_tokens=window.used,
            is_warned=session.is_warned or window.is_near,
            is_full=window.is_full,
        )
        Sessions(ctx.db, ctx.bot_id).record_answer(used)
    if not _is_of_telegram(question):
        turns.mark_delivered(question.number)


def make_call_number(call: str = "") -> int:
    """Return a random number for a question; with a text the same number for the same text."""
    value = int(digest(call), 16) if call else secrets.randbits(_NUMBER_BITS)
    return 1 + value % (1 << _NUMBER_BITS)


def find_asker(ctx: Context, question: AnyQuestion) -> Asker:
    """Return who asks a question, with their plan."""
    user = question.user
    plan = quota.plan_of(ctx.plans, user.plans)
    zone = user.counting_zone(ctx.config.timezone, ctx.clock())
    return Asker(user.user_id, plan, zone, question.language, question.number)
