"""`merlin ask`: one question to the model that serves, or to another one."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from contextlib import closing
from typing import Annotated

import typer

from merlin.chat.model_catalogue import ModelCatalogue
from merlin.cli.options import DEFAULT, AsJson, ConfigPath, configuration
from merlin.cli.output import print_json, print_message
from merlin.config import Config
from merlin.core.errors import ConfigError, NotFound, Refused
from merlin.core.messages import Message
from merlin.training.models import Model, ModelState
from merlin.training.promote import Promotions
from merlin.wiring.context import reading_context
from merlin.wiring.daemon import asker

app = typer.Typer()


@app.command()
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
    if not question.strip():
        raise ConfigError("no question", "ask-empty")
    with reading_context(config) as ctx:
        catalogue = ModelCatalogue(ctx.db)
        model = Promotions(ctx.db).model(name) if name else _serving(config, catalogue, dataset)
        if model.state is ModelState.REVOKED:
            why = f"{model.build_version} is {model.state}"
            raise Refused(why, "promote-revoked", model=model.build_version)
        system = (catalogue.tuned_row(model.model_id) or {}).get("system")
    messages = [Message("system", system)] if system else []
    provider = config.provider(model.provider)
    if provider is None:
        why = f"no provider {model.provider}"
        raise NotFound(why, "held-no-provider", provider=model.provider)
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


def _serving(config: Config, catalogue: ModelCatalogue, dataset: str | None) -> Model:
    wanted = dataset or config.datasets.default or None
    serving = catalogue.serving(wanted)
    if serving is None and dataset is None:
        serving = catalogue.serving(None)
    if serving is None:
        if wanted is None:
            raise NotFound("no model serves", "ask-nothing-serves")
        raise NotFound(f"{wanted} serves no model", "ask-dataset-serves-nothing", dataset=wanted)
    return serving.model
