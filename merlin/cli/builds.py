"""`merlin build|builds|show|diff|log`: builds and the verdicts on commits."""

import sys
from functools import partial
from typing import Annotated

import typer

from merlin.app import builds as acts, verdicts
from merlin.cli import language
from merlin.cli.options import (
    DEFAULT,
    AsJson,
    ConfigPath,
    DatasetName,
    NoWait,
    OnlyDataset,
    ask_daemon,
    read_context,
)
from merlin.cli.output import (
    Column,
    format_cell,
    print_json,
    print_list,
    print_message,
    print_pairs,
    record,
)
from merlin.core.formatted_text import escape_controls
from merlin.core.i18n import text

Version = Annotated[
    str,
    typer.Argument(
        metavar="BUILD",
        help="Build, such as neurotypology-7, or 4 or more digits of a digest.",
    ),
]

# JSON names of the fields of a build.
_JSON_NAMES = {"version": "build", "id": "build_id"}
# And of a verdict, which has internal ones, too.
VERDICT_NAMES = {
    "status": "verdict",
    "job_id": "job",
    "is_trained": "trained",
    **dict.fromkeys(
        ("id", "is_newest", "build_id", "training_key", "spec", "message"), ""
    ),
}

app = typer.Typer()


@app.command()
def build(
    dataset: DatasetName,
    commit: Annotated[
        str | None, typer.Option(help="Show the build of this commit: an ID or HEAD.")
    ] = None,
    config: ConfigPath = DEFAULT,
    no_wait: NoWait = False,
    json: AsJson = False,
) -> None:
    """Fetch, check and build now; show the build of the newest commit, or of another one."""
    act = partial(acts.build, dataset=dataset, commit=commit)
    ask_daemon(
        config,
        act,
        "did-build",
        json=json,
        is_waiting=not no_wait,
        verdict="commit-state",
    )


@app.command()
def builds(
    dataset: OnlyDataset = None, config: ConfigPath = DEFAULT, json: AsJson = False
) -> None:
    """List builds, newest first."""
    with read_context(config, dataset) as (ctx, actor):
        views = acts.list_recent(ctx, actor, dataset or "")
    print_list(
        [record(view, **_JSON_NAMES) | {"tokens": view.tokens} for view in views],
        [
            *("build", "train", "test", "tokens"),
            Column("created-at", "created_at"),
            Column("digest", cell=lambda view: view["digest"][:10]),
        ],
        json=json,
        empty="builds-none",
    )


@app.command()
def show(version: Version, config: ConfigPath = DEFAULT, json: AsJson = False) -> None:
    """Show a build: counts, tokens, instructions, and all examples with their authors."""
    with read_context(config) as (ctx, actor):
        build = acts.get(ctx, actor, version)
    view = record(build, **_JSON_NAMES) | {"tokens": build.tokens}
    if json:
        print_json(view)
        return
    names = "build train test tokens train_tokens test_tokens created_at digest system"
    print_pairs({name: view[name] for name in names.split()})
    columns: list[str | Column] = [
        Column("example", "id"),
        Column("split", family="col"),
        "tokens",
        "author",
    ]
    print_list(view["examples"], columns)


@app.command()
def diff(
    old: Version, new: Version, config: ConfigPath = DEFAULT, json: AsJson = False
) -> None:
    """Compare two builds: examples added, removed or changed."""
    with read_context(config) as (ctx, actor):
        comparison = record(acts.compare(ctx, actor, old, new), old="", new="")
    if json:
        print_json(comparison)
        return
    for kind, mark in (
        ("added", "+"),
        ("removed", "-"),
        ("changed", "~"),
        ("moved", "="),
    ):
        sys.stdout.writelines(
            f"{mark} {example_id}\n" for example_id in comparison[kind]
        )
    if not any(comparison.values()):
        print_message("did-diff-none", old=old, new=new)


@app.command()
def log(
    dataset: Annotated[
        str | None, typer.Argument(help="Only entries of this dataset.")
    ] = None,
    limit: Annotated[
        int, typer.Option(min=1, max=10_000, help="Number of commits.")
    ] = 20,
    config: ConfigPath = DEFAULT,
    json: AsJson = False,
) -> None:
    """Show the result of each commit with its problems, newest first."""
    with read_context(config, dataset) as (ctx, actor):
        entries = verdicts.list_mainline(ctx, actor, dataset or "", limit)
    if json:
        print_json([record(verdict, **VERDICT_NAMES) for verdict in entries])
        return
    if not entries:
        print_message("log-none")
    shown = set[tuple[str, str, str]]()
    for verdict in entries:
        message = text(language(), verdict.state.text_key)
        if verdict.state.is_of_later:
            after = verdict.after
            told = text(language(), after.text_key, **after.text_arguments)
            message = f"{told} ({after.commit[:10]})"
        elif verdict.served_until:
            message = text(
                language(), "log-served-until", at=format_cell(verdict.served_until)
            )
        line = [
            verdict.commit[:10],
            verdict.dataset,
            message,
            format_cell(verdict.build),
        ]
        sys.stdout.write(
            "  ".join(part for part in line if part)
            + f"  {format_cell(verdict.subject)}\n"
        )
        if verdict.reason:
            reason = text(language(), verdict.reason, **verdict.arguments)
            sys.stdout.write(f"    {escape_controls(reason)}\n")
        keys = [(verdict.dataset, item.path, item.rule) for item in verdict.findings]
        for key, finding in zip(keys, verdict.findings, strict=True):
            if key not in shown:
                sys.stdout.write(f"    {finding.line_text(language())}\n")
        if repeated := sum(key in shown for key in keys):
            sys.stdout.write(
                f"    {text(language(), 'log-repeated', count=repeated)}\n"
            )
        shown.update(keys)
