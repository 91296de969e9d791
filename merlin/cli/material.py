"""`merlin material`: make a material of a course from a document, in one commit."""

import asyncio
import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from merlin.app import changes, teaching
from merlin.cli import language
from merlin.cli.edit_session import edit_session, print_commit, print_findings
from merlin.cli.import_export import read_file
from merlin.cli.options import (
    DEFAULT,
    AsJson,
    ConfigPath,
    NoWait,
    configuration,
)
from merlin.cli.output import print_json, print_message
from merlin.core.errors import Refused
from merlin.core.i18n import LANGUAGES
from merlin.course.documents import READING_S, read_document, split_text
from merlin.course.editing import MaterialDraft
from merlin.providers.documents import ChildReader

app = typer.Typer()


@app.command("material")
def add_material(  # noqa: PLR0913 - each is an option of the command
    file: Annotated[
        Path, typer.Argument(help="PDF, DOCX, HTML, Markdown or text; - is stdin.")
    ],
    *,
    dataset: Annotated[str, typer.Option(help="The dataset of the course.")],
    lesson: Annotated[int, typer.Option(min=1, max=1000, help="Number of the lesson.")],
    kind: Annotated[
        Literal["lecture", "seminar", "lab"], typer.Option(help="Kind of the material.")
    ] = "lecture",
    title: Annotated[
        str, typer.Option(help="Title; without it the document's first heading.")
    ] = "",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only print the text in Markdown.")
    ] = False,
    config: ConfigPath = DEFAULT,
    no_wait: NoWait = False,
    json: AsJson = False,
) -> None:
    """Make a material of a course from a document, with its pages, in one commit."""
    settings = configuration(config)
    content = read_file(file)
    reader = ChildReader(wall_s=READING_S)
    document = asyncio.run(read_document(content, file.name, reader))
    for note in document.notes(language()):
        sys.stderr.write(f"{note}\n")
    if dry_run:
        sys.stdout.write(document.markdown)
        return
    titles = dict.fromkeys(LANGUAGES, title or document.title)
    draft = MaterialDraft(kind, lesson, titles)
    with edit_session(settings) as session:
        files = changes.read_files(session.ctx, session.actor, dataset)
        proposed = teaching.add_document(document, draft, (content, file.name), files)
        seen = changes.check_edits(session.ctx, files, proposed.edits)
        print_findings(seen.findings)
        if not seen.is_good:
            raise Refused("the edit has errors", "change-has-errors")
        change_id = session.commit(dataset, proposed.edits, proposed.subject)
        view = session.finish(change_id, is_waiting=not no_wait)
    if json:
        print_json(view)
        return
    parts = len(split_text(document.markdown))
    print_message("did-material", count=parts, characters=len(document.markdown))
    print_commit(view)
