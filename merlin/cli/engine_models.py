"""`merlin engine models pull|list|rm`: the bases that this machine has."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from merlin.cli import language
from merlin.cli.options import DEFAULT, AsJson, ConfigPath, configuration
from merlin.cli.output import print_json, print_list, print_message, record, translate_word
from merlin.core.errors import NotFound
from merlin.core.i18n import format_number, text

if TYPE_CHECKING:
    from merlin.config import Config
    from merlin.config.engine import EngineModelConfig
    from merlin.engine.model_store.store import Entry, Progress


GB, MB = 1e9, 1e6
# So much of an id that a hub's or a file's own name is told.
LONGEST_SOURCE = 48


app = typer.Typer(
    name="models", no_args_is_help=True, help="Base models: download, list and remove them."
)


@app.command()
def pull(
    names: Annotated[
        list[str] | None, typer.Argument(help="Base models of engine.models; all if none is named.")
    ] = None,
    config: ConfigPath = DEFAULT,
    json: AsJson = False,
) -> None:
    """Download base models from the hub, or read a .gguf file; resumes where it stopped."""
    from merlin.engine.model_store.pull import pull as pull_base
    from merlin.engine.model_store.store import files_of, library_of
    from merlin.wiring.engine import engine_folder

    settings = configuration(config)
    wanted, engine = _bases(settings, names or []), engine_folder(settings)
    if not wanted:
        print_message("library-none")
    for name, model in wanted.items():
        print_message("library-pulling", name=name, source=model.source)
        with _progress() as tell:
            _, is_new = pull_base(name, model, engine, tell)
        folder = files_of(name, model, library_of(engine))
        print_message("library-pulled" if is_new else "library-here", name=name, folder=str(folder))
    if json:
        print_json({"models": [_plain(each) for each in _entries(settings) if each.name in wanted]})


@app.command("list")
def list_bases(
    verify: Annotated[
        bool, typer.Option("--verify", help="Compare every byte with its checksum.")
    ] = False,
    config: ConfigPath = DEFAULT,
    json: AsJson = False,
) -> None:
    """List base models: licence, size, memory they need, and what is tuned from them."""
    settings = configuration(config)
    found = _entries(settings, is_thorough=verify)
    if json or found:
        print_list(
            [_plain(each) for each in found],
            "name source licence size training answering state=state:library-state standing",
            json=json,
            under="models",
            prefix="library-col",
            source=lambda each: each["source"][-LONGEST_SOURCE:],
            size=lambda each: _size(each["size_bytes"]),
            training=lambda each: _size(each["training_bytes"]),
            answering=lambda each: _size(each["answering_bytes"]),
            standing=lambda each: ", ".join(each["standing"]),
        )
    if not found and not json:
        print_message("library-none")
    elif not json:
        training, answering = _devices(settings)
        print_message("library-estimates", training=training, answering=answering)
    for each in found:
        if each.problem:
            print_message(each.problem.key, **each.problem.arguments)
    if any(each.state == "base_damaged" for each in found):
        raise typer.Exit(1)


@app.command("rm")
def remove(
    name: Annotated[str, typer.Argument(help="The base.")],
    force: Annotated[bool, typer.Option("--force", help="Even if tuned models need it.")] = False,
    config: ConfigPath = DEFAULT,
    json: AsJson = False,
) -> None:
    """Delete a base model's files; refused while tuned models or jobs need it."""
    from merlin.engine.model_store import store
    from merlin.wiring.engine import engine_folder

    settings = configuration(config)
    bases, engine = _bases(settings), engine_folder(settings)
    freed, is_kept = store.remove(name, bases, engine, is_forced=force)
    if json:
        print_json({"name": name, "freed_bytes": freed})
    elif is_kept:
        print_message("library-stays", name=name, folder=bases[name].source)
    else:
        print_message("library-removed", name=name, freed=_size(freed))


def _bases(config: Config, names: Sequence[str] = ()) -> Mapping[str, EngineModelConfig]:
    """Return the bases of these names, all where none is given. Raises NotFound."""
    from merlin.wiring.engine import engine_models

    by_name = engine_models(config)
    for name in names:
        if name not in by_name:
            told = {"name": name, "known": ", ".join(by_name) or "–"}
            raise NotFound(f"no base {name}", "library-unknown", **told)
    return {name: by_name[name] for name in names or by_name}


def _entries(config: Config, *, is_thorough: bool = False) -> Sequence[Entry]:
    """Return every base of the configuration, and what lies there besides."""
    from merlin.engine.model_store.store import list_bases
    from merlin.wiring.engine import engine_folder

    folder, bases = engine_folder(config), _bases(config)
    return list(list_bases(bases, folder, *_devices(config), is_thorough=is_thorough))


def _devices(config: Config) -> tuple[str, str]:
    """Return where bases are trained and where they answer."""
    return config.engine.training.devices[0][0], config.engine.answering.device


@contextmanager
def _progress() -> Iterator[Progress]:
    """Show a bar a file or stage on a terminal; elsewhere a line when one begins."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

    console = Console(stderr=True)
    with Progress(
        TextColumn("  {task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        console=console,
        disable=not console.is_terminal,
    ) as bars:
        tasks = {}

        def tell(what: str, done: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = bars.add_task(translate_word("library-stage", what), total=total)
                if not console.is_terminal:
                    sys.stderr.write(f"  {translate_word('library-stage', what)}\n")
            bars.update(tasks[what], completed=done)

        yield tell


def _plain(entry: Entry) -> dict[str, object]:
    changed = {"folder": str(entry.folder), "licence": entry.licence or None}
    return record(entry, problem="") | changed


def _size(size: int | None) -> str | None:
    if size is None:
        return None
    if size < GB:
        return text(language(), "library-size-small", amount=f"{size / MB:.0f}")
    return text(language(), "library-size", amount=format_number(language(), size / GB, 1))
