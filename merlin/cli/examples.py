"""`merlin example add|edit|rm|retry|find`: single examples, by a commit in your name.

The words of an example come from options, a file or the person's editor; then preview, findings,
commit, and what came of it. Who sits at the keyboard is whom their own git would say.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from merlin.cli import language
from merlin.cli.jobs import Dataset
from merlin.cli.options import DEFAULT, AsJson, ConfigPath, NoWait, configuration
from merlin.cli.output import print_json, print_message, print_table
from merlin.core.errors import ConfigError, NotFound, Refused
from merlin.core.messages import Message
from merlin.dataset.example import Example, read_example
from merlin.dataset.example_yaml import write_example
from merlin.dataset.layout import NameAllocator

if TYPE_CHECKING:
    from merlin.dataset.changes import Edit
    from merlin.dataset.file_index import FileIndex
    from merlin.dataset.files import FileText
    from merlin.dataset.finding import Finding
    from merlin.dataset.preview import Preview
    from merlin.training.policy import Forecast
    from merlin.wiring.editing import EditDesk


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
    from merlin.dataset.changes import Edit

    text = asked_text(question, answer, file, tuple(tag or ()))
    with open_editing(config) as desk:
        known = [each.example_id for each in desk.files(dataset)]
        example_id = name or free_example_id(text, known)
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
    from merlin.dataset.changes import Edit
    from merlin.dataset.example_yaml import reword_example

    words = [question, answer, tag or None]
    has_words = any(each is not None for each in words)
    if file is not None and has_words:
        raise ConfigError("--file with words", "example-file-or-words")
    with open_editing(config) as desk:
        known = _one(desk.shelf, example, dataset)
        if file is not None:
            text = file_text(file)
        elif has_words:
            text = reword_example(known.text, question, answer, tag or None)
        else:
            text = open_editor(known.text or "")
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
    from merlin.dataset.changes import Edit

    with open_editing(config) as desk:
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
    with open_editing(config) as desk:
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

    from merlin.dataset.example_yaml import question_preview
    from merlin.wiring.editing import bookshelf

    with bookshelf(configuration(config)) as shelf:
        found = shelf.find(" ".join(words), dataset, limit)
    if json:
        print_json([{**asdict(each), "example": each.example_id} for each in found])
        return
    lines = [[each.dataset, each.example_id, question_preview(each.text)] for each in found]
    print_table(["col-dataset", "col-example", "col-what"], lines)
    if not found:
        print_message("example-none-found")
        sys.stdout.flush()


def _one(shelf: FileIndex, example_id: str, dataset: str | None) -> FileText:
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


def _named(shelf: FileIndex, dataset: str, example_id: str) -> list[FileText]:
    """Return the example of a dataset as a list; none where the folder is only called like one."""
    try:
        return [shelf.one(dataset, example_id)]
    except NotFound:
        return []


def asked_text(
    question: str | None, answer: str | None, file: Path | None, tags: tuple[str, ...]
) -> str:
    """Return a new example's text: made of question and answer, or read from a file.

    Raises ConfigError unless exactly one of both ways was chosen.
    """
    if (file is None) == (question is None or answer is None):
        raise ConfigError("a question with its answer, or a file", "example-file-or-words")
    if file is None:
        said = (Message("user", question or ""), Message("assistant", answer or ""))
        return write_example(Example("", "", "", said, tags))
    if question or answer or tags:
        raise ConfigError("--file with words", "example-file-or-words")
    return file_text(file)


def file_text(path: Path) -> str:
    """Return a file's text; - is stdin. Raises ConfigError."""
    return file_bytes(path).decode("utf-8", "surrogateescape")


def file_bytes(path: Path) -> bytes:
    """Return a file's bytes; - is stdin. Raises ConfigError."""
    try:
        return sys.stdin.buffer.read() if str(path) == "-" else path.read_bytes()
    except OSError as error:
        told = {"path": str(path), "reason": error.strerror or str(error)}
        raise ConfigError(f"{path}: {error}", "example-unreadable", **told) from error


def free_example_id(text: str, taken: Iterable[str]) -> str:
    """Return an id that an example's question gives and nobody has; `new` for a broken one."""
    example, _ = read_example(text.encode("utf-8", "surrogateescape"))
    return NameAllocator(taken).new(example.question if example else "new")


def open_editor(text: str) -> str:
    """Return the text as the person's editor left it. Raises Refused when there is no editor."""
    editor = os.environ.get("VISUAL") or os.environ.get("EDITOR") or "vi"
    with tempfile.TemporaryDirectory(prefix="merlin-") as folder:
        path = Path(folder) / "example.yaml"
        path.write_text(text, encoding="utf-8")
        try:
            subprocess.run([*shlex.split(editor), str(path)], check=True)  # noqa: S603 - theirs
        except (OSError, subprocess.CalledProcessError) as error:
            raise Refused(f"{editor}: {error}", "example-no-editor", editor=editor) from error
        return path.read_text(encoding="utf-8", errors="surrogateescape")


Shown = dict[str, object]


@contextmanager
def open_editing(path: Path) -> Iterator[EditDesk]:
    """Yield the desk of the configuration at `path`, after a fetch."""
    from merlin.wiring.editing import editing

    with editing(configuration(path), print_message) as desk:
        yield desk


def save(
    desk: EditDesk,
    dataset: str,
    edits: Sequence[Edit],
    *,
    is_waiting: bool,
    json: bool,
) -> Shown:
    """Check the edits against their dataset, commit them, and return what came of it.

    Findings are told on the way. Raises Refused where one is an error; for programs they are
    shown before.
    """
    seen = desk.preview(dataset, {each.path: each.text for each in edits})
    print_findings(seen.findings)
    print_findings(seen.around)
    told = of_preview(desk, seen)  # before the commit: afterwards the newest build has it
    if not seen.is_good:
        if json:
            print_json({"dataset": dataset, "commit": None, **told})
        raise Refused("findings", "change-not-good", dataset=dataset)
    return commit(desk, dataset, edits, "", is_waiting=is_waiting) | told


def commit(
    desk: EditDesk, dataset: str, edits: Sequence[Edit], subject: str, *, is_waiting: bool
) -> Shown:
    """Commit the edits as they are and return what came of it, as far as is waited for."""
    change_id = desk.commit(dataset, edits, subject, identity())
    return outcome(desk, change_id, is_waiting=is_waiting)


def outcome(desk: EditDesk, change_id: str, *, is_waiting: bool) -> Shown:
    """Return what came of an edit that was asked for, as far as is waited for."""
    if not is_waiting:
        print_message("change-asked-only", change=change_id)
    change = desk.wait(change_id) if is_waiting else desk.changes.get(change_id)
    batch = desk.changes.of_batch(change.batch)
    return {
        "change": change_id,
        "dataset": change.dataset,
        "paths": [each.path.removeprefix(f"{change.dataset}/") for each in batch],
        "state": change.state.value,
        "commit": change.commit,
        "subject": change.subject,
    }


def of_preview(desk: EditDesk, seen: Preview) -> Shown:
    """Return tokens, price and findings of a preview for programs."""
    from dataclasses import asdict

    return {
        "tokens": sum(seen.tokens.values()),
        "next_training": _shown_forecast(
            desk.forecast(seen.spec.name, seen) if seen.spec else None
        ),
        "findings": [
            {**asdict(each), "message": each.text(language())}
            for each in (*seen.findings, *seen.around)
        ],
    }


def _shown_forecast(told: Forecast | None) -> Shown | None:
    from dataclasses import asdict

    return asdict(told) if told else None


def print_findings(findings: Iterable[Finding]) -> None:
    """Say findings on stderr, a line each."""
    for each in findings:
        place = f"{each.path}:{each.line}:{each.column}"
        words = each.text(language())
        sys.stderr.write(f"{place}: {each.severity} {each.rule}: {words}\n")


def print_commit(told: Mapping[str, object]) -> None:
    """Say which commit was made; nothing where it is still waited for."""
    if told.get("commit"):
        sys.stdout.write(f"{str(told['commit'])[:10]}  {told['subject']}\n")


def show(told: Mapping[str, object], *, json: bool) -> None:
    """Show what came of an edit."""
    from merlin.core import money

    if json:
        print_json(told)
        return
    print_commit(told)
    training = told.get("next_training")
    if isinstance(training, Mapping):
        about = {"tokens": told["tokens"], "examples": training["examples"]}
        if training["cost_micro"] is None:
            print_message("did-change", **about)
        else:
            cost = int(training["cost_micro"])
            price = money.format_cost(language(), cost, str(training["currency"]))
            print_message("did-change-price", **about, price=price)


_IDENT = re.compile(r"(.*) <([^<>]*)> \d+ [+-]\d{4}")


def identity() -> tuple[str, str]:
    """Return name and e-mail that git would commit with; ("", "") where it knows none."""
    try:
        done = subprocess.run(
            ["git", "var", "GIT_AUTHOR_IDENT"],  # noqa: S607 - as the person's shell finds it
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return "", ""
    found = _IDENT.fullmatch(done.stdout.strip())
    return (found[1], found[2]) if found else ("", "")
