"""Asking: which models answer a question, what it costs, and what is stored.

    begin     the session with its history, the model to answer, the reserved question
    route     the models to ask, best first
    finish    the answer with its cost and window; charge or release; report faults to admins

The bot stores a session's turns. A question through the API carries the whole conversation in
each call and is not stored. A question with its own system text, of a session or a caller, is
answered by a general model, because the tuned model was trained with another text.

A question is reserved in the plan and settled with its answer. A cap limits what all answers may
cost a day, in the configured time zone. A question that arrives after it is reached is refused;
answers in progress are completed, so their cost may exceed the cap.
"""

import secrets
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, tzinfo

from merlin.account.users import User, Users
from merlin.app.actor import Actor
from merlin.app.context import Context
from merlin.billing import quota
from merlin.chat.answer import Ending, Ground, Grounding, Reply, report_faults
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
from merlin.chat.sessions import (
    CAUTIOUS_TOKENS,
    MAX_TURNS,
    ChatPlace,
    Session,
    Sessions,
    WindowCounter,
    count_window_tokens,
    fits_window,
)
from merlin.chat.small_talk import answer_small_talk
from merlin.chat.turns import NO_BUTTONS, Question, StoredAnswer, Turns, UpdateState
from merlin.config.section import convert_to_micro
from merlin.core.clock import in_zone, zone_of
from merlin.core.i18n import moment_argument
from merlin.core.messages import Message, Usage
from merlin.core.money import Cost, cost_argument, sum_costs
from merlin.dataset.example import normalise
from merlin.dataset.near_questions import needs_turn_before
from merlin.db.encryption import digest
from merlin.db.notices import ADMINS, Notices
from merlin.db.tables import ANSWER_COST

# The person is warned when this many questions remain.
LOW_QUOTA = 2
# Runs for each answer while a cap is set; a plain statement takes a tenth of the time.
_ADD = """
INSERT INTO answer_cost (day, currency, micro) VALUES (?, ?, ?)
ON CONFLICT (day, currency) DO UPDATE SET micro = answer_cost.micro + excluded.micro
"""

_NUMBER_BITS = 62


@dataclass(frozen=True, slots=True)
class Quota:
    """The effective plan and its remaining quota, in the person's time zone."""

    plan: quota.Plan
    zone: tzinfo
    left: Mapping[quota.Format, quota.Left]


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asks question `number`; `language` is that of refusals."""

    user_id: int
    plan: quota.Plan
    zone: tzinfo
    language: str
    number: int


@dataclass(frozen=True, slots=True)
class ReachedCap:
    """The reached cap of a day's answers, and when the day ends."""

    day: str
    spent: Cost
    cap_micro: int
    until: datetime


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
    """A question from a chat; `number` is its update id, `name` the author in a group."""

    user: User
    language: str
    number: int
    place: ChatPlace
    text: str
    kind: quota.Format = quota.Format.TEXT
    message_id: int = 0
    name: str = ""

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
class Conversation:
    """The session that a question belongs to, with its history.

    `first` is the model that is to answer, `limit` its window in tokens. `is_renewed` is true if
    the question opened this session because the previous one was full. `refusal` is why
    the question cannot be asked, else None. `left` is the remaining quota if it is low. `name` is
    the author, in a group. `small_talk` is the answer to small talk: then nothing is reserved, and
    no model is asked.
    """

    asker: Asker
    session: Session
    history: Sequence[Message]
    request: ModelRequest
    first: Candidate | None
    limit: int
    is_renewed: bool = False
    refusal: ReachedCap | quota.Left | None = None
    left: quota.Left | None = None
    name: str = ""
    small_talk: StoredAnswer | None = None

    @property
    def before(self) -> tuple[Message, ...]:
        """Return the messages that precede the question."""
        system = self.first.before if self.first is not None else ()
        return (*system, *self.history)


def begin(ctx: Context, question: ChatQuestion) -> Conversation:
    """Return the conversation that a question belongs to, and reserve the question in the plan.

    It is the open session with its turns; a full session is replaced by a new one.
    """
    sessions = Sessions(ctx.db, ctx.bot_id)
    conversation = _read_conversation(ctx, question, sessions.open(question.place))
    asker = conversation.asker
    first = conversation.first
    if question.kind is quota.Format.TEXT:
        answer = answer_small_talk(ctx.db, first, question.text, asker.language)
        if answer:
            said = StoredAnswer("", answer, offer=NO_BUTTONS)
            return replace(conversation, small_talk=said)
    refusal = reserve(ctx, asker, question.kind)
    left = find_low_quota(ctx, asker, question.kind) if refusal is None else None
    if conversation.session.is_full or not _has_room(conversation, question):
        conversation = _read_conversation(ctx, question, sessions.renew(question.place))
        conversation = replace(conversation, is_renewed=True)
    return replace(conversation, refusal=refusal, left=left)


def _has_room(conversation: Conversation, question: ChatQuestion) -> bool:
    messages = (*conversation.before, Message("user", question.text))
    return not conversation.history or fits_window(messages, conversation.limit)


def _read_conversation(
    ctx: Context, question: ChatQuestion, session: Session
) -> Conversation:
    asker = find_asker(ctx, question.user, question.language, question.number)
    request = request_of_session(ctx, session, asker.plan)
    first = find_first_candidate(ModelCatalogue(ctx.db), request)
    turns = Turns(ctx.db, ctx.bot_id)
    history = turns.read_history(
        session.session_id, MAX_TURNS, question.message_id, question.user.user_id
    )
    is_alone = not question.name or turns.askers(session.session_id) <= {
        question.user.user_id
    }
    limit = window_of(ctx, first)
    name = "" if is_alone else question.name
    return Conversation(asker, session, history, request, first, limit, name=name)


def route(
    ctx: Context, request: ModelRequest, first: Candidate | None, *, has_images: bool
) -> AsyncIterator[Candidate]:
    """Return the models that may answer; images are sent only to the vision model."""
    if has_images and first is not None:
        return only_candidate(first)
    return candidates(ModelCatalogue(ctx.db), ctx.store, request, first)


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
    sources = find_sources(ctx.db, ctx.passages, dataset, question)
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


def measure_window(
    conversation: Conversation, question: str, reply: Reply
) -> WindowCounter:
    """Return the window after a reply, as the provider counted it, else estimated."""
    if reply.limit_tokens:
        # The messages before this question did not fit.
        return WindowCounter(reply.limit_tokens, reply.limit_tokens)
    counted = reply.usage.input_tokens + reply.usage.output_tokens
    exchange = (Message("user", question), Message("", reply.text))
    used = counted or count_window_tokens((*conversation.before, *exchange))
    return WindowCounter(used, conversation.limit)


@dataclass(frozen=True, slots=True)
class ChatAnswer:
    """What to show and store, and the reply; the reply is None if no model was asked."""

    written: StoredAnswer
    session: Session
    reply: Reply | None = None


def make_stored_answer(reply: Reply, note: str, cost: Cost | None) -> StoredAnswer:
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
        known=reply.known,
        nearest="\n".join(reply.nearest),
        first_ms=reply.first_ms,
    )


def finish(ctx: Context, asker: Asker, answer: ChatAnswer, by: str = "bot") -> None:
    """Store the answer to a chat's question; charge or release the question.

    `by` is the process that asked, as stored with requests.
    """
    written = answer.written
    reply = answer.reply
    Turns(ctx.db, ctx.bot_id).write(asker.number, written)
    if written.answer:
        Sessions(ctx.db, ctx.bot_id).record_answer(answer.session)
    if reply and reply.limit_tokens and written.model_id:
        Windows(ctx.db).put(written.provider, {written.model_id: reply.limit_tokens})
    cost = Cost(written.cost_micro, written.currency)
    # "I don't know" is no answer, though it is shown and stored as one.
    settle(
        ctx,
        asker,
        cost,
        is_answered=bool(written.answer) and written.known is not False,
    )
    if reply is not None:
        report_faults(ctx.db, reply.faults, ctx.clock, by)


def show_quota(ctx: Context, actor: Actor, user: User | None = None) -> Quota:
    """Return the actor's plan and its remaining quota; `user` if their row is read."""
    user = user or Users(ctx.db, ctx.clock).get_or_new(actor.user_id)
    plan = quota.plan_of(ctx.plans, user.plans)
    zone = user.time_zone(ctx.config.timezone)
    left = quota.Quotas(ctx.db, ctx.bot_id, ctx.clock).read_left(
        user.user_id, plan, zone
    )
    return Quota(plan, zone, left)


def make_call_number(call: str = "") -> int:
    """Return a random number for a question; with a text the same number for the same text."""
    value = int(digest(call), 16) if call else secrets.randbits(_NUMBER_BITS)
    return 1 + value % (1 << _NUMBER_BITS)


def find_asker(ctx: Context, user: User, language: str, number: int) -> Asker:
    """Return the asker with their plan."""
    plan = quota.plan_of(ctx.plans, user.plans)
    return Asker(
        user.user_id, plan, user.time_zone(ctx.config.timezone), language, number
    )


def is_free(ctx: Context, asker: Asker) -> bool:
    """Return whether a person's questions have no limit."""
    return asker.plan is quota.UNLIMITED and not _is_capped(ctx)


def reserve(
    ctx: Context, asker: Asker, kind: quota.Format
) -> ReachedCap | quota.Left | None:
    """Reserve a question; return why it cannot be asked, None if it can.

    Either today's answers have reached the cap, or the plan's quota is used up.
    """
    reached_cap = find_reached_cap(ctx)
    if reached_cap is not None or asker.plan is quota.UNLIMITED:
        return reached_cap
    quotas = quota.Quotas(ctx.db, ctx.bot_id, ctx.clock)
    return quotas.reserve(asker.user_id, asker.number, kind, asker.plan, asker.zone)


def find_low_quota(ctx: Context, asker: Asker, kind: quota.Format) -> quota.Left | None:
    """Return the remaining quota of a format if it is low, else None."""
    if asker.plan is quota.UNLIMITED or not quota.is_limited(
        quota.allowance_of(asker.plan, kind)
    ):
        return None
    quotas = quota.Quotas(ctx.db, ctx.bot_id, ctx.clock)
    left = quotas.read_left(asker.user_id, asker.plan, asker.zone)[kind]
    return left if left.remaining is not None and left.remaining <= LOW_QUOTA else None


def settle(ctx: Context, asker: Asker, cost: Cost | None, *, is_answered: bool) -> None:
    """Charge an answered question, release any other; `cost` is None if it is not known."""
    if cost is not None:
        add_cost(ctx, cost)
    if asker.plan is not quota.UNLIMITED:
        quotas = quota.Quotas(ctx.db, ctx.bot_id, ctx.clock)
        (quotas.charge if is_answered else quotas.give_back)(asker.number)


def find_reached_cap(ctx: Context) -> ReachedCap | None:
    """Return the reached cap of today's answers, None if people may ask."""
    cap = convert_to_micro(ctx.config.budget.answers.per_day)
    if cap is None:
        return None
    here = quota.today(ctx.clock(), zone_of(ctx.config.timezone))
    is_reached = (ANSWER_COST.day == here.day) & (ANSWER_COST.micro >= cap)
    # A cap exists for every currency in the sums.
    row = ctx.db.row(
        ANSWER_COST.select().where(is_reached).order_by(ANSWER_COST.currency)
    )
    if row is None:
        return None
    return ReachedCap(here.day, Cost(row.micro, row.currency), cap, here.day_ends)


def add_cost(ctx: Context, cost: Cost) -> None:
    """Add the cost of an answer to the capped sums; notify admins of a reached cap once a day."""
    if not cost.micro or not _is_capped(ctx):
        return
    day = quota.today(ctx.clock(), zone_of(ctx.config.timezone)).day
    ctx.db.sql(_ADD, day, cost.currency, cost.micro)
    reached_cap = find_reached_cap(ctx)
    if reached_cap is None:
        return
    arguments: dict[str, object] = {
        "spent": cost_argument(reached_cap.spent.micro, reached_cap.spent.currency),
        "cap": cost_argument(reached_cap.cap_micro, reached_cap.spent.currency),
        "until": moment_argument(
            in_zone(reached_cap.until, zone_of(ctx.config.timezone)), is_named=True
        ),
    }
    once = f"answers-day:{reached_cap.day}"
    Notices(ctx.db, ctx.clock).notify(ADMINS, "notice-answers-day", arguments, once)


def _is_capped(ctx: Context) -> bool:
    """Return whether a cap is set; otherwise no sums are kept."""
    return ctx.config.budget.answers.per_day is not None
