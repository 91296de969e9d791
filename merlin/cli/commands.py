"""The commands of `merlin`, with the module and the help line of each.

A command's module is imported only when the command runs: importing all takes a second. The help
lines are therefore repeated here; a test checks that they match the modules.
"""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup
from typer.exceptions import TyperException

# Help panels in display order: command -> help line. A command without one is hidden.
PANELS = {
    "Run": {
        "demo": (
            "Run a demo: a real repository, with stand-ins for Telegram, chat model and YooKassa."
        ),
        "stage": "",
        "run": "Run daemon, bot, api, and the engine if it is on this machine.",
        "daemon": "Watch the repository: check, build, train, test, make new models live.",
        "bot": "Answer people in Telegram.",
        "api": "Serve the pages, the API, /v1 for programs, health, metrics and webhooks.",
        "status": (
            "Show the newest commit and live model of each dataset, queues and running services."
        ),
        "health": "Check whether a process is healthy: exit 0, or 1 with the reason.",
        "doctor": (
            "Check everything that Merlin needs: configuration, credentials, folders, services."
        ),
        "engine": (
            "Serve the OpenAI protocol with Merlin's own trainers; see also the commands below."
        ),
        "provider": "Servers of the OpenAI protocol.",
    },
    "Examples": {
        "init": "Create a git repository of datasets from a template.",
        "check": "Check datasets; report problems with file, line and column; exit 1 on errors.",
        "rules": "List the rules of the check, or explain one.",
        "import": (
            "Import examples: chats as JSON (OpenAI, ShareGPT, Alpaca), CSV, XLSX; one commit or "
            "none."
        ),
        "export": (
            "Write a dataset's valid examples, as last fetched, to stdout, a file or a folder."
        ),
        "schema": (
            "Print the JSON Schema (draft 2020-12) of an example, of dataset.yaml or of "
            "course.yaml."
        ),
        "example": "Examples, each change a commit in your name.",
        "unanswered": "Show last week's questions without a good answer, newest first.",
        "distil": "Let a stronger model draft examples; each needs an editor's approval.",
        "proposals": "Proposed examples that need an editor's approval.",
        "courses": "List the courses that course.yaml files describe, by semester.",
    },
    "From commit to model": {
        "build": (
            "Fetch, check and build now; show the build of the newest commit, or of another one."
        ),
        "builds": "List builds, newest first.",
        "show": "Show a build: counts, tokens, instructions, and all examples with their authors.",
        "diff": "Compare two builds: examples added, removed or changed.",
        "verify": "Rebuild from the commit and compare every byte; exit 1 if one differs.",
        "prune": "Delete the folders of unused builds; they can be rebuilt.",
        "log": "Show the result of each commit with its problems, newest first.",
        "jobs": "Fine-tune jobs.",
        "prompt-check": (
            "Compare the base model with a good prompt and the trained model on the test questions."
        ),
        "eval": "Show how a model answered its test questions, and what got better or worse.",
        "models": "Models, and which one is live.",
        "migrate": (
            "Train the newest build on another base model; it is tested and made live like any "
            "other."
        ),
        "impact": "Show the builds, models and answers that use an example.",
        "why": "Show the origin of an answer: model, build, commit and examples.",
        "ask": "Ask a model; prints the answer to stdout, the model's name to stderr.",
    },
    "People and sales": {
        "users": "People: roles, blocks, plans, gifts.",
        "approvals": "Actions that need a second admin's approval.",
        "billing": "Sales: totals, orders, refunds, promo codes.",
    },
    "Set up and rescue": {
        "config": "Check a configuration, or print a sample.",
        "key": "The key that encrypts people's texts.",
        "backup": (
            "Write database, builds and the engine's models to one archive; Merlin can be running."
        ),
        "restore": "Restore a backup, after verifying every byte; Merlin must be stopped.",
        "recover": (
            "Rebuild an empty database from the repository, its notes and the providers' jobs."
        ),
        "upgrade": "Update the database schema and exit; processes also do it when they start.",
        "migrate-db": "Copy the SQLite database into an empty PostgreSQL, and compare every row.",
    },
}
# Module -> its commands of other names.
_MODULES = {
    "backup": ("restore", "recover", "upgrade", "migrate-db"),
    "builds": ("build", "show", "diff", "verify", "prune", "log"),
    "check": ("rules",),
    "evaluation": ("prompt-check", "eval"),
    "examples": ("example",),
    "import_export": ("import", "export", "schema"),
    "jobs": ("migrate",),
    "models": ("impact", "why"),
    "processes": ("demo", "stage", "run", "daemon", "bot", "api"),
    "proposals": ("unanswered",),
    "setup": ("init", "config"),
}
_MODULE_OF = {name: module for module, names in _MODULES.items() for name in names}
# Command -> its module and help line.
COMMANDS = {
    name: (_MODULE_OF.get(name, name), line)
    for commands in PANELS.values()
    for name, line in commands.items()
}


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


@contextmanager
def _usage_errors() -> Iterator[None]:
    """Translate Typer's usage errors into the user's language."""
    try:
        yield
    except TyperException as error:
        from merlin.cli import locale_language

        if locale_language() == "ru":
            from merlin.cli.help import show_russian_titles, translate_usage_error

            show_russian_titles(getattr(error, "ctx", None))
            translate_usage_error(error)
        raise


class LazyGroup(TyperGroup):
    """A group that lists its commands without importing them, and imports the one that runs."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        for panel, commands in PANELS.items():
            for name, line in commands.items():
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
        from merlin.cli import locale_language

        if locale_language() == "ru":
            from merlin.cli.help import show_russian_titles, translate_help

            show_russian_titles(ctx)
            translate_help(command, ctx, text)
