"""The help in Russian; in English it stands with the commands themselves.

`locale/ru/help.yaml` holds a line for each command and each of its options. It is read only where
help is shown, as a command that works needs none of it.
"""

from __future__ import annotations

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
    """Return the lines of each command by its words, "" for `merlin` itself.

    Those of options that many commands share lie under `COMMON`, the titles of groups of commands
    under `PANELS`, what `typer.rich_utils` calls its own titles under `TYPER`, the words of a line
    of usage under `USAGE`, and what Typer says of wrong words, as patterns, under `ERRORS`.
    """
    lines: Mapping[str, Mapping[str, str]] = yaml.load(
        _RUSSIAN.read_text(encoding="utf-8"), yaml.CSafeLoader
    )
    return lines


def show_russian_titles(ctx: Any) -> None:
    """Let Typer call arguments, options and commands in Russian, until the process ends.

    `ctx` is the command's, None for none; its line of usage is Russian too.
    """
    for name, line in russian_help()[TYPER].items():
        setattr(rich_utils, name, line)
    if ctx is None:
        return
    formatter = ctx.formatter_class
    write_plain_usage = formatter.write_usage

    def write_usage(self: Any, prog: str, args: str = "", prefix: str | None = None) -> None:
        words = russian_help()[USAGE]
        args = re.sub(r"[A-Z]+", lambda each: words.get(each[0], each[0]), args)
        write_plain_usage(self, prog, args, prefix or words["prefix"])

    formatter.write_usage = write_usage


def translate_usage_error(error: TyperException) -> None:
    """Let an error of Typer's speak Russian; words that it does not know stay."""
    message = error.format_message()
    for pattern, line in russian_help()[ERRORS].items():
        message = re.sub(pattern, line, message)
    error.format_message = lambda: message  # type: ignore[method-assign]


def translate_help(command: Any, ctx: Any, text: str) -> None:
    """Give a command, called by its `text`, and all below it their help in Russian."""
    lines = russian_help()
    own, shared = lines.get(text, {}), lines[COMMON]
    command.help = own.get("does", "")
    if panel := getattr(command, "rich_help_panel", None):
        command.rich_help_panel = lines[PANELS][panel]
    for option in (*command.params, command.get_help_option(ctx)):
        option.help = own.get(option.name) or shared.get(option.name)
    for word, each in getattr(command, "commands", {}).items():
        translate_help(each, ctx, f"{text} {word}".strip())
