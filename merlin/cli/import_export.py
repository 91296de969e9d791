"""`merlin import|export|schema`: examples from files and to files.

An import is one commit with all its examples or none; a schema is that of a file that editors
write.
"""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Literal

import typer

from merlin.app import changes, examples
from merlin.app.actor import Actor
from merlin.cli import language
from merlin.cli.examples import (
    commit,
    file_bytes,
    of_preview,
    open_editing,
    print_commit,
    print_findings,
)
from merlin.cli.options import DEFAULT, AsJson, ConfigPath, NoWait, configuration
from merlin.cli.output import print_json, print_message
from merlin.core import durable_files
from merlin.core.errors import ConfigError, Refused
from merlin.core.i18n import text
from merlin.dataset.import_export import (
    ExportFormat,
    ImportPlan,
    detect_format,
    read_import_lines,
)
from merlin.dataset.import_export import export_examples as written
from merlin.dataset.spec import schema_text
from merlin.wiring.context import reading_context

_FILE = Annotated[Path, typer.Argument(help="The file; - reads stdin.")]
_DATASET = Annotated[str, typer.Option("--dataset", help="The dataset that gets the examples.")]
_IMPORT_FORMAT = Annotated[
    Literal["auto", "jsonl", "csv"], typer.Option("--format", help="How the file is written.")
]
_DRY = Annotated[bool, typer.Option("--dry-run", help="Only tell what would be imported.")]
_DUPLICATE = Annotated[
    Literal["skip", "error"],
    typer.Option("--on-duplicate", help="What to do with what is known already."),
]


app = typer.Typer()


@app.command("import")
def import_file(
    file: _FILE,
    *,
    dataset: _DATASET,
    shape: _IMPORT_FORMAT = "auto",
    dry_run: _DRY = False,
    on_duplicate: _DUPLICATE = "skip",
    config: ConfigPath = DEFAULT,
    no_wait: NoWait = False,
    json: AsJson = False,
) -> None:
    """Import examples: chat JSONL, or CSV with question, answer and tags; one commit or none."""
    content = file_bytes(file)
    found_shape = detect_format(file.name, content) if shape == "auto" else shape
    lines = read_import_lines(content, found_shape)
    with open_editing(config) as session:
        files = changes.read_files(session.ctx, session.actor, dataset)
        plan, seen = examples.plan(session.ctx, files, lines)
        for line, each in plan.findings:
            words = each.text(language())
            sys.stderr.write(f"{line}: {each.severity} {each.rule}: {words}\n")
        for line, known in plan.duplicates.items():
            sys.stderr.write(f"{line}: {text(language(), 'import-duplicate', other=known)}\n")
        print_findings(seen.around)
        told = _to_json(plan) | of_preview(seen)
        is_refused = plan.duplicates and on_duplicate == "error"
        if json and (is_refused or plan.rejected):
            print_json(told)
        if plan.rejected:
            rejected, count = plan.rejected, plan.lines
            raise Refused("findings", "import-not-good", rejected=rejected, lines=count)
        if is_refused:
            raise Refused("duplicates", "import-duplicates", count=len(plan.duplicates))
        if plan.edits and not dry_run:
            told |= commit(session, dataset, plan.edits, plan.subject, is_waiting=not no_wait)
    if json:
        print_json(told)
        return
    print_message("did-plan" if dry_run else "did-import", **_counts(plan))
    print_commit(told)


def _counts(plan: ImportPlan) -> dict[str, int]:
    return {
        "lines": plan.lines,
        "taken": len(plan.edits),
        "duplicates": len(plan.duplicates),
    }


def _to_json(plan: ImportPlan) -> dict[str, object]:
    findings = [
        {**asdict(each), "line": line, "message": each.text(language())}
        for line, each in plan.findings
    ]
    known = [{"line": line, "same_as": other} for line, other in plan.duplicates.items()]
    return {
        **_counts(plan),
        "dataset": plan.dataset,
        "same": known,
        "at_lines": findings,
        "commit": None,
    }


_EXPORT_FORMAT = Annotated[ExportFormat, typer.Option("--format", help="How they are written.")]
_OUT = Annotated[Path | None, typer.Option("--output", "-o", help="The file; default stdout.")]


@app.command()
def export(
    dataset: Annotated[str, typer.Argument(help="The dataset.")],
    shape: _EXPORT_FORMAT = "jsonl",
    output: _OUT = None,
    config: ConfigPath = DEFAULT,
    json: AsJson = False,
) -> None:
    """Write a dataset's good examples to stdout or a file, as recorded by the newest fetch."""
    with reading_context(configuration(config)) as ctx:
        checked = examples.check_dataset(ctx, Actor.operator(), dataset)
    system = checked.spec.system if checked.spec else ""
    words, left_out = written(checked.examples, system, shape)
    count = len(checked.examples) - len(left_out)
    told = {"dataset": dataset, "examples": count, "left_out": left_out}
    if output is not None:
        _write(output, words)
        told["file"] = str(output)
    elif json:
        told["text"] = words
    else:
        sys.stdout.write(words)
    if json:
        print_json(told)
        return
    if left_out:
        print_message("export-left-out", count=len(left_out), first=left_out[0])
    if output is not None:
        print_message("did-export", count=count, path=str(output))


def _write(path: Path, text: str) -> None:

    def fill(place: Path) -> None:
        place.write_text(text, encoding="utf-8", newline="\n")

    try:
        # A device or a pipe (/dev/stdout, /dev/null) takes the text; a rename would replace it.
        if path.exists() and not path.is_file():
            fill(path)
        else:
            durable_files.write_durably(path, fill)
    except OSError as error:
        told = {"path": str(path), "reason": error.strerror or str(error)}
        raise ConfigError(f"{path}: {error}", "export-unwritable", **told) from error


_NAME = Annotated[Literal["example", "dataset", "course"], typer.Argument(help="Which file.")]


@app.command("schema")
def print_schema(name: _NAME) -> None:
    """Print the JSON Schema (draft 2020-12) of an example, of dataset.yaml or of course.yaml."""
    sys.stdout.write(schema_text(name))
