"""`merlin jobs …` and `migrate`: fine-tune jobs, and training a build on another base model."""

from collections.abc import Mapping
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from merlin.app import changes, jobs
from merlin.cli import language
from merlin.cli.daemon_requests import request_daemon
from merlin.cli.edit_session import EditSession, JsonObject, edit_session
from merlin.cli.failures import error_text
from merlin.cli.options import (
    DEFAULT,
    AsJson,
    ConfigPath,
    NoWait,
    OnlyDataset,
    Yes,
    ask_daemon,
    configuration,
    print_result,
    read_context,
    require_yes,
)
from merlin.cli.output import (
    print_json,
    print_list,
    print_message,
    print_pairs,
    record,
    translate_word,
)
from merlin.config import Config, credential, parse_model_name
from merlin.core.errors import ConfigError, ProviderError, Refused
from merlin.core.i18n import text
from merlin.core.money import format_price
from merlin.core.training_events import describe_event
from merlin.dataset.changes import Edit
from merlin.dataset.layout import DATASET_FILE
from merlin.training.launch_plan import name_base, require_base
from merlin.wiring.providers import training_client

JobNumber = Annotated[int | None, typer.Argument(help="Number of the job.", show_default=False)]

app = typer.Typer()
jobs_app = typer.Typer(name="jobs", no_args_is_help=True, help="Fine-tune jobs.")
app.add_typer(jobs_app)


@jobs_app.command("list")
def list_jobs(
    dataset: OnlyDataset = None, config: ConfigPath = DEFAULT, json: AsJson = False
) -> None:
    """List jobs, newest first."""
    with read_context(config, dataset) as (ctx, actor):
        views = jobs.list_recent(ctx, actor, dataset or "")
    print_list(
        [record(view, id="job") for view in views],
        "job build state=state:job provider outcome",
        json=json,
        empty="jobs-none",
        outcome=lambda view: view["model"] or view["error"],
    )


def _require(job: int | None, config: Path) -> int:
    """Return the number of a job; without one show which there are and exit with 2."""
    if job is None:
        list_jobs(config=config)
        raise ConfigError("no job is named", "jobs-which")
    return job


@jobs_app.command()
def show(job: JobNumber = None, config: ConfigPath = DEFAULT, json: AsJson = False) -> None:
    """Show a job with its state, history and checkpoints."""
    with read_context(config) as (ctx, actor):
        view = jobs.get(ctx, actor, _require(job, config))
    values = record(view, id="job", losses="")
    if json:
        print_json(values)
        return
    names = ("job", "dataset", "build", "state", "status", "provider", "provider_job", "model")
    metadata = ("trained_tokens", "error", "created_at", "updated_at")
    values["state"] = translate_word("job", view.state)
    print_pairs({name: values[name] for name in (*names, *metadata)})
    print_list(values["changes"], "at from=from:job to=to:job", json=False)
    print_list(values["checkpoints"], "step model metrics", json=False, metrics=_format_metrics)


def _format_metrics(checkpoint: Mapping[str, Any]) -> str:
    metrics = checkpoint["metrics"].items()
    return " ".join(f"{name}={value:.4g}" for name, value in metrics if value is not None)


@jobs_app.command()
def events(job: JobNumber = None, config: ConfigPath = DEFAULT, json: AsJson = False) -> None:
    """Show a job's events, oldest first."""
    with read_context(config) as (ctx, actor):
        events = jobs.get(ctx, actor, _require(job, config)).events

    def message(event: Mapping[str, Any]) -> str:
        return describe_event(event["message"], event["data"], language())

    records = [record(event) for event in events]
    print_list(records, "at level=level:level message", json=json, message=message)


@jobs_app.command()
def launch(
    dataset: Annotated[str, typer.Argument(help="The dataset whose newest build is trained.")],
    config: ConfigPath = DEFAULT,
    no_wait: NoWait = False,
    json: AsJson = False,
) -> None:
    """Train the newest build now, ignoring its launch policy; retries a failed one."""
    act = partial(jobs.launch, dataset=dataset)
    ask_daemon(config, act, "did-launch", json=json, is_waiting=not no_wait)


@jobs_app.command()
def cancel(
    job: JobNumber = None,
    config: ConfigPath = DEFAULT,
    no_wait: NoWait = False,
    json: AsJson = False,
) -> None:
    """Ask the provider to cancel a job."""
    act = partial(jobs.cancel, job_id=_require(job, config))
    ask_daemon(config, act, "did-cancel", json=json, is_waiting=not no_wait, state="job")


@app.command()
def migrate(
    dataset: Annotated[str, typer.Argument(help="The dataset whose newest build is trained.")],
    to: Annotated[
        str, typer.Option(metavar="PROVIDER/MODEL", help="Provider and base model to train on.")
    ],
    commits: Annotated[
        bool, typer.Option("--commit", help="Also commit the new base model to dataset.yaml.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show the price and obstacles without training.")
    ] = False,
    yes: Yes = False,
    config: ConfigPath = DEFAULT,
    json: AsJson = False,
) -> None:
    """Train the newest build on another base model; it is tested and made live like any other."""
    base = parse_model_name(to)
    with read_context(config, dataset) as (ctx, actor):
        quote = jobs.quote(ctx, actor, dataset, language(), base)
    if dry_run and not quote.refusal:  # else the daemon asks the provider, before it trains
        quote = replace(quote, refusal=_refuse_missing_base(configuration(config), base))
    price = text(language(), "asking-price-unknown")
    if quote.cost_micro is not None:
        price = format_price(language(), quote.cost_micro, quote.currency)
    if dry_run and json:
        print_json(record(quote))
        return
    arguments = {
        name: getattr(quote, name) for name in ("build", "provider", "base_model", "examples")
    }
    if quote.cost_micro is not None or not quote.refusal:
        print_message("migrate-price", **arguments, price=price)
    if quote.refusal:
        raise Refused(quote.refusal)
    if dry_run:
        return
    require_yes("migrate-sure", "migrate-not-sure", is_confirmed=yes or quote.cost_micro == 0)
    act = partial(jobs.migrate, dataset=dataset, base=base, build=quote.build)
    result = dict(request_daemon(configuration(config), act))
    if commits:
        with edit_session(configuration(config)) as session:
            result |= _commit_base(session, dataset, base)
    print_result(result, "did-launch", json=json)
    if not commits:
        print_message("migrate-next", dataset=dataset, provider=base[0], base_model=base[1])


def _refuse_missing_base(config: Config, base: tuple[str, str]) -> str:
    """Return why the provider cannot train a base model, "" if it can.

    It is not asked where its credential is given to the daemon alone; the user is told so.
    """
    provider = config.provider(base[0])
    if provider is None:
        return ""
    if not credential(provider.credential, is_needed=False):
        print_message("migrate-not-asked", provider=provider.name, name=provider.credential)
        return ""
    try:
        with closing(training_client(provider, language=language())) as client:
            require_base(config, base, [card.model_id for card in client.models()])
    except (ProviderError, Refused) as error:
        return error_text(error.key, error.arguments)
    return ""


def _commit_base(session: EditSession, dataset: str, base: tuple[str, str]) -> JsonObject:
    """Commit dataset.yaml with the new base model and return the result."""
    file = changes.read_files(session.ctx, session.actor, dataset).file(DATASET_FILE)
    text = name_base(file.text, base) if file is not None and file.text else None
    if file is None or text is None:
        arguments = {"dataset": dataset, "provider": base[0], "base_model": base[1]}
        raise Refused("dataset.yaml is edited by hand", "migrate-next", **arguments)
    edits = [Edit(DATASET_FILE, file.blob, text)]
    change_id = session.commit(dataset, edits, f"Train on {'/'.join(base)}")
    return session.finish(change_id, is_waiting=True)
