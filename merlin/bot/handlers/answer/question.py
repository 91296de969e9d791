"""A question: asked of a model, and answered by exactly one whole answer.

    placeholder sent -> stored \
                                answer stored -> placeholder edited -> stored
    reserved -> asked ---------/

Every step is found again after a kill: a stored placeholder is written into, a stored answer is
not asked for again, and the final edit may be repeated. No answer is stored or shown before its
placeholder is stored; where that fails, the asking ends. Without streaming there is no placeholder
and the whole answer goes through the outbox.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

from merlin.bot import offers
from merlin.bot.action import Typing
from merlin.bot.aside import both
from merlin.bot.drafting import Drafting
from merlin.bot.event import Event
from merlin.bot.handlers.answer.allowance import settle
from merlin.bot.handlers.answer.asking import Answer, Talk, ask, keep, shown_name, talk_of
from merlin.bot.handlers.answer.prompting import fitted
from merlin.bot.handlers.talk.threads import name_topic
from merlin.bot.kit import Kit, page_letters, spot_of
from merlin.bot.pen import Pen, Sheet
from merlin.bot.sender import After
from merlin.bot.services import DRAFTS, EDITS
from merlin.bot.shown import draw, pages
from merlin.bot.words import written as words_of
from merlin.chat.desk import Onlooker
from merlin.chat.preset import VOICE
from merlin.chat.prompt import Prompt
from merlin.chat.reply import Ending, Reply
from merlin.chat.stop import Stop
from merlin.chat.turn import Question, Turn, Written
from merlin.core.errors import MerlinError
from merlin.core.killpoint import reached
from merlin.core.page import Page
from merlin.core.text import text
from merlin.inbox.outgoing import Outgoing
from merlin.inbox.update import UpdateState

PLACEHOLDER = "…"
QUOTED_LENGTH = 1000
# What makes a prompt of a message: reads files, listens. Raises MerlinError with its text's key.
Source = Callable[[Kit, Event], Awaitable[Prompt]]


async def words_alone(_kit: Kit, event: Event) -> Prompt:
    """Return a text message as a prompt, with what it replies to."""
    if not event.quoted:
        return Prompt(event.text)
    quoted = "\n".join(f"> {line}" for line in event.quoted[:QUOTED_LENGTH].splitlines())
    return Prompt(f"{quoted}\n\n{event.text}")


async def answer_question(kit: Kit, event: Event, source: Source = words_alone) -> None:
    """Answer a message, wherever it was left. Raises Unreachable."""
    turn = await _found(kit, event)
    if turn is not None and turn.written is not None:
        await _show(kit, event, turn, turn.written)
    elif _grows(kit, event) or (turn is not None and turn.placeholder_id is not None):
        await _answer_by_edits(kit, event, turn, source)
    else:
        await _answer_at_once(kit, event, source)
    await name_topic(kit, event)


async def give_up(kit: Kit, event: Event) -> None:
    """Say that no answer will come, in the placeholder where there is one. Raises Unreachable."""
    sorry = Written("", text(event.language, "bot-failed"), UpdateState.FAILED, offer=offers.NONE)
    turn = await _found(kit, replace(event, is_resumed=True))
    await kit.store.do(lambda: _excuse(kit, event, sorry))
    if turn is not None and turn.written is None:
        await _show(kit, event, turn, sorry)
        return
    placeholder_id = kit.placed.pop(event.update_id, 0)
    spot = replace(spot_of(event), edit_of=placeholder_id)
    letter = page_letters(event, [Page(sorry.note)], spot)[0]
    letter = replace(letter, key=f"update:{event.update_id}:sorry")
    await kit.sender.deliver(
        lambda: kit.rows.outbox.put([letter]), _end(kit, event, sorry), event.language
    )


def _excuse(kit: Kit, event: Event, sorry: Written) -> None:
    """Let a question that is given up not count; an answer that is stored already stays."""
    kit.rows.turns.write(event.update_id, sorry)
    settle(kit, event, sorry)


async def _found(kit: Kit, event: Event) -> Turn | None:
    if not event.is_resumed:
        return None
    return await kit.store.read(lambda: kit.rows.turns.find(event.update_id))


async def _answer_by_edits(kit: Kit, event: Event, turn: Turn | None, source: Source) -> None:
    talk = await talk_of(kit, event)
    pen = _pen(kit, event)
    placing = asyncio.ensure_future(_placed(kit, event, turn, pen))
    try:
        stored, answer = await _asked(kit, event, talk, source, (pen, placing))
    except Exception:
        # One that is on its way is known to the next try.
        await placing
        raise
    finally:
        placing.cancel()
    # Drawn while it is stored, shown once it is.
    storing = kit.store.do(lambda: keep(kit, event, answer))
    _, parts = await both(storing, _drawn(kit, event, stored, answer.written))
    await _stand(kit, event, stored, answer.written, parts)


def _pen(kit: Kit, event: Event) -> Pen:
    pace = kit.services.pace
    gap_s = pace.private_edit_s if event.is_private else pace.group_edit_s
    sheet = Sheet(event.chat_id, offers.stop_button(event.language, event.update_id))
    return Pen(kit.calls, sheet, gap_s, text(event.language, "bot-waiting"))


async def _placed(kit: Kit, event: Event, turn: Turn | None, pen: Pen) -> int:
    """Return the placeholder's message, an earlier try's where there is one."""
    message_id = turn.placeholder_id if turn is not None else None
    message_id = message_id or kit.placed.get(event.update_id) or await _place(kit, event)
    pen.stands(message_id)
    return message_id


async def _place(kit: Kit, event: Event) -> int:
    stop = offers.stop_button(event.language, event.update_id)
    page = Page(PLACEHOLDER, buttons=((stop,),))
    message_id = await kit.calls.place(event.chat_id, page, spot_of(event))
    kit.placed[event.update_id] = message_id
    reached("placeholder.sent")
    return message_id


async def _asked(
    kit: Kit, event: Event, talk: Talk, source: Source, paper: tuple[Pen, Awaitable[int]]
) -> tuple[Turn, Answer]:
    """Return the turn and its answer, which is asked for while its placeholder is stored."""
    pen, placing = paper

    async def record(prompt: Prompt) -> Turn:
        question, placeholder_id = _question(event, talk, prompt), await placing
        stored = await kit.store.do(lambda: kit.rows.turns.ask(question, placeholder_id))
        kit.placed.pop(event.update_id, None)
        reached("placeholder.recorded")
        return stored

    async with pen:
        with _stoppable(kit, event) as stop:
            if event.sent is not None:
                # Fetching, listening and reading take their time.
                await record(Prompt(event.text, event.format))
            prompt, refusal = await _prompt(kit, event, talk, source, (pen, stop))
            if refusal is not None:
                return await record(prompt), refusal
            return await both(record(prompt), ask(kit, event, talk, prompt, (pen, stop)))


async def _answer_at_once(kit: Kit, event: Event, source: Source) -> None:
    talk = await talk_of(kit, event)
    async with _unseen(kit, event) as onlooker:
        with _stoppable(kit, event) as stop:
            prompt, refusal = await _prompt(kit, event, talk, source, (onlooker, stop))
            answer = refusal or await ask(kit, event, talk, prompt, (onlooker, stop))

    def prepare() -> Sequence[Outgoing]:
        turn = kit.rows.turns.ask(_question(event, talk, prompt), None)
        keep(kit, event, answer)
        shown = _pages(kit, event, turn, answer.written)
        return kit.rows.outbox.put(page_letters(event, shown))

    await kit.sender.deliver(prepare, _end(kit, event, answer.written), event.language)


def _grows(kit: Kit, event: Event) -> bool:
    """Return whether the answer grows in a message of its own."""
    streaming = kit.services.streaming
    return streaming == EDITS or (streaming == DRAFTS and not event.is_private)


def _unseen(kit: Kit, event: Event) -> Drafting | Typing:
    """Return what shows that an answer is written for which no message stands yet."""
    pace = kit.services.pace
    if kit.services.streaming == DRAFTS:
        return Drafting(kit.calls, event.place, event.update_id, pace.private_edit_s)
    return Typing(kit.calls, event.place, pace.typing_s)


@contextmanager
def _stoppable(kit: Kit, event: Event) -> Iterator[Stop]:
    try:
        yield kit.stops.begin(event.update_id, event.user_id)
    finally:
        kit.stops.end(event.update_id)


async def _prompt(
    kit: Kit, event: Event, talk: Talk, source: Source, looks: tuple[Onlooker, Stop]
) -> tuple[Prompt, Answer | None]:
    """Return what is asked, and the answer already where there is nothing to ask."""
    plain = Prompt(event.text, event.format)
    if talk.refusal is not None:
        return plain, Answer(talk.refusal, talk.session)
    onlooker, stop = looks
    making = asyncio.ensure_future(_made(kit, event, talk, source, onlooker))
    stop.ends(making)
    try:
        return await making, None
    except MerlinError as error:
        words = text(event.language, error.key, **error.arguments)
        refusal = Written("", words, UpdateState.REFUSED, offer=offers.NONE)
    except asyncio.CancelledError:
        if not (stop.is_pressed and making.cancelled()):
            raise
        refusal = words_of(Reply(Ending.STOPPED), event.language, None)
    return plain, Answer(refusal, talk.session)


async def _made(kit: Kit, event: Event, talk: Talk, source: Source, onlooker: Onlooker) -> Prompt:
    if event.format != "text":
        onlooker.wrote(text(event.language, "media-at-it", kind=event.format))
    return await fitted(kit, event, talk, await source(kit, event), onlooker)


def _question(event: Event, talk: Talk, prompt: Prompt) -> Question:
    return Question(
        session_id=talk.session.session_id,
        update_id=event.update_id,
        user_id=event.user_id,
        text=prompt.text,
        message_id=event.message_id,
        format=prompt.format,
        asker=shown_name(event),
    )


async def _drawn(kit: Kit, event: Event, turn: Turn, written: Written) -> list[Page]:
    """Return the messages that the answer takes."""
    if turn.question.format == "voice":
        return await kit.store.read(lambda: _pages(kit, event, turn, written))
    return await draw(lambda: pages(turn, written, event.language), len(written.answer))


async def _show(kit: Kit, event: Event, turn: Turn, written: Written) -> None:
    """Let a stored answer stand in the chat, and end the update."""
    await _stand(kit, event, turn, written, await _drawn(kit, event, turn, written))


async def _stand(
    kit: Kit, event: Event, turn: Turn, written: Written, parts: Sequence[Page]
) -> None:
    """Let the whole answer stand in the chat, and end the update."""
    edited = int(await _is_edited(kit, event, turn.placeholder_id, parts[0]))

    def prepare() -> Sequence[Outgoing]:
        if len(parts) == edited and not event.is_resumed:
            return []
        kit.rows.outbox.put(page_letters(event, parts[edited:], number=edited))
        return kit.rows.outbox.of_update(event.update_id)

    await kit.sender.deliver(prepare, _end(kit, event, written), event.language)


def _pages(kit: Kit, event: Event, turn: Turn, written: Written) -> list[Page]:
    """Return the messages of a turn; to be called within the store's work.

    Under the preset for voices the whole of what was heard is part of the answer.
    """
    session = kit.rows.session_list.find(event.place, turn.question.session_id)
    is_script = session is not None and session.preset == VOICE
    return pages(turn, written, event.language, is_script=is_script)


async def _is_edited(kit: Kit, event: Event, placeholder_id: int | None, page: Page) -> bool:
    """Let the placeholder show `page`; False where there is none (any more)."""
    if placeholder_id is None or not await kit.calls.edit(event.chat_id, placeholder_id, page):
        return False
    reached("answer.sent")
    return True


def _end(kit: Kit, event: Event, written: Written) -> After:
    ending = kit.ending(event, written.ending)

    def after(is_sure: bool) -> None:  # noqa: FBT001 - an `After`
        kit.rows.turns.told(event.update_id)
        ending(is_sure)

    return after
