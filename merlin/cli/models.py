"""`merlin models` and `merlin ask`: which model serves, and one question to it or another one."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from merlin.cli.jobs import Dataset
from merlin.cli.options import (
    DEFAULT,
    AsJson,
    ConfigPath,
    ask_daemon,
    configuration,
    print_result,
    reading,
)
from merlin.cli.output import (
    print_json,
    print_list,
    print_message,
    print_table,
    record,
    translate_word,
)
from merlin.core.errors import ConfigError, NotFound, Refused

if TYPE_CHECKING:
    from merlin.app.models import ModelView
    from merlin.chat.model_catalogue import ModelCatalogue
    from merlin.config import Config
    from merlin.config.settings import ProviderConfig
    from merlin.training.models import Model

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
    from merlin.app import models

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
        told = f"{scores.chrf:.1f} ={scores.equal_share:.0%} ?{scores.unknown_share:.0%}"
    return [model.build, model.model, translate_word("model", model.display_state), told]


def promote(
    model: Annotated[str, typer.Argument(help="A model's id or its build's version.")],
    config: ConfigPath = DEFAULT,
    json: AsJson = False,
) -> None:
    """Let a proved model serve from now on."""
    from merlin.app import models

    print_result(
        ask_daemon(config, partial(models.promote_named, name=model)), "did-switch", json=json
    )


def pin(dataset: Name, config: ConfigPath = DEFAULT, json: AsJson = False) -> None:
    """Keep the serving model until `unpin`: newer ones wait."""
    from merlin.app import models

    act = partial(models.pin, dataset=dataset, is_pinned=True)
    print_result(ask_daemon(config, act), "did-pin", json=json)


def unpin(dataset: Name, config: ConfigPath = DEFAULT, json: AsJson = False) -> None:
    """Let newer models serve again."""
    from merlin.app import models

    act = partial(models.pin, dataset=dataset, is_pinned=False)
    print_result(ask_daemon(config, act), "did-unpin", json=json)


def rollback(
    dataset: Name,
    to: Annotated[str | None, typer.Option(help="A model that has served before.")] = None,
    config: ConfigPath = DEFAULT,
    json: AsJson = False,
) -> None:
    """Let the model that served before serve again; the next newer one may replace it."""
    from merlin.app import models

    act = partial(models.roll_back, dataset=dataset, to=to or "")
    print_result(ask_daemon(config, act), "did-switch", json=json)


def history(dataset: Dataset = None, config: ConfigPath = DEFAULT, json: AsJson = False) -> None:
    """Show what served when, why, and by whom."""
    from merlin.app import models

    with reading(config, dataset) as (ctx, actor):
        promotions = models.history(ctx, actor, dataset or "")
        found = models.recent(ctx, actor, dataset or "", 1000)
    told = [record(each, id="") for each in promotions]
    if not json:
        builds = {each.model: each.build for each in found}
        for each in told:
            each |= {name: builds.get(each[name], each[name]) for name in ("to", "from")}
    print_list(told, "at to from why=why:why by", json=json)


def ask(
    question: Annotated[str, typer.Argument(help="The question.")],
    dataset: Annotated[str | None, typer.Option(help="Ask this dataset's model.")] = None,
    model: Annotated[str | None, typer.Option(help="Ask this model or build.")] = None,
    config: ConfigPath = DEFAULT,
    json: AsJson = False,
) -> None:
    """Ask a model; the answer goes to stdout, which model it was to stderr."""
    answer = _ask_model(configuration(config), question, dataset, model)
    if json:
        print_json(answer)
        return
    sys.stdout.write(f"{str(answer['answer']).rstrip()}\n")
    print_message("ask-by", model=answer["model"], build=answer["build"])


def _ask_model(
    config: Config, question: str, dataset: str | None, name: str | None
) -> Mapping[str, object]:
    """Return a model's answer with model, build, tokens, and whether it knew.

    `name` is a model id or a build's version; without it the serving model of `dataset`, else
    of the default dataset, else of the first that serves. Raises ConfigError for an empty
    question, NotFound, ProviderError, Refused for a model that may serve nobody.
    """
    from merlin.chat.model_catalogue import ModelCatalogue
    from merlin.core.messages import Message
    from merlin.training.models import ModelState
    from merlin.training.promote import Promotions
    from merlin.wiring.context import reading_context
    from merlin.wiring.daemon import asker

    if not question.strip():
        raise ConfigError("no question", "ask-empty")
    with reading_context(config) as ctx:
        shelf = ModelCatalogue(ctx.db)
        model = Promotions(ctx.db).model(name) if name else _serving(config, shelf, dataset)
        if model.state is ModelState.REVOKED:
            why = f"{model.build_version} is {model.state}"
            raise Refused(why, "promote-revoked", model=model.build_version)
        system = shelf.build(model.build_id).system
    messages = [Message("system", system)] if system else []
    provider = _provider(config, model.provider)
    with closing(asker(provider)) as service:
        answer = service.ask(model.model_id, [*messages, Message("user", question)])
    return {
        "answer": answer.text,
        "model": model.model_id,
        "build": model.build_version,
        "dataset": model.dataset,
        "known": answer.known,
        "input_tokens": answer.usage.input_tokens,
        "output_tokens": answer.usage.output_tokens,
    }


def _serving(config: Config, shelf: ModelCatalogue, dataset: str | None) -> Model:
    wanted = dataset or config.datasets.default or None
    serving = shelf.serving(wanted)
    if serving is None and dataset is None:
        serving = shelf.serving(None)
    if serving is None:
        raise _nothing_serves(wanted)
    return serving.model


def _nothing_serves(dataset: str | None) -> NotFound:
    """Return what to say when no model can be asked, with where to look."""
    if dataset is None:
        return NotFound("no model serves", "ask-nothing-serves")
    return NotFound(f"{dataset} serves no model", "ask-dataset-serves-nothing", dataset=dataset)


def _provider(config: Config, name: str) -> ProviderConfig:
    for provider in config.providers:
        if provider.name == name:
            return provider
    raise NotFound(f"no provider {name}", "held-no-provider", provider=name)
