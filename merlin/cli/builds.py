"""`merlin build|builds|show|diff|log`: what commits led to."""

from __future__ import annotations

import sys
from dataclasses import asdict
from typing import Annotated, Any

import typer

from merlin.cli import language
from merlin.cli.jobs import Dataset
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
    format_cell,
    format_local_time,
    print_json,
    print_pairs,
    print_table,
    translate_word,
)
from merlin.core.i18n import text
from merlin.db.requests import RequestKind

Version = Annotated[str, typer.Argument(help="A build: neurotypology-7, or a digest's beginning.")]


def register(app: typer.Typer) -> None:
    """Add the verbs to the command line."""
    for verb in (build, builds, show, diff, log):
        app.command()(verb)


def build(
    dataset: Annotated[str, typer.Argument(help="The dataset.")],
    commit: Annotated[str | None, typer.Option(help="What this commit led to.")] = None,
    config: ConfigPath = DEFAULT,
    no_wait: NoWait = False,
    json: AsJson = False,
) -> None:
    """Fetch, check and build now; tell the build of the newest commit, or of another one."""
    asked = {"dataset": dataset, "commit": commit}
    result = ask_daemon(config, RequestKind.BUILD, asked, is_waiting=not no_wait)
    if not json:
        result = {**result, "verdict": translate_word("word", str(result["verdict"]))}
    print_result(result, "did-build", json=json)


def builds(dataset: Dataset = None, config: ConfigPath = DEFAULT, json: AsJson = False) -> None:
    """List builds, newest first."""
    from merlin.wiring.reading import reports

    with reports(configuration(config), dataset) as rows:
        found = rows.builds(dataset)
    if json:
        print_json(found)
        return
    lines = [
        [
            each["build"],
            each["train"],
            each["test"],
            each["train_tokens"],
            format_local_time(each["created_at"]),
            each["digest"][:10],
        ]
        for each in found
    ]
    names = ("build", "train", "test", "tokens", "created-at", "digest")
    print_table([f"col-{name}" for name in names], lines)


def show(version: Version, config: ConfigPath = DEFAULT, json: AsJson = False) -> None:
    """Show a build: counts, tokens, system text, and every example with its author."""
    from merlin.wiring.reading import reports

    with reports(configuration(config)) as rows:
        told = rows.build(version)
    if json:
        print_json(told)
        return
    names = ("build", "train", "test", "train_tokens", "test_tokens", "created_at", "digest")
    told["created_at"] = format_local_time(told["created_at"])
    print_pairs({f"col-{name.replace('_', '-')}": told[name] for name in (*names, "system")})
    lines = [
        [each["id"], each["split"], each["tokens"], told["authors"].get(each["id"])]
        for each in told["manifest"]["examples"]
    ]
    print_table(["col-example", "col-split", "col-tokens", "col-author"], lines)


def diff(old: Version, new: Version, config: ConfigPath = DEFAULT, json: AsJson = False) -> None:
    """Show which examples a build added, removed or changed against another."""
    from merlin.dataset.builds import diff as difference
    from merlin.wiring.reading import reports

    with reports(configuration(config)) as rows:
        told = asdict(difference(rows.build(old)["manifest"], rows.build(new)["manifest"]))
    if json:
        print_json(told)
        return
    for kind, mark in (("added", "+"), ("removed", "-"), ("changed", "~"), ("moved", "=")):
        sys.stdout.writelines(f"{mark} {example_id}\n" for example_id in told[kind])


def log(
    dataset: Annotated[str | None, typer.Argument(help="Only this dataset's.")] = None,
    limit: Annotated[int, typer.Option(help="How many verdicts.")] = 20,
    config: ConfigPath = DEFAULT,
    json: AsJson = False,
) -> None:
    """Show what each commit led to, newest first, with its findings."""
    from merlin.wiring.reading import reports

    with reports(configuration(config), dataset) as rows:
        verdicts = rows.log(dataset, limit)
    if json:
        print_json(verdicts)
        return
    for verdict in verdicts:
        _tell(verdict)


def _tell(verdict: dict[str, Any]) -> None:
    words = text(language(), f"word-{verdict['verdict']}")
    if verdict["served_until"]:
        words = text(language(), "log-served-until", at=format_local_time(verdict["served_until"]))
    line = [verdict["commit"][:10], verdict["dataset"], words, format_cell(verdict["build"])]
    sys.stdout.write("  ".join(part for part in line if part) + f"  {verdict['subject']}\n")
    if verdict["reason"]:
        reason = text(language(), verdict["reason"], **verdict["arguments"])
        sys.stdout.write(f"    {reason}\n")
    for finding in verdict["findings"]:
        place = f"{finding['path']}:{finding['line']}:{finding['column']}"
        told = text(language(), f"finding-{finding['rule']}", **finding["arguments"])
        sys.stdout.write(f"    {place}: {finding['severity']} {finding['rule']}: {told}\n")
