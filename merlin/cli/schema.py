"""`merlin schema`: print the JSON Schema of a file that editors write."""

from __future__ import annotations

import sys
from enum import StrEnum
from typing import Annotated

import typer


class Name(StrEnum):
    """The files that have a schema."""

    EXAMPLE = "example"
    DATASET = "dataset"
    COURSE = "course"


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command("schema")(schema)


def schema(name: Annotated[Name, typer.Argument(help="Which file.")]) -> None:
    """Print the JSON Schema (draft 2020-12) of an example, of dataset.yaml or of course.yaml."""
    from merlin.dataset.schemas import schema_text

    sys.stdout.write(schema_text(name))
