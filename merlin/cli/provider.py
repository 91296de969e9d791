"""`merlin provider test`: check which parts of the OpenAI protocol a server supports."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count
from typing import TYPE_CHECKING, Annotated

import typer

from merlin.cli import language
from merlin.cli.options import AsJson
from merlin.cli.output import print_list, print_message, translate_word
from merlin.core.errors import ConfigError
from merlin.core.i18n import text

if TYPE_CHECKING:
    from merlin.engine.conformance import Outcome
    from merlin.engine.conformance.harness import Check

FAMILY = "provider-test"
FAILED = 1

app = typer.Typer(name="provider", no_args_is_help=True, help="Servers of the OpenAI protocol.")


@app.command("test")
def probe(
    url: Annotated[
        str, typer.Argument(metavar="URL", help="The server, with or without /v1.")
    ] = "",
    model: Annotated[str | None, typer.Option(help="The base model to train and to ask.")] = None,
    timeout_s: Annotated[
        float, typer.Option(min=1, help="Maximum duration of a job in seconds.")
    ] = 600,
    only: Annotated[list[str] | None, typer.Option(help="Only this check or family.")] = None,
    listed: Annotated[
        bool, typer.Option("--list", help="List the checks without running them.")
    ] = False,
    keep: Annotated[
        bool, typer.Option("--keep", help="Keep files and models on the server.")
    ] = False,
    json: AsJson = False,
) -> None:
    """Check a server of the OpenAI protocol; the key is read from OPENAI_API_KEY.

    Exit code 1 when a check failed; what the server lacks is missing, not failed.
    """
    from merlin.engine.conformance import select_checks

    checks = select_checks(only or (), keep=keep)
    if listed:
        records = [{"name": check.name, "title": _title(check.name)} for check in checks]
        print_list(records, "check=name title", json=json, under="checks", prefix=f"{FAMILY}-col")
        return
    if not url:
        raise ConfigError("no URL", f"{FAMILY}-no-url")
    outcomes = _run(checks, url, model, timeout_s, keep)
    _show(outcomes, json)
    if any(outcome.result == "failed" for outcome in outcomes):
        raise typer.Exit(FAILED)


def _run(
    checks: Sequence[Check], url: str, model: str | None, timeout_s: float, keep: bool
) -> list[Outcome]:
    from merlin.config import credential
    from merlin.engine.conformance import run_checks
    from merlin.engine.conformance.harness import connect

    server = connect(url, credential("OPENAI_API_KEY", is_needed=False), model, timeout_s)
    numbers = count(1)

    def report(outcome: Outcome) -> None:
        number, total = next(numbers), len(checks)
        result = translate_word(f"{FAMILY}-result", outcome.result)
        print_message(f"{FAMILY}-step", n=number, of=total, name=outcome.name, result=result)

    print_message(f"{FAMILY}-begin", url=server.base_url, model=server.model)
    try:
        return run_checks(server, checks, report)
    finally:
        server.close(keep=keep)


def _show(outcomes: Sequence[Outcome], json: bool) -> None:
    print_list(
        [
            {
                "name": outcome.name,
                "result": outcome.result,
                "detail": text(language(), outcome.key, **outcome.arguments) if outcome.key else "",
            }
            for outcome in outcomes
        ],
        f"check=name title result=result:{FAMILY}-result detail",
        json=json,
        under="checks",
        prefix=f"{FAMILY}-col",
        title=lambda record: _title(record["name"]),
    )
    results = [outcome.result for outcome in outcomes]
    counts = {name: results.count(name) for name in ("passed", "failed", "missing")}
    print_message(f"{FAMILY}-totals", **counts)


def _title(name: str) -> str:
    return text(language(), f"{FAMILY}-title-{name.replace('.', '-').replace('_', '-')}")
