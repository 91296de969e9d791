"""`merlin import|export|schema`: import examples from files and export them.

An import commits all its examples in one commit or none. `schema` prints the JSON Schema of the
files that editors write.
"""

import os
import sys
from collections.abc import Generator, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Annotated, Literal

import typer

from merlin.app import changes, examples, new_datasets
from merlin.app.actor import Actor
from merlin.app.changes import DatasetFiles
from merlin.cli import language
from merlin.cli.account_import import import_account
from merlin.cli.daemon_requests import open_files_context
from merlin.cli.edit_session import (
    EditSession,
    edit_session,
    preview_record,
    print_commit,
    print_findings,
)
from merlin.cli.import_fields import (
    Columns,
    Leave,
    Maps,
    Name,
    Only,
    SkipBad,
    read_choices,
    require_answers,
)
from merlin.cli.options import (
    DEFAULT,
    AsJson,
    ConfigPath,
    DatasetName,
    NoWait,
    configuration,
)
from merlin.cli.output import print_json, print_message, unwritable_error
from merlin.config import schema
from merlin.core.errors import ConfigError, NotFound, Refused
from merlin.course.editing import CourseEdits
from merlin.dataset.export_files import FORMS, ExportForm
from merlin.dataset.import_fields import FieldChoices
from merlin.dataset.import_lines import MAX_IMPORT_BYTES
from merlin.dataset.import_memory import ReadFiles, recall_choices
from merlin.dataset.import_plan import ImportPlan
from merlin.dataset.import_reading import read_files
from merlin.dataset.preview import unified_diff
from merlin.dataset.spec import schema_text

_FILES = Annotated[
    list[Path] | None, typer.Argument(metavar="FILE", help="The files; - reads stdin.")
]
_SOURCE = Annotated[
    str,
    typer.Option(
        "--from",
        metavar="PROVIDER",
        help="Take the fine-tuning files of this provider's account.",
    ),
]
_YES = Annotated[
    bool, typer.Option("--yes", help="With --from: take them without asking.")
]
_KEEP = Annotated[
    Path | None,
    typer.Option(
        "--keep",
        metavar="FOLDER",
        help="With --from: store every file there as it was downloaded.",
    ),
]
_DATASET = Annotated[
    str, typer.Option("--dataset", help="The dataset that gets the examples.")
]
_DRY_RUN = Annotated[
    bool,
    typer.Option(
        "--dry-run", help="Only show what would be written, by tag and language."
    ),
]
_CREATE = Annotated[
    bool,
    typer.Option(
        "--create", help="Make the dataset, with a course of this name, in the commit."
    ),
]

_REMOVE_GONE = Annotated[
    bool,
    typer.Option(
        "--remove-gone",
        help="Remove the examples whose records were imported by their ids, and are gone.",
    ),
]

app = typer.Typer()


@app.command("import")
def import_files(  # noqa: PLR0913 - each is an option of the command
    files: _FILES = None,
    *,
    source: _SOURCE = "",
    dataset: _DATASET,
    dry_run: _DRY_RUN = False,
    columns: Columns = ("", ""),
    maps: Maps = None,
    only: Only = None,
    leave: Leave = None,
    name: Name = "",
    skip_bad: SkipBad = False,
    remove_gone: _REMOVE_GONE = False,
    create: _CREATE = False,
    yes: _YES = False,
    keep: _KEEP = None,
    config: ConfigPath = DEFAULT,
    no_wait: NoWait = False,
    json: AsJson = False,
) -> None:
    """Import examples from files, in one commit or none, or from an account at a provider."""
    is_of_files = bool(create or name or remove_gone)
    _require_source(files or (), source, keep, is_of_files=is_of_files)
    choices = read_choices(columns, maps or (), only or (), leave or (), name)
    settings = configuration(config)
    if not files:
        import_account(
            *(settings, source, dataset, keep, choices),
            dry_run=dry_run,
            yes=yes,
            json=json,
        )
        return
    with edit_session(settings) as session:
        read = partial(read_files, [*read_contents(files)])
        planned = _plan_new if create else partial(_plan, removes_gone=remove_gone)
        plan, edits = planned(session, dataset, read, choices)
        print_findings([*plan.findings, *plan.preview.around])
        if plan.choices.remembered:
            print_message("import-remembered", name=plan.choices.name)
        view = _to_json(plan) | preview_record(plan.preview)
        try:
            require_answers(plan, skip_bad=skip_bad)
        except Refused:
            if json:
                print_json(view)
            raise
        if plan.committed and not dry_run:
            change_id = session.commit(dataset, edits.edits, edits.subject)
            view |= session.finish(change_id, is_waiting=not no_wait)
    if json:
        print_json(view)
        return
    _print_plan(plan, dry_run=dry_run)
    print_commit(view)


def _plan(
    session: EditSession,
    dataset: str,
    read: ReadFiles,
    choices: FieldChoices,
    *,
    removes_gone: bool,
) -> tuple[ImportPlan, CourseEdits]:
    """Return the plan for a dataset, and its edits. Raises NotFound, Refused."""
    files = _read_dataset(session, dataset)
    recalled = recall_choices(files.files, read, choices)
    plan = examples.plan(session.ctx, files, *recalled, removes_gone=removes_gone)
    return plan, CourseEdits(tuple(plan.committed), plan.subject)


def _plan_new(
    session: EditSession,
    name: str,
    read: ReadFiles,
    choices: FieldChoices,
) -> tuple[ImportPlan, CourseEdits]:
    """Return the plan for a new dataset, and the edits that make it. Raises Refused."""
    ctx = session.ctx
    new_datasets.read_unused(ctx, session.actor, name)
    new = new_datasets.describe(ctx, session.actor, name, name, ctx.config.language)
    recalled = recall_choices(new.files, read, choices)
    plan = new_datasets.plan(ctx, new, *recalled)
    return plan, new_datasets.make_edits(new, plan)


def _read_dataset(session: EditSession, dataset: str) -> DatasetFiles:
    """Return the files of the dataset. Raises NotFound, in the words of an import."""
    try:
        return changes.read_files(session.ctx, session.actor, dataset)
    except NotFound as error:
        error.key = "import-no-dataset"
        raise


def read_file(path: Path) -> bytes:
    """Return a file's content; - is stdin. Raises ConfigError."""
    try:
        return sys.stdin.buffer.read() if str(path) == "-" else path.read_bytes()
    except OSError as error:
        raise make_unreadable_file_error(path, error) from error


def make_unreadable_file_error(path: Path, error: OSError) -> ConfigError:
    """Return the error for a file that cannot be read."""
    arguments = {"path": str(path), "reason": error.strerror or str(error)}
    return ConfigError(f"{path}: {error}", "example-unreadable", **arguments)


def _require_source(
    paths: Sequence[Path], source: str, keep: Path | None, *, is_of_files: bool
) -> None:
    """Raise ConfigError unless it is files that are there, or an account, alone to be kept."""
    if bool(source) == bool(paths):
        raise ConfigError("files, or --from with none", "import-what")
    if source and is_of_files:
        raise ConfigError("an option of files", "import-create-what")
    if keep and not source:
        raise ConfigError("--keep without --from", "import-keep-what")
    for path in paths:
        try:
            _ = str(path) == "-" or path.stat()
        except OSError as error:
            raise make_unreadable_file_error(path, error) from error


def read_contents(paths: Sequence[Path]) -> Generator[tuple[bytes, str]]:
    """Yield content and name of each file, opening one file at a time. Raises ConfigError."""
    for path in paths:
        try:
            # A second "-" is empty: its reader closes the first one.
            is_stdin = str(path) == "-"
            with (
                os.fdopen(os.dup(sys.stdin.fileno()), "rb")
                if is_stdin
                else path.open("rb") as file
            ):
                content = file.read(MAX_IMPORT_BYTES + 1)
        except OSError as error:
            raise make_unreadable_file_error(path, error) from error
        yield content, str(path)


def _print_plan(plan: ImportPlan, *, dry_run: bool) -> None:
    """Print what an import does, or with `dry_run` would do, and to which files."""
    for edit in plan.committed if dry_run else ():
        sys.stdout.write(f"{edit.path}\n")
        if edit.before and edit.text:
            old = plan.earlier[edit.path]
            sys.stdout.write(f"{unified_diff(old, edit.text, edit.path)}\n")
    sys.stdout.flush()
    print_message("did-plan" if dry_run else "did-import", **_line_counts(plan))
    if plan.gone:
        paths = " ".join(edit.path for edit in plan.gone)
        state = "kept" if not plan.removes_gone else "asked" if dry_run else "removed"
        print_message("import-gone", count=len(plan.gone), paths=paths, state=state)
    if plan.rejected:
        print_message("import-left-out", count=plan.rejected)


def _line_counts(plan: ImportPlan) -> dict[str, int]:
    return {
        "lines": plan.lines,
        "taken": len(plan.good_edits),
        "duplicates": plan.duplicates,
        "held": plan.held,
        **plan.counts,
    }


def _to_json(plan: ImportPlan) -> dict[str, object]:
    findings = [
        {**asdict(finding), "message": finding.text(language())}
        for finding in plan.findings
    ]
    return {
        **_line_counts(plan),
        "dataset": plan.dataset,
        "rejected": plan.rejected,
        "excluded": plan.excluded,
        "questions": [
            {**question._asdict(), "proposed": question.proposed}
            for question in plan.questions
        ],
        "remembered": plan.choices.name if plan.choices.remembered else None,
        "paths": [edit.path for edit in plan.committed],
        "removals": [edit.path for edit in plan.gone],
        "at_lines": findings,
        "commit": None,
    }


_FORM = Annotated[
    ExportForm | None,
    typer.Option("--format", help="Default: by the ending of --output, else jsonl."),
]
_OUTPUT = Annotated[
    Path | None,
    typer.Option("--output", metavar="FILE", help="The file. Default: stdout."),
]


@app.command()
def export(
    dataset: DatasetName,
    form: _FORM = None,
    output: _OUTPUT = None,
    config: ConfigPath = DEFAULT,
) -> None:
    """Write a dataset's valid examples, as last fetched: JSON Lines, CSV or XLSX."""
    ending = output.suffix.removeprefix(".").lower() if output else ""
    by_ending = next((each for each in FORMS if each == ending), FORMS[-1])
    with open_files_context(configuration(config)) as ctx:
        files = changes.read_files(ctx, Actor.operator(), dataset)
        content, left_out = examples.export(
            ctx,
            files,
            form or by_ending,
            language(),
        )
    if output:
        try:
            output.write_bytes(content)
        except OSError as error:
            raise unwritable_error(output, error) from error
    else:
        sys.stdout.flush()
        sys.stdout.buffer.write(content)
    if left_out:
        print_message("export-left-out", count=left_out)


_NAME = Annotated[
    Literal["example", "dataset", "course", "imports", "config"],
    typer.Argument(help="Name of the schema."),
]


@app.command("schema")
def print_schema(name: _NAME) -> None:
    """Print the JSON Schema (2020-12) of an example, a file of a dataset, or config.yaml."""
    if name == "config":
        print_json(schema())
    else:
        sys.stdout.write(schema_text(name))
