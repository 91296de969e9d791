"""Asking: who answers a question, what it may cost, what is stored of it.

    begin     the session with what was said, who is to answer, the question reserved
    route     the models to ask, best first
    finish    the answer with its cost and window; charged or given back; faults told to admins

The bot keeps a session's turns. A question through the API has the whole conversation in every
call, of which nothing is kept; it names its model:

    merlin              the model that serves the default dataset
    merlin/<dataset>    the model that serves this dataset

A system text of somebody's own, a session's or a caller's, is answered by a general model, because
the tuned one was taught with another text.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace

from merlin.account.users import User
from merlin.app.context import Context
from merlin.app.groups import Groups
from merlin.app.quota import Asker, find_asker, is_free, nearly_spent, reserve, settle
from merlin.billing.cost_limits import Over
from merlin.billing.plan import UNLIMITED, Format, Plan
from merlin.billing.quota import Left
from merlin.chat.answer import ProviderFault, Reply, report_troubles
from merlin.chat.model_catalogue import (
    Candidate,
    ModelCatalogue,
    ModelRequest,
    Windows,
    candidates,
    first_candidate,
    only_candidate,
)
from merlin.chat.sessions import (
    CAUTIOUS_TOKENS,
    MOST_TURNS,
    ChatPlace,
    Session,
    Sessions,
    count_window_tokens,
    fits_window,
    window_limit,
)
from merlin.chat.turns import StoredAnswer, Turns
from merlin.core.messages import FREELY, Message, SamplingParams, Usage
from merlin.core.money import Cost

ALONE = "merlin"
_FOLDER = f"{ALONE}/"
# The one who reserves is known by its questions' numbers; Telegram's are far below.
NUMBER_BITS = 62


@dataclass(frozen=True, slots=True)
class Asked:
    """One question of the API with all that was said before it.

    `name` is the model as the caller called it, `dataset` what is meant by it, None for the
    default one. `talk` ends with the question; `system` is the caller's own system text,
    `steering` what it wishes of the answer.
    """

    name: str
    dataset: str | None
    talk: tuple[Message, ...]
    system: str = ""
    steering: SamplingParams = FREELY

    @property
    def has_images(self) -> bool:
        """Return whether any picture was sent."""
        return any(message.images for message in self.talk)

    @property
    def kind(self) -> Format:
        """Return what a plan counts it as."""
        return Format.PHOTO if self.has_images else Format.TEXT


def name_of(dataset: str) -> str:
    """Return the name by which the API knows a dataset's serving model."""
    return f"{_FOLDER}{dataset}"


def is_known(name: str) -> bool:
    """Return whether the name could be one of the API's: "merlin" or "merlin/<dataset>"."""
    return name == ALONE or (name.startswith(_FOLDER) and len(name) > len(_FOLDER))


def dataset_of_name(name: str, default: str | None) -> str | None:
    """Return the dataset that a name of the API's means."""
    return default if name == ALONE else name.removeprefix(_FOLDER)


def request_of_call(ctx: Context, asked: Asked) -> ModelRequest:
    """Return what a call asks for: pictures go to the model that sees."""
    return ModelRequest(
        dataset=asked.dataset,
        chosen=ctx.vision if asked.has_images else None,
        general=ctx.general,
        system=asked.system,
        assistant=ctx.assistant,
    )


def request_of_session(ctx: Context, session: Session, plan: Plan = UNLIMITED) -> ModelRequest:
    """Return what a session asks for; a model that the plan has no longer is not chosen."""
    is_allowed = plan.allows_model(session.model_id or "")
    chosen = (session.provider, session.model_id) if session.provider and is_allowed else None
    dataset = dataset_of(ctx, session)
    return ModelRequest(dataset, chosen, ctx.general, session.system, ctx.assistant)


def dataset_of(ctx: Context, session: Session) -> str | None:
    """Return the dataset that a session is about: its own, its group's, the default one."""
    group = Groups(ctx.db, ctx.bot_id).get(session.chat_id) if session.chat_id < 0 else None
    chosen = session.dataset or (group.dataset if group is not None else None)
    return chosen or ctx.default_dataset


def window_of(ctx: Context, choice: Candidate | None, cap: int | None = None) -> int:
    """Return how many tokens a model takes, `cap` at most."""
    if choice is None:
        return min(CAUTIOUS_TOKENS, cap or CAUTIOUS_TOKENS)
    model_id = choice.model_id or ""
    said = Windows(ctx.db).get(choice.provider, model_id)
    return window_limit(said, ctx.known.windows, (model_id, choice.base), cap)


@dataclass(frozen=True, slots=True)
class ChatQuestion:
    """A question of a chat as it came; `number` is its update, `name` who asks in a group."""

    user: User
    language: str
    number: int
    place: ChatPlace
    text: str
    kind: Format = Format.TEXT
    message_id: int = 0
    name: str = ""


@dataclass(frozen=True, slots=True)
class Talk:
    """The session that a question belongs to, and what was said in it before.

    `first` is the model that is to answer, `limit` its window in tokens. `is_renewed`: the
    question opened this session, because the one before it was full; `left_behind` is the newest
    turn of that one where its end was not told of before, 0 for none. `refusal` is what stands in
    the way of an answer, None where it may be asked; `left` what is told of under it, where hardly
    any question is left. `name` tells who asks, where several do.
    """

    asker: Asker
    session: Session
    history: Sequence[Message]
    wish: ModelRequest
    first: Candidate | None
    limit: int
    is_renewed: bool = False
    left_behind: int = 0
    refusal: Over | Left | None = None
    left: Left | None = None
    name: str = ""

    @property
    def summary(self) -> tuple[Message, ...]:
        """Return what an earlier session said in short, as a message."""
        return (Message("system", self.session.summary),) if self.session.summary else ()

    @property
    def before(self) -> tuple[Message, ...]:
        """Return all that goes to the model before the question."""
        system = self.first.before if self.first is not None else ()
        return (*system, *self.summary, *self.history)


async def begin(ctx: Context, question: ChatQuestion) -> Talk:
    """Return the talk that a question belongs to, the question reserved in the person's plan.

    Where the session is open and nothing is counted, nothing is written.
    """
    found = await ctx.store.glance(lambda: _find_talk(ctx, question))
    return await ctx.write(open_talk, question) if found is None else found


def _find_talk(ctx: Context, question: ChatQuestion) -> Talk | None:
    """Return the talk of an open session with room, of a person whose plan counts nothing."""
    session = Sessions(ctx.db, ctx.bot_id).opened(question.place)
    if session is None or session.is_full or not is_free(ctx, asker_of(ctx, question, None)):
        return None
    talk = _talk(ctx, question, session)
    return talk if _has_room(talk, question) else None


def asker_of(ctx: Context, question: ChatQuestion, dataset: str | None) -> Asker:
    """Return who asks, with the plan that counts for questions about a dataset."""
    return find_asker(ctx, question.user, question.language, question.number, dataset)


def open_talk(ctx: Context, question: ChatQuestion) -> Talk:
    """Return the open session and its turns; a full one gives way to a new one."""
    sessions = Sessions(ctx.db, ctx.bot_id)
    session = sessions.open(question.place)
    asker = asker_of(ctx, question, dataset_of(ctx, session))
    refusal = reserve(ctx, asker, question.kind)
    left = nearly_spent(ctx, asker, question.kind) if refusal is None else None
    behind = 0
    if not session.is_full:
        talk = _talk(ctx, question, session)
        if _has_room(talk, question):
            return replace(talk, refusal=refusal, left=left)
        newest = Turns(ctx.db, ctx.bot_id).newest(session.session_id)
        behind = newest.turn_id if newest is not None else 0
    talk = _talk(ctx, question, sessions.renew(question.place))
    return replace(talk, refusal=refusal, left=left, is_renewed=True, left_behind=behind)


def _has_room(talk: Talk, question: ChatQuestion) -> bool:
    asked = Message("user", question.text)
    return not talk.history or fits_window((*talk.before, asked), talk.limit)


def _talk(ctx: Context, question: ChatQuestion, session: Session) -> Talk:
    asker = asker_of(ctx, question, dataset_of(ctx, session))
    wish = request_of_session(ctx, session, asker.plan)
    first = first_candidate(ModelCatalogue(ctx.db), wish)
    turns = Turns(ctx.db, ctx.bot_id)
    history = turns.history(
        session.session_id, MOST_TURNS, question.message_id, question.user.user_id
    )
    is_alone = not question.name or turns.askers(session.session_id) <= {question.user.user_id}
    limit = window_of(ctx, first, asker.plan.window)
    name = "" if is_alone else question.name
    return Talk(asker, session, history, wish, first, limit, name=name)


def route(
    ctx: Context, wish: ModelRequest, first: Candidate | None, *, has_images: bool
) -> AsyncIterator[Candidate]:
    """Return the models that may answer; pictures go to none but the one that sees."""
    if has_images and first is not None:
        return only_candidate(first)
    return candidates(ModelCatalogue(ctx.db), ctx.store, wish, first)


def cost_of(ctx: Context, reply: Reply) -> Cost | None:
    """Return what a reply cost, None where nobody knows."""
    if reply.choice is None:
        return None
    return ctx.known.cost(reply.choice, reply.model_id, reply.usage)


def with_spent(ctx: Context, words: StoredAnswer, replies: Sequence[Reply]) -> StoredAnswer:
    """Return an answer that counts what other replies took too, as far as currencies agree."""
    usage, micro, currency = words.usage, words.cost_micro, words.currency
    for reply in replies:
        usage = Usage(
            usage.input_tokens + reply.usage.input_tokens,
            usage.output_tokens + reply.usage.output_tokens,
        )
        cost = cost_of(ctx, reply)
        if cost is not None and currency in {"", cost.currency}:
            micro, currency = micro + cost.micro, cost.currency
    return replace(words, usage=usage, cost_micro=micro, currency=currency)


def used_tokens(talk: Talk, question: str, reply: Reply) -> int:
    """Return how much of the window a talk takes now: as the provider counted, else estimated."""
    counted = reply.usage.input_tokens + reply.usage.output_tokens
    said = (Message("user", question), Message("", reply.text))
    return counted or count_window_tokens((*talk.before, *said))


@dataclass(frozen=True, slots=True)
class Answer:
    """What is to be shown and stored, and what admins should hear of."""

    written: StoredAnswer
    session: Session
    troubles: tuple[ProviderFault, ...] = ()
    limit_tokens: int | None = None


def finish(ctx: Context, asker: Asker, answer: Answer) -> None:
    """Store the answer of a chat's question with what it changes; charge it or give it back."""
    written = answer.written
    Turns(ctx.db, ctx.bot_id).write(asker.number, written)
    if written.answer:
        Sessions(ctx.db, ctx.bot_id).used(answer.session)
    if answer.limit_tokens and written.model_id:
        Windows(ctx.db).put(written.provider, {written.model_id: answer.limit_tokens})
    cost = Cost(written.cost_micro, written.currency)
    settle(ctx, asker, cost, is_answered=bool(written.answer))
    report_troubles(ctx.db, answer.troubles, ctx.clock(), "bot")
