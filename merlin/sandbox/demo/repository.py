"""The demo's git repository: made from the sample datasets, committed to by plain git."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from merlin.core.errors import MerlinError, Refused
from merlin.sandbox.demo.script import Script

_AUTHOR = {
    "GIT_AUTHOR_NAME": "boris",
    "GIT_AUTHOR_EMAIL": "boris@example.com",
    "GIT_COMMITTER_NAME": "boris",
    "GIT_COMMITTER_EMAIL": "boris@example.com",
}


def samples(kind: str = "datasets") -> Path:
    """Return a folder of sample datasets: a checkout's own, or the installed package's.

    `kind`: "datasets" or "datasets-en", taught to `recall`, or "datasets-lora", taught to a
    language model.
    """
    package = Path(__file__).parents[2]
    for folder in (package.parent / kind, package / kind.replace("datasets", "samples")):
        if any(folder.glob("*/dataset.yaml")):
            return folder
    raise MerlinError("the sample datasets are not installed", "demo-no-samples")


def make(repository: Path, script: Script) -> None:
    """Make a working git repository with the script's datasets, unless it is there already."""
    if (repository / ".git").exists():
        return
    shutil.copytree(samples(script.samples), repository / "datasets", dirs_exist_ok=True)
    git(repository, "init", "-q", "-b", "main")
    # A commit that Merlin pushes to the checked-out branch is taken, and its files follow.
    git(repository, "config", "receive.denyCurrentBranch", "updateInstead")
    commit(repository, script.samples_subject)


def commit(repository: Path, subject: str) -> str:
    """Commit everything that lies in the repository; return the commit's id."""
    git(repository, "add", "-A")
    git(repository, "commit", "-q", "-m", subject)
    return git(repository, "rev-parse", "HEAD").strip()


def git(repository: Path, *arguments: str) -> str:
    """Run plain git there, as its author would; return what it printed. Raises Refused."""
    try:
        done = subprocess.run(  # noqa: S603 - fixed words and our own folder
            ["git", *arguments],  # noqa: S607 - git is found as the person's shell finds it
            cwd=repository,
            env={**os.environ, **_AUTHOR},
            capture_output=True,
            text=True,
            check=True,
        )
    except FileNotFoundError as error:
        raise MerlinError("git is not installed", "demo-no-git") from error
    except subprocess.CalledProcessError as error:
        raise Refused(f"git {arguments[0]}: {error.stderr}") from error
    return done.stdout
