"""`merlin engine`: serve; who else may call it and how much, what it trains and how it is.

`merlin engine models` has a file of its own.
"""

from __future__ import annotations

import json as json_
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated, Any

import typer

from merlin.cli import engine_models, language
from merlin.cli.options import DEFAULT, AsJson, ConfigPath, configuration, print_result
from merlin.cli.output import (
    format_table,
    print_json,
    print_list,
    print_message,
    print_table,
    translate_word,
)
from merlin.core.clock import iso
from merlin.core.errors import ConfigError, Refused
from merlin.core.i18n import format_number
from merlin.core.loopback import url_place

if TYPE_CHECKING:
    from merlin.config import Config


app = typer.Typer(name="engine")
keys = typer.Typer(name="keys", no_args_is_help=True, help="Keys of those who may call the engine.")
app.add_typer(engine_models.app)
app.add_typer(keys)


@app.callback(invoke_without_command=True)
def engine(context: typer.Context, config: ConfigPath = DEFAULT) -> None:
    """Serve the OpenAI protocol with Merlin's own trainers; see also the commands below."""
    if context.invoked_subcommand is None:
        from merlin.wiring.engine import start_engine

        start_engine(configuration(config))
    elif config != DEFAULT:
        raise typer.BadParameter(f"put --config after {context.invoked_subcommand} …")


Name = Annotated[str, typer.Argument(help="Who it is for: a program, a course, a person.")]


@keys.command()
def add(
    name: Name,
    per_minute: Annotated[int, typer.Option(min=0, help="Calls a minute; 0: no limit.")] = 60,
    tokens: Annotated[int, typer.Option(min=0, help="Tokens a day; 0: no limit.")] = 0,
    jobs: Annotated[int, typer.Option(min=0, help="Unfinished jobs; 0: no limit.")] = 0,
    megabytes: Annotated[int, typer.Option(min=0, help="MB of files; 0: no limit.")] = 0,
    config: ConfigPath = DEFAULT,
    json: AsJson = False,
) -> None:
    """Create a key, shown only once; a revoked name gets a new key and keeps its files and jobs."""
    from merlin.engine.clients import Limits
    from merlin.wiring.engine import clients_of

    limits = Limits(per_minute, tokens, jobs, megabytes * 1_000_000)
    with clients_of(configuration(config)) as clients:
        key = clients.add(name, limits)
    told = {"name": name, "key": key, "limits": asdict(limits)}
    print_result(told, "engine-key-made", json=json, name=name)
    if not json:
        sys.stdout.write(f"{key}\n")


@keys.command("list")
def list_keys(config: ConfigPath = DEFAULT, json: AsJson = False) -> None:
    """List the keys by their beginnings, with what each used today and holds now."""
    from merlin.wiring.engine import clients_of

    with clients_of(configuration(config)) as clients:
        found = [
            {
                "name": client.name,
                "hint": client.hint,
                "state": "good" if client.revoked_at is None else "revoked",
                "created": iso(datetime.fromtimestamp(client.created_at, UTC)),
                "used_on": client.used_on,
                "limits": asdict(client.limits),
                "use": asdict(clients.use(client)),
            }
            for client in clients.list_all()
        ]
    print_list(
        found,
        "name key state=state:engine-key-state made used=used_on answers tokens jobs bytes pace",
        json=json,
        under="keys",
        prefix="engine-key-col",
        key=lambda each: f"{each['hint']}…",
        made=lambda each: each["created"][:10],
        answers=lambda each: each["use"]["answers"],
        tokens=lambda each: _of(each["use"]["tokens"], each["limits"]["tokens_per_day"]),
        jobs=lambda each: _of(each["use"]["jobs"], each["limits"]["jobs"]),
        bytes=lambda each: _of(each["use"]["bytes"], each["limits"]["bytes"]),
        pace=lambda each: each["limits"]["requests_per_minute"] or "∞",
    )


@keys.command()
def revoke(name: Name, config: ConfigPath = DEFAULT, json: AsJson = False) -> None:
    """Revoke a key at once; what was made with it stays."""
    from merlin.wiring.engine import clients_of

    with clients_of(configuration(config)) as clients:
        clients.revoke(name)
    print_result({"name": name, "state": "revoked"}, "engine-key-revoked", json=json)


def _of(used: int, limit: int) -> str:
    return f"{used}/{limit}" if limit else str(used)


Rows = Sequence[Sequence[str]]

LOOK_EVERY_S, ANSWER_S = 1.0, 10.0
GB, PER_CENT = 1e9, 100
JOBS = ("engine-job", "base", "state", "progress", "train-loss", "test-loss", "pace", "left")
HEADINGS = [f"col-{name}" for name in JOBS]
BASES = ("base", "answers", "running", "waiting", "adapters", "made")
_FINAL = frozenset({"succeeded", "failed", "cancelled"})


@app.command()
def jobs(
    watch: Annotated[bool, typer.Option("--watch", help="Refresh until Ctrl-C.")] = False,
    config: ConfigPath = DEFAULT,
    json: AsJson = False,
) -> None:
    """Show the engine's jobs, newest first: state, progress, losses, pace, why one failed."""
    if watch and json:
        raise typer.BadParameter("--watch and --json are for people and for programs: take one")
    read = configuration(config)
    if watch:
        _watched(lambda: [_job_row(job) for job in _engine_view(read)["jobs"]])
        return
    found = _engine_view(read)["jobs"]
    if json:
        print_json({"jobs": found})
        return
    print_table(HEADINGS, [_job_row(job) for job in found])
    for job in found:
        if job["error"]:
            print_message("engine-view-error", job=job["title"], error=job["error"]["message"])


@app.command()
def status(config: ConfigPath = DEFAULT, json: AsJson = False) -> None:
    """Show the engine's bases with their queues, its jobs by state, and what it takes."""
    told = _engine_view(configuration(config))
    if json:
        print_json({name: value for name, value in told.items() if name != "jobs"})
        return
    names = ("running", "waiting", "adapters", "completion_tokens")
    bases = [
        [base["name"], base["backend"], *(_said(base["figures"].get(name), 0) for name in names)]
        for base in told["bases"]
    ]
    print_table([f"col-{name}" for name in BASES], bases)
    counts = [
        f"{translate_word('engine-page-state', state)} {count}"
        for state, count in told["counts"].items()
        if count
    ]
    print_message("engine-view-counts", counts=", ".join(counts) or "–", models=len(told["models"]))
    machine = told["machine"]
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


def _watched(rows: Callable[[], Rows]) -> None:
    """Show the jobs anew every second; without a terminal, whenever something has changed."""
    from rich.live import Live

    seen: Rows = []
    while not sys.stdout.isatty():
        found = rows()
        if found != seen:
            print_table(HEADINGS, found)
            sys.stdout.flush()
        seen = found
        time.sleep(LOOK_EVERY_S)
    with Live(format_table(HEADINGS, rows()), auto_refresh=False) as live:
        while True:
            time.sleep(LOOK_EVERY_S)
            live.update(format_table(HEADINGS, rows()), refresh=True)


def _job_row(job: Mapping[str, Any]) -> list[str]:
    progress = pace = left = ""
    if job["state"] not in _FINAL:
        step, steps = job["step"], job["steps"]
        progress = f"{step}/{steps} ({round(PER_CENT * step / steps)} %)" if steps else ""
        pace = _said(job["tokens_per_second"], 0)
        left = _span(job["seconds_left"]) if job["seconds_left"] else ""
    return [
        job["title"],
        job["base"],
        translate_word("engine-page-state", job["state"]),
        progress,
        _said(job["train_loss"], 3),
        _said(job["valid_loss"], 3),
        pace,
        left,
    ]


def _gb(count: float | None) -> str:
    return "–" if count is None else format_number(language(), count / GB, 1)


def _said(value: float | None, digits: int) -> str:
    return "" if value is None else format_number(language(), value, digits)


def _span(seconds: int) -> str:
    minutes, rest = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def _engine_view(config: Config) -> dict[str, Any]:
    """Return jobs, bases, models and machine of the engine of this configuration.

    Raises Refused where nobody answers, ConfigError where the key is another engine's.
    """
    from merlin.config import credential

    url = f"http://{url_place(config.engine.address)}/view"
    key = credential(config.engine.credential)
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    request = urllib.request.Request(url, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=ANSWER_S) as answer:  # noqa: S310 - as above
            told: dict[str, Any] = json_.load(answer)
    except (OSError, ValueError) as error:
        if isinstance(error, urllib.error.HTTPError) and error.code == HTTPStatus.UNAUTHORIZED:
            raise ConfigError("wrong engine key", "engine-view-key", place=url) from error
        silent = {"place": url, "reason": str(error)}
        raise Refused("engine does not answer", "engine-view-silent", **silent) from error
    return told
