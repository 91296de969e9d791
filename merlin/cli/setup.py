"""`merlin init` and `config check|sample`: set up an installation."""

from __future__ import annotations

import secrets
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from string import Template
from typing import Annotated

import typer
import yaml

from merlin.cli import language
from merlin.cli.import_fields import (
    Columns,
    Leave,
    Maps,
    Only,
    SkipBad,
    read_choices,
    require_answers,
)
from merlin.cli.options import DEFAULT, ConfigPath, configuration
from merlin.cli.output import print_message
from merlin.core.durable_files import remove_durably
from merlin.core.errors import ConfigError, Refused
from merlin.core.i18n import text
from merlin.dataset.import_fields import FieldChoices

app = typer.Typer()
config_app = typer.Typer(
    name="config",
    no_args_is_help=True,
    help="Check a configuration, or print a sample.",
)
app.add_typer(config_app)


@config_app.command("check")
def check(config: ConfigPath = DEFAULT) -> None:
    """Report every error in a configuration at once; exit 2 if there is one.

    Looks at the file and at this machine, and says what it did not look at.
    """
    from merlin.cli.doctor_checks import examine

    key, arguments = examine(config, configuration(config))
    print_message(key, path=str(config), **arguments)


@config_app.command("sample")
def sample() -> None:
    """Print a configuration to start with; the page Configure has all keys."""
    sys.stdout.write(_sample_config())


# The first line of each tells an editor's YAML language server which schema applies. The hooks are
# those of `.pre-commit-hooks.yaml`, but run the installed Merlin.
_TEMPLATES = Path(__file__).parent / "init"
# What is this machine's: a push into the repository is refused while a tracked file is edited.
_IGNORED = "/config.yaml\n/credentials/\n/.merlin/\n*.log\n"


@app.command()
def init(
    folder: Annotated[Path, typer.Argument(help="Folder to create.")] = Path(
        "merlin-datasets"
    ),
    dataset: Annotated[
        str | None,
        typer.Option(
            help="The dataset's name. Default: first, with --from the folder."
        ),
    ] = None,
    *,
    source: Annotated[
        Path | None,
        typer.Option(
            "--from",
            metavar="FILE",
            help="Its examples and its course: from this file.",
        ),
    ] = None,
    columns: Columns = ("", ""),
    maps: Maps = None,
    only: Only = None,
    leave: Leave = None,
    skip_bad: SkipBad = False,
) -> None:
    """Create a git repository of datasets with a first commit, and a configuration."""
    from merlin.core.names import is_valid_name, suggest_name
    from merlin.dataset.example_file import parse_example

    if dataset is None:
        dataset = folder.resolve().name if source else "first"
    if not is_valid_name(dataset):
        names = {"dataset": dataset, "proposed": suggest_name(dataset)}
        raise ConfigError(f"not a dataset's name: {dataset}", "init-bad-name", **names)
    if shutil.which("git") is None:
        raise Refused("git is not installed", "git-absent")
    choices = read_choices(columns, maps or (), only or (), leave or ())
    files = (
        _take_file(dataset, source, choices, skip_bad=skip_bad)
        if source
        else _write_examples()
    )
    _commit_first(folder, dataset, files)
    questions = [
        example.question
        for path, content in files.items()
        if path.startswith("examples/") and (example := parse_example(content))
    ]
    print_message(
        "init-done",
        dataset=dataset,
        folder=str(folder),
        count=len(questions),
        question=shlex.quote(questions[0]),
    )


def _commit_first(folder: Path, dataset: str, files: Mapping[str, str]) -> None:
    """Make the folder with a first commit, or leave nothing behind. Raises Refused."""
    arguments = {"folder": str(folder)}
    is_new = not folder.exists()
    is_empty = False
    try:
        is_empty = is_new or not any(folder.iterdir())
        if not is_empty:
            raise Refused(f"{folder} is not empty", "init-not-empty", **arguments)
        _write_files(folder, dataset, files)
        _git(folder, "init", "-q", "-b", "main")
        # Accept pushes to the checked-out branch and update its files.
        _git(folder, "config", "receive.denyCurrentBranch", "updateInstead")
        _git(folder, "add", ".")
        _git(
            folder,
            "commit",
            "-q",
            "--no-verify",
            "-m",
            text(language(), "init-subject", dataset=dataset),
        )
    except (OSError, subprocess.CalledProcessError) as error:
        if is_new:  # so that the same command can be repeated
            shutil.rmtree(folder, ignore_errors=True)
        elif is_empty:  # not where the folder could not be read: its files are not ours
            for path in folder.glob("*"):
                remove_durably(path)
        if isinstance(error, OSError):
            reason = error.strerror or str(error)
        else:
            reason = error.stderr.strip().rpartition("\n")[2]
        raise Refused(
            f"{folder}: {error}", "init-no-folder", reason=reason, **arguments
        ) from error


def _take_file(
    dataset: str, source: Path, choices: FieldChoices, *, skip_bad: bool
) -> dict[str, str]:
    """Return the files of a dataset whose examples are those of a file, and of its course.

    Raises Refused as `merlin import`.
    """
    from merlin.app.new_datasets import NewDataset, make_edits
    from merlin.cli.edit_session import print_findings
    from merlin.cli.import_export import read_contents
    from merlin.dataset.import_memory import recall_choices
    from merlin.dataset.import_plan import plan_import
    from merlin.dataset.import_reading import read_files

    new = NewDataset(dataset, dataset, language())
    contents = [*read_contents([source])]
    lines, choices = recall_choices(new.files, partial(read_files, contents), choices)
    plan = plan_import(dataset, new.files, lines, choices=choices)
    print_findings(plan.findings)
    require_answers(plan, skip_bad=skip_bad)
    if not plan.good_edits:
        raise Refused("no examples", "import-nothing-new")
    return {edit.path: edit.text or "" for edit in make_edits(new, plan).edits}


def _write_examples() -> dict[str, str]:
    """Return the files of a dataset that tells of itself."""
    files = {"dataset.yaml": _fill_template("dataset.yaml")}
    for answer, questions in yaml.safe_load(
        _read_template(f"examples.{language()}.yaml")
    ):
        for name, question in questions.items():
            content = _fill_template("example.yaml", question=question, answer=answer)
            files[f"examples/{name}.yaml"] = content
    return files


def _write_files(folder: Path, dataset: str, of_dataset: Mapping[str, str]) -> None:
    """Write the template's files in the language of the commands, and those of the dataset."""
    from merlin.dataset.spec import NAMES, schema_text

    dataset_folder = folder / "datasets" / dataset
    schemas = folder / "schemas"
    files = {
        **{dataset_folder / path: content for path, content in of_dataset.items()},
        folder / "README.md": text(language(), "init-readme") + "\n",
        folder / ".gitignore": _IGNORED,
        folder / ".pre-commit-config.yaml": _fill_template("pre-commit-config.yaml"),
        folder / "config.yaml": _sample_config(),
        **{schemas / f"{name}.schema.json": schema_text(name) for name in NAMES},
    }
    for path, content in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
    key = folder / "credentials" / "MERLIN_ENGINE_KEY"
    key.parent.mkdir(mode=0o700)
    key.write_text(f"{secrets.token_urlsafe(24)}\n")


def _sample_config() -> str:
    return _read_template(f"config.{language()}.yaml")


def _read_template(name: str) -> str:
    return (_TEMPLATES / name).read_text(encoding="utf-8")


def _fill_template(name: str, **values: str) -> str:
    template = Template(_read_template(name))
    keys = set(template.get_identifiers()) - values.keys()
    return template.substitute(
        values, **{key: text(language(), f"init-{key}") for key in keys}
    )


def _git(folder: Path, *arguments: str) -> None:
    # The first commit is Merlin's, as nobody has edited anything; a key for signing would be yours.
    identity = ("-c", "user.name=Merlin", "-c", "user.email=merlin@localhost")
    command = ("git", *identity, "-c", "commit.gpgSign=false", *arguments)
    subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True)  # noqa: S603 - fixed words
