"""Dispatch: which handler an update is for; what has none is refused quietly."""

from __future__ import annotations

from merlin.bot.event import Event
from merlin.bot.handlers.commands import COMMANDS, unknown
from merlin.bot.handlers.question import answer_question
from merlin.bot.kit import Kit
from merlin.core.text import text
from merlin.inbox.update import UpdateState


async def handle(kit: Kit, event: Event) -> None:
    """Do what the update asks for, and end it. Raises Unreachable."""
    if not event.update.body and event.update.kind == "message" and event.chat_id > 0:
        # Stored under a key that is not here any more.
        words = text(event.language, "bot-failed")
        await kit.say(event, lambda: words, UpdateState.FAILED, "unreadable")
    elif event.update.kind == "my_chat_member":
        await _membership(kit, event)
    elif event.update.kind != "message" or not event.is_private:
        await kit.end(event, UpdateState.REFUSED, f"not served: {event.update.kind}")
    elif event.command:
        command = COMMANDS.get(event.command, unknown)
        await kit.say(event, lambda: command(kit, event))
    elif event.text:
        await answer_question(kit, event)
    elif event.media:
        words = text(event.language, "bot-only-text", kind=event.media)
        await kit.say(event, lambda: words, UpdateState.REFUSED, f"not served: {event.media}")
    else:
        await kit.end(event, UpdateState.REFUSED, "not served: service message")


async def _membership(kit: Kit, event: Event) -> None:
    """Note that a person blocked the bot or let it in again."""
    body = event.update.body.get("my_chat_member")
    member = body.get("new_chat_member") if isinstance(body, dict) else None
    is_blocked = isinstance(member, dict) and member.get("status") in {"kicked", "left"}

    def work() -> None:
        if event.is_private and is_blocked:
            kit.rows.users.unreachable(event.update.user_id)
            kit.rows.outbox.drop(event.chat_id)
        kit.finish(event, UpdateState.ANSWERED, "membership")

    await kit.store.do(work)
