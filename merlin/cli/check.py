"""`merlin check`: what is wrong with datasets, before anybody commits them.

For paths it needs neither config nor git nor a network. With `--commit` it looks at the
configured repository's commit, as the daemon would.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from merlin.cli.loading import DEFAULT, ConfigPath, configuration
from merlin.core.errors import ConfigError, Refused

if TYPE_CHECKING:
    from merlin.cli.check_formats import Outcome
    from merlin.cli.worktree import Folder
    from merlin.dataset.finding import Finding
    from merlin.dataset.source import Source


class Format(StrEnum):
    """How findings are written."""

    TEXT = "text"
    JSON = "json"
    GITHUB = "github"
    SARIF = "sarif"


_HERE = (Path(),)
_PATHS = Annotated[
    list[Path] | None,
    typer.Argument(help="A repository, a dataset, or a file in one; default: what lies here."),
]
_COMMIT = Annotated[
    str, typer.Option(help="Check this commit of the configured repository instead of paths.")
]
_FORMAT = Annotated[Format, typer.Option("--format", help="How findings are written.")]


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command("check")(check)


def check(
    paths: _PATHS = None,
    commit: _COMMIT = "",
    shape: _FORMAT = Format.TEXT,
    config: ConfigPath = DEFAULT,
) -> None:
    """Check datasets and say what is wrong, with file, line and column; exit 1 on errors."""
    from merlin.cli import language
    from merlin.cli.check_formats import FORMATS
    from merlin.dataset.finding import Severity

    if commit and paths:
        raise ConfigError("paths and --commit together", "check-paths-or-commit")
    outcome = _of_commit(commit, config) if commit else _of_paths(paths or _HERE)
    written = FORMATS[shape](outcome, language())
    if written:
        sys.stdout.write(written + "\n")
    if outcome.count(Severity.ERROR):
        raise typer.Exit(1)


def _of_paths(paths: Sequence[Path]) -> Outcome:
    from merlin.cli.worktree import folders

    return _sum([_of_folder(folder) for path in paths for folder in folders(path)])


def _of_folder(folder: Folder) -> tuple[int, int, list[Finding]]:
    from merlin.cli.worktree import work_tree
    from merlin.dataset.check import check as check_dataset
    from merlin.dataset.limits import Limits

    limits = Limits()
    tree = work_tree(folder.path, limits.file_bytes)
    checked = check_dataset(folder.name, tree.entries, tree.read, limits=limits)
    findings = [each for each in checked.findings if folder.holds(each.path)]
    files = sum(folder.holds(each.path) for each in tree.entries)
    examples = sum(folder.holds(each.path) for each in checked.examples)
    return files, examples, list(_shown(findings, folder.shown))


def _shown(findings: Iterable[Finding], prefix: str) -> Iterator[Finding]:
    """Yield the findings under the path that the person knows."""
    from merlin.dataset.finding import printable

    for finding in findings:
        path = f"{prefix}/{finding.path}" if prefix else finding.path
        yield replace(finding, path=printable(path))


def _sum(seen: Sequence[tuple[int, int, list[Finding]]]) -> Outcome:
    from merlin.cli.check_formats import Outcome

    return Outcome(
        datasets=len(seen),
        files=sum(files for files, _, _ in seen),
        examples=sum(examples for _, examples, _ in seen),
        findings=[finding for _, _, findings in seen for finding in findings],
    )


def _of_commit(revision: str, path: Path) -> Outcome:
    from merlin.wiring.reading import source_of

    config = configuration(path)
    if config.repository is None:
        raise Refused("no repository in the configuration", "check-commit-needs-config")
    source, directory = source_of(config), config.repository.directory
    commit = source.resolve(revision)
    return _sum(
        [_of_dataset(source, commit, name, directory) for name in source.dataset_trees(commit)]
    )


def _of_dataset(
    source: Source, revision: str, name: str, directory: str
) -> tuple[int, int, list[Finding]]:
    from merlin.dataset.check import check as check_dataset

    entries = source.entries(revision, name)
    checked = check_dataset(name, entries, source.read)
    prefix = f"{directory}/{name}" if directory else name
    return len(entries), len(checked.examples), list(_shown(checked.findings, prefix))
