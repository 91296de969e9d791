"""`merlin jobs list|show|events|launch|cancel`: fine-tune jobs."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Annotated, Any

import typer

from merlin.app import jobs
from merlin.cli import language
from merlin.cli.options import DEFAULT, AsJson, ConfigPath, Dataset, NoWait, ask_daemon, reading
from merlin.cli.output import print_json, print_list, print_pairs, record, translate_word
from merlin.core.training_events import describe_event

JobNumber = Annotated[int, typer.Argument(help="The job's number.")]


app = typer.Typer(name="jobs", no_args_is_help=True, help="Fine-tune jobs.")


@app.command("list")
def list_jobs(dataset: Dataset = None, config: ConfigPath = DEFAULT, json: AsJson = False) -> None:
    """List jobs, newest first."""
    with reading(config, dataset) as (ctx, actor):
        found = jobs.recent(ctx, actor, dataset or "")
    print_list(
        [record(job, id="job") for job in found],
        "job build state=state:job provider outcome",
        json=json,
        outcome=lambda job: job["model"] or job["error"],
    )


@app.command()
def show(job: JobNumber, config: ConfigPath = DEFAULT, json: AsJson = False) -> None:
    """Show one job: its state, its history, its checkpoints."""
    with reading(config) as (ctx, actor):
        found = jobs.get(ctx, actor, job)
    told = record(found, id="job", losses="")
    if json:
        print_json(told)
        return
    names = ("job", "dataset", "build", "state", "status", "provider", "provider_job", "model")
    more = ("trained_tokens", "error", "created_at", "updated_at")
    told["state"] = translate_word("job", found.state)
    print_pairs({name: told[name] for name in (*names, *more)})
    print_list(told["changes"], "at from=from:job to=to:job", json=False)
    metrics = lambda each: _figures(each["metrics"])  # noqa: E731
    print_list(told["checkpoints"], "step model metrics", json=False, metrics=metrics)


def _figures(metrics: dict[str, float | None]) -> str:
    known = {name: value for name, value in metrics.items() if value is not None}
    return " ".join(f"{name}={value:.4g}" for name, value in known.items())


@app.command()
def events(job: JobNumber, config: ConfigPath = DEFAULT, json: AsJson = False) -> None:
    """Show a job's events, oldest first."""
    with reading(config) as (ctx, actor):
        diary = jobs.get(ctx, actor, job).events

    def message(event: Mapping[str, Any]) -> str:
        return describe_event(event["message"], event["data"], language())

    told = [record(each) for each in diary]
    print_list(told, "at level message", json=json, message=message)


@app.command()
def launch(
    dataset: Annotated[str, typer.Argument(help="The dataset whose newest build is launched.")],
    config: ConfigPath = DEFAULT,
    no_wait: NoWait = False,
    json: AsJson = False,
) -> None:
    """Train the newest build now, whatever its policy says; a failed one gets a new attempt."""
    act = partial(jobs.launch, dataset=dataset)
    ask_daemon(config, act, "did-launch", json=json, is_waiting=not no_wait)


@app.command()
def cancel(
    job: JobNumber, config: ConfigPath = DEFAULT, no_wait: NoWait = False, json: AsJson = False
) -> None:
    """Ask the provider to cancel a job; its answer decides."""
    act = partial(jobs.cancel, job_id=job)
    ask_daemon(config, act, "did-cancel", json=json, is_waiting=not no_wait, state="job")
