"""`merlin ask`: ask the live model, or another one, a single question."""

import sys
from collections.abc import Mapping
from contextlib import closing
from typing import Annotated, Any

import typer

from merlin.chat.model_catalogue import ModelCatalogue
from merlin.cli.options import DEFAULT, AsJson, ConfigPath, configuration
from merlin.cli.output import format_cell, print_json, print_message
from merlin.config import Config, require_provider
from merlin.core.errors import ConfigError, NotFound
from merlin.core.formatted_text import is_blank
from merlin.core.messages import Message
from merlin.training.models import Model, refuse_serving
from merlin.training.promote import Promotions
from merlin.wiring.context import open_reading_context
from merlin.wiring.providers import model_client

app = typer.Typer()


@app.command()
def ask(
    question: Annotated[str, typer.Argument(help="The question.")],
    dataset: Annotated[
        str | None, typer.Option(help="Ask this dataset's model.")
    ] = None,
    model: Annotated[str | None, typer.Option(help="Ask this model or build.")] = None,
    config: ConfigPath = DEFAULT,
    json: AsJson = False,
) -> None:
    """Ask a model; prints the answer to stdout, the model's name to stderr."""
    answer = _ask_model(configuration(config), question, dataset, model)
    if json:
        print_json(answer)
        return
    sys.stdout.write(f"{format_cell(answer['answer']).rstrip()}\n")
    print_message("ask-by", model=answer["model"], build=answer["build"])
    if answer["nearest"]:
        print_message("ask-nearest", questions="; ".join(answer["nearest"]))


def _ask_model(
    config: Config, question: str, dataset: str | None, name: str | None
) -> Mapping[str, Any]:
    """Return a model's answer with its model, build and tokens, and whether it knew.

    `nearest` are the questions that may have been meant if it does not know.

    `name` is a model id or a build. Without it, use the live model of `dataset`, else of
    the default dataset, else of any dataset. Raises ConfigError for an empty question, NotFound,
    ProviderError, and Refused for a model that may not serve.
    """
    if is_blank(question):
        raise ConfigError("no question", "ask-empty")
    with open_reading_context(config, dataset or "") as ctx:
        catalogue = ModelCatalogue(ctx.db)
        model = (
            Promotions(ctx.db).model(name)
            if name
            else _find_live_model(config, catalogue, dataset)
        )
        if (refusal := refuse_serving(model)) is not None:
            raise refusal
        tuned = catalogue.tuned_row(model.model_id)
        system = tuned.system if tuned is not None else ""
    messages = [
        *([Message("system", system)] if system else []),
        Message("user", question),
    ]
    with closing(model_client(require_provider(config, model.provider))) as service:
        answer = service.ask(model.model_id, messages)
    return {
        "answer": answer.text,
        "model": model.model_id,
        "known": answer.known,
        "nearest": list(answer.nearest),
        "composed_from": list(answer.composed_from),
        "build": model.build_version,
        "dataset": model.dataset,
        "input_tokens": answer.usage.input_tokens,
        "output_tokens": answer.usage.output_tokens,
    }


def _find_live_model(
    config: Config, catalogue: ModelCatalogue, dataset: str | None
) -> Model:
    requested = dataset or config.datasets.default or None
    serving = catalogue.find_serving(requested)
    if serving is None and dataset is None:
        serving = catalogue.find_serving(None)
    if serving is None:
        if requested is None:
            raise NotFound("no model serves", "ask-no-live-model")
        raise NotFound(
            f"{requested} serves no model",
            "ask-dataset-no-live-model",
            dataset=requested,
        )
    return serving.model
