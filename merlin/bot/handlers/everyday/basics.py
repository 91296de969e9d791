"""Basics: /start with its deep links, /cancel, and a hint for commands that do not exist.

t.me/<bot>?start=course_<slug> | plan | ref_<number> | login_<key> | fix_<turn>
"""

from __future__ import annotations

from dataclasses import replace

from merlin.bot.event import Event
from merlin.bot.handlers.answer import correction
from merlin.bot.handlers.everyday.signing_in import open_login
from merlin.bot.handlers.pay.inviting import LINK, came_by
from merlin.bot.handlers.pay.plan import plan
from merlin.bot.handlers.talk.courses import open_course
from merlin.bot.handlers.topic import Topic, told
from merlin.bot.kit import Kit
from merlin.bot.screen import Screen, said
from merlin.core.text import text

_SEPARATOR = "_"


def start(kit: Kit, event: Event) -> Screen:
    """Greet, and go where the link leads; what no link can mean is passed over."""
    if event.is_private:
        # For admins who look for a person, and for commits in an editor's name.
        kit.rows.users.set_name(event.user_id, event.sender_name)
    kind, _, rest = event.words.partition(_SEPARATOR)
    if kind == LINK:
        came_by(kit, event, rest)
    if kind == "course" and rest:
        return _greeted(event, open_course(kit, event, rest))
    if kind == "plan":
        return plan(kit, event)
    if kind == correction.LINK and event.is_private:
        return correction.fix(kit, replace(event, args=(rest,)))
    if kind == "login" and rest:
        return open_login(kit, event, rest)
    return said(text(event.language, "bot-start"))


def _greeted(event: Event, screen: Screen) -> Screen:
    if screen.page is None:
        return screen
    words = f"{text(event.language, 'bot-hello')}\n\n{screen.page.text}"
    return replace(screen, page=replace(screen.page, text=words))


def cancel(kit: Kit, event: Event) -> Screen:
    """Wait for nothing any more, whatever was asked for."""
    was_waiting = kit.rows.dialogs.end(event.chat_id, event.user_id)
    is_news = was_waiting or event.verb
    return said(text(event.language, "bot-cancelled" if is_news else "bot-nothing-to-cancel"))


async def unknown(kit: Kit, event: Event) -> None:
    """Say that there is no such command."""
    await kit.say(
        event, text(event.language, "bot-unknown-command", command=f"/{event.command[:32]}")
    )


TOPIC = Topic(
    commands={"start": told(start), "cancel": told(cancel)}, buttons={"cancel": told(cancel)}
)
