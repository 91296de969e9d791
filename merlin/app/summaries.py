"""Summing up a session: who may, by which models, and the new session that knows the summary.

    known so far + next piece -> model -> checked -> known so far

A model that shortens invents now and then. What can be proven without another model is proven:
that there are words, that they are few, and that every number and name in them was said. If a
piece passes no check, there is no summary: half of one would be worse than none.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

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
from merlin.chat.answer import AnswerObserver, AnswerService, Ending, Reply
from merlin.chat.model_catalogue import (
    Candidate,
    ModelCatalogue,
    ModelRequest,
    candidates,
    first_candidate,
)
from merlin.chat.prompt import split_text
from merlin.chat.sessions import MAX_TURNS, SUMMARY, ChatPlace, Session, Sessions
from merlin.chat.turns import Question, StoredAnswer, Turns
from merlin.core.i18n import text
from merlin.core.log import get_logger
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
    history = Turns(ctx.db, ctx.bot_id).history(session.session_id, MAX_TURNS)
    first = first_candidate(ModelCatalogue(ctx.db), request)
    return SummaryTask(asker, session, history, request, first)


async def summarize_session(
    ctx: Context, task: SummaryTask, service: AnswerService, onlooker: AnswerObserver
) -> tuple[str, list[Reply]]:
    """Return the session in short, "" where no summary could be believed; all that models said."""

    async def ask(message: Message) -> Reply:
        route = candidates(ModelCatalogue(ctx.db), ctx.store, task.request, task.first)
        return await service.reply(route, (message,), onlooker)

    room_tokens = window_of(ctx, task.first) // _ROOM_SHARE
    earlier = task.session.summary
    return await summarize(ask, task.asker.language, task.history, earlier, room_tokens)


def finish(
    ctx: Context, task: SummaryTask, place: ChatPlace, summary: str, replies: Sequence[Reply]
) -> bool:
    """Charge the question, and open the session that knows the summary; return whether it is.

    Without a summary, or with its session deleted meanwhile, the question is given back.
    """
    old, sessions, language = task.session, Sessions(ctx.db, ctx.bot_id), task.asker.language
    is_done = bool(summary) and sessions.switch(place, old.session_id) is not None
    settle(ctx, task.asker, None, is_answered=is_done)
    _store_costs(ctx, task, replies)
    if not is_done:
        return False
    new = sessions.renew(place)
    title = old.title if old.summary else text(language, "sum-title", title=old.title)
    sessions.change(replace(new, summary=text(language, "sum-known", summary=summary)))
    sessions.touch(new.session_id, title)
    return True


def _store_costs(ctx: Context, task: SummaryTask, replies: Sequence[Reply]) -> None:
    """Keep what the models took for it, as a turn without words."""
    last = next((reply for reply in reversed(replies) if reply.choice), None)
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


# The summary is to be shorter than one part in so many of what it stands for.
SHARE = 4
# What is so short needs no proof of shortness.
SHORT_CHARACTERS = 400
MAX_PARTS = 32
_MIN_NAME_LENGTH = 3
# Russian names change their ends by case, at most so much.
_ENDING = 3
_NUMBER = re.compile(r"\d+")
_LIST_SIGN = re.compile(r"^\s*\d+[.)]\s", re.MULTILINE)
_SPACED = re.compile(r"(?<=\d)[ \u00a0\u202f](?=\d{3}\b)")
_LATIN, _CYRILLIC = re.compile("[a-z]"), re.compile("[а-ё]")
_WORD = re.compile(r"[^\W\d_][\w'’-]*")
# A capital behind these is no sign of a name.
_BEGINNING = ".!?…:;\n"
_AROUND = " \t\u00a0«»\"'“”„()[]*_`#>•–—-"
_OWN = frozenset({"merlin"})


@dataclass(frozen=True, slots=True)
class SummaryProblem:
    """Why a summary is not believed, and the word that shows it, "" for none."""

    flaw: Literal["empty", "long", "number", "name"]
    word: str = ""


def check_summary(summary: str, message: str) -> SummaryProblem | None:
    """Return why `summary` of what was `message` is not to be believed, None for nothing found."""
    if not summary.strip():
        return SummaryProblem("empty")
    if len(summary) > summary_limit(message):
        return SummaryProblem("long")
    known = {*_NUMBER.findall(message), *_NUMBER.findall(_SPACED.sub("", message))}
    numbers = _NUMBER.findall(_SPACED.sub("", _LIST_SIGN.sub("", summary)))
    number = next((each for each in numbers if each not in known), None)
    if number is not None:
        return SummaryProblem("number", number)
    low = message.casefold()
    # By how many letters Latin script leads over Cyrillic; long talks take a moment.
    lead = len(_LATIN.findall(low)) - len(_CYRILLIC.findall(low))
    name = next((each for each in _names(summary) if not _is_said(each, low, lead)), None)
    return SummaryProblem("name", name) if name is not None else None


def summary_limit(message: str) -> int:
    """Return how long a summary may be."""
    return max(len(message) // SHARE, SHORT_CHARACTERS)


def _names(summary: str) -> Iterator[str]:
    """Yield the words that a capital marks as names."""
    for found in _WORD.finditer(summary):
        word, before = found.group(), summary[: found.start()].rstrip(_AROUND)
        is_first = not before or before[-1] in _BEGINNING
        if not is_first and len(word) >= _MIN_NAME_LENGTH and word[0].isupper():
            yield word


def _is_said(name: str, message: str, lead: int) -> bool:
    """Return whether a name was said, in any case; True where it is of another script.

    Names of another script than that of the talk are written in a way nobody can look up.
    """
    low = name.casefold()
    is_of_talk = lead >= 0 if "a" <= low[0] <= "z" else lead <= 0
    if low in _OWN or not is_of_talk:
        return True
    return low[: max(_MIN_NAME_LENGTH, len(low) - _ENDING)] in message


def split_conversation(
    talk: Sequence[Message], room_tokens: int, labels: tuple[str, str]
) -> list[str]:
    """Return the talk as texts that take `room_tokens` at most, oldest first.

    `labels` stand before what the person said and before what was answered.
    """
    paragraphs = (f"{labels[message.role != 'user']}: {message.content}" for message in talk)
    return split_text("\n\n".join(paragraphs), max(room_tokens, 1))


log = get_logger(__name__)

TRIES = 2
# Asks a model one question, with the system text of the task.
Ask = Callable[[Message], Awaitable[Reply]]


async def summarize(
    ask: Ask, language: str, talk: Sequence[Message], earlier: str, room_tokens: int
) -> tuple[str, list[Reply]]:
    """Return what was said in short, "" where no summary could be believed; all replies to `ask`.

    `earlier` is the summary that the talk began with; a model takes `room_tokens` at once.
    """
    replies: list[Reply] = []
    labels = (text(language, "sum-asked"), text(language, "sum-answered"))
    pieces = split_conversation(talk, room_tokens, labels)
    if len(pieces) > MAX_PARTS:
        log.warning("a talk is too long to be summed up", parts=len(pieces))
        return "", replies
    known = earlier
    for piece in pieces:
        passage = f"{known}\n\n{piece}" if known else piece
        known = await _sum_up_piece(ask, language, passage, replies)
        if not known:
            break
    return known, replies


async def _sum_up_piece(ask: Ask, language: str, message: str, replies: list[Reply]) -> str:
    hint = ""
    for _ in range(TRIES):
        reply = await ask(Message("user", f"{message}\n\n{hint}" if hint else message))
        replies.append(reply)
        if reply.ending not in {Ending.WHOLE, Ending.EMPTY}:
            break
        doubt = check_summary(reply.text, message)
        if doubt is None:
            return reply.text
        log.info("a summary is not believed", flaw=doubt.flaw)
        most = str(summary_limit(message))
        hint = text(language, f"sum-again-{doubt.flaw}", word=doubt.word, most=most)
    return ""
