"""The `--config` option, and the configuration that it names."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

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
