"""`merlin example add|edit|rm|retry|find`: single examples, by a commit in your name."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from merlin.cli.asking import NoWait
from merlin.cli.jobs import Dataset
from merlin.cli.loading import DEFAULT, AsJson, ConfigPath, configuration
from merlin.cli.output import as_json, say, table
from merlin.core.errors import ConfigError, NotFound, Refused

if TYPE_CHECKING:
    from merlin.dataset.editing import Bookshelf, FileText

Question = Annotated[str | None, typer.Option(help="What the user says.")]
Answer = Annotated[str | None, typer.Option(help="What the assistant answers.")]
File = Annotated[
    Path | None, typer.Option("--file", help="The whole example as YAML; - reads stdin.")
]
Tag = Annotated[list[str] | None, typer.Option(help="A tag; may stand several times.")]
ExampleId = Annotated[
    str,
    typer.Argument(
        metavar="ID", help="The example's path under examples/ without .yaml, or DATASET/ID."
    ),
]


def register(app: typer.Typer) -> None:
    """Add the group to the command line."""
    group = typer.Typer(no_args_is_help=True, help="Examples, each change a commit in your name.")
    for verb in (add, edit, rm, retry, find):
        group.command()(verb)
    app.add_typer(group, name="example")


def add(  # noqa: PLR0913 - each is an option of the command
    dataset: Annotated[str, typer.Argument(help="The dataset.")],
    *,
    question: Question = None,
    answer: Answer = None,
    file: File = None,
    tag: Tag = None,
    name: Annotated[str, typer.Option("--id", help="Its id; default from the question.")] = "",
    config: ConfigPath = DEFAULT,
    no_wait: NoWait = False,
    json: AsJson = False,
) -> None:
    """Add an example: a question with its answer, or a file with a whole conversation."""
    from merlin.cli.saving import desk_of, save, show
    from merlin.cli.wording import asked_text, own_name
    from merlin.dataset.change import Edit

    text = asked_text(question, answer, file, tuple(tag or ()))
    with desk_of(config) as desk:
        known = [each.example_id for each in desk.files(dataset)]
        example_id = name or own_name(text, known)
        if example_id in known:
            raise Refused(f"{example_id} is there", "example-exists", example=example_id)
        edits = [Edit(f"examples/{example_id}.yaml", None, text)]
        told = save(desk, dataset, edits, is_waiting=not no_wait, json=json)
    show({**told, "example": example_id}, json=json)


def edit(  # noqa: PLR0913 - each is an option of the command
    example: ExampleId,
    *,
    question: Question = None,
    answer: Answer = None,
    file: File = None,
    tag: Tag = None,
    dataset: Dataset = None,
    config: ConfigPath = DEFAULT,
    no_wait: NoWait = False,
    json: AsJson = False,
) -> None:
    """Change an example: first question, last answer, tags, or all of it in your $EDITOR."""
    from merlin.cli.saving import desk_of, save, show
    from merlin.cli.wording import edited, file_text
    from merlin.dataset.change import Edit
    from merlin.dataset.rewording import reworded

    words = [question, answer, tag or None]
    has_words = any(each is not None for each in words)
    if file is not None and has_words:
        raise ConfigError("--file with words", "example-file-or-words")
    with desk_of(config) as desk:
        known = _one(desk.shelf, example, dataset)
        if file is not None:
            text = file_text(file)
        elif has_words:
            text = reworded(known.text, question, answer, tag or None)
        else:
            text = edited(known.text or "")
        if text == known.text:
            raise Refused("nothing changed", "example-unchanged", example=known.example_id)
        edits = [Edit(known.path, known.blob, text)]
        told = save(desk, known.dataset, edits, is_waiting=not no_wait, json=json)
    show({**told, "example": known.example_id}, json=json)


def rm(
    example: ExampleId,
    dataset: Dataset = None,
    config: ConfigPath = DEFAULT,
    no_wait: NoWait = False,
    json: AsJson = False,
) -> None:
    """Delete an example."""
    from merlin.cli.saving import desk_of, save, show
    from merlin.dataset.change import Edit

    with desk_of(config) as desk:
        known = _one(desk.shelf, example, dataset)
        edits = [Edit(known.path, known.blob, None)]
        told = save(desk, known.dataset, edits, is_waiting=not no_wait, json=json)
    show({**told, "example": known.example_id}, json=json)


def retry(
    change: Annotated[str, typer.Argument(metavar="CHANGE", help="The edit that was put aside.")],
    config: ConfigPath = DEFAULT,
    no_wait: NoWait = False,
    json: AsJson = False,
) -> None:
    """Try an edit again that the repository refused, of anybody's."""
    from merlin.cli.saving import desk_of, outcome, show

    with desk_of(config) as desk:
        batch = desk.changes.get(change).batch
        if not desk.changes.retry(change):
            raise Refused("not parked", "change-not-parked", change=change)
        told = outcome(desk, batch, is_waiting=not no_wait)
    show(told, json=json)


def find(
    words: Annotated[list[str], typer.Argument(help="Words that must all be said.")],
    dataset: Dataset = None,
    limit: Annotated[int, typer.Option(min=1, help="How many examples.")] = 20,
    config: ConfigPath = DEFAULT,
    json: AsJson = False,
) -> None:
    """Find examples that say all these words; a word may be a part of one."""
    from dataclasses import asdict

    from merlin.dataset.rewording import first_words
    from merlin.wiring.editing import bookshelf

    with bookshelf(configuration(config)) as shelf:
        found = shelf.find(" ".join(words), dataset, limit)
    if json:
        as_json([{**asdict(each), "example": each.example_id} for each in found])
        return
    lines = [[each.dataset, each.example_id, first_words(each.text)] for each in found]
    table(["col-dataset", "col-example", "col-what"], lines)
    if not found:
        say("example-none-found")
        sys.stdout.flush()


def _one(shelf: Bookshelf, example_id: str, dataset: str | None) -> FileText:
    """Return the one example of this id, or of DATASET/ID. Raises NotFound, Refused for several.

    An id may hold a slash itself: its first part names a dataset only where there is one.
    """
    known = [each.name for each in shelf.datasets()]
    head, _, rest = example_id.partition("/")
    is_named = dataset is None and rest != "" and head in known
    names = [dataset] if dataset else known
    found = _named(shelf, head, rest) if is_named else []
    for name in [] if found else names:
        try:
            found.append(shelf.one(name, example_id))
        except NotFound:
            if dataset:
                raise
    if not found:
        told = {"dataset": ", ".join(names), "example": example_id}
        if is_named:
            told = {"dataset": head, "example": rest}
        raise NotFound(f"no example {example_id}", "change-no-example", **told)
    if len(found) > 1:
        several = ", ".join(each.dataset for each in found)
        raise Refused("several datasets have it", "example-several", datasets=several)
    return found[0]


def _named(shelf: Bookshelf, dataset: str, example_id: str) -> list[FileText]:
    """Return the example of a dataset as a list; none where the folder is only called like one."""
    try:
        return [shelf.one(dataset, example_id)]
    except NotFound:
        return []
