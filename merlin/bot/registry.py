"""Registration of commands, buttons and dialog steps by decorators, with the required permission.

    handlers = Handlers()

    @handlers.command("plan")
    @handlers.button("plan")
    def plan(context: BotContext) -> View: ...

`merlin.bot.application` adds each module's handlers to the library's Application. Callback data is
untrusted, so the permission is checked whenever a handler is called.
"""

import inspect
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import TypeVar, cast

from telegram.ext import CallbackQueryHandler, CommandHandler, filters

from merlin.bot import menu
from merlin.bot.context import (
    NO_USE,
    Act,
    BotApplication,
    BotContext,
    Handler,
    Use,
    callback_of,
    handler_of,
)
from merlin.bot.menu import View
from merlin.bot.updates import SEPARATOR
from merlin.core.errors import MerlinError, Refused
from merlin.core.permissions import Permission

T = TypeVar("T", bound="Handler | Act")
# The argument of buttons under messages that must stay: their view is sent as a new message.
AS_NEW_MESSAGE = "n"


class Handlers:
    """The handlers of one module: acts return a view, handlers process the whole update.

    An error that an act raises is shown as its reason. `needs` is the permission that all of them
    require, unless a function is registered with another.
    """

    def __init__(self, needs: Permission | None = None) -> None:
        self._needs = needs
        self.commands: dict[str, Handler] = {}
        self.buttons: dict[str, Handler] = {}
        self._steps: dict[str, Handler] = {}
        self.uses: dict[str, Use] = {}

    def command(self, *names: str, use: Use = NO_USE) -> Callable[[T], T]:
        """Register a function for commands, given without the slash."""
        self.uses |= {f"/{name}": use for name in names}
        return _register(self.commands, names, self._needs)

    def button(
        self,
        *verbs: str,
        needs: Permission | None = None,
        twice: bool = False,
        use: Use = NO_USE,
    ) -> Callable[[T], T]:
        """Register a function for buttons by the verb of their data, or by verb and arguments.

        `needs` is the required permission; a coroutine checks it itself. `twice`: the act asks for
        confirmation by `menu.confirm`, and handles the Yes button too. `use` goes for the verb with
        all arguments.
        """
        for verb in verbs:
            name = verb.partition(SEPARATOR)[0]
            self.uses[name] = self.uses.get(name, NO_USE) | use
        if twice:
            verbs += tuple(menu.confirmed_verb(verb) for verb in verbs)
        return _register(self.buttons, verbs, needs or self._needs)

    def step(self, *steps: str, needs: Permission | None = None) -> Callable[[T], T]:
        """Register a function for messages sent at these dialog steps; `needs` as in `button`.

        A coroutine says itself what becomes of a file.
        """
        register = _register(self._steps, steps, needs or self._needs)

        def add(function: T) -> T:
            if inspect.iscoroutinefunction(function):
                register(function)
            else:
                act = cast("Act", function)
                register(_require_step(steps, menu.with_file_note(act)))
            return function

        return add

    def add_to(self, application: BotApplication) -> None:
        """Add all handlers to the library's application, in the order of registration."""
        messages = filters.UpdateType.MESSAGE & ~filters.FORWARDED
        application.bot_data.commands.update(self.commands)
        application.bot_data.steps.update(self._steps)
        for name, handler in self.commands.items():
            application.add_handler(
                CommandHandler(name, callback_of(handler), messages)
            )
        for verb, handler in self.buttons.items():
            # A verb whose arguments select other handlers is matched alone.
            is_alone = any(
                other.startswith(f"{verb}{SEPARATOR}") for other in self.buttons
            )
            end = r"\Z" if is_alone else rf"(?:{SEPARATOR}|\Z)"
            pattern = f"{re.escape(verb)}{end}"
            application.add_handler(CallbackQueryHandler(callback_of(handler), pattern))


def _require_step(steps: Sequence[str], act: Act) -> Act:
    """Return the act of a step, for a message whose dialog was cancelled or left meanwhile too."""

    def check_and_act(context: BotContext) -> View:
        if context.step not in steps:
            raise Refused("another step", "bot-form-left")
        return act(context)

    return check_and_act


def _register(
    registry: dict[str, Handler], keys: Sequence[str], needs: Permission | None
) -> Callable[[T], T]:
    def add(function: T) -> T:
        wrapped: Handler | Act = function
        if not inspect.iscoroutinefunction(function):
            act = cast("Act", function)
            wrapped = require_role(needs, act) if needs else menu.catch_errors(act)
        elif needs:
            wrapped = _show_errors(needs, function)
        registry.update(dict.fromkeys(keys, handler_of(wrapped)))
        return function

    return add


def _show_errors(permission: Permission, handle: Handler) -> Handler:
    async def handle_or_explain(context: BotContext) -> None:
        try:
            await handle(context)
        except MerlinError as error:
            await show_with_role(
                context, permission, partial(menu.error_view, error=error)
            )

    return handle_or_explain


async def show_with_role(context: BotContext, permission: Permission, act: Act) -> None:
    """Reply with the view of `act`, or its error, to users with the permission."""
    await context.show(lambda: require_role(permission, act)(context))


def require_role(permission: Permission, act: Act) -> Act:
    """Return the act restricted to users with the permission, in the private chat."""

    def check_and_act(context: BotContext) -> View:
        # Messages and buttons run concurrently, so the dialog may have changed.
        context = replace(context, dialog=context.read_dialog())
        is_allowed = context.is_private and context.authority.may(permission)
        if not is_allowed:
            context.stop_waiting()
            return admin_refusal(context)
        view = menu.catch_errors(act)(context)
        return replace(
            view, is_new=view.is_new or context.arguments[-1:] == (AS_NEW_MESSAGE,)
        )

    return check_and_act


def admin_refusal(context: BotContext) -> View:
    """Return the view for users without permission: as if there were no such feature."""
    if context.verb:
        return menu.outdated_view(context)
    if not context.command:
        return menu.text_view(context, "admin-not-available")
    return menu.text_view(
        context, "bot-unknown-command", command=f"/{context.command[:32]}"
    )
