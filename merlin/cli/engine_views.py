"""`merlin engine jobs|status`: what a running engine trains, answers and takes of its machine."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any

import typer

from merlin.cli import language
from merlin.cli.loading import DEFAULT, AsJson, ConfigPath, configuration
from merlin.cli.output import as_json, drawn, say, table, word
from merlin.core.number import number

Rows = Sequence[Sequence[str]]

LOOK_EVERY_S = 1.0
GB, PER_CENT = 1e9, 100
JOBS = ("engine-job", "base", "state", "progress", "train-loss", "test-loss", "pace", "left")
HEADINGS = [f"col-{name}" for name in JOBS]
BASES = ("base", "answers", "running", "waiting", "adapters", "made")
_FINAL = frozenset({"succeeded", "failed", "cancelled"})


def register(app: typer.Typer) -> None:
    """Add the verbs to `merlin engine`."""
    app.command()(jobs)
    app.command()(status)


def jobs(
    watch: Annotated[bool, typer.Option("--watch", help="Show anew until Ctrl-C.")] = False,
    config: ConfigPath = DEFAULT,
    json: AsJson = False,
) -> None:
    """Show the engine's jobs, newest first: state, progress, losses, pace, why one failed."""
    from merlin.wiring.engine_told import engine_told

    if watch and json:
        raise typer.BadParameter("--watch and --json are for people and for programs: take one")
    read = configuration(config)
    if watch:
        _watched(lambda: [_job_row(job) for job in engine_told(read)["jobs"]])
        return
    found = engine_told(read)["jobs"]
    if json:
        as_json({"jobs": found})
        return
    table(HEADINGS, [_job_row(job) for job in found])
    for job in found:
        if job["error"]:
            say("engine-view-error", job=job["title"], error=job["error"]["message"])


def status(config: ConfigPath = DEFAULT, json: AsJson = False) -> None:
    """Show the engine's bases with their queues, its jobs by state, and what it takes."""
    from merlin.wiring.engine_told import engine_told

    told = engine_told(configuration(config))
    if json:
        as_json({name: value for name, value in told.items() if name != "jobs"})
        return
    table([f"col-{name}" for name in BASES], [_base_row(base) for base in told["bases"]])
    counts = [
        f"{word('engine-page-state', state)} {count}"
        for state, count in told["counts"].items()
        if count
    ]
    say("engine-view-counts", counts=", ".join(counts) or "–", models=len(told["models"]))
    say("engine-view-machine", **_machine(told["machine"]))


def _watched(rows: Callable[[], Rows]) -> None:
    """Show the jobs anew every second; without a terminal, whenever something has changed."""
    from rich.live import Live

    if not sys.stdout.isatty():
        _printed(rows)
        return
    with Live(drawn(HEADINGS, rows()), auto_refresh=False) as live:
        while True:
            time.sleep(LOOK_EVERY_S)
            live.update(drawn(HEADINGS, rows()), refresh=True)


def _printed(rows: Callable[[], Rows]) -> None:
    seen: Rows = []
    while True:
        found = rows()
        if found != seen:
            table(HEADINGS, found)
            sys.stdout.flush()
        seen = found
        time.sleep(LOOK_EVERY_S)


def _job_row(job: Mapping[str, Any]) -> list[str]:
    is_over = job["state"] in _FINAL
    left = "" if is_over or not job["seconds_left"] else _span(job["seconds_left"])
    pace = "" if is_over or not job["tokens_per_second"] else _said(job["tokens_per_second"], 0)
    return [
        job["title"],
        job["base"],
        word("engine-page-state", job["state"]),
        "" if is_over else _progress(job),
        _said(job["train_loss"], 3),
        _said(job["valid_loss"], 3),
        pace,
        left,
    ]


def _progress(job: Mapping[str, Any]) -> str:
    if not job["steps"]:
        return ""
    return f"{job['step']}/{job['steps']} ({round(PER_CENT * job['step'] / job['steps'])} %)"


def _base_row(base: Mapping[str, Any]) -> list[str]:
    figures = base["figures"]
    names = ("running", "waiting", "adapters", "completion_tokens")
    return [base["name"], base["backend"], *(_said(figures.get(name), 0) for name in names)]


def _machine(told: Mapping[str, Any]) -> dict[str, str]:
    gpus = [
        f"{gpu['name']} {_gb(gpu['memory_used_bytes'])}/{_gb(gpu['memory_total_bytes'])}"
        for gpu in told["gpus"]
    ]
    return {
        "own": _gb(told["memory_own_bytes"]),
        "total": _gb(told["memory_total_bytes"]),
        "models": _gb(told["models_bytes"]),
        "free": _gb(told["disk_free_bytes"]),
        "gpus": ", ".join(gpus) or "–",
    }


def _gb(count: float | None) -> str:
    return "–" if count is None else number(language(), count / GB, 1)


def _said(value: float | None, digits: int) -> str:
    return "" if value is None else number(language(), value, digits)


def _span(seconds: int) -> str:
    minutes, rest = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
