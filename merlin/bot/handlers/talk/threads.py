"""Threads: in a private chat with topics, a new session is a topic, named after its first answer.

Never needed: where the bot has no topics, or Telegram takes no topic now, a session is just one of
the chat.
"""

from __future__ import annotations

from dataclasses import replace

from merlin.bot.event import Event
from merlin.bot.kit import Kit
from merlin.chat.session import Place, Session, title_of
from merlin.core.text import text

# Telegram's limit. Source: the Bot API, createForumTopic.
NAME_LENGTH = 128
# The title of a session whose topic waits for its name.
UNNAMED = "…"


async def begin_topic(kit: Kit, event: Event) -> int:
    """Make a topic for a new session; return its number, 0 where there are no topics."""
    if not event.is_private:
        return 0
    bot = await kit.calls.ask("getMe", {})
    if not isinstance(bot, dict) or bot.get("has_topics_enabled") is not True:
        return 0
    wanted = {"chat_id": event.chat_id, "name": text(event.language, "session-new-topic")}
    made = await kit.calls.ask("createForumTopic", wanted)
    thread_id = made.get("message_thread_id") if isinstance(made, dict) else None
    return thread_id if isinstance(thread_id, int) else 0


def open_in_topic(kit: Kit, event: Event, thread_id: int) -> Session:
    """Open a session in its new topic, with the choices of the one that is open here.

    To be called within the store's work.
    """
    here = kit.rows.sessions.open(event.place)
    there = kit.rows.sessions.open(Place(event.chat_id, event.user_id, thread_id))
    fresh = replace(
        there,
        dataset=here.dataset,
        provider=here.provider,
        model_id=here.model_id,
        preset=here.preset,
        system=here.system,
        title=UNNAMED,
    )
    kit.rows.sessions.change(fresh)
    return fresh


async def name_topic(kit: Kit, event: Event) -> None:
    """Name the topic of the event's session by its first question, unless it has its name."""
    if not (event.is_private and event.thread_id):
        return
    title = await kit.store.do(lambda: _named(kit, event))
    if title:
        place = {"chat_id": event.chat_id, "message_thread_id": event.thread_id}
        await kit.calls.ask("editForumTopic", {**place, "name": title[:NAME_LENGTH]})


def _named(kit: Kit, event: Event) -> str:
    """Give the session its title; return it where the topic is to be called so, else ""."""
    session = kit.rows.sessions.open(event.place)
    said = kit.rows.turns.history(session.session_id, 1) if session.title == UNNAMED else ()
    title = title_of(said[0].content) if said else ""
    if title:
        kit.rows.sessions.change(replace(session, title=title))
    return title
