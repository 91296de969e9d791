"""`merlin engine`: run the engine; manage its base models."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from merlin.cli import language
from merlin.cli.options import DEFAULT, AsJson, ConfigPath, configuration
from merlin.cli.output import (
    print_json,
    print_list,
    print_message,
    record,
)
from merlin.core.errors import NotFound
from merlin.core.i18n import format_number, text

if TYPE_CHECKING:
    from merlin.config import Config
    from merlin.config.engine import EngineModelConfig
    from merlin.engine.model_store import BaseEntry

app = typer.Typer(name="engine")
models = typer.Typer(
    name="models", no_args_is_help=True, help="Base models: download, list and remove them."
)
app.add_typer(models)


@app.callback(invoke_without_command=True)
def engine(context: typer.Context, config: ConfigPath = DEFAULT) -> None:
    """Serve the OpenAI protocol with Merlin's own trainers; see also the commands below."""
    if context.invoked_subcommand is None:
        from merlin.wiring.engine import start_engine

        start_engine(configuration(config))
    else:
        os.environ["MERLIN_CONFIG"] = str(config)  # as `merlin --config` does


GB, MB = 1e9, 1e6
# The longest end of a model id or path that the table shows.
MAX_SOURCE_LENGTH = 48


@models.command()
def pull(
    names: Annotated[
        list[str] | None, typer.Argument(help="Base models of engine.models; default: all.")
    ] = None,
    config: ConfigPath = DEFAULT,
    json: AsJson = False,
) -> None:
    """Download base models from the hub; resumes partial downloads."""
    from merlin.engine.model_download import pull as pull_base
    from merlin.engine.model_store import get_base_folder, get_library_folder
    from merlin.wiring.engine import engine_folder

    settings = configuration(config)
    requested, engine = _select_bases(settings, names or []), engine_folder(settings)
    if not requested:
        print_message("library-no-bases")
    for name, model in requested.items():
        print_message("library-pulling", name=name, source=model.source)
        is_new = pull_base(name, model, engine)
        folder = get_base_folder(name, model, get_library_folder(engine))
        print_message(
            "library-pulled" if is_new else "library-already-pulled", name=name, folder=str(folder)
        )
    if json:
        pulled = [entry for entry in _list_entries(settings) if entry.name in requested]
        print_json({"models": [_entry_record(entry) for entry in pulled]})


@models.command("list")
def list_bases(
    config: ConfigPath = DEFAULT,
    json: AsJson = False,
) -> None:
    """List base models: licence, size, and models trained on them."""
    settings = configuration(config)
    entries = _list_entries(settings)
    if json or entries:
        print_list(
            [_entry_record(entry) for entry in entries],
            "name source licence size state=state:library-state dependents",
            json=json,
            under="models",
            prefix="library-col",
            source=lambda entry: entry["source"][-MAX_SOURCE_LENGTH:],
            size=lambda entry: _format_size(entry["size_bytes"]),
            dependents=lambda entry: ", ".join(entry["dependents"]),
        )
    else:
        print_message("library-no-bases")
    for entry in entries:
        if entry.problem:
            print_message(entry.problem.key, **entry.problem.arguments)
    if any(entry.state == "base_damaged" for entry in entries):
        raise typer.Exit(1)


@models.command("rm")
def remove(
    name: Annotated[str, typer.Argument(help="Base model.")],
    force: Annotated[
        bool, typer.Option("--force", help="Delete it even if trained models need it.")
    ] = False,
    config: ConfigPath = DEFAULT,
    json: AsJson = False,
) -> None:
    """Delete a base model's files; refused while trained models or jobs need it."""
    from merlin.engine import model_store
    from merlin.wiring.engine import engine_folder

    engine = engine_folder(configuration(config))
    freed_bytes = model_store.remove(name, engine, is_forced=force)
    if json:
        print_json({"name": name, "freed_bytes": freed_bytes})
    else:
        print_message("library-removed", name=name, freed=_format_size(freed_bytes))


def _select_bases(config: Config, names: Sequence[str] = ()) -> Mapping[str, EngineModelConfig]:
    """Return the named base models, or all if no name is given. Raises NotFound."""
    from merlin.wiring.engine import engine_models

    by_name = engine_models(config)
    for name in names:
        if name not in by_name:
            arguments = {"name": name, "known": ", ".join(by_name) or "–"}
            raise NotFound(f"no base {name}", "library-unknown", **arguments)
    return {name: by_name[name] for name in names or by_name}


def _list_entries(config: Config) -> Sequence[BaseEntry]:
    """Return every configured base model, and the unconfigured ones in the folder."""
    from merlin.engine.model_store import list_bases
    from merlin.wiring.engine import engine_folder

    return list(list_bases(_select_bases(config), engine_folder(config)))


def _entry_record(entry: BaseEntry) -> dict[str, object]:
    changed = {"folder": str(entry.folder), "licence": entry.licence or None}
    return record(entry, problem="") | changed


def _format_size(size: int | None) -> str | None:
    if size is None:
        return None
    if size < GB:
        return text(language(), "library-size-small", amount=f"{size / MB:.0f}")
    return text(language(), "library-size", amount=format_number(language(), size / GB, 1))
