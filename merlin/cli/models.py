"""`merlin models` and `merlin ask`: which model serves, and one question to it or another one."""

from __future__ import annotations

import sys
from typing import Annotated, Any

import typer

from merlin.cli.jobs import Dataset
from merlin.cli.options import DEFAULT, AsJson, ConfigPath, ask_daemon, configuration, print_result
from merlin.cli.output import (
    format_local_time,
    print_json,
    print_message,
    print_table,
    translate_word,
)
from merlin.db.requests import RequestKind

Name = Annotated[str, typer.Argument(help="The dataset.")]


def register(app: typer.Typer) -> None:
    """Add the group and the verb `ask` to the command line."""
    group = typer.Typer(no_args_is_help=True, help="Models: which there are, which one serves.")
    group.command("list")(list_models)
    for verb in (promote, pin, unpin, rollback, history):
        group.command()(verb)
    app.add_typer(group, name="models")
    app.command()(ask)


def list_models(
    dataset: Dataset = None, config: ConfigPath = DEFAULT, json: AsJson = False
) -> None:
    """List tuned models with their scores, newest first."""
    from merlin.wiring.reading import reports

    with reports(configuration(config), dataset) as rows:
        models = rows.models(dataset)
    if json:
        print_json(models)
        return
    names = ("build", "model", "state", "evaluation")
    print_table([f"col-{name}" for name in names], [_row(model) for model in models])
    print_message("models-legend")


def _row(model: dict[str, Any]) -> list[object]:
    proof = model["evaluation"]
    told = ""
    if proof and proof["questions"]:
        told = f"{proof['chrf']:.1f} ={proof['equal_share']:.0%} ?{proof['unknown_share']:.0%}"
    serves = model["serves"] and model["state"] == "good"
    state = translate_word("model", "serves" if serves else model["state"])
    return [model["build"], model["model"], state, told]


def promote(
    model: Annotated[str, typer.Argument(help="A model's id or its build's version.")],
    config: ConfigPath = DEFAULT,
    json: AsJson = False,
) -> None:
    """Let a proved model serve from now on."""
    print_result(ask_daemon(config, RequestKind.PROMOTE, {"model": model}), "did-switch", json=json)


def pin(dataset: Name, config: ConfigPath = DEFAULT, json: AsJson = False) -> None:
    """Keep the serving model until `unpin`: newer ones wait."""
    print_result(ask_daemon(config, RequestKind.PIN, {"dataset": dataset}), "did-pin", json=json)


def unpin(dataset: Name, config: ConfigPath = DEFAULT, json: AsJson = False) -> None:
    """Let newer models serve again."""
    print_result(
        ask_daemon(config, RequestKind.UNPIN, {"dataset": dataset}), "did-unpin", json=json
    )


def rollback(
    dataset: Name,
    to: Annotated[str | None, typer.Option(help="A model that has served before.")] = None,
    config: ConfigPath = DEFAULT,
    json: AsJson = False,
) -> None:
    """Let the model that served before serve again; the next newer one may replace it."""
    print_result(
        ask_daemon(config, RequestKind.ROLLBACK, {"dataset": dataset, "to": to}),
        "did-switch",
        json=json,
    )


def history(dataset: Dataset = None, config: ConfigPath = DEFAULT, json: AsJson = False) -> None:
    """Show what served when, why, and by whom."""
    from merlin.wiring.reading import reports

    with reports(configuration(config), dataset) as rows:
        promotions = rows.history(dataset)
        builds = {each["model"]: each["build"] for each in rows.models(dataset, limit=1000)}
    if json:
        print_json(promotions)
        return
    lines = [
        [
            format_local_time(each["at"]),
            *(builds.get(each[way], each[way]) for way in ("to", "from")),
            translate_word("why", each["why"]),
            each["by"],
        ]
        for each in promotions
    ]
    print_table(["col-at", "col-to", "col-from", "col-why", "col-by"], lines)


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
        print_json(answer)
        return
    sys.stdout.write(f"{str(answer['answer']).rstrip()}\n")
    print_message("ask-by", model=answer["model"], build=answer["build"])
