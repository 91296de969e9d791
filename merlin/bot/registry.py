"""Registration of commands, buttons and dialog steps by decorators, with the required permission.

    handlers = Handlers()

    @handlers.command("plan")
    @handlers.button("plan")
    def plan(context: BotContext) -> View: ...

`merlin.bot.application` adds each module's handlers to the library's Application. Callback data is
untrusted, so the permission is checked whenever a handler is called.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeVar, cast

from telegram.ext import CallbackQueryHandler, CommandHandler, MessageHandler, filters

from merlin.bot import menu
from merlin.bot.context import (
    Act,
    BotApplication,
    BotContext,
    DialogStepFilter,
    Handler,
    callback_of,
    handler_of,
)
from merlin.bot.menu import View
from merlin.bot.updates import SEPARATOR
from merlin.core.permissions import Permission

T = TypeVar("T", bound="Handler | Act")
# The prefix of dialog steps of admins: those end when another button is pressed.
ADMIN_STEP = "admin-"
# The prefix of dialog steps in which an editor writes an example.
EDITOR_STEP = "ex-"
# The argument of buttons under messages that must stay: their view is sent as a new message.
AS_NEW_MESSAGE = "n"


class Handlers:
    """The handlers of one module: acts return a view, handlers process the whole update.

    An error that an act raises is shown as its reason.
    """

    def __init__(self) -> None:
        self._commands: dict[str, Handler] = {}
        self._buttons: dict[str, Handler] = {}
        self._steps: dict[str, Handler] = {}

    def command(self, *names: str) -> Callable[[T], T]:
        """Register a function for commands, given without the slash."""
        return _register(self._commands, names)

    def button(
        self, *verbs: str, needs: Permission | None = None, twice: bool = False
    ) -> Callable[[T], T]:
        """Register a function for buttons by the verb of their data.

        `needs` is the required permission. `twice`: the act asks for confirmation by
        `menu.confirm`, and handles the Yes button too.
        """
        if twice:
            verbs += tuple(menu.confirmed_verb(verb) for verb in verbs)
        return _register(self._buttons, verbs, needs)

    def step(self, *steps: str, needs: Permission | None = None) -> Callable[[T], T]:
        """Register a function for messages sent at these dialog steps; `needs` as in `button`."""
        return _register(self._steps, steps, needs)

    def add_to(self, application: BotApplication) -> None:
        """Add all handlers to the library's application, in the order of registration."""
        messages = filters.UpdateType.MESSAGE & ~filters.FORWARDED
        application.bot_data.commands.update(self._commands)
        for name, handler in self._commands.items():
            application.add_handler(CommandHandler(name, callback_of(handler), messages))
        for verb, handler in self._buttons.items():
            pattern = rf"{re.escape(verb)}(?:{SEPARATOR}|\Z)"
            application.add_handler(CallbackQueryHandler(callback_of(handler), pattern))
        for step, handler in self._steps.items():
            step_filter = DialogStepFilter(application.bot_data, step)
            application.add_handler(MessageHandler(step_filter, callback_of(handler)))


def _register(
    registry: dict[str, Handler], keys: Sequence[str], needs: Permission | None = None
) -> Callable[[T], T]:
    def add(function: T) -> T:
        wrapped: Handler | Act = function
        if not inspect.iscoroutinefunction(function):
            act = cast("Act", function)
            wrapped = require_role(needs, act) if needs else menu.catch_errors(act)
        registry.update(dict.fromkeys(keys, handler_of(wrapped)))
        return function

    return add


def require_role(permission: Permission, act: Act) -> Act:
    """Return the act restricted to users with the permission, in the private chat."""

    def check_and_act(context: BotContext) -> View:
        is_allowed = context.is_private and context.authority.may(permission)
        is_at_admin_step = context.step.startswith(ADMIN_STEP)
        if is_at_admin_step and (context.verb or not is_allowed):
            context.stop_waiting()
        if not is_allowed:
            return admin_refusal(context)
        view = menu.catch_errors(act)(context)
        return replace(view, is_new=view.is_new or context.arguments[-1:] == (AS_NEW_MESSAGE,))

    return check_and_act


def admin_refusal(context: BotContext) -> View:
    """Return the view for users without permission: as if there were no such feature."""
    if context.verb:
        return menu.outdated_view(context)
    if not context.command:
        return menu.text_view(context, "admin-not-available")
    return menu.text_view(context, "bot-unknown-command", command=f"/{context.command[:32]}")
