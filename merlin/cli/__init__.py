"""The `merlin` command line: a Typer app that loads one module for each group of commands.

Exit codes: 0 success · 1 expected failure · 2 wrong configuration or usage · 3 a bug in Merlin ·
75 another process is the leader · 130 interrupted. Results go to stdout, messages to stderr.
"""

import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import Annotated

import typer

from merlin import __version__
from merlin.cli.commands import LazyGroup
from merlin.core.probe import locale_language

app = typer.Typer(
    name="merlin",
    cls=LazyGroup,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Commit example conversations, get a fine-tuned model, talk to it in Telegram.",
)


def _choose_config(path: str) -> None:
    """Let every command read this configuration; `LazyGroup` gives its groups the option too."""
    if path:
        os.environ["MERLIN_CONFIG"] = path


@app.callback(invoke_without_command=True)
def _root(
    version: Annotated[
        bool, typer.Option("--version", help="Show the version and exit.")
    ] = False,
    _config: Annotated[
        str,
        typer.Option(
            "--config",
            callback=_choose_config,
            expose_value=False,
            help="The configuration file of every command; also MERLIN_CONFIG.",
        ),
    ] = "",
) -> None:
    if version:
        typer.echo(__version__)
        raise typer.Exit
    from merlin.core.log import set_up_logging

    set_up_logging("cli", quiet=True)


def language() -> str:
    """Return the language of messages: MERLIN_LANGUAGE, else the locale's, else English.

    A command that reads a configuration sets MERLIN_LANGUAGE to its language.
    """
    from merlin.core.i18n import language_of

    return language_of(locale_language(), default="en")


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    code = 0
    # Nothing is missed of a text that `head` or `grep -q` reads in part; of a list a line may be.
    closed = 0 if {"-h", "--help", "--version"}.intersection(argv or sys.argv) else 1
    # Let a closed input be empty and a closed output go nowhere; write what is unencodable.
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, os.fdopen(os.open(os.devnull, os.O_RDWR), mode))
        elif mode == "w" and getattr(stream, "errors", "") in (
            "strict",
            "surrogateescape",
        ):
            stream.reconfigure(errors="backslashreplace")
    try:
        try:
            app(args=None if argv is None else list(argv), prog_name="merlin")
        except (
            SystemExit
        ) as exit_error:  # raised by Typer: 0 success, 2 wrong usage, 130 Ctrl-C
            code = exit_error.code if isinstance(exit_error.code, int) else 1
            if code == 1:  # how Typer ends where a command meets a closed pipe
                code = closed
        sys.stdout.flush()  # Python's own flush at exit would print a traceback and exit with 120
    except BrokenPipeError:  # the reader closed the pipe, so no message can reach it
        discard_output()
        sys.stderr.close()
        return closed
    except (Exception, KeyboardInterrupt) as problem:  # noqa: BLE001 - reported by kind
        from merlin.cli.failures import print_failure

        return print_failure(problem)
    return code


def discard_output() -> None:
    """Let the flush at exit write what is left of the output to nowhere."""
    with suppress(
        OSError, ValueError
    ):  # ValueError: the output is no file of the system
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
