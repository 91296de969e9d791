"""Commands that ask the daemon for something, and wait for what comes of it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from merlin.cli.loading import configuration
from merlin.cli.output import as_json, say
from merlin.core.request import RequestKind

NoWait = Annotated[bool, typer.Option("--no-wait", help="Do not wait for the daemon.")]


def ask_daemon(
    path: Path, kind: RequestKind, arguments: Mapping[str, object], *, is_waiting: bool = True
) -> Mapping[str, object]:
    """Return what the daemon answered. Raises what it refused with."""
    from merlin.wiring.cli import ask

    return ask(configuration(path), kind, arguments, say, is_waiting=is_waiting)


def tell(result: Mapping[str, object], key: str, *, json: bool) -> None:
    """Show a result: one JSON document, or the sentence `key` with its values."""
    if json:
        as_json(result)
    else:
        say(key, **{name: "" if value is None else value for name, value in result.items()})
