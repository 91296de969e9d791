"""The words of the command line: each with its module and its line of help.

A command's module is imported when the command is called: all together take a second. So their
lines of help stand here too, and a test proves that both say the same.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

# In the order of the help, commands before groups. A word without a line is not told of.
MODULES = {
    "processes": {
        "demo": (
            "Show everything here: a real repository, stand-ins for Telegram, chat model, YooKassa."
        ),
        "stage": "",
        "run": (
            "Run daemon, bot and api (and the engine, where a provider is on this machine) "
            "together."
        ),
        "daemon": "Watch the repository: check, build, launch, poll, prove, promote.",
        "bot": "Answer people in Telegram.",
        "api": "Serve the pages, the open api, /v1 for programs, health, metrics and hooks.",
    },
    "init": {"init": "Make a git repository of datasets from a template."},
    "check": {
        "check": (
            "Check datasets and say what is wrong, with file, line and column; exit 1 on errors."
        ),
    },
    "rules": {"rules": "List the rules of the check, or tell everything about one."},
    "import_export": {
        "import": (
            "Import examples: chats as JSON (OpenAI, ShareGPT, Alpaca), CSV, XLSX; one "
            "commit or none."
        ),
        "export": (
            "Write a dataset's good examples to stdout, a file or a folder, as of the newest fetch."
        ),
        "schema": (
            "Print the JSON Schema (draft 2020-12) of an example, of dataset.yaml or of "
            "course.yaml."
        ),
    },
    "builds": {
        "build": (
            "Fetch, check and build now; tell the build of the newest commit, or of another one."
        ),
        "builds": "List builds, newest first.",
        "show": "Show a build: counts, tokens, system text, and every example with its author.",
        "diff": "Show which examples a build added, removed or changed against another.",
        "verify": (
            "Make a build anew from its commit, and compare every byte; ends with 1 where "
            "one differs."
        ),
        "prune": "Remove the folders of builds that nothing needs; any of them can be made again.",
        "log": "Show what each commit led to, newest first, with its findings.",
    },
    "recover": {
        "recover": "Fill an empty database from the repository, its notes and the providers' jobs.",
    },
    "prompt_check": {
        "prompt-check": (
            "Compare the base with a good prompt and the tuned model on the test questions."
        ),
    },
    "evaluation": {
        "eval": (
            "Tell how a model answered its test questions, and what it answers better or worse."
        ),
    },
    "courses": {"courses": "List the courses that course.yaml files describe, by semester."},
    "ask": {"ask": "Ask a model; the answer goes to stdout, which model it was to stderr."},
    "status": {
        "status": (
            "Show each dataset's newest commit and serving model, what waits, and who is alive."
        ),
    },
    "health": {"health": "Say whether a process is well: exit 0, or 1 with the reason."},
    "doctor": {
        "doctor": (
            "Look at everything that Merlin needs: configuration, credentials, places, services."
        ),
    },
    "engine": {
        "engine": (
            "Serve the OpenAI protocol with Merlin's own trainers; see also the commands below."
        ),
    },
    "examples": {"example": "Examples, each change a commit in your name."},
    "distil": {
        "distil": (
            "Let a stronger model draft examples; each waits for an editor, and trains nothing "
            "before."
        ),
    },
    "proposals": {"proposals": "Proposed examples that wait for an editor."},
    "unanswered": {"unanswered": "Show what people asked in vain in the last week, newest first."},
    "jobs": {"jobs": "Fine-tune jobs."},
    "migrate": {
        "migrate": (
            "Train the newest build on another base model; it is tested and made live as any other."
        ),
    },
    "lineage": {
        "impact": "Show which builds, models and answers an example went into.",
        "why": "Show where an answer is from: model, build, commit, and the examples that say it.",
    },
    "models": {"models": "Models: which there are, which one serves."},
    "provider": {"provider": "Servers of the OpenAI protocol."},
    "users": {"users": "People: roles, blocks, plans, gifts."},
    "billing": {"billing": "Sales: sums, orders, refunds, codes."},
    "key": {"key": "The key of people's texts."},
    "setup": {"config": "Judge a configuration, or print a sample."},
}

# What the help shows together: each module once.
PANELS = {
    "Run": ("processes", "status", "health", "doctor", "engine", "provider"),
    "Examples": (
        *("init", "check", "rules", "import_export", "examples", "unanswered", "distil"),
        *("proposals", "courses"),
    ),
    "From commit to model": (
        *("builds", "jobs", "prompt_check", "evaluation", "models", "migrate", "lineage", "ask"),
    ),
    "People and sales": ("users", "billing"),
    "Set up and rescue": ("setup", "key", "recover"),
}
_PANEL_OF = {module: panel for panel, modules in PANELS.items() for module in modules}

_MODULE_OF = {word: name for name, lines in MODULES.items() for word in lines}


def load_command(word: str) -> Any:
    """Return the command that a word calls, its module imported. Raises KeyError for another."""
    group = typer.main.get_group(import_module(f"merlin.cli.{_MODULE_OF[word]}").app)
    return group if group.name == word else group.commands[word]


class LazyGroup(TyperGroup):
    """The commands by their lines of help; the called one takes its line's place."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        for module, panel in _PANEL_OF.items():
            for word, line in MODULES[module].items():
                command = TyperCommand(word, help=line, hidden=not line, rich_help_panel=panel)
                self.add_command(command)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Return what Typer does: the word, its command, the other arguments."""
        if args[0] in _MODULE_OF:
            self.add_command(load_command(args[0]))
        return super().resolve_command(ctx, args)
