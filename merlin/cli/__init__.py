"""`merlin`: the command line, a Typer app of one file a group of commands, and the exit codes.

0 done · 1 expected failure · 2 wrong config or usage · 3 a bug in Merlin · 75 another process
leads · 130 interrupted. What a command shows goes to stdout, what it says goes to stderr.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from merlin import __version__
from merlin.cli.commands import LazyGroup

app = typer.Typer(
    name="merlin",
    cls=LazyGroup,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Commit example conversations, get a fine-tuned model, talk to it in Telegram.",
)


@app.callback(invoke_without_command=True)
def _root(
    version: Annotated[bool, typer.Option("--version", help="Show the version, exit.")] = False,
    config: Annotated[
        str, typer.Option(help="The configuration file of every command; also MERLIN_CONFIG.")
    ] = "",
) -> None:
    if version:
        typer.echo(__version__)
        raise typer.Exit
    if config:
        os.environ["MERLIN_CONFIG"] = config
    from merlin.core.log import set_up_logging

    set_up_logging("cli", quiet=True)


def language() -> str:
    """Return the language that commands speak: MERLIN_LANGUAGE, else the locale's, else English."""
    from merlin.core.i18n import language_of

    return language_of(locale_language(), default="en")


def locale_language() -> str:
    """Return the code of the language that the environment asks for, "" where it asks for none.

    The first variable that holds something counts, as POSIX has it; C and POSIX are no language.
    """
    names = ("MERLIN_LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG")
    named = next((value for name in names if (value := os.environ.get(name))), "")
    code = re.split(r"[_.@-]", named, maxsplit=1)[0].lower()
    return "" if code in ("c", "posix") else code


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    try:
        app(args=None if argv is None else list(argv), prog_name="merlin")
    except SystemExit as end:  # Typer's own: 0 done, 2 wrong usage, 130 Ctrl-C
        return end.code if isinstance(end.code, int) else 1
    except BrokenPipeError:  # the reader of our output went away: nothing to say to it
        sys.stderr.close()
        return 0
    except (Exception, KeyboardInterrupt) as problem:  # noqa: BLE001 - told by kind
        from merlin.cli.failures import print_failure

        return print_failure(problem)
    return 0
