"""Asking: from a question and its session to an answer that is ready to be shown."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace

from merlin.billing.plan import UNLIMITED, Plan
from merlin.bot import offers
from merlin.bot.event import Event
from merlin.bot.handlers.answer.allowance import is_free, left_note, plan_for, reserve, settle
from merlin.bot.kit import Kit
from merlin.bot.words import window_note, written
from merlin.chat.desk import Onlooker
from merlin.chat.document import outside
from merlin.chat.prompt import Prompt
from merlin.chat.reply import Reply, Trouble
from merlin.chat.route import Choice, Wish, choices, first_choice, only
from merlin.chat.session import Session, title_of
from merlin.chat.stop import Stop
from merlin.chat.trouble import report
from merlin.chat.turn import Written, named
from merlin.chat.window import CAUTIOUS_TOKENS, MOST_TURNS, Gauge, fits, limit_of, size
from merlin.core.message import Message, Usage
from merlin.core.money import Cost
from merlin.core.text import text

# How much of a name a model is told.
NAME_LENGTH = 32


@dataclass(frozen=True, slots=True)
class Talk:
    """The session that a question belongs to, and what was said in it before.

    `first` is the model that is to answer, `limit` its window in tokens. `is_renewed`: the
    question opened this session, because the one before it was full; `left_behind` is the newest
    turn of that one where its end was not told of before, 0 for none. `refusal` is what is said
    instead of an answer where the plan allows no more. `asker` names who asks, where several do;
    `left` is what is said under the answer of a plan that is nearly used up.
    """

    session: Session
    history: Sequence[Message]
    wish: Wish
    first: Choice | None
    limit: int
    is_renewed: bool = False
    left_behind: int = 0
    refusal: Written | None = None
    asker: str = ""
    left: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """What is to be shown and kept, and what admins should hear of."""

    written: Written
    session: Session
    troubles: tuple[Trouble, ...] = ()
    limit_tokens: int | None = None


async def talk_of(kit: Kit, event: Event) -> Talk:
    """Return the talk that a question belongs to; where it is there already nothing is written."""
    found = await kit.store.glance(lambda: _standing(kit, event))
    return await kit.store.do(lambda: open_talk(kit, event)) if found is None else found


def _standing(kit: Kit, event: Event) -> Talk | None:
    """Return the talk of an open session with room, of a person whose plan counts nothing."""
    session = kit.rows.sessions.opened(event.place)
    if session is None or session.is_full or not is_free(kit, event):
        return None
    talk = _talk(kit, event, session, None)
    return talk if _has_room(talk, event) else None


def open_talk(kit: Kit, event: Event) -> Talk:
    """Return the open session and its turns; a full one gives way to a new one.

    The question is reserved in the person's plan. To be called within the store's work.
    """
    session = kit.rows.sessions.open(event.place)
    dataset = dataset_of(kit, session)
    refusal = reserve(kit, event, dataset)
    left = "" if refusal is not None else left_note(kit, event, dataset)
    if session.is_full:
        return replace(_renewed(kit, event, refusal), left=left)
    talk = _talk(kit, event, session, refusal)
    if _has_room(talk, event):
        return replace(talk, left=left)
    newest = kit.rows.tally.newest(session.session_id)
    behind = newest.turn_id if newest is not None else 0
    return replace(_renewed(kit, event, refusal), left=left, left_behind=behind)


def _has_room(talk: Talk, event: Event) -> bool:
    asked = Message("user", event.text)
    return not talk.history or fits((*before(talk), asked), talk.limit)


def _renewed(kit: Kit, event: Event, refusal: Written | None) -> Talk:
    session = kit.rows.sessions.renew(event.place)
    return replace(_talk(kit, event, session, refusal), is_renewed=True)


def _talk(kit: Kit, event: Event, session: Session, refusal: Written | None) -> Talk:
    plan = plan_for(kit, event, dataset_of(kit, session))
    wish = wish_of(kit, session, plan)
    first = first_choice(kit.rows.shelf, wish)
    history = kit.rows.turns.history(
        session.session_id, MOST_TURNS, event.message_id, event.user_id
    )
    limit = window_of(kit, first, plan.window)
    asker = _asker(kit, event, session)
    return Talk(session, history, wish, first, limit, refusal=refusal, asker=asker)


def _asker(kit: Kit, event: Event, session: Session) -> str:
    """Return who asks, "" where nobody else does in this session."""
    if event.is_private or kit.rows.turns.askers(session.session_id) <= {event.user_id}:
        return ""
    return shown_name(event)


def shown_name(event: Event) -> str:
    """Return who asks in a group as a model is told of them, "" in private chats."""
    if event.is_private:
        return ""
    return " ".join(event.sender_name.replace(":", " ").split())[:NAME_LENGTH]


def wish_of(kit: Kit, session: Session, plan: Plan = UNLIMITED) -> Wish:
    """Return what a session asks for; a model that the plan has no longer is not chosen."""
    services = kit.services
    is_allowed = plan.allows_model(session.model_id or "")
    chosen = (session.provider, session.model_id) if session.provider and is_allowed else None
    return Wish(
        dataset=dataset_of(kit, session),
        chosen=chosen,
        general=services.general,
        system=session.system,
        assistant=services.assistant,
    )


def dataset_of(kit: Kit, session: Session) -> str | None:
    """Return the dataset that a session is about: its own, its group's, the default one.

    To be called within the store's work.
    """
    group = kit.rows.groups.get(session.chat_id) if session.chat_id < 0 else None
    chosen = session.dataset or (group.dataset if group is not None else None)
    return chosen or kit.services.default_dataset


def window_of(kit: Kit, choice: Choice | None, cap: int | None = None) -> int:
    """Return how many tokens a model takes, `cap` at most.

    To be called within the store's work.
    """
    if choice is None:
        return min(CAUTIOUS_TOKENS, cap or CAUTIOUS_TOKENS)
    model_id = choice.model_id or ""
    said = kit.rows.windows.get(choice.provider, model_id)
    return limit_of(said, kit.services.known.windows, (model_id, choice.base), cap)


def before(talk: Talk) -> tuple[Message, ...]:
    """Return all that goes to the model before the question."""
    system = talk.first.before if talk.first is not None else ()
    summary = (Message("system", talk.session.summary),) if talk.session.summary else ()
    return (*system, *summary, *talk.history)


async def ask(
    kit: Kit, event: Event, talk: Talk, prompt: Prompt, looks: tuple[Onlooker, Stop]
) -> Answer:
    """Ask the models of the session's route, as they stand at this moment."""
    summary = (Message("system", talk.session.summary),) if talk.session.summary else ()
    asked = Message("user", named(prompt.text, talk.asker), images=prompt.images)
    route = await _route(kit, talk, prompt)
    reply = await kit.desk.reply(route, (*summary, *talk.history, asked), *looks)
    return _answer(kit, event, talk, prompt, reply)


async def _route(kit: Kit, talk: Talk, prompt: Prompt) -> AsyncIterator[Choice]:
    """Return the models that may answer the prompt; pictures go to none but the one that sees."""
    wish, first = talk.wish, talk.first
    if prompt.model is not None:
        wish = replace(wish, chosen=prompt.model)
        first = await kit.store.read(lambda: first_choice(kit.rows.shelf, wish))
    if prompt.images and first is not None:
        return only(first)
    return choices(kit.rows.shelf, kit.store.read, wish, first)


def _answer(kit: Kit, event: Event, talk: Talk, prompt: Prompt, reply: Reply) -> Answer:
    """Return the answer with what is to be told of its window, and the session as it then is."""
    words = with_spent(kit, written(reply, event.language, cost_of(kit, reply)), prompt.spent)
    used = reply.usage.input_tokens + reply.usage.output_tokens
    used = used or size((*before(talk), Message("user", prompt.text), Message("", reply.text)))
    gauge = Gauge(used, talk.limit)
    if reply.limit_tokens:
        # The talk before this question is what did not fit.
        gauge = Gauge(reply.limit_tokens, reply.limit_tokens)
    note, offer = "", ""
    if reply.text:
        note, offer = window_note(gauge, event.language, is_warned=talk.session.is_warned)
        offer = offers.SHARED if offer and not event.is_private else offer
    told = "bot-renewed" if event.is_private else "groups-renewed"
    renewed = text(event.language, told) if talk.is_renewed else ""
    left = talk.left if reply.text else ""
    notes = [words.note, prompt.note if reply.text else "", note, renewed, left]
    session = replace(
        talk.session,
        title=talk.session.title or title_of(event.text or outside(prompt.text)),
        used_tokens=gauge.used,
        is_warned=talk.session.is_warned or bool(note),
        is_full=bool(offer),
    )
    if reply.text and talk.left_behind:
        offer = offer or f"{offers.RENEWED}{talk.left_behind}"
    shown = replace(words, note="\n".join(filter(None, notes)), offer=offer)
    return Answer(shown, session, reply.troubles, reply.limit_tokens)


def cost_of(kit: Kit, reply: Reply) -> Cost | None:
    """Return what a reply cost, None where nobody knows."""
    if reply.choice is None:
        return None
    return kit.services.known.cost(reply.choice, reply.model_id, reply.usage)


def with_spent(kit: Kit, words: Written, replies: Sequence[Reply]) -> Written:
    """Return an answer that counts what other replies took too, as far as currencies agree."""
    usage, micro, currency = words.usage, words.cost_micro, words.currency
    for reply in replies:
        usage = Usage(
            usage.input_tokens + reply.usage.input_tokens,
            usage.output_tokens + reply.usage.output_tokens,
        )
        cost = cost_of(kit, reply)
        if cost is not None and currency in {"", cost.currency}:
            micro, currency = micro + cost.micro, cost.currency
    return replace(words, usage=usage, cost_micro=micro, currency=currency)


def keep(kit: Kit, event: Event, answer: Answer) -> None:
    """Store an answer with what it changes; to be called within the store's work."""
    kit.rows.turns.write(event.update_id, answer.written)
    settle(kit, event, answer.written)
    if answer.written.answer:
        kit.rows.sessions.used(answer.session)
    if answer.limit_tokens and answer.written.model_id:
        learnt = {answer.written.model_id: answer.limit_tokens}
        kit.rows.windows.put(answer.written.provider, learnt)
    rows = kit.rows
    report(rows.notices, rows.requests, answer.troubles, kit.services.clock(), "bot")
