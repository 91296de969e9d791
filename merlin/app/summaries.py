"""Summary of a session by a model, and the new session that starts with it.

    summary so far + next piece -> model -> checked -> summary so far

Models sometimes invent details in a summary. What can be checked without another model is
checked: it is not empty, it is short, and the text contains each of its numbers and names. If
every attempt at a piece fails, there is no summary at all.
"""

import re
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import replace

from merlin.app.ask import (
    ChatQuestion,
    Conversation,
    ReachedCap,
    add_cost,
    add_reply_costs,
    asker_of,
    dataset_of,
    reserve,
    settle,
    window_of,
)
from merlin.app.context import Context
from merlin.billing.quota import Left
from merlin.chat.answer import AnswerObserver, AnswerService, Ending, Reply
from merlin.chat.model_catalogue import (
    ModelCatalogue,
    ModelRequest,
    candidates,
    find_first_candidate,
)
from merlin.chat.prompt import split_text
from merlin.chat.sessions import MAX_TURNS, SUMMARY, ChatPlace, Session, Sessions
from merlin.chat.turns import Question, StoredAnswer, Turns
from merlin.core.i18n import text
from merlin.core.log import get_logger
from merlin.core.messages import Message
from merlin.core.money import Cost

log = get_logger(__name__)

# The rest of the context window is for the task, the summary so far and the new one.
_ROOM_SHARE = 2


def begin(
    ctx: Context, question: ChatQuestion, session: Session
) -> Conversation | ReachedCap | Left:
    """Reserve the user's quota and return the conversation to sum up; else what prevents it."""
    asker = asker_of(ctx, question, dataset_of(ctx, session))
    refusal = reserve(ctx, asker, question.kind)
    if refusal is not None:
        return refusal
    request = ModelRequest(
        dataset=None,
        chosen=None,
        general=ctx.general,
        system=text(asker.language, "summary-system"),
        assistant=ctx.config.assistant,
    )
    history = Turns(ctx.db, ctx.bot_id).read_history(session.session_id, MAX_TURNS)
    candidate = find_first_candidate(ModelCatalogue(ctx.db), request)
    return Conversation(asker, session, history, request, candidate, window_of(ctx, candidate))


async def summarize_session(
    ctx: Context, task: Conversation, service: AnswerService, observer: AnswerObserver
) -> tuple[str, list[Reply]]:
    """Return the summary, "" if none passed the checks, and all replies of models."""

    async def ask(message: Message) -> Reply:
        route = candidates(ModelCatalogue(ctx.db), ctx.store, task.request, task.first)
        return await service.reply(route, (message,), observer)

    language, room_tokens = task.asker.language, task.limit // _ROOM_SHARE
    return await summarize(ask, language, task.history, task.session.summary, room_tokens)


def finish(
    ctx: Context, task: Conversation, place: ChatPlace, summary: str, replies: Sequence[Reply]
) -> bool:
    """Charge the question and open a new session with the summary; return whether it succeeded.

    Without a summary, or if the session was deleted meanwhile, the reservation is released.
    """
    old, sessions, language = task.session, Sessions(ctx.db, ctx.bot_id), task.asker.language
    has_summary = bool(summary) and sessions.switch(place, old.session_id) is not None
    settle(ctx, task.asker, None, is_answered=has_summary)
    _store_costs(ctx, task, replies)
    if not has_summary:
        return False
    new_session = sessions.renew(place)
    title = old.title if old.summary else text(language, "summary-title", title=old.title)
    sessions.change(
        replace(new_session, summary=text(language, "summary-earlier", summary=summary))
    )
    sessions.touch(new_session.session_id, title)
    return True


def _store_costs(ctx: Context, task: Conversation, replies: Sequence[Reply]) -> None:
    """Store the cost of the replies as a turn without text."""
    last_reply = next((reply for reply in reversed(replies) if reply.choice), None)
    if last_reply is None or last_reply.choice is None:
        return
    asker, turns = task.asker, Turns(ctx.db, ctx.bot_id)
    empty = StoredAnswer("", provider=last_reply.choice.provider, model_id=last_reply.model_id)
    answer = add_reply_costs(ctx, empty, replies)
    add_cost(ctx, asker.user_id, Cost(answer.cost_micro, answer.currency))
    question = Question(task.session.session_id, asker.number, asker.user_id, "", format=SUMMARY)
    turns.ask(question, None)
    turns.write(asker.number, answer)
    turns.mark_delivered(asker.number)


# A summary must be shorter than its text divided by this.
SHARE = 4
# Up to this length a summary always counts as short.
SHORT_CHARACTERS = 400
MAX_PARTS = 32
_MIN_NAME_LENGTH = 3
# The maximum length of a case ending of a Russian name.
_ENDING = 3
_NUMBER = re.compile(r"\d+")
_LIST_SIGN = re.compile(r"^\s*\d+[.)]\s", re.MULTILINE)
_DIGIT_SPACE = re.compile(r"(?<=\d)[ \u00a0\u202f](?=\d{3}\b)")
_LATIN, _CYRILLIC = re.compile("[a-z]"), re.compile("[а-ё]")
_WORD = re.compile(r"[^\W\d_][\w'’-]*")
# After these characters a capital does not mark a name.
_SENTENCE_ENDS = ".!?…:;\n"
_PUNCTUATION = " \t\u00a0«»\"'“”„()[]*_`#>•–—-"
_OWN_NAMES = frozenset({"merlin"})


def check_summary(summary: str, message: str) -> tuple[str, str] | None:
    """Return why `summary` of `message` is rejected, None if it is good.

    The reason is empty, long, number or name, with the word that shows it, "" for none.
    """
    if not summary.strip():
        return "empty", ""
    if len(summary) > summary_limit(message):
        return "long", ""
    known_numbers = {*_NUMBER.findall(message), *_NUMBER.findall(_DIGIT_SPACE.sub("", message))}
    numbers = _NUMBER.findall(_DIGIT_SPACE.sub("", _LIST_SIGN.sub("", summary)))
    number = next((candidate for candidate in numbers if candidate not in known_numbers), None)
    if number is not None:
        return "number", number
    folded = message.casefold()
    # The surplus of Latin over Cyrillic letters, counted once: long texts take a moment.
    latin_lead = len(_LATIN.findall(folded)) - len(_CYRILLIC.findall(folded))
    for name in _names(summary):
        if not _contains_name(name, folded, latin_lead):
            return "name", name
    return None


def summary_limit(message: str) -> int:
    """Return the maximum length of a summary, in characters."""
    return max(len(message) // SHARE, SHORT_CHARACTERS)


def _names(summary: str) -> Iterator[str]:
    """Yield the words that are names, judged by their capital letter."""
    for match in _WORD.finditer(summary):
        word, before = match.group(), summary[: match.start()].rstrip(_PUNCTUATION)
        is_first = not before or before[-1] in _SENTENCE_ENDS
        if not is_first and len(word) >= _MIN_NAME_LENGTH and word[0].isupper():
            yield word


def _contains_name(name: str, message: str, latin_lead: int) -> bool:
    """Return whether the text contains a name, in any case; True for a name in another script.

    A transliterated name cannot be looked up.
    """
    folded = name.casefold()
    is_same_script = latin_lead >= 0 if "a" <= folded[0] <= "z" else latin_lead <= 0
    if folded in _OWN_NAMES or not is_same_script:
        return True
    return folded[: max(_MIN_NAME_LENGTH, len(folded) - _ENDING)] in message


TRIES = 2
# Sends a model one message, with the system text of the task.
Ask = Callable[[Message], Awaitable[Reply]]


async def summarize(
    ask: Ask, language: str, conversation: Sequence[Message], earlier: str, room_tokens: int
) -> tuple[str, list[Reply]]:
    """Return a summary, "" if none passed the checks, and all replies to `ask`.

    `earlier` is the summary that the session began with; a model takes `room_tokens` at once.
    """
    replies: list[Reply] = []
    labels = (text(language, "summary-question"), text(language, "summary-answer"))
    paragraphs = (
        f"{labels[message.role != 'user']}: {message.content}" for message in conversation
    )
    pieces = split_text("\n\n".join(paragraphs), max(room_tokens, 1))
    if len(pieces) > MAX_PARTS:
        log.warning("a conversation is too long to summarise", parts=len(pieces))
        return "", replies
    summary = earlier
    for piece in pieces:
        passage = f"{summary}\n\n{piece}" if summary else piece
        summary = await _summarize_piece(ask, language, passage, replies)
        if not summary:
            break
    return summary, replies


async def _summarize_piece(ask: Ask, language: str, message: str, replies: list[Reply]) -> str:
    hint = ""
    for _ in range(TRIES):
        reply = await ask(Message("user", f"{message}\n\n{hint}" if hint else message))
        replies.append(reply)
        if reply.ending not in {Ending.WHOLE, Ending.EMPTY}:
            break
        problem = check_summary(reply.text, message)
        if problem is None:
            return reply.text
        flaw, word = problem
        log.info("a summary was discarded", flaw=flaw)
        limit = str(summary_limit(message))
        hint = text(language, f"summary-again-{flaw}", word=word, most=limit)
    return ""
