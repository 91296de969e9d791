"""`merlin status`: how the pipeline stands, what lies on the disk, who is alive."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

import typer

from merlin.app.retention import RemovableFiles
from merlin.app.status import DatasetStatus
from merlin.app.status import status as read
from merlin.cli import language, options
from merlin.cli.options import DEFAULT, AsJson, ConfigPath, configuration
from merlin.cli.output import print_json, print_message, print_table, record, translate_word
from merlin.config import Config
from merlin.core.clock import utc_now
from merlin.core.durable_files import folder_bytes
from merlin.core.i18n import format_number
from merlin.db.processes import Heartbeats
from merlin.wiring.context import reading

SHORT = 7  # of a commit's id, as git shows it: the table fits into 80 columns


app = typer.Typer()


@app.command()
def status(config: ConfigPath = DEFAULT, json: AsJson = False) -> None:
    """Show each dataset's newest commit and live model, the queues, and which services run."""
    with options.reading(config) as (ctx, actor):
        found = read(ctx, actor)
    environment = surroundings(configuration(config))
    if json:
        datasets = {name: dataset_record(each) for name, each in found.datasets.items()}
        print_json({"datasets": datasets, "queues": dict(found.queues), **environment})
        return
    names = ("dataset", "commit", "verdict", "build", "serving", "job")
    rows = [_row(name, dataset) for name, dataset in found.datasets.items()]
    print_table([f"col-{name}" for name in names], rows)
    alive = [name for name, beat in environment["processes"].items() if beat["alive"]]
    queues = ", ".join(
        f"{translate_word('queue', name)} {count}" for name, count in found.queues.items()
    )
    print_message("status-line", alive=", ".join(sorted(alive)) or "–", queues=queues)
    stored = environment["stored"]
    print_message(
        "status-stored",
        builds=stored["builds"]["count"],
        megabytes=_megabytes(stored["builds"]["bytes"]),
        mirror=_megabytes(stored["mirror"]["bytes"]),
        old=stored["builds"]["to_remove"],
        files=stored["files"]["to_remove"],
        models=stored["models"]["to_remove"],
    )


def _megabytes(size: int) -> str:
    return format_number(language(), size / 1_000_000, 1)


def dataset_record(dataset_status: DatasetStatus) -> dict[str, Any]:
    """Return how a dataset stands, as programs read it."""
    verdict: dict[str, Any] = {"commit": None, "build": None, "verdict": None}
    if dataset_status.verdict:
        verdict = record(dataset_status.verdict, id="", served_until="", findings="")
    return {
        **verdict,
        "serving": record(dataset_status.serving) if dataset_status.serving else None,
        "job": record(dataset_status.job, id="job") if dataset_status.job else None,
    }


def _row(name: str, dataset_status: DatasetStatus) -> list[object]:
    verdict, serving = (
        dataset_status.verdict,
        dataset_status.serving.build if dataset_status.serving else "",
    )
    job = (
        f"{dataset_status.job.id} {translate_word('job', dataset_status.job.state)}"
        if dataset_status.job
        else ""
    )
    if verdict is None:
        return [name, "", "", None, serving, job]
    status_label = translate_word("word", verdict.shown_word)
    return [name, verdict.commit[:SHORT], status_label, verdict.build, serving, job]


def surroundings(config: Config) -> dict[str, Any]:
    """Return what lies on the disk, who is alive, and the providers' names and addresses."""
    with reading(config) as database:
        stored, beats = _stored(config, RemovableFiles(database)), Heartbeats(database).all()
    return {
        "stored": stored,
        "processes": {
            beat.process: {
                "alive": beat.is_alive(utc_now()),
                "host": beat.host,
                "pid": beat.pid,
                "since": beat.since,
                "at": beat.at,
                "counters": dict(beat.counters),
            }
            for beat in beats
        },
        "providers": {
            provider.name: {
                "base_url": provider.base_url,
                "model": provider.model,
                "dialect": provider.dialect,
            }
            for provider in config.providers
        },
    }


def _stored(config: Config, rows: RemovableFiles) -> dict[str, Any]:
    """Return what lies on the disk, and how much of it `retention` lets go at the next look."""
    kept, now = config.retention, utc_now()

    def old(days: int, find: Callable[[datetime], Sequence[object]]) -> int:
        return len(find(now - timedelta(days=days))) if days else 0

    builds = [path for path in (config.state_dir / "builds").glob("*/*") if path.is_dir()]
    gone = rows.builds(now - timedelta(days=kept.builds_days)) if kept.builds_days else []
    there = {path.relative_to(config.state_dir / "builds").as_posix() for path in builds}
    return {
        "builds": {
            "count": len(builds),
            "bytes": sum(map(folder_bytes, builds)),
            "to_remove": len(there & {build.folder for build in gone}),
            "days": kept.builds_days,
        },
        "files": {"to_remove": old(kept.files_days, rows.files), "days": kept.files_days},
        "models": {"to_remove": old(kept.models_days, rows.models), "days": kept.models_days},
        "mirror": {
            "bytes": folder_bytes(config.state_dir / "mirror.git"),
            "days": kept.mirror_days,
        },
    }
