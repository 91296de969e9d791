"""Signing in: a yes to a browser that asks to be signed in as whoever opened its link here.

Only the person who opened the link can answer, in the private chat, once; what a button brings
is a number, and the row says whose it is.
"""

from __future__ import annotations

from merlin.account.login import Login
from merlin.bot.event import Event
from merlin.bot.handlers.answer.asked_again import number
from merlin.bot.handlers.topic import Topic, told
from merlin.bot.kit import Kit
from merlin.bot.screen import Screen, said
from merlin.core.page import Button
from merlin.core.text import text

VERB, YES, NO = "login", "yes", "no"
_ANSWER, _LOGIN = 0, 1


def open_login(kit: Kit, event: Event, key: str) -> Screen:
    """Show which browser asks, with the digits that stand on its page."""
    login = kit.rows.logins.show(key, event.user_id) if event.is_private else None
    if login is None:
        return said(text(event.language, "bot-login-over"))
    unknown = text(event.language, "bot-login-unknown")
    words = text(
        event.language,
        "bot-login-ask",
        agent=login.agent or unknown,
        place=login.place or unknown,
        number=str(login.number),
    )
    return said(words, (_button(event, login, YES, "success"),), (_button(event, login, NO),))


def _button(event: Event, login: Login, answer: str, style: str = "") -> Button:
    label = text(event.language, f"bot-login-{answer}")
    return Button(label, f"{VERB}:{answer}:{login.login_id}", style=style)


def settle(kit: Kit, event: Event) -> Screen:
    """Let the browser in, or not; the question takes the answer's words."""
    is_own = event.args[:1] == (YES,)
    login_id = number(event, _LOGIN)
    login = None
    if event.is_private and login_id and event.args[_ANSWER] in {YES, NO}:
        login = kit.rows.logins.settle(login_id, event.user_id, is_own=is_own)
    if login is None:
        return said(text(event.language, "bot-login-over"))
    return said(text(event.language, "bot-login-done" if is_own else "bot-login-refused"))


TOPIC = Topic(buttons={VERB: told(settle)})
