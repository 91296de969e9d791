"""`merlin provider test`: check whether Merlin can use a server of the OpenAI protocol."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count
from typing import TYPE_CHECKING, Annotated

import typer

from merlin.cli import language
from merlin.cli.options import AsJson
from merlin.cli.output import Column, print_list, print_message, translate_word
from merlin.core.i18n import text

if TYPE_CHECKING:
    from merlin.cli.provider_checks import CheckOutcome

FAMILY = "provider-test"

app = typer.Typer(
    name="provider", no_args_is_help=True, help="Servers of the OpenAI protocol."
)


@app.command("test")
def probe(
    url: Annotated[
        str, typer.Argument(metavar="URL", help="The server, as in providers.base_url.")
    ],
    model: Annotated[
        str | None, typer.Option(help="The base model to train and to ask.")
    ] = None,
    timeout_s: Annotated[
        float, typer.Option(min=1, help="Maximum duration of a job in seconds.")
    ] = 600,
    chat_only: Annotated[
        bool, typer.Option("--chat-only", help="Create no files and no jobs.")
    ] = False,
    json: AsJson = False,
) -> None:
    """Check a server of the OpenAI protocol; the key is read from OPENAI_API_KEY.

    Exit code 1 when a check failed; what the server lacks is missing, not failed.
    """
    from merlin.cli.provider_checks import (
        CHAT_CHECKS,
        CHECKS,
        FAILED,
        connect,
        run_checks,
    )
    from merlin.config.credentials import credential

    names = CHAT_CHECKS if chat_only else tuple(CHECKS)
    server = connect(
        url, credential("OPENAI_API_KEY", is_needed=False), model, timeout_s
    )
    numbers = count(1)

    def report(outcome: CheckOutcome) -> None:
        result = translate_word(f"{FAMILY}-result", outcome.result)
        number = next(numbers)
        total = len(names)
        print_message(
            f"{FAMILY}-step", n=number, of=total, name=outcome.name, result=result
        )

    print_message(f"{FAMILY}-begin", url=server.base_url, model=server.models[0])
    try:
        outcomes = run_checks(server, names, report)
    finally:
        server.close()
    _show(outcomes, json)
    if any(outcome.result == FAILED for outcome in outcomes):
        raise typer.Exit(1)


def _show(outcomes: Sequence[CheckOutcome], json: bool) -> None:
    print_list(
        [
            {
                "name": outcome.name,
                "result": outcome.result,
                "detail": text(language(), outcome.key, **outcome.arguments)
                if outcome.key
                else "",
            }
            for outcome in outcomes
        ],
        [
            Column("check", "name"),
            Column("title", cell=lambda record: _title(record["name"])),
            Column("result", family=f"{FAMILY}-result"),
            "detail",
        ],
        json=json,
        under="checks",
        prefix=f"{FAMILY}-col",
    )
    results = [outcome.result for outcome in outcomes]
    counts = {name: results.count(name) for name in ("passed", "failed", "missing")}
    print_message(f"{FAMILY}-totals", **counts)


def _title(name: str) -> str:
    return text(
        language(), f"{FAMILY}-title-{name.replace('.', '-').replace('_', '-')}"
    )
