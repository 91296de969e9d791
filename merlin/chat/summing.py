"""Summing: a talk of any length is summed up by a model, piece by piece, each piece checked.

    known so far + next piece -> model -> checked -> known so far

What no check lets pass ends the whole: half a summary would be worse than none.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from merlin.chat.reply import Ending, Reply
from merlin.chat.summary import MOST_PARTS, Doubt, doubt_of, most_characters, parts
from merlin.core.log import get_logger
from merlin.core.message import Message
from merlin.core.text import text

log = get_logger(__name__)

TRIES = 2
# Asks a model one question, with the system text of the task.
Ask = Callable[[Message], Awaitable[Reply]]


@dataclass(slots=True)
class Summing:
    """One talk that is being summed up, in one language; `replies` are all that models said."""

    ask: Ask
    language: str
    replies: list[Reply] = field(default_factory=list)

    async def of(self, talk: Sequence[Message], earlier: str, room_tokens: int) -> str:
        """Return what was said in short, "" where no summary could be believed.

        `earlier` is the summary that the talk began with; a model takes `room_tokens` at once.
        """
        labels = (text(self.language, "sum-asked"), text(self.language, "sum-answered"))
        pieces = parts(talk, room_tokens, labels)
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
            doubt = doubt_of(reply.text, said)
            if doubt is None:
                return reply.text
            log.info("a summary is not believed", flaw=doubt.flaw.value)
            hint = self._hint(doubt, said)
        return ""

    def _hint(self, doubt: Doubt, said: str) -> str:
        most = str(most_characters(said))
        return text(self.language, f"sum-again-{doubt.flaw.value}", word=doubt.word, most=most)
