"""The commands of `merlin`, with the module and the help line of each.

A command's module is imported only when the command runs: importing all takes a second. The help
lines are therefore repeated in `commands.json`; a test checks that they match the modules.
"""

import json
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

# Help panels in display order: command -> its module and help line; without a line it is hidden.
PANELS: dict[str, dict[str, tuple[str, str]]] = json.loads(
    (Path(__file__).parent / "commands.json").read_text(encoding="utf-8")
)
COMMANDS = {
    name: known for commands in PANELS.values() for name, known in commands.items()
}


INTERRUPTED = 130


@contextmanager
def exit_on_interrupt() -> Iterator[None]:
    """Let Ctrl-C end the process at once while nothing has begun that it could leave undone.

    pydantic drops a KeyboardInterrupt, or reports it as an error of the model or the value.
    """
    before = signal.getsignal(signal.SIGINT)
    # Else it is ignored, as in a script's background.
    if before is signal.default_int_handler:
        signal.signal(signal.SIGINT, lambda _number, _frame: os._exit(INTERRUPTED))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def load_command(name: str) -> Any:
    """Import a command's module and return the command. Raises KeyError for an unknown name."""
    with exit_on_interrupt():
        module = import_module(f"merlin.cli.{COMMANDS[name][0]}")
    group = typer.main.get_group(module.app)
    return group if group.name == name else group.commands[name]


class LazyGroup(TyperGroup):
    """A group that lists its commands without importing them, and imports the one that runs."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        for panel, commands in PANELS.items():
            for name, (_, line) in commands.items():
                command = TyperCommand(
                    name, help=line, hidden=not line, rich_help_panel=panel
                )
                self.add_command(command)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Import the named command; return its name, the command and the remaining arguments.

        A group gets the option --config, so that it may stand before and after its name.
        """
        if args[0] in COMMANDS:
            command = load_command(args[0])
            if isinstance(command, TyperGroup):
                command.params += [
                    param for param in self.params if "--config" in param.opts
                ]
            self.add_command(command)
        return super().resolve_command(ctx, args)
