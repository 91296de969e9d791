"""`merlin engine`: run the engine; download its base models."""

import os
from pathlib import Path
from typing import Annotated

import typer

from merlin.cli.options import DEFAULT, ConfigPath, configuration
from merlin.cli.output import print_message
from merlin.core.errors import NotFound

app = typer.Typer(name="engine")


@app.callback(invoke_without_command=True)
def engine(context: typer.Context) -> None:
    """Serve the OpenAI protocol with Merlin's own trainers; see also the commands below."""
    if context.invoked_subcommand is None:
        from merlin.wiring.engine import start_engine

        start_engine(configuration(Path(os.environ.get("MERLIN_CONFIG") or DEFAULT)))


@app.command()
def pull(
    names: Annotated[
        list[str] | None, typer.Argument(help="Base models of engine.models; default: all.")
    ] = None,
    config: ConfigPath = DEFAULT,
) -> None:
    """Download base models from the hub; resumes partial downloads."""
    from merlin.engine.model_download import pull as pull_base
    from merlin.engine.model_store import get_base_folder
    from merlin.wiring.engine import engine_folder

    settings = configuration(config)
    by_name, engine = settings.engine.models, engine_folder(settings)
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
        folder = get_base_folder(model, engine)
        print_message(
            "library-pulled" if is_new else "library-already-pulled", name=name, folder=str(folder)
        )
