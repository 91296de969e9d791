"""Prompting: from what a source found to what a model is asked, short enough for its window.

A long document is told in short part by part, and the person sees how far that has come.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from merlin.bot.event import Event
from merlin.bot.handlers.answer.asking import Talk, before, window_of
from merlin.bot.kit import Kit
from merlin.chat.condense import MOST_PARTS, Measure, Part, Short, condense, fits_into
from merlin.chat.desk import Onlooker
from merlin.chat.document import wrapped
from merlin.chat.prompt import Paper, Prompt, folded
from merlin.chat.reply import Reply
from merlin.chat.route import Choice, Standing, only
from merlin.chat.window import estimate, size
from merlin.core.errors import Refused
from merlin.core.message import Message
from merlin.core.text import text

# The rest of the window is for the answer and for what the estimate is wrong by.
MATERIAL_SHARE = 0.75
# However much was said before, a document gets so much; what does not fit then is left behind.
LEAST_SHARE = 0.25
PART_SHARE = 0.5
QUESTION_LENGTH = 500


async def fitted(kit: Kit, event: Event, talk: Talk, prompt: Prompt, onlooker: Onlooker) -> Prompt:
    """Return the prompt with its papers as a part of its text, in short where they are long.

    Raises Refused when the model that tells parts in short does not answer.
    """
    prompt = _for_papers(kit, event, talk, prompt)
    if prompt.format == "text" or prompt.images:
        return prompt
    room, part_tokens = await kit.store.read(lambda: _room(kit, talk, prompt))
    if prompt.format == "voice" and not prompt.papers and not fits_into(prompt.text, room):
        wish = text(event.language, "media-ask-voice")
        prompt = replace(prompt, text=wish, papers=(Paper("voice", prompt.text),))
    if fits_into("".join(paper.text for paper in prompt.papers), room):
        return folded(prompt)
    count = len(prompt.papers)
    measure = Measure(part_tokens, max(room // count, 1), max(MOST_PARTS // count, 1))
    return await _Reader(kit, event, prompt, onlooker).in_short(measure)


def _for_papers(kit: Kit, event: Event, talk: Talk, prompt: Prompt) -> Prompt:
    """Let a model that reads answer for documents, unless the session has chosen its own.

    Under a preset the system text says what is to be done with a document without a caption.
    """
    if not prompt.papers and prompt.format != "document":
        return prompt
    if talk.wish.system:
        return prompt if event.text else replace(prompt, text="")
    return prompt if talk.wish.chosen else replace(prompt, model=kit.services.assistant)


def _room(kit: Kit, talk: Talk, prompt: Prompt) -> tuple[int, int]:
    """Return the tokens for the papers, and for a part of one; within the store's work."""
    choice = Choice(Standing.CHOSEN, *prompt.model) if prompt.model else talk.first
    window = min(window_of(kit, choice), talk.limit)
    own = 0 if prompt.format == "voice" else estimate(Message("user", prompt.text))
    room = int(window * MATERIAL_SHARE) - size(before(talk)) - own
    helper = _helper(kit, prompt)
    part = int(window_of(kit, helper) * PART_SHARE) if helper else window
    return max(room, int(window * LEAST_SHARE), 1), max(part, 1)


def _helper(kit: Kit, prompt: Prompt) -> Choice | None:
    """Return the model that tells parts in short."""
    services = kit.services
    named = prompt.model or services.assistant or next(iter(services.general), None)
    return Choice(Standing.CHOSEN, *named) if named else None


class _Aside:
    """Fulfils `chat.desk.Onlooker`: what is said of a part is not for the person's eyes."""

    def wrote(self, text: str) -> None:
        """Show nothing."""

    def waits(self) -> None:
        """Show nothing."""


@dataclass(frozen=True, slots=True)
class _Reader:
    """Tells the papers of one prompt in short."""

    kit: Kit
    event: Event
    prompt: Prompt
    onlooker: Onlooker

    async def in_short(self, measure: Measure) -> Prompt:
        """Return the prompt with its long papers in short, and with what that took."""
        spent: list[Reply] = []
        papers: list[Paper] = []
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
        return replace(folded(self.prompt, papers), note=note, spent=tuple(spent))

    async def _short(self, paper: Paper, measure: Measure, spent: list[Reply]) -> Short:
        async def tell(part: Part) -> str:
            reply = await self._asked(paper, part)
            spent.append(reply)
            if not reply.text:
                raise Refused("a part was not told", "media-part-failed", part=part.number)
            return reply.text

        def progress(done: int, count: int) -> None:
            part = min(done + 1, count)
            self.onlooker.wrote(self._said("media-progress", part=part, parts=count))

        return await condense(paper.text, measure, tell, progress)

    async def _asked(self, paper: Paper, part: Part) -> Reply:
        helper = _helper(self.kit, self.prompt)
        if helper is None:
            raise Refused("no model to read with", "bot-nobody")
        question = self.prompt.text[:QUESTION_LENGTH]
        wish = self._said(
            "media-part-wish", part=part.number, parts=part.count, question=question or "—"
        )
        asked = Message("user", f"{wish}\n\n{wrapped(part.text, paper.name)}")
        return await self.kit.desk.reply(only(helper), (asked,), _Aside())

    def _said(self, key: str, **arguments: object) -> str:
        return text(self.event.language, key, **arguments)
