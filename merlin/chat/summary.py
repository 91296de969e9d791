"""Sum up a session; the summary is checked before it replaces turns.

    known so far + next piece -> model -> checked -> known so far

A model that shortens invents now and then. What can be proven without another model is proven:
that there are words, that they are few, and that every number and name in them was said. If a
piece passes no check, there is no summary: half of one would be worse than none.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from merlin.chat.answer import Ending, Reply
from merlin.chat.prompt import split_text
from merlin.core.i18n import text
from merlin.core.log import get_logger
from merlin.core.messages import Message

# The summary is to be shorter than one part in so many of what it stands for.
SHARE = 4
# What is so short needs no proof of shortness.
SHORT_CHARACTERS = 400
MOST_PARTS = 32
_LEAST_NAME = 3
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


def check_summary(summary: str, said: str) -> SummaryProblem | None:
    """Return why `summary` of what was `said` is not to be believed, None for nothing found."""
    if not summary.strip():
        return SummaryProblem("empty")
    if len(summary) > summary_limit(said):
        return SummaryProblem("long")
    known = {*_NUMBER.findall(said), *_NUMBER.findall(_SPACED.sub("", said))}
    numbers = _NUMBER.findall(_SPACED.sub("", _LIST_SIGN.sub("", summary)))
    number = next((each for each in numbers if each not in known), None)
    if number is not None:
        return SummaryProblem("number", number)
    low = said.casefold()
    # By how many letters Latin script leads over Cyrillic; long talks take a moment.
    lead = len(_LATIN.findall(low)) - len(_CYRILLIC.findall(low))
    name = next((each for each in _names(summary) if not _is_said(each, low, lead)), None)
    return SummaryProblem("name", name) if name is not None else None


def summary_limit(said: str) -> int:
    """Return how long a summary may be."""
    return max(len(said) // SHARE, SHORT_CHARACTERS)


def _names(summary: str) -> Iterator[str]:
    """Yield the words that a capital marks as names."""
    for found in _WORD.finditer(summary):
        word, before = found.group(), summary[: found.start()].rstrip(_AROUND)
        is_first = not before or before[-1] in _BEGINNING
        if not is_first and len(word) >= _LEAST_NAME and word[0].isupper():
            yield word


def _is_said(name: str, said: str, lead: int) -> bool:
    """Return whether a name was said, in any case; True where it is of another script.

    Names of another script than that of the talk are written in a way nobody can look up.
    """
    low = name.casefold()
    is_of_talk = lead >= 0 if "a" <= low[0] <= "z" else lead <= 0
    if low in _OWN or not is_of_talk:
        return True
    return low[: max(_LEAST_NAME, len(low) - _ENDING)] in said


def split_conversation(
    talk: Sequence[Message], room_tokens: int, labels: tuple[str, str]
) -> list[str]:
    """Return the talk as texts that take `room_tokens` at most, oldest first.

    `labels` stand before what the person said and before what was answered.
    """
    said = (f"{labels[message.role != 'user']}: {message.content}" for message in talk)
    return split_text("\n\n".join(said), max(room_tokens, 1))


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
    if len(pieces) > MOST_PARTS:
        log.warning("a talk is too long to be summed up", parts=len(pieces))
        return "", replies
    known = earlier
    for piece in pieces:
        said = f"{known}\n\n{piece}" if known else piece
        known = await _sum_up_piece(ask, language, said, replies)
        if not known:
            break
    return known, replies


async def _sum_up_piece(ask: Ask, language: str, said: str, replies: list[Reply]) -> str:
    hint = ""
    for _ in range(TRIES):
        reply = await ask(Message("user", f"{said}\n\n{hint}" if hint else said))
        replies.append(reply)
        if reply.ending not in {Ending.WHOLE, Ending.EMPTY}:
            break
        doubt = check_summary(reply.text, said)
        if doubt is None:
            return reply.text
        log.info("a summary is not believed", flaw=doubt.flaw)
        most = str(summary_limit(said))
        hint = text(language, f"sum-again-{doubt.flaw}", word=doubt.word, most=most)
    return ""
