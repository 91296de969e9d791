"""Every command of the command line with its options, as `--help` tells them."""

from collections.abc import Iterator
from typing import Any

from merlin.cli.commands import COMMANDS, load_command


def find_commands() -> dict[str, Any]:
    """Return every command that is no secret, by its words."""
    found: dict[str, Any] = {}
    for word in COMMANDS:
        command = load_command(word)
        if not command.hidden:
            found.update(_verbs_of(word, command))
    return found


def _verbs_of(words: str, command: Any) -> Iterator[tuple[str, Any]]:
    """Yield every verb below some words; a few groups do work themselves."""
    inside = getattr(command, "commands", {})
    if not inside or command.invoke_without_command:
        yield words, command
    for verb, each in inside.items():
        yield from _verbs_of(f"{words} {verb}", each)


def commands_told() -> str:
    """Return a section for each command: what it does, its arguments and options, in English."""
    lines = []
    for words, command in find_commands().items():
        lines += [f"## merlin {words}", "", describe_command(command), ""]
        for one in command.params:
            names = ", ".join(f"`{name}`" for name in names_of(one))
            lines.append(f"- {names}: {one.help or '–'}")
        lines.append("")
    return "\n".join(lines)


def describe_command(command: Any) -> str:
    """Return what a command does."""
    return " ".join(command.help.split())


def names_of(parameter: Any) -> list[str]:
    """Return how an argument or option is written, each way."""
    if parameter.param_type_name == "argument":
        return [parameter.name.upper()]
    return [*parameter.opts, *parameter.secondary_opts]
