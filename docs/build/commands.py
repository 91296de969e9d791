"""Every command of the command line with its options, as `--help` tells them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from merlin.cli.commands import COMMANDS, load_command
from merlin.cli.help import COMMON, russian_help


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


def commands_told(language: str) -> str:
    """Return a section for each command: what it does, its arguments and options."""
    lines = []
    for words, command in find_commands().items():
        lines += [f"## merlin {words}", "", _does(language, words, command), ""]
        lines += [f"- {_names(one)}: {_help(language, words, one)}" for one in command.params]
        lines.append("")
    return "\n".join(lines)


def _does(language: str, words: str, command: Any) -> str:
    told = russian_help()[words]["does"] if language == "ru" else command.help
    return " ".join(told.split())


def _names(parameter: Any) -> str:
    if parameter.param_type_name == "argument":
        return f"`{parameter.name.upper()}`"
    return ", ".join(f"`{name}`" for name in (*parameter.opts, *parameter.secondary_opts))


def _help(language: str, words: str, parameter: Any) -> str:
    if language == "en":
        return parameter.help or "–"
    lines = russian_help()
    return lines[words].get(parameter.name) or lines[COMMON].get(parameter.name, "–")
