"""`merlin models …`, `impact`, `why`: manage models, and trace examples to answers and back."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated, Literal

import typer

from merlin.app import lineage, models
from merlin.app.actor import Actor
from merlin.app.context import Context
from merlin.app.models import ModelView
from merlin.cli import language
from merlin.cli.options import (
    DEFAULT,
    AsJson,
    ConfigPath,
    DatasetName,
    ModelName,
    NoWait,
    OnlyDataset,
    ask_daemon,
    read_context,
)
from merlin.cli.output import (
    Column,
    print_json,
    print_line,
    print_list,
    print_message,
    print_pairs,
    print_table,
    record,
    translate_word,
)
from merlin.core.i18n import format_number
from merlin.db.requests import Request
from merlin.training.models import TrainedWhere

app = typer.Typer()
models_app = typer.Typer(
    name="models", no_args_is_help=True, help="Models, and which one is live."
)
app.add_typer(models_app)


@models_app.command("list")
def list_models(
    dataset: OnlyDataset = None, config: ConfigPath = DEFAULT, json: AsJson = False
) -> None:
    """List trained models with their test scores, newest first."""
    with read_context(config, dataset) as (ctx, actor):
        views = models.list_recent(ctx, actor, dataset or "")
    if json:
        print_json([record(view, id="") for view in views])
        return
    if not views:
        print_message("trained-models-none")
        return
    names = ("build", "model", "state", "evaluation", "applied")
    print_table([f"col-{name}" for name in names], [_row(view) for view in views])
    print_message("models-legend")


def _row(model: ModelView) -> list[object]:
    text = ""
    scores = model.scores
    if scores:
        chrf = format_number(language(), scores.chrf, 1)
        text = f"{scores.right}/{scores.questions} {chrf}"
    applied = translate_word("applied", model.applied) if model.applied else ""
    return [
        model.build,
        model.model,
        translate_word("model", model.display_state),
        text,
        applied,
    ]


@models_app.command()
def promote(
    model: ModelName, config: ConfigPath = DEFAULT, json: AsJson = False
) -> None:
    """Make a tested model live."""
    ask_daemon(config, partial(_ask_of, models.promote, model), "did-switch", json=json)


@models_app.command()
def accept(
    model: ModelName, config: ConfigPath = DEFAULT, json: AsJson = False
) -> None:
    """Accept the answers in which a new model is worse, so that it can go live."""
    ask_daemon(config, partial(_ask_of, models.accept, model), "did-accept", json=json)


def _ask_of(
    act: Callable[[Context, Actor, int], Request], name: str, ctx: Context, actor: Actor
) -> Request:
    """Ask for an act on a model by the provider's name or the build's version."""
    return act(ctx, actor, models.find(ctx, actor, name).id)


@models_app.command()
def pin(
    dataset: DatasetName, config: ConfigPath = DEFAULT, json: AsJson = False
) -> None:
    """Keep the live model until `unpin`, even if there are newer ones."""
    act = partial(models.pin, dataset=dataset, is_pinned=True)
    ask_daemon(config, act, "did-pin", json=json)


@models_app.command()
def unpin(
    dataset: DatasetName, config: ConfigPath = DEFAULT, json: AsJson = False
) -> None:
    """Let newer models go live again."""
    act = partial(models.pin, dataset=dataset, is_pinned=False)
    ask_daemon(config, act, "did-unpin", json=json)


@models_app.command()
def rollback(
    dataset: DatasetName,
    to: Annotated[str | None, typer.Option(help="Model that was live before.")] = None,
    config: ConfigPath = DEFAULT,
    json: AsJson = False,
) -> None:
    """Go back to the previous live model and pin it; newer ones wait until `unpin`."""
    act = partial(models.roll_back, dataset=dataset, to=to or "")
    ask_daemon(config, act, "did-rollback", json=json)


@models_app.command()
def export(
    model: ModelName,
    to: Annotated[Path, typer.Option(metavar="FOLDER", help="A new folder.")],
    form: Annotated[
        Literal["adapter", "merged", "ollama"],
        typer.Option(
            help="adapter: for PEFT and vLLM; merged: one model with its base; ollama: merged, with"
            " a Modelfile."
        ),
    ] = "adapter",
    config: ConfigPath = DEFAULT,
    json: AsJson = False,
) -> None:
    """Write a model of Merlin's engine into a new folder for other programs, with its card."""
    from merlin.cli.model_transfer import export_model

    export_model(config, model, form, to, json=json)


@models_app.command()
def add(
    dataset: DatasetName,
    folder: Annotated[Path, typer.Argument(help="An adapter in PEFT's layout.")],
    build: Annotated[
        str,
        typer.Option(
            help="Build that it was trained on; default: as its README.md says."
        ),
    ] = "",
    base: Annotated[
        str,
        typer.Option(metavar="PROVIDER/MODEL", help="Its base. Default: the recipe's."),
    ] = "",
    config: ConfigPath = DEFAULT,
    no_wait: NoWait = False,
    json: AsJson = False,
) -> None:
    """Add an adapter that another program trained; it is proved and tested before it goes live."""
    from merlin.cli.model_transfer import add_model

    act = add_model(config, dataset, folder, build, base)
    ask_daemon(config, act, "did-add", json=json, is_waiting=not no_wait)


@app.command()
def impact(
    example: Annotated[
        str,
        typer.Argument(
            metavar="FILE|EXAMPLE", help="File or ID of the example, or DATASET/ID."
        ),
    ],
    dataset: OnlyDataset = None,
    config: ConfigPath = DEFAULT,
    json: AsJson = False,
) -> None:
    """Show the builds and models that hold an example, and the newest answers of these models."""
    with read_context(config) as (ctx, actor):
        impact_view = lineage.find_impact(ctx, actor, example, dataset or "")
    if json:
        print_json(record(impact_view))
        return
    names = ("dataset", "example", "builds", "tests", "models")
    values = {name: getattr(impact_view, name) for name in names}
    values["builds"] = _format_builds(impact_view.builds, impact_view.newest_builds)
    print_pairs(values)
    if impact_view.newest_models:
        models = [
            record(model)
            | {
                "word": translate_word(
                    "model", "serves" if model.serves else model.state
                )
            }
            for model in impact_view.newest_models
        ]
        print_list(models, ["model", "build", "provider", Column("state", "word")])
    if impact_view.newest_answers:
        answers = [record(answer) for answer in impact_view.newest_answers]
        print_list(answers, ["turn", "at", "model"])


def _format_builds(count: int, newest: list[str]) -> str:
    more = ", …" if count > len(newest) else ""
    return f"{count} ({', '.join(newest)}{more})" if newest else str(count)


@app.command()
def why(
    turn: Annotated[int, typer.Argument(help="Number of the answer.")],
    config: ConfigPath = DEFAULT,
    json: AsJson = False,
) -> None:
    """Show the origin of an answer: model, build, commit and examples."""
    with read_context(config) as (ctx, actor):
        source = lineage.find_source(ctx, actor, turn)
    if json:
        print_json(record(source))
        return
    values: dict[str, object] = {
        name: getattr(source, name) for name in ("at", "model", "provider")
    }
    if source.origin is not None:
        names = ("dataset", "build", "commit", "trained_at", "examples")
        values |= {name: getattr(source.origin, name) for name in names}
    print_pairs(values)
    if source.origin is None:
        print_line("why-general")
    elif source.origin.trained is not TrainedWhere.HERE:
        print_line(f"trained-{source.origin.trained}")
    said_by = [f"{name} ({commit[:10]})" for name, commit in source.said_by.items()]
    for key, examples in (("why-examples", said_by), ("why-nearest", source.nearest)):
        if examples:
            print_line(key, examples=", ".join(examples))
    print_line("why-part", part=source.part.value)
