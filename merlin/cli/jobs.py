"""`merlin jobs list|show|events|launch|cancel`: fine-tune jobs."""

from __future__ import annotations

from functools import partial
from typing import Annotated

import typer

from merlin.cli.options import (
    DEFAULT,
    AsJson,
    ConfigPath,
    NoWait,
    ask_daemon,
    print_result,
    reading,
)
from merlin.cli.output import (
    format_local_time,
    print_json,
    print_pairs,
    print_table,
    record,
    translate_word,
)

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
    from merlin.app import jobs

    with reading(config, dataset) as (ctx, actor):
        found = jobs.recent(ctx, actor, dataset or "")
    if json:
        print_json([record(job, id="job") for job in found])
        return
    names = ("job", "build", "state", "provider", "outcome")
    lines = [
        [job.id, job.build, translate_word("job", job.state), job.provider, job.model or job.error]
        for job in found
    ]
    print_table([f"col-{name}" for name in names], lines)


def show(job: JobNumber, config: ConfigPath = DEFAULT, json: AsJson = False) -> None:
    """Show one job: where it stands, how it came there, its checkpoints."""
    from merlin.app import jobs

    with reading(config) as (ctx, actor):
        found = jobs.get(ctx, actor, job)
    told = record(found, id="job", losses="")
    if json:
        print_json(told)
        return
    names = ("job", "dataset", "build", "state", "status", "provider", "provider_job", "model")
    more = ("trained_tokens", "error", "created_at", "updated_at")
    told["state"] = translate_word("job", found.state)
    print_pairs({f"col-{name.replace('_', '-')}": told[name] for name in (*names, *more)})
    changes = [
        [
            format_local_time(each.at),
            *(translate_word("job", state or "") for state in (each.before, each.to)),
        ]
        for each in found.changes
    ]
    print_table(["col-at", "col-from", "col-to"], changes)
    metrics = [[each.step, each.model, _figures(each.metrics)] for each in found.checkpoints]
    print_table(["col-step", "col-model", "col-metrics"], metrics)


def _figures(metrics: dict[str, float | None]) -> str:
    known = {name: value for name, value in metrics.items() if value is not None}
    return " ".join(f"{name}={value:.4g}" for name, value in known.items())


def events(job: JobNumber, config: ConfigPath = DEFAULT, json: AsJson = False) -> None:
    """Show a job's diary, oldest first."""
    from merlin.app import jobs

    with reading(config) as (ctx, actor):
        diary = jobs.get(ctx, actor, job).events
    if json:
        print_json([record(each) for each in diary])
        return
    lines = [[format_local_time(each.at), each.level, each.message] for each in diary]
    print_table(["col-at", "col-level", "col-message"], lines)


def launch(
    dataset: Annotated[str, typer.Argument(help="The dataset whose newest build is launched.")],
    config: ConfigPath = DEFAULT,
    no_wait: NoWait = False,
    json: AsJson = False,
) -> None:
    """Launch the newest build now, whatever its policy says; a failed one gets a new attempt."""
    from merlin.app import jobs

    result = ask_daemon(config, partial(jobs.launch, dataset=dataset), is_waiting=not no_wait)
    print_result(result, "did-launch", json=json)


def cancel(
    job: JobNumber, config: ConfigPath = DEFAULT, no_wait: NoWait = False, json: AsJson = False
) -> None:
    """Ask the provider to stop a job; what it answers is the truth."""
    from merlin.app import jobs

    result = ask_daemon(config, partial(jobs.cancel, job_id=job), is_waiting=not no_wait)
    if not json:
        result = {**result, "state": translate_word("job", str(result["state"]))}
    print_result(result, "did-cancel", json=json)
