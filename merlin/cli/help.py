"""The Russian help, and the Russian meanings of the configuration's keys.

The English ones are in the commands and in the models of the configuration themselves.

`locale/ru/help.yaml` has a line for each command and each of its options. It is read only when
help is shown.
"""

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from typer import rich_utils
from typer.exceptions import TyperException

_RUSSIAN = Path(__file__).parents[1] / "locale" / "ru" / "help.yaml"
COMMON, PANELS, TYPER, USAGE, ERRORS = "*", "panels", "typer", "usage", "errors"


@cache
def russian_help() -> Mapping[str, Mapping[str, str]]:
    """Return the help lines of each command by its full name, "" for `merlin` itself.

    Special keys: `COMMON` for options that many commands share, `PANELS` for panel titles, `TYPER`
    for the titles in `typer.rich_utils`, `USAGE` for the placeholders of a usage line, and `ERRORS`
    for Typer's usage errors, as patterns.
    """
    lines: Mapping[str, Mapping[str, str]] = yaml.load(
        _RUSSIAN.read_text(encoding="utf-8"), yaml.CSafeLoader
    )
    return lines


@cache
def russian_keys() -> Mapping[str, str]:
    """Return the meaning of each key of the configuration by its path, as the docs write it."""
    path = _RUSSIAN.with_name("config.yaml")
    meanings: Mapping[str, str] = yaml.load(path.read_text(encoding="utf-8"), yaml.CSafeLoader)
    return meanings


def show_russian_titles(ctx: Any) -> None:
    """Translate Typer's titles and usage line into Russian until the process ends.

    `ctx` is the command's context, or None if there is none.
    """
    for name, line in russian_help()[TYPER].items():
        setattr(rich_utils, name, line)
    if ctx is None:
        return
    formatter = ctx.formatter_class
    write_plain_usage = formatter.write_usage

    def write_usage(self: Any, prog: str, args: str = "", prefix: str | None = None) -> None:
        usage = russian_help()[USAGE]
        args = re.sub(r"[A-Z]+", lambda match: usage.get(match[0], match[0]), args)
        write_plain_usage(self, prog, args, prefix or usage["prefix"])

    formatter.write_usage = write_usage


def translate_usage_error(error: TyperException, language: str) -> None:
    """Translate a usage error of Typer; an unknown message stays as it is."""
    message = error.format_message()
    # In English only the prefix is a word for programmers.
    patterns = russian_help()[ERRORS] if language == "ru" else {"Value error, ": ""}
    for pattern, line in patterns.items():
        message = re.sub(pattern, line, message)
    error.format_message = lambda: message  # type: ignore[method-assign]


def translate_help(command: Any, ctx: Any, text: str) -> None:
    """Translate the help of a command, whose full name is `text`, and of all its subcommands."""
    lines = russian_help()
    own, shared = lines.get(text, {}), lines[COMMON]
    command.help = own.get("does", "")
    if panel := getattr(command, "rich_help_panel", None):
        command.rich_help_panel = lines[PANELS][panel]
    for option in (*command.params, command.get_help_option(ctx)):
        option.help = own.get(option.name) or shared.get(option.name)
    for name, subcommand in getattr(command, "commands", {}).items():
        translate_help(subcommand, ctx, f"{text} {name}".strip())
