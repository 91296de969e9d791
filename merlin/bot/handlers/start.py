"""/start with its deep links, /cancel, unknown commands; sign-in; who is blocked.

    t.me/<bot>?start=course_<slug> | plan | ref_<number> | login_<key> | fix_<turn>
    t.me/<bot>?start=go_<command> | ask_<token>

A browser that asks to be signed in needs a yes: only the person who opened the link can give it, in
the private chat, once; what a button brings is a number, and the row says whose it is. Whom an
admin has blocked gets no answers, but keeps the right to their own data.
"""

from __future__ import annotations

from dataclasses import replace

from merlin.account.users import Users
from merlin.app import sign_in
from merlin.app.inbox import UpdateState
from merlin.bot import menu
from merlin.bot.context import BotApplication, BotContext, GuardGroup, add_guard, add_handlers
from merlin.bot.handlers import feedback
from merlin.bot.handlers.admin import performer
from merlin.bot.handlers.model_choice import open_course
from merlin.bot.handlers.plans import LINK, came_by, plan
from merlin.bot.menu import View
from merlin.core.formatted_text import Button

VERB, YES, NO = "login", "yes", "no"


def open_login(context: BotContext, key: str) -> View:
    """Show which browser asks, with the digits that stand on its page."""
    login = sign_in.show_login(*performer(context), key) if context.is_private else None
    if login is None:
        return menu.say(context, "bot-login-over")
    unknown, login_id = context.translate("bot-login-unknown"), login.login_id
    return menu.say(
        context,
        "bot-login-ask",
        ("bot-login-yes", f"{VERB}:{YES}:{login_id}", "success"),
        ("bot-login-no", f"{VERB}:{NO}:{login_id}"),
        agent=login.agent or unknown,
        place=login.place or unknown,
        number=str(login.number),
    )


def settle_login(context: BotContext) -> View:
    """Let the browser in, or not; the question takes the answer's words."""
    answer, login_id, login = context.argument(0), context.number(1), None
    if context.is_private and login_id and answer in {YES, NO}:
        login = sign_in.answer_login(*performer(context), login_id, is_own=answer == YES)
    if login is None:
        return menu.say(context, "bot-login-over")
    return menu.say(context, "bot-login-done" if answer == YES else "bot-login-refused")


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


def to_private(context: BotContext, command: str = "") -> Button:
    """Return the button that opens the private chat, and there a command."""
    label = context.translate("groups-button-private")
    return Button(label, url=context.link(f"{_GO}{command}" if command else "group"))


def led_to(context: BotContext) -> BotContext:
    """Return what a link leads to: /start go_plan is /plan."""
    command = context.words.removeprefix(_GO)
    if context.command != "start" or not context.words.startswith(_GO) or command not in PRIVATE:
        return context
    return replace(context, command=command, words="")


def question_payload(token: str) -> str:
    """Return the payload of a link that asks a kept question."""
    return f"{_ASK}{token}"


def asked_token(context: BotContext) -> str:
    """Return the token of the question that a link asks, "" for none."""
    is_link = context.command == "start" and context.words.startswith(_ASK)
    return context.words.removeprefix(_ASK) if is_link else ""


_COMMANDS = frozenset({"export", "delete_me", "privacy", "terms", "paysupport"})
_BUTTONS = frozenset({"forget", "cancel"})
_KINDS = frozenset({"message", "edited_message", "callback_query"})


def is_turned_away(context: BotContext) -> bool:
    """Return whether this person is blocked and asks for more than their own data."""
    if not context.user.is_blocked or context.stored.kind not in _KINDS:
        return False
    return context.command not in _COMMANDS and context.verb not in _BUTTONS


async def turn_away(context: BotContext) -> bool:
    """Say to who is blocked that no answers are given. A guard."""
    if not is_turned_away(context) or not (context.verb or context.is_private):
        return True
    words = context.translate("bot-blocked")
    if context.verb:
        await context.show(lambda: menu.alert(words), UpdateState.REFUSED, "blocked")
    else:
        await context.say(words, UpdateState.REFUSED, "blocked")
    return False


_SEPARATOR = "_"


def start(context: BotContext) -> View:
    """Greet, and go where the link leads; what no link can mean is passed over."""
    if context.is_private:
        # For admins who look for a person, and for commits in an editor's name.
        Users(context.db).set_name(context.user_id, context.sender_name)
    kind, _, rest = context.words.partition(_SEPARATOR)
    if kind == LINK:
        came_by(context, rest)
    if kind == "course" and rest:
        return menu.headed(open_course(context, rest), context.translate("bot-hello"))
    if kind == "plan":
        return plan(context)
    if kind == feedback.LINK and context.is_private:
        return feedback.fix(replace(context, arguments=(rest,)))
    if kind == "login" and rest:
        return open_login(context, rest)
    return menu.say(context, "bot-start")


def cancel(context: BotContext) -> View:
    """Wait for nothing any more, whatever was asked for."""
    was_waiting = context.stop_waiting()
    is_news = was_waiting or context.verb
    return menu.say(context, "bot-cancelled" if is_news else "bot-nothing-to-cancel")


async def unknown(context: BotContext) -> None:
    """Say that there is no such command."""
    await context.say(context.translate("bot-unknown-command", command=f"/{context.command[:32]}"))


def register(application: BotApplication) -> None:
    """Add the handlers of this file."""
    add_guard(application, turn_away, GuardGroup.BLOCKED)
    add_handlers(
        application,
        commands={"start": start, "cancel": cancel},
        buttons={VERB: settle_login, "cancel": cancel},
    )
