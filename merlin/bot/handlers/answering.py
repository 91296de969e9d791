"""From a question and its session to an answer that is ready to be shown.

Which model answers a session, whose it is, and what a change of it means; what the model is asked,
short enough for its window. A long document is told in short part by part, and the person sees how
far that has come.

In a private chat with topics a new session is a topic, named after its first answer. That is never
needed: where the bot has no topics, or Telegram takes no topic now, a session is just one of the
chat.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace

from merlin.app.groups import Groups
from merlin.billing.plan import UNLIMITED, Plan
from merlin.bot import rendering
from merlin.bot.context import BotContext
from merlin.bot.handlers.quota import is_free, left_note, plan_for, reserve, settle
from merlin.bot.rendering import window_note, written
from merlin.chat.answer import AnswerObserver, ProviderFault, Reply, Stop, report_troubles
from merlin.chat.model_catalogue import (
    Candidate,
    CandidateKind,
    ModelCatalogue,
    ModelRequest,
    Windows,
    candidates,
    first_candidate,
    only_candidate,
    switch_model,
)
from merlin.chat.prompt import (
    MOST_PARTS,
    AttachedText,
    Part,
    Prompt,
    ShortenedText,
    ShortenLimits,
    attach_texts,
    fits_into,
    shorten_text,
    text_outside_documents,
    wrap_document,
)
from merlin.chat.sessions import (
    CAUTIOUS_TOKENS,
    MOST_TURNS,
    ChatPlace,
    Session,
    Sessions,
    WindowCounter,
    count_window_tokens,
    estimate_tokens,
    fits_window,
    title_of,
    window_limit,
)
from merlin.chat.turns import StoredAnswer, TurnHistory, Turns, with_author
from merlin.core.errors import Refused
from merlin.core.messages import Message, Usage
from merlin.core.money import Cost
from merlin.db.notices import Notices
from merlin.db.requests import Requests

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
    wish: ModelRequest
    first: Candidate | None
    limit: int
    is_renewed: bool = False
    left_behind: int = 0
    refusal: StoredAnswer | None = None
    asker: str = ""
    left: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """What is to be shown and kept, and what admins should hear of."""

    written: StoredAnswer
    session: Session
    troubles: tuple[ProviderFault, ...] = ()
    limit_tokens: int | None = None


async def talk_of(context: BotContext) -> Talk:
    """Return the talk that a question belongs to; where it is there already nothing is written."""
    found = await context.store.glance(lambda: _unlimited_talk(context))
    return await context.store.do(lambda: open_talk(context)) if found is None else found


def _unlimited_talk(context: BotContext) -> Talk | None:
    """Return the talk of an open session with room, of a person whose plan counts nothing."""
    session = Sessions(context.db, context.bot_id).opened(context.place)
    if session is None or session.is_full or not is_free(context):
        return None
    talk = _talk(context, session, None)
    return talk if _has_room(talk, context) else None


def open_talk(context: BotContext) -> Talk:
    """Return the open session and its turns; a full one gives way to a new one.

    The question is reserved in the person's plan. To be called within the store's work.
    """
    session = Sessions(context.db, context.bot_id).open(context.place)
    dataset = dataset_of(context, session)
    refusal = reserve(context, dataset)
    left = "" if refusal is not None else left_note(context, dataset)
    if session.is_full:
        return replace(_renewed(context, refusal), left=left)
    talk = _talk(context, session, refusal)
    if _has_room(talk, context):
        return replace(talk, left=left)
    newest = TurnHistory(context.db, context.bot_id).newest(session.session_id)
    behind = newest.turn_id if newest is not None else 0
    return replace(_renewed(context, refusal), left=left, left_behind=behind)


def _has_room(talk: Talk, context: BotContext) -> bool:
    asked = Message("user", context.text)
    return not talk.history or fits_window((*before(talk), asked), talk.limit)


def _renewed(context: BotContext, refusal: StoredAnswer | None) -> Talk:
    session = Sessions(context.db, context.bot_id).renew(context.place)
    return replace(_talk(context, session, refusal), is_renewed=True)


def _talk(context: BotContext, session: Session, refusal: StoredAnswer | None) -> Talk:
    plan = plan_for(context, dataset_of(context, session))
    wish = wish_of(context, session, plan)
    first = first_candidate(ModelCatalogue(context.db), wish)
    history = Turns(context.db, context.bot_id).history(
        session.session_id, MOST_TURNS, context.message_id, context.user_id
    )
    limit = window_of(context, first, plan.window)
    asker = _asker(context, session)
    return Talk(session, history, wish, first, limit, refusal=refusal, asker=asker)


def _asker(context: BotContext, session: Session) -> str:
    """Return who asks, "" where nobody else does in this session."""
    if context.is_private or Turns(context.db, context.bot_id).askers(session.session_id) <= {
        context.user_id
    }:
        return ""
    return shown_name(context)


def shown_name(context: BotContext) -> str:
    """Return who asks in a group as a model is told of them, "" in private chats."""
    if context.is_private:
        return ""
    return " ".join(context.sender_name.replace(":", " ").split())[:NAME_LENGTH]


def wish_of(context: BotContext, session: Session, plan: Plan = UNLIMITED) -> ModelRequest:
    """Return what a session asks for; a model that the plan has no longer is not chosen."""
    services = context.services
    is_allowed = plan.allows_model(session.model_id or "")
    chosen = (session.provider, session.model_id) if session.provider and is_allowed else None
    return ModelRequest(
        dataset=dataset_of(context, session),
        chosen=chosen,
        general=services.general,
        system=session.system,
        assistant=services.assistant,
    )


def dataset_of(context: BotContext, session: Session) -> str | None:
    """Return the dataset that a session is about: its own, its group's, the default one.

    To be called within the store's work.
    """
    group = Groups(context.db, context.bot_id).get(session.chat_id) if session.chat_id < 0 else None
    chosen = session.dataset or (group.dataset if group is not None else None)
    return chosen or context.services.default_dataset


def window_of(context: BotContext, choice: Candidate | None, cap: int | None = None) -> int:
    """Return how many tokens a model takes, `cap` at most.

    To be called within the store's work.
    """
    if choice is None:
        return min(CAUTIOUS_TOKENS, cap or CAUTIOUS_TOKENS)
    model_id = choice.model_id or ""
    said = Windows(context.db).get(choice.provider, model_id)
    return window_limit(said, context.services.known.windows, (model_id, choice.base), cap)


def before(talk: Talk) -> tuple[Message, ...]:
    """Return all that goes to the model before the question."""
    system = talk.first.before if talk.first is not None else ()
    summary = (Message("system", talk.session.summary),) if talk.session.summary else ()
    return (*system, *summary, *talk.history)


async def ask(
    context: BotContext, talk: Talk, prompt: Prompt, looks: tuple[AnswerObserver, Stop]
) -> Answer:
    """Ask the models of the session's route, as they stand at this moment."""
    summary = (Message("system", talk.session.summary),) if talk.session.summary else ()
    asked = Message("user", with_author(prompt.text, talk.asker), images=prompt.images)
    route = await _route(context, talk, prompt)
    reply = await context.bot_data.desk.reply(route, (*summary, *talk.history, asked), *looks)
    return _answer(context, talk, prompt, reply)


async def _route(context: BotContext, talk: Talk, prompt: Prompt) -> AsyncIterator[Candidate]:
    """Return the models that may answer the prompt; pictures go to none but the one that sees."""
    wish, first = talk.wish, talk.first
    if prompt.model is not None:
        wish = replace(wish, chosen=prompt.model)
        first = await context.store.read(lambda: first_candidate(ModelCatalogue(context.db), wish))
    if prompt.images and first is not None:
        return only_candidate(first)
    return candidates(ModelCatalogue(context.db), context.store, wish, first)


def _answer(context: BotContext, talk: Talk, prompt: Prompt, reply: Reply) -> Answer:
    """Return the answer with what is to be told of its window, and the session as it then is."""
    words = with_spent(
        context, written(reply, context.language, cost_of(context, reply)), prompt.spent
    )
    used = reply.usage.input_tokens + reply.usage.output_tokens
    used = used or count_window_tokens(
        (*before(talk), Message("user", prompt.text), Message("", reply.text))
    )
    gauge = WindowCounter(used, talk.limit)
    if reply.limit_tokens:
        # The talk before this question is what did not fit.
        gauge = WindowCounter(reply.limit_tokens, reply.limit_tokens)
    note, offer = "", ""
    if reply.text:
        note, offer = window_note(gauge, context.language, is_warned=talk.session.is_warned)
        offer = rendering.SHARED if offer and not context.is_private else offer
    told = "bot-renewed" if context.is_private else "groups-renewed"
    renewed = context.translate(told) if talk.is_renewed else ""
    left = talk.left if reply.text else ""
    notes = [words.note, prompt.note if reply.text else "", note, renewed, left]
    session = replace(
        talk.session,
        title=talk.session.title or title_of(context.text or text_outside_documents(prompt.text)),
        used_tokens=gauge.used,
        is_warned=talk.session.is_warned or bool(note),
        is_full=bool(offer),
    )
    if reply.text and talk.left_behind:
        offer = offer or f"{rendering.RENEWED}{talk.left_behind}"
    shown = replace(words, note="\n".join(filter(None, notes)), offer=offer)
    return Answer(shown, session, reply.troubles, reply.limit_tokens)


def cost_of(context: BotContext, reply: Reply) -> Cost | None:
    """Return what a reply cost, None where nobody knows."""
    if reply.choice is None:
        return None
    return context.services.known.cost(reply.choice, reply.model_id, reply.usage)


def with_spent(context: BotContext, words: StoredAnswer, replies: Sequence[Reply]) -> StoredAnswer:
    """Return an answer that counts what other replies took too, as far as currencies agree."""
    usage, micro, currency = words.usage, words.cost_micro, words.currency
    for reply in replies:
        usage = Usage(
            usage.input_tokens + reply.usage.input_tokens,
            usage.output_tokens + reply.usage.output_tokens,
        )
        cost = cost_of(context, reply)
        if cost is not None and currency in {"", cost.currency}:
            micro, currency = micro + cost.micro, cost.currency
    return replace(words, usage=usage, cost_micro=micro, currency=currency)


def keep(context: BotContext, answer: Answer) -> None:
    """Store an answer with what it changes; to be called within the store's work."""
    Turns(context.db, context.bot_id).write(context.update_id, answer.written)
    settle(context, answer.written)
    if answer.written.answer:
        Sessions(context.db, context.bot_id).used(answer.session)
    if answer.limit_tokens and answer.written.model_id:
        learnt = {answer.written.model_id: answer.limit_tokens}
        Windows(context.db).put(answer.written.provider, learnt)
    report_troubles(
        Notices(context.db), Requests(context.db), answer.troubles, context.services.clock(), "bot"
    )


# Telegram's limit. Source: the Bot API, createForumTopic.
TOPIC_NAME_LENGTH = 128
# The title of a session whose topic waits for its name.
UNNAMED = "…"


async def begin_topic(context: BotContext) -> int:
    """Make a topic for a new session; return its number, 0 where there are no topics."""
    if not context.is_private:
        return 0
    bot = await context.calls.ask("getMe", {})
    if not isinstance(bot, dict) or bot.get("has_topics_enabled") is not True:
        return 0
    wanted = {"chat_id": context.chat_id, "name": context.translate("session-new-topic")}
    made = await context.calls.ask("createForumTopic", wanted)
    thread_id = made.get("message_thread_id") if isinstance(made, dict) else None
    return thread_id if isinstance(thread_id, int) else 0


def open_in_topic(context: BotContext, thread_id: int) -> Session:
    """Open a session in its new topic, with the choices of the one that is open here.

    To be called within the store's work.
    """
    here = Sessions(context.db, context.bot_id).open(context.place)
    there = Sessions(context.db, context.bot_id).open(
        ChatPlace(context.chat_id, context.user_id, thread_id)
    )
    fresh = replace(
        there,
        dataset=here.dataset,
        provider=here.provider,
        model_id=here.model_id,
        preset=here.preset,
        system=here.system,
        title=UNNAMED,
    )
    Sessions(context.db, context.bot_id).change(fresh)
    return fresh


async def name_topic(context: BotContext) -> None:
    """Name the topic of the update's session by its first question, unless it has its name."""
    if not (context.is_private and context.thread_id):
        return
    title = await context.store.do(lambda: _named(context))
    if title:
        place = {"chat_id": context.chat_id, "message_thread_id": context.thread_id}
        await context.calls.ask("editForumTopic", {**place, "name": title[:TOPIC_NAME_LENGTH]})


def _named(context: BotContext) -> str:
    """Give the session its title; return it where the topic is to be called so, else ""."""
    session = Sessions(context.db, context.bot_id).open(context.place)
    said = (
        Turns(context.db, context.bot_id).history(session.session_id, 1)
        if session.title == UNNAMED
        else ()
    )
    title = title_of(said[0].content) if said else ""
    if title:
        Sessions(context.db, context.bot_id).change(replace(session, title=title))
    return title


# The rest of the window is for the answer and for what the estimate is wrong by.
MATERIAL_SHARE = 0.75
# However much was said before, a document gets so much; what does not fit then is left behind.
LEAST_SHARE = 0.25
PART_SHARE = 0.5
QUESTION_LENGTH = 500


async def fitted(
    context: BotContext, talk: Talk, prompt: Prompt, onlooker: AnswerObserver
) -> Prompt:
    """Return the prompt with its papers as a part of its text, in short where they are long.

    Raises Refused when the model that tells parts in short does not answer.
    """
    prompt = _for_papers(context, talk, prompt)
    if prompt.format == "text" or prompt.images:
        return prompt
    room, part_tokens = await context.store.read(lambda: _room(context, talk, prompt))
    if prompt.format == "voice" and not prompt.papers and not fits_into(prompt.text, room):
        wish = context.translate("media-ask-voice")
        prompt = replace(prompt, text=wish, papers=(AttachedText("voice", prompt.text),))
    if fits_into("".join(paper.text for paper in prompt.papers), room):
        return attach_texts(prompt)
    count = len(prompt.papers)
    measure = ShortenLimits(part_tokens, max(room // count, 1), max(MOST_PARTS // count, 1))
    return await _Reader(context, prompt, onlooker).in_short(measure)


def _for_papers(context: BotContext, talk: Talk, prompt: Prompt) -> Prompt:
    """Let a model that reads answer for documents, unless the session has chosen its own.

    Under a preset the system text says what is to be done with a document without a caption.
    """
    if not prompt.papers and prompt.format != "document":
        return prompt
    if talk.wish.system:
        return prompt if context.text else replace(prompt, text="")
    return prompt if talk.wish.chosen else replace(prompt, model=context.services.assistant)


def _room(context: BotContext, talk: Talk, prompt: Prompt) -> tuple[int, int]:
    """Return the tokens for the papers, and for a part of one; within the store's work."""
    choice = Candidate(CandidateKind.CHOSEN, *prompt.model) if prompt.model else talk.first
    window = min(window_of(context, choice), talk.limit)
    own = 0 if prompt.format == "voice" else estimate_tokens(Message("user", prompt.text))
    room = int(window * MATERIAL_SHARE) - count_window_tokens(before(talk)) - own
    helper = _helper(context, prompt)
    part = int(window_of(context, helper) * PART_SHARE) if helper else window
    return max(room, int(window * LEAST_SHARE), 1), max(part, 1)


def _helper(context: BotContext, prompt: Prompt) -> Candidate | None:
    """Return the model that tells parts in short."""
    services = context.services
    named = prompt.model or services.assistant or next(iter(services.general), None)
    return Candidate(CandidateKind.CHOSEN, *named) if named else None


class _Aside:
    """Fulfils `chat.desk.Onlooker`: what is said of a part is not for the person's eyes."""

    def wrote(self, text: str) -> None:
        """Show nothing."""

    def waits(self) -> None:
        """Show nothing."""


@dataclass(frozen=True, slots=True)
class _Reader:
    """Tells the papers of one prompt in short."""

    context: BotContext
    prompt: Prompt
    onlooker: AnswerObserver

    async def in_short(self, measure: ShortenLimits) -> Prompt:
        """Return the prompt with its long papers in short, and with what that took."""
        spent: list[Reply] = []
        papers: list[AttachedText] = []
        notes = [self.prompt.note]
        for paper in self.prompt.papers:
            if fits_into(paper.text, measure.room_tokens):
                papers.append(paper)
                continue
            short = await self._short(paper, measure, spent)
            papers.append(replace(paper, text=short.text))
            key = "media-parts" if short.read == short.parts else "media-parts-cut"
            notes.append(self._said(key, parts=short.parts, read=short.read))
        note = "\n".join(dict.fromkeys(filter(None, notes)))
        return replace(attach_texts(self.prompt, papers), note=note, spent=tuple(spent))

    async def _short(
        self, paper: AttachedText, measure: ShortenLimits, spent: list[Reply]
    ) -> ShortenedText:
        async def tell(part: Part) -> str:
            reply = await self._summarize_part(paper, part)
            spent.append(reply)
            if not reply.text:
                raise Refused("a part was not told", "media-part-failed", part=part.number)
            return reply.text

        def progress(done: int, count: int) -> None:
            part = min(done + 1, count)
            self.onlooker.wrote(self._said("media-progress", part=part, parts=count))

        return await shorten_text(paper.text, measure, tell, progress)

    async def _summarize_part(self, paper: AttachedText, part: Part) -> Reply:
        helper = _helper(self.context, self.prompt)
        if helper is None:
            raise Refused("no model to read with", "bot-nobody")
        question = self.prompt.text[:QUESTION_LENGTH]
        wish = self._said(
            "media-part-wish", part=part.number, parts=part.count, question=question or "—"
        )
        asked = Message("user", f"{wish}\n\n{wrap_document(part.text, paper.name)}")
        return await self.context.bot_data.desk.reply(only_candidate(helper), (asked,), _Aside())

    def _said(self, key: str, **arguments: object) -> str:
        return self.context.translate(key, **arguments)


@dataclass(frozen=True, slots=True)
class Answering:
    """The model that answers a session when all is well; `title` is what people call it."""

    provider: str
    title: str


def answering(context: BotContext, session: Session) -> Answering | None:
    """Return what answers a session, None where nobody can; within the store's work."""
    wish = wish_of(context, session, plan_for(context))
    general = next(iter(wish.general), None)
    choice = first_candidate(ModelCatalogue(context.db), wish)
    if choice is None:
        return None if general is None else Answering(general[0], general[1] or general[0])
    return Answering(choice.provider, _title(context, choice))


def _title(context: BotContext, choice: Candidate) -> str:
    tuned = ModelCatalogue(context.db).model(choice.model_id) if choice.model_id else None
    return tuned.build_version if tuned else choice.model_id or choice.provider


def home(context: BotContext, session: Session) -> Answering | None:
    """Return what answers a session in which nothing was chosen; within the store's work."""
    bare = replace(session, provider=None, model_id=None, preset="", system="")
    return answering(context, bare)


def abroad(context: BotContext, session: Session) -> str:
    """Return a sentence where a choice takes the session to another company, else ""."""
    usual, now = home(context, session), answering(context, session)
    if now is None or (usual is not None and usual.provider == now.provider):
        return ""
    provider = company(context, now.provider)
    return context.translate("models-company", provider=provider)


def company(context: BotContext, provider: str) -> str:
    """Return a provider by its name and the machine that it is asked at."""
    host = context.services.hosts.get(provider, "")
    return context.translate("models-provider", provider=provider, host=host or "here")


def refitted(context: BotContext, session: Session) -> Session:
    """Return a session whose model has changed, its window judged anew; within the store's work."""
    plan = plan_for(context)
    first = first_candidate(ModelCatalogue(context.db), wish_of(context, session, plan))
    return switch_model(session, window_of(context, first, plan.window))
