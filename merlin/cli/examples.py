"""`merlin example add|edit|rm|retry|find`: change single examples by a commit in the user's name.

The text comes from options, a file or the user's editor. The author is the name and e-mail that
the user's git has.
"""

import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from merlin.app import changes, examples
from merlin.app.actor import Actor
from merlin.app.examples import ExampleView
from merlin.cli.daemon_requests import open_files_context
from merlin.cli.edit_session import (
    EditSession,
    JsonObject,
    edit_session,
    preview_record,
    print_edit,
    print_findings,
)
from merlin.cli.options import (
    DEFAULT,
    AsJson,
    ConfigPath,
    DatasetName,
    NoWait,
    OnlyDataset,
    configuration,
)
from merlin.cli.output import print_json, print_message, print_table
from merlin.core.errors import ConfigError, NotFound, Refused
from merlin.dataset.changes import Edit
from merlin.dataset.example import question_preview, reword_example, write_turns
from merlin.dataset.layout import example_id_of, example_path

QuestionOption = Annotated[str | None, typer.Option(help="Question of the user.")]
AnswerOption = Annotated[str | None, typer.Option(help="Answer of the assistant.")]
FileOption = Annotated[
    Path | None, typer.Option("--file", help="The whole example as YAML; - reads stdin.")
]
TagOption = Annotated[list[str] | None, typer.Option(help="Tag; can be repeated.")]
ExampleId = Annotated[
    str,
    typer.Argument(
        metavar="ID", help="The example's path under examples/ without .yaml, or DATASET/ID."
    ),
]

app = typer.Typer(
    name="example", no_args_is_help=True, help="Examples, each change a commit in your name."
)


@app.command()
def add(  # noqa: PLR0913 - each is an option of the command
    dataset: DatasetName,
    *,
    question: QuestionOption = None,
    answer: AnswerOption = None,
    file: FileOption = None,
    tag: TagOption = None,
    name: Annotated[
        str, typer.Option("--id", help="ID of the example; default: made from the question.")
    ] = "",
    config: ConfigPath = DEFAULT,
    no_wait: NoWait = False,
    json: AsJson = False,
) -> None:
    """Add an example: a question with its answer, or a file with a whole conversation."""
    text = new_example_text(question, answer, file, tuple(tag or ()))
    with edit_session(configuration(config)) as session:
        ctx, actor = session.ctx, session.actor
        existing_paths = {file.path for file in changes.read_files(ctx, actor, dataset).files}
        example_id = name or examples.free_id(ctx, dataset, text)
        path = example_path(example_id)
        if path in existing_paths:
            raise Refused(f"{example_id} is there", "example-exists", example=example_id)
        edit = Edit(path, None, text)
        _save(session, dataset, edit, no_wait=no_wait, json=json)


@app.command()
def edit(  # noqa: PLR0913 - each is an option of the command
    example: ExampleId,
    *,
    question: QuestionOption = None,
    answer: AnswerOption = None,
    file: FileOption = None,
    tag: TagOption = None,
    dataset: OnlyDataset = None,
    config: ConfigPath = DEFAULT,
    no_wait: NoWait = False,
    json: AsJson = False,
) -> None:
    """Change an example: first question, last answer, tags, or the whole file in $EDITOR."""
    changes = [question, answer, tag or None]
    has_changes = any(change is not None for change in changes)
    if file is not None and has_changes:
        raise ConfigError("--file with words", "example-file-or-words")
    with edit_session(configuration(config)) as session, ExitStack() as stack:
        current = _find_example(session, example, dataset)
        if file is not None:
            text = file_text(file)
        elif has_changes:
            text = reword_example(current.text, question, answer, tag or None)
        else:
            text = stack.enter_context(edit_in_editor(current.text or ""))
        if text == current.text:
            raise Refused("nothing changed", "example-unchanged", example=current.id)
        edit = Edit(current.path, current.revision, text)
        _save(session, current.dataset, edit, no_wait=no_wait, json=json)


@app.command()
def rm(
    example: ExampleId,
    dataset: OnlyDataset = None,
    config: ConfigPath = DEFAULT,
    no_wait: NoWait = False,
    json: AsJson = False,
) -> None:
    """Delete an example."""
    with edit_session(configuration(config)) as session:
        current = _find_example(session, example, dataset)
        edit = Edit(current.path, current.revision, None)
        _save(session, current.dataset, edit, no_wait=no_wait, json=json)


@app.command()
def retry(
    change: Annotated[str, typer.Argument(metavar="CHANGE", help="Number of the rejected edit.")],
    config: ConfigPath = DEFAULT,
    no_wait: NoWait = False,
    json: AsJson = False,
) -> None:
    """Retry an edit that the repository rejected, whoever made it."""
    with edit_session(configuration(config)) as session:
        batch = changes.retry(session.ctx, session.actor, change).id
        result = session.finish(batch, is_waiting=not no_wait)
    print_edit(result, json=json)


@app.command()
def find(
    words: Annotated[list[str], typer.Argument(help="Words to search for.")],
    dataset: OnlyDataset = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="Number of examples.")] = 20,
    config: ConfigPath = DEFAULT,
    json: AsJson = False,
) -> None:
    """Find examples that contain all these words, or parts of words."""
    with open_files_context(configuration(config)) as ctx:
        matches = examples.find(ctx, Actor.operator(), " ".join(words), dataset or "", limit=limit)
    if json:
        print_json([_to_json(match) for match in matches])
        return
    rows = [[match.dataset, match.id, question_preview(match.text)] for match in matches]
    print_table(["col-dataset", "col-example", "col-what"], rows)
    if not matches:
        print_message("example-not-found")
        sys.stdout.flush()


def _to_json(example: ExampleView) -> JsonObject:
    return {
        "dataset": example.dataset,
        "path": example.path,
        "blob": example.revision,
        "text": example.text,
        "example": example.id,
    }


def _find_example(session: EditSession, example_id: str, dataset: str | None) -> ExampleView:
    """Return the one example with this id, or with DATASET/ID.

    An id may contain a slash: its first part names a dataset only if that dataset exists. Raises
    NotFound, and Refused if several datasets have the id.
    """
    get = partial(examples.get, session.ctx, session.actor)
    if dataset is not None:
        return get(dataset, example_id)
    names = [view.name for view in examples.list_datasets(session.ctx, session.actor)]
    first, _, remainder = example_id.partition("/")
    missing: NotFound | None = None
    if remainder and first in names:
        try:
            return get(first, remainder)
        except NotFound as error:
            missing = error
    matches: list[ExampleView] = []
    for name in names:
        with suppress(NotFound):
            matches.append(get(name, example_id))
    if not matches:
        arguments = {"example": example_id, "datasets": ", ".join(names)}
        raise missing or NotFound(f"no example {example_id}", "example-nowhere", **arguments)
    if len(matches) > 1:
        dataset_names = ", ".join(match.dataset for match in matches)
        raise Refused("several datasets have it", "example-several", datasets=dataset_names)
    return matches[0]


def new_example_text(
    question: str | None, answer: str | None, file: Path | None, tags: tuple[str, ...]
) -> str:
    """Return a new example's text, made from question and answer or read from a file.

    Raises ConfigError unless exactly one of the two ways was chosen.
    """
    if (file is None) == (question is None or answer is None):
        raise ConfigError("a question with its answer, or a file", "example-file-or-words")
    if file is None:
        return write_turns((("user", question or ""), ("assistant", answer or "")), tags)
    if question or answer or tags:
        raise ConfigError("--file with words", "example-file-or-words")
    return file_text(file)


def file_text(path: Path) -> str:
    """Return a file's text; - is stdin. Raises ConfigError."""
    return read_file(path).decode("utf-8", "surrogateescape")


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


@contextmanager
def edit_in_editor(text: str) -> Iterator[str]:
    """Let the user edit a text in $VISUAL or $EDITOR, and yield what they wrote.

    Its file is kept, and named, if the block fails. Raises ConfigError without a
    terminal, Refused if the editor fails.
    """
    if not sys.stdin.isatty():
        raise ConfigError("no terminal", "example-no-terminal")
    editor = os.environ.get("VISUAL") or os.environ.get("EDITOR") or "vi"
    path = Path(tempfile.mkdtemp(prefix="merlin-")) / "example.yaml"
    content = text.encode("utf-8", "surrogateescape")
    path.write_bytes(content)
    # Ctrl-C is the editor's: a handler, unlike SIG_IGN, is not inherited.
    before = signal.signal(signal.SIGINT, lambda _number, _frame: None)
    try:
        try:
            subprocess.run([*shlex.split(editor), str(path)], check=True)  # noqa: S603 - theirs
        except (OSError, ValueError, subprocess.CalledProcessError) as error:
            raise Refused(f"{editor}: {error}", "example-no-editor", editor=editor) from error
        finally:
            signal.signal(signal.SIGINT, before)
        yield file_text(path)
    except BaseException:
        if path.exists() and path.read_bytes() != content:
            print_message("example-text-kept", path=str(path))
        else:
            shutil.rmtree(path.parent)
        raise
    shutil.rmtree(path.parent)


def _save(session: EditSession, dataset: str, edit: Edit, *, no_wait: bool, json: bool) -> None:
    """Check an example's edit against its dataset, commit it, and print the result.

    Findings are printed to stderr. Raises Refused if one is an error; with `json` the result is
    printed before.
    """
    files = changes.read_files(session.ctx, session.actor, dataset)
    checked = changes.check_edits(session.ctx, files, [edit])
    print_findings(checked.findings)
    print_findings(checked.around)
    view = preview_record(checked)
    if not checked.is_good:
        if json:
            print_json({"dataset": dataset, "commit": None, **view})
        raise Refused("findings", "change-has-errors")
    saved = session.finish(session.commit(dataset, [edit]), is_waiting=not no_wait)
    print_edit({**saved, **view, "example": example_id_of(edit.path)}, json=json)
