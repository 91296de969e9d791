"""A question: asked of a model, and answered by exactly one whole answer.

    placeholder sent -> stored -> asked -> answer stored -> placeholder edited -> stored

Every step is found again after a kill: a stored placeholder is written into, a stored answer is
not asked for again, and the final edit may be repeated. Without streaming there is no placeholder
and the whole answer goes through the outbox.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace

from merlin.bot.action import Typing
from merlin.bot.event import Event
from merlin.bot.handlers.asking import Answer, Talk, ask, open_talk, report
from merlin.bot.kit import Kit, letters
from merlin.bot.pen import Pen
from merlin.bot.sender import After
from merlin.chat.parts import split
from merlin.chat.turn import Turn, Written
from merlin.core.killpoint import reached
from merlin.core.text import text
from merlin.inbox.outgoing import Letter, Outgoing
from merlin.inbox.update import UpdateState


async def answer_question(kit: Kit, event: Event) -> None:
    """Answer the question of a text message, wherever it was left. Raises Unreachable."""
    turn = await _found(kit, event)
    if turn is not None and turn.written is not None:
        await _show(kit, event, turn.placeholder_id, turn.written)
    elif kit.services.streams or (turn is not None and turn.placeholder_id is not None):
        await _answer_by_edits(kit, event, turn)
    else:
        await _answer_at_once(kit, event)


async def give_up(kit: Kit, event: Event) -> None:
    """Say that no answer will come, in the placeholder where there is one. Raises Unreachable."""
    sorry = Written("", text(event.language, "bot-failed"), UpdateState.FAILED)
    turn = await _found(kit, replace(event, is_resumed=True))
    if turn is not None and turn.written is None:
        await kit.store.do(lambda: kit.rows.turns.write(event.update_id, sorry))
        await _show(kit, event, turn.placeholder_id, sorry)
        return
    letter = Letter(f"update:{event.update_id}:sorry", event.chat_id, sorry.note, event.update_id)
    await kit.sender.deliver(
        lambda: kit.rows.outbox.put([letter]), _end(kit, event, sorry), event.language
    )


async def _found(kit: Kit, event: Event) -> Turn | None:
    if not event.is_resumed:
        return None
    return await kit.store.read(lambda: kit.rows.turns.find(event.update_id))


async def _answer_by_edits(kit: Kit, event: Event, turn: Turn | None) -> None:
    talk, placeholder_id = await asyncio.gather(open_talk(kit, event), _placed(kit, event, turn))
    if turn is None or turn.placeholder_id is None:
        await kit.store.do(lambda: _ask(kit, event, talk, placeholder_id))
        reached("placeholder.recorded")
    pace = kit.services.pace
    gap_s = pace.private_edit_s if event.is_private else pace.group_edit_s
    waiting = text(event.language, "bot-waiting")
    async with Pen(kit.calls, event.chat_id, placeholder_id, gap_s, waiting) as pen:
        answer = await ask(kit, event, talk, pen)
    await kit.store.do(lambda: _keep(kit, event, answer))
    await _show(kit, event, placeholder_id, answer.written, pen.shown)


async def _placed(kit: Kit, event: Event, turn: Turn | None) -> int:
    if turn is not None and turn.placeholder_id is not None:
        return turn.placeholder_id
    message_id = await kit.calls.place(event.chat_id)
    reached("placeholder.sent")
    return message_id


async def _answer_at_once(kit: Kit, event: Event) -> None:
    talk = await open_talk(kit, event)
    async with Typing(kit.calls, event.chat_id, kit.services.pace.typing_s) as typing:
        answer = await ask(kit, event, talk, typing)

    def prepare() -> Sequence[Outgoing]:
        _ask(kit, event, talk, None)
        _keep(kit, event, answer)
        return kit.rows.outbox.put(letters(event, split(answer.written.shown)))

    await kit.sender.deliver(prepare, _end(kit, event, answer.written), event.language)


def _ask(kit: Kit, event: Event, talk: Talk, placeholder_id: int | None) -> None:
    session_id = talk.session.session_id
    kit.rows.turns.ask(session_id, event.update_id, event.text, placeholder_id)


def _keep(kit: Kit, event: Event, answer: Answer) -> None:
    kit.rows.turns.write(event.update_id, answer.written)
    report(kit, answer)


async def _show(
    kit: Kit, event: Event, placeholder_id: int | None, written: Written, shown: str = ""
) -> None:
    """Let the whole answer stand in the chat, and end the update.

    `shown` is what the placeholder is known to say already.
    """
    parts = split(written.shown)
    edited = int(await _is_edited(kit, event, placeholder_id, parts[0], shown))

    def prepare() -> Sequence[Outgoing]:
        if len(parts) == edited and not event.is_resumed:
            return []
        kit.rows.outbox.put(letters(event, parts[edited:], edited))
        return kit.rows.outbox.of_update(event.update_id)

    await kit.sender.deliver(prepare, _end(kit, event, written), event.language)


async def _is_edited(
    kit: Kit, event: Event, placeholder_id: int | None, words: str, shown: str
) -> bool:
    """Let the placeholder say `words`; False where there is none (any more)."""
    if placeholder_id is None:
        return False
    if words != shown and not await kit.calls.edit(event.chat_id, placeholder_id, words):
        return False
    reached("answer.sent")
    return True


def _end(kit: Kit, event: Event, written: Written) -> After:
    ending = kit.ending(event, written.ending)

    def after(is_sure: bool) -> None:  # noqa: FBT001 - an `After`
        kit.rows.turns.told(event.update_id)
        ending(is_sure)

    return after
