"""`merlin build|builds|show|diff|log`: what commits led to."""

from __future__ import annotations

import sys
from functools import partial
from typing import Annotated

import typer

from merlin.app import builds as acts
from merlin.app import verdicts
from merlin.app.verdicts import VerdictView
from merlin.cli import language
from merlin.cli.options import DEFAULT, AsJson, ConfigPath, Dataset, NoWait, ask_daemon, reading
from merlin.cli.output import (
    format_cell,
    format_local_time,
    print_json,
    print_list,
    print_pairs,
    record,
)
from merlin.core.i18n import text

Version = Annotated[str, typer.Argument(help="A build: neurotypology-7, or a digest's beginning.")]


# What programs know the fields of a build by.
_JSON = {"version": "build", "id": "build_id"}


app = typer.Typer()


@app.command()
def build(
    dataset: Annotated[str, typer.Argument(help="The dataset.")],
    commit: Annotated[str | None, typer.Option(help="What this commit led to.")] = None,
    config: ConfigPath = DEFAULT,
    no_wait: NoWait = False,
    json: AsJson = False,
) -> None:
    """Fetch, check and build now; tell the build of the newest commit, or of another one."""
    act = partial(acts.build, dataset=dataset, commit=commit)
    ask_daemon(config, act, "did-build", json=json, is_waiting=not no_wait, verdict="word")


@app.command()
def builds(dataset: Dataset = None, config: ConfigPath = DEFAULT, json: AsJson = False) -> None:
    """List builds, newest first."""
    with reading(config, dataset) as (ctx, actor):
        found = acts.recent(ctx, actor, dataset or "")
    print_list(
        [record(each, **_JSON) for each in found],
        "build train test tokens=train_tokens created-at=created_at digest",
        json=json,
        digest=lambda each: each["digest"][:10],
    )


@app.command()
def show(version: Version, config: ConfigPath = DEFAULT, json: AsJson = False) -> None:
    """Show a build: counts, tokens, system text, and every example with its author."""
    with reading(config) as (ctx, actor):
        found = acts.get(ctx, actor, version)
    told = record(found, **_JSON)
    examples = told.pop("examples")
    if json:
        print_json({**told, "authors": {each["id"]: each["author"] for each in examples}})
        return
    names = ("build", "train", "test", "train_tokens", "test_tokens", "created_at", "digest")
    print_pairs({name: told[name] for name in (*names, "system")})
    print_list(examples, "example=id split tokens author", json=False)


@app.command()
def diff(old: Version, new: Version, config: ConfigPath = DEFAULT, json: AsJson = False) -> None:
    """Show which examples a build added, removed or changed against another."""
    with reading(config) as (ctx, actor):
        told = record(acts.compare(ctx, actor, old, new), old="", new="")
    if json:
        print_json(told)
        return
    for kind, mark in (("added", "+"), ("removed", "-"), ("changed", "~"), ("moved", "=")):
        sys.stdout.writelines(f"{mark} {example_id}\n" for example_id in told[kind])


@app.command()
def log(
    dataset: Annotated[str | None, typer.Argument(help="Only this dataset's.")] = None,
    limit: Annotated[int, typer.Option(help="How many verdicts.")] = 20,
    config: ConfigPath = DEFAULT,
    json: AsJson = False,
) -> None:
    """Show what each commit led to, newest first, with its findings."""
    with reading(config, dataset) as (ctx, actor):
        found = verdicts.log(ctx, actor, dataset or "", limit)
    if json:
        print_json([record(each, id="") for each in found])
        return
    for verdict in found:
        _tell(verdict)


def _tell(verdict: VerdictView) -> None:
    words = text(language(), f"word-{verdict.verdict}")
    if verdict.served_until:
        words = text(language(), "log-served-until", at=format_local_time(verdict.served_until))
    line = [verdict.commit[:10], verdict.dataset, words, format_cell(verdict.build)]
    sys.stdout.write("  ".join(part for part in line if part) + f"  {verdict.subject}\n")
    if verdict.reason:
        reason = text(language(), verdict.reason, **verdict.arguments)
        sys.stdout.write(f"    {reason}\n")
    for finding in verdict.findings:
        sys.stdout.write(f"    {finding.line_text(language())}\n")
