"""Summing up a session: who may, by which models, and the new session that knows the summary."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from merlin.app.ask import (
    Asker,
    ChatQuestion,
    Over,
    add_cost,
    asker_of,
    dataset_of,
    reserve,
    settle,
    window_of,
    with_spent,
)
from merlin.app.context import Context
from merlin.billing.quota import Left
from merlin.chat.answer import AnswerObserver, AnswerService, Reply
from merlin.chat.model_catalogue import (
    Candidate,
    ModelCatalogue,
    ModelRequest,
    candidates,
    first_candidate,
)
from merlin.chat.sessions import MOST_TURNS, SUMMARY, ChatPlace, Session, Sessions
from merlin.chat.summary import summarize
from merlin.chat.turns import Question, StoredAnswer, Turns
from merlin.core.i18n import text
from merlin.core.messages import Message
from merlin.core.money import Cost

# The rest is for the task, for what is known so far and for the summary.
_ROOM_SHARE = 2


@dataclass(frozen=True, slots=True)
class SummaryTask:
    """What is to be summed up, for whom, and by which models."""

    asker: Asker
    session: Session
    history: Sequence[Message]
    request: ModelRequest
    first: Candidate | None


def begin(ctx: Context, question: ChatQuestion, session: Session) -> SummaryTask | Over | Left:
    """Return what there is to do, reserved in the person's plan; else what stands in the way."""
    asker = asker_of(ctx, question, dataset_of(ctx, session))
    refusal = reserve(ctx, asker, question.kind)
    if refusal is not None:
        return refusal
    request = ModelRequest(
        dataset=None,
        chosen=None,
        general=ctx.general,
        system=text(asker.language, "sum-system"),
        assistant=ctx.config.assistant,
    )
    history = Turns(ctx.db, ctx.bot_id).history(session.session_id, MOST_TURNS)
    first = first_candidate(ModelCatalogue(ctx.db), request)
    return SummaryTask(asker, session, history, request, first)


async def summarize_session(
    ctx: Context, task: SummaryTask, service: AnswerService, onlooker: AnswerObserver
) -> tuple[str, list[Reply]]:
    """Return the session in short, "" where no summary could be believed; all that models said."""

    async def ask(asked: Message) -> Reply:
        route = candidates(ModelCatalogue(ctx.db), ctx.store, task.request, task.first)
        return await service.reply(route, (asked,), onlooker)

    room_tokens = window_of(ctx, task.first) // _ROOM_SHARE
    earlier = task.session.summary
    return await summarize(ask, task.asker.language, task.history, earlier, room_tokens)


def finish(
    ctx: Context, task: SummaryTask, place: ChatPlace, summary: str, replies: Sequence[Reply]
) -> None:
    """Charge the question, or give it back; open the session that knows the summary."""
    settle(ctx, task.asker, None, is_answered=bool(summary))
    _store_costs(ctx, task, replies)
    if not summary:
        return
    old, sessions, language = task.session, Sessions(ctx.db, ctx.bot_id), task.asker.language
    sessions.switch(place, old.session_id)
    new = sessions.renew(place)
    title = old.title if old.summary else text(language, "sum-title", title=old.title)
    sessions.change(replace(new, summary=text(language, "sum-known", summary=summary)))
    sessions.touch(new.session_id, title)


def _store_costs(ctx: Context, task: SummaryTask, replies: Sequence[Reply]) -> None:
    """Keep what the models took for it, as a turn without words."""
    last = next((each for each in reversed(replies) if each.choice), None)
    if last is None or last.choice is None:
        return
    asker, turns = task.asker, Turns(ctx.db, ctx.bot_id)
    bare = StoredAnswer("", provider=last.choice.provider, model_id=last.model_id)
    written = with_spent(ctx, bare, replies)
    add_cost(ctx, asker.user_id, Cost(written.cost_micro, written.currency))
    question = Question(task.session.session_id, asker.number, asker.user_id, "", format=SUMMARY)
    turns.ask(question, None)
    turns.write(asker.number, written)
    turns.mark_delivered(asker.number)
