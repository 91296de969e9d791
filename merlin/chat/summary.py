"""Sum up a session; the summary is checked before it replaces turns.

    known so far + next piece -> model -> checked -> known so far

A model that shortens invents now and then. What can be proven without another model is proven:
that there are words, that they are few, and that every number and name in them was said. If a
piece passes no check, there is no summary: half of one would be worse than none.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

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


class SummaryFault(StrEnum):
    """Why a summary is not believed."""

    EMPTY = "empty"
    LONG = "long"
    NUMBER = "number"
    NAME = "name"


@dataclass(frozen=True, slots=True)
class SummaryProblem:
    """A flaw, and the word that shows it, "" for none."""

    flaw: SummaryFault
    word: str = ""


def check_summary(summary: str, said: str) -> SummaryProblem | None:
    """Return why `summary` of what was `said` is not to be believed, None for nothing found."""
    if not summary.strip():
        return SummaryProblem(SummaryFault.EMPTY)
    if len(summary) > summary_limit(said):
        return SummaryProblem(SummaryFault.LONG)
    known = _said_numbers(said)
    number = next((each for each in _numbers(summary) if each not in known), None)
    if number is not None:
        return SummaryProblem(SummaryFault.NUMBER, number)
    low = said.casefold()
    lead = _lead(low)
    name = next((each for each in _names(summary) if not _is_said(each, low, lead)), None)
    return SummaryProblem(SummaryFault.NAME, name) if name is not None else None


def summary_limit(said: str) -> int:
    """Return how long a summary may be."""
    return max(len(said) // SHARE, SHORT_CHARACTERS)


def _numbers(summary: str) -> list[str]:
    return _NUMBER.findall(_SPACED.sub("", _LIST_SIGN.sub("", summary)))


def _said_numbers(said: str) -> frozenset[str]:
    return frozenset(_NUMBER.findall(said)) | frozenset(_NUMBER.findall(_SPACED.sub("", said)))


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


def _lead(said: str) -> int:
    """Return by how many letters Latin script leads over Cyrillic; long talks take a moment."""
    return len(_LATIN.findall(said)) - len(_CYRILLIC.findall(said))


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


@dataclass(slots=True)
class Summarizer:
    """One talk that is being summed up, in one language; `replies` are all that models said."""

    ask: Ask
    language: str
    replies: list[Reply] = field(default_factory=list)

    async def of(self, talk: Sequence[Message], earlier: str, room_tokens: int) -> str:
        """Return what was said in short, "" where no summary could be believed.

        `earlier` is the summary that the talk began with; a model takes `room_tokens` at once.
        """
        labels = (text(self.language, "sum-asked"), text(self.language, "sum-answered"))
        pieces = split_conversation(talk, room_tokens, labels)
        if len(pieces) > MOST_PARTS:
            log.warning("a talk is too long to be summed up", parts=len(pieces))
            return ""
        known = earlier
        for piece in pieces:
            known = await self._piece(f"{known}\n\n{piece}" if known else piece)
            if not known:
                return ""
        return known

    async def _piece(self, said: str) -> str:
        hint = ""
        for _ in range(TRIES):
            reply = await self.ask(Message("user", f"{said}\n\n{hint}" if hint else said))
            self.replies.append(reply)
            if reply.ending not in {Ending.WHOLE, Ending.EMPTY}:
                break
            doubt = check_summary(reply.text, said)
            if doubt is None:
                return reply.text
            log.info("a summary is not believed", flaw=doubt.flaw.value)
            hint = self._hint(doubt, said)
        return ""

    def _hint(self, doubt: SummaryProblem, said: str) -> str:
        most = str(summary_limit(said))
        return text(self.language, f"sum-again-{doubt.flaw.value}", word=doubt.word, most=most)
