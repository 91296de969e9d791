"""`merlin models`: which there are, and which one serves."""

from __future__ import annotations

from functools import partial
from typing import Annotated

import typer

from merlin.app import models
from merlin.app.models import ModelView
from merlin.cli import language
from merlin.cli.options import DEFAULT, AsJson, ConfigPath, Dataset, ask_daemon, reading
from merlin.cli.output import (
    print_json,
    print_list,
    print_message,
    print_table,
    record,
    translate_word,
)
from merlin.core.i18n import format_number

Name = Annotated[str, typer.Argument(help="The dataset.")]


app = typer.Typer(
    name="models", no_args_is_help=True, help="Models: which there are, and which one is live."
)


@app.command("list")
def list_models(
    dataset: Dataset = None, config: ConfigPath = DEFAULT, json: AsJson = False
) -> None:
    """List tuned models with their scores, newest first."""
    with reading(config, dataset) as (ctx, actor):
        found = models.recent(ctx, actor, dataset or "")
    if json:
        print_json([record(model, id="") for model in found])
        return
    names = ("build", "model", "state", "evaluation")
    print_table([f"col-{name}" for name in names], [_row(model) for model in found])
    print_message("models-legend")


def _row(model: ModelView) -> list[object]:
    told, scores = "", model.scores
    if scores:
        chrf = format_number(language(), scores.chrf or 0, 1)
        told = f"{chrf} ={scores.equal_share:.0%} ?{scores.unknown_share:.0%}"
    return [model.build, model.model, translate_word("model", model.display_state), told]


@app.command()
def promote(
    model: Annotated[str, typer.Argument(help="A model's id or its build's version.")],
    config: ConfigPath = DEFAULT,
    json: AsJson = False,
) -> None:
    """Make a tested model the live one."""
    ask_daemon(config, partial(models.promote_named, name=model), "did-switch", json=json)


@app.command()
def accept(
    model: Annotated[str, typer.Argument(help="A model's id or its build's version.")],
    config: ConfigPath = DEFAULT,
    json: AsJson = False,
) -> None:
    """Accept the answers that a new model got worse, so that it can go live."""
    ask_daemon(config, partial(models.accept_named, name=model), "did-accept", json=json)


@app.command()
def pin(dataset: Name, config: ConfigPath = DEFAULT, json: AsJson = False) -> None:
    """Keep the live model until `unpin`; newer ones wait."""
    act = partial(models.pin, dataset=dataset, is_pinned=True)
    ask_daemon(config, act, "did-pin", json=json)


@app.command()
def unpin(dataset: Name, config: ConfigPath = DEFAULT, json: AsJson = False) -> None:
    """Let newer models go live again."""
    act = partial(models.pin, dataset=dataset, is_pinned=False)
    ask_daemon(config, act, "did-unpin", json=json)


@app.command()
def rollback(
    dataset: Name,
    to: Annotated[str | None, typer.Option(help="A model that was live before.")] = None,
    config: ConfigPath = DEFAULT,
    json: AsJson = False,
) -> None:
    """Go back to the previous live model; the next newer one may replace it."""
    act = partial(models.roll_back, dataset=dataset, to=to or "")
    ask_daemon(config, act, "did-switch", json=json)


@app.command()
def history(dataset: Dataset = None, config: ConfigPath = DEFAULT, json: AsJson = False) -> None:
    """Show which model was live when, why, and who switched it."""
    with reading(config, dataset) as (ctx, actor):
        promotions = models.history(ctx, actor, dataset or "")
        found = models.recent(ctx, actor, dataset or "", 1000)
    told = [record(each, id="") for each in promotions]
    if not json:
        builds = {each.model: each.build for each in found}
        for each in told:
            each |= {name: builds.get(each[name], each[name]) for name in ("to", "from")}
    print_list(told, "at to from why=why:why by", json=json)
