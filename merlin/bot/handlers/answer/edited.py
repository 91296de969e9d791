"""Edited: a question that its author corrected is answered anew, under the corrected message.

Telegram tells of edits that change nothing a person sees, too; those are passed over. What was no
question before does not become one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from merlin.bot.event import Event
from merlin.bot.handlers.answer.media import SOURCES, source_of
from merlin.bot.handlers.answer.question import answer_question, words_alone
from merlin.bot.joining import LONG_UNITS
from merlin.bot.kit import Kit
from merlin.chat.document import outside
from merlin.chat.turn import Turn
from merlin.core.text import text
from merlin.core.utf16 import units
from merlin.inbox.update import UpdateState

# Whoever corrects an older message is not waiting for an answer to it.
LATEST_S = 3600


async def answer_edited(kit: Kit, event: Event) -> None:
    """Answer a corrected question. Raises Unreachable."""
    turn = await kit.store.read(
        lambda: kit.rows.corrections.of_message(event.place, event.message_id)
    )
    source = source_of(event) if event.format in SOURCES else words_alone
    if turn is not None and turn.question.update_id == event.update_id:
        await answer_question(kit, event, source)
        return
    if turn is None or event.command or not await _is_changed(kit, event, turn):
        await kit.end(event, UpdateState.REFUSED, "an edit that asks nothing")
        return
    key = _refusal(event, turn)
    if key:
        await kit.say(event, text(event.language, key), UpdateState.REFUSED, key)
        return
    await answer_question(kit, event, source)


async def _is_changed(kit: Kit, event: Event, turn: Turn) -> bool:
    """Return whether the person's own words are others than those that were asked."""
    if event.sent is not None:
        return bool(event.text) and outside(turn.question.text).strip() != event.text
    asked, before = (await words_alone(kit, event)).text, turn.question.text
    is_part = units(before) > LONG_UNITS and before.startswith(asked)
    return bool(event.text) and asked != before and not is_part


def _refusal(event: Event, turn: Turn) -> str:
    """Return the key of why the correction is not answered, "" where it is."""
    if event.sent is None and units(turn.question.text) > LONG_UNITS:
        # One part of a joined paste alone is not the question.
        return "edited-long"
    return "edited-late" if _age_s(event.update.body) > LATEST_S else ""


def _age_s(body: Mapping[str, Any]) -> int:
    """Return how old the message was when it was corrected."""
    message = body.get("edited_message")
    if not isinstance(message, Mapping):
        return 0
    sent, edited = message.get("date"), message.get("edit_date")
    return edited - sent if isinstance(sent, int) and isinstance(edited, int) else 0
