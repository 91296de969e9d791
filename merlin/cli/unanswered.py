"""`merlin unanswered`: what people asked a dataset in vain in the last week."""

from __future__ import annotations

from typing import Annotated

import typer

from merlin.app.unanswered import GroupState, list_unanswered
from merlin.cli import language
from merlin.cli.options import DEFAULT, AsJson, ConfigPath, reading
from merlin.cli.output import print_json, print_list, print_message, record
from merlin.dataset.finding import shorten

app = typer.Typer()
_QUESTION = 60


@app.command()
def unanswered(
    dataset: Annotated[str, typer.Argument(help="The dataset.")],
    show: Annotated[GroupState, typer.Option(help="Which of them.")] = GroupState.WAITING,
    config: ConfigPath = DEFAULT,
    json: AsJson = False,
) -> None:
    """Show last week's questions that got no good answer, newest first."""
    with reading(config, dataset) as (ctx, actor):
        told = list_unanswered(ctx, actor, dataset, language())
    found = [record(each) for each in told.of(show)]
    if json:
        print_json({"questions": found, "hidden": told.hidden})
        return
    for each in found:
        each["question"] = shorten(str(each["question"]), _QUESTION)
    print_list(found, "question times refused disliked told", json=False)
    if told.hidden:
        print_message("page-unanswered-hidden", count=told.hidden)
