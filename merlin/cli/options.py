"""Options that commands share: the configuration, JSON, and how they ask the daemon."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from merlin.cli.output import print_json, print_message
from merlin.db.requests import RequestKind

if TYPE_CHECKING:
    from merlin.config import Config


ConfigPath = Annotated[Path, typer.Option("--config", help="The configuration file.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
DEFAULT = Path("config.yaml")


def configuration(path: Path) -> Config:
    """Return the configuration; from here on bug reports go to its state folder.

    A folder `credentials` beside the file holds secrets by name, as systemd's own does.
    """
    from merlin.config import load

    config = load(path)
    beside = path.resolve().parent / "credentials"
    if beside.is_dir():
        os.environ.setdefault("CREDENTIALS_DIRECTORY", str(beside))
    os.environ.setdefault("MERLIN_REPORTS", str(config.state_dir / "reports"))
    return config


NoWait = Annotated[bool, typer.Option("--no-wait", help="Do not wait for the daemon.")]


def ask_daemon(
    path: Path, kind: RequestKind, arguments: Mapping[str, object], *, is_waiting: bool = True
) -> Mapping[str, object]:
    """Return what the daemon answered. Raises what it refused with."""
    from merlin.wiring.cli import ask

    return ask(configuration(path), kind, arguments, print_message, is_waiting=is_waiting)


def print_result(result: Mapping[str, object], key: str, *, json: bool) -> None:
    """Show a result: one JSON document, or the sentence `key` with its values."""
    if json:
        print_json(result)
    else:
        print_message(
            key, **{name: "" if value is None else value for name, value in result.items()}
        )
