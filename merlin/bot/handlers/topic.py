"""Topic: what one file of handlers offers, by the words that lead to it.

A command's, a button's or a step's function runs in the transaction that stores its answer, so
that it is carried out once, whatever happens.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from merlin.account.role import Permission
from merlin.bot.event import Event
from merlin.bot.kit import Kit
from merlin.bot.screen import Screen

# Deals with an update whole, and ends it.
Handler = Callable[[Kit, Event], Awaitable[None]]
# Says what an update leads to; may read and write rows.
Act = Callable[[Kit, Event], Screen]


@dataclass(frozen=True, slots=True)
class Topic:
    """Handlers by command, by the verb of a button, and by the step of a dialog.

    `menu` are the commands that stand in Telegram's menu, in its order, each with a text
    `bot-command-<name>`; `group_menu` those that stand in a group's. `staff` are commands that
    stand in the menu of whoever may do the thing named.
    """

    commands: Mapping[str, Handler] = field(default_factory=dict)
    buttons: Mapping[str, Handler] = field(default_factory=dict)
    steps: Mapping[str, Handler] = field(default_factory=dict)
    menu: tuple[str, ...] = ()
    group_menu: tuple[str, ...] = ()
    staff: Mapping[str, Permission] = field(default_factory=dict)


def told(act: Act) -> Handler:
    """Return the handler that shows what `act` says."""

    async def handle(kit: Kit, event: Event) -> None:
        await kit.show(event, lambda: act(kit, event))

    return handle
