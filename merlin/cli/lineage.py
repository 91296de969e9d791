"""`merlin impact` and `merlin why`: what an example went into, and where an answer is from."""

from __future__ import annotations

from typing import Annotated

import typer

from merlin.app import lineage
from merlin.app.lineage import TaughtModel
from merlin.cli.options import DEFAULT, AsJson, ConfigPath, Dataset, reading
from merlin.cli.output import (
    print_json,
    print_list,
    print_message,
    print_pairs,
    record,
    translate_word,
)

app = typer.Typer()


@app.command()
def impact(
    example: Annotated[
        str,
        typer.Argument(metavar="FILE|EXAMPLE", help="The example's file, its id or DATASET/ID."),
    ],
    dataset: Dataset = None,
    config: ConfigPath = DEFAULT,
    json: AsJson = False,
) -> None:
    """Show which builds, models and answers an example went into."""
    with reading(config) as (ctx, actor):
        found = lineage.find_impact(ctx, actor, example, dataset or "")
    if json:
        print_json(record(found))
        return
    names = ("dataset", "example", "builds", "tests", "models", "answers")
    told = {name: getattr(found, name) for name in names}
    if found.is_cut:
        told["answers"] = f"{found.answers}+"
    print_pairs(told | ({"builds": _listed(found.builds, found.newest_builds)}))
    if found.newest_models:
        models = [{**record(each), "word": _model_state(each)} for each in found.newest_models]
        print_list(models, "model build provider state=word", json=False)
    if found.newest_answers:
        print_list([record(each) for each in found.newest_answers], "turn at model", json=False)


def _listed(count: int, newest: list[str]) -> str:
    more = ", …" if count > len(newest) else ""
    return f"{count} ({', '.join(newest)}{more})" if newest else str(count)


def _model_state(model: TaughtModel) -> str:
    return translate_word("model", "serves" if model.serves else model.state)


@app.command()
def why(
    turn: Annotated[int, typer.Argument(help="The answer's number.")],
    config: ConfigPath = DEFAULT,
    json: AsJson = False,
) -> None:
    """Show where an answer is from: model, build, commit, and the examples that say it."""
    with reading(config) as (ctx, actor):
        found = lineage.find_source(ctx, actor, turn)
    if json:
        print_json(record(found))
        return
    told: dict[str, object] = {"at": found.at, "model": found.model, "provider": found.provider}
    if found.origin is not None:
        names = ("dataset", "build", "commit", "trained_at", "examples")
        told |= {name: getattr(found.origin, name) for name in names}
    print_pairs(told)
    if found.origin is None:
        print_message("why-general")
    for key, examples in (("why-taught", found.said_by), ("why-nearest", found.nearest)):
        if examples:
            print_message(key, examples=", ".join(examples))
