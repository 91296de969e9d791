"""`merlin jobs list|show|events|launch|cancel`: fine-tune jobs."""

from __future__ import annotations

from typing import Annotated

import typer

from merlin.cli.options import (
    DEFAULT,
    AsJson,
    ConfigPath,
    NoWait,
    ask_daemon,
    configuration,
    print_result,
)
from merlin.cli.output import (
    format_local_time,
    print_json,
    print_pairs,
    print_table,
    translate_word,
)
from merlin.db.requests import RequestKind

Dataset = Annotated[str | None, typer.Option("--dataset", help="Only this dataset's.")]
JobNumber = Annotated[int, typer.Argument(help="The job's number.")]


def register(app: typer.Typer) -> None:
    """Add the group to the command line."""
    group = typer.Typer(no_args_is_help=True, help="Fine-tune jobs.")
    group.command("list")(list_jobs)
    for verb in (show, events, launch, cancel):
        group.command()(verb)
    app.add_typer(group, name="jobs")


def list_jobs(dataset: Dataset = None, config: ConfigPath = DEFAULT, json: AsJson = False) -> None:
    """List jobs, newest first."""
    from merlin.wiring.reading import reports

    with reports(configuration(config), dataset) as rows:
        jobs = rows.jobs(dataset)
    if json:
        print_json(jobs)
        return
    names = ("job", "build", "state", "provider", "outcome")
    lines = [
        [
            job["job"],
            job["build"],
            translate_word("job", job["state"]),
            job["provider"],
            job["model"] or job["error"],
        ]
        for job in jobs
    ]
    print_table([f"col-{name}" for name in names], lines)


def show(job: JobNumber, config: ConfigPath = DEFAULT, json: AsJson = False) -> None:
    """Show one job: where it stands, how it came there, its checkpoints."""
    from merlin.wiring.reading import reports

    with reports(configuration(config)) as rows:
        told = rows.job(job)
    if json:
        print_json(told)
        return
    names = ("job", "dataset", "build", "state", "status", "provider", "provider_job", "model")
    more = ("trained_tokens", "error", "created_at", "updated_at")
    told = {
        **told,
        **{name: format_local_time(told[name]) for name in ("created_at", "updated_at")},
    }
    told["state"] = translate_word("job", told["state"])
    print_pairs({f"col-{name.replace('_', '-')}": told[name] for name in (*names, *more)})
    changes = [
        [
            format_local_time(each["at"]),
            *(translate_word("job", each[way] or "") for way in ("from", "to")),
        ]
        for each in told["changes"]
    ]
    print_table(["col-at", "col-from", "col-to"], changes)
    metrics = [
        [each["step"], each["model"], _figures(each["metrics"])] for each in told["checkpoints"]
    ]
    print_table(["col-step", "col-model", "col-metrics"], metrics)


def _figures(metrics: dict[str, float]) -> str:
    return " ".join(f"{name}={value:.4g}" for name, value in metrics.items())


def events(job: JobNumber, config: ConfigPath = DEFAULT, json: AsJson = False) -> None:
    """Show a job's diary, oldest first."""
    from merlin.wiring.reading import reports

    with reports(configuration(config)) as rows:
        diary = rows.job(job)["events"]
    if json:
        print_json(diary)
        return
    lines = [[format_local_time(each["at"]), each["level"], each["message"]] for each in diary]
    print_table(["col-at", "col-level", "col-message"], lines)


def launch(
    dataset: Annotated[str, typer.Argument(help="The dataset whose newest build is launched.")],
    config: ConfigPath = DEFAULT,
    no_wait: NoWait = False,
    json: AsJson = False,
) -> None:
    """Launch the newest build now, whatever its policy says; a failed one gets a new attempt."""
    asked = {"dataset": dataset}
    result = ask_daemon(config, RequestKind.LAUNCH, asked, is_waiting=not no_wait)
    print_result(result, "did-launch", json=json)


def cancel(
    job: JobNumber, config: ConfigPath = DEFAULT, no_wait: NoWait = False, json: AsJson = False
) -> None:
    """Ask the provider to stop a job; what it answers is the truth."""
    result = ask_daemon(config, RequestKind.CANCEL, {"job": job}, is_waiting=not no_wait)
    if not json:
        result = {**result, "state": translate_word("job", str(result["state"]))}
    print_result(result, "did-cancel", json=json)
