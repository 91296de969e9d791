"""`merlin jobs …`: fine-tune jobs."""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from itertools import groupby
from typing import Annotated, Any

import typer

from merlin.app import jobs
from merlin.app.actor import Actor
from merlin.app.context import Context
from merlin.cli import language
from merlin.cli.options import (
    DEFAULT,
    AsJson,
    ConfigPath,
    NoWait,
    OnlyDataset,
    ask_daemon,
    read_context,
)
from merlin.cli.output import (
    Column,
    print_json,
    print_list,
    print_message,
    print_pairs,
    print_table,
    record,
    translate_word,
)
from merlin.core.errors import NotFound
from merlin.core.i18n import format_duration
from merlin.core.money import format_estimate
from merlin.core.training_events import describe_event

JobNumber = Annotated[int, typer.Argument(help="Number of the job.")]
JobOrNewest = Annotated[
    int | None, typer.Argument(help="Number of the job; default: the newest.")
]

app = typer.Typer(name="jobs", no_args_is_help=True, help="Fine-tune jobs.")


@app.command("list")
def list_jobs(
    dataset: OnlyDataset = None, config: ConfigPath = DEFAULT, json: AsJson = False
) -> None:
    """List jobs, newest first."""
    with read_context(config, dataset) as (ctx, actor):
        views = jobs.list_recent(ctx, actor, dataset or "")
    print_list(
        [record(view, id="job") for view in views],
        [
            *("job", "build", Column("state", family="job"), "provider"),
            Column("outcome", cell=lambda view: view["model"] or view["error"]),
        ],
        json=json,
        empty="jobs-none",
    )


def _find(ctx: Context, actor: Actor, number: int | None) -> jobs.JobDetails:
    """Return a job, by default the newest. Raises NotFound."""
    if number is None:
        newest = jobs.list_recent(ctx, actor, "")[:1]
        if not newest:
            raise NotFound("no job yet", "jobs-none")
        number = newest[0].id
    return jobs.get(ctx, actor, number)


@app.command()
def show(
    job: JobOrNewest = None, config: ConfigPath = DEFAULT, json: AsJson = False
) -> None:
    """Show a job with its state and checkpoints."""
    with read_context(config) as (ctx, actor):
        view = _find(ctx, actor, job)
    values = record(view, id="job", losses="")
    if json:
        print_json(values)
        return
    names = (
        "job",
        "dataset",
        "build",
        "state",
        "status",
        "provider",
        "provider_job",
        "model",
    )
    metadata = ("estimate", "trained_tokens", "error", "created_at", "duration")
    values["state"] = translate_word("job", view.state)
    values["trained_tokens"] = view.trained_tokens or None
    values["duration"] = format_duration(language(), view.took(ctx.clock()))
    values["estimate"] = format_estimate(language(), view.estimate_micro, view.currency)
    print_pairs({name: values[name] for name in (*names, *metadata)})
    print_list(
        [*_fold(values["checkpoints"])],
        ["step", "model", Column("metrics", cell=_format_metrics)],
    )


@app.command()
def events(
    job: JobOrNewest = None, config: ConfigPath = DEFAULT, json: AsJson = False
) -> None:
    """Show what happened to a job, with its losses."""
    with read_context(config) as (ctx, actor):
        view = _find(ctx, actor, job)
    print_list(
        record(view)["events"],
        ["at", Column("level", family="level"), Column("message", cell=_format_event)],
        json=json,
    )


def _fold(checkpoints: Sequence[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    """Yield the last checkpoint of each run with the same accuracies, with the run's steps."""
    for _, group in groupby(checkpoints, _read_accuracies):
        run = list(group)
        steps = dict.fromkeys(str(each["step"]) for each in (run[0], run[-1]))
        yield {**run[-1], "step": "–".join(steps)}


def _read_accuracies(checkpoint: Mapping[str, Any]) -> Mapping[str, Any]:
    metrics = checkpoint["metrics"].items()
    found = {name: value for name, value in metrics if name.endswith("accuracy")}
    return found or {"step": checkpoint["step"]}


def _format_metrics(checkpoint: Mapping[str, Any]) -> str:
    metrics = {**checkpoint["metrics"], "step": None}.items()
    return " ".join(
        f"{name}={value:.4g}" for name, value in metrics if value is not None
    )


def _format_event(event: Mapping[str, Any]) -> str:
    return describe_event(event["message"], event["data"], language())


@app.command()
def quote(
    dataset: Annotated[
        str, typer.Argument(help="The dataset whose newest build is trained.")
    ],
    config: ConfigPath = DEFAULT,
    json: AsJson = False,
) -> None:
    """Show what training the newest build costs and takes at each provider and on this machine."""
    with read_context(config, dataset) as (ctx, actor):
        view = jobs.quote(ctx, actor, dataset, language())
    if json:
        print_json(record(view))
        return
    cells = [jobs.describe_offer(offer, language()) for offer in view.offers]
    headings = [f"page-offer-{part}" for part in jobs.OFFER_PARTS]
    print_table(headings, [[row[part] for part in jobs.OFFER_PARTS] for row in cells])
    if view.refusal:
        print_message("quote-refused", reason=view.refusal)


@app.command()
def launch(
    dataset: Annotated[
        str, typer.Argument(help="The dataset whose newest build is trained.")
    ],
    config: ConfigPath = DEFAULT,
    no_wait: NoWait = False,
    json: AsJson = False,
) -> None:
    """Train the newest build now, ignoring its launch policy; retries a failed one."""
    act = partial(jobs.launch, dataset=dataset)
    ask_daemon(config, act, "did-launch", json=json, is_waiting=not no_wait)


@app.command()
def cancel(
    job: JobNumber,
    config: ConfigPath = DEFAULT,
    no_wait: NoWait = False,
    json: AsJson = False,
) -> None:
    """Ask the provider to cancel a job."""
    act = partial(jobs.cancel, job_id=job)
    ask_daemon(
        config, act, "did-cancel", json=json, is_waiting=not no_wait, state="job"
    )
