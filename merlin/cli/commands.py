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
from typer.exceptions import TyperException

from merlin.core.probe import locale_language

# Help panels in display order: command -> its module and help line; without a line it is hidden.
PANELS: dict[str, dict[str, tuple[str, str]]] = json.loads(
    (Path(__file__).parent / "commands.json").read_text(encoding="utf-8")
)
COMMANDS = {name: known for commands in PANELS.values() for name, known in commands.items()}


INTERRUPTED = 130


@contextmanager
def exit_on_interrupt() -> Iterator[None]:
    """Let Ctrl-C end the process at once while nothing has begun that it could leave undone.

    pydantic drops a KeyboardInterrupt, or reports it as an error of the model or the value.
    """
    before = signal.getsignal(signal.SIGINT)
    if before is signal.default_int_handler:  # else it is ignored, as in a script's background
        signal.signal(signal.SIGINT, lambda _number, _frame: os._exit(INTERRUPTED))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def load_command(name: str) -> Any:
    """Import a command's module and return the command. Raises KeyError for an unknown name."""
    # Here: not for --help.
    from merlin.core.memory import without_garbage_collection, without_modules

    # peewee would import psycopg, which takes a tenth of a second: only PostgreSQL needs it.
    with exit_on_interrupt(), without_garbage_collection(), without_modules("psycopg"):
        module = import_module(f"merlin.cli.{COMMANDS[name][0]}")
    group = typer.main.get_group(module.app)
    return group if group.name == name else group.commands[name]


_HELP = {"-h", "--help"}


def _is_group(command: Any, names: list[str]) -> bool:
    """Return whether the arguments lead to a command group, which prints its help."""
    for name in names:
        command = getattr(command, "commands", {}).get(name)
    return isinstance(command, TyperGroup)


def _put_config_last(command: Any, args: list[str]) -> list[str]:
    """Return `jobs --config FILE list` as `jobs list --config FILE`: groups have no options."""
    before, option, rest = args[:1], list[str](), args[1:]
    while rest and isinstance(command, TyperGroup):
        count = 2 if rest[0] == "--config" else 1 if rest[0].startswith("--config=") else 0
        if count:
            option, rest = rest[:count], rest[count:]
        else:
            command = command.commands.get(rest[0])
            before, rest = [*before, rest[0]], rest[1:]
    return [*before, *option, *rest] if isinstance(command, TyperCommand) else args


@contextmanager
def _usage_errors() -> Iterator[None]:
    """Translate Typer's usage errors into the user's language."""
    try:
        yield
    except TyperException as error:
        from merlin.cli.help import show_russian_titles, translate_usage_error

        if (language := locale_language()) == "ru":
            show_russian_titles(getattr(error, "ctx", None))
        translate_usage_error(error, language)
        raise


class LazyGroup(TyperGroup):
    """A group that lists its commands without importing them, and imports the one that runs."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        for panel, commands in PANELS.items():
            for name, (_, line) in commands.items():
                command = TyperCommand(name, help=line, hidden=not line, rich_help_panel=panel)
                self.add_command(command)

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Translate the help if it is about to be shown, then parse as Typer does."""
        if not args or _HELP.intersection(args):
            self._translate(self, ctx, "")
        return super().parse_args(ctx, args)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Import the named command; return its name, the command and the remaining arguments."""
        if args[0] in COMMANDS:
            command = load_command(args[0])
            self.add_command(command)
            args = _put_config_last(command, args)
            if _HELP.intersection(args) or _is_group(command, args[1:]):
                self._translate(command, ctx, args[0])
        return super().resolve_command(ctx, args)

    def make_context(self, *args: Any, **extra: Any) -> Any:
        """Create the context as Typer does, with usage errors in the user's language."""
        with _usage_errors():
            return super().make_context(*args, **extra)

    def invoke(self, ctx: Any) -> Any:
        """Run the command as Typer does, with usage errors in the user's language."""
        with _usage_errors():
            return super().invoke(ctx)

    def _translate(self, command: Any, ctx: Any, text: str) -> None:
        if locale_language() == "ru":
            from merlin.cli.help import show_russian_titles, translate_help

            show_russian_titles(ctx)
            translate_help(command, ctx, text)
