"""`merlin export`: a dataset's good examples as JSONL, YAML or CSV."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from merlin.cli.loading import DEFAULT, AsJson, ConfigPath, configuration
from merlin.cli.output import as_json, say
from merlin.core.errors import ConfigError
from merlin.dataset.exporting import ExportFormat

_SHAPE = Annotated[ExportFormat, typer.Option("--format", help="How they are written.")]
_OUT = Annotated[Path | None, typer.Option("--output", "-o", help="The file; default stdout.")]


def register(app: typer.Typer) -> None:
    """Add the verb to the command line."""
    app.command()(export)


def export(
    dataset: Annotated[str, typer.Argument(help="The dataset.")],
    shape: _SHAPE = ExportFormat.JSONL,
    output: _OUT = None,
    config: ConfigPath = DEFAULT,
    json: AsJson = False,
) -> None:
    """Write a dataset's good examples to stdout or a file, as recorded by the newest fetch."""
    from merlin.dataset.exporting import export as written
    from merlin.wiring.editing import checked_of

    checked = checked_of(configuration(config), dataset)
    system = checked.spec.system if checked.spec else ""
    made = written(checked.examples, system, shape)
    count = len(checked.examples) - len(made.left_out)
    told = {"dataset": dataset, "examples": count, "left_out": list(made.left_out)}
    if output is not None:
        _write(output, made.text)
        told["file"] = str(output)
    elif json:
        told["text"] = made.text
    else:
        sys.stdout.write(made.text)
    if json:
        as_json(told)
        return
    if made.left_out:
        say("export-left-out", count=len(made.left_out), first=made.left_out[0])
    if output is not None:
        say("did-export", count=count, path=str(output))


def _write(path: Path, text: str) -> None:
    from merlin.core import durable

    def fill(place: Path) -> None:
        place.write_text(text, encoding="utf-8", newline="\n")

    try:
        # A device or a pipe (/dev/stdout, /dev/null) takes the text; a rename would replace it.
        if path.exists() and not path.is_file():
            fill(path)
        else:
            durable.write(path, fill)
    except OSError as error:
        told = {"path": str(path), "reason": error.strerror or str(error)}
        raise ConfigError(f"{path}: {error}", "export-unwritable", **told) from error
