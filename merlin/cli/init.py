"""`merlin init`: a repository of datasets to begin with."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Annotated

import typer

from merlin.cli import language
from merlin.cli.output import print_message
from merlin.core.errors import ConfigError, Refused
from merlin.core.i18n import text

# By the first line an editor's YAML language server knows what may stand where.
_DATASET = """\
# yaml-language-server: $schema=../../schemas/dataset.schema.json
# {keys}
title: {{ru: Мой набор, en: My dataset}}
# {first}
system: {system}
recipe:
  provider: engine
  base_model: recall
  method: supervised
  hyperparameters: {{n_epochs: auto}}
# {split}
split: {{test: 0, salt: v1, min_test: 10}}
# {launch}
launch: {{mode: auto, quiet_s: 60, min_new: 1}}
# {gate}
gate: not_worse
"""
_SAID = ("keys", "first", "system", "split", "launch", "gate")
_EXAMPLE = """\
# yaml-language-server: $schema=../../../schemas/example.schema.json
messages:
  - user: {question}
  - assistant: |
      {answer}
tags: [about]
"""
# As `.pre-commit-hooks.yaml` has it, but by the Merlin that is installed here.
_HOOKS = """\
# {hook}
repos:
  - repo: local
    hooks:
      - id: merlin-check
        name: merlin check
        entry: merlin check
        language: system
        files: (^|/)((dataset|course)\\.yaml$|(examples|materials)/)
        pass_filenames: false
"""


app = typer.Typer()


@app.command()
def init(
    folder: Annotated[Path, typer.Argument(help="Where to make it.")] = Path("merlin-datasets"),
    dataset: Annotated[str, typer.Option(help="The first dataset's name.")] = "first",
) -> None:
    """Make a git repository of datasets from a template."""
    from merlin.dataset.layout import is_valid_name, suggest_name

    if not is_valid_name(dataset):
        named = {"dataset": dataset, "proposed": suggest_name(dataset)}
        raise ConfigError(f"not a dataset's name: {dataset}", "init-bad-name", **named)
    if shutil.which("git") is None:
        raise Refused("git is not installed", "git-absent")
    told = {"folder": str(folder)}
    try:
        if folder.exists() and any(folder.iterdir()):
            raise Refused(f"{folder} is not empty", "init-not-empty", **told)
        _write(folder, dataset)
    except OSError as error:
        reason = error.strerror or str(error)
        raise Refused(f"{folder}: {error}", "init-no-folder", reason=reason, **told) from error
    _git(folder, "init", "-q", "-b", "main")
    # A push to a checked-out branch is taken, and its files follow.
    _git(folder, "config", "receive.denyCurrentBranch", "updateInstead")
    print_message("init-done", dataset=dataset, path=str(folder.resolve()), **told)


def _write(folder: Path, dataset: str) -> None:
    """Write the files in the language that commands speak."""
    from merlin.dataset.spec import NAMES, schema_text

    inside, schemas = folder / "datasets" / dataset, folder / "schemas"
    files = {
        inside / "dataset.yaml": _filled(_DATASET, *_SAID),
        inside / "examples" / "about.yaml": _filled(_EXAMPLE, "question", "answer"),
        folder / "README.md": text(language(), "init-readme") + "\n",
        folder / ".pre-commit-config.yaml": _filled(_HOOKS, "hook"),
        **{schemas / f"{name}.schema.json": schema_text(name) for name in NAMES},
    }
    for path, words in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(words, encoding="utf-8")


def _filled(form: str, *names: str) -> str:
    return form.format(**{name: text(language(), f"init-{name}") for name in names})


def _git(folder: Path, *words: str) -> None:
    subprocess.run(["git", *words], cwd=folder, check=True, capture_output=True)  # noqa: S603, S607 - fixed words
