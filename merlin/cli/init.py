"""`merlin init`: a repository of datasets to begin with."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Annotated

import typer

from merlin.cli.output import say
from merlin.core.errors import Refused

_DATASET = """\
# What this dataset teaches, and how a model is made of it; all keys: `merlin schema dataset`.
title: {ru: Мой набор, en: My dataset}
# Stands first in every example and before every question.
system: Ты отвечаешь коротко и по делу.
recipe:
  provider: engine
  base_model: recall
  method: supervised
  hyperparameters: {n_epochs: auto}
# The share of unmarked examples that test each model and are not taught. recall answers only what
# it was taught: with 0, test questions are those that are marked `split: test`.
split: {test: 0, salt: v1, min_test: 10}
# auto, manual or off; after quiet_s seconds without commits.
launch: {mode: auto, quiet_s: 60, min_new: 1}
gate: none
"""
_EXAMPLE = """\
messages:
  - user: Что это за репозиторий?
  - assistant: |
      Здесь лежат примеры разговоров. По одному в файле; из них Merlin собирает модель.
tags: [about]
"""
_README = """\
# Datasets

One folder a dataset, one file an example: `datasets/<dataset>/examples/**/<name>.yaml`.
A model needs at least 10 good examples; 50 are the advised start, two wordings an answer.

    merlin check            # what is wrong, with file, line and column
    git commit && git push  # Merlin builds, trains and serves
"""


def register(app: typer.Typer) -> None:
    """Add the verb to the command line."""
    app.command()(init)


def init(
    folder: Annotated[Path, typer.Argument(help="Where to make it.")] = Path("merlin-datasets"),
    dataset: Annotated[str, typer.Option(help="The first dataset's name.")] = "first",
) -> None:
    """Make a git repository of datasets from a template."""
    if folder.exists() and any(folder.iterdir()):
        raise Refused(f"{folder} is not empty", "init-not-empty", folder=str(folder))
    inside = folder / "datasets" / dataset
    (inside / "examples").mkdir(parents=True)
    (inside / "dataset.yaml").write_text(_DATASET, encoding="utf-8")
    (inside / "examples" / "about.yaml").write_text(_EXAMPLE, encoding="utf-8")
    (folder / "README.md").write_text(_README, encoding="utf-8")
    _git(folder, "init", "-q", "-b", "main")
    # A push to a checked-out branch is taken, and its files follow.
    _git(folder, "config", "receive.denyCurrentBranch", "updateInstead")
    say("init-done", folder=str(folder), dataset=dataset)


def _git(folder: Path, *words: str) -> None:
    try:
        subprocess.run(["git", *words], cwd=folder, check=True, capture_output=True)  # noqa: S603, S607 - fixed words
    except FileNotFoundError as error:
        raise Refused("git is not installed", "demo-no-git") from error
