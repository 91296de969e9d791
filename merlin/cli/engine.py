"""`merlin engine`: run the engine; manage its base models; show its jobs and status."""

from __future__ import annotations

import json as json_
import os
import sys
import time
import urllib.error
from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated, Any

import typer

from merlin.cli import language
from merlin.cli.health import fetch_local, local_url, plain_reason
from merlin.cli.options import DEFAULT, AsJson, ConfigPath, configuration
from merlin.cli.output import (
    format_table,
    print_json,
    print_list,
    print_message,
    print_table,
    record,
    translate_word,
)
from merlin.core.errors import ConfigError, NotFound, Refused
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


Rows = Sequence[Sequence[str]]

REFRESH_S, TIMEOUT_S = 1.0, 10.0
GB, MB, PER_CENT = 1e9, 1e6, 100
JOB_COLUMNS = ("engine-job", "base", "state", "progress", "train-loss", "test-loss", "pace", "left")
JOB_HEADINGS = [f"col-{name}" for name in JOB_COLUMNS]
BASE_COLUMNS = ("base", "backend", "running", "waiting", "adapters", "made")
_FINAL = frozenset({"succeeded", "failed", "cancelled"})


@app.command()
def jobs(
    watch: Annotated[bool, typer.Option("--watch", help="Refresh until Ctrl-C.")] = False,
    config: ConfigPath = DEFAULT,
    json: AsJson = False,
) -> None:
    """Show the engine's jobs, newest first: state, progress, losses, speed, reason of failure."""
    if watch and json:
        raise typer.BadParameter("--watch and --json are for people and for programs: take one")
    settings = configuration(config)
    if watch:
        _watch_jobs(lambda: [_job_row(job) for job in _engine_view(settings)["jobs"]])
        return
    records = _engine_view(settings)["jobs"]
    if json:
        print_json({"jobs": records})
        return
    print_table(JOB_HEADINGS, [_job_row(job) for job in records])
    for job in records:
        if job["error"]:
            print_message("engine-view-error", job=job["title"], error=job["error"]["message"])


@app.command()
def status(config: ConfigPath = DEFAULT, json: AsJson = False) -> None:
    """Show the engine's base models with their queues, its jobs by state, and resource usage."""
    view = _engine_view(configuration(config))
    if json:
        print_json({name: value for name, value in view.items() if name != "jobs"})
        return
    names = ("running", "waiting", "adapters", "completion_tokens")
    bases = [
        [
            base["name"],
            base["backend"],
            *(_format_optional(base["figures"].get(name), 0) for name in names),
        ]
        for base in view["bases"]
    ]
    print_table([f"col-{name}" for name in BASE_COLUMNS], bases)
    counts = [
        f"{translate_word('job', state)} {count}"
        for state, count in view["counts"].items()
        if count
    ]
    print_message("engine-view-counts", counts=", ".join(counts) or "–", models=len(view["models"]))
    machine = view["machine"]
    gpus = [
        f"{gpu['name']} {_gb(gpu['memory_used_bytes'])}/{_gb(gpu['memory_total_bytes'])}"
        for gpu in machine["gpus"]
    ]
    print_message(
        "engine-view-machine",
        own=_gb(machine["memory_own_bytes"]),
        total=_gb(machine["memory_total_bytes"]),
        models=_gb(machine["models_bytes"]),
        free=_gb(machine["disk_free_bytes"]),
        gpus=", ".join(gpus) or "–",
    )


def _watch_jobs(rows: Callable[[], Rows]) -> None:
    """Refresh the table of jobs every second; without a terminal, print it when it changes."""
    from rich.live import Live

    previous: Rows = []
    while not sys.stdout.isatty():
        current = rows()
        if current != previous:
            print_table(JOB_HEADINGS, current)
            sys.stdout.flush()
        previous = current
        time.sleep(REFRESH_S)
    with Live(format_table(JOB_HEADINGS, rows()), auto_refresh=False) as live:
        while True:
            time.sleep(REFRESH_S)
            live.update(format_table(JOB_HEADINGS, rows()), refresh=True)


def _job_row(job: Mapping[str, Any]) -> list[str]:
    progress = pace = time_left = ""
    if job["state"] not in _FINAL:
        step, steps = job["step"], job["steps"]
        progress = f"{step}/{steps} ({round(PER_CENT * step / steps)} %)" if steps else ""
        pace = _format_optional(job["tokens_per_second"], 0)
        time_left = _format_duration(job["seconds_left"]) if job["seconds_left"] else ""
    return [
        job["title"],
        job["base"],
        translate_word("job", job["state"]),
        progress,
        _format_optional(job["train_loss"], 3),
        _format_optional(job["valid_loss"], 3),
        pace,
        time_left,
    ]


def _gb(count: float | None) -> str:
    return "–" if count is None else format_number(language(), count / GB, 1)


def _format_optional(value: float | None, digits: int) -> str:
    return "" if value is None else format_number(language(), value, digits)


def _format_duration(seconds: int) -> str:
    minutes, remainder = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{remainder:02}" if hours else f"{minutes}:{remainder:02}"


def _engine_view(config: Config) -> dict[str, Any]:
    """Fetch the jobs, bases, models and machine of the configured engine.

    Raises Refused if it does not answer, ConfigError if it does not accept the key.
    """
    from merlin.config import credential

    url = f"{local_url(config.engine)}/view"
    key = credential(config.engine.credential)
    headers = {"Accept-Language": language()} | ({"Authorization": f"Bearer {key}"} if key else {})
    try:
        values: dict[str, Any] = json_.loads(fetch_local(url, TIMEOUT_S, headers)[1])
    except (OSError, ValueError) as error:
        if isinstance(error, urllib.error.HTTPError) and error.code == HTTPStatus.UNAUTHORIZED:
            raise ConfigError("wrong engine key", "engine-view-key", place=url) from error
        reason = plain_reason(error) if isinstance(error, OSError) else str(error)
        arguments = {"place": url, "reason": reason}
        raise Refused("engine does not answer", "engine-view-silent", **arguments) from error
    return values


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
