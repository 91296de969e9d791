"""Verify a build: build its commit again and compare the hashes of the training files.

Nothing is changed: the commit is read from the mirror, without a fetch. A missing or damaged folder
is made again when a training needs it (`merlin.training.gather.restore_build`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from merlin.core.durable_files import sha256_of
from merlin.core.errors import NotFound
from merlin.dataset.builds import FILES, Build, make_build
from merlin.dataset.check import check

if TYPE_CHECKING:
    from merlin.git.repository import GitSource

# The result of a verification.
BuildState = Literal["same", "missing", "different"]


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildProof:
    """The result of building again; digests are sha256 (hex), `made` is that of the new files.

    "missing": the folder does not exist, and the commit gives the recorded bytes. `files` are the
    names of the files in the folder that differ from the new ones, or are missing.
    """

    build: str
    commit: str
    digest: str
    made: str
    state: BuildState
    files: Sequence[str] = ()


def verify_build(
    source: GitSource,
    build: Build,
    folder: Path,
    commits: Sequence[str],
    limit_tokens: Mapping[str, int],
) -> BuildProof:
    """Compare the build in `folder` with the first of the `commits` that the mirror has.

    All of them led to this build. `limit_tokens`: base model -> the most tokens of an example.
    Raises NotFound if the mirror has none of the commits, DatasetError if it cannot be built any
    more, SourceError.
    """
    commit = _find_commit(source, build, commits)
    entries = source.entries(commit, build.dataset)
    checked = check(build.dataset, entries, source.read, limit_tokens, for_build=True)
    content = make_build(checked)
    hashes = content.manifest["sha256"]
    is_there = folder.is_dir()
    files = []
    for side, name in FILES if is_there else ():
        file = folder / name
        if not file.is_file() or sha256_of(file) != hashes[side]:
            files.append(name)
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


def _find_commit(source: GitSource, build: Build, commits: Sequence[str]) -> str:
    for sha in commits:
        with suppress(NotFound):  # the mirror lacks it, which does not mean that it is damaged
            return source.resolve(sha)
    arguments = {"name": build.version, "dataset": build.dataset}
    raise NotFound(f"no commit of {build.version} in the mirror", "build-no-commit", **arguments)
