"""/start with its deep links, /cancel, unknown commands; sign-in; who is blocked.

    t.me/<bot>?start=course_<slug> | plan | ref_<number> | login_<key> | fix_<turn>
    t.me/<bot>?start=go_<command> | ask_<token>

A browser that asks to be signed in needs a yes: only the person who opened the link can give it, in
the private chat, once; what a button brings is a number, and the row says whose it is. Whom an
admin has blocked gets no answers, but keeps the right to their own data.
"""

from __future__ import annotations

from dataclasses import replace

from merlin.account.sign_ins import Login
from merlin.app.inbox import UpdateState
from merlin.bot.context import BotApplication, Event, GuardGroup, Kit, add_guard, add_handlers, told
from merlin.bot.handlers import feedback
from merlin.bot.handlers.model_choice import open_course
from merlin.bot.handlers.plans import LINK, came_by, plan
from merlin.bot.handlers.questions import number
from merlin.bot.menu import Screen, alert, said
from merlin.core.formatted_text import Button
from merlin.core.i18n import text

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


def settle_login(kit: Kit, event: Event) -> Screen:
    """Let the browser in, or not; the question takes the answer's words."""
    is_own = event.args[:1] == (YES,)
    login_id = number(event, _LOGIN)
    login = None
    if event.is_private and login_id and event.args[_ANSWER] in {YES, NO}:
        login = kit.rows.logins.settle(login_id, event.user_id, is_own=is_own)
    if login is None:
        return said(text(event.language, "bot-login-over"))
    return said(text(event.language, "bot-login-done" if is_own else "bot-login-refused"))


# Commands that a link may carry out: those that only show something. A link is pressed blindly.
PRIVATE = frozenset(
    {
        "admin",
        "course",
        "delete_me",
        "export",
        "lang",
        "model",
        "paysupport",
        "plan",
        "preset",
        "privacy",
        "sessions",
        "system",
        "terms",
    }
)
_GO = "go_"
_ASK = "ask_"


def to_private(kit: Kit, event: Event, command: str = "") -> Button:
    """Return the button that opens the private chat, and there a command."""
    label = text(event.language, "groups-button-private")
    return Button(label, url=kit.me.link(f"{_GO}{command}" if command else "group"))


def led_to(event: Event) -> Event:
    """Return what a link leads to: /start go_plan is /plan."""
    command = event.words.removeprefix(_GO)
    if event.command != "start" or not event.words.startswith(_GO) or command not in PRIVATE:
        return event
    return replace(event, command=command, words="")


def asking(token: str) -> str:
    """Return the payload of a link that asks a kept question."""
    return f"{_ASK}{token}"


def asked_token(event: Event) -> str:
    """Return the token of the question that a link asks, "" for none."""
    is_link = event.command == "start" and event.words.startswith(_ASK)
    return event.words.removeprefix(_ASK) if is_link else ""


_COMMANDS = frozenset({"export", "delete_me", "privacy", "terms", "paysupport"})
_BUTTONS = frozenset({"forget", "cancel"})
_KINDS = frozenset({"message", "edited_message", "callback_query"})


def is_turned_away(event: Event) -> bool:
    """Return whether this person is blocked and asks for more than their own data."""
    if not event.user.is_blocked or event.update.kind not in _KINDS:
        return False
    return event.command not in _COMMANDS and event.verb not in _BUTTONS


async def turn_away(kit: Kit, event: Event) -> Event | None:
    """Say to who is blocked that no answers are given. A guard."""
    if not is_turned_away(event) or not (event.verb or event.is_private):
        return event
    words = text(event.language, "bot-blocked")
    if event.verb:
        await kit.show(event, lambda: alert(words), UpdateState.REFUSED, "blocked")
    else:
        await kit.say(event, words, UpdateState.REFUSED, "blocked")
    return None


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
    if kind == feedback.LINK and event.is_private:
        return feedback.fix(kit, replace(event, args=(rest,)))
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


def register(application: BotApplication) -> None:
    """Add the handlers of this file."""
    add_guard(application, turn_away, GuardGroup.BLOCKED)
    add_handlers(
        application,
        commands={"start": told(start), "cancel": told(cancel)},
        buttons={VERB: told(settle_login), "cancel": told(cancel)},
    )
