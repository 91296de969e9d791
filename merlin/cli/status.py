"""`merlin status`: datasets, queues and running processes."""

from datetime import timedelta
from typing import Any

import typer

from merlin.app.status import DatasetStatus, read_status
from merlin.cli import language, options
from merlin.cli.builds import VERDICT_NAMES
from merlin.cli.failures import error_text
from merlin.cli.options import DEFAULT, AsJson, ConfigPath, configuration
from merlin.cli.output import (
    format_cell,
    print_json,
    print_message,
    print_table,
    record,
    translate_word,
)
from merlin.config import Config
from merlin.core.clock import utc_now
from merlin.core.heartbeat import describe_step, is_known, list_current
from merlin.core.i18n import text
from merlin.db.processes import Heartbeats
from merlin.db.requests import Request, Requests
from merlin.wiring.context import open_read_only

# How long `status` shows a failed request, and how many at most.
_FAILED_FOR = timedelta(days=1)
_MAX_FAILED = 5
SHORT = (
    7  # of a commit's id, as git abbreviates it, so that the table fits into 80 columns
)

app = typer.Typer()


@app.command()
def status(config: ConfigPath = DEFAULT, json: AsJson = False) -> None:
    """Show the newest commit and live model of each dataset, queues and running services."""
    with options.read_context(config) as (ctx, actor):
        overview = read_status(ctx, actor)
    environment = deployment_status(configuration(config))
    if json:
        datasets = {
            name: dataset_record(dataset) for name, dataset in overview.datasets.items()
        }
        print_json(
            {"datasets": datasets, "queues": dict(overview.queues), **environment}
        )
        return
    names = ("dataset", "commit", "verdict", "build", "serving", "job")
    rows = [_row(name, dataset) for name, dataset in overview.datasets.items()]
    print_table([f"col-{name}" for name in names], rows)
    alive = [
        f"{name} ({describe_step(language(), beat['step'])})"
        if beat["step"] not in ("", "serving")
        else name
        for name, beat in environment["processes"].items()
        if beat["alive"]
    ]
    queues = ", ".join(
        f"{translate_word('queue', name)} {count}"
        for name, count in overview.queues.items()
    )
    print_message("status-line", alive=", ".join(sorted(alive)) or "–", queues=queues)
    for failed in environment["failed_requests"]:
        values = " ".join(
            f"{name}={value}"
            for name, value in failed["arguments"].items()
            if value is not None
        )
        print_message(
            "status-failed-request",
            request=failed["request"],
            what=f"{failed['kind']} {values}".rstrip(),
            at=format_cell(failed["at"]),
            reason=failed["reason"],
        )


def dataset_record(dataset_status: DatasetStatus) -> dict[str, Any]:
    """Return a dataset's status as a dict for JSON."""
    verdict: dict[str, Any] = {"commit": None, "build": None, "verdict": None}
    if dataset_status.verdict:
        verdict = record(
            dataset_status.verdict, **VERDICT_NAMES, served_until="", findings=""
        )
    return {
        **verdict,
        "serving": record(dataset_status.serving) if dataset_status.serving else None,
        "job": record(dataset_status.job, id="job") if dataset_status.job else None,
    }


def _row(name: str, dataset_status: DatasetStatus) -> list[object]:
    verdict = dataset_status.verdict
    serving = dataset_status.serving.build if dataset_status.serving else ""
    if dataset_status.serving and dataset_status.serving.pinned:
        serving = f"{serving} ({text(language(), 'col-pinned')})"
    job = (
        f"{dataset_status.job.id} {translate_word('job', dataset_status.job.state)}"
        if dataset_status.job
        else ""
    )
    if verdict is None:
        return [name, "", "", None, serving, job]
    state = text(language(), verdict.state.text_key)
    return [name, verdict.commit[:SHORT], state, verdict.build, serving, job]


def deployment_status(config: Config) -> dict[str, Any]:
    """Return heartbeats, failed requests, and the providers with their addresses."""
    now = utc_now()
    with open_read_only(config) as database:
        beats = list_current(Heartbeats(database).list_all(), now)
        failed = Requests(database).list_failed(now - _FAILED_FOR, _MAX_FAILED)
    return {
        "processes": {
            beat.process: record(beat, process="", failing="")
            | {"alive": beat.is_alive(now) if is_known(beat, beats, now) else None}
            for beat in beats
        },
        "failed_requests": [_request_record(request) for request in failed],
        "providers": {
            provider.name: provider.model_dump(include={"base_url", "model"})
            for provider in config.providers
        },
    }


def _request_record(request: Request) -> dict[str, Any]:
    return {
        "request": request.request_id,
        "kind": request.kind,
        "arguments": dict(request.arguments),
        "by": request.by,
        "at": request.created_at,
        "reason": error_text(request.error.key, request.error.arguments),
    }
