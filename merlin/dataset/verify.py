"""Verify a build: build its commit again and compare the files byte by byte.

Nothing is changed: the new build is created in a temporary folder, from the mirror without a fetch.
Several commits may have led to one build, with different values in the manifest (another recipe,
another rejected file); the folder is correct if it equals the result of one of them. Manifests are
compared by their values, not by their line breaks.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Literal

from merlin.core.errors import NotFound
from merlin.dataset.builds import (
    MANIFEST_FILE,
    TEST_FILE,
    TRAIN_FILE,
    Build,
    BuildContent,
    make_build,
    write_build,
)
from merlin.dataset.check import check_whole
from merlin.dataset.example_index import open_index
from merlin.dataset.split import TEST, TRAIN

if TYPE_CHECKING:
    from merlin.git.repository import GitSource

# The result of a verification.
BuildState = Literal["same", "missing", "different"]


@dataclass(frozen=True, slots=True)
class FileDifference:
    """A file of a build's folder that differs from the result of the commit.

    `line`: the first different line, from 1; 0 if the file exists on one side only. `example`: the
    example of that line, "" for none. `is_there` is False if the folder lacks the file.
    """

    file: str
    line: int
    example: str
    is_there: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildProof:
    """The result of building again; digests are sha256 (hex), `made` is that of the new files.

    MISSING: the folder does not exist, and the commit gives the recorded bytes.
    """

    build: str
    commit: str
    digest: str
    made: str
    state: BuildState
    files: Sequence[FileDifference] = ()

    @property
    def can_restore(self) -> bool:
        """Return whether the folder is missing or damaged and its commit still gives it."""
        return self.state != "same" and self.made == self.digest

    @property
    def has_other_manifest(self) -> bool:
        """Return whether only the manifest differs, which depends on the commit."""
        return self.made == self.digest and [file.file for file in self.files] == [MANIFEST_FILE]


def verify_build(
    source: GitSource,
    build: Build,
    folder: Path,
    commits: Sequence[str],
    limit_tokens: Mapping[str, int],
) -> BuildProof:
    """Compare the build in `folder` with the `commits` that led to it, oldest first.

    `limit_tokens`: base model -> the most tokens of an example. Raises NotFound if the mirror has
    none of the commits, DatasetError if one cannot be built any more, SourceError.
    """
    first = None
    for sha in commits:
        try:
            commit = source.resolve(sha)
        except NotFound:  # the mirror lacks it, which does not mean that it is damaged
            continue
        entries = source.entries(commit, build.dataset)
        with open_index() as index:
            checked = check_whole(
                build.dataset, index, entries, source.read, limit_tokens=limit_tokens
            )
            proof = _compare(build, folder, commit, make_build(checked))
        if proof.state != "different" or not proof.has_other_manifest:
            return proof
        first = first or proof
    if first is None:
        arguments = {"name": build.version, "dataset": build.dataset}
        raise NotFound(
            f"no commit of {build.version} in the mirror", "build-no-commit", **arguments
        )
    return first


def _compare(build: Build, folder: Path, commit: str, content: BuildContent) -> BuildProof:
    files: list[FileDifference] = []
    is_there = folder.is_dir()
    if is_there:
        with TemporaryDirectory(prefix="merlin-verify-") as temporary:
            made = write_build(content, Path(temporary), build.number)
            try:
                files = _differences(made, folder, content)
            except FileNotFoundError:  # the daemon deleted the folder meanwhile
                is_there = False
    state: BuildState = "same" if is_there else "missing"
    if files or content.digest != build.digest:
        state = "different"
    return BuildProof(
        build=build.version,
        commit=commit,
        digest=build.digest,
        made=content.digest,
        state=state,
        files=files,
    )


def _differences(made: Path, kept: Path, content: BuildContent) -> list[FileDifference]:
    sides = {TRAIN_FILE: TRAIN, TEST_FILE: TEST}
    found = []
    for name in sorted({path.name for folder in (made, kept) for path in folder.iterdir()}):
        ours, theirs = made / name, kept / name
        if not (ours.is_file() and theirs.is_file()):
            found.append(FileDifference(name, 0, "", is_there=theirs.is_file()))
        elif (line := _find_first_difference(ours, theirs)) and not _have_same_values(
            name, ours, theirs
        ):
            ids = content.index.ids(sides.get(name, ""))
            example = ids[line - 1] if line <= len(ids) else ""
            found.append(FileDifference(name, line, example))
    return found


def _have_same_values(name: str, one: Path, other: Path) -> bool:
    """Return whether both files are manifests with the same values.

    Earlier versions also stored the examples in it.
    """
    if name != MANIFEST_FILE:
        return False
    try:
        ours, theirs = (dict(json.loads(path.read_bytes())) for path in (one, other))
    except (ValueError, TypeError, RecursionError):
        return False
    return {**ours, "examples": []} == {**theirs, "examples": []}


def _find_first_difference(one: Path, other: Path) -> int:
    """Return the first different line of two files, from 1; 0 if none differs."""
    with one.open("rb") as ours, other.open("rb") as theirs:
        pairs = enumerate(zip_longest(ours, theirs), 1)
        return next((number for number, (mine, its) in pairs if mine != its), 0)
