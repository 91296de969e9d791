"""`merlin ask`: one question to the serving model, or to another one."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from merlin.cli.loading import DEFAULT, AsJson, ConfigPath, configuration
from merlin.cli.output import as_json, say


def register(app: typer.Typer) -> None:
    """Add the verb to the command line."""
    app.command()(ask)


def ask(
    question: Annotated[str, typer.Argument(help="The question.")],
    dataset: Annotated[str | None, typer.Option(help="Ask this dataset's model.")] = None,
    model: Annotated[str | None, typer.Option(help="Ask this model or build.")] = None,
    config: ConfigPath = DEFAULT,
    json: AsJson = False,
) -> None:
    """Ask a model; the answer goes to stdout, which model it was to stderr."""
    from merlin.wiring.asking import ask_model

    answer = ask_model(configuration(config), question, dataset, model)
    if json:
        as_json(answer)
        return
    sys.stdout.write(f"{str(answer['answer']).rstrip()}\n")
    say("ask-by", model=answer["model"], build=answer["build"])
