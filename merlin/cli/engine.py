"""`merlin engine`: run the engine; download its base models."""

import os
from pathlib import Path
from typing import Annotated

import typer

from merlin.cli import language
from merlin.cli.options import DEFAULT, ConfigPath, configuration
from merlin.cli.output import print_message
from merlin.config.engine import RECALL
from merlin.core.errors import NotFound, Refused
from merlin.core.i18n import text

app = typer.Typer(name="engine")


# What runs as it stands: the newest `openai` asks in three lines.
_CURL = """\
curl {address}/chat/completions -H 'Authorization: Bearer {secret}' \\
  -H 'Content-Type: application/json' \\
  -d '{{"model": "{model}", "messages": [{{"role": "user", "content": "{question}"}}]}}'"""
_PYTHON = """\
from openai import OpenAI
client = OpenAI(base_url="{address}", api_key="{secret}")
messages = [{{"role": "user", "content": "{question}"}}]
answer = client.chat.completions.create(model="{model}", messages=messages)
print(answer.choices[0].message.content)"""


@app.callback(invoke_without_command=True)
def engine(
    context: typer.Context,
    model: Annotated[
        str | None,
        typer.Option(
            metavar="NAME_OR_FOLDER",
            help="Serve without a configuration: this base model, beside recall.",
        ),
    ] = None,
    host: Annotated[
        str | None, typer.Option(help="Its address. Default: 127.0.0.1.")
    ] = None,
    port: Annotated[
        int | None, typer.Option(min=1, max=65535, help="Default: 8702.")
    ] = None,
    device: Annotated[
        str | None,
        typer.Option(help="Train and answer on cpu (default), cuda:0 or mps."),
    ] = None,
    state: Annotated[
        Path | None,
        typer.Option(help="Its folder. Default: ~/.local/share/merlin-engine."),
    ] = None,
) -> None:
    """Serve the OpenAI protocol with Merlin's own trainers; see also the commands below."""
    if context.invoked_subcommand is not None:
        return
    path = os.environ.get("MERLIN_CONFIG")
    is_lone = any(option is not None for option in (model, host, port, device, state))
    if path and is_lone:
        raise Refused("both given", "engine-lone-config", path=path)
    if is_lone or not (path or DEFAULT.exists()):
        _serve_alone(
            state, model or "", f"{host or '127.0.0.1'}:{port or 8702}", device or "cpu"
        )
        return
    from merlin.wiring.engine import start_engine

    start_engine(configuration(Path(path or DEFAULT)))


def _serve_alone(state: Path | None, model: str, listen: str, device: str) -> None:
    """Serve without a configuration; download the base model first if it is not here."""
    from merlin.engine.model_download import pull as pull_base, require_extra
    from merlin.wiring.engine import (
        build_lone_config,
        engine_folder,
        find_lone_folder,
        prepare_lone_key,
        start_engine,
    )

    folder = (state or find_lone_folder()).absolute()
    config = build_lone_config(folder, language(), model, listen, device)
    for name, base in config.engine.models.items():
        require_extra()
        print_message("library-pulling", name=name, source=base.source)
        pull_base(base, engine_folder(config))
    secret = prepare_lone_key(folder)
    names = [*config.engine.models, RECALL]

    def announce() -> None:
        place = listen.replace("0.0.0.0", "127.0.0.1")  # noqa: S104 - shown
        call = {
            "address": f"http://{place}/v1",
            "secret": secret,
            "model": names[0],
            "question": text(language(), "engine-lone-question"),
        }
        print_message(
            "engine-lone-ready", **call, models=", ".join(names), folder=str(folder)
        )
        for heading, code in (("curl", _CURL), ("python", _PYTHON)):
            print_message(f"engine-lone-{heading}")
            typer.echo(f"{code.format(**call)}\n")

    start_engine(config, announce, "--port")


@app.command()
def pull(
    names: Annotated[
        list[str] | None,
        typer.Argument(help="Base models of engine.models; default: all."),
    ] = None,
    config: ConfigPath = DEFAULT,
) -> None:
    """Download base models from the hub; resumes partial downloads."""
    from merlin.engine.model_download import pull as pull_base
    from merlin.engine.model_store import list_warnings
    from merlin.wiring.engine import engine_folder

    settings = configuration(config)
    by_name = settings.engine.models
    engine = engine_folder(settings)
    if not by_name:
        print_message("library-no-bases")
    for name in names or ():
        if name not in by_name:
            arguments = {"name": name, "known": ", ".join(by_name) or "–"}
            raise NotFound(f"no base {name}", "library-unknown", **arguments)
    for name in names or by_name:
        model = by_name[name]
        print_message("library-pulling", name=name, source=model.source)
        is_new = pull_base(model, engine)
        folder = model.locate(engine)
        print_message(
            "library-pulled" if is_new else "library-already-pulled",
            name=name,
            folder=str(folder),
        )
        for _, key in list_warnings({name: model}, engine):
            print_message(key, name=name)
