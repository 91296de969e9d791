"""What a person's sessions, models and plan mean for their questions, as they read it.

Which model answers a session, whose it is, and what a change of it means; what plan and caps leave
to be asked.

In a private chat with topics a new session is a topic, named after its first answer. That is never
needed: where the bot has no topics, or Telegram takes no topic now, a session is just one of the
chat.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from merlin.app.ask import Over, request_of_session, window_of
from merlin.app.inbox import UpdateState
from merlin.billing.quota import UNLIMITED, Format, Gift, Left, Plan, plan_of
from merlin.bot import answers
from merlin.bot.context import BotContext
from merlin.bot.rendering import pack_words
from merlin.chat.model_catalogue import first_candidate, switch_model
from merlin.chat.sessions import ChatPlace, Session, title_of
from merlin.chat.turns import StoredAnswer
from merlin.core.loopback import is_loopback


def plan_for(context: BotContext, dataset: str | None = None) -> Plan:
    """Return the person's plan, for questions about a dataset where one is named."""
    return plan_of(context.services.plans, context.user.plans, dataset)


def refusal_of(context: BotContext, found: Over | Left) -> StoredAnswer:
    """Return what is said in place of an answer that caps or plan do not allow."""
    if isinstance(found, Over):
        until = context.moment(found.until)
        text = context.translate(f"guard-{found.reach}", until=until)
        return StoredAnswer("", text, UpdateState.REFUSED)
    kind, limit = found.kind.value, found.limit or 0
    text = context.translate("bot-plan-closed", kind=kind)
    if found.limit != 0:
        until, period = context.moment(found.resets_at), found.period.value
        arguments = {"kind": kind, "limit": limit, "period": period, "until": until}
        text = context.translate("bot-plan-spent", **arguments)
    return StoredAnswer("", text, UpdateState.REFUSED, offer=answers.PLAN)


def left_note(context: BotContext, left: Left) -> str:
    """Return what is said under an answer where hardly any question of its format is left."""
    # What is beyond the plan does not come anew with the day.
    is_beyond = left.limit == 0 or left.gifts > 0
    arguments = {"kind": left.kind.value, "period": "beyond" if is_beyond else left.period.value}
    if not left.remaining:
        return context.translate("pay-left-none", **arguments)
    what = pack_words({left.kind: left.remaining}, context.language)
    return context.translate("pay-left", **arguments, what=what)


_MAX_GIFTS = 8


def left_lines(context: BotContext, plan: Plan) -> list[str]:
    """Return what is left of each format of a plan, a line each; none where nothing is limited."""
    if plan is UNLIMITED:
        return []
    left = context.quotas.left(context.user_id, plan, context.zone)
    return [_left_line(context, left[kind]) for kind in Format if kind in left]


def _left_line(context: BotContext, left: Left) -> str:
    kind = context.translate(f"plan-{left.kind.value}")
    if left.limit is None:
        return context.translate("plan-freely", kind=kind)
    gifts = context.translate("plan-gifts", gifts=left.gifts) if left.gifts else ""
    if left.limit == 0:
        closed = context.translate("plan-closed", kind=kind)
        return f"{closed}{gifts}"
    line = context.translate(
        "plan-left",
        kind=kind,
        left=max(left.limit - left.used, 0),
        limit=left.limit,
        at=context.moment(left.resets_at),
    )
    return f"{line}{gifts}"


def gift_lines(context: BotContext, gifts: Sequence[Gift]) -> list[str]:
    """Return what is left of packs and gifts, a line each, the first to end first."""
    ends = sorted({gift.expires_at for gift in gifts if gift.expires_at is not None})
    listed = [gift for end in (*ends, None) for gift in gifts if gift.expires_at == end]
    lines, now = [], context.services.clock()
    for each in listed[:_MAX_GIFTS]:
        what = pack_words({each.kind: each.remaining(now)}, context.language)
        until = each.expires_at
        arguments = {"at": context.moment(until)} if until is not None else {}
        key = "pay-gift-until" if arguments else "pay-gift"
        lines.append(context.translate(key, what=what, **arguments))
    return lines


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
    requested = {"chat_id": context.chat_id, "name": context.translate("session-new-topic")}
    made = await context.calls.ask("createForumTopic", requested)
    thread_id = made.get("message_thread_id") if isinstance(made, dict) else None
    return thread_id if isinstance(thread_id, int) else 0


def open_in_topic(context: BotContext, thread_id: int) -> Session:
    """Open a session in its new topic, with the choices of the one that is open here.

    None of them takes it to another company.
    """
    session = context.open_session()
    there = context.sessions.open(ChatPlace(context.chat_id, context.user_id, thread_id))
    fresh = replace(
        there,
        dataset=session.dataset,
        provider=session.provider,
        model_id=session.model_id,
        preset=session.preset,
        system=session.system,
        title=UNNAMED,
    )
    fresh = at_home(context, fresh)
    context.sessions.change(fresh)
    return fresh


async def name_topic(context: BotContext) -> None:
    """Name the topic of the update's session by its first question, unless it has its name."""

    def named() -> str:
        """Give the session its title; return it where the topic is to be called so, else ""."""
        session = context.open_session()
        if session.title != UNNAMED:
            return ""
        turns = context.turns.history(session.session_id, 1)
        title = title_of(turns[0].content) if turns else ""
        if title:
            context.sessions.change(replace(session, title=title))
        return title

    title = await context.store.do(named)
    if title:
        place = {"chat_id": context.chat_id, "message_thread_id": context.thread_id}
        await context.calls.ask("editForumTopic", {**place, "name": title[:TOPIC_NAME_LENGTH]})


@dataclass(frozen=True, slots=True)
class Answering:
    """The model that answers a session when all is well; `title` is what people call it."""

    provider: str
    title: str


def answering(context: BotContext, session: Session) -> Answering | None:
    """Return what answers a session, None where nobody can; within the store's work."""
    request = request_of_session(context.services, session, plan_for(context))
    general = next(iter(request.general), None)
    choice = first_candidate(context.catalogue, request)
    if choice is None:
        return None if general is None else Answering(general[0], general[1] or general[0])
    tuned = context.catalogue.model(choice.model_id) if choice.model_id else None
    title = tuned.build_version if tuned else choice.model_id or choice.provider
    return Answering(choice.provider, title)


def abroad(context: BotContext, session: Session) -> str:
    """Return a sentence where a choice takes the session to another company, else ""."""
    bare = replace(session, provider=None, model_id=None, preset="", system="")
    usual, now = answering(context, bare), answering(context, session)
    if now is None or (usual is not None and usual.provider == now.provider):
        return ""
    return context.translate("models-company", provider=company(context, now.provider))


def at_home(context: BotContext, session: Session) -> Session:
    """Return a new session without the choices that would take it to another company."""
    if abroad(context, session):
        session = replace(session, provider=None, model_id=None)
    return replace(session, preset="", system="") if abroad(context, session) else session


def company(context: BotContext, provider: str) -> str:
    """Return a provider by its name and the machine that it is asked at."""
    urls = {each.name: each.base_url for each in context.services.config.providers}
    host = urlsplit(urls.get(provider, "")).hostname or ""
    host = "" if is_loopback(host) else host
    return context.translate("models-provider", provider=provider, host=host or "here")


def refitted(context: BotContext, session: Session) -> Session:
    """Return a session whose model has changed, its window judged anew; within the store's work."""
    plan = plan_for(context)
    first = first_candidate(context.catalogue, request_of_session(context.services, session, plan))
    return switch_model(session, window_of(context.services, first, plan.window))
